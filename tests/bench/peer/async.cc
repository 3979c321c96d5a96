// A peer on gRPC C++'s asynchronous API: one completion queue, one thread.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>

#include "tests/bench/peer/service.h"

namespace
{

using bench::Answers;

enum { POSTED_CALLS = 100 };

struct Tag {
    virtual ~Tag() = default;
    virtual void Proceed(bool ok) = 0;
};

// One call of one method, from its request to its end.
template <typename In, typename Out> class Call : public Tag
{
  public:
    using Request = std::function<void(grpc::ServerContext *, In *,
                                       grpc::ServerAsyncResponseWriter<Out> *, void *)>;
    using Serve = std::function<void(const In &, Out *, std::function<void(bool)>)>;

    Call(const Request &request, const Serve &serve)
        : request_(request), serve_(serve), writer_(&context_)
    {
        request_(&context_, &in_, &writer_, this);
    }

    void Proceed(bool ok) override
    {
        if (!ok || answered_) {
            delete this;
            return;
        }
        new Call(request_, serve_);
        answered_ = true;
        serve_(in_, &out_, [this](bool found) {
            writer_.Finish(out_,
                           found ? grpc::Status::OK : grpc::Status(grpc::StatusCode::NOT_FOUND, ""),
                           this);
        });
    }

  private:
    const Request &request_;
    const Serve &serve_;
    grpc::ServerContext context_;
    grpc::ServerAsyncResponseWriter<Out> writer_;
    In in_;
    Out out_;
    bool answered_ = false;
};

} // namespace

int main(int argc, char **argv)
{
    static options given = options_read(argc, argv);
    Answers answers(given);
    bench::ConnectionService::AsyncService connections;
    bench::Health::AsyncService health;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(given.address, grpc::InsecureServerCredentials());
    builder.RegisterService(&connections);
    builder.RegisterService(&health);
    std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;

    using Check = Call<bench::HealthCheckRequest, bench::HealthCheckResponse>;
    using Regions = Call<bench::ListRegionsRequest, bench::ListRegionsResponse>;
    using Get = Call<bench::GetConnectionRequest, bench::Connection>;
    auto *cq = queue.get();
    Check::Request check = [&](auto *context, auto *in, auto *writer, void *tag) {
        health.RequestCheck(context, in, writer, cq, cq, tag);
    };
    Check::Serve serve_check = [&](const auto &, auto *out, auto done) {
        answers.Check(out);
        done(true);
    };
    Regions::Request regions = [&](auto *context, auto *in, auto *writer, void *tag) {
        connections.RequestListRegions(context, in, writer, cq, cq, tag);
    };
    Regions::Serve serve_regions = [&](const auto &, auto *out, auto done) {
        answers.Regions(out);
        done(true);
    };
    Get::Request get = [&](auto *context, auto *in, auto *writer, void *tag) {
        connections.RequestGetConnection(context, in, writer, cq, cq, tag);
    };
    Get::Serve serve_get = [&](const auto &in, auto *out, auto done) {
        answers.Read(in, out, std::move(done));
    };
    for (int i = 0; i < POSTED_CALLS; i++) {
        new Check(check, serve_check);
        new Regions(regions, serve_regions);
        new Get(get, serve_get);
    }
    std::puts("ready");
    std::fflush(stdout);
    void *tag;
    bool ok;
    while (cq->Next(&tag, &ok))
        static_cast<Tag *>(tag)->Proceed(ok);
    return 0;
}
