#include "server/store/search.h"

#include "server/store/company_set.h"
#include "server/store/record_sight.h"

enum err_code search_place_get(struct tx *tx, struct arena *arena, struct search_place *ret_place,
                               struct err *reterr)
{
    static const struct statement statement = {
        "search_place",
        "SELECT c.id, CASE WHEN p.level_time IS NULL OR p.sequence < s.sequence THEN p.level_time"
        "  ELSE now() END"
        " FROM (SELECT id FROM connection WHERE tenant = $1 AND state <> 4"
        "  ORDER BY state IN (1, 2) DESC, create_time DESC LIMIT 1) c"
        " JOIN record_sequence s ON s.tenant = $1 AND s.connection_id = c.id"
        " JOIN search_progress p ON p.tenant = $1 AND p.connection_id = c.id"};
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_place = (struct search_place){0};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_place = (struct search_place){rows_text_copy(&rows, 0, 0, arena), rows_time(&rows, 0, 1)};
    return ret_place->connection_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

// What is looked for: a query of words, or a pattern of LIKE.
#define ASKED                                                                                 \
    "asked AS MATERIALIZED (SELECT"                                                           \
    " CASE WHEN NOT $8::boolean THEN search_query($7) END AS words,"                          \
    " CASE WHEN $8 THEN '%' || regexp_replace(fold($7), '([\\\\%_])', '\\\\\\1', 'g') || '%'" \
    "  END AS piece)"

// The organizations of the companies in sight, and the account's where templates are.
#define PLACE                                                                                 \
    RECORD_SIGHT_PLACE(" AND ($3::text IS NULL OR m.company_id = $3)"                         \
                       " AND ($4::boolean OR m.company_id = ANY ($5::text[])"                 \
                       "      OR " OF_COMPANY_SET("m.company_id") ")")                        \
    ", own AS MATERIALIZED (SELECT array_agg(organization_id)"                                \
    "  || CASE WHEN bool_or(checklists) THEN '{0}'::bigint[] ELSE '{}' END AS organizations," \
    "  count(*) AS count FROM place)"

// The newest $11 of them (of each organization if there are few), so that their number is bounded
// whatever is common.
#define RAW                                                                                   \
    "raw AS MATERIALIZED (SELECT h.* FROM asked a CROSS JOIN own CROSS JOIN LATERAL"          \
    "  search_find($2, own.organizations, $6::bigint[]::smallint[], a.words, a.piece, $11) h" \
    "  WHERE own.count > 0)"

// What decides on the sight of each hit. To look up one record takes as long as to read eight in a
// row of an organization's index: where no more than that belong to the companies, all are read. Of
// few organizations only, as search_find has it: they and the account's are four at most.
#define WHOLE                                                                             \
    "most AS MATERIALIZED (SELECT CASE WHEN own.count <= 3 THEN 8 * raw.count ELSE 0 END" \
    "  AS count FROM own CROSS JOIN (SELECT count(*) FROM raw) raw),"                     \
    " whole AS MATERIALIZED (SELECT " RECORD_SIGHT_COLUMNS " FROM record r"               \
    "  WHERE r.tenant = $1 AND r.connection_id = $2 AND r.kind IN (4, 5, 6, 7)"           \
    "   AND r.organization_id = ANY ((SELECT organizations FROM own)::bigint[])"          \
    "  LIMIT (SELECT count + 1 FROM most)),"                                              \
    " way AS MATERIALIZED (SELECT (SELECT count(*) FROM whole) <= count AS whole FROM most)"
// The record of a hit h by its primary key, as record_diff (record.c) has it and for its reason.
#define RECORD_OF_HIT                                                        \
    "LATERAL (SELECT * FROM record WHERE tenant = $1 AND connection_id = $2" \
    "  AND record.kind = h.kind AND record.id >= h.id AND record.id <= h.id" \
    "  ORDER BY record.id LIMIT 1) r"
// In the order of the key, so that neighbours are found in the same pages.
#define LOOKED                                                                 \
    "looked AS (SELECT * FROM whole WHERE (SELECT whole FROM way)"             \
    "  UNION ALL SELECT " RECORD_SIGHT_COLUMNS                                 \
    "  FROM (SELECT * FROM raw ORDER BY kind, id) h CROSS JOIN " RECORD_OF_HIT \
    "  WHERE NOT (SELECT whole FROM way))"

#define KIND_SHARED RECORD_SIGHT_KIND("h.kind", "h.organization_id")
// One equality alone, for a hash join: of more than one Postgres thinks that sorting both sides is
// cheaper. k is read once, not with its policy for each hit.
#define FOUND                                                                          \
    "k AS MATERIALIZED (SELECT * FROM connection_config"                               \
    "  WHERE tenant = $1 AND connection_id = $2),"                                     \
    " found AS MATERIALIZED (SELECT h.kind, h.id, p.company_id, h.update_time, h.rank" \
    " FROM raw h JOIN looked r ON r.id = h.id AND r.kind IS NOT DISTINCT FROM h.kind"  \
    "  AND r.organization_id IS NOT DISTINCT FROM h.organization_id"                   \
    " LEFT JOIN place p ON p.organization_id = h.organization_id CROSS JOIN k"         \
    " WHERE " KIND_SHARED " AND " RECORD_SIGHT_RECORD                                  \
    " ORDER BY h.update_time DESC NULLS LAST LIMIT 5001)"
// As search_find ranks, which leaves it out of very many of many organizations.
#define RANK                                                                          \
    "CASE WHEN f.rank IS NOT NULL THEN f.rank ELSE (SELECT CASE WHEN a.words IS NULL" \
    "   THEN similarity(fragments, a.piece) ELSE ts_rank(words, a.words, 1) END"      \
    "  FROM search_entry WHERE tenant = $1 AND connection_id = $2"                    \
    "  AND search_entry.kind = f.kind AND search_entry.id >= f.id"                    \
    "  AND search_entry.id <= f.id ORDER BY search_entry.id LIMIT 1) END"

#define BY_RANK " ORDER BY h.rank DESC NULLS LAST, h.update_time DESC NULLS LAST, h.kind, h.id"
#define BEST                                                                                    \
    "best AS MATERIALIZED (SELECT * FROM (SELECT f.kind, f.id, f.company_id, f.update_time,"    \
    "   " RANK " AS rank FROM (SELECT * FROM found LIMIT 5000) f CROSS JOIN asked a) h" BY_RANK \
    " LIMIT $9 OFFSET $10)"

// A row at least, for the numbers.
static const struct statement find = {
    "search_run", "WITH " ASKED ", " PLACE ", " RAW ", " WHOLE ", " LOOKED ", " FOUND ", " BEST
                  " SELECT (SELECT count(*) FROM found), (SELECT count(*) >= $11 FROM raw),"
                  "  h.kind, h.id, h.company_id, r.display_name, r.web_url, r.update_time"
                  " FROM (VALUES (1)) one LEFT JOIN best h ON true"
                  " LEFT JOIN " RECORD_OF_HIT " ON true" BY_RANK};

// Parsing a text is slow, so only a part of it is made a snippet of: from shortly before the first
// of what is looked for to shortly behind where the last was seen, if the words, and those in a row
// as a whole, stand there as they were folded.
//
// A text t is read from its table once, and ASCII is lowered as such: ten times as fast.
//
// ts_headline() gets each word once, and any of them will do: it shows where most of them are. Of
// words in a row, or that repeat, it tries all ways to match: eight times one word in a row take a
// second, and a few more all memory there is.
#define QUOTED "'(''([^'']|'''')+'')'"
static const struct statement snippet = {
    "search_snippet",
    "WITH query AS MATERIALIZED (SELECT querytree(search_query($5)) AS tree),"
    " asked AS MATERIALIZED (SELECT"
    "  coalesce((SELECT string_agg(DISTINCT m[1], ' | ')"
    "   FROM regexp_matches(q.tree, " QUOTED ", 'g') m), '')::tsquery AS any_word,"
    "  CASE WHEN $6::boolean THEN ARRAY[lower($5)] ELSE ARRAY(SELECT btrim(m[1], '''')"
    "   FROM regexp_matches(replace(q.tree, ''' <-> ''', ' '), " QUOTED ", 'g') m)"
    "  END AS pieces, tsvector_to_array(to_tsvector('folded', $5)) AS words FROM query q)"
    " SELECT g.place, CASE WHEN $6 AND w.at > 0 THEN"
    "   substring(t.content FROM greatest(1, w.at - 80) FOR least(w.at - 1, 80)) || chr(1)"
    "   || substring(t.content FROM w.at FOR length($5)) || chr(2)"
    "   || substring(t.content FROM w.at + length($5) FOR 120)"
    "  WHEN $6 THEN left(t.content, 200)"
    "  ELSE left(ts_headline('folded', CASE WHEN w.at > 0"
    "    THEN substring(t.content FROM greatest(1, w.at - 120) FOR w.span)"
    "    ELSE left(t.content, 16000) END, a.any_word, 'StartSel=\"' || chr(1)"
    "    || '\", StopSel=\"' || chr(2) || '\", MaxWords=32, MinWords=16'), 1000) END"
    " FROM asked a CROSS JOIN unnest($3::bigint[], $4::bigint[]) WITH ORDINALITY"
    "  AS g (kind, id, place)"
    " JOIN search_entry e ON e.tenant = $1 AND e.connection_id = $2 AND e.kind = g.kind"
    "  AND e.id = g.id"
    " CROSS JOIN LATERAL (SELECT e.content || '' AS content OFFSET 0) t"
    " CROSS JOIN LATERAL (SELECT CASE WHEN octet_length(t.content) = length(t.content)"
    "   THEN lower(t.content COLLATE \"C\") ELSE lower(t.content) END AS content OFFSET 0) low"
    " CROSS JOIN LATERAL (SELECT coalesce(min(nullif(p.at, 0)), (SELECT min(nullif(s.at, 0))"
    "   FROM (SELECT strpos(low.content, word) AS at FROM unnest(a.words) word) s)) AS at,"
    "  CASE WHEN min(p.at) = 0 THEN 3000"
    "   ELSE least(max(p.at) - min(p.at) + 380, 3000) END AS span"
    "  FROM (SELECT strpos(low.content, piece) AS at FROM unnest(a.pieces) piece) p) w"};

static enum err_code add_snippets(struct tx *tx, const struct search_query *query,
                                  struct search_result *result, struct arena *arena,
                                  struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    size_t count = result->count;
    int64_t *kinds = arena_calloc(arena, count + 1, sizeof(*kinds));
    int64_t *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    if (kinds == NULL || ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        kinds[i] = result->hits[i].kind;
        ids[i] = result->hits[i].id;
    }
    if (count == 0)
        return ERR_OK;
    try_(tx_query(tx, &snippet,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(query->connection_id),
                       ARG_INT64S(kinds, count), ARG_INT64S(ids, count), ARG_TEXT(query->text),
                       ARG_BOOL(query->fragment)),
                  &rows, reterr));
    // An entry can go between two statements: then its hit has none.
    for (size_t i = 0; i < count; i++)
        result->hits[i].snippet = "";
    for (int i = 0; i < rows_count(&rows); i++) {
        const char *text = rows_text_copy(&rows, i, 1, arena);
        if (text == NULL)
            return err_no_memory(reterr);
        result->hits[rows_int64(&rows, i, 0) - 1].snippet = text;
    }
    return ERR_OK;
}

