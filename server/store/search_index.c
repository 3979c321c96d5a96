#include "server/store/search_index.h"

#include "server/store/documentation_sight.h"

enum err_code search_claim(struct tx *tx, const char *owner, int64_t lease_ms, struct arena *arena,
                           struct work_lease *ret_lease, struct err *reterr)
{
    static const struct statement statement = {
        "search_claim",
        "WITH due AS MATERIALIZED (SELECT w.tenant, w.connection_id FROM search_progress w"
        "  JOIN record_sequence s ON s.tenant = w.tenant AND s.connection_id = w.connection_id"
        "  WHERE w.expire_time <= clock_timestamp()"
        "   AND (s.sequence > w.sequence OR w.rebuild_kind <> 0)"
        "  ORDER BY w.expire_time LIMIT 1 FOR UPDATE OF w SKIP LOCKED)"
        " UPDATE search_progress AS p SET owner = $1, fence = p.fence + 1,"
        " expire_time = clock_timestamp() + $2::bigint * interval '1 millisecond' FROM due"
        " WHERE p.tenant = due.tenant AND p.connection_id = due.connection_id"
        " RETURNING p.tenant, p.connection_id, p.fence"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(owner), ARG_INT64(lease_ms)), &rows, reterr));
    *ret_lease = (struct work_lease){0};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_lease = (struct work_lease){
        .tenant = rows_text_copy(&rows, 0, 0, arena),
        .connection_id = rows_text_copy(&rows, 0, 1, arena),
        .fence = rows_int64(&rows, 0, 2),
    };
    return ret_lease->tenant == NULL || ret_lease->connection_id == NULL ? err_no_memory(reterr)
                                                                         : ERR_OK;
}

enum err_code search_hold(struct tx *tx, const struct work_lease *lease, const char *owner,
                          int64_t lease_ms, bool *ret_held, struct search_position *ret_position,
                          struct err *reterr)
{
    static const struct statement statement = {
        "search_hold",
        "UPDATE search_progress"
        " SET expire_time = clock_timestamp() + $5::bigint * interval '1 millisecond'"
        " WHERE tenant = $1 AND connection_id = $2 AND owner = $3 AND fence = $4::bigint"
        " RETURNING sequence, rebuild_kind, rebuild_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(lease->connection_id), ARG_TEXT(owner),
                       ARG_INT64(lease->fence), ARG_INT64(lease_ms)),
                  &rows, reterr));
    *ret_held = rows_count(&rows) == 1;
    *ret_position = (struct search_position){0};
    if (*ret_held)
        *ret_position = (struct search_position){
            .sequence = rows_int64(&rows, 0, 0),
            .rebuild_kind = rows_int64(&rows, 0, 1),
            .rebuild_id = rows_int64(&rows, 0, 2),
        };
    return ERR_OK;
}

enum err_code search_hold_still(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "search_hold_still",
        "SELECT FROM search_progress WHERE tenant = $1 AND connection_id = $2 FOR UPDATE"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code search_release(struct tx *tx, const struct work_lease *lease, const char *owner,
                             struct err *reterr)
{
    static const struct statement statement = {
        "search_release",
        "UPDATE search_progress SET owner = '', expire_time = '-infinity'"
        " WHERE tenant = $1 AND connection_id = $2 AND owner = $3 AND fence = $4::bigint"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(lease->connection_id), ARG_TEXT(owner),
                       ARG_INT64(lease->fence)),
                  reterr);
}

// The last number of the first $4 due records; without any, that of the connection as it was before
// they were looked for.
static enum err_code find_last(struct tx *tx, const char *connection_id, int64_t sequence,
                               int limit, int64_t *ret_last, bool *ret_any, struct err *reterr)
{
    static const struct statement now = {
        "search_sequence",
        "SELECT sequence FROM record_sequence WHERE tenant = $1 AND connection_id = $2"};
    static const struct statement last = {
        "search_last",
        "SELECT max(sequence) FROM (SELECT sequence,"
        "  sum(cardinality(ids)) OVER (ORDER BY sequence, kind) - cardinality(ids) AS before"
        "  FROM (SELECT sequence, kind, ids FROM record_change WHERE tenant = $1"
        "   AND connection_id = $2 AND sequence > $3 AND kind BETWEEN 4 AND 7"
        "   ORDER BY sequence LIMIT 200) c) d WHERE before < $4"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &now, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows, reterr));
    *ret_last = rows_count(&rows) == 1 ? rows_int64(&rows, 0, 0) : 0;
    rows_done(&rows);
    try_(tx_query(tx, &last,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(sequence),
                       ARG_INT64(limit)),
                  &rows, reterr));
    *ret_any = !rows_null(&rows, 0, 0);
    if (*ret_any)
        *ret_last = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

