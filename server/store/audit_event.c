#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/store/audit_event.h"

#include "server/store/company_set.h"
#include "server/store/composite.h"
#include "server/store/gate_change.h"

static const struct statement lock_head = {
    "audit_lock_head", "SELECT sequence, hash FROM audit_head WHERE tenant = $1 FOR UPDATE"};
static const struct statement insert_head = {
    "audit_insert_head",
    "INSERT INTO audit_head (tenant, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING"};
// Nothing is inserted unless the end of the chain is where the first event goes on from it, nor if
// the gates have changed.
#define MOVE_HEAD                                                  \
    "WITH head AS (UPDATE audit_head SET sequence = $3, hash = $4" \
    "  WHERE tenant = $1 AND sequence = $5 AND hash = $6"          \
    "   AND NOT" GATE_CHANGED("$7") " RETURNING tenant)"
static const struct statement insert = {
    "audit_insert", MOVE_HEAD
    " INSERT INTO audit_event (tenant, sequence, event_time, type, phase, outcome, error_reason,"
    "  actor_subject, actor_display_name, actor_kind, resource, resource_display_name, company_id,"
    "  company_display_name, organization, password_category_display_name, reason, ticket,"
    "  request_id, peer, upstream_status, upstream_served, policy_version, intent_sequence,"
    "  changes, previous_hash, hash, shown, shown_update_time)"
    " SELECT head.tenant, e.* FROM head, unnest($2::audit_event_input[]) AS e"};

// The columns, in the order that read_row() takes them. $2 is the time before which an intent
// should have its outcome.
#define STORED                                                                                   \
    "e.tenant, e.sequence, e.event_time, e.type, e.phase, e.outcome, e.error_reason,"            \
    " e.actor_subject, e.actor_display_name, e.actor_kind, e.resource, e.resource_display_name," \
    " e.company_id, e.company_display_name, e.organization, e.password_category_display_name,"   \
    " e.reason, e.ticket, e.request_id, e.peer, e.upstream_status, e.upstream_served,"           \
    " e.policy_version, e.intent_sequence, e.changes, e.previous_hash, e.hash"
#define COLUMNS "SELECT " STORED ", o.sequence, " UNRESOLVED
#define UNRESOLVED "(e.phase = 1 AND o.sequence IS NULL AND e.event_time < $2)"
#define TABLES                                                                             \
    " FROM audit_event e LEFT JOIN LATERAL ("                                              \
    "  SELECT sequence FROM audit_event"                                                   \
    "   WHERE tenant = e.tenant AND intent_sequence = e.sequence AND intent_sequence <> 0" \
    "   ORDER BY sequence LIMIT 1) o ON e.phase = 1"

static const struct statement get = {"audit_get",
                                     COLUMNS TABLES " WHERE e.tenant = $1 AND e.sequence = $3"};
#define FILTERED                                                               \
    " AND ($4 = 0 OR e.type = $4)"                                             \
    " AND ($5 = 0 OR CASE WHEN " UNRESOLVED " THEN 5 ELSE e.outcome END = $5)" \
    " AND ($6::text IS NULL OR e.actor_subject = $6)"                          \
    " AND ($7::text IS NULL OR e.resource = $7)"                               \
    " AND ($8::text IS NULL OR e.company_id = $8)"                             \
    " AND ($9::timestamptz IS NULL OR e.event_time >= $9)"                     \
    " AND ($10::timestamptz IS NULL OR e.event_time < $10)"                    \
    " AND ($11 OR e.company_id = ANY ($12) OR " OF_COMPANY_SET("e.company_id") ")"
static const struct statement list = {
    "audit_list", COLUMNS TABLES " WHERE e.tenant = $1 AND ($3 = 0 OR e.sequence < $3)" FILTERED
                                 " ORDER BY e.sequence DESC LIMIT $13"};
static const struct statement follow = {"audit_follow", COLUMNS TABLES
                                        " WHERE e.tenant = $1 AND e.sequence > $3" FILTERED
                                        " AND e.sequence <= $14 ORDER BY e.sequence LIMIT $13"};
