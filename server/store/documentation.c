#include "server/store/documentation.h"

#include "server/store/documentation_sight.h"
#include "server/store/sight.h"

#define NAME SIGHT_NAME(SIGHT_CONNECTION)
#define NAMED(part) " AND strpos(lower(" NAME "), lower(" part ")) > 0"

// Parameters of every list: $1 tenant, $2 company, $3 last name, $4 last id, $5 limit, then its own
// filter, then what names contain. Each list is two statements: planned with a filter by name, one
// without it would take half as long again. `sight` is narrow, so that counting it is cheap; bodies
// are read for one page.
//
// Before a table has statistics, which is while a first run fills it, all ways to read it look the
// same to the planner, and it reads all of it for each row of another. So it is left no choice: the
// records are those of the organizations (OFFSET keeps that apart), and a body is the first in the
// order of the key.
#define SHOWN SIGHT_SHOWN("r", "k")
#define MASKED(kind) SIGHT_MASKED(kind, SIGHT_CONNECTION)
#define SIGHT(kind, condition)                                                            \
    " sight AS MATERIALIZED ("                                                            \
    "  SELECT r.id, left(" NAME ", 96) AS name_key, r.folder_id, r.organization_id"       \
    "    FROM mapping m"                                                                  \
    "    JOIN connection_config k ON k.tenant = $1 AND k.connection_id = m.connection_id" \
    "    CROSS JOIN LATERAL (SELECT * FROM record WHERE tenant = $1"                      \
    "      AND connection_id = m.connection_id AND kind = " #kind                         \
    "      AND organization_id = m.organization_id OFFSET 0) r" MASKED(                   \
        kind) "   WHERE m.tenant = $1 AND m.connection_id = " SIGHT_CONNECTION            \
              "     AND m.company_id = $2 AND" SHOWN condition ")"

// A row at least, for the number of all: behind the last one a token leads to nothing, once it is
// gone.
#define PAGE(kind)                                                                       \
    "  FROM (VALUES (1)) one LEFT JOIN (page s CROSS JOIN LATERAL (SELECT * FROM record" \
    "   WHERE tenant = $1 AND connection_id = " SIGHT_CONNECTION " AND kind = " #kind    \
    "    AND id BETWEEN s.id AND s.id ORDER BY id LIMIT 1) r"

#define ORDER ") ON true ORDER BY s.name_key, s.id"

#define COMMON                                                                           \
    ", page AS MATERIALIZED (SELECT * FROM sight WHERE (name_key, id) > ($3, $4)"        \
    "  ORDER BY name_key, id LIMIT $5)"                                                  \
    " SELECT (SELECT count(*) FROM sight), r.id, r.display_name, s.name_key, r.web_url," \
    "        r.create_time, r.update_time, r.publish_time"

enum { COMMON_COLUMNS = 8 };

#define OPEN_FOLDER \
    "(r.folder_id, r.organization_id) IN (SELECT id, organization_id FROM folder WHERE open)"
#define DOCUMENTS(named)                                                                      \
    "WITH folder AS MATERIALIZED ("                                                           \
    "  SELECT f.id, f.organization_id," SIGHT_FOLDER_PATH("f") " AS path," SIGHT_FOLDER_OPEN( \
        "f") " AS open"                                                                       \
             "    FROM mapping m"                                                             \
             "    JOIN record f ON f.tenant = $1 AND f.connection_id = m.connection_id AND "  \
             "f.kind = 3"                                                                     \
             "         AND f.organization_id = m.organization_id"                             \
             "   WHERE m.tenant = $1 AND m.connection_id = " SIGHT_CONNECTION                 \
             " AND m.company_id = $2)," SIGHT(                                                \
                 4, " AND" SIGHT_DOCUMENT_SHOWN("r", "k", OPEN_FOLDER) named) COMMON          \
        ", o.path, coalesce((r.body->>'is_uploaded')::boolean, false)" PAGE(                  \
            4) " LEFT JOIN folder o ON o.id = s.folder_id AND o.organization_id = "           \
               "s.organization_id" ORDER

static const struct statement LIST_DOCUMENTS[] = {
    {"documentation_list_documents", DOCUMENTS("")},
    {"documentation_list_documents_named", DOCUMENTS(NAMED("$6"))},
};

#define FLEXIBLE_ASSETS(named)                                                                     \
    "WITH" SIGHT(5,                                                                                \
                 " AND ($6::bigint = 0 OR r.type_id = $6) AND" SIGHT_ASSET_SHOWN("r", "$2") named) \
        COMMON ", r.type_id, t.display_name" PAGE(5) " JOIN flexible_asset_type t ON t.tenant = "  \
                                                     "$1 AND t.connection_id = r.connection_id"    \
                                                     "  AND t.id = r.type_id" ORDER

