#include "client/watch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/field.h"
#include "client/json.h"
#include "client/output.h"
#include "client/progress.h"
#include "server/base/clock.h"

// A server sends a heartbeat well within the silence; one that does not is taken for lost.
enum {
    ATTEMPTS_MAX = 8,
    ISSUES_SHOWN = 3,
    ISSUES_MS = 5000,
    DELAY_FIRST_MS = 500,
    DELAY_MAX_MS = 10000,
    SILENCE_MAX_MS = 90000,
    DRAW_EVERY_MS = 250,
    EVENT_MAX_BYTES = 4 * 1024 * 1024,
    TOKEN_MAX_BYTES = 2048,
};

struct watch {
    struct session *session;
    struct progress progress;
    char resume_token[TOKEN_MAX_BYTES];
    bool live;
    int drawn_lines; // of the picture that is on the screen
    int attempts;    // in a row without a message
    const char *note;
    struct deadline deadline; // of --timeout
    bool bounded;
    int class; // of the failure that ended it
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    interrupted = number;
}

static void draw(struct watch *watch)
{
    if (!watch->live)
        return;
    struct winsize size;
    int columns =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    struct progress_view view = {.columns = columns,
                                 .color = watch->session->options.color_out,
                                 .now_us = clock_wall_us(),
                                 .now_ms = clock_steady_ms(),
                                 .note = watch->note};
    struct buffer picture _cleanup_(buffer_done);
    struct buffer screen _cleanup_(buffer_done);
    buffer_init(&picture, 64 * 1024);
    buffer_init(&screen, 128 * 1024);
    int lines = progress_draw(&picture, &watch->progress, &view);
    if (picture.failed)
        return;
    if (watch->drawn_lines > 0)
        buffer_printf(&screen, "\x1b[%dA", watch->drawn_lines);
    // Each line is erased behind its text, and what is below the last: nothing flickers.
    for (const char *at = picture.data; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        buffer_append(&screen, at, len);
        buffer_text(&screen, "\x1b[K\r\n");
        at += len + (at[len] == '\n');
    }
    buffer_text(&screen, "\x1b[J");
    if (!screen.failed)
        (void)fwrite(screen.data, 1, screen.len, stdout);
    (void)fflush(stdout);
    watch->drawn_lines = lines;
}

// A note that the picture carries, or a line of its own where there is none.
static void tell(struct watch *watch, const char *note)
{
    watch->note = note;
    if (watch->live)
        draw(watch);
    else if (note != NULL)
        session_note(watch->session, "%s", note);
}

static void show(struct watch *watch, const Docbridge__V1__WatchSyncRunResponse *event)
{
    if (watch->live) {
        draw(watch);
        return;
    }
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&line, 1024 * 1024);
    if (watch->session->options.format == OUTPUT_TABLE)
        progress_line(&line, event);
    else if (json_write(&line, &event->base, JSON_COMPACT))
        buffer_text(&line, "\n");
    if (!line.failed && line.len > 0)
        (void)fwrite(line.data, 1, line.len, stdout);
    (void)fflush(stdout);
}

static struct stream *open_stream(struct watch *watch, struct arena *arena)
{
    Docbridge__V1__WatchSyncRunRequest request = DOCBRIDGE__V1__WATCH_SYNC_RUN_REQUEST__INIT;
    request.name = watch->progress.name;
    request.resume_token = watch->resume_token;
    return stream_open(
        watch->session->channel,
        &(struct channel_call){.service = &docbridge__v1__sync_service__descriptor,
                               .method = "WatchSyncRun",
                               .request = &request.base,
                               .timeout_ms = watch->bounded ? deadline_left_ms(watch->deadline) : 0,
                               .arena = arena});
}

