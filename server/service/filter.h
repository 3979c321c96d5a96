// The part of AIP-160 that lists understand: `field op value` joined by AND.
//
// op is = or : (has, contains) or >= or <, value a word or a quoted string. Each list declares its
// fields; anything else is FIELD_INVALID for `filter`, never ignored.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/err.h"

enum filter_op {
    FILTER_EQUALS = 1 << 0,
    FILTER_HAS = 1 << 1,
    FILTER_AT_LEAST = 1 << 2, // >=
    FILTER_BELOW = 1 << 3,    // <
};

// A field that a list can be filtered on, with one operator; its value goes to `*ret_value`, NULL
// when the filter does not name it.
struct filter_field {
    const char *name;
    enum filter_op op;
    const char **ret_value;
};

// Errors: FIELD_INVALID with the place and what was expected.
enum err_code filter_parse(const char *filter, const struct filter_field *fields, size_t count,
                           struct arena *arena, struct err *reterr) _must_check_;
// Reads "true" or "false"; the number of an enum's value by its short name ("MAPPED") and prefix
// ("MAPPING_STATE_").
enum err_code filter_bool(const char *field, const char *value, bool *ret_value,
                          struct err *reterr) _must_check_;
enum err_code filter_enum(const char *field, const char *value, const ProtobufCEnumDescriptor *type,
                          const char *prefix, int *ret_value, struct err *reterr) _must_check_;
