#include "server/store/audit_mark.h"

#include <string.h>

#define COLUMNS "sequence, hash, mark_time, key_id, signature"

// Of COLUMNS.
static bool read_mark(const struct rows *rows, int row, enum audit_mark_kind kind,
                      struct arena *arena, struct audit_mark *ret_mark)
{
    struct bytes hash = rows_bytes(rows, row, 1, arena);
    struct bytes signature = rows_bytes(rows, row, 4, arena);
    *ret_mark = (struct audit_mark){
        .kind = kind,
        .sequence = rows_int64(rows, row, 0),
        .time_us = rows_time(rows, row, 2),
        .key_id = rows_text_copy(rows, row, 3, arena),
    };
    if (hash.len != AUDIT_HASH_BYTES || signature.len != AUDIT_SIGNATURE_BYTES ||
        ret_mark->key_id == NULL)
        return false;
    memcpy(ret_mark->hash, hash.data, hash.len);
    memcpy(ret_mark->signature, signature.data, signature.len);
    return true;
}

enum err_code audit_mark_put(struct tx *tx, const struct audit_mark *mark, struct err *reterr)
{
    static const struct statement statement = {
        "audit_mark_put", "INSERT INTO audit_mark (tenant, " COLUMNS ")"
                          " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(mark->sequence),
                       ARG_BYTES(mark->hash, AUDIT_HASH_BYTES), ARG_TIME(mark->time_us),
                       ARG_TEXT(mark->key_id), ARG_BYTES(mark->signature, AUDIT_SIGNATURE_BYTES)),
                  reterr);
}

