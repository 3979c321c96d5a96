#include "server/metrics/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/counter.h"

enum { METHODS_MAX = 512, BUCKETS = 14, US_PER_S = 1000000 };

// Upper bounds of durations: of a read from Postgres, a reveal, a search, a test of a connection.
static const int64_t bounds_us[BUCKETS] = {500,     1000,    2500,     5000,    10000,
                                           25000,   50000,   100000,   250000,  500000,
                                           1000000, 2500000, 10000000, 60000000};

struct method_metrics {
    const char *service, *method;
    atomic_uint_fast64_t ended[ERR_CODE_COUNT];
    atomic_uint_fast64_t within[BUCKETS + 1]; // each bucket by itself
    atomic_uint_fast64_t total_us;
};

struct metrics {
    // From the place that the address of the method's name gives it; both names are the contract's
    // and stay. Filled without a lock, never emptied.
    struct method_metrics *_Atomic methods[METHODS_MAX];
    struct rpc_server *server;
    struct metrics_pool pools[METRICS_POOLS_MAX];
    size_t pool_count;
    const char *version;
    int64_t start_us;
};

enum err_code metrics_new(const char *version, struct metrics **ret_metrics, struct err *reterr)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return err_no_memory(reterr);
    metrics->version = version;
    metrics->start_us = clock_wall_us();
    *ret_metrics = metrics;
    return ERR_OK;
}

struct metrics *metrics_free(struct metrics *metrics)
{
    for (size_t i = 0; metrics != NULL && i < METHODS_MAX; i++)
        free(metrics->methods[i]);
    free(metrics);
    return NULL;
}

// The method's, made when it is first called; NULL: no memory.
static struct method_metrics *find(struct metrics *metrics, const char *service, const char *method)
{
    size_t at = ((uintptr_t)method >> 4) % METHODS_MAX;
    for (size_t i = 0; i < METHODS_MAX; i++, at = (at + 1) % METHODS_MAX) {
        struct method_metrics *there = atomic_load(&metrics->methods[at]);
        if (there == NULL) {
            struct method_metrics *made = calloc(1, sizeof(*made));
            if (made == NULL)
                return NULL;
            made->service = service;
            made->method = method;
            if (atomic_compare_exchange_strong(&metrics->methods[at], &there, made))
                return made;
            free(made);
        }
        if (there->method == method && there->service == service)
            return there;
    }
    return NULL;
}

static void count(atomic_uint_fast64_t *number, uint64_t by)
{
    atomic_fetch_add_explicit(number, by, memory_order_relaxed);
}

static uint64_t get(atomic_uint_fast64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

void metrics_observe(void *metrics, const struct rpc_observation *observation)
{
    struct method_metrics *of = find(metrics, observation->service, observation->method);
    size_t bucket = 0;
    if (of == NULL)
        return;
    while (bucket < BUCKETS && observation->duration_us > bounds_us[bucket])
        bucket++;
    count(&of->ended[observation->code], 1);
    count(&of->within[bucket], 1);
    count(&of->total_us, (uint64_t)observation->duration_us);
}

void metrics_watch(struct metrics *metrics, struct rpc_server *server,
                   const struct metrics_pool *pools, size_t pool_count)
{
    metrics->server = server;
    metrics->pool_count = pool_count < METRICS_POOLS_MAX ? pool_count : METRICS_POOLS_MAX;
    memcpy(metrics->pools, pools, metrics->pool_count * sizeof(pools[0]));
}

static void head(struct buffer *out, const char *family, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, type);
}

