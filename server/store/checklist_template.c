#include "server/store/checklist_template.h"

#include "server/store/company_set.h"
#include "server/store/documentation_sight.h"

// $1 tenant, $2 connection, $3 all companies, $4 companies.
#define SIGHT                                                                                      \
    "WITH place AS MATERIALIZED ("                                                                 \
    "  SELECT m.organization_id FROM mapping m"                                                    \
    "    LEFT JOIN company_documentation_access d ON d.tenant = $1"                                \
    "         AND d.company_id = m.company_id"                                                     \
    "   WHERE m.tenant = $1 AND m.connection_id = $2"                                              \
    "     AND NOT coalesce(d.checklists_hidden, false)"                                            \
    "     AND ($3::boolean OR m.company_id = ANY ($4::text[])"                                     \
    "          OR " OF_COMPANY_SET(                                                                \
        "m.company_id") ")),"                                                                      \
                        " sight AS MATERIALIZED ("                                                 \
                        " SELECT r.id, left(" SIGHT_NAME(                                          \
                            "$2") ", 96) AS name_key"                                              \
                                  "    FROM connection_config k"                                   \
                                  "    JOIN record r ON r.tenant = $1 AND r.connection_id = $2 "   \
                                  "AND r.kind = 7" SIGHT_MASKED(                                   \
                                      7,                                                           \
                                      "$2") "   WHERE k.tenant = $1 AND k.connection_id = $2 AND " \
                                            "k.checklists_enabled AND" SIGHT_SHOWN(                \
                                                "r",                                               \
                                                "k") "     AND CASE WHEN r.organization_id = 0 "   \
                                                     "THEN EXISTS "                                \
                                                     "(SELECT FROM place)"                         \
                                                     "         ELSE r.organization_id IN (SELECT " \
                                                     "organization_id FROM place) END)"            \
                                                     " SELECT (SELECT count(*) FROM sight), "      \
                                                     "r.id, "                                      \
                                                     "r.display_name, s.name_key, r.web_url,"      \
                                                     "        r.update_time, "                     \
                                                     "jsonb_array_length(coalesce(r.body->'tasks'" \
                                                     ", '[]'))"

#define SHOWN                                                                                    \
    "sight s JOIN record r ON r.tenant = $1 AND r.connection_id = $2 AND r.kind = 7 AND r.id = " \
    "s.id"

// A row at least, for the number of all: behind the last one a token leads to nothing, once it is
// gone.
static const struct statement list_sql = {"checklist_template_list",
                                          SIGHT " FROM (VALUES (1)) one LEFT JOIN (" SHOWN
                                                ") ON (s.name_key, s.id) > ($5, $6)"
                                                " ORDER BY s.name_key, s.id LIMIT $7"};
static const struct statement get_sql = {"checklist_template_get",
                                         SIGHT ", r.body FROM " SHOWN " WHERE s.id = $5"};

static enum err_code fill(const struct rows *rows, int row, struct arena *arena,
                          struct checklist_template *template, struct err *reterr)
{
    *template = (struct checklist_template){
        .id = rows_int64(rows, row, 1),
        .display_name = rows_text_copy(rows, row, 2, arena),
        .name_key = rows_text_copy(rows, row, 3, arena),
        .web_url = rows_text_copy(rows, row, 4, arena),
        .update_time = rows_time(rows, row, 5),
        .item_count = (int)rows_int64(rows, row, 6),
    };
    return template->display_name == NULL || template->name_key == NULL || template->web_url == NULL
               ? err_no_memory(reterr)
               : ERR_OK;
}

enum err_code checklist_template_list(struct tx *tx, const struct principal *caller,
                                      const char *connection_id, const char *after_name,
                                      int64_t after_id, int limit, struct arena *arena,
                                      struct checklist_template **ret_templates, size_t *ret_count,
                                      int64_t *ret_total, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &list_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_BOOL(caller->all_companies),
                       ARG_TEXTS(caller->companies, caller->company_count), ARG_TEXT(after_name),
                       ARG_INT64(after_id), ARG_INT64(limit)),
                  &rows, reterr));
    size_t count = rows_null(&rows, 0, 1) ? 0 : (size_t)rows_count(&rows);
    struct checklist_template *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        try_(fill(&rows, (int)i, arena, &all[i], reterr));
    *ret_templates = all;
    *ret_count = count;
    *ret_total = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code checklist_template_get(struct tx *tx, const struct principal *caller,
                                     const char *connection_id, int64_t id, struct arena *arena,
                                     struct rows *ret_rows, struct checklist_template *ret_template,
                                     struct err *reterr)
{
    try_(tx_query(tx, &get_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_BOOL(caller->all_companies),
                       ARG_TEXTS(caller->companies, caller->company_count), ARG_INT64(id)),
                  ret_rows, reterr));
    if (rows_count(ret_rows) == 0)
        return err_set(reterr, ERR_RESOURCE_NOT_FOUND, "%s", "");
    try_(fill(ret_rows, 0, arena, ret_template, reterr));
    ret_template->content = rows_text(ret_rows, 0, 7);
    return ERR_OK;
}

enum err_code checklist_template_as_of(struct tx *tx, const char *connection_id, int task_kind,
                                       int64_t *ret_time, struct err *reterr)
{
    static const struct statement statement = {
        "checklist_template_as_of",
        "SELECT max(complete_time) FROM sync_freshness WHERE tenant = $1 AND connection_id = $2"
        " AND kind = $3 AND organization_id = 0"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(task_kind)),
                  &rows, reterr));
    *ret_time = rows_time(&rows, 0, 0);
    return ERR_OK;
}