// At most $4 events, and no more once $5 bytes of changes were read.
static const struct statement range = {
    "audit_range",
    "SELECT " STORED ", 0, false FROM ("
    " SELECT *, sum(length(changes)) OVER (ORDER BY sequence) - length(changes) AS before FROM ("
    "  SELECT * FROM audit_event WHERE tenant = $1 AND sequence BETWEEN $2 AND $3"
    "  ORDER BY sequence LIMIT $4) AS picked) AS e"
    " WHERE e.before < $5::bigint ORDER BY e.sequence"};
static const struct statement end = {"audit_end",
                                     "SELECT sequence, hash FROM audit_head WHERE tenant = $1"};
// Clocks of servers differ, so before the event that is first by time there may stand a later one:
// looked for as far back as any clock may be off, and no farther, for chains are long.
static const struct statement since = {
    "audit_since",
    "SELECT min(e.sequence) FROM (SELECT sequence FROM audit_event"
    "   WHERE tenant = $1 AND event_time >= $2 ORDER BY event_time, sequence LIMIT 1) f,"
    "  LATERAL (SELECT sequence, event_time FROM audit_event"
    "   WHERE tenant = $1 AND sequence <= f.sequence ORDER BY sequence DESC LIMIT 10000) e"
    " WHERE e.event_time >= $2"};

// Of another length it is no event's, as zeroes are none's: who owns the database stored it, and
// that must not keep the others from being read and verified.
static bool take_hash(const struct rows *rows, int row, int column, struct arena *arena,
                      unsigned char ret_hash[AUDIT_HASH_BYTES])
{
    memset(ret_hash, 0, AUDIT_HASH_BYTES);
    if (rows_len(rows, row, column) != strlen("\\x") + 2 * (size_t)AUDIT_HASH_BYTES)
        return true;
    struct bytes bytes = rows_bytes(rows, row, column, arena);
    if (bytes.data == NULL)
        return false;
    memcpy(ret_hash, bytes.data, AUDIT_HASH_BYTES);
    return true;
}

