#include "server/store/change.h"

#include <stdio.h>

#include "server/store/record_sight.h"

// How the company `who` stands, as one row: its tenant's connection, the sequence, three prints.
#define STAND(who)                                                                       \
    "(SELECT c.id AS connection_id, s.sequence, s.forgotten_sequence,"                   \
    "  md5(concat_ws('/', c.id, o.ids, f.documents_enabled, f.restricted_shown,"         \
    "   f.archived_shown, f.unpublished_shown, coalesce(d.documents_hidden, false)))"    \
    "   AS documents,"                                                                   \
    "  md5(concat_ws('/', c.id, o.ids, f.restricted_shown, f.archived_shown,"            \
    "   (SELECT string_agg(t.id::text, ',' ORDER BY t.id)"                               \
    "   FROM flexible_asset_type t WHERE t.tenant = $1 AND t.connection_id = c.id"       \
    "    AND t.enabled AND t.upstream_state = 1 AND NOT EXISTS ("                        \
    "     SELECT FROM company_hidden_type x WHERE x.tenant = $1 AND x.company_id = " who \
    "     AND x.connection_id = c.id AND x.type_id = t.id))))"                           \
    "   AS assets,"                                                                      \
    "  md5(concat_ws('/', c.id, o.ids, f.checklists_enabled, f.restricted_shown,"        \
    "   f.archived_shown,"                                                               \
    "   coalesce(d.checklists_hidden, false))) AS checklists"                            \
    " FROM (SELECT id FROM connection WHERE tenant = $1 AND state <> 4"                  \
    "   ORDER BY state IN (1, 2) DESC, create_time DESC LIMIT 1) c"                      \
    " JOIN record_sequence s ON s.tenant = $1 AND s.connection_id = c.id"                \
    " LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = c.id"         \
    " LEFT JOIN company_documentation_access d ON d.tenant = $1 AND d.company_id = " who \
    " CROSS JOIN LATERAL (SELECT string_agg(m.organization_id::text, ','"                \
    "    ORDER BY m.organization_id) AS ids FROM mapping m WHERE m.tenant = $1"          \
    "   AND m.connection_id = c.id AND m.company_id = " who ") o)"

enum err_code change_stand_get(struct tx *tx, const char *company_id,
                               struct change_stand *ret_stand, struct err *reterr)
{
    static const struct statement statement = {
        "change_stand", "SELECT connection_id, sequence, forgotten_sequence, documents, assets,"
                        " checklists FROM " STAND("$2") " stand"};
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_stand = (struct change_stand){0};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id)), &rows,
                  reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_stand->sequence = rows_int64(&rows, 0, 1);
    ret_stand->forgotten_sequence = rows_int64(&rows, 0, 2);
    char *const texts[] = {ret_stand->documents, ret_stand->assets, ret_stand->checklists};
    (void)snprintf(ret_stand->connection_id, CHANGE_ID_BYTES, "%s", rows_text(&rows, 0, 0));
    for (int i = 0; i < 3; i++)
        (void)snprintf(texts[i], CHANGE_PRINT_BYTES, "%s", rows_text(&rows, 0, 3 + i));
    return ERR_OK;
}

#define PLACE RECORD_SIGHT_PLACE(" AND m.company_id = $3")
// Behind the place, in the order of sequence, kind and id.
#define BEHIND(sequence, kind, id)           \
    sequence " >= $4 AND " sequence " <= $7" \
             " AND (" sequence ", " kind ", " id ") > ($4, $5, $6)"
#define STORED_BEHIND BEHIND("c.sequence", "c.kind", "i.id")
#define GONE_BEHIND BEHIND("g.change_sequence", "g.kind", "g.id")
// Templates of the account are everybody's.
#define OF_COMPANY " organization_id IN (SELECT organization_id FROM place)"
#define OF_ACCOUNT " (kind = 7 AND organization_id = 0)"
// Of the records that were stored, those that did not change again since.
#define STORED                                                                        \
    "SELECT r.* FROM record_change c CROSS JOIN LATERAL unnest(c.ids) AS i (id)"      \
    " JOIN LATERAL (SELECT change_sequence, kind, id, organization_id"                \
    "  FROM record WHERE tenant = $1 AND connection_id = $2 AND record.kind = c.kind" \
    "  AND record.id >= i.id AND record.id <= i.id ORDER BY record.id LIMIT 1) r"     \
    " ON r.change_sequence = c.sequence"                                              \
    " WHERE c.tenant = $1 AND c.connection_id = $2 AND " STORED_BEHIND
#define GONE                                                                \
    "SELECT g.change_sequence, g.kind, g.id, g.organization_id"             \
    " FROM record_tombstone g WHERE g.tenant = $1 AND g.connection_id = $2" \
    " AND " GONE_BEHIND
#define SHARED RECORD_SIGHT_KIND("r.kind", "r.organization_id")
// Whether the company sees r, a record or the tombstone of one, in its place p.
#define SEES "coalesce(" SHARED ", false) AND coalesce(" RECORD_SIGHT_RECORD ", false)"