// The texts of records `r`, which the caller joins. As many characters as bytes could be indexed. A
// field of a flexible asset counts only if its type knows it now, as one that is neither a password
// nor a tag of such: keys compare as those of traits do everywhere. Of tags only what they tell to
// whoever sees the asset (documentation_sight.h): the index does not know what each reader may see
// of what they lead to. A tag that names another organization than the asset's is left out too.
#define TAG_KIND SIGHT_TAG_KIND("e.value")
#define TAG_OF_OWN SIGHT_TAG_OF("g.tag", "o")
#define TEXTS_OF_TAGS                                                                     \
    " CASE WHEN coalesce(jsonb_typeof(e.value->'values'), '') <> 'array' THEN e.value"    \
    "  WHEN" TAG_KIND " IN" SIGHT_TAG_KINDS_OPEN " THEN jsonb_set(e.value, '{values}',"   \
    "   (SELECT coalesce(jsonb_agg(g.tag ORDER BY g.place), '[]')"                        \
    "     FROM jsonb_array_elements(e.value->'values') WITH ORDINALITY AS g (tag, place)" \
    "     JOIN organization o ON o.tenant = $1 AND o.connection_id = $2"                  \
    "      AND o.id = r.organization_id AND" TAG_OF_OWN ")) END"
#define TEXTS_FROM(records)                                                                        \
    "SELECT r.kind, r.id, r.organization_id, r.update_time, left(r.display_name, 4000),"           \
    " left(CASE r.kind"                                                                            \
    "  WHEN 4 THEN (SELECT string_agg(translate(left(s.v->>'html', 262144), E'\\x1D', ''),"        \
    "    E'\\x1D\\x1D' ORDER BY s.place)"                                                          \
    "   FROM jsonb_path_query(r.body, '$.sections[*]') WITH ORDINALITY AS s (v, place))"           \
    "  WHEN 5 THEN t.long ELSE (SELECT string_agg(E'\\x1D' || k.form || E'\\x1D' ||"               \
    "    translate(k.x, E'\\x1D', ''), '' ORDER BY k.place, k.part)"                               \
    "   FROM (SELECT 0, 0, 'h', r.body->>'description' UNION ALL"                                  \
    "    SELECT p.place, q.part, q.form, q.x FROM jsonb_path_query(r.body, '$.tasks[*]')"          \
    "     WITH ORDINALITY AS p (v, place) CROSS JOIN LATERAL (VALUES (1, 't', p.v->>'name'),"      \
    "     (2, 'h', p.v->>'description')) AS q (part, form, x)) AS k (place, part, form, x)) END,"  \
    "  262144), left(t.short, 65536)"                                                              \
    " FROM " records " LEFT JOIN LATERAL (SELECT string_agg(n.names || x, '') AS long,"            \
    "   string_agg(n.names || x, '') FILTER (WHERE length(x) <= 64 OR NOT is_text) AS short"       \
    "  FROM jsonb_each(CASE jsonb_typeof(r.body->'traits') WHEN 'object'"                          \
    "   THEN r.body->'traits' END) AS e (key, value)"                                              \
    "  CROSS JOIN LATERAL (SELECT" TEXTS_OF_TAGS " AS value) AS d"                                 \
    "  CROSS JOIN LATERAL (SELECT jsonb_typeof(d.value) = 'string'"                                \
    "    AND bool_or(f->>'kind' IN ('Text', 'Textbox', 'Select')) AS is_text,"                     \
    "    string_agg(concat(E'\\x1D', CASE WHEN f->>'kind' IN ('Text', 'Select') THEN 't'"          \
    "     ELSE 'h' END, CASE WHEN f->>'kind' IN ('Text', 'Textbox', 'Select')"                     \
    "      THEN left(translate(f->>'name', E'\\x1D', ''), 100) END, E'\\x1D'), '') AS names"       \
    "    FROM flexible_asset_type y CROSS JOIN LATERAL jsonb_path_query(y.body, '$.fields[*]') f"  \
    "    WHERE y.tenant = $1 AND y.connection_id = $2 AND y.id = r.type_id"                        \
    "    AND f->>'kind' <> 'Password' AND lower(f->>'tag_type') IS DISTINCT FROM 'passwords'"      \
    "    AND translate(lower(f->>'key'), '_', '-') = translate(lower(e.key), '_', '-')"            \
    "    HAVING count(*) > 0) AS n"                                                                \
    "  CROSS JOIN LATERAL concat(CASE WHEN is_text THEN translate(d.value #>> '{}', E'\\x1D', '')" \
    "    ELSE E'\\x1Dj\\x1D' || d.value::text END) AS x"                                           \
    "  WHERE lower(e.value->>'type') IS DISTINCT FROM 'passwords'"                                 \
    "  ) AS t ON r.kind = 5"

