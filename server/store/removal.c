#include "server/store/removal.h"

#include "server/store/search_index.h"

// At most $3 rows of a connection from a table, by their place: no plan for this can be a bad one.
// A row that moves meanwhile stays until the connection goes.
#define BATCH(table, filter)                                                \
    "DELETE FROM " table " WHERE tenant = $1 AND connection_id = $2" filter \
    " AND ctid = ANY (ARRAY(SELECT ctid FROM " table                        \
    " WHERE tenant = $1 AND connection_id = $2" filter " LIMIT $3::bigint))"
// A kind is a partition, within which a place is one row.
#define RECORDS(kind) BATCH("record", " AND kind = " #kind)

// References first. Runs have neither issues nor pages when they go, connections nothing at all.
static const struct {
    enum removal_kind kind;
    bool content; // of a former account too
    struct statement statement;
} steps[] = {
    {REMOVAL_MAPPING, false, {"removal_mapping", BATCH("mapping", "")}},
    {REMOVAL_SETTING, false, {"removal_category_choice", BATCH("company_password_category", "")}},
    {REMOVAL_SETTING, false, {"removal_config", BATCH("connection_config", "")}},
    {REMOVAL_FOLDER, true, {"removal_document_folder", RECORDS(3)}},
    {REMOVAL_DOCUMENT, true, {"removal_document", RECORDS(4)}},
    {REMOVAL_FLEXIBLE_ASSET, true, {"removal_flexible_asset", RECORDS(5)}},
    {REMOVAL_CHECKLIST, true, {"removal_checklist", RECORDS(6)}},
    {REMOVAL_CHECKLIST, true, {"removal_checklist_template", RECORDS(7)}},
    {REMOVAL_FOLDER, true, {"removal_password_folder", RECORDS(8)}},
    {REMOVAL_PASSWORD, true, {"removal_password", RECORDS(9)}},
    {REMOVAL_NOT_COUNTED, true, {"removal_password_handoff", BATCH("password_handoff", "")}},
    {REMOVAL_NOT_COUNTED, true, {"removal_search_entry", BATCH("search_entry", "")}},
    {REMOVAL_NOT_COUNTED, true, {"removal_record_change", BATCH("record_change", "")}},
    {REMOVAL_NOT_COUNTED, true, {"removal_tombstone", BATCH("record_tombstone", "")}},
    {REMOVAL_NOT_COUNTED, true, {"removal_sync_page", BATCH("sync_page", "")}},
    {REMOVAL_NOT_COUNTED, false, {"removal_freshness", BATCH("sync_freshness", "")}},
    {REMOVAL_NOT_COUNTED, false, {"removal_cursor", BATCH("sync_cursor", "")}},
    {REMOVAL_SYNC_ISSUE, true, {"removal_sync_issue", BATCH("sync_issue", "")}},
    {REMOVAL_SYNC_RUN, false, {"removal_sync_run", BATCH("sync_run", "")}},
    {REMOVAL_TYPE, false, {"removal_asset_type", BATCH("flexible_asset_type", "")}},
    {REMOVAL_TYPE, false, {"removal_category", BATCH("password_category", "")}},
    {REMOVAL_ORGANIZATION, false, {"removal_organization", BATCH("organization", "")}},
};

enum err_code removal_put(struct tx *tx, const char *connection_id, bool whole, struct err *reterr)
{
    static const struct statement statement = {
        "removal_put",
        "INSERT INTO removal AS r (tenant, connection_id, whole, expire_time)"
        " VALUES ($1, $2, $3, clock_timestamp())"
        " ON CONFLICT (tenant, connection_id) DO UPDATE SET whole = excluded.whole, owner = '',"
        " fence = r.fence + 1, expire_time = excluded.expire_time"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_BOOL(whole)), reterr);
}

