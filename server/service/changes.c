// WatchCompanyChanges: what changed in a company's documentation, told from a place in the sequence
// of its connection on.
#include "server/service/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/begin.h"
#include "server/service/content.h"
#include "server/service/documentation_kind.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/reading.h"
#include "server/source/source.h"
#include "server/sync/changes.h"
#include "server/sync/sync.h"

enum { BATCH = 100, BATCH_ARENA_BYTES = 4 * 1024 * 1024, CURSOR_BYTES = 512 };
enum { SIGHT_DOCUMENTS = 1, SIGHT_ASSETS = 2, SIGHT_CHECKLISTS = 4, SIGHT_ALL = 7 };

typedef Docbridge__V1__WatchCompanyChangesResponse Response;

// A watcher: the stand of its company up to which it tells, and the place up to which it has.
struct state {
    struct changes_watch *watch;
    char *parent; // as the request has it
    char company_id[CHANGE_ID_BYTES];
    struct change_stand stand;
    struct change_place place;
    bool begun;         // the stand is known: by a token, or by the first look
    bool start;         // the beginning is to be told
    unsigned sight;     // kinds whose sight changed, to be told
    struct arena arena; // of the rows that were read
    struct change_row *rows;
    size_t count, at;
};

static void watch_close(void *context)
{
    struct state *state = context;
    changes_watch_close(state->watch);
    arena_done(&state->arena);
    free(state->parent);
    free(state);
}

static struct page_list token_list(const struct state *state)
{
    return (struct page_list){"WatchCompanyChanges", state->parent, ""};
}

// The place and the prints, so that what changed meanwhile is told whoever goes on.
static enum err_code make_token(const struct request *request, const struct state *state,
                                char **ret_token, struct err *reterr)
{
    const struct change_stand *stand = &state->stand;
    char cursor[CURSOR_BYTES];
    struct page_list list = token_list(state);
    (void)snprintf(cursor, sizeof(cursor), "%" PRId64 " %" PRId64 " %" PRId64 " %s %s %s %s",
                   state->place.sequence, state->place.kind, state->place.id,
                   stand->documents[0] == '\0' ? "-" : stand->documents,
                   stand->assets[0] == '\0' ? "-" : stand->assets,
                   stand->checklists[0] == '\0' ? "-" : stand->checklists,
                   stand->connection_id[0] == '\0' ? "-" : stand->connection_id);
    return page_make(request, &list, cursor, ret_token, reterr);
}

static bool read_token(struct state *state, const char *cursor)
{
    struct change_stand *stand = &state->stand;
    if (sscanf(cursor, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %32s %32s %32s %128s",
               &state->place.sequence, &state->place.kind, &state->place.id, stand->documents,
               stand->assets, stand->checklists, stand->connection_id) != 7)
        return false;
    if (strcmp(stand->connection_id, "-") == 0)
        *stand = (struct change_stand){0};
    stand->sequence = state->place.sequence;
    return true;
}

static enum err_code watch_open(struct request *request, const void *message,
                                const struct stream_waker *waker, void **ret_state,
                                struct err *reterr)
{
    const Docbridge__V1__WatchCompanyChangesRequest *in = message;
    struct name name;
    const char *cursor;
    try_(name_parse(in->parent, "companies/{company}", "parent", request->arena, &name, reterr));
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return err_no_memory(reterr);
    arena_init(&state->arena, BATCH_ARENA_BYTES);
    (void)snprintf(state->company_id, sizeof(state->company_id), "%s", name.company);
    state->parent = strdup(in->parent);
    struct page_list list = token_list(state);
    enum err_code code = state->parent == NULL
                             ? err_no_memory(reterr)
                             : page_resume(request, &list, in->resume_token, &cursor, reterr);
    if (code == ERR_OK && cursor[0] != '\0') {
        state->begun = read_token(state, cursor);
        if (!state->begun)
            code = err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the resume token is malformed");
    }
    if (code == ERR_PAGE_TOKEN_INVALID)
        err_field(reterr, "resume_token");
    if (code == ERR_OK)
        code = changes_watch_open(sync_changes(request->backend->sync), request->caller->tenant,
                                  state->company_id, waker, &state->watch, reterr);
    if (code != ERR_OK) {
        watch_close(state);
        return code;
    }
    *ret_state = state;
    return ERR_OK;
}