// Each record is looked up by its primary key, as record_diff (record.c) does and for its reason;
// one that changed again is due later.
#define CHANGED                                                  \
    "record_change c CROSS JOIN LATERAL unnest(c.ids) AS i (id)" \
    " JOIN LATERAL (SELECT * FROM record WHERE tenant = $1"      \
    "  AND connection_id = $2 AND record.kind = c.kind"          \
    "  AND record.id >= i.id AND record.id <= i.id"              \
    "  ORDER BY record.id LIMIT 1) r ON r.change_sequence = c.sequence"
#define BEHIND_POSITION                               \
    "(SELECT * FROM record WHERE tenant = $1"         \
    " AND connection_id = $2 AND kind = $3::smallint" \
    " AND id > $4 ORDER BY id LIMIT $5) r"

static const struct statement due = {
    "search_due",
    TEXTS_FROM(CHANGED) " WHERE c.tenant = $1 AND c.connection_id = $2 AND c.kind BETWEEN 4 AND 7"
                        " AND c.sequence > $3 AND c.sequence <= $4 ORDER BY r.kind, r.id"};

static enum err_code read_texts(const struct rows *rows, struct arena *arena,
                                struct search_text **ret_texts, size_t *ret_count,
                                struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct search_text *texts = arena_calloc(arena, count + 1, sizeof(*texts));
    if (texts == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        texts[i] = (struct search_text){
            .kind = rows_int64(rows, row, 0),
            .id = rows_int64(rows, row, 1),
            .organization_id = rows_int64(rows, row, 2),
            .update_time = rows_time(rows, row, 3),
            .title = rows_text_copy(rows, row, 4, arena),
            .content = arena_strdup(arena, rows_text(rows, row, 5)),
            .content_len = rows_len(rows, row, 5),
            .short_fields = arena_strdup(arena, rows_text(rows, row, 6)),
        };
        if (texts[i].title == NULL || texts[i].content == NULL || texts[i].short_fields == NULL)
            return err_no_memory(reterr);
    }
    *ret_texts = texts;
    *ret_count = count;
    return ERR_OK;
}

enum err_code search_due(struct tx *tx, const char *connection_id, int64_t sequence, int limit,
                         struct arena *arena, struct search_text **ret_texts, size_t *ret_count,
                         int64_t *ret_last, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {NULL};
    bool any;
    *ret_texts = NULL;
    *ret_count = 0;
    try_(find_last(tx, connection_id, sequence, limit, ret_last, &any, reterr));
    if (!any)
        return ERR_OK;
    try_(tx_query(tx, &due,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(sequence),
                       ARG_INT64(*ret_last)),
                  &rows, reterr));
    return read_texts(&rows, arena, ret_texts, ret_count, reterr);
}

enum err_code search_rebuild(struct tx *tx, const char *connection_id, int limit,
                             struct search_position *position, struct arena *arena,
                             struct search_text **ret_texts, size_t *ret_count, struct err *reterr)
{
    static const struct statement next = {"search_rebuild",
                                          TEXTS_FROM(BEHIND_POSITION) " ORDER BY r.id"};
    static const struct statement advance = {
        "search_rebuild_advance",
        "UPDATE search_progress SET rebuild_kind = $3::smallint, rebuild_id = $4"
        " WHERE tenant = $1 AND connection_id = $2"};
    enum { LAST_KIND = 7 };
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &next,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64(position->rebuild_kind), ARG_INT64(position->rebuild_id),
                       ARG_INT64(limit)),
                  &rows, reterr));
    try_(read_texts(&rows, arena, ret_texts, ret_count, reterr));
    if (*ret_count > 0) {
        position->rebuild_id = (*ret_texts)[*ret_count - 1].id;
    } else {
        position->rebuild_kind =
            position->rebuild_kind == LAST_KIND ? 0 : position->rebuild_kind + 1;
        position->rebuild_id = 0;
    }
    return tx_run(tx, &advance,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64(position->rebuild_kind), ARG_INT64(position->rebuild_id)),
                  reterr);
}

