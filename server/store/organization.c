#include "server/store/organization.h"

#include "server/store/company_set.h"

#define COLUMNS                                                                            \
    "SELECT o.id, o.display_name,"                                                         \
    " CASE WHEN m.company_id IS NULL THEN '' ELSE o.previous_display_name END, o.web_url," \
    " o.psa_ids, s.state, o.discover_time, o.revision, coalesce(m.company_id, ''),"        \
    " coalesce(c.display_name, ''), coalesce(m.source, 0), coalesce(m.actor_subject, '')," \
    " coalesce(m.actor_display_name, ''), coalesce(m.actor_kind, 0), m.create_time,"       \
    " o.sort_name"

// Numbers of MappingState: mapped, unmapped, ignored, orphaned. Mappings are joined by parameters,
// so that a hash of them has one number for its key.
#define IN_SIGHT                                                                                 \
    " FROM organization o"                                                                       \
    " LEFT JOIN mapping m ON m.tenant = $1 AND m.connection_id = $2"                             \
    "  AND m.organization_id = o.id"                                                             \
    " LEFT JOIN company c ON c.tenant = m.tenant AND c.id = m.company_id"                        \
    " CROSS JOIN LATERAL (SELECT CASE WHEN m.company_id IS NOT NULL AND o.gone THEN 4"           \
    "  WHEN m.company_id IS NOT NULL THEN 1 WHEN o.ignored THEN 3 ELSE 2 END) AS s (state)"      \
    " WHERE o.tenant = $1 AND o.connection_id = $2 AND (NOT o.gone OR m.company_id IS NOT NULL)" \
    " AND ($3 OR m.company_id IS NULL OR m.company_id = ANY ($4) OR " OF_COMPANY_SET(            \
        "m.company_id") ")"

#define FOUND                                                       \
    "o.id IN (SELECT f.organization_id FROM organization_finding f" \
    " WHERE f.tenant = $1 AND f.connection_id = $2)"

#define MATCHES                                                                         \
    "($5 = 0 OR s.state = $5) AND ($6::text IS NULL OR position($6 IN o.name_key) > 0)" \
    " AND ($7::text IS NULL OR m.company_id = $7) AND ($8 < 0 OR (" FOUND ") = ($8 = 1))"

static const struct statement lock_sql = {
    "organization_lock",
    "SELECT FROM organization WHERE tenant = $1 AND connection_id = $2 AND id = ANY ($3)"
    " ORDER BY id FOR NO KEY UPDATE"};

static const struct statement get_sql = {"organization_get",
                                         COLUMNS IN_SIGHT " AND o.id = ANY ($5)"};

// By name means by its first part, which an index row and a page token hold whole. A page begins at
// the first row or behind another; in one statement with an OR no index would find the latter.
#define PAGE(begin, order) \
    COLUMNS IN_SIGHT " AND " MATCHES " AND " begin " ORDER BY " order " LIMIT $11"
#define BEGINNING "$9::text IS NOT NULL AND $10::bigint IS NOT NULL"
#define BY_NAME(begin, way) PAGE(begin, "o.sort_name " way ", o.id " way)
#define BY_ID(begin, way) PAGE(begin, "o.id " way)

// By what, then which way, then whether behind a row. By id $9 says nothing, but must have a type.
static const struct statement list_sql[2][2][2] = {
    {{{"organization_list", BY_NAME(BEGINNING, "ASC")},
      {"organization_list_after", BY_NAME("(o.sort_name, o.id) > ($9, $10)", "ASC")}},
     {{"organization_list_descending", BY_NAME(BEGINNING, "DESC")},
      {"organization_list_descending_after", BY_NAME("(o.sort_name, o.id) < ($9, $10)", "DESC")}}},
    {{{"organization_list_by_id", BY_ID(BEGINNING, "ASC")},
      {"organization_list_by_id_after", BY_ID("$9::text IS NOT NULL AND o.id > $10", "ASC")}},
     {{"organization_list_by_id_descending", BY_ID(BEGINNING, "DESC")},
      {"organization_list_by_id_descending_after",
       BY_ID("$9::text IS NOT NULL AND o.id < $10", "DESC")}}},
};