static enum err_code fill(const struct rows *rows, struct arena *arena,
                          struct search_result *ret_result, struct err *reterr)
{
    size_t count = rows_null(rows, 0, 3) ? 0 : (size_t)rows_count(rows);
    struct search_hit *hits = arena_calloc(arena, count + 1, sizeof(*hits));
    if (hits == NULL)
        return err_no_memory(reterr);
    int64_t found = rows_int64(rows, 0, 0);
    *ret_result = (struct search_result){
        .hits = hits,
        .count = count,
        .total = found > SEARCH_RANKED_MAX ? SEARCH_RANKED_MAX : found,
        .lower_bound = found > SEARCH_RANKED_MAX || rows_bool(rows, 0, 1),
    };
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        hits[i] = (struct search_hit){
            .kind = rows_int64(rows, row, 2),
            .id = rows_int64(rows, row, 3),
            .company_id = rows_text_copy(rows, row, 4, arena),
            .display_name = rows_text_copy(rows, row, 5, arena),
            .web_url = rows_text_copy(rows, row, 6, arena),
            .update_time = rows_time(rows, row, 7),
        };
        if (hits[i].display_name == NULL || hits[i].web_url == NULL)
            return err_no_memory(reterr);
    }
    return ERR_OK;
}

enum err_code search_run(struct tx *tx, const struct search_query *query, struct arena *arena,
                         struct search_result *ret_result, struct err *reterr)
{
    // Nearly always the newest few are enough for all that are ranked. If very many of them are out
    // of sight, more are looked at.
    static const int64_t looked_at[] = {SEARCH_RANKED_MAX + 1000, 50000};
    for (size_t i = 0; i < ARRAY_LEN(looked_at); i++) {
        struct rows rows _cleanup_(rows_done) = {0};
        try_(tx_query(tx, &find,
                      ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(query->connection_id),
                           ARG_TEXT(query->company_id), ARG_BOOL(query->all_companies),
                           ARG_TEXTS(query->companies, query->company_count),
                           ARG_INT64S(query->kinds, query->kind_count), ARG_TEXT(query->text),
                           ARG_BOOL(query->fragment), ARG_INT64(query->limit),
                           ARG_INT64(query->offset), ARG_INT64(looked_at[i])),
                      &rows, reterr));
        try_(fill(&rows, arena, ret_result, reterr));
        if (ret_result->total == SEARCH_RANKED_MAX || !ret_result->lower_bound)
            break;
    }
    return add_snippets(tx, query, ret_result, arena, reterr);
}