// One statement's columns.
struct columns {
    int64_t *kinds, *ids, *organizations, *times;
    const char **titles, **contents, **shorts;
};

static bool make_columns(const struct search_text *texts, size_t count, struct arena *arena,
                         struct columns *columns)
{
    *columns = (struct columns){
        .kinds = arena_calloc(arena, count, sizeof(int64_t)),
        .ids = arena_calloc(arena, count, sizeof(int64_t)),
        .organizations = arena_calloc(arena, count, sizeof(int64_t)),
        .times = arena_calloc(arena, count, sizeof(int64_t)),
        .titles = arena_calloc(arena, count, sizeof(char *)),
        .contents = arena_calloc(arena, count, sizeof(char *)),
        .shorts = arena_calloc(arena, count, sizeof(char *)),
    };
    if (columns->kinds == NULL || columns->ids == NULL || columns->organizations == NULL ||
        columns->times == NULL || columns->titles == NULL || columns->contents == NULL ||
        columns->shorts == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        columns->kinds[i] = texts[i].kind;
        columns->ids[i] = texts[i].id;
        columns->organizations[i] = texts[i].organization_id;
        columns->times[i] = texts[i].update_time;
        columns->titles[i] = texts[i].title;
        columns->contents[i] = texts[i].content;
        columns->shorts[i] = texts[i].short_fields;
    }
    return true;
}

enum err_code search_put(struct tx *tx, const char *connection_id, const struct search_text *texts,
                         size_t count, struct arena *arena, struct err *reterr)
{
    static const struct statement statement = {
        "search_put",
        "INSERT INTO search_entry AS e (tenant, connection_id, kind, id, organization_id,"
        "  update_time, content, fragments, words)"
        " SELECT $1, $2, i.kind, i.id, i.organization_id, i.update_time, i.content,"
        "  fold(concat_ws(E'\\n', i.title, nullif(i.short, ''))), search_words(i.title, i.content)"
        " FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[],"
        "  $8::text[], $9::text[])"
        "  AS i (kind, id, organization_id, update_time, title, content, short)"
        " ON CONFLICT (tenant, connection_id, kind, id) DO UPDATE SET"
        "  organization_id = excluded.organization_id, update_time = excluded.update_time,"
        "  content = excluded.content, fragments = excluded.fragments, words = excluded.words"
        // The same text has other words when the rules that make them have changed.
        " WHERE (e.organization_id, e.update_time, e.content, e.fragments, e.words)"
        "  IS DISTINCT FROM (excluded.organization_id, excluded.update_time, excluded.content,"
        "   excluded.fragments, excluded.words)"};
    static const struct statement merge = {"search_merge", "SELECT search_merge()"};
    struct columns c;
    if (count == 0)
        return ERR_OK;
    if (!make_columns(texts, count, arena, &c))
        return err_no_memory(reterr);
    try_(tx_run(tx, &statement,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(c.kinds, count),
                     ARG_INT64S(c.ids, count), ARG_INT64S(c.organizations, count),
                     ARG_TIMES(c.times, count), ARG_TEXTS(c.titles, count),
                     ARG_TEXTS(c.contents, count), ARG_TEXTS(c.shorts, count)),
                reterr));
    return tx_run(tx, &merge, NULL, 0, reterr);
}

enum err_code search_advance(struct tx *tx, const char *connection_id, int64_t sequence, bool level,
                             int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "search_advance",
        "UPDATE search_progress SET sequence = $3,"
        " level_time = CASE WHEN $4::boolean THEN $5::timestamptz ELSE level_time END"
        " WHERE tenant = $1 AND connection_id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(sequence),
                       ARG_BOOL(level), ARG_TIME(now_us)),
                  reterr);
}
