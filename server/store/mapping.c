#include "server/store/mapping.h"

// ON CONFLICT waits until a concurrent mapping of the company is decided, and leaves the
// transaction of the loser able to read who won. In the order of ids, so that two batches never
// wait for each other in a circle.
static const struct statement add_sql = {
    "mapping_add",
    "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
    "  actor_subject, actor_display_name, actor_kind, create_time, slot)"
    " SELECT $1, $2, g.organization_id, g.company_id, g.source, $6, $7, $8, $9,"
    "  CASE WHEN c.several_organizations THEN g.organization_id ELSE 0 END"
    " FROM unnest($3::bigint[], $4::text[], $5::bigint[]) AS g (organization_id, company_id,"
    "  source) JOIN connection c ON c.tenant = $1 AND c.id = $2"
    " ORDER BY g.organization_id ON CONFLICT DO NOTHING"};

static const struct statement missing_sql = {
    "mapping_missing",
    "SELECT g.company_id, t.organization_id"
    " FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS g (organization_id, company_id,"
    "  place)"
    " LEFT JOIN mapping t ON t.tenant = $1 AND t.connection_id = $2"
    "  AND t.company_id = g.company_id"
    " WHERE NOT EXISTS (SELECT FROM mapping m WHERE m.tenant = $1 AND m.connection_id = $2"
    "  AND m.organization_id = g.organization_id AND m.company_id = g.company_id)"
    " ORDER BY g.place LIMIT 1"};

static const struct statement drop_sql = {
    "mapping_drop",
    "DELETE FROM mapping WHERE tenant = $1 AND connection_id = $2 AND organization_id = ANY ($3)"};

// Of the companies that have several, the first, with its last organization.
static const struct statement several_sql = {
    "mapping_several",
    "SELECT company_id, max(organization_id) FROM mapping WHERE tenant = $1 AND connection_id = $2"
    " GROUP BY company_id HAVING count(*) > 1 ORDER BY company_id LIMIT 1"};

static const struct statement single_sql = {
    "mapping_make_single",
    "UPDATE mapping SET slot = 0 WHERE tenant = $1 AND connection_id = $2 AND slot <> 0"};

// What was renamed before it was mapped is no news.
static const struct statement mark_sql = {
    "mapping_mark",
    "WITH seen AS (DELETE FROM organization_finding WHERE tenant = $1 AND connection_id = $2"
    "  AND organization_id = ANY ($3))"
    " UPDATE organization SET revision = revision + 1, ignored = false, previous_display_name = ''"
    " WHERE tenant = $1 AND connection_id = $2 AND id = ANY ($3)"};

