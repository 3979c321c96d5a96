// ExportAuditEvents: the lines of a stretch of the chain, with what is needed to verify it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/line.h"
#include "server/audit/trail.h"
#include "server/service/audit_message.h"
#include "server/service/begin.h"
#include "server/store/audit_mark.h"

// A part ends behind the event that fills PART_BYTES; the rest of LINES_BYTES is room for the
// largest one, whose megabyte of changes may take two.
enum {
    EVENTS_EACH = 500,
    CHANGES_BYTES = 256 * 1024,
    PART_BYTES = 512 * 1024,
    LINES_BYTES = 2900 * 1024,
    MARKS_EACH = 600,
};

struct state {
    int64_t first, last; // of the stretch; last < first: it is empty
    int64_t next;
    bool began;
    struct audit_mark retained; // what stands before `first`; sequence 0: nothing
    char retained_key[AUDIT_KEY_ID_BYTES];
};

// The bounds of google.protobuf.Timestamp: the years 1 to 9999.
static const int64_t SECONDS_LEAST = -62135596800, SECONDS_MOST = 253402300799;

static enum err_code read_time(const Google__Protobuf__Timestamp *time, const char *field,
                               int64_t *ret_us, struct err *reterr)
{
    if (time->seconds < SECONDS_LEAST || time->seconds > SECONDS_MOST || time->nanos < 0 ||
        time->nanos > 999999999)
        return err_invalid(reterr, field, "must be a time of the years 1 to 9999");
    *ret_us = audit_time_bound(time->seconds * 1000000 + time->nanos / 1000);
    return ERR_OK;
}

// How the request names a bound of the stretch: as a number, and as a time.
struct bound {
    const char *sequence, *time;
};
static const struct bound from = {"start_sequence", "start_time"},
                          until = {"end_sequence", "end_time"};

// A bound is a number or a time, not both. The first event of that place or time; `otherwise` if
// neither is given or nothing is from then on.
static enum err_code resolve(struct tx *tx, int64_t sequence,
                             const Google__Protobuf__Timestamp *time, const struct bound *bound,
                             int64_t otherwise, int64_t *ret_sequence, struct err *reterr)
{
    int64_t us = 0;
    *ret_sequence = sequence == 0 ? otherwise : sequence;
    if (sequence < 0)
        return err_invalid(reterr, bound->sequence, "must not be negative");
    if (time != NULL && sequence != 0)
        return err_invalid(reterr, bound->sequence, "give a sequence or a time, not both");
    if (time == NULL)
        return ERR_OK;
    try_(read_time(time, bound->time, &us, reterr));
    try_(audit_event_since(tx, us, ret_sequence, reterr));
    *ret_sequence = *ret_sequence == 0 ? INT64_MAX : *ret_sequence;
    return ERR_OK;
}

// That somebody exports is told in the trail; `*ret_sequence` is the place of that event.
static enum err_code tell(struct tx *tx, const struct request *request, const struct state *state,
                          int64_t *ret_sequence, struct err *reterr)
{
    char first[24], last[24];
    (void)snprintf(first, sizeof(first), "%" PRId64, state->first);
    (void)snprintf(last, sizeof(last), "%" PRId64, state->last);
    const struct audit_change changes[] = {
        {"first_sequence", NULL, state->first == INT64_MAX ? NULL : first},
        {"last_sequence", NULL, state->last == INT64_MAX ? NULL : last},
    };
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_EXPORT,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .changes = changes,
                                              .change_count = ARRAY_LEN(changes)},
                        ret_sequence, reterr);
}

static enum err_code find_stretch(struct tx *tx, struct request *request,
                                  const Docbridge__V1__ExportAuditEventsRequest *in,
                                  struct state *state, struct err *reterr)
{
    int64_t first, last, end;
    try_(audit_retained_get(tx, request->arena, &state->retained, reterr));
    try_(resolve(tx, in->start_sequence, in->start_time, &from, 1, &first, reterr));
    try_(resolve(tx, in->end_sequence, in->end_time, &until, INT64_MAX, &last, reterr));
    bool open = last == INT64_MAX;
    if (in->end_time != NULL && !open)
        last--;
    int64_t kept = state->retained.sequence + 1;
    state->first = first > kept ? first : kept;
    state->last = last;
    try_(tell(tx, request, state, &end, reterr));
    // The export itself may be the first event since then.
    if (open && state->first == INT64_MAX)
        try_(resolve(tx, in->start_sequence, in->start_time, &from, 1, &state->first, reterr));
    if (open)
        try_(trail_mark(request->backend->trail, tx, &end, reterr));
    if (state->last > end)
        state->last = end;
    if (state->first > state->last)
        state->first = state->last + 1;
    return ERR_OK;
}