// As gRPC's libraries write them in labels.
static const char *status_word(enum status status)
{
    static const char *const words[] = {
        [STATUS_OK] = "OK",
        [STATUS_CANCELLED] = "Canceled",
        [STATUS_UNKNOWN] = "Unknown",
        [STATUS_INVALID_ARGUMENT] = "InvalidArgument",
        [STATUS_DEADLINE_EXCEEDED] = "DeadlineExceeded",
        [STATUS_NOT_FOUND] = "NotFound",
        [STATUS_ALREADY_EXISTS] = "AlreadyExists",
        [STATUS_PERMISSION_DENIED] = "PermissionDenied",
        [STATUS_RESOURCE_EXHAUSTED] = "ResourceExhausted",
        [STATUS_FAILED_PRECONDITION] = "FailedPrecondition",
        [STATUS_ABORTED] = "Aborted",
        [STATUS_OUT_OF_RANGE] = "OutOfRange",
        [STATUS_UNIMPLEMENTED] = "Unimplemented",
        [STATUS_INTERNAL] = "Internal",
        [STATUS_UNAVAILABLE] = "Unavailable",
        [STATUS_DATA_LOSS] = "DataLoss",
        [STATUS_UNAUTHENTICATED] = "Unauthenticated",
    };
    return words[status];
}

static void write_handled(struct method_metrics *of, struct buffer *out)
{
    uint64_t handled[STATUS_UNAUTHENTICATED + 1] = {0};
    for (size_t code = 0; code < ERR_CODE_COUNT; code++)
        handled[err_status((enum err_code)code)] += get(&of->ended[code]);
    for (size_t status = 0; status < ARRAY_LEN(handled); status++)
        if (handled[status] > 0)
            buffer_printf(out,
                          "grpc_server_handled_total{grpc_service=\"%s\",grpc_method=\"%s\","
                          "grpc_code=\"%s\"} %" PRIu64 "\n",
                          of->service, of->method, status_word((enum status)status),
                          handled[status]);
}

// All of them, also those that never came: of a series that begins with its first failures, rate()
// does not see these.
static void write_reasons(struct metrics *metrics, struct buffer *out)
{
    head(out, "docbridge_errors_total", "counter", "Calls that failed, by ErrorReason.");
    for (size_t code = ERR_OK + 1; code < ERR_CODE_COUNT; code++) {
        uint64_t failed = 0;
        for (size_t i = 0; i < METHODS_MAX; i++) {
            struct method_metrics *of = atomic_load(&metrics->methods[i]);
            failed += of == NULL ? 0 : get(&of->ended[code]);
        }
        buffer_printf(out, "docbridge_errors_total{reason=\"%s\"} %" PRIu64 "\n",
                      err_reason((enum err_code)code), failed);
    }
}

static void write_durations(struct method_metrics *of, struct buffer *out)
{
    static const char name[] = "grpc_server_handling_seconds";
    uint64_t so_far = 0;
    for (size_t i = 0; i <= BUCKETS; i++) {
        so_far += get(&of->within[i]);
        buffer_printf(out, "%s_bucket{grpc_service=\"%s\",grpc_method=\"%s\",le=\"", name,
                      of->service, of->method);
        if (i < BUCKETS)
            buffer_printf(out, "%g", (double)bounds_us[i] / US_PER_S);
        else
            buffer_text(out, "+Inf");
        buffer_printf(out, "\"} %" PRIu64 "\n", so_far);
    }
    buffer_printf(out,
                  "%s_sum{grpc_service=\"%s\",grpc_method=\"%s\"} %.6f\n"
                  "%s_count{grpc_service=\"%s\",grpc_method=\"%s\"} %" PRIu64 "\n",
                  name, of->service, of->method, (double)get(&of->total_us) / US_PER_S, name,
                  of->service, of->method, so_far);
}

static void write_each(struct metrics *metrics, struct buffer *out,
                       void (*write)(struct method_metrics *of, struct buffer *out))
{
    for (size_t i = 0; i < METHODS_MAX; i++) {
        struct method_metrics *of = atomic_load(&metrics->methods[i]);
        if (of != NULL)
            write(of, out);
    }
}

static void write_calls(struct metrics *metrics, struct buffer *out)
{
    head(out, "grpc_server_handled_total", "counter", "Calls that ended, by status.");
    write_each(metrics, out, write_handled);
    write_reasons(metrics, out);
    head(out, "grpc_server_handling_seconds", "histogram",
         "From a call's arrival to its end; of streams, how long they lived.");
    write_each(metrics, out, write_durations);
}

