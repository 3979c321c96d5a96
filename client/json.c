#include "client/json.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/field.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

struct writer {
    struct buffer *buffer;
    enum json_style style;
    int depth;
};

static void write_message(struct writer *writer, const ProtobufCMessage *message);

bool json_name(struct buffer *buffer, const char *name)
{
    bool good = true, upper = false;
    for (; good && *name != '\0'; name++) {
        if (*name == '_' || *name == ' ') {
            upper = true;
            continue;
        }
        char letter = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        good = buffer_append(buffer, &letter, 1);
        upper = false;
    }
    return good;
}

static bool fraction(struct buffer *buffer, int32_t nanos)
{
    if (nanos == 0)
        return true;
    if (nanos % 1000000 == 0)
        return buffer_printf(buffer, ".%03d", nanos / 1000000);
    if (nanos % 1000 == 0)
        return buffer_printf(buffer, ".%06d", nanos / 1000);
    return buffer_printf(buffer, ".%09d", nanos);
}

bool json_timestamp(struct buffer *buffer, int64_t seconds, int32_t nanos)
{
    // 0001-01-01 to 9999-12-31, the range of google.protobuf.Timestamp.
    if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999)
        return false;
    time_t moment = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&moment, &tm) == NULL)
        return false;
    return buffer_printf(buffer, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec) &&
           fraction(buffer, nanos) && buffer_text(buffer, "Z");
}

