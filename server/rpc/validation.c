#include "server/rpc/validation.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server/base/utf8.h"

enum {
    WIRE_VARINT = 0,
    WIRE_64BIT = 1,
    WIRE_BYTES = 2,
    WIRE_32BIT = 5,
    VARINT_BYTES_MAX = 10,
    TAG_BYTES_MAX = 5,
};

static const size_t OF_ALL = SIZE_MAX;

// Where the check is: one frame a level of nesting, linked upwards to build the path of an error.
struct frame {
    const struct frame *up;
    const struct rule *rule;
    const ProtobufCFieldDescriptor *field; // being checked; NULL before the first
    size_t index;                          // of the item, in a repeated field; OF_ALL: all of it
    unsigned depth;
};

struct cursor {
    const unsigned char *at;
    const unsigned char *end;
};

static size_t left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static void append_path(const struct frame *frame, char *text, size_t size)
{
    if (frame == NULL || frame->field == NULL)
        return;
    append_path(frame->up, text, size);
    size_t used = strlen(text);
    const char *dot = used == 0 ? "" : ".";
    if (frame->field->label == PROTOBUF_C_LABEL_REPEATED && frame->index != OF_ALL)
        (void)snprintf(text + used, size - used, "%s%s[%zu]", dot, frame->field->name,
                       frame->index);
    else
        (void)snprintf(text + used, size - used, "%s%s", dot, frame->field->name);
}

static enum err_code refuse(const struct frame *frame, enum err_code code, struct err *reterr,
                            const char *what)
{
    char path[ERR_META_VALUE_BYTES] = "";
    append_path(frame, path, sizeof(path));
    if (path[0] == '\0')
        return err_set(reterr, code, "the request %s", what);
    (void)err_set(reterr, code, "%s %s", path, what);
    err_field(reterr, "%s", path);
    err_meta(reterr, "field", "%s", path);
    return code;
}

static enum err_code malformed(const struct frame *frame, struct err *reterr, const char *what)
{
    return refuse(frame, ERR_MESSAGE_INVALID, reterr, what);
}

