// The feed of changes to a company's documentation: one line an event, until a signal.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client/channel.h"
#include "client/field.h"
#include "client/group.h"
#include "client/json.h"
#include "client/output.h"
#include "client/resume.h"
#include "client/session.h"
#include "client/text.h"
#include "docbridge/v1/documentation.pb-c.h"
#include "server/base/clock.h"

// A server sends a sign of life well within the silence; one that does not is taken for lost.
enum {
    LOOK_MS = 250,
    SILENCE_MAX_MS = 90000,
    EVENT_MAX_BYTES = 1024 * 1024,
    TOKEN_MAX_BYTES = 2048,
};

struct changes {
    struct session *session;
    const char *parent;
    char resume_token[TOKEN_MAX_BYTES];
    int attempts; // in a row without a message
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    interrupted = number;
}

// "UPDATED companies/acme/documents/1 Title"; signs of life are not shown.
static void write_line(struct buffer *line, const Docbridge__V1__WatchCompanyChangesResponse *event)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, EVENT_MAX_BYTES);
    if (event->event_case == DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_SIGHT_CHANGE) {
        buffer_text(&text, "SIGHT_CHANGED ");
        (void)field_text(&text, &event->base, "sight_change.kinds", FIELD_FULL);
    } else if (event->event_case == DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_CHANGE) {
        (void)field_text(&text, &event->base, "change.action", FIELD_FULL);
        buffer_printf(&text, " %s %s", event->change->resource, event->change->display_name);
    } else {
        return;
    }
    text_escape(line, text.data, text.len);
    buffer_text(line, "\n");
}

static void take(struct changes *changes, const ProtobufCMessage *message)
{
    const Docbridge__V1__WatchCompanyChangesResponse *event = (const void *)message;
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&line, EVENT_MAX_BYTES);
    changes->attempts = 0;
    if (changes->session->options.format == OUTPUT_TABLE)
        write_line(&line, event);
    else if (json_write(&line, message, JSON_COMPACT))
        buffer_text(&line, "\n");
    if (!line.failed && line.len > 0)
        (void)fwrite(line.data, 1, line.len, stdout);
    (void)fflush(stdout);
    // What was not written is not passed over: whoever goes on with the token gets it again.
    if (!ferror(stdout) && strlen(event->resume_token) < TOKEN_MAX_BYTES)
        (void)snprintf(changes->resume_token, TOKEN_MAX_BYTES, "%s", event->resume_token);
}

// Reads one stream to its end. EXIT_OK: it can be resumed, or a signal came.
static int follow(struct changes *changes, struct stream *stream)
{
    struct deadline silence = deadline_in(SILENCE_MAX_MS);
    while (interrupted == 0 && deadline_left_ms(silence) > 0) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, EVENT_MAX_BYTES);
        struct failure failure = {.message = "", .reason = "", .resource = "", .request_id = ""};
        const ProtobufCMessage *message;
        switch (stream_next(stream, LOOK_MS, &arena, &message, &failure)) {
        case STREAM_MESSAGE:
            take(changes, message);
            if (ferror(stdout))
                return output_flush(changes->session);
            silence = deadline_in(SILENCE_MAX_MS);
            break;
        case STREAM_IDLE:
            break;
        case STREAM_ENDED:
            // Of no use to anybody any more.
            if (strcmp(failure.reason, "PAGE_TOKEN_INVALID") == 0 ||
                strcmp(failure.reason, "RESUME_TOKEN_EXPIRED") == 0)
                changes->resume_token[0] = '\0';
            return resume_or_fail(changes->session, changes->attempts, &failure);
        }
    }
    return EXIT_OK;
}

static int follow_all(struct changes *changes)
{
    while (interrupted == 0) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, EVENT_MAX_BYTES);
        Docbridge__V1__WatchCompanyChangesRequest request =
            DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_REQUEST__INIT;
        field_set_text(&request.base, "parent", changes->parent);
        field_set_text(&request.base, "resume_token", changes->resume_token);
        struct stream *stream =
            stream_open(changes->session->channel,
                        &(struct channel_call){.service = changes->session->command->service,
                                               .method = changes->session->command->method,
                                               .request = &request.base,
                                               .arena = &arena});
        if (stream == NULL)
            return session_no_memory(changes->session);
        int class = follow(changes, stream);
        (void)stream_close(stream);
        if (class != EXIT_OK)
            return class;
        if (interrupted == 0)
            resume_pause(changes->session, &changes->attempts, &interrupted);
    }
    return EXIT_OK;
}

int changes_watch_run(struct session *session)
{
    struct changes changes = {.session = session};
    int class = session_argument(session, 0, "companies/{company}", &changes.parent);
    if (class == EXIT_OK)
        class = session_connect(session);
    if (class != EXIT_OK)
        return class;
    const char *token = parse_text(session->arguments, "resume-token");
    (void)snprintf(changes.resume_token, TOKEN_MAX_BYTES, "%s", token == NULL ? "" : token);
    struct sigaction action = {.sa_handler = interrupt}, old_int, old_term;
    interrupted = 0;
    (void)sigaction(SIGINT, &action, &old_int);
    (void)sigaction(SIGTERM, &action, &old_term);
    class = follow_all(&changes);
    (void)sigaction(SIGINT, &old_int, NULL);
    (void)sigaction(SIGTERM, &old_term, NULL);
    if (changes.resume_token[0] != '\0')
        session_note(session, "go on with --resume-token %s", changes.resume_token);
    if (interrupted != 0)
        (void)raise(interrupted);
    return class == EXIT_OK ? output_flush(session) : class;
}
