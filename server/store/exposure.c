#include "server/store/exposure.h"

#include <string.h>

#include "server/base/encoding.h"
#include "server/store/company_set.h"

// All rows that may change are locked in one order first, and new ones made in it: of two reveals
// of a secret that was just replaced, each closes what the other saw, also where they are noted
// together. $3 to $13 are columns of who sees what, each person and secret once; the first of a
// secret `leads` it, and `newest` is when the newest of its values came to be.
static const struct statement note_sql = {
    "exposure_note",
    "WITH seen AS MATERIALIZED (SELECT *, max(update_time) OVER secret AS newest,"
    "  row_number() OVER secret = 1 AS leads"
    "  FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[],"
    "   $9::text[], $10::text[], $11::timestamptz[], $12::bigint[], $13::text[]) AS s"
    "   (connection_id, password_id, subject, display_name, actor_kind, company_id,"
    "    company_display_name, password_display_name, update_time, count, id)"
    "  WINDOW secret AS (PARTITION BY connection_id, password_id ORDER BY subject"
    "   ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)),"
    " locked AS MATERIALIZED (SELECT e.* FROM seen s CROSS JOIN LATERAL ("
    "  SELECT x.connection_id, x.password_id, x.subject, s.newest FROM exposure x"
    "   WHERE x.tenant = $1"
    "    AND (x.connection_id, x.password_id) = (s.connection_id, s.password_id)"
    "    AND (x.rotate_time IS NULL OR x.subject IN (SELECT subject FROM seen))"
    "   ORDER BY x.subject FOR UPDATE) e WHERE s.leads),"
    " closed AS (UPDATE exposure e SET rotate_time = l.newest FROM locked l WHERE e.tenant = $1"
    "   AND (e.connection_id, e.password_id, e.subject) ="
    "       (l.connection_id, l.password_id, l.subject)"
    "   AND e.rotate_time IS NULL"
    "   AND l.newest > coalesce(e.seen_update_time, e.last_reveal_time)"
    "   AND NOT EXISTS (SELECT FROM seen s WHERE (s.connection_id, s.password_id, s.subject) ="
    "                   (l.connection_id, l.password_id, l.subject)))"
    " INSERT INTO exposure AS e (tenant, connection_id, password_id, subject, id, display_name,"
    "  actor_kind, company_id, company_display_name, password_display_name, first_reveal_time,"
    "  last_reveal_time, seen_update_time, rotate_time, reveal_count)"
    " SELECT $1, s.connection_id, s.password_id, s.subject, s.id, s.display_name, s.actor_kind,"
    "  s.company_id, s.company_display_name, s.password_display_name, $2, $2, s.update_time,"
    "  CASE WHEN s.newest > coalesce(s.update_time, $2) THEN s.newest END, s.count"
    "  FROM (SELECT count(*) FROM locked) l, seen s"
    "  ORDER BY s.connection_id, s.password_id, s.subject"
    " ON CONFLICT (tenant, connection_id, password_id, subject) DO UPDATE SET"
    "  display_name = excluded.display_name, actor_kind = excluded.actor_kind,"
    "  company_id = excluded.company_id, company_display_name = excluded.company_display_name,"
    "  password_display_name = excluded.password_display_name,"
    "  reveal_count = e.reveal_count + excluded.reveal_count,"
    "  last_reveal_time = excluded.last_reveal_time,"
    "  seen_update_time = excluded.seen_update_time, rotate_time = excluded.rotate_time,"
    "  resolve_time = NULL, resolver_subject = '', resolver_display_name = '', resolver_kind = 0,"
    "  note = ''"};

// What was replaced is no risk any more, whatever was said of it before.
#define STATE                                                                           \
    "CASE WHEN e.rotate_time IS NOT NULL THEN 2 WHEN e.resolve_time IS NOT NULL THEN 3" \
    " ELSE 1 END"
#define EXPOSURE                                                                            \
    "SELECT e.id, " STATE ", e.subject, e.display_name, e.actor_kind, e.company_id,"        \
    " e.company_display_name, e.password_id, e.password_display_name, e.reveal_count,"      \
    " e.first_reveal_time, e.last_reveal_time, e.seen_update_time, e.rotate_time,"          \
    " e.resolve_time, e.resolver_subject, e.resolver_display_name, e.resolver_kind, e.note" \
    " FROM exposure e WHERE e.tenant = $1"