static void write_server(struct rpc_server *server, struct buffer *out)
{
    struct rpc_stats stats = rpc_server_get_stats(server);
    head(out, "docbridge_rpc_connections", "gauge", "Open connections of clients.");
    buffer_printf(out, "docbridge_rpc_connections %zu\n", stats.connections);
    head(out, "docbridge_rpc_streams", "gauge", "Open streams that need a token.");
    buffer_printf(out, "docbridge_rpc_streams %zu\n", stats.streams);
    head(out, "docbridge_rpc_calls", "gauge", "Calls at work or waiting, by their lane's workers.");
    for (size_t i = 0; i < LANE_COUNT; i++)
        buffer_printf(out,
                      "docbridge_rpc_calls{lane=\"%s\",state=\"running\"} %zu\n"
                      "docbridge_rpc_calls{lane=\"%s\",state=\"waiting\"} %zu\n",
                      stats.lanes[i].name, stats.lanes[i].running, stats.lanes[i].name,
                      stats.lanes[i].waiting);
    head(out, "docbridge_rpc_workers", "gauge", "Workers of a lane.");
    for (size_t i = 0; i < LANE_COUNT; i++)
        buffer_printf(out, "docbridge_rpc_workers{lane=\"%s\"} %zu\n", stats.lanes[i].name,
                      stats.lanes[i].workers);
}

static void write_pools(const struct metrics *metrics, struct buffer *out)
{
    head(out, "docbridge_database_connections", "gauge",
         "Connections to Postgres, by pool; waiting: who waits for one.");
    for (size_t i = 0; i < metrics->pool_count; i++) {
        struct store_stats stats = store_get_stats(metrics->pools[i].store);
        const struct {
            const char *state;
            int number;
        } rows[] = {
            {"busy", stats.open - stats.idle}, {"idle", stats.idle}, {"waiting", stats.waiting}};
        for (size_t j = 0; j < ARRAY_LEN(rows); j++)
            buffer_printf(out, "docbridge_database_connections{pool=\"%s\",state=\"%s\"} %d\n",
                          metrics->pools[i].name, rows[j].state, rows[j].number);
    }
}

static void write_counters(struct buffer *out)
{
    static const struct {
        const char *name, *label, *help;
    } families[COUNTER_FAMILY_COUNT] = {
#define X(name, text, label, help) {text, label, help},
        COUNTER_FAMILIES(X)
#undef X
    };
    static const struct {
        enum counter_family family;
        const char *value;
    } table[COUNTER_COUNT] = {
#define X(name, family, value) {COUNTER_FAMILY_##family, value},
        COUNTER_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < COUNTER_FAMILY_COUNT; i++) {
        head(out, families[i].name, "counter", families[i].help);
        for (size_t j = 0; j < COUNTER_COUNT; j++)
            if (table[j].family == i)
                buffer_printf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", families[i].name,
                              families[i].label, table[j].value, counter_get((enum counter)j));
    }
}

// The bytes that are in memory, from the second field of statm, which counts pages; 0: not known.
static int64_t resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

// By the names that all of Prometheus' libraries use.
static void write_process(const struct metrics *metrics, struct buffer *out)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / US_PER_S;
    head(out, "docbridge_build_info", "gauge", "The program's version.");
    buffer_printf(out, "docbridge_build_info{version=\"%s\"} 1\n", metrics->version);
    head(out, "process_cpu_seconds_total", "counter", "CPU time.");
    buffer_printf(out, "process_cpu_seconds_total %.6f\n", seconds);
    head(out, "process_resident_memory_bytes", "gauge", "Memory in use.");
    buffer_printf(out, "process_resident_memory_bytes %" PRId64 "\n", resident_bytes());
    head(out, "process_start_time_seconds", "gauge", "When the process started, since 1970.");
    buffer_printf(out, "process_start_time_seconds %.3f\n", (double)metrics->start_us / US_PER_S);
}

bool metrics_write(struct metrics *metrics, struct buffer *out)
{
    write_calls(metrics, out);
    write_server(metrics->server, out);
    write_pools(metrics, out);
    write_counters(out);
    write_process(metrics, out);
    return !out->failed;
}
