// WatchAuditEvents: what is written to the chain, as it is written.
//
// A stream reads from the database behind its cursor; the trail wakes it. So it sees the events of
// all servers, in order, and one that reads slowly costs nobody anything.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/trail.h"
#include "server/base/encoding.h"
#include "server/service/audit_message.h"
#include "server/service/begin.h"
#include "server/service/page.h"

// One step looks at so many events at most, most of which a filter may leave out.
enum { WINDOW = 5000 };

struct state {
    struct trail_watch *watch;
    char *filter;
    int64_t cursor; // all up to here was looked at
    bool placed;    // the caller has a token
};

static struct page_list token_list(const char *filter)
{
    return (struct page_list){"WatchAuditEvents", NULL, filter, NULL};
}

static void watch_close(void *context)
{
    struct state *state = context;
    trail_watch_close(state->watch);
    free(state->filter);
    free(state);
}

// A database that was put back or lost its end to a standby, or a chain that was cut short: what
// comes in place of the lost would be taken for seen.
static enum err_code check_place(int64_t cursor, int64_t end, struct err *reterr)
{
    if (cursor <= end)
        return ERR_OK;
    (void)err_set(reterr, ERR_PAGE_TOKEN_INVALID,
                  "the trail ends before the event that the resume token is behind");
    err_field(reterr, "resume_token");
    return ERR_PAGE_TOKEN_INVALID;
}

// Where the stream begins: behind the token, or behind the end of now.
static enum err_code find_start(struct request *request,
                                const Docbridge__V1__WatchAuditEventsRequest *in,
                                int64_t *ret_cursor, struct err *reterr)
{
    struct page_list list = token_list(in->filter);
    struct audit_event_filter filter = {0};
    struct audit_head head;
    const char *cursor;
    try_(audit_filter_parse(request, in->filter, &filter, reterr));
    // No event is written when an intent becomes that: the watch would stay silent for good.
    if (filter.outcome == AUDIT_OUTCOME_UNRESOLVED)
        return err_invalid(reterr, "filter",
                           "outcome = UNRESOLVED cannot be watched: an intent becomes that when no "
                           "event comes; list them");
    try_(page_resume(request, &list, in->resume_token, &cursor, reterr));
    if (cursor[0] != '\0' && !encoding_int64(cursor, strlen(cursor), ret_cursor)) {
        (void)err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the resume token is of another version");
        err_field(reterr, "resume_token");
        return ERR_PAGE_TOKEN_INVALID;
    }
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(audit_event_end(tx, &head, reterr));
    try_(tx_commit(&tx, reterr));
    if (cursor[0] == '\0')
        *ret_cursor = head.sequence;
    return check_place(*ret_cursor, head.sequence, reterr);
}

static enum err_code watch_open(struct request *request, const void *message,
                                const struct stream_waker *waker, void **ret_state,
                                struct err *reterr)
{
    const Docbridge__V1__WatchAuditEventsRequest *in = message;
    int64_t cursor = 0;
    try_(find_start(request, in, &cursor, reterr));
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return err_no_memory(reterr);
    state->cursor = cursor;
    state->placed = in->resume_token[0] != '\0';
    state->filter = strdup(in->filter);
    enum err_code code = state->filter == NULL
                             ? err_no_memory(reterr)
                             : trail_watch_open(request->backend->trail, request->caller->tenant,
                                                waker, &state->watch, reterr);
    if (code != ERR_OK) {
        watch_close(state);
        return code;
    }
    *ret_state = state;
    return ERR_OK;
}

// The next event that the filter lets through; NULL: there is none up to the cursor, which has
// moved. `*ret_more`: there may be one behind it.
static enum err_code find_next(struct request *request, struct state *state, struct arena *arena,
                               struct audit_event_row **ret_row, bool *ret_more, struct err *reterr)
{
    struct request step = *request;
    step.arena = arena;
    struct audit_event_filter filter = {0};
    struct audit_event_row *rows;
    struct audit_head head;
    size_t count;
    try_(audit_filter_parse(&step, state->filter, &filter, reterr));
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(audit_event_end(tx, &head, reterr));
    try_(check_place(state->cursor, head.sequence, reterr));
    int64_t last = head.sequence - state->cursor > WINDOW ? state->cursor + WINDOW : head.sequence;
    try_(audit_event_follow(tx, &filter, state->cursor, last, 1, AUDIT_UNRESOLVED_SECONDS, arena,
                            &rows, &count, reterr));
    try_(tx_commit(&tx, reterr));
    *ret_row = count == 0 ? NULL : rows;
    state->cursor = count == 0 ? last : rows->sequence;
    *ret_more = state->cursor < head.sequence;
    return ERR_OK;
}

static enum err_code fill(struct request *request, const struct state *state, struct arena *arena,
                          const struct audit_event_row *row,
                          Docbridge__V1__WatchAuditEventsResponse *out, struct err *reterr)
{
    struct request step = *request;
    step.arena = arena;
    struct page_list list = token_list(state->filter);
    char *cursor = arena_printf(arena, "%" PRId64, state->cursor);
    if (cursor == NULL)
        return err_no_memory(reterr);
    try_(page_make(&step, &list, cursor, &out->resume_token, reterr));
    if (row == NULL)
        return ERR_OK;
    out->audit_event = arena_alloc(arena, sizeof(*out->audit_event));
    if (out->audit_event == NULL)
        return err_no_memory(reterr);
    docbridge__v1__audit_event__init(out->audit_event);
    return audit_message_fill(arena, row, out->audit_event, reterr);
}

static enum err_code watch_next(struct request *request, void *context, struct arena *arena,
                                void *out, enum stream_step *ret_step, struct err *reterr)
{
    struct state *state = context;
    struct audit_event_row *row;
    bool more = true;
    // Not past the time for a sign of life, which tells how far it has come.
    do
        try_(find_next(request, state, arena, &row, &more, reterr));
    while (row == NULL && more && !trail_watch_silent(state->watch));
    // Without a token whoever loses the stream before its first event would lose what follows too.
    bool speak = row != NULL || !state->placed || trail_watch_silent(state->watch);
    state->placed = true;
    trail_watch_note(state->watch, state->cursor, speak);
    *ret_step = speak ? STREAM_MESSAGE : STREAM_IDLE;
    return speak ? fill(request, state, arena, row, out, reterr) : ERR_OK;
}

const struct stream_handler audit_watch_handler = {watch_open, watch_next, watch_close};