// The outcome of a pass is a number of QuickMatchResponse.Outcome; 0: the pass says nothing.
// `claim` is every pair of a live organization and a company with the same PSA identity; an
// organization that a person set aside claims nothing.
static const struct statement judge_sql = {
    "mapping_judge",
    "WITH live AS MATERIALIZED ("
    " SELECT o.id, o.display_name, o.name_key, o.psa_ids, o.ignored, m.company_id FROM "
    "organization o"
    " LEFT JOIN mapping m ON m.tenant = o.tenant AND m.connection_id = o.connection_id"
    "  AND m.organization_id = o.id"
    " WHERE o.tenant = $1 AND o.connection_id = $2 AND (NOT o.gone OR m.company_id IS NOT NULL)),"
    " claim AS MATERIALIZED ("
    " SELECT DISTINCT l.id AS organization_id, c.id AS company_id FROM live l"
    " CROSS JOIN LATERAL unnest(l.psa_ids) AS p (id)"
    " JOIN company c ON c.tenant = $1 AND c.psa_type = $3 AND c.psa_external_id = p.id"
    " WHERE $3 BETWEEN 1 AND 6 AND NOT l.ignored),"
    " claimed AS (SELECT organization_id, count(*) AS companies, min(company_id) AS company_id,"
    "  (array_agg(company_id ORDER BY company_id))[1:10] AS candidates"
    " FROM claim GROUP BY organization_id),"
    " contested AS (SELECT company_id FROM claim GROUP BY company_id HAVING count(*) > 1),"
    " other_kind AS (SELECT DISTINCT l.id FROM live l"
    " CROSS JOIN LATERAL unnest(l.psa_ids) AS p (id)"
    " JOIN company c ON c.tenant = $1 AND c.psa_type NOT IN (0, $3) AND c.psa_external_id = p.id),"
    " first AS MATERIALIZED ("
    " SELECT l.*, p.company_id AS psa_company, p.candidates, CASE"
    "  WHEN p.organization_id IS NULL THEN 0"
    "  WHEN p.companies > 1 THEN 9"
    "  WHEN t.company_id IS NOT NULL THEN 10"
    "  WHEN x.company_id IS NOT NULL THEN 9"
    "  ELSE 1 END AS outcome"
    " FROM live l LEFT JOIN claimed p ON p.organization_id = l.id"
    " LEFT JOIN mapping t ON t.tenant = $1 AND t.connection_id = $2"
    "  AND t.company_id = p.company_id"
    " LEFT JOIN contested x ON x.company_id = p.company_id"
    " WHERE l.company_id IS NULL AND NOT l.ignored),"
    " namesake AS (SELECT name_key, count(*) AS companies, min(id) AS company_id,"
    "  (array_agg(id ORDER BY id))[1:10] AS candidates"
    " FROM company WHERE tenant = $1 AND name_key <> '' GROUP BY name_key),"
    " bearer AS (SELECT name_key FROM live WHERE NOT ignored GROUP BY name_key"
    "  HAVING count(*) > 1),"
    " taken AS (SELECT company_id FROM mapping WHERE tenant = $1 AND connection_id = $2"
    "  UNION SELECT psa_company FROM first WHERE outcome = 1),"
    " second AS ("
    " SELECT f.id, CASE"
    "  WHEN n.companies = 1 AND t.company_id IS NOT NULL THEN 10"
    "  WHEN n.companies > 1 OR b.name_key IS NOT NULL OR x.company_id IS NOT NULL THEN 9"
    "  WHEN cardinality(f.psa_ids) > 0 AND $3 BETWEEN 1 AND 6 AND c.psa_type = $3 THEN 5"
    "  ELSE 2 END AS outcome, n.company_id, n.candidates"
    " FROM first f JOIN namesake n ON n.name_key = f.name_key"
    " JOIN company c ON c.tenant = $1 AND c.id = n.company_id"
    " LEFT JOIN taken t ON t.company_id = n.company_id"
    " LEFT JOIN contested x ON x.company_id = n.company_id"
    " LEFT JOIN bearer b ON b.name_key = f.name_key"
    " WHERE f.outcome = 0),"
    " psa_in_use AS (SELECT EXISTS (SELECT FROM company WHERE tenant = $1 AND psa_type <> 0"
    "  AND ($3 = 0 OR psa_type = $3)) AS yes),"
    " verdict AS ("
    " SELECT l.id, l.display_name, CASE"
    "  WHEN l.company_id IS NOT NULL THEN 3"
    "  WHEN l.ignored THEN 11"
    "  WHEN f.outcome <> 0 THEN f.outcome"
    "  WHEN s.outcome <> 0 THEN s.outcome"
    "  WHEN $3 IN (7, 8) THEN 7"
    "  WHEN cardinality(l.psa_ids) = 0 THEN CASE WHEN u.yes THEN 4 ELSE 8 END"
    "  WHEN $3 = 0 THEN 12"
    "  WHEN k.id IS NOT NULL THEN 6"
    "  ELSE 5 END AS outcome,"
    "  l.company_id AS mapped_company, coalesce(f.psa_company, s.company_id) AS company_id,"
    "  coalesce(f.candidates, s.candidates) AS candidates"
    " FROM live l CROSS JOIN psa_in_use u LEFT JOIN first f ON f.id = l.id"
    " LEFT JOIN second s ON s.id = l.id LEFT JOIN other_kind k ON k.id = l.id)"
    " SELECT v.id, v.display_name, v.outcome, coalesce(c.id, ''),"
    "  CASE WHEN v.outcome IN (5, 9, 10) THEN coalesce(v.candidates, '{}') ELSE '{}' END,"
    "  coalesce(c.display_name, '')"
    " FROM verdict v LEFT JOIN company c ON c.tenant = $1 AND c.id ="
    "  coalesce(v.mapped_company, CASE WHEN v.outcome IN (1, 2) THEN v.company_id END)"
    " ORDER BY v.display_name, v.id"};