static enum err_code export_open(struct request *request, const void *message,
                                 const struct stream_waker *waker, void **ret_state,
                                 struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct state *state _cleanup_(freep) = calloc(1, sizeof(*state));
    (void)waker;
    if (state == NULL)
        return err_no_memory(reterr);
    try_(request_begin(request, &tx, reterr));
    try_(find_stretch(tx, request, message, state, reterr));
    try_(tx_commit(&tx, reterr));
    (void)snprintf(state->retained_key, sizeof(state->retained_key), "%s", state->retained.key_id);
    state->retained.key_id = state->retained_key;
    state->next = state->first;
    *ret_state = steal(state);
    return ERR_OK;
}

// Each head stands behind the event that it is about. Returns how many events have got room.
static size_t write_lines(struct buffer *lines, const char *tenant,
                          const struct audit_event_row *rows, size_t count,
                          const struct audit_mark *marks, size_t mark_count)
{
    size_t mark = 0, written = 0;
    while (written < count && !lines->failed && lines->len < PART_BYTES) {
        const struct audit_event_row *row = &rows[written++];
        audit_line_write_event(lines, row);
        for (; mark < mark_count && marks[mark].sequence <= row->sequence; mark++)
            audit_line_write_mark(lines, tenant, &marks[mark]);
    }
    return written;
}

static void write_beginning(struct buffer *lines, const char *tenant, const struct state *state)
{
    audit_line_write_export(lines, tenant, state->first, state->last);
    if (state->retained.sequence != 0 && state->first == state->retained.sequence + 1)
        audit_line_write_mark(lines, tenant, &state->retained);
}

// A gap that retention did not make is for the verifier to find.
static enum err_code check_kept(struct tx *tx, const struct state *state, struct arena *arena,
                                const struct audit_event_row *rows, size_t count,
                                struct err *reterr)
{
    struct audit_mark retained;
    if (count > 0 && rows[0].sequence == state->next)
        return ERR_OK;
    try_(audit_retained_get(tx, arena, &retained, reterr));
    if (retained.sequence >= state->next)
        return err_set(reterr, ERR_CONFLICT,
                       "the time of events was over before they were exported: export again");
    return ERR_OK;
}

static enum err_code write_part(struct request *request, struct state *state, struct arena *arena,
                                struct buffer *lines, struct err *reterr)
{
    struct audit_event_row *rows = NULL;
    struct audit_mark *marks;
    size_t count = 0, mark_count;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(audit_event_range(tx, state->next, state->last, EVENTS_EACH, CHANGES_BYTES, arena, &rows,
                           &count, reterr));
    try_(check_kept(tx, state, arena, rows, count, reterr));
    int64_t upto = count == 0 ? state->last : rows[count - 1].sequence;
    try_(audit_mark_list(tx, state->next, upto, MARKS_EACH, arena, &marks, &mark_count, reterr));
    try_(tx_commit(&tx, reterr));
    size_t written = write_lines(lines, request->caller->tenant, rows, count, marks, mark_count);
    state->next = (written < count ? rows[written - 1].sequence : upto) + 1;
    return ERR_OK;
}

static enum err_code export_next(struct request *request, void *context, struct arena *arena,
                                 void *message, enum stream_step *ret_step, struct err *reterr)
{
    struct state *state = context;
    Docbridge__V1__ExportAuditEventsResponse *out = message;
    struct buffer lines _cleanup_(buffer_done);
    buffer_init(&lines, LINES_BYTES);
    // Lines that hold no event would verify as nothing.
    if (!state->began && state->first <= state->last)
        write_beginning(&lines, request->caller->tenant, state);
    state->began = true;
    if (state->next <= state->last)
        try_(write_part(request, state, arena, &lines, reterr));
    if (lines.failed)
        return err_set(reterr, ERR_INTERNAL, "a part of an export is too large");
    *ret_step = lines.len == 0 ? STREAM_END : STREAM_MESSAGE;
    out->lines = lines.len == 0 ? out->lines : arena_strndup(arena, lines.data, lines.len);
    return out->lines == NULL ? err_no_memory(reterr) : ERR_OK;
}

const struct stream_handler audit_export_handler = {export_open, export_next, free};
