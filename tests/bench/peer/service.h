// What the two C++ peers answer alike: the messages, and the read that fills one of them.
#pragma once

#include <cstring>
#include <functional>
#include <string>

#include "docbridge/v1/connection.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/bench/peer/reader.h"

namespace bench
{

using docbridge::v1::Connection;
using docbridge::v1::ConnectionService;
using docbridge::v1::GetConnectionRequest;
using docbridge::v1::ListRegionsRequest;
using docbridge::v1::ListRegionsResponse;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Answers from two encoded templates and, for a connection, from the database.
class Answers
{
  public:
    explicit Answers(const options &options)
    {
        if (!regions_.ParseFromArray(options.regions.data, static_cast<int>(options.regions.len)) ||
            !connection_.ParseFromArray(options.connection.data,
                                        static_cast<int>(options.connection.len)))
            abort();
        if (options.dsn != nullptr)
            reader_ = reader_new(&options);
    }

    void Check(HealthCheckResponse *out) const
    {
        out->set_status(HealthCheckResponse::SERVING);
    }

    void Regions(ListRegionsResponse *out) const
    {
        *out = regions_;
    }

    // Calls `done` on this thread or on one of the reader, with whether there is such a connection.
    void Read(const GetConnectionRequest &in, Connection *out, std::function<void(bool)> done) const
    {
        static const char prefix[] = "connections/";
        auto *job = new Job;
        const std::string &name = in.name();
        size_t skip = name.compare(0, sizeof(prefix) - 1, prefix) == 0 ? sizeof(prefix) - 1 : 0;
        snprintf(job->base.id, sizeof(job->base.id), "%s", name.c_str() + skip);
        job->base.done = Filled;
        job->answers = this;
        job->out = out;
        job->done = std::move(done);
        if (reader_ == nullptr)
            Filled(&job->base, job->base.id, connection_.display_name().c_str());
        else
            reader_submit(reader_, &job->base);
    }

  private:
    struct Job {
        read_job base; // first: a read_job is its Job
        const Answers *answers;
        Connection *out;
        std::function<void(bool)> done;
    };

    static void Filled(read_job *base, const char *id, const char *title)
    {
        auto *job = reinterpret_cast<Job *>(base);
        if (id != nullptr) {
            *job->out = job->answers->connection_;
            job->out->set_name(std::string("connections/") + id);
            job->out->set_display_name(title);
        }
        job->done(id != nullptr);
        delete job;
    }

    ListRegionsResponse regions_;
    Connection connection_;
    reader *reader_ = nullptr;
};

} // namespace bench
