#include "server/store/embedded_secret_report.h"

#include "server/store/record_sight.h"

static const struct statement put_sql = {
    "embedded_secret_put",
    "WITH looked AS (SELECT * FROM unnest($3::bigint[], $4::bigint[]) AS u (kind, id)),"
    " found AS MATERIALIZED (SELECT * FROM unnest($5::bigint[], $6::bigint[], $7::bigint[],"
    "  $8::bigint[], $9::bytea[], $10::text[]) AS u (kind, id, place, secret_kind, hash, title)),"
    " gone AS (DELETE FROM embedded_secret e USING looked l"
    "  WHERE e.tenant = $1 AND e.connection_id = $2 AND e.kind = l.kind AND e.id = l.id"
    "   AND NOT EXISTS (SELECT FROM found f WHERE f.kind = e.kind AND f.id = e.id"
    "                   AND f.place = e.place))"
    " INSERT INTO embedded_secret AS e (tenant, connection_id, kind, id, place, secret_kind,"
    "  keyed_hash, title)"
    " SELECT $1, $2, kind, id, place, secret_kind, hash, title FROM found"
    " ON CONFLICT (tenant, connection_id, kind, id, place) DO UPDATE"
    "  SET secret_kind = excluded.secret_kind, keyed_hash = excluded.keyed_hash,"
    "  title = excluded.title, discover_time = excluded.discover_time"
    "  WHERE (e.secret_kind, e.keyed_hash, e.title) IS DISTINCT FROM"
    "   (excluded.secret_kind, excluded.keyed_hash, excluded.title)"};

enum err_code embedded_secret_put(struct tx *tx, const char *connection_id,
                                  const int64_t *record_kinds, const int64_t *record_ids,
                                  size_t record_count, const struct embedded_secret_found *found,
                                  size_t count, struct arena *arena, struct err *reterr)
{
    int64_t *kinds = arena_calloc(arena, count + 1, sizeof(*kinds));
    int64_t *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    int64_t *places = arena_calloc(arena, count + 1, sizeof(*places));
    int64_t *secret_kinds = arena_calloc(arena, count + 1, sizeof(*secret_kinds));
    struct bytes *hashes = arena_calloc(arena, count + 1, sizeof(*hashes));
    const char **titles = arena_calloc(arena, count + 1, sizeof(*titles));
    if (kinds == NULL || ids == NULL || places == NULL || secret_kinds == NULL || hashes == NULL ||
        titles == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        kinds[i] = found[i].kind;
        ids[i] = found[i].id;
        places[i] = found[i].place;
        secret_kinds[i] = found[i].secret_kind;
        titles[i] = found[i].title;
        hashes[i] = (struct bytes){found[i].hash, sizeof(found[i].hash)};
    }
    return tx_run(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(record_kinds, record_count), ARG_INT64S(record_ids, record_count),
                       ARG_INT64S(kinds, count), ARG_INT64S(ids, count), ARG_INT64S(places, count),
                       ARG_INT64S(secret_kinds, count), ARG_BYTEAS(hashes, count),
                       ARG_TEXTS(titles, count)),
                  reterr);
}

// $1 tenant, $2 connection, $3 company, $4 to $6 the place before, $7 limit. A row at least, for
// the number of all: behind the last one a token leads to nothing, once it is gone.
static const struct statement list_sql = {
    "embedded_secret_list",
    "WITH " RECORD_SIGHT_PLACE(
        " AND m.company_id = $3") ","
                                  " sight AS MATERIALIZED (SELECT e.kind, e.id, e.place, "
                                  "e.secret_kind, e.keyed_hash,"
                                  "   e.discover_time, r.display_name, r.web_url FROM place p"
                                  "  JOIN connection_config k ON k.tenant = $1 AND k.connection_id "
                                  "= $2"
                                  "  JOIN record r ON r.tenant = $1 AND r.connection_id = $2 AND "
                                  "r.kind IN (4, 5, 6)"
                                  "   AND r.organization_id = p.organization_id"
                                  "  JOIN embedded_secret e ON e.tenant = $1 AND e.connection_id = "
                                  "$2 AND e.kind = r.kind"
                                  "   AND e.id = r.id"
                                  "  WHERE " RECORD_SIGHT_KIND(
                                      "r.kind",
                                      "r.organization_id") " AND " RECORD_SIGHT_RECORD ")"
                                                           " SELECT (SELECT count(*) FROM sight), "
                                                           "s.kind, s.id, s.place, s.secret_kind, "
                                                           "s.display_name,"
                                                           "  s.web_url, (SELECT count(*) FROM "
                                                           "embedded_secret c WHERE c.tenant = $1"
                                                           "   AND c.connection_id = $2 AND "
                                                           "c.keyed_hash = s.keyed_hash), "
                                                           "s.discover_time"
                                                           " FROM (VALUES (1)) one LEFT JOIN sight "
                                                           "s"
                                                           " ON (s.kind, s.id, s.place) >"
                                                           " ($4::bigint, $5::bigint, $6::bigint)"
                                                           " ORDER BY s.kind, s.id, s.place LIMIT "
                                                           "$7"};

enum err_code embedded_secret_list(struct tx *tx, const char *company_id, const char *connection_id,
                                   const struct embedded_secret_place *after, int limit,
                                   struct arena *arena, struct embedded_secret_row **ret_rows,
                                   size_t *ret_count, int64_t *ret_total, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &list_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(company_id),
                       ARG_INT64(after->kind), ARG_INT64(after->id), ARG_INT64(after->place),
                       ARG_INT64(limit)),
                  &rows, reterr));
    size_t count = rows_null(&rows, 0, 1) ? 0 : (size_t)rows_count(&rows);
    struct embedded_secret_row *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        all[i] = (struct embedded_secret_row){
            .kind = rows_int64(&rows, row, 1),
            .id = rows_int64(&rows, row, 2),
            .place = rows_int64(&rows, row, 3),
            .secret_kind = rows_int64(&rows, row, 4),
            .display_name = rows_text_copy(&rows, row, 5, arena),
            .web_url = rows_text_copy(&rows, row, 6, arena),
            .copy_count = rows_int64(&rows, row, 7),
            .discover_time = rows_time(&rows, row, 8),
        };
        if (all[i].display_name == NULL || all[i].web_url == NULL)
            return err_no_memory(reterr);
    }
    *ret_rows = all;
    *ret_count = count;
    *ret_total = rows_int64(&rows, 0, 0);
    return ERR_OK;
}