#define IN_SIGHT "($9 OR e.company_id = ANY ($10) OR " OF_COMPANY_SET("e.company_id") ")"

static const struct statement list_sql = {
    "exposure_list",
    EXPOSURE " AND ($2::text IS NULL OR e.subject = $2)"
             " AND ($3::text IS NULL OR e.company_id = $3)"
             " AND ($4 = 0 OR e.password_id = $4)"
             " AND ($5 = 0 OR (" STATE " = 1) = ($5 = 1))"
             " AND ($6::timestamptz IS NULL OR (e.last_reveal_time, e.id) < ($6, $7))"
             " AND " IN_SIGHT " ORDER BY e.last_reveal_time DESC, e.id DESC LIMIT $8"};
static const struct statement get_sql = {"exposure_get", EXPOSURE " AND e.id = $2 FOR UPDATE"};
static const struct statement resolve_sql = {
    "exposure_resolve",
    "UPDATE exposure SET resolve_time = $3, resolver_subject = $4, resolver_display_name = $5,"
    " resolver_kind = $6, note = $7 WHERE tenant = $1 AND id = $2"};

static bool is_same(const struct exposure_sighting *a, const struct exposure_sighting *b)
{
    return a->password_id == b->password_id && strcmp(a->connection_id, b->connection_id) == 0 &&
           strcmp(a->viewer->subject, b->viewer->subject) == 0;
}

// What of one person and secret was seen more than once is counted, and the newest of it kept, in
// the place of the first. Returns how many are left.
static size_t merge(const struct exposure_sighting *sightings, size_t count,
                    struct exposure_sighting *ret_merged, int64_t *ret_counts)
{
    size_t merged = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < merged && !is_same(&ret_merged[at], &sightings[i]))
            at++;
        int64_t newest = at == merged ? 0 : ret_merged[at].password_update_time_us;
        ret_counts[at] = at == merged ? 1 : ret_counts[at] + 1;
        merged += at == merged;
        ret_merged[at] = sightings[i];
        if (newest > sightings[i].password_update_time_us)
            ret_merged[at].password_update_time_us = newest;
    }
    return merged;
}

enum err_code exposure_note(struct tx *tx, const struct exposure_sighting *sightings, size_t count,
                            int64_t time_us, struct arena *arena, struct err *reterr)
{
    enum { CONNECTION, SUBJECT, NAME, COMPANY, COMPANY_NAME, PASSWORD_NAME, ID, TEXTS };
    enum { PASSWORD, KIND, UPDATE_TIME, COUNT, NUMBERS };
    const char **texts[TEXTS];
    int64_t *numbers[NUMBERS];
    struct exposure_sighting *all = arena_calloc(arena, count, sizeof(*all));
    char(*ids)[ENCODING_ID_BYTES] = arena_calloc(arena, count, sizeof(*ids));
    bool ok = all != NULL && ids != NULL;
    for (size_t i = 0; i < TEXTS && ok; i++)
        ok = (texts[i] = arena_calloc(arena, count, sizeof(*texts[i]))) != NULL;
    for (size_t i = 0; i < NUMBERS && ok; i++)
        ok = (numbers[i] = arena_calloc(arena, count, sizeof(*numbers[i]))) != NULL;
    if (!ok)
        return err_no_memory(reterr);
    count = merge(sightings, count, all, numbers[COUNT]);
    for (size_t i = 0; i < count; i++) {
        encoding_random_id(ids[i]);
        texts[ID][i] = ids[i];
        texts[CONNECTION][i] = all[i].connection_id;
        texts[SUBJECT][i] = all[i].viewer->subject;
        texts[NAME][i] = all[i].viewer->display_name;
        texts[COMPANY][i] = all[i].company_id;
        texts[COMPANY_NAME][i] = all[i].company_display_name;
        texts[PASSWORD_NAME][i] = all[i].password_display_name;
        numbers[PASSWORD][i] = all[i].password_id;
        numbers[KIND][i] = all[i].viewer->actor;
        numbers[UPDATE_TIME][i] = all[i].password_update_time_us;
    }
    tx_run_ahead(tx, &note_sql,
                 ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TIME(time_us),
                      ARG_TEXTS(texts[CONNECTION], count), ARG_INT64S(numbers[PASSWORD], count),
                      ARG_TEXTS(texts[SUBJECT], count), ARG_TEXTS(texts[NAME], count),
                      ARG_INT64S(numbers[KIND], count), ARG_TEXTS(texts[COMPANY], count),
                      ARG_TEXTS(texts[COMPANY_NAME], count), ARG_TEXTS(texts[PASSWORD_NAME], count),
                      ARG_TIMES(numbers[UPDATE_TIME], count), ARG_INT64S(numbers[COUNT], count),
                      ARG_TEXTS(texts[ID], count)));
    return ERR_OK;
}

