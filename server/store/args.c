#include <endian.h>
#include <limits.h>
#include <string.h>

#include "server/store/args.h"

// Type numbers of pg_type.dat; they never change.
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_TEXT = 25,
    OID_BOOL_ARRAY = 1000,
    OID_BYTEA_ARRAY = 1001,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_TIMESTAMPTZ = 1184,
    OID_TIMESTAMPTZ_ARRAY = 1185,
};

// Microseconds from 1970-01-01 to 2000-01-01, where Postgres begins.
static const int64_t epoch_us = INT64_C(946684800000000);

// A value in the form of its wire: `len` < 0 is NULL.
struct item {
    const void *data;
    int len;
    unsigned char scratch[8];
};

static void item_int64(struct item *item, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    memcpy(item->scratch, &wire, sizeof(wire));
    item->data = item->scratch;
    item->len = sizeof(wire);
}

static void item_time(struct item *item, int64_t wall_us)
{
    item_int64(item, (int64_t)((uint64_t)wall_us - (uint64_t)epoch_us));
    if (wall_us == 0)
        item->len = -1;
}

static void item_bool(struct item *item, bool value)
{
    item->scratch[0] = value;
    item->data = item->scratch;
    item->len = 1;
}

static void item_bytes(struct item *item, const void *data, size_t len)
{
    item->data = data;
    item->len = data == NULL ? -1 : len > INT_MAX ? INT_MAX : (int)len;
}

// Element `i` of the array `arg`.
static void item_of_array(struct item *item, const struct arg *arg, size_t i)
{
    switch (arg->type) {
    case ARG_TYPE_TEXTS: {
        const char *text = ((const char *const *)arg->pointer)[i];
        item_bytes(item, text, text == NULL ? 0 : strlen(text));
        break;
    }
    case ARG_TYPE_INT64S:
        item_int64(item, ((const int64_t *)arg->pointer)[i]);
        break;
    case ARG_TYPE_BOOLS:
        item_bool(item, ((const bool *)arg->pointer)[i]);
        break;
    case ARG_TYPE_TIMES:
        item_time(item, ((const int64_t *)arg->pointer)[i]);
        break;
    default: {
        const struct bytes *bytes = &((const struct bytes *)arg->pointer)[i];
        item_bytes(item, bytes->data, bytes->len);
        break;
    }
    }
}

static unsigned char *put_int32(unsigned char *out, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    memcpy(out, &wire, sizeof(wire));
    return out + sizeof(wire);
}

// The form of array_send(): dimensions, whether there are NULLs, type, then count, lower bound and
// the elements with their lengths.
static bool bind_array(const struct arg *arg, Oid element, struct arena *arena,
                       const char **ret_value, int *ret_len)
{
    size_t bytes = 20;
    bool nulls = false;
    struct item item;
    for (size_t i = 0; i < arg->count; i++) {
        item_of_array(&item, arg, i);
        bytes += 4 + (item.len < 0 ? 0 : (size_t)item.len);
        nulls |= item.len < 0;
    }
    unsigned char *wire = bytes > INT_MAX ? NULL : arena_alloc(arena, bytes);
    if (wire == NULL)
        return false;
    unsigned char *out = put_int32(wire, arg->count > 0);
    out = put_int32(out, nulls);
    out = put_int32(out, (int32_t)element);
    if (arg->count > 0) {
        out = put_int32(out, (int32_t)arg->count);
        out = put_int32(out, 1);
    }
    for (size_t i = 0; i < arg->count; i++) {
        item_of_array(&item, arg, i);
        out = put_int32(out, item.len);
        if (item.len > 0) {
            memcpy(out, item.data, (size_t)item.len);
            out += item.len;
        }
    }
    *ret_value = (const char *)wire;
    *ret_len = (int)(out - wire);
    return true;
}

static bool bind_scalar(const struct item *item, struct arena *arena, const char **ret_value,
                        int *ret_len)
{
    if (item->len < 0)
        return true;
    unsigned char *wire = arena_alloc(arena, sizeof(item->scratch));
    if (wire == NULL)
        return false;
    memcpy(wire, item->data, (size_t)item->len);
    *ret_value = (const char *)wire;
    *ret_len = item->len;
    return true;
}

static bool bind_arg(const struct arg *arg, struct arena *arena, Oid *ret_type,
                     const char **ret_value, int *ret_len)
{
    struct item item;
    switch (arg->type) {
    case ARG_TYPE_NULL:
        return true;
    case ARG_TYPE_TEXT:
        *ret_value = arg->pointer;
        return true;
    case ARG_TYPE_INT64:
        *ret_type = OID_INT8;
        item_int64(&item, arg->number);
        return bind_scalar(&item, arena, ret_value, ret_len);
    case ARG_TYPE_BOOL:
        *ret_type = OID_BOOL;
        item_bool(&item, arg->number != 0);
        return bind_scalar(&item, arena, ret_value, ret_len);
    case ARG_TYPE_TIME:
        *ret_type = OID_TIMESTAMPTZ;
        item_time(&item, arg->number);
        return bind_scalar(&item, arena, ret_value, ret_len);
    case ARG_TYPE_BYTES:
        *ret_type = OID_BYTEA;
        *ret_value = arg->pointer;
        *ret_len = (int)arg->count;
        return arg->count <= INT_MAX;
    case ARG_TYPE_TEXTS:
        *ret_type = OID_TEXT_ARRAY;
        return bind_array(arg, OID_TEXT, arena, ret_value, ret_len);
    case ARG_TYPE_INT64S:
        *ret_type = OID_INT8_ARRAY;
        return bind_array(arg, OID_INT8, arena, ret_value, ret_len);
    case ARG_TYPE_BOOLS:
        *ret_type = OID_BOOL_ARRAY;
        return bind_array(arg, OID_BOOL, arena, ret_value, ret_len);
    case ARG_TYPE_TIMES:
        *ret_type = OID_TIMESTAMPTZ_ARRAY;
        return bind_array(arg, OID_TIMESTAMPTZ, arena, ret_value, ret_len);
    case ARG_TYPE_BYTEAS:
        *ret_type = OID_BYTEA_ARRAY;
        return bind_array(arg, OID_BYTEA, arena, ret_value, ret_len);
    }
    return false;
}

enum err_code args_bind(const struct arg *args, size_t count, struct arena *arena,
                        struct args_bound *ret_bound, struct err *reterr)
{
    if (count > ARGS_MAX)
        return err_set(reterr, ERR_INTERNAL, "a statement of %zu parameters", count);
    ret_bound->count = (int)count;
    for (size_t i = 0; i < count; i++) {
        ret_bound->types[i] = 0;
        ret_bound->values[i] = NULL;
        ret_bound->lengths[i] = 0;
        ret_bound->formats[i] = args[i].type != ARG_TYPE_TEXT && args[i].type != ARG_TYPE_NULL;
        if (!bind_arg(&args[i], arena, &ret_bound->types[i], &ret_bound->values[i],
                      &ret_bound->lengths[i]))
            return err_no_memory(reterr);
    }
    return ERR_OK;
}