// Until the tables' statistics are made, some minutes after the first inventory, the planner takes
// each part of the judgement for a single row and would join thousands of them by nested loops.
static const struct statement nested_loops_sql = {"mapping_nested_loops",
                                                  "SELECT set_config('enable_nestloop', $1, true)"};

static const struct statement lock_sql = {
    "mapping_lock", "SELECT FROM connection WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE"};

enum err_code mapping_lock(struct tx *tx, const char *connection_id, struct err *reterr)
{
    return tx_run(tx, &lock_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code mapping_add(struct tx *tx, const char *connection_id,
                          const struct mapping_match *match, const struct principal *actor,
                          int64_t time_us, bool *ret_all, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &add_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(match->organization_ids, match->count),
                       ARG_TEXTS(match->company_ids, match->count),
                       ARG_INT64S(match->sources, match->count), ARG_TEXT(actor->subject),
                       ARG_TEXT(actor->display_name), ARG_INT64(actor->actor), ARG_TIME(time_us)),
                  &rows, reterr));
    *ret_all = rows_affected(&rows) == (int64_t)match->count;
    return ERR_OK;
}

enum err_code mapping_missing(struct tx *tx, const char *connection_id,
                              const struct mapping_match *match, struct arena *arena, bool *ret_all,
                              const char **ret_company_id, int64_t *ret_organization_id,
                              struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &missing_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(match->organization_ids, match->count),
                       ARG_TEXTS(match->company_ids, match->count)),
                  &rows, reterr));
    *ret_all = rows_count(&rows) == 0;
    *ret_company_id = *ret_all ? "" : rows_text_copy(&rows, 0, 0, arena);
    *ret_organization_id = *ret_all ? 0 : rows_int64(&rows, 0, 1);
    return *ret_company_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code mapping_drop(struct tx *tx, const char *connection_id,
                           const int64_t *organization_ids, size_t count, struct err *reterr)
{
    return tx_run(
        tx, &drop_sql,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(organization_ids, count)),
        reterr);
}

enum err_code mapping_make_single(struct tx *tx, const char *connection_id, struct arena *arena,
                                  const char **ret_company_id, int64_t *ret_organization_id,
                                  struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    const struct arg args[] = {ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)};
    *ret_company_id = NULL;
    try_(tx_query(tx, &several_sql, args, ARRAY_LEN(args), &rows, reterr));
    if (rows_count(&rows) == 0)
        return tx_run(tx, &single_sql, args, ARRAY_LEN(args), reterr);
    *ret_company_id = rows_text_copy(&rows, 0, 0, arena);
    *ret_organization_id = rows_int64(&rows, 0, 1);
    return *ret_company_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code mapping_mark(struct tx *tx, const char *connection_id,
                           const int64_t *organization_ids, size_t count, struct err *reterr)
{
    return tx_run(
        tx, &mark_sql,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(organization_ids, count)),
        reterr);
}

enum err_code mapping_judge(struct tx *tx, const char *connection_id, int psa_type,
                            struct arena *arena, struct mapping_verdict **ret_verdicts,
                            size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_run(tx, &nested_loops_sql, ARGS(ARG_TEXT("off")), reterr));
    try_(tx_query(tx, &judge_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(psa_type)),
                  &rows, reterr));
    try_(tx_run(tx, &nested_loops_sql, ARGS(ARG_TEXT("on")), reterr));
    size_t count = (size_t)rows_count(&rows);
    struct mapping_verdict *verdicts = arena_calloc(arena, count + 1, sizeof(*verdicts));
    if (verdicts == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        struct mapping_verdict *verdict = &verdicts[i];
        int row = (int)i;
        verdict->organization_id = rows_int64(&rows, row, 0);
        verdict->organization_display_name = rows_text_copy(&rows, row, 1, arena);
        verdict->outcome = (int)rows_int64(&rows, row, 2);
        verdict->company_id = rows_text_copy(&rows, row, 3, arena);
        verdict->candidates = rows_texts(&rows, row, 4, arena, &verdict->candidate_count);
        verdict->company_display_name = rows_text_copy(&rows, row, 5, arena);
        if (verdict->organization_display_name == NULL || verdict->company_id == NULL ||
            verdict->company_display_name == NULL ||
            (verdict->candidates == NULL && rows_len(&rows, row, 4) > 2)) // {}: none
            return err_no_memory(reterr);
    }
    *ret_verdicts = verdicts;
    *ret_count = count;
    return ERR_OK;
}
