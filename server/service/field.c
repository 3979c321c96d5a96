#include "server/service/field.h"

#include <inttypes.h>
#include <string.h>

#include "server/auth/principal.h"
#include "server/base/utf8.h"

Google__Protobuf__Timestamp *field_time(struct arena *arena, int64_t wall_us)
{
    Google__Protobuf__Timestamp *time = wall_us == 0 ? NULL : arena_alloc(arena, sizeof(*time));
    if (time == NULL)
        return NULL;
    google__protobuf__timestamp__init(time);
    // Before 1970 the nanoseconds still count forwards.
    int64_t us = wall_us % 1000000;
    time->seconds = wall_us / 1000000 - (us < 0 ? 1 : 0);
    time->nanos = (int32_t)(us < 0 ? us + 1000000 : us) * 1000;
    return time;
}

Google__Protobuf__Duration *field_duration(struct arena *arena, int64_t us)
{
    Google__Protobuf__Duration *duration = arena_alloc(arena, sizeof(*duration));
    if (duration == NULL)
        return NULL;
    google__protobuf__duration__init(duration);
    duration->seconds = us / 1000000;
    duration->nanos = (int32_t)(us % 1000000) * 1000;
    return duration;
}

char *field_etag(struct arena *arena, int64_t revision)
{
    return arena_printf(arena, "r%" PRId64, revision);
}

enum err_code field_etag_check(const char *etag, int64_t revision, struct arena *arena,
                               struct err *reterr)
{
    const char *current = field_etag(arena, revision);
    if (current == NULL)
        return err_no_memory(reterr);
    if (etag[0] == '\0' || strcmp(etag, current) == 0)
        return ERR_OK;
    (void)err_set(reterr, ERR_ETAG_MISMATCH, "it was changed meanwhile: read it again");
    err_meta(reterr, "current_etag", "%s", current);
    return ERR_ETAG_MISMATCH;
}

enum err_code field_text(const char *text, const char *field, size_t max_points, struct err *reterr)
{
    if (utf8_seen_length(text) == 0)
        return err_invalid(reterr, field, "must not be empty");
    if (utf8_length(text, strlen(text)) > max_points)
        return err_invalid(reterr, field, "must have at most %zu characters", max_points);
    return ERR_OK;
}

enum err_code field_subject(const char *text, const char *field, struct err *reterr)
{
    try_(field_text(text, field, PRINCIPAL_SUBJECT_MAX_BYTES, reterr));
    if (strlen(text) > PRINCIPAL_SUBJECT_MAX_BYTES)
        return err_invalid(reterr, field, "must have at most %d bytes",
                           PRINCIPAL_SUBJECT_MAX_BYTES);
    if (!utf8_is_printable(text))
        return err_invalid(reterr, field, "must have no character that cannot be shown");
    return ERR_OK;
}

enum err_code field_order(const char *order_by, const char *const *allowed, size_t *ret_field,
                          bool *ret_descending, struct err *reterr)
{
    static const char blanks[] = " \t";
    const char *field = order_by + strspn(order_by, blanks);
    size_t len = strcspn(field, " \t,");
    const char *rest = field + len + strspn(field + len, blanks);
    *ret_field = 0;
    *ret_descending = strncmp(rest, "desc", 4) == 0;
    if (*ret_descending)
        rest += 4;
    if (rest[strspn(rest, blanks)] != '\0' || (len == 0 && *ret_descending))
        return err_invalid(reterr, "order_by", "must be one field, and \" desc\" if need be");
    if (len == 0)
        return ERR_OK;
    for (size_t i = 0; allowed[i] != NULL; i++) {
        if (strlen(allowed[i]) == len && strncmp(field, allowed[i], len) == 0) {
            *ret_field = i;
            return ERR_OK;
        }
    }
    return err_invalid(reterr, "order_by", "cannot order by %.*s", (int)(len < 64 ? len : 64),
                       field);
}

enum err_code field_mask(const Google__Protobuf__FieldMask *mask, const char *const *allowed,
                         unsigned *ret_mask, struct err *reterr)
{
    if (mask == NULL || mask->n_paths == 0)
        return err_invalid(reterr, "update_mask", "must name the fields to change");
    unsigned bits = 0;
    for (size_t i = 0; i < mask->n_paths; i++) {
        unsigned found = 0;
        for (size_t k = 0; allowed[k] != NULL; k++)
            if (strcmp(mask->paths[i], "*") == 0 || strcmp(mask->paths[i], allowed[k]) == 0)
                found |= 1u << k;
        if (found == 0)
            return err_invalid(reterr, "update_mask", "%.64s cannot be changed", mask->paths[i]);
        bits |= found;
    }
    *ret_mask = bits;
    return ERR_OK;
}