static void take_event(struct watch *watch, const ProtobufCMessage *message)
{
    const Docbridge__V1__WatchSyncRunResponse *event = (const void *)message;
    if (strlen(event->resume_token) < TOKEN_MAX_BYTES && event->resume_token[0] != '\0')
        (void)snprintf(watch->resume_token, TOKEN_MAX_BYTES, "%s", event->resume_token);
    watch->attempts = 0;
    watch->note = NULL;
    progress_apply(&watch->progress, event, clock_steady_ms());
    show(watch, event);
}

// How one stream ended.
enum lost {
    LOST_FINISHED, // the run has ended
    LOST_AGAIN,    // it can be resumed
    LOST_FAILED,   // it cannot
    LOST_SIGNAL,
};

static enum lost judge(struct watch *watch, const struct failure *failure)
{
    if (failure->status == STATUS_OK || failure->status == STATUS_UNAVAILABLE ||
        failure->status == STATUS_RESOURCE_EXHAUSTED)
        return LOST_AGAIN;
    // A connection that breaks in the middle of a message, or a proxy that gives up.
    if (failure->reason[0] == '\0' &&
        (failure->status == STATUS_INTERNAL || failure->status == STATUS_UNKNOWN ||
         failure->status == STATUS_CANCELLED))
        return LOST_AGAIN;
    // A token that the server no longer knows: begin again with a snapshot.
    if (failure->status == STATUS_INVALID_ARGUMENT && watch->resume_token[0] != '\0') {
        watch->resume_token[0] = '\0';
        return LOST_AGAIN;
    }
    return session_renew_token(watch->session, failure) ? LOST_AGAIN : LOST_FAILED;
}

// Reads one stream to its end. Of the failure only the numbers outlive this.
static enum lost follow(struct watch *watch, struct stream *stream, struct failure *ret_failure)
{
    struct deadline silence = deadline_in(SILENCE_MAX_MS);
    for (;;) {
        struct arena event_arena _cleanup_(arena_done);
        arena_init(&event_arena, EVENT_MAX_BYTES);
        const ProtobufCMessage *message;
        switch (stream_next(stream, DRAW_EVERY_MS, &event_arena, &message, ret_failure)) {
        case STREAM_MESSAGE:
            take_event(watch, message);
            silence = deadline_in(SILENCE_MAX_MS);
            if (watch->progress.finished)
                return LOST_FINISHED;
            break;
        case STREAM_IDLE:
            draw(watch);
            break;
        case STREAM_ENDED: {
            enum lost lost = judge(watch, ret_failure);
            // The failure's strings end with this arena, so it is said here.
            if (lost == LOST_FAILED)
                watch->class = session_fail(watch->session, ret_failure);
            return lost;
        }
        }
        if (interrupted != 0)
            return LOST_SIGNAL;
        if (deadline_left_ms(silence) == 0)
            return LOST_AGAIN;
    }
}

// Waits before the next attempt, with the picture moving on. False: a signal came.
static bool wait_a_while(struct watch *watch, int64_t delay_ms)
{
    struct deadline deadline = deadline_in(delay_ms);
    while (deadline_left_ms(deadline) > 0 && interrupted == 0) {
        int64_t left = deadline_left_ms(deadline);
        channel_pause(watch->session->channel, left < DRAW_EVERY_MS ? left : DRAW_EVERY_MS);
        draw(watch);
    }
    return interrupted == 0;
}

static int outcome(const struct progress *progress)
{
    switch (progress->state) {
    case DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_SUCCEEDED:
        return EXIT_OK;
    case DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_PARTIAL:
    case DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_FAILED:
        return EXIT_UPSTREAM;
    default:
        return EXIT_OTHER;
    }
}