enum err_code audit_mark_list(struct tx *tx, int64_t from, int64_t to, int limit,
                              struct arena *arena, struct audit_mark **ret_marks, size_t *ret_count,
                              struct err *reterr)
{
    static const struct statement statement = {
        "audit_mark_list", "SELECT " COLUMNS " FROM audit_mark WHERE tenant = $1"
                           " AND sequence BETWEEN $2 AND $3 ORDER BY sequence LIMIT $4"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(from), ARG_INT64(to), ARG_INT64(limit)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct audit_mark *marks = arena_calloc(arena, count + 1, sizeof(*marks));
    if (marks == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (!read_mark(&rows, (int)i, AUDIT_MARK_HEAD, arena, &marks[i]))
            return err_no_memory(reterr);
    *ret_marks = marks;
    *ret_count = count;
    return ERR_OK;
}

enum err_code audit_mark_last(struct tx *tx, int64_t *ret_sequence, struct err *reterr)
{
    static const struct statement statement = {
        "audit_mark_last", "SELECT max(sequence) FROM audit_mark WHERE tenant = $1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    *ret_sequence = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code audit_retained_get(struct tx *tx, struct arena *arena, struct audit_mark *ret_mark,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "audit_retained_get", "SELECT " COLUMNS " FROM audit_retained WHERE tenant = $1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    *ret_mark = (struct audit_mark){.kind = AUDIT_MARK_RETAINED, .key_id = ""};
    return rows_count(&rows) == 0 || read_mark(&rows, 0, AUDIT_MARK_RETAINED, arena, ret_mark)
               ? ERR_OK
               : err_no_memory(reterr);
}

enum err_code audit_mark_due(struct tx *tx, const char *after, int limit, struct arena *arena,
                             const char *const **ret_tenants, size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "audit_mark_due",
        "SELECT h.tenant FROM audit_head h WHERE h.tenant > $1::text AND h.sequence >"
        " coalesce((SELECT max(sequence) FROM audit_mark m WHERE m.tenant = h.tenant), 0)"
        " ORDER BY h.tenant LIMIT $2"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(after), ARG_INT64(limit)), &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    const char **tenants = arena_calloc(arena, count + 1, sizeof(*tenants));
    for (size_t i = 0; i < count && tenants != NULL; i++) {
        tenants[i] = rows_text_copy(&rows, (int)i, 0, arena);
        if (tenants[i] == NULL)
            return err_no_memory(reterr);
    }
    *ret_tenants = tenants;
    *ret_count = count;
    return tenants == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code audit_mark_ends(struct tx *tx, const char *const *tenants, size_t count,
                              int64_t *ret_sequences, struct err *reterr)
{
    static const struct statement statement = {
        "audit_mark_ends",
        "SELECT h.sequence FROM unnest($1::text[]) WITH ORDINALITY AS t (tenant, place)"
        " LEFT JOIN audit_head h ON h.tenant = t.tenant ORDER BY t.place"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXTS(tenants, count)), &rows, reterr));
    for (size_t i = 0; i < count; i++)
        ret_sequences[i] = (int)i < rows_count(&rows) ? rows_int64(&rows, (int)i, 0) : 0;
    return ERR_OK;
}

enum err_code audit_retained_due(struct tx *tx, int64_t cutoff_us, const char *after,
                                 struct arena *arena, const char **ret_tenant, struct err *reterr)
{
    static const struct statement statement = {
        "audit_retained_due",
        "SELECT h.tenant FROM audit_head h"
        " LEFT JOIN audit_retained r ON r.tenant = h.tenant"
        " JOIN audit_event e ON e.tenant = h.tenant AND e.sequence = coalesce(r.sequence, 0) + 1"
        " WHERE h.tenant > $2::text AND e.event_time < $1::timestamptz"
        " ORDER BY h.tenant LIMIT 1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TIME(cutoff_us), ARG_TEXT(after)), &rows, reterr));
    *ret_tenant = NULL;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_tenant = rows_text_copy(&rows, 0, 0, arena);
    return *ret_tenant == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code audit_retained_find(struct tx *tx, const char *tenant, int64_t cutoff_us, int limit,
                                  struct audit_mark *ret_mark, struct err *reterr)
{
    static const struct statement lock = {
        "audit_retained_lock",
        "SELECT pg_advisory_xact_lock(hashtextextended('audit retention ' || $1::text, 0))"};
    // An old event behind a younger one stays until that one goes: what is left has no gap.
    static const struct statement find = {
        "audit_retained_find",
        "WITH first AS (SELECT coalesce((SELECT sequence FROM audit_retained WHERE tenant = $1), 0)"
        "                      AS sequence)"
        " SELECT sequence, hash FROM ("
        "  SELECT e.sequence, e.hash, bool_and(e.event_time < $2::timestamptz"
        "         AND e.sequence = f.sequence + e.place) OVER (ORDER BY e.sequence) AS old"
        "  FROM first f, LATERAL ("
        "   SELECT sequence, hash, event_time, row_number() OVER (ORDER BY sequence) AS place"
        "   FROM audit_event WHERE tenant = $1 AND sequence > f.sequence"
        "   ORDER BY sequence LIMIT $3) e) s"
        " WHERE old ORDER BY sequence DESC LIMIT 1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 4096);
    *ret_mark = (struct audit_mark){.kind = AUDIT_MARK_RETAINED, .key_id = ""};
    try_(tx_run(tx, &lock, ARGS(ARG_TEXT(tenant)), reterr));
    try_(tx_query(tx, &find, ARGS(ARG_TEXT(tenant), ARG_TIME(cutoff_us), ARG_INT64(limit)), &rows,
                  reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    struct bytes hash = rows_bytes(&rows, 0, 1, &arena);
    if (hash.len != AUDIT_HASH_BYTES)
        return err_no_memory(reterr);
    memcpy(ret_mark->hash, hash.data, hash.len);
    ret_mark->sequence = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code audit_retained_put(struct tx *tx, const char *tenant, const struct audit_mark *mark,
                                 int64_t *ret_removed, struct err *reterr)
{
    static const struct statement put = {
        "audit_retained_put",
        "INSERT INTO audit_retained (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (tenant) DO UPDATE SET (" COLUMNS ") ="
        " (excluded.sequence, excluded.hash, excluded.mark_time, excluded.key_id,"
        "  excluded.signature)"};
    static const struct statement marks = {
        "audit_retained_marks", "DELETE FROM audit_mark WHERE tenant = $1 AND sequence <= $2"};
    static const struct statement events = {
        "audit_retained_events", "DELETE FROM audit_event WHERE tenant = $1 AND sequence <= $2"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_run(tx, &put,
                ARGS(ARG_TEXT(tenant), ARG_INT64(mark->sequence),
                     ARG_BYTES(mark->hash, AUDIT_HASH_BYTES), ARG_TIME(mark->time_us),
                     ARG_TEXT(mark->key_id), ARG_BYTES(mark->signature, AUDIT_SIGNATURE_BYTES)),
                reterr));
    try_(tx_run(tx, &marks, ARGS(ARG_TEXT(tenant), ARG_INT64(mark->sequence)), reterr));
    try_(tx_query(tx, &events, ARGS(ARG_TEXT(tenant), ARG_INT64(mark->sequence)), &rows, reterr));
    *ret_removed = rows_affected(&rows);
    return ERR_OK;
}
