#include "server/store/suggestion.h"

// company_like() (migrations/*_match.sql) is the only thing that may look into the index of
// trigrams: row level security keeps the server's role from using it in a statement of its own. Two
// names that are alike in all trigrams can still differ, in the order of their words for one.
static const struct statement find_sql = {
    "suggestion_find",
    "WITH asked AS MATERIALIZED (SELECT row_number() OVER (ORDER BY g.place) AS place, o.id,"
    "  o.name_key, name_core(o.name_key) AS core, o.psa_ids"
    " FROM unnest($4::bigint[]) WITH ORDINALITY AS g (id, place)"
    " JOIN organization o ON o.tenant = $1 AND o.connection_id = $2 AND o.id = g.id),"
    " free AS ("
    " SELECT a.place, c.id, true AS psa, 0::real AS similarity FROM asked a"
    " CROSS JOIN LATERAL unnest(a.psa_ids) AS p (id)"
    " JOIN company c ON c.tenant = $1 AND c.psa_type = $3 AND c.psa_external_id = p.id"
    " WHERE $3 BETWEEN 1 AND 6 AND NOT EXISTS (SELECT FROM mapping m WHERE m.tenant = $1"
    "  AND m.connection_id = $2 AND m.company_id = c.id)"
    " UNION ALL SELECT place, company_id, false, similarity"
    " FROM company_like($2, ARRAY(SELECT core FROM asked ORDER BY place))),"
    " best AS (SELECT place, id, bool_or(psa) AS psa, max(similarity) AS similarity FROM free"
    "  GROUP BY place, id),"
    " judged AS (SELECT a.place, a.id AS organization_id, c.id, c.display_name, CASE"
    "  WHEN b.psa THEN 1 WHEN c.name_key = a.name_key THEN 2 WHEN c.core = a.core THEN 3"
    "  ELSE 4 END AS source, b.similarity FROM best b JOIN asked a USING (place)"
    "  JOIN company c ON c.tenant = $1 AND c.id = b.id),"
    " scored AS (SELECT *, CASE source WHEN 1 THEN 100 WHEN 2 THEN 100 WHEN 3 THEN 95"
    "  ELSE round(90 * similarity)::bigint END AS confidence FROM judged),"
    " ranked AS (SELECT *, row_number() OVER (PARTITION BY place"
    "  ORDER BY confidence DESC, source, id) AS rank FROM scored)"
    " SELECT organization_id, id, display_name, source, confidence FROM ranked WHERE rank <= 5"
    " ORDER BY place, rank"};

enum err_code suggestion_find(struct tx *tx, const char *connection_id, int psa_type,
                              const int64_t *ids, size_t count, struct arena *arena,
                              struct suggestion **ret_suggestions, size_t *ret_count,
                              struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_suggestions = NULL;
    *ret_count = 0;
    if (count == 0)
        return ERR_OK;
    try_(tx_query(tx, &find_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(psa_type),
                       ARG_INT64S(ids, count)),
                  &rows, reterr));
    size_t found = (size_t)rows_count(&rows);
    struct suggestion *suggestions = arena_calloc(arena, found + 1, sizeof(*suggestions));
    if (suggestions == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < found; i++) {
        int row = (int)i;
        suggestions[i] = (struct suggestion){
            .organization_id = rows_int64(&rows, row, 0),
            .company_id = rows_text_copy(&rows, row, 1, arena),
            .company_display_name = rows_text_copy(&rows, row, 2, arena),
            .source = (int)rows_int64(&rows, row, 3),
            .confidence = (int)rows_int64(&rows, row, 4),
        };
        if (suggestions[i].company_id == NULL || suggestions[i].company_display_name == NULL)
            return err_no_memory(reterr);
    }
    *ret_suggestions = suggestions;
    *ret_count = found;
    return ERR_OK;
}