enum err_code removal_claim(struct tx *tx, const char *owner, int64_t lease_ms, struct arena *arena,
                            struct work_lease *ret_removal, struct err *reterr)
{
    static const struct statement statement = {
        "removal_claim",
        "WITH due AS MATERIALIZED (SELECT tenant, connection_id FROM removal"
        "  WHERE expire_time <= clock_timestamp()"
        "  ORDER BY expire_time LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " UPDATE removal AS r SET owner = $1, fence = r.fence + 1,"
        " expire_time = clock_timestamp() + $2::bigint * interval '1 millisecond' FROM due"
        " WHERE r.tenant = due.tenant AND r.connection_id = due.connection_id"
        " RETURNING r.tenant, r.connection_id, r.whole, r.fence"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(owner), ARG_INT64(lease_ms)), &rows, reterr));
    *ret_removal = (struct work_lease){0};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_removal = (struct work_lease){
        .tenant = rows_text_copy(&rows, 0, 0, arena),
        .connection_id = rows_text_copy(&rows, 0, 1, arena),
        .whole = rows_bool(&rows, 0, 2),
        .fence = rows_int64(&rows, 0, 3),
    };
    return ret_removal->tenant == NULL || ret_removal->connection_id == NULL ? err_no_memory(reterr)
                                                                             : ERR_OK;
}

enum err_code removal_hold(struct tx *tx, const struct work_lease *removal, const char *owner,
                           int64_t lease_ms, bool *ret_held, struct err *reterr)
{
    static const struct statement statement = {
        "removal_hold",
        "UPDATE removal"
        " SET expire_time = clock_timestamp() + $5::bigint * interval '1 millisecond'"
        " WHERE tenant = $1 AND connection_id = $2 AND owner = $3 AND fence = $4::bigint"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(removal->connection_id), ARG_TEXT(owner),
                       ARG_INT64(removal->fence), ARG_INT64(lease_ms)),
                  &rows, reterr));
    *ret_held = rows_affected(&rows) == 1;
    return ERR_OK;
}

enum err_code removal_release(struct tx *tx, const struct work_lease *removal, const char *owner,
                              struct err *reterr)
{
    static const struct statement statement = {
        "removal_release",
        "UPDATE removal SET owner = '', expire_time = clock_timestamp()"
        " WHERE tenant = $1 AND connection_id = $2 AND owner = $3 AND fence = $4::bigint"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(removal->connection_id), ARG_TEXT(owner),
                       ARG_INT64(removal->fence)),
                  reterr);
}

static enum err_code add_count(struct tx *tx, const char *connection_id, enum removal_kind kind,
                               int64_t count, struct err *reterr)
{
    static const struct statement statement = {
        "deletion_count_add", "INSERT INTO deletion_count AS d (tenant, connection_id, kind, count)"
                              " VALUES ($1, $2, $3, $4)"
                              " ON CONFLICT (tenant, connection_id, kind) DO UPDATE SET count = "
                              "d.count + excluded.count"};
    if (count == 0 || kind == REMOVAL_NOT_COUNTED)
        return ERR_OK;
    return tx_run(
        tx, &statement,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind), ARG_INT64(count)),
        reterr);
}

size_t removal_step_count(void)
{
    return ARRAY_LEN(steps);
}

enum err_code removal_step(struct tx *tx, const struct work_lease *removal, size_t step, int limit,
                           int64_t *ret_removed, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {NULL};
    *ret_removed = 0;
    if (!removal->whole && !steps[step].content)
        return ERR_OK;
    try_(search_hold_still(tx, removal->connection_id, reterr));
    try_(tx_query(tx, &steps[step].statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(removal->connection_id), ARG_INT64(limit)),
                  &rows, reterr));
    *ret_removed = rows_affected(&rows);
    if (!removal->whole)
        return ERR_OK;
    return add_count(tx, removal->connection_id, steps[step].kind, *ret_removed, reterr);
}

enum err_code removal_end(struct tx *tx, const struct work_lease *removal, int64_t now_us,
                          struct err *reterr)
{
    static const struct statement forget = {
        "removal_end", "DELETE FROM removal WHERE tenant = $1 AND connection_id = $2"};
    static const struct statement drop = {"removal_end_connection",
                                          "DELETE FROM connection WHERE tenant = $1 AND id = $2"};
    static const struct statement close = {
        "deletion_receipt_end",
        "UPDATE deletion_receipt SET end_time = $3 WHERE tenant = $1 AND connection_id = $2"};
    const char *id = removal->connection_id;
    try_(tx_run(tx, &forget, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), reterr));
    if (!removal->whole)
        return ERR_OK;
    try_(tx_run(tx, &drop, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), reterr));
    return tx_run(tx, &close, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_TIME(now_us)),
                  reterr);
}

#define ALL_OF(table) "DELETE FROM " table " WHERE tenant = $1 AND connection_id = $2"