static unsigned compare(const struct change_stand *before, const struct change_stand *now)
{
    return (strcmp(before->documents, now->documents) != 0 ? SIGHT_DOCUMENTS : 0u) |
           (strcmp(before->assets, now->assets) != 0 ? SIGHT_ASSETS : 0u) |
           (strcmp(before->checklists, now->checklists) != 0 ? SIGHT_CHECKLISTS : 0u);
}

// Takes over how the company stands now.
static enum err_code take_over(struct state *state, const struct change_stand *now,
                               struct err *reterr)
{
    if (!state->begun) {
        state->begun = state->start = true;
        state->place = (struct change_place){now->sequence, INT16_MAX, INT64_MAX};
    } else if (strcmp(state->stand.connection_id, now->connection_id) != 0) {
        // Another connection has another sequence: nothing of the former can be told.
        state->sight = SIGHT_ALL;
        state->place = (struct change_place){now->sequence, INT16_MAX, INT64_MAX};
    } else if (state->place.sequence > now->sequence ||
               state->place.sequence < now->forgotten_sequence ||
               (state->place.sequence == now->forgotten_sequence &&
                state->place.kind != INT16_MAX)) {
        // Also what follows within the last one that is forgotten. A place ahead is of a database
        // that was put back or lost its end to a standby: what comes in place of the lost would be
        // taken for told.
        return err_set(reterr, ERR_RESUME_TOKEN_EXPIRED,
                       "changes since the token are no longer known");
    } else {
        state->sight |= compare(&state->stand, now);
    }
    state->stand = *now;
    return ERR_OK;
}

// Reads what is behind the place. Looks first whether the caller may still see the company.
// `*ret_more`: there may be more behind what was read.
static enum err_code read_more(const struct request *step, struct state *state, bool *ret_more,
                               struct err *reterr)
{
    struct sight sight;
    struct change_stand now;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(step, &tx, reterr));
    try_(reading_sight(tx, step, state->company_id, 0, state->parent, &sight, reterr));
    try_(change_stand_get(tx, state->company_id, &now, reterr));
    try_(take_over(state, &now, reterr));
    arena_done(&state->arena);
    arena_init(&state->arena, BATCH_ARENA_BYTES);
    state->count = state->at = 0;
    int64_t until = now.sequence;
    if (now.connection_id[0] != '\0')
        try_(change_list(tx, now.connection_id, state->company_id, &state->place, &until, BATCH,
                         &state->arena, &state->rows, &state->count, reterr));
    try_(tx_commit(&tx, reterr));
    // So far is all told that is not in the batch.
    if (state->count == 0)
        state->place = (struct change_place){until, INT16_MAX, INT64_MAX};
    *ret_more = state->count > 0 || until < now.sequence;
    return ERR_OK;
}