// What the run leaves open, for a person: a picture has no room for it, and an issue that an
// earlier run opened is no event of this one.
static void tell_issues(struct watch *watch)
{
    struct session *session = watch->session;
    const char *slash = strstr(watch->progress.name, "/syncRuns/");
    Docbridge__V1__ListSyncIssuesRequest request = DOCBRIDGE__V1__LIST_SYNC_ISSUES_REQUEST__INIT;
    const ProtobufCMessage *answer;
    if (slash == NULL || session->options.format != OUTPUT_TABLE)
        return;
    request.parent = arena_strndup(&session->arena, watch->progress.name,
                                   (size_t)(slash - watch->progress.name));
    request.filter =
        arena_printf(&session->arena, "state = OPEN AND sync_run = \"%s\"", watch->progress.name);
    request.page_size = ISSUES_SHOWN;
    const struct session_call call = {.service = &docbridge__v1__sync_service__descriptor,
                                      .method = "ListSyncIssues",
                                      .request = &request.base,
                                      .timeout_ms = ISSUES_MS};
    if (request.parent == NULL || request.filter == NULL || !session_try(session, &call, &answer))
        return;
    const Docbridge__V1__ListSyncIssuesResponse *list = (const void *)answer;
    for (size_t i = 0; i < list->n_sync_issues && i < ISSUES_SHOWN; i++) {
        const Docbridge__V1__SyncIssue *issue = list->sync_issues[i];
        const char *kind =
            field_enum_name(&docbridge__v1__sync_issue__kind__descriptor, (int)issue->kind);
        session_note(session, "open issue %s: %s", kind == NULL ? "?" : kind, issue->message);
    }
    if (list->n_sync_issues > 0)
        session_note(session, "%ssee docbridge sync issues --state open",
                     list->next_page_token[0] != '\0' ? "there are more; " : "");
}

static int follow_all(struct watch *watch)
{
    for (;;) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, EVENT_MAX_BYTES);
        struct failure failure = {.message = "", .reason = "", .resource = "", .request_id = ""};
        struct stream *stream = open_stream(watch, &arena);
        if (stream == NULL)
            return session_no_memory(watch->session);
        enum lost lost = follow(watch, stream, &failure);
        (void)stream_close(stream);
        if (lost == LOST_FINISHED) {
            tell_issues(watch);
            return outcome(&watch->progress);
        }
        if (lost == LOST_FAILED)
            return watch->class;
        if (lost == LOST_SIGNAL)
            return EXIT_OTHER;
        if (++watch->attempts > ATTEMPTS_MAX) {
            watch->live = false;
            return session_error(watch->session, EXIT_OTHER,
                                 "the stream is lost and cannot be resumed; the run goes on: "
                                 "docbridge sync watch %s",
                                 watch->progress.name);
        }
        int64_t delay_ms = DELAY_FIRST_MS << (watch->attempts - 1);
        if (delay_ms > DELAY_MAX_MS)
            delay_ms = DELAY_MAX_MS;
        if (failure.retry_after_ms > delay_ms && failure.retry_after_ms <= DELAY_MAX_MS)
            delay_ms = failure.retry_after_ms;
        tell(watch, "the stream was lost; resuming");
        if (!wait_a_while(watch, delay_ms))
            return EXIT_OTHER;
    }
}

int watch_run(struct session *session, const char *name)
{
    int class = session_connect(session);
    if (class != EXIT_OK)
        return class;
    const char *term = getenv("TERM");
    struct watch watch = {.session = session,
                          .live = session->options.format == OUTPUT_TABLE &&
                                  isatty(STDOUT_FILENO) == 1 && term != NULL &&
                                  strcmp(term, "dumb") != 0,
                          .bounded = parse_has(session->arguments, "timeout"),
                          .deadline = deadline_in(session->options.timeout_s * 1000)};
    progress_init(&watch.progress, name);
    struct sigaction action = {.sa_handler = interrupt}, old_int, old_term;
    interrupted = 0;
    (void)sigaction(SIGINT, &action, &old_int);
    (void)sigaction(SIGTERM, &action, &old_term);
    class = follow_all(&watch);
    (void)sigaction(SIGINT, &old_int, NULL);
    (void)sigaction(SIGTERM, &old_term, NULL);
    if (interrupted != 0) {
        session_note(session, "the run goes on: docbridge sync watch %s", name);
        (void)raise(interrupted);
    }
    int flushed = output_flush(session);
    return class == EXIT_OK ? flushed : class;
}