static const struct statement count_sql = {"organization_count",
                                           "SELECT count(*) FILTER (WHERE " MATCHES "), count(*),"
                                           " count(*) FILTER (WHERE s.state = 1),"
                                           " count(*) FILTER (WHERE s.state = 2),"
                                           " count(*) FILTER (WHERE s.state = 3),"
                                           " count(*) FILTER (WHERE s.state = 4),"
                                           " count(*) FILTER (WHERE " FOUND ")" IN_SIGHT};

static const struct statement ignore_sql = {
    "organization_ignore", "UPDATE organization SET ignored = $4, revision = revision + 1"
                           " WHERE tenant = $1 AND connection_id = $2 AND id = $3"};

// Of a task: 1 is DISABLED, 2 to 4 are states in which it is still to do its work.
static const struct statement get_fetch_sql = {
    "organization_get_fetch",
    "SELECT r.id, r.state IN (1, 2, 3, 4) AND t.state IN (2, 3, 4), t.done_count, t.total_count,"
    " r.start_time FROM sync_run r"
    " JOIN sync_task t ON t.tenant = r.tenant AND t.connection_id = r.connection_id"
    "  AND t.run_id = r.id AND t.kind = 1 AND t.state <> 1"
    " WHERE r.tenant = $1 AND r.connection_id = $2 ORDER BY r.create_time DESC, r.id LIMIT 1"};

static bool read_row(const struct rows *rows, int row, struct arena *arena,
                     struct organization *ret)
{
    ret->id = rows_int64(rows, row, 0);
    ret->display_name = rows_text_copy(rows, row, 1, arena);
    ret->previous_display_name = rows_text_copy(rows, row, 2, arena);
    ret->web_url = rows_text_copy(rows, row, 3, arena);
    ret->psa_ids = rows_texts(rows, row, 4, arena, &ret->psa_id_count);
    ret->mapping_state = (int)rows_int64(rows, row, 5);
    ret->discover_time_us = rows_time(rows, row, 6);
    ret->revision = rows_int64(rows, row, 7);
    ret->company_id = rows_text_copy(rows, row, 8, arena);
    ret->company_display_name = rows_text_copy(rows, row, 9, arena);
    ret->source = (int)rows_int64(rows, row, 10);
    ret->actor_subject = rows_text_copy(rows, row, 11, arena);
    ret->actor_display_name = rows_text_copy(rows, row, 12, arena);
    ret->actor_kind = (int)rows_int64(rows, row, 13);
    ret->mapping_time_us = rows_time(rows, row, 14);
    ret->name_key = rows_text_copy(rows, row, 15, arena);
    return ret->display_name != NULL && ret->name_key != NULL &&
           ret->previous_display_name != NULL && ret->web_url != NULL && ret->company_id != NULL &&
           ret->company_display_name != NULL && ret->actor_subject != NULL &&
           ret->actor_display_name != NULL &&
           (ret->psa_ids != NULL || rows_len(rows, row, 4) <= 2); // {}: none
}

static enum err_code read_rows(const struct rows *rows, struct arena *arena,
                               struct organization **ret_organizations, size_t *ret_count,
                               struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct organization *organizations = arena_calloc(arena, count + 1, sizeof(*organizations));
    if (organizations == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (!read_row(rows, (int)i, arena, &organizations[i]))
            return err_no_memory(reterr);
    *ret_organizations = organizations;
    *ret_count = count;
    return ERR_OK;
}

enum err_code organization_get_many(struct tx *tx, const char *connection_id, const int64_t *ids,
                                    size_t count, const struct principal *sight, bool lock,
                                    struct arena *arena, struct organization **ret_organizations,
                                    size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    if (lock)
        try_(tx_run(tx, &lock_sql,
                    ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(ids, count)),
                    reterr));
    try_(tx_query(tx, &get_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_BOOL(sight->all_companies),
                       ARG_TEXTS(sight->companies, sight->company_count), ARG_INT64S(ids, count)),
                  &rows, reterr));
    return read_rows(&rows, arena, ret_organizations, ret_count, reterr);
}