bool json_duration(struct buffer *buffer, int64_t seconds, int32_t nanos)
{
    if (seconds < -315576000000 || seconds > 315576000000 || nanos < -999999999 ||
        nanos > 999999999 || (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
        return false;
    bool minus = seconds < 0 || nanos < 0;
    return buffer_printf(buffer, "%s%" PRId64, minus ? "-" : "",
                         seconds < 0 ? -seconds : seconds) &&
           fraction(buffer, nanos < 0 ? -nanos : nanos) && buffer_text(buffer, "s");
}

static void new_line(struct writer *writer)
{
    if (writer->style == JSON_COMPACT)
        return;
    buffer_text(writer->buffer, "\n");
    for (int i = 0; i < writer->depth; i++)
        buffer_text(writer->buffer, "  ");
}

static void open_item(struct writer *writer, bool *first)
{
    if (!*first)
        buffer_text(writer->buffer, ",");
    *first = false;
    new_line(writer);
}

static void write_bytes(struct buffer *buffer, const uint8_t *bytes, size_t len)
{
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *text _cleanup_(freep) = malloc(size);
    if (text == NULL) {
        buffer->failed = true;
        return;
    }
    (void)sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    buffer_printf(buffer, "\"%s\"", text);
}

// The shortest decimal that reads back as the same number.
static void write_float(struct buffer *buffer, double value, bool single)
{
    if (isnan(value)) {
        buffer_text(buffer, "\"NaN\"");
        return;
    }
    if (isinf(value)) {
        buffer_text(buffer, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char text[40];
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    buffer_text(buffer, text);
}

static void write_enum(struct buffer *buffer, const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    if (value == NULL)
        buffer_printf(buffer, "%d", number);
    else
        buffer_printf(buffer, "\"%s\"", value->name);
}

static void write_mask(struct buffer *buffer, const Google__Protobuf__FieldMask *mask)
{
    buffer_text(buffer, "\"");
    for (size_t i = 0; i < mask->n_paths; i++) {
        buffer_text(buffer, i > 0 ? "," : "");
        json_name(buffer, mask->paths[i]);
    }
    buffer_text(buffer, "\"");
}

// The types whose JSON is a string. False: none of them.
static bool write_known(struct writer *writer, const ProtobufCMessage *message)
{
    struct buffer *buffer = writer->buffer;
    bool good = true;
    if (message->descriptor == &google__protobuf__timestamp__descriptor) {
        const Google__Protobuf__Timestamp *time = (const void *)message;
        struct buffer text _cleanup_(buffer_done);
        buffer_init(&text, 64);
        good = json_timestamp(&text, time->seconds, time->nanos);
        buffer_printf(buffer, good ? "\"%s\"" : "null", good ? text.data : "");
    } else if (message->descriptor == &google__protobuf__duration__descriptor) {
        const Google__Protobuf__Duration *duration = (const void *)message;
        struct buffer text _cleanup_(buffer_done);
        buffer_init(&text, 64);
        good = json_duration(&text, duration->seconds, duration->nanos);
        buffer_printf(buffer, good ? "\"%s\"" : "null", good ? text.data : "");
    } else if (message->descriptor == &google__protobuf__field_mask__descriptor) {
        write_mask(buffer, (const void *)message);
    } else {
        return false;
    }
    return true;
}

// An Any whose type this program does not look into: its bytes.
static void write_any(struct writer *writer, const Google__Protobuf__Any *any)
{
    bool first = true;
    buffer_text(writer->buffer, "{");
    writer->depth++;
    open_item(writer, &first);
    const char *colon = writer->style == JSON_PRETTY ? ": " : ":";
    buffer_printf(writer->buffer, "\"@type\"%s", colon);
    buffer_json_string(writer->buffer, any->type_url, strlen(any->type_url));
    open_item(writer, &first);
    buffer_printf(writer->buffer, "\"value\"%s", colon);
    write_bytes(writer->buffer, any->value.data, any->value.len);
    writer->depth--;
    new_line(writer);
    buffer_text(writer->buffer, "}");
}

static void write_value(struct writer *writer, const ProtobufCFieldDescriptor *field,
                        const void *value)
{
    struct buffer *buffer = writer->buffer;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buffer_printf(buffer, "%" PRId32, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buffer_printf(buffer, "%" PRIu32, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buffer_printf(buffer, "\"%" PRId64 "\"", *(const int64_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buffer_printf(buffer, "\"%" PRIu64 "\"", *(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        write_float(buffer, (double)*(const float *)value, true);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        write_float(buffer, *(const double *)value, false);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_text(buffer, *(const protobuf_c_boolean *)value ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(buffer, field->descriptor, *(const int *)value);
        break;
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        buffer_json_string(buffer, text, strlen(text));
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = value;
        write_bytes(buffer, bytes->data, bytes->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(writer, *(const ProtobufCMessage *const *)value);
        break;
    }
}

// A map's key is always a JSON string.
static void write_key(struct writer *writer, const ProtobufCFieldDescriptor *field,
                      const void *value)
{
    bool quoted = field->type == PROTOBUF_C_TYPE_STRING || field_is_64bit(field);
    buffer_text(writer->buffer, quoted ? "" : "\"");
    write_value(writer, field, value);
    buffer_text(writer->buffer, quoted ? "" : "\"");
}

static void write_repeated(struct writer *writer, const ProtobufCFieldDescriptor *field,
                           const ProtobufCMessage *message)
{
    bool map = field_is_map(field);
    size_t count = field_count(message, field);
    bool first = true;
    buffer_text(writer->buffer, map ? "{" : "[");
    writer->depth++;
    for (size_t i = 0; i < count; i++) {
        const void *item = field_item(message, field, i);
        open_item(writer, &first);
        if (!map) {
            write_value(writer, field, item);
            continue;
        }
        const ProtobufCMessage *entry = *(const ProtobufCMessage *const *)item;
        const ProtobufCFieldDescriptor *parts = entry->descriptor->fields;
        write_key(writer, &parts[0], (const char *)entry + parts[0].offset);
        buffer_text(writer->buffer, writer->style == JSON_PRETTY ? ": " : ":");
        write_value(writer, &parts[1], (const char *)entry + parts[1].offset);
    }
    writer->depth--;
    new_line(writer);
    buffer_text(writer->buffer, map ? "}" : "]");
}

static void write_fields(struct writer *writer, const ProtobufCMessage *message)
{
    bool first = true;
    writer->depth++;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!field_is_set(message, field))
            continue;
        open_item(writer, &first);
        buffer_text(writer->buffer, "\"");
        json_name(writer->buffer, field->name);
        buffer_text(writer->buffer, writer->style == JSON_PRETTY ? "\": " : "\":");
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_repeated(writer, field, message);
        else
            write_value(writer, field, (const char *)message + field->offset);
    }
    writer->depth--;
    if (!first)
        new_line(writer);
}

static void write_message(struct writer *writer, const ProtobufCMessage *message)
{
    if (write_known(writer, message))
        return;
    if (message->descriptor == &google__protobuf__any__descriptor) {
        write_any(writer, (const void *)message);
        return;
    }
    buffer_text(writer->buffer, "{");
    write_fields(writer, message);
    buffer_text(writer->buffer, "}");
}

bool json_write(struct buffer *buffer, const ProtobufCMessage *message, enum json_style style)
{
    struct writer writer = {.buffer = buffer, .style = style};
    write_message(&writer, message);
    return !buffer->failed;
}