static bool read_row(const struct rows *rows, int row, struct arena *arena,
                     struct exposure *ret_exposure)
{
    *ret_exposure = (struct exposure){
        .id = rows_text_copy(rows, row, 0, arena),
        .state = (int)rows_int64(rows, row, 1),
        .subject = rows_text_copy(rows, row, 2, arena),
        .display_name = rows_text_copy(rows, row, 3, arena),
        .actor_kind = (int)rows_int64(rows, row, 4),
        .company_id = rows_text_copy(rows, row, 5, arena),
        .company_display_name = rows_text_copy(rows, row, 6, arena),
        .password_id = rows_int64(rows, row, 7),
        .password_display_name = rows_text_copy(rows, row, 8, arena),
        .reveal_count = rows_int64(rows, row, 9),
        .first_reveal_time_us = rows_time(rows, row, 10),
        .last_reveal_time_us = rows_time(rows, row, 11),
        .seen_update_time_us = rows_time(rows, row, 12),
        .rotate_time_us = rows_time(rows, row, 13),
        .resolve_time_us = rows_time(rows, row, 14),
        .resolver_subject = rows_text_copy(rows, row, 15, arena),
        .resolver_display_name = rows_text_copy(rows, row, 16, arena),
        .resolver_kind = (int)rows_int64(rows, row, 17),
        .note = rows_text_copy(rows, row, 18, arena),
    };
    const struct exposure *e = ret_exposure;
    return e->id != NULL && e->subject != NULL && e->display_name != NULL &&
           e->company_id != NULL && e->company_display_name != NULL &&
           e->password_display_name != NULL && e->resolver_subject != NULL &&
           e->resolver_display_name != NULL && e->note != NULL;
}

enum err_code exposure_list(struct tx *tx, const struct exposure_filter *filter, int64_t before_us,
                            const char *before_id, int limit, struct arena *arena,
                            struct exposure **ret_exposures, size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(
        tx, &list_sql,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(filter->subject), ARG_TEXT(filter->company_id),
             ARG_INT64(filter->password_id), ARG_INT64(filter->open), ARG_TIME(before_us),
             ARG_TEXT(before_id), ARG_INT64(limit), ARG_BOOL(filter->companies == NULL),
             ARG_TEXTS(filter->companies, filter->companies == NULL ? 0 : filter->company_count)),
        &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct exposure *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if (!read_row(&rows, (int)i, arena, &all[i]))
            return err_no_memory(reterr);
    *ret_exposures = all;
    *ret_count = count;
    return ERR_OK;
}

enum err_code exposure_get(struct tx *tx, const char *id, struct arena *arena,
                           struct exposure **ret_exposure, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id)), &rows, reterr));
    *ret_exposure = NULL;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    struct exposure *exposure = arena_calloc(arena, 1, sizeof(*exposure));
    if (exposure == NULL || !read_row(&rows, 0, arena, exposure))
        return err_no_memory(reterr);
    *ret_exposure = exposure;
    return ERR_OK;
}

enum err_code exposure_resolve(struct tx *tx, const char *id, const struct principal *resolver,
                               const char *note, int64_t time_us, struct err *reterr)
{
    return tx_run(tx, &resolve_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_TIME(time_us),
                       ARG_TEXT(resolver->subject), ARG_TEXT(resolver->display_name),
                       ARG_INT64(resolver->actor), ARG_TEXT(note)),
                  reterr);
}
