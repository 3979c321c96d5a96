// The pauses of `audit watch` between streams of a server that says nothing.
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

static int streams, pauses;
static int64_t paused_ms[STREAMS];
static const struct arguments arguments;

int __wrap_session_connect(struct session *session);
int64_t __wrap_parse_number(const struct arguments *args, const char *name, int64_t otherwise);
int __wrap_listing_filter(struct session *session, const void *terms, ProtobufCMessage *request);
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
    assert_true(pauses < STREAMS);
    paused_ms[pauses++] = wait_ms;
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

static void pauses_between_silent_streams_are_bounded(void **state)
{
    const struct command command = {.method = "WatchAuditEvents"};
    struct session session = {.command = &command, .arguments = &arguments};
    (void)state;
    clock_fake(true, clock_wall_us(), clock_steady_ms());
    assert_int_equal(audit_watch_run(&session), EXIT_OTHER);
    clock_fake(false, 0, 0);
    assert_int_equal(pauses, STREAMS);
    assert_int_equal(paused_ms[0], 500);
    assert_int_equal(paused_ms[1], 1000);
    for (int i = 5; i < STREAMS; i++)
        assert_int_equal(paused_ms[i], 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_between_silent_streams_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