static const struct statement LIST_FLEXIBLE_ASSETS[] = {
    {"documentation_list_flexible_assets", FLEXIBLE_ASSETS("")},
    {"documentation_list_flexible_assets_named", FLEXIBLE_ASSETS(NAMED("$7"))},
};

#define CHECKLIST_COLUMNS                                                               \
    " coalesce((r.body->>'completed')::boolean, false), r.body->>'completed_at',"       \
    " r.body->>'due_date', r.body->>'assignee_name',"                                   \
    " jsonb_array_length(coalesce(r.body->'tasks', '[]')),"                             \
    " jsonb_array_length(jsonb_path_query_array(r.body, '$.tasks[*] ? (@.completed == " \
    "true)'))"

#define CHECKLISTS(named)                                                                      \
    "WITH" SIGHT(6, " AND ($6::bigint = 0 OR coalesce((r.body->>'completed')::boolean, false)" \
                    "      = ($6 = 1))" named) COMMON "," CHECKLIST_COLUMNS PAGE(6) ORDER

static const struct statement LIST_CHECKLISTS[] = {
    {"documentation_list_checklists", CHECKLISTS("")},
    {"documentation_list_checklists_named", CHECKLISTS(NAMED("$7"))},
};

// `filter` is the list's own; NULL: it has none.
static enum err_code list(struct tx *tx, const struct statement *statements,
                          const struct documentation_query *query, const struct arg *filter,
                          struct rows *rows, struct err *reterr)
{
    struct arg args[7] = {
        ARG_TEXT(tx_tenant(tx)),    ARG_TEXT(query->company_id), ARG_TEXT(query->after_name),
        ARG_INT64(query->after_id), ARG_INT64(query->limit),
    };
    size_t count = 5;
    bool named = query->name_contains != NULL;
    if (filter != NULL)
        args[count++] = *filter;
    if (named)
        args[count++] = ARG_TEXT(query->name_contains);
    return tx_query(tx, &statements[named], args, count, rows, reterr);
}

// Fills what every kind has; the caller fills the rest of each row.
static enum err_code fill_common(const struct rows *rows, struct arena *arena,
                                 struct documentation_row **ret_rows,
                                 struct documentation_page *ret_page, struct err *reterr)
{
    size_t count = rows_null(rows, 0, 1) ? 0 : (size_t)rows_count(rows);
    struct documentation_row *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        all[i] = (struct documentation_row){
            .id = rows_int64(rows, row, 1),
            .display_name = rows_text_copy(rows, row, 2, arena),
            .name_key = rows_text_copy(rows, row, 3, arena),
            .web_url = rows_text_copy(rows, row, 4, arena),
            .create_time = rows_time(rows, row, 5),
            .update_time = rows_time(rows, row, 6),
            .publish_time = rows_time(rows, row, 7),
        };
        if (all[i].display_name == NULL || all[i].name_key == NULL || all[i].web_url == NULL)
            return err_no_memory(reterr);
    }
    *ret_rows = all;
    *ret_page = (struct documentation_page){
        .rows = all, .count = count, .total_size = rows_int64(rows, 0, 0)};
    return ERR_OK;
}

static void fill_checklist(const struct rows *rows, int row, struct arena *arena,
                           struct documentation_row *checklist)
{
    checklist->completed = rows_bool(rows, row, COMMON_COLUMNS);
    checklist->complete_time = rows_text_copy(rows, row, COMMON_COLUMNS + 1, arena);
    checklist->due_date = rows_text_copy(rows, row, COMMON_COLUMNS + 2, arena);
    checklist->assignee_display_name = rows_text_copy(rows, row, COMMON_COLUMNS + 3, arena);
    checklist->item_count = (int)rows_int64(rows, row, COMMON_COLUMNS + 4);
    checklist->completed_item_count = (int)rows_int64(rows, row, COMMON_COLUMNS + 5);
}

enum err_code documentation_list_documents(struct tx *tx, const struct documentation_query *query,
                                           struct arena *arena, struct documentation_page *ret_page,
                                           struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    struct documentation_row *all;
    try_(list(tx, LIST_DOCUMENTS, query, NULL, &rows, reterr));
    try_(fill_common(&rows, arena, &all, ret_page, reterr));
    for (size_t i = 0; i < ret_page->count; i++) {
        all[i].folder_path = rows_texts(&rows, (int)i, COMMON_COLUMNS, arena, &all[i].folder_count);
        all[i].uploaded_file = rows_bool(&rows, (int)i, COMMON_COLUMNS + 1);
    }
    return ERR_OK;
}

