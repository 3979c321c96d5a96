// What handlers do with fields again and again: times, etags, masks, required values.
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "server/service/request.h"

// A Timestamp from the arena; NULL for 0 (unset) or without memory.
Google__Protobuf__Timestamp *field_time(struct arena *arena, int64_t wall_us);
Google__Protobuf__Duration *field_duration(struct arena *arena, int64_t us);
// An etag of a revision: W-free, short, opaque.
char *field_etag(struct arena *arena, int64_t revision);
// Errors: ETAG_MISMATCH with metadata current_etag, unless `etag` is empty.
enum err_code field_etag_check(const char *etag, int64_t revision, struct arena *arena,
                               struct err *reterr) _must_check_;
// Errors: FIELD_INVALID if `text` has nothing to be seen, or more than `max_points` characters.
enum err_code field_text(const char *text, const char *field, size_t max_points,
                         struct err *reterr) _must_check_;
// Errors: FIELD_INVALID if `text` is no subject that a token can have.
enum err_code field_subject(const char *text, const char *field, struct err *reterr) _must_check_;
// Reads an order_by of one field, with " desc" for descending; "" is the first of `allowed`
// (NULL-terminated), ascending. Errors: FIELD_INVALID.
enum err_code field_order(const char *order_by, const char *const *allowed, size_t *ret_field,
                          bool *ret_descending, struct err *reterr) _must_check_;
// Sets a bit of `*ret_mask` for each of `allowed` (NULL-terminated) that the mask names; "*" names
// all. Errors: FIELD_INVALID for an empty mask or an unknown path.
enum err_code field_mask(const Google__Protobuf__FieldMask *mask, const char *const *allowed,
                         unsigned *ret_mask, struct err *reterr) _must_check_;
