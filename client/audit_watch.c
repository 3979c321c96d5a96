// audit watch: a line an event, as they happen, resumed where a stream broke.
#include <stdio.h>
#include <string.h>

#include "client/group.h"
#include "client/json.h"
#include "client/listing.h"
#include "client/output.h"
#include "client/resume.h"
#include "client/session.h"
#include "client/text.h"
#include "docbridge/v1/audit.pb-c.h"
#include "server/base/clock.h"

enum {
    LOOK_MS = 500,
    SILENCE_MAX_MS = 60000,
    EVENT_MAX_BYTES = 4 * 1024 * 1024,
    TOKEN_MAX_BYTES = 2048,
};

static const struct filter_term terms[] = {
    {"type", "type", "=", FILTER_ENUM, NULL},
    {"outcome", "outcome", "=", FILTER_ENUM, NULL},
    {"actor", "actor.subject", "=", FILTER_TEXT, NULL},
    {"resource", "subject.resource", "=", FILTER_TEXT, NULL},
    {"company", "subject.company", "=", FILTER_NAME, "companies/{company}"},
    {.flag = NULL},
};

struct watch {
    struct session *session;
    Docbridge__V1__WatchAuditEventsRequest request;
    char resume_token[TOKEN_MAX_BYTES];
    int attempts; // in a row without a message
    int64_t left; // events of --limit that are still to come; negative: no limit
};

static void show(const struct watch *watch, const Docbridge__V1__AuditEvent *event)
{
    static const char *const paths[] = {
        "sequence",           "event_time",           "type",        "phase", "outcome",
        "actor.display_name", "subject.display_name", "error_reason"};
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&line, EVENT_MAX_BYTES);
    if (watch->session->options.format == OUTPUT_TABLE) {
        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
            struct buffer value _cleanup_(buffer_done);
            buffer_init(&value, EVENT_MAX_BYTES);
            (void)field_text(&value, &event->base, paths[i], FIELD_FULL);
            if (value.len == 0)
                continue;
            (void)buffer_text(&line, line.len == 0 ? "" : "  ");
            (void)text_escape(&line, value.data, value.len);
        }
    } else {
        (void)json_write(&line, &event->base, JSON_COMPACT);
    }
    if (buffer_text(&line, "\n"))
        (void)fwrite(line.data, 1, line.len, stdout);
    (void)fflush(stdout);
}

static void take(struct watch *watch, const ProtobufCMessage *message)
{
    const Docbridge__V1__WatchAuditEventsResponse *response = (const void *)message;
    if (strlen(response->resume_token) < TOKEN_MAX_BYTES && response->resume_token[0] != '\0')
        (void)snprintf(watch->resume_token, TOKEN_MAX_BYTES, "%s", response->resume_token);
    watch->attempts = 0;
    if (response->audit_event == NULL)
        return;
    show(watch, response->audit_event);
    watch->left -= watch->left > 0;
}

// Reads one stream to its end. `*ret_again`: it may be resumed. Returns an exit class.
static int follow(struct watch *watch, struct stream *stream, bool *ret_again)
{
    struct deadline silence = deadline_in(SILENCE_MAX_MS);
    *ret_again = true;
    while (watch->left != 0 && deadline_left_ms(silence) > 0) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, EVENT_MAX_BYTES);
        const ProtobufCMessage *message;
        struct failure failure;
        switch (stream_next(stream, LOOK_MS, &arena, &message, &failure)) {
        case STREAM_MESSAGE:
            take(watch, message);
            // What cannot be written is not passed over: nobody would ask for it again.
            *ret_again = !ferror(stdout);
            if (!*ret_again)
                return output_flush(watch->session);
            silence = deadline_in(SILENCE_MAX_MS);
            break;
        case STREAM_IDLE:
            break;
        case STREAM_ENDED: {
            int class = resume_or_fail(watch->session, watch->attempts, &failure);
            *ret_again = class == EXIT_OK;
            return class;
        }
        }
    }
    *ret_again = watch->left != 0;
    return EXIT_OK;
}

static struct stream *open_stream(struct watch *watch)
{
    field_set_text(&watch->request.base, "resume_token", watch->resume_token);
    return stream_open(watch->session->channel,
                       &(struct channel_call){.service = watch->session->command->service,
                                              .method = watch->session->command->method,
                                              .request = &watch->request.base,
                                              .arena = &watch->session->arena});
}

int audit_watch_run(struct session *session)
{
    struct watch watch = {.session = session,
                          .request = DOCBRIDGE__V1__WATCH_AUDIT_EVENTS_REQUEST__INIT,
                          .left = parse_number(session->arguments, "limit", -1)};
    int class = listing_filter(session, terms, &watch.request.base);
    if (class == EXIT_OK)
        class = session_connect(session);
    for (bool again = class == EXIT_OK; again;) {
        struct stream *stream = open_stream(&watch);
        if (stream == NULL)
            return session_no_memory(session);
        class = follow(&watch, stream, &again);
        (void)stream_close(stream);
        if (again)
            resume_pause(session, &watch.attempts, NULL);
    }
    return class == EXIT_OK ? output_flush(session) : class;
}