enum err_code documentation_list_flexible_assets(struct tx *tx,
                                                 const struct documentation_query *query,
                                                 struct arena *arena,
                                                 struct documentation_page *ret_page,
                                                 struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    struct documentation_row *all;
    try_(list(tx, LIST_FLEXIBLE_ASSETS, query, &ARG_INT64(query->type_id), &rows, reterr));
    try_(fill_common(&rows, arena, &all, ret_page, reterr));
    for (size_t i = 0; i < ret_page->count; i++) {
        all[i].type_id = rows_int64(&rows, (int)i, COMMON_COLUMNS);
        all[i].type_display_name = rows_text_copy(&rows, (int)i, COMMON_COLUMNS + 1, arena);
    }
    return ERR_OK;
}

enum err_code documentation_list_checklists(struct tx *tx, const struct documentation_query *query,
                                            struct arena *arena,
                                            struct documentation_page *ret_page, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    struct documentation_row *all;
    try_(list(tx, LIST_CHECKLISTS, query, &ARG_INT64(query->completed), &rows, reterr));
    try_(fill_common(&rows, arena, &all, ret_page, reterr));
    for (size_t i = 0; i < ret_page->count; i++)
        fill_checklist(&rows, (int)i, arena, &all[i]);
    return ERR_OK;
}

// Since when upstream gives a record that cannot be read (sync/apply.c names it so).
#define SPOILED(task_kind, collection)                                             \
    " (SELECT i.create_time FROM sync_issue i WHERE i.tenant = $1"                 \
    "   AND i.connection_id = " SIGHT_CONNECTION " AND i.kind = 1 AND i.state = 1" \
    "   AND i.task_kind = " #task_kind " AND i.subject = '" collection "/' || $3::bigint)"

// Parameters of each: $1 tenant, $2 company, $3 id. The columns of COMMON first.
#define ONE(kind, spoiled, columns, join, condition)                                              \
    "SELECT 1, r.id, r.display_name, '', r.web_url, r.create_time, r.update_time, r.publish_time" \
    "," columns ", r.archived," spoiled "  FROM mapping m"                                        \
    "  JOIN connection_config k ON k.tenant = $1 AND k.connection_id = m.connection_id"           \
    "  JOIN record r ON r.tenant = $1 AND r.connection_id = m.connection_id AND r.kind = " #kind  \
    "       AND r.id = $3 AND r.organization_id = m.organization_id" join                         \
    " WHERE m.tenant = $1 AND m.connection_id = " SIGHT_CONNECTION " AND m.company_id = $2"       \
    "   AND" SIGHT_SHOWN("r", "k") condition

// A row a section, at least one; what is looked for in the folders and in the body stands in the
// first of them alone.
static const struct statement GET_DOCUMENT = {
    "documentation_get_document",
    ONE(4, SPOILED(2, "documents"),
        " CASE WHEN f.id IS NOT NULL AND coalesce(s.place, 1) = 1 THEN" SIGHT_FOLDER_PATH(
            "f") " END,"
                 " coalesce(s.place, 1) = 1 AND coalesce((r.body->>'is_uploaded')::boolean, false),"
                 " s.place, s.value->>'kind', s.value->>'level', s.value->>'html'",
        " LEFT JOIN record f ON f.tenant = $1 AND f.connection_id = m.connection_id AND f.kind = 3"
        "      AND f.id = r.folder_id"
        "      AND f.organization_id IS NOT DISTINCT FROM r.organization_id"
        " LEFT JOIN LATERAL jsonb_array_elements(r.body->'sections') WITH ORDINALITY"
        "      s(value, place) ON true",
        " AND" SIGHT_DOCUMENT_SHOWN("r", "k", SIGHT_FOLDER_OPEN("f"))) " ORDER BY s.place",
};

// A row a trait, at least one.
static const struct statement GET_FLEXIBLE_ASSET = {
    "documentation_get_flexible_asset",
    ONE(5, SPOILED(4, "flexibleAssets"),
        " r.type_id, y.display_name, e.key, e.value,"
        " CASE WHEN coalesce(e.place, 1) = 1 THEN y.body END",
        " JOIN flexible_asset_type y ON y.tenant = $1 AND y.connection_id = m.connection_id"
        "      AND y.id = r.type_id"
        " LEFT JOIN LATERAL jsonb_each(r.body->'traits') WITH ORDINALITY e(key, value, place)"
        "      ON true",
        " AND" SIGHT_ASSET_SHOWN("r", "$2")) " ORDER BY e.place",
};

static const struct statement GET_CHECKLIST = {
    "documentation_get_checklist",
    ONE(6, SPOILED(5, "checklists"), CHECKLIST_COLUMNS ", r.type_id, r.body", "", ""),
};