static const struct statement list = {
    "change_list",
    "WITH " PLACE ", home AS (SELECT * FROM place UNION ALL SELECT 0, '', false, false),"
    " changed (change_sequence, kind, id) AS ("
    "  SELECT change_sequence, kind, id FROM (" STORED " UNION ALL " GONE ") b"
    "   (change_sequence, kind, id, organization_id)"
    "  WHERE" OF_COMPANY " OR" OF_ACCOUNT
    "  GROUP BY change_sequence, kind, id ORDER BY change_sequence, kind, id LIMIT $8)"
    " SELECT g.change_sequence, g.kind, g.id, coalesce(now.sees, false),"
    "  coalesce(before.sees, false), coalesce(now.is_new, false), now.display_name,"
    "  now.update_time"
    " FROM changed g LEFT JOIN connection_config k ON k.tenant = $1 AND k.connection_id = $2"
    " LEFT JOIN LATERAL (SELECT r.display_name, r.update_time,"
    "   (r.create_sequence, r.kind, r.id) > ($4, $5, $6) AS is_new,"
    "   " SEES " AS sees FROM (SELECT * FROM record WHERE tenant = $1 AND connection_id = $2"
    "    AND record.kind = g.kind AND record.id >= g.id AND record.id <= g.id"
    "    ORDER BY record.id LIMIT 1) r JOIN home p ON p.organization_id = r.organization_id"
    "  WHERE r.change_sequence = g.change_sequence) now ON true"
    // What has gone to another organization of the company may have been in sight at either.
    " LEFT JOIN LATERAL (SELECT bool_or(" SEES ") AS sees FROM home p JOIN record_tombstone r"
    "   ON r.tenant = $1 AND r.connection_id = $2 AND r.change_sequence = g.change_sequence"
    "   AND r.organization_id = p.organization_id AND r.kind = g.kind AND r.id = g.id) before"
    "  ON true"
    " ORDER BY g.change_sequence, g.kind, g.id"};

// How far a look can go that looks records of a few statements up, and no more.
static enum err_code find_horizon(struct tx *tx, const char *connection_id, const char *company_id,
                                  const struct change_place *after, int64_t *until,
                                  struct err *reterr)
{
    enum { STATEMENTS = 10 };
    static const struct statement statement = {
        "change_horizon",
        "SELECT count(*), max(sequence) FROM (SELECT sequence FROM record_change"
        " WHERE tenant = $1 AND connection_id = $2 AND sequence >= $4 AND sequence <= $5"
        "  AND organization_ids && array_append(ARRAY(SELECT organization_id FROM mapping"
        "   WHERE tenant = $1 AND connection_id = $2 AND company_id = $3), 0)"
        " ORDER BY sequence LIMIT $6) c"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(company_id),
                       ARG_INT64(after->sequence), ARG_INT64(*until), ARG_INT64(STATEMENTS)),
                  &rows, reterr));
    if (rows_int64(&rows, 0, 0) == STATEMENTS)
        *until = rows_int64(&rows, 0, 1);
    return ERR_OK;
}

enum err_code change_list(struct tx *tx, const char *connection_id, const char *company_id,
                          const struct change_place *after, int64_t *until, int limit,
                          struct arena *arena, struct change_row **ret_rows, size_t *ret_count,
                          struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(find_horizon(tx, connection_id, company_id, after, until, reterr));
    try_(tx_query(tx, &list,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(company_id),
                       ARG_INT64(after->sequence), ARG_INT64(after->kind), ARG_INT64(after->id),
                       ARG_INT64(*until), ARG_INT64(limit)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct change_row *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        all[i] = (struct change_row){
            .place = {rows_int64(&rows, row, 0), rows_int64(&rows, row, 1),
                      rows_int64(&rows, row, 2)},
            .in_sight = rows_bool(&rows, row, 3),
            .was_in_sight = rows_bool(&rows, row, 4),
            .is_new = rows_bool(&rows, row, 5),
            .display_name = arena_strdup(arena, rows_text(&rows, row, 6)),
            .update_time = rows_time(&rows, row, 7),
        };
        if (all[i].display_name == NULL)
            return err_no_memory(reterr);
    }
    *ret_rows = all;
    *ret_count = count;
    return ERR_OK;
}

enum err_code change_find(struct tx *tx, const struct change_beliefs *beliefs, size_t *ret_places,
                          size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "change_find",
        "SELECT b.place FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[])"
        "  WITH ORDINALITY AS b (company_id, connection_id, sequence, print, place)"
        " LEFT JOIN LATERAL " STAND(
            "b.company_id") " stand ON true"
                            " WHERE coalesce(stand.connection_id, '') <> b.connection_id"
                            "  OR stand.sequence > b.sequence OR concat_ws('.', stand.documents, "
                            "stand.assets,"
                            "   stand.checklists) <> b.print ORDER BY b.place"};
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_count = 0;
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(beliefs->company_ids, beliefs->count),
                       ARG_TEXTS(beliefs->connection_ids, beliefs->count),
                       ARG_INT64S(beliefs->sequences, beliefs->count),
                       ARG_TEXTS(beliefs->prints, beliefs->count)),
                  &rows, reterr));
    for (int i = 0; i < rows_count(&rows); i++)
        ret_places[(*ret_count)++] = (size_t)rows_int64(&rows, i, 0) - 1;
    return ERR_OK;
}

enum err_code change_forget(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "change_forget",
        "WITH gone AS (DELETE FROM record_tombstone WHERE tenant = $1 AND connection_id = $2"
        "  AND delete_time < now() - interval '7 days' RETURNING change_sequence AS sequence),"
        " old AS (DELETE FROM record_change WHERE tenant = $1 AND connection_id = $2"
        "  AND change_time < now() - interval '7 days' RETURNING sequence),"
        " last AS (SELECT max(sequence) AS sequence"
        "  FROM (SELECT sequence FROM gone UNION ALL SELECT sequence FROM old) forgotten)"
        " UPDATE record_sequence s SET forgotten_sequence ="
        "  greatest(s.forgotten_sequence, last.sequence) FROM last"
        " WHERE s.tenant = $1 AND s.connection_id = $2 AND last.sequence IS NOT NULL"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}