static enum err_code fill_sight(struct state *state, struct arena *arena, Response *out,
                                struct err *reterr)
{
    static const struct {
        unsigned bit;
        Docbridge__V1__DocumentationKind kind;
    } kinds[] = {
        {SIGHT_DOCUMENTS, DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_DOCUMENT},
        {SIGHT_ASSETS, DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_FLEXIBLE_ASSET},
        {SIGHT_CHECKLISTS, DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_CHECKLIST},
        {SIGHT_CHECKLISTS,
         DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_CHECKLIST_TEMPLATE},
    };
    Docbridge__V1__WatchCompanyChangesResponse__SightChange *change =
        arena_alloc(arena, sizeof(*change));
    if (change == NULL)
        return err_no_memory(reterr);
    docbridge__v1__watch_company_changes_response__sight_change__init(change);
    change->kinds = arena_calloc(arena, ARRAY_LEN(kinds), sizeof(*change->kinds));
    if (change->kinds == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((state->sight & kinds[i].bit) != 0)
            change->kinds[change->n_kinds++] = kinds[i].kind;
    state->sight = 0;
    out->sight_change = change;
    out->event_case = DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_SIGHT_CHANGE;
    return ERR_OK;
}

static enum err_code fill_change(const struct state *state, const struct change_row *row,
                                 struct arena *arena, Response *out, struct err *reterr)
{
    Docbridge__V1__WatchCompanyChangesResponse__Change *change =
        arena_alloc(arena, sizeof(*change));
    if (change == NULL)
        return err_no_memory(reterr);
    docbridge__v1__watch_company_changes_response__change__init(change);
    out->change = change;
    out->event_case = DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_CHANGE;
    change->resource = documentation_kind_name(arena, row->place.kind, state->stand.connection_id,
                                               state->company_id, row->place.id, &change->kind);
    if (change->resource == NULL)
        return err_no_memory(reterr);
    change->action =
        !row->in_sight
            ? DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__CHANGE__ACTION__ACTION_REMOVED
        : row->is_new
            ? DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__CHANGE__ACTION__ACTION_CREATED
            : DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__CHANGE__ACTION__ACTION_UPDATED;
    if (!row->in_sight)
        return ERR_OK;
    change->update_time = field_time(arena, row->update_time);
    change->display_name = content_title(arena, row->display_name);
    return change->display_name == NULL ? err_no_memory(reterr) : ERR_OK;
}

// The next row that is to be told; NULL if there is none left, or a folder comes before it. That is
// told as what it hides, and first, as the row's token goes on behind both. What is not in sight
// and was not before is not told at all.
static const struct change_row *next_row(struct state *state)
{
    while (state->at < state->count) {
        const struct change_row *row = &state->rows[state->at];
        const bool folder = row->place.kind == SOURCE_DOCUMENT_FOLDERS;
        const bool is_told = !folder && (row->in_sight || row->was_in_sight);
        if (is_told && state->sight != 0)
            return NULL;
        state->at++;
        state->place = row->place;
        if (is_told)
            return row;
        state->sight |= folder ? SIGHT_DOCUMENTS : 0;
    }
    return NULL;
}

static enum err_code fill_event(struct state *state, struct arena *arena, Response *out,
                                bool *ret_filled, struct err *reterr)
{
    *ret_filled = true;
    if (state->start) {
        state->start = false;
        out->start = arena_alloc(arena, sizeof(*out->start));
        if (out->start == NULL)
            return err_no_memory(reterr);
        docbridge__v1__watch_company_changes_response__start__init(out->start);
        out->event_case = DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_START;
        return ERR_OK;
    }
    if (state->sight != 0)
        return fill_sight(state, arena, out, reterr);
    const struct change_row *row = next_row(state);
    if (row != NULL)
        return fill_change(state, row, arena, out, reterr);
    if (state->sight != 0)
        return fill_sight(state, arena, out, reterr);
    *ret_filled = false;
    return ERR_OK;
}

static enum err_code fill_heartbeat(struct arena *arena, Response *out, struct err *reterr)
{
    out->heartbeat = arena_alloc(arena, sizeof(*out->heartbeat));
    if (out->heartbeat == NULL)
        return err_no_memory(reterr);
    docbridge__v1__watch_company_changes_response__heartbeat__init(out->heartbeat);
    out->event_case = DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_HEARTBEAT;
    return ERR_OK;
}

static enum err_code watch_next(struct request *request, void *context, struct arena *arena,
                                void *message, enum stream_step *ret_step, struct err *reterr)
{
    struct state *state = context;
    Response *out = message;
    // What is read and told lives in the arena of this step, not in that of the call.
    struct request step = *request;
    step.arena = arena;
    bool filled;
    try_(fill_event(state, arena, out, &filled, reterr));
    // A batch of rows that are not told is followed by the next.
    for (bool more = true; !filled && more;) {
        try_(read_more(&step, state, &more, reterr));
        try_(fill_event(state, arena, out, &filled, reterr));
    }
    bool due = changes_watch_heartbeat(state->watch, filled);
    if (!filled && !due) {
        changes_watch_wait(state->watch, &state->stand);
        *ret_step = STREAM_IDLE;
        return ERR_OK;
    }
    if (!filled)
        try_(fill_heartbeat(arena, out, reterr));
    *ret_step = STREAM_MESSAGE;
    return make_token(&step, state, &out->resume_token, reterr);
}

const struct stream_handler changes_watch_handler = {watch_open, watch_next, watch_close};