enum err_code audit_event_lock_head(struct tx *tx, struct audit_head *ret_head, struct err *reterr)
{
    static const unsigned char zeroes[AUDIT_HASH_BYTES];
    _cleanup_(rows_done) struct rows rows = {NULL};
    try_(tx_query(tx, &lock_head, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    if (rows_count(&rows) == 0) {
        // Another may be at the same: then this waits for its end, and the row is there.
        try_(tx_run(tx, &insert_head,
                    ARGS(ARG_TEXT(tx_tenant(tx)), ARG_BYTES(zeroes, sizeof(zeroes))), reterr));
        rows_done(&rows);
        try_(tx_query(tx, &lock_head, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    }
    if (rows_count(&rows) == 0)
        return err_set(reterr, ERR_INTERNAL, "the end of the audit trail is out of reach");
    struct arena arena;
    arena_init(&arena, 1024);
    bool taken = take_hash(&rows, 0, 1, &arena, ret_head->hash);
    arena_done(&arena);
    ret_head->sequence = rows_int64(&rows, 0, 0);
    return taken ? ERR_OK : err_no_memory(reterr);
}

// In the order of the type audit_event_input.
static void add_row(struct composite *rows, const struct audit_event_row *row)
{
    composite_row(rows);
    composite_int64(rows, row->sequence);
    composite_time(rows, row->event_time_us);
    composite_int64(rows, row->type);
    composite_int64(rows, row->phase);
    composite_int64(rows, row->outcome);
    composite_text(rows, row->error_reason);
    composite_text(rows, row->actor_subject);
    composite_text(rows, row->actor_display_name);
    composite_int64(rows, row->actor_kind);
    composite_text(rows, row->resource);
    composite_text(rows, row->resource_display_name);
    composite_text(rows, row->company_id);
    composite_text(rows, row->company_display_name);
    composite_text(rows, row->organization);
    composite_text(rows, row->password_category_display_name);
    composite_text(rows, row->reason);
    composite_text(rows, row->ticket);
    composite_text(rows, row->request_id);
    composite_text(rows, row->peer);
    composite_int64(rows, row->upstream_status);
    composite_bool(rows, row->upstream_served);
    composite_int64(rows, row->policy_version);
    composite_int64(rows, row->intent_sequence);
    composite_text(rows, row->changes);
    composite_bytes(rows, row->previous_hash, AUDIT_HASH_BYTES);
    composite_bytes(rows, row->hash, AUDIT_HASH_BYTES);
    composite_bool(rows, row->shown);
    composite_time(rows, row->shown_update_time_us);
}

enum err_code audit_event_try_insert(struct tx *tx, struct audit_event_row *const *rows,
                                     size_t count, const char *snapshot, bool *ret_inserted,
                                     struct err *reterr)
{
    struct composite input _cleanup_(composite_done);
    struct rows done _cleanup_(rows_done) = {NULL};
    const struct audit_event_row *first = rows[0], *last = rows[count - 1];
    composite_init(&input);
    for (size_t i = 0; i < count; i++)
        add_row(&input, rows[i]);
    const char *text = composite_end(&input);
    if (text == NULL)
        return err_no_memory(reterr);
    try_(tx_query(tx, &insert,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(text), ARG_INT64(last->sequence),
                       ARG_BYTES(last->hash, AUDIT_HASH_BYTES), ARG_INT64(first->sequence - 1),
                       ARG_BYTES(first->previous_hash, AUDIT_HASH_BYTES), ARG_TEXT(snapshot)),
                  &done, reterr));
    *ret_inserted = rows_affected(&done) == (int64_t)count;
    return ERR_OK;
}

enum err_code audit_event_insert(struct tx *tx, struct audit_event_row *const *rows, size_t count,
                                 struct err *reterr)
{
    bool inserted;
    try_(audit_event_try_insert(tx, rows, count, NULL, &inserted, reterr));
    if (!inserted)
        return err_set(reterr, ERR_INTERNAL, "an audit event does not continue the chain");
    return ERR_OK;
}

// A text column; "" when the arena is full, which `*ok` tells.
static const char *text_of(const struct rows *rows, int row, int column, struct arena *arena,
                           bool *ok)
{
    const char *text = rows_text_copy(rows, row, column, arena);
    *ok &= text != NULL;
    return text == NULL ? "" : text;
}

static bool read_row(const struct rows *rows, int i, struct arena *arena,
                     struct audit_event_row *ret_row)
{
    bool ok = true;
    *ret_row = (struct audit_event_row){
        .tenant = text_of(rows, i, 0, arena, &ok),
        .sequence = rows_int64(rows, i, 1),
        .event_time_us = rows_time(rows, i, 2),
        .type = (int)rows_int64(rows, i, 3),
        .phase = (int)rows_int64(rows, i, 4),
        .outcome = (int)rows_int64(rows, i, 5),
        .error_reason = text_of(rows, i, 6, arena, &ok),
        .actor_subject = text_of(rows, i, 7, arena, &ok),
        .actor_display_name = text_of(rows, i, 8, arena, &ok),
        .actor_kind = (int)rows_int64(rows, i, 9),
        .resource = text_of(rows, i, 10, arena, &ok),
        .resource_display_name = text_of(rows, i, 11, arena, &ok),
        .company_id = text_of(rows, i, 12, arena, &ok),
        .company_display_name = text_of(rows, i, 13, arena, &ok),
        .organization = text_of(rows, i, 14, arena, &ok),
        .password_category_display_name = text_of(rows, i, 15, arena, &ok),
        .reason = text_of(rows, i, 16, arena, &ok),
        .ticket = text_of(rows, i, 17, arena, &ok),
        .request_id = text_of(rows, i, 18, arena, &ok),
        .peer = text_of(rows, i, 19, arena, &ok),
        .upstream_status = (int)rows_int64(rows, i, 20),
        .upstream_served = rows_bool(rows, i, 21),
        .policy_version = rows_int64(rows, i, 22),
        .intent_sequence = rows_int64(rows, i, 23),
        .changes = text_of(rows, i, 24, arena, &ok),
        .outcome_sequence = rows_int64(rows, i, 27),
        .unresolved = rows_bool(rows, i, 28),
    };
    return ok && take_hash(rows, i, 25, arena, ret_row->previous_hash) &&
           take_hash(rows, i, 26, arena, ret_row->hash);
}

static int64_t overdue_us(int unresolved_seconds)
{
    return clock_wall_us() - (int64_t)unresolved_seconds * 1000000;
}

static enum err_code read_rows(const struct rows *rows, struct arena *arena,
                               struct audit_event_row **ret_rows, size_t *ret_count,
                               struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct audit_event_row *items = arena_calloc(arena, count, sizeof(*items));
    if (items == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        if (!read_row(rows, (int)i, arena, &items[i]))
            return err_no_memory(reterr);
    }
    *ret_rows = items;
    *ret_count = count;
    return ERR_OK;
}

// $1 to $13 of a filtered statement.
#define FILTER_ARGS(filter, place, limit)                                                          \
    ARG_TEXT(tx_tenant(tx)), ARG_TIME(overdue_us(unresolved_seconds)), ARG_INT64(place),           \
        ARG_INT64((filter)->type), ARG_INT64((filter)->outcome),                                   \
        ARG_TEXT((filter)->actor_subject), ARG_TEXT((filter)->resource),                           \
        ARG_TEXT((filter)->company_id), ARG_TIME((filter)->from_us), ARG_TIME((filter)->until_us), \
        ARG_BOOL((filter)->companies == NULL),                                                     \
        ARG_TEXTS((filter)->companies, (filter)->companies == NULL ? 0 : (filter)->company_count), \
        ARG_INT64(limit)

enum err_code audit_event_list(struct tx *tx, const struct audit_event_filter *filter,
                               int64_t before_sequence, int limit, int unresolved_seconds,
                               struct arena *arena, struct audit_event_row **ret_rows,
                               size_t *ret_count, struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    try_(tx_query(tx, &list, ARGS(FILTER_ARGS(filter, before_sequence, limit)), &rows, reterr));
    return read_rows(&rows, arena, ret_rows, ret_count, reterr);
}

enum err_code audit_event_follow(struct tx *tx, const struct audit_event_filter *filter,
                                 int64_t after, int64_t last, int limit, int unresolved_seconds,
                                 struct arena *arena, struct audit_event_row **ret_rows,
                                 size_t *ret_count, struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    try_(tx_query(tx, &follow, ARGS(FILTER_ARGS(filter, after, limit), ARG_INT64(last)), &rows,
                  reterr));
    return read_rows(&rows, arena, ret_rows, ret_count, reterr);
}

enum err_code audit_event_range(struct tx *tx, int64_t first, int64_t last, int limit,
                                size_t changes_bytes, struct arena *arena,
                                struct audit_event_row **ret_rows, size_t *ret_count,
                                struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    try_(tx_query(tx, &range,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(first), ARG_INT64(last), ARG_INT64(limit),
                       ARG_INT64(changes_bytes)),
                  &rows, reterr));
    return read_rows(&rows, arena, ret_rows, ret_count, reterr);
}

enum err_code audit_event_end(struct tx *tx, struct audit_head *ret_head, struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    *ret_head = (struct audit_head){.sequence = 0};
    try_(tx_query(tx, &end, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1024);
    ret_head->sequence = rows_int64(&rows, 0, 0);
    return take_hash(&rows, 0, 1, &arena, ret_head->hash) ? ERR_OK : err_no_memory(reterr);
}

enum err_code audit_event_since(struct tx *tx, int64_t time_us, int64_t *ret_sequence,
                                struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    try_(tx_query(tx, &since, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TIME(time_us)), &rows, reterr));
    *ret_sequence = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code audit_event_get(struct tx *tx, int64_t sequence, int unresolved_seconds,
                              struct arena *arena, struct audit_event_row **ret_row,
                              struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    try_(tx_query(tx, &get,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TIME(overdue_us(unresolved_seconds)),
                       ARG_INT64(sequence)),
                  &rows, reterr));
    if (rows_count(&rows) == 0) {
        char name[48];
        (void)snprintf(name, sizeof(name), "auditEvents/%" PRId64, sequence);
        return err_not_found(reterr, name);
    }
    struct audit_event_row *row = arena_calloc(arena, 1, sizeof(*row));
    if (row == NULL || !read_row(&rows, 0, arena, row))
        return err_no_memory(reterr);
    *ret_row = row;
    return ERR_OK;
}
