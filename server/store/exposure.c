#include "server/store/exposure.h"

#include "server/store/company_set.h"

static const struct statement update_sql = {"exposure_update", "SELECT update_exposures($1)"};

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

#define FOUND                                               \
    EXPOSURE " AND ($2::text IS NULL OR e.subject = $2)"    \
             " AND ($3::text IS NULL OR e.company_id = $3)" \
             " AND ($4 = 0 OR e.password_id = $4)"          \
             " AND ($5 = 0 OR (" STATE " = 1) = ($5 = 1)) AND " IN_SIGHT

static const struct statement list_sql = {
    "exposure_list", FOUND " AND ($6::timestamptz IS NULL OR (e.last_reveal_time, e.id) < ($6, $7))"
                           " ORDER BY e.last_reveal_time DESC, e.id DESC LIMIT $8"};
// By what does not move when one is revealed yet again.
static const struct statement list_since_sql = {
    "exposure_list_since",
    FOUND " AND e.last_reveal_time > $6 AND e.id > $7 ORDER BY e.id LIMIT $8"};
static const struct statement get_sql = {"exposure_get", EXPOSURE " AND e.id = $2 FOR UPDATE"};
static const struct statement resolve_sql = {
    "exposure_resolve",
    "UPDATE exposure SET resolve_time = $3, resolver_subject = $4, resolver_display_name = $5,"
    " resolver_kind = $6, note = $7 WHERE tenant = $1 AND id = $2"};

enum err_code exposure_update(struct tx *tx, struct err *reterr)
{
    return tx_run(tx, &update_sql, ARGS(ARG_TEXT(tx_tenant(tx))), reterr);
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

static enum err_code list(struct tx *tx, const struct statement *statement,
                          const struct exposure_filter *filter, int64_t time_us, const char *id,
                          int limit, struct arena *arena, struct exposure **ret_exposures,
                          size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(
        tx, statement,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(filter->subject), ARG_TEXT(filter->company_id),
             ARG_INT64(filter->password_id), ARG_INT64(filter->open), ARG_TIME(time_us),
             ARG_TEXT(id), ARG_INT64(limit), ARG_BOOL(filter->companies == NULL),
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

enum err_code exposure_list(struct tx *tx, const struct exposure_filter *filter, int64_t before_us,
                            const char *before_id, int limit, struct arena *arena,
                            struct exposure **ret_exposures, size_t *ret_count, struct err *reterr)
{
    return list(tx, &list_sql, filter, before_us, before_id, limit, arena, ret_exposures, ret_count,
                reterr);
}

enum err_code exposure_list_since(struct tx *tx, const struct exposure_filter *filter,
                                  int64_t since_us, const char *after_id, int limit,
                                  struct arena *arena, struct exposure **ret_exposures,
                                  size_t *ret_count, struct err *reterr)
{
    return list(tx, &list_since_sql, filter, since_us, after_id, limit, arena, ret_exposures,
                ret_count, reterr);
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