enum err_code organization_get(struct tx *tx, const char *connection_id, int64_t id,
                               const struct principal *sight, bool lock, struct arena *arena,
                               struct organization **ret_organization, struct err *reterr)
{
    size_t count;
    try_(organization_get_many(tx, connection_id, &id, 1, sight, lock, arena, ret_organization,
                               &count, reterr));
    if (count == 0)
        *ret_organization = NULL;
    return ERR_OK;
}

enum err_code organization_list(struct tx *tx, const struct organization_query *query,
                                struct arena *arena, struct organization **ret_organizations,
                                size_t *ret_count, struct organization_counts *ret_counts,
                                struct err *reterr)
{
    const struct arg args[] = {
        ARG_TEXT(tx_tenant(tx)),
        ARG_TEXT(query->connection_id),
        ARG_BOOL(query->sight->all_companies),
        ARG_TEXTS(query->sight->companies, query->sight->company_count),
        ARG_INT64(query->mapping_state),
        ARG_TEXT(query->name_key_part),
        ARG_TEXT(query->company_id),
        ARG_INT64(query->has_findings),
        ARG_TEXT(query->after_name),
        ARG_INT64(query->after_id),
        ARG_INT64(query->limit),
    };
    enum { MATCH_ARGS = 8 };
    struct rows page _cleanup_(rows_done) = {0};
    struct rows counts _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &count_sql, args, MATCH_ARGS, &counts, reterr));
    *ret_counts = (struct organization_counts){
        .matching = rows_int64(&counts, 0, 0),
        .total = rows_int64(&counts, 0, 1),
        .mapped = rows_int64(&counts, 0, 2),
        .unmapped = rows_int64(&counts, 0, 3),
        .ignored = rows_int64(&counts, 0, 4),
        .orphaned = rows_int64(&counts, 0, 5),
        .found = rows_int64(&counts, 0, 6),
    };
    try_(tx_query(tx, &list_sql[query->by_id][query->descending][query->after_id != 0], args,
                  ARRAY_LEN(args), &page, reterr));
    return read_rows(&page, arena, ret_organizations, ret_count, reterr);
}

enum err_code organization_set_ignored(struct tx *tx, const char *connection_id, int64_t id,
                                       bool ignored, struct err *reterr)
{
    return tx_run(
        tx, &ignore_sql,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(id), ARG_BOOL(ignored)),
        reterr);
}

enum err_code organization_get_fetch(struct tx *tx, const char *connection_id, struct arena *arena,
                                     struct organization_fetch *ret_fetch, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_fetch_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    *ret_fetch = (struct organization_fetch){.run_id = ""};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_fetch = (struct organization_fetch){
        .run_id = rows_text_copy(&rows, 0, 0, arena),
        .live = rows_bool(&rows, 0, 1),
        .done = rows_int64(&rows, 0, 2),
        .total = rows_int64(&rows, 0, 3),
        .start_time_us = rows_time(&rows, 0, 4),
    };
    return ret_fetch->run_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code organization_any_known(struct tx *tx, const char *connection_id, const int64_t *ids,
                                     size_t count, bool *ret_known, bool *ret_shared,
                                     struct err *reterr)
{
    static const struct statement statement = {
        "organization_any_known",
        "SELECT EXISTS (SELECT FROM organization WHERE tenant = $1 AND connection_id = $2),"
        " EXISTS (SELECT FROM organization WHERE tenant = $1 AND connection_id = $2"
        "         AND id = ANY ($3))"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(ids, count)),
                  &rows, reterr));
    *ret_known = rows_bool(&rows, 0, 0);
    *ret_shared = rows_bool(&rows, 0, 1);
    return ERR_OK;
}
