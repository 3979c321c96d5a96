// The pauses of `audit watch` and `changes watch` between streams of a server that says nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/group.h"
#include "client/session.h"
#include "server/base/clock.h"

enum { STREAMS = 80, SILENCE_MS = 61000 };

static int streams;
static int64_t paused_ms[STREAMS + 1]; // before each stream
static enum status ends;               // how a stream does at once; OK: only the last, refused
static const struct arguments arguments;

int __wrap_session_connect(struct session *session);
int64_t __wrap_parse_number(const struct arguments *args, const char *name, int64_t otherwise);
int __wrap_listing_filter(struct session *session, const void *terms, ProtobufCMessage *request);
int __wrap_session_argument(struct session *session, size_t i, const char *pattern,
                            const char **ret_name);
const char *__wrap_parse_text(const struct arguments *args, const char *name);
struct stream *__wrap_stream_open(struct channel *channel, const struct channel_call *call);
enum stream_result __wrap_stream_next(struct stream *stream, int64_t wait_ms, struct arena *arena,
                                      const ProtobufCMessage **ret_message,
                                      struct failure *ret_failure);
struct stream *__wrap_stream_close(struct stream *stream);
void __wrap_channel_pause(struct channel *channel, int64_t wait_ms);
void __wrap_session_note(struct session *session, const char *format, ...);
int __wrap_session_fail(struct session *session, const struct failure *failure);

int __wrap_session_connect(struct session *session)
{
    (void)session;
    return EXIT_OK;
}

int64_t __wrap_parse_number(const struct arguments *args, const char *name, int64_t otherwise)
{
    (void)args;
    (void)name;
    return otherwise;
}

int __wrap_listing_filter(struct session *session, const void *terms, ProtobufCMessage *request)
{
    (void)session;
    (void)terms;
    (void)request;
    return EXIT_OK;
}

int __wrap_session_argument(struct session *session, size_t i, const char *pattern,
                            const char **ret_name)
{
    (void)session;
    (void)i;
    (void)pattern;
    *ret_name = "companies/acme";
    return EXIT_OK;
}

const char *__wrap_parse_text(const struct arguments *args, const char *name)
{
    (void)args;
    (void)name;
    return NULL;
}

struct stream *__wrap_stream_open(struct channel *channel, const struct channel_call *call)
{
    (void)channel;
    (void)call;
    streams++;
    return (struct stream *)&streams;
}

// Silence for as long as anybody listens, until the last stream is refused.
enum stream_result __wrap_stream_next(struct stream *stream, int64_t wait_ms, struct arena *arena,
                                      const ProtobufCMessage **ret_message,
                                      struct failure *ret_failure)
{
    (void)stream;
    (void)wait_ms;
    (void)arena;
    *ret_message = NULL;
    if (ends != STATUS_OK) {
        *ret_failure = (struct failure){.status = ends, .reason = ""};
        return STREAM_ENDED;
    }
    *ret_failure =
        (struct failure){.status = STATUS_PERMISSION_DENIED, .reason = "MISSING_PERMISSION"};
    clock_fake(true, clock_wall_us(), clock_steady_ms() + SILENCE_MS);
    return streams <= STREAMS ? STREAM_IDLE : STREAM_ENDED;
}

struct stream *__wrap_stream_close(struct stream *stream)
{
    (void)stream;
    return NULL;
}

void __wrap_channel_pause(struct channel *channel, int64_t wait_ms)
{
    (void)channel;
    assert_in_range(streams, 1, STREAMS);
    paused_ms[streams] += wait_ms;
    clock_fake(true, clock_wall_us(), clock_steady_ms() + wait_ms);
}

void __wrap_session_note(struct session *session, const char *format, ...)
{
    (void)session;
    (void)format;
}

int __wrap_session_fail(struct session *session, const struct failure *failure)
{
    (void)session;
    (void)failure;
    return EXIT_OTHER;
}

static void watch(int (*run)(struct session *session), const char *method)
{
    const struct command command = {.method = method};
    struct session session = {.command = &command, .arguments = &arguments};
    streams = 0;
    memset(paused_ms, 0, sizeof(paused_ms));
    clock_fake(true, clock_wall_us(), clock_steady_ms());
    assert_int_equal(run(&session), EXIT_OTHER);
    clock_fake(false, 0, 0);
}

static void watch_silence(int (*run)(struct session *session), const char *method)
{
    ends = STATUS_OK;
    watch(run, method);
    assert_int_equal(streams, STREAMS + 1);
    assert_int_equal(paused_ms[1], 500);
    assert_int_equal(paused_ms[2], 1000);
    for (int i = 6; i <= STREAMS; i++)
        assert_int_equal(paused_ms[i], 10000);
}

static void pauses_between_silent_streams_are_bounded(void **state)
{
    (void)state;
    watch_silence(audit_watch_run, "WatchAuditEvents");
    watch_silence(changes_watch_run, "WatchCompanyChanges");
}

static void watch_outage(int (*run)(struct session *session), const char *method)
{
    int64_t sum_ms = 0;
    ends = STATUS_UNAVAILABLE;
    watch(run, method);
    for (int i = 1; i <= STREAMS; i++)
        sum_ms += paused_ms[i];
    assert_int_equal(sum_ms, 45500);
}

static void every_watch_bears_the_same_outage(void **state)
{
    (void)state;
    watch_outage(audit_watch_run, "WatchAuditEvents");
    watch_outage(changes_watch_run, "WatchCompanyChanges");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_between_silent_streams_are_bounded),
        cmocka_unit_test(every_watch_bears_the_same_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
