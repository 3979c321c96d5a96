// A peer on gRPC C++'s callback API, with its own threads.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>

#include "tests/bench/peer/service.h"

namespace
{

using bench::Answers;
using Context = grpc::CallbackServerContext;

class HealthImpl final : public bench::Health::CallbackService
{
  public:
    explicit HealthImpl(const Answers &answers) : answers_(answers)
    {
    }

    grpc::ServerUnaryReactor *Check(Context *context, const bench::HealthCheckRequest *,
                                    bench::HealthCheckResponse *out) override
    {
        answers_.Check(out);
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

  private:
    const Answers &answers_;
};

class ConnectionImpl final : public bench::ConnectionService::CallbackService
{
  public:
    explicit ConnectionImpl(const Answers &answers) : answers_(answers)
    {
    }

    grpc::ServerUnaryReactor *ListRegions(Context *context, const bench::ListRegionsRequest *,
                                          bench::ListRegionsResponse *out) override
    {
        answers_.Regions(out);
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

    grpc::ServerUnaryReactor *GetConnection(Context *context, const bench::GetConnectionRequest *in,
                                            bench::Connection *out) override
    {
        auto *reactor = context->DefaultReactor();
        answers_.Read(*in, out, [reactor](bool found) {
            reactor->Finish(found ? grpc::Status::OK
                                  : grpc::Status(grpc::StatusCode::NOT_FOUND, ""));
        });
        return reactor;
    }

  private:
    const Answers &answers_;
};

} // namespace

int main(int argc, char **argv)
{
    static options given = options_read(argc, argv);
    Answers answers(given);
    HealthImpl health(answers);
    ConnectionImpl connections(answers);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(given.address, grpc::InsecureServerCredentials());
    builder.RegisterService(&connections);
    builder.RegisterService(&health);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    std::puts("ready");
    std::fflush(stdout);
    server->Wait();
    return 0;
}