static enum err_code get(struct tx *tx, const struct statement *statement,
                         const struct documentation_key *key, struct arena *arena,
                         struct rows *rows, struct documentation_row **ret_row, struct err *reterr)
{
    struct documentation_page page;
    try_(tx_query(tx, statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(key->company_id), ARG_INT64(key->id)),
                  rows, reterr));
    if (rows_count(rows) == 0)
        return err_set(reterr, ERR_RESOURCE_NOT_FOUND, "%s", "");
    return fill_common(rows, arena, ret_row, &page, reterr);
}

// What is said of single records alone.
static void fill_single(const struct rows *rows, int column, struct documentation_row *row)
{
    row->archived = rows_bool(rows, 0, column);
    row->spoil_time = rows_time(rows, 0, column + 1);
}

static void fill_content(const struct rows *rows, int column, struct documentation_row *row)
{
    row->content = rows_text(rows, 0, column);
    row->content_len = rows_len(rows, 0, column);
}

enum err_code documentation_get_document(struct tx *tx, const struct documentation_key *key,
                                         struct arena *arena, struct rows *ret_rows,
                                         struct documentation_row *ret_row, struct err *reterr)
{
    struct documentation_row *row;
    try_(get(tx, &GET_DOCUMENT, key, arena, ret_rows, &row, reterr));
    row->folder_path = rows_texts(ret_rows, 0, COMMON_COLUMNS, arena, &row->folder_count);
    row->uploaded_file = rows_bool(ret_rows, 0, COMMON_COLUMNS + 1);
    fill_single(ret_rows, COMMON_COLUMNS + 6, row);
    size_t count = rows_null(ret_rows, 0, COMMON_COLUMNS + 2) ? 0 : (size_t)rows_count(ret_rows);
    struct documentation_section *sections = arena_calloc(arena, count + 1, sizeof(*sections));
    if (sections == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        sections[i] = (struct documentation_section){
            .kind = rows_text(ret_rows, (int)i, COMMON_COLUMNS + 3),
            .level = rows_int64(ret_rows, (int)i, COMMON_COLUMNS + 4),
            .html = rows_text(ret_rows, (int)i, COMMON_COLUMNS + 5),
            .html_len = rows_len(ret_rows, (int)i, COMMON_COLUMNS + 5),
        };
    row->sections = sections;
    row->section_count = count;
    *ret_row = *row;
    return ERR_OK;
}

enum err_code documentation_get_flexible_asset(struct tx *tx, const struct documentation_key *key,
                                               struct arena *arena, struct rows *ret_rows,
                                               struct documentation_row *ret_row,
                                               struct err *reterr)
{
    struct documentation_row *row;
    try_(get(tx, &GET_FLEXIBLE_ASSET, key, arena, ret_rows, &row, reterr));
    row->type_id = rows_int64(ret_rows, 0, COMMON_COLUMNS);
    row->type_display_name = rows_text_copy(ret_rows, 0, COMMON_COLUMNS + 1, arena);
    row->type_body = rows_text(ret_rows, 0, COMMON_COLUMNS + 4);
    fill_single(ret_rows, COMMON_COLUMNS + 5, row);
    size_t count = rows_null(ret_rows, 0, COMMON_COLUMNS + 2) ? 0 : (size_t)rows_count(ret_rows);
    struct documentation_trait *traits = arena_calloc(arena, count + 1, sizeof(*traits));
    if (row->type_display_name == NULL || traits == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        traits[i] = (struct documentation_trait){
            .key = rows_text(ret_rows, (int)i, COMMON_COLUMNS + 2),
            .value = rows_text(ret_rows, (int)i, COMMON_COLUMNS + 3),
            .value_len = rows_len(ret_rows, (int)i, COMMON_COLUMNS + 3),
            .tags_shown = "",
        };
    row->traits = traits;
    row->trait_count = count;
    *ret_row = *row;
    return ERR_OK;
}

enum err_code documentation_get_checklist(struct tx *tx, const struct documentation_key *key,
                                          struct arena *arena, struct rows *ret_rows,
                                          struct documentation_row *ret_row, struct err *reterr)
{
    struct documentation_row *row;
    try_(get(tx, &GET_CHECKLIST, key, arena, ret_rows, &row, reterr));
    fill_checklist(ret_rows, 0, arena, row);
    row->type_id = rows_int64(ret_rows, 0, COMMON_COLUMNS + 6);
    fill_content(ret_rows, COMMON_COLUMNS + 7, row);
    fill_single(ret_rows, COMMON_COLUMNS + 8, row);
    *ret_row = *row;
    return ERR_OK;
}