enum err_code removal_forget_account(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statements[] = {
        {"forget_mappings", ALL_OF("mapping")},
        {"forget_category_choices", ALL_OF("company_password_category")},
        {"forget_organizations", ALL_OF("organization")},
        {"forget_asset_types", ALL_OF("flexible_asset_type")},
        {"forget_categories", ALL_OF("password_category")},
        {"forget_freshness", ALL_OF("sync_freshness")},
        {"forget_cursors", ALL_OF("sync_cursor")},
    };
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        try_(tx_run(tx, &statements[i], ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)),
                    reterr));
    return ERR_OK;
}

enum err_code removal_scale(struct tx *tx, const char *connection_id,
                            struct removal_scale *ret_scale, struct err *reterr)
{
    static const struct statement statement = {
        "removal_scale",
        "SELECT (SELECT count(*) FROM mapping WHERE tenant = $1 AND connection_id = $2),"
        " (SELECT count(*) FROM organization WHERE tenant = $1 AND connection_id = $2),"
        " (SELECT count(*) FROM record WHERE tenant = $1 AND connection_id = $2)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    *ret_scale = (struct removal_scale){
        .mappings = rows_int64(&rows, 0, 0),
        .organizations = rows_int64(&rows, 0, 1),
        .records = rows_int64(&rows, 0, 2),
    };
    return ERR_OK;
}

enum err_code deletion_receipt_insert(struct tx *tx, const struct deletion_receipt *receipt,
                                      struct err *reterr)
{
    static const struct statement statement = {
        "deletion_receipt_insert",
        "INSERT INTO deletion_receipt (tenant, connection_id, display_name, provider,"
        " actor_subject, actor_display_name, actor_kind, cancelled_run_count, start_time)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"};
    try_(tx_run(tx, &statement,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(receipt->connection_id),
                     ARG_TEXT(receipt->display_name), ARG_INT64(receipt->provider),
                     ARG_TEXT(receipt->actor_subject), ARG_TEXT(receipt->actor_display_name),
                     ARG_INT64(receipt->actor_kind), ARG_INT64(receipt->cancelled_runs),
                     ARG_TIME(receipt->start_time_us)),
                reterr));
    for (int kind = 1; kind < REMOVAL_KINDS; kind++)
        try_(add_count(tx, receipt->connection_id, (enum removal_kind)kind, receipt->counts[kind],
                       reterr));
    return ERR_OK;
}

static enum err_code load_counts(struct tx *tx, struct deletion_receipt *receipt,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "deletion_count_list",
        "SELECT kind, count FROM deletion_count WHERE tenant = $1 AND connection_id = $2"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(receipt->connection_id)),
                  &rows, reterr));
    for (int i = 0; i < rows_count(&rows); i++) {
        int64_t kind = rows_int64(&rows, i, 0);
        if (kind > 0 && kind < REMOVAL_KINDS)
            receipt->counts[kind] = rows_int64(&rows, i, 1);
    }
    return ERR_OK;
}

enum err_code deletion_receipt_get(struct tx *tx, const char *connection_id, struct arena *arena,
                                   struct deletion_receipt **ret_receipt, struct err *reterr)
{
    static const struct statement statement = {
        "deletion_receipt_get",
        "SELECT connection_id, display_name, provider, actor_subject, actor_display_name,"
        " actor_kind, cancelled_run_count, start_time, end_time FROM deletion_receipt"
        " WHERE tenant = $1 AND connection_id = $2"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    *ret_receipt = NULL;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    struct deletion_receipt *receipt = arena_alloc(arena, sizeof(*receipt));
    if (receipt == NULL)
        return err_no_memory(reterr);
    *receipt = (struct deletion_receipt){
        .connection_id = rows_text_copy(&rows, 0, 0, arena),
        .display_name = rows_text_copy(&rows, 0, 1, arena),
        .provider = (int)rows_int64(&rows, 0, 2),
        .actor_subject = rows_text_copy(&rows, 0, 3, arena),
        .actor_display_name = rows_text_copy(&rows, 0, 4, arena),
        .actor_kind = (int)rows_int64(&rows, 0, 5),
        .cancelled_runs = rows_int64(&rows, 0, 6),
        .start_time_us = rows_time(&rows, 0, 7),
        .end_time_us = rows_time(&rows, 0, 8),
    };
    if (receipt->connection_id == NULL || receipt->display_name == NULL ||
        receipt->actor_subject == NULL || receipt->actor_display_name == NULL)
        return err_no_memory(reterr);
    *ret_receipt = receipt;
    return load_counts(tx, receipt, reterr);
}