static bool read_varint(struct cursor *cursor, unsigned max_bytes, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < max_bytes && cursor->at < cursor->end; i++) {
        unsigned char byte = *cursor->at++;
        // The tenth byte holds one bit of a 64-bit number.
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct cursor *cursor, uint64_t bytes)
{
    if (bytes > left(cursor))
        return false;
    cursor->at += bytes;
    return true;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

// Fields mostly come in order: the one after the last found is tried first.
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *descriptor,
                                                  uint32_t number, unsigned *hint)
{
    for (unsigned i = *hint; i < descriptor->n_fields && i < *hint + 2; i++) {
        if (descriptor->fields[i].id == number) {
            *hint = i;
            return &descriptor->fields[i];
        }
    }
    unsigned low = 0, high = descriptor->n_fields;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint32_t id = descriptor->fields[middle].id;
        if (id == number) {
            *hint = middle;
            return &descriptor->fields[middle];
        }
        if (id < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum err_code skip_unknown(const struct frame *frame, struct cursor *cursor, unsigned wire,
                                  struct err *reterr)
{
    uint64_t value = 0;
    bool ok;
    switch (wire) {
    case WIRE_VARINT:
        ok = read_varint(cursor, VARINT_BYTES_MAX, &value);
        break;
    case WIRE_64BIT:
        ok = skip(cursor, 8);
        break;
    case WIRE_BYTES:
        ok = read_varint(cursor, VARINT_BYTES_MAX, &value) && skip(cursor, value);
        break;
    case WIRE_32BIT:
        ok = skip(cursor, 4);
        break;
    default:
        return malformed(frame, reterr, "has a group or an unknown wire type");
    }
    return ok ? ERR_OK : malformed(frame, reterr, "is cut short");
}

static enum err_code too_many(const struct frame *frame, uint32_t max, struct err *reterr)
{
    char what[64];
    struct frame all = *frame;
    all.index = OF_ALL;
    (void)snprintf(what, sizeof(what), "has more than %u items", max);
    enum err_code code = refuse(&all, ERR_FIELD_INVALID, reterr, what);
    err_meta(reterr, "allowed", "%u", max);
    return code;
}

// The items of a packed field: their bytes are `packed`.
static enum err_code check_packed(const struct frame *frame, struct cursor packed, unsigned wire,
                                  uint32_t max_items, uint32_t *count, struct err *reterr)
{
    size_t items = 0;
    if (wire == WIRE_VARINT) {
        uint64_t value;
        for (; packed.at < packed.end; items++)
            if (!read_varint(&packed, VARINT_BYTES_MAX, &value))
                return malformed(frame, reterr, "holds a number that is cut short or too long");
    } else {
        size_t width = wire == WIRE_64BIT ? 8 : 4;
        if (left(&packed) % width != 0)
            return malformed(frame, reterr, "holds a number that is cut short");
        items = left(&packed) / width;
    }
    if (items > max_items - *count)
        return too_many(frame, max_items, reterr);
    *count += (uint32_t)items;
    return ERR_OK;
}

static enum err_code check_value(const struct frame *frame, const struct rule_field *limits,
                                 const unsigned char *bytes, size_t len, struct err *reterr)
{
    if (len > limits->max_bytes) {
        char what[64];
        (void)snprintf(what, sizeof(what), "is longer than %u bytes", limits->max_bytes);
        enum err_code code = refuse(frame, ERR_FIELD_INVALID, reterr, what);
        err_meta(reterr, "allowed", "%u", limits->max_bytes);
        return code;
    }
    if (frame->field->type != PROTOBUF_C_TYPE_STRING)
        return ERR_OK;
    if (memchr(bytes, '\0', len) != NULL)
        return refuse(frame, ERR_FIELD_INVALID, reterr, "contains a NUL character");
    if (!utf8_valid((const char *)bytes, len))
        return refuse(frame, ERR_FIELD_INVALID, reterr, "is not valid UTF-8");
    return ERR_OK;
}

static enum err_code check_message(struct frame *frame, struct cursor cursor, struct err *reterr);

// One value of a known field, of wire type BYTES.
static enum err_code check_bytes(struct frame *frame, const struct rule_field *limits,
                                 struct cursor *cursor, uint32_t *count, struct err *reterr)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    uint64_t len;
    if (!read_varint(cursor, VARINT_BYTES_MAX, &len) || len > left(cursor))
        return malformed(frame, reterr, "is cut short");
    struct cursor inner = {cursor->at, cursor->at + len};
    cursor->at = inner.end;
    unsigned wire = wire_type_of(field->type);
    if (wire != WIRE_BYTES)
        return check_packed(frame, inner, wire, limits->max_items, count, reterr);
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return check_value(frame, limits, inner.at, (size_t)len, reterr);
    if (frame->depth == RULE_DEPTH_MAX)
        return malformed(frame, reterr, "is nested too deeply");
    // Two halves would be merged, and together exceed what each of them keeps.
    if (field->label != PROTOBUF_C_LABEL_REPEATED && *count > 1)
        return refuse(frame, ERR_FIELD_INVALID, reterr, "is given twice");
    struct frame below = {.up = frame, .rule = limits->message, .depth = frame->depth + 1};
    return check_message(&below, inner, reterr);
}

static enum err_code check_field(struct frame *frame, const struct rule_field *limits,
                                 struct cursor *cursor, unsigned wire, uint32_t *count,
                                 struct err *reterr)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    unsigned expected = wire_type_of(field->type);
    frame->index = *count;
    bool packed = repeated && wire == WIRE_BYTES && expected != WIRE_BYTES;
    if (wire != expected && !packed)
        return malformed(frame, reterr, "has the wrong wire type");
    if (repeated && !packed && *count == limits->max_items)
        return too_many(frame, limits->max_items, reterr);
    if (!packed)
        ++*count;
    if (wire == WIRE_BYTES)
        return check_bytes(frame, limits, cursor, count, reterr);
    return skip_unknown(frame, cursor, wire, reterr);
}

static enum err_code check_message(struct frame *frame, struct cursor cursor, struct err *reterr)
{
    const ProtobufCMessageDescriptor *descriptor = frame->rule->descriptor;
    uint32_t counts[RULE_FIELDS_MAX];
    memset(counts, 0, descriptor->n_fields * sizeof(counts[0]));
    unsigned hint = 0;
    while (cursor.at < cursor.end) {
        uint64_t tag;
        frame->field = NULL;
        if (!read_varint(&cursor, TAG_BYTES_MAX, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
            return malformed(frame->up, reterr, "has a broken field number");
        unsigned wire = (unsigned)(tag & 7);
        const ProtobufCFieldDescriptor *field = find_field(descriptor, (uint32_t)(tag >> 3), &hint);
        if (field == NULL) {
            try_(skip_unknown(frame->up, &cursor, wire, reterr));
            continue;
        }
        frame->field = field;
        size_t at = (size_t)(field - descriptor->fields);
        try_(check_field(frame, &frame->rule->fields[at], &cursor, wire, &counts[at], reterr));
    }
    return ERR_OK;
}

enum err_code validation_check(const struct rule *rule, const unsigned char *bytes, size_t len,
                               size_t max_bytes, struct err *reterr)
{
    if (len > max_bytes) {
        enum err_code code = err_set(reterr, ERR_MESSAGE_INVALID,
                                     "the request has %zu bytes, allowed are %zu", len, max_bytes);
        err_meta(reterr, "allowed", "%zu", max_bytes);
        return code;
    }
    if (len == 0)
        return ERR_OK;
    struct frame top = {.rule = rule, .depth = 1};
    return check_message(&top, (struct cursor){bytes, bytes + len}, reterr);
}
