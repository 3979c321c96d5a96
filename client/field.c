#include "client/field.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/json.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "google/type/date.pb-c.h"

// Whether `word` of `len` bytes names `field` in snake_case or lowerCamelCase.
static bool names(const ProtobufCFieldDescriptor *field, const char *word, size_t len)
{
    if (strlen(field->name) == len && strncmp(field->name, word, len) == 0)
        return true;
    struct buffer camel _cleanup_(buffer_done);
    buffer_init(&camel, 256);
    return json_name(&camel, field->name) && camel.len == len && memcmp(camel.data, word, len) == 0;
}

static const ProtobufCFieldDescriptor *find(const ProtobufCMessageDescriptor *type,
                                            const char *word, size_t len)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (names(&type->fields[i], word, len))
            return &type->fields[i];
    return NULL;
}

const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *type, const char *name)
{
    return find(type, name, strlen(name));
}

const ProtobufCFieldDescriptor *field_at(const ProtobufCMessageDescriptor *type, const char *path)
{
    const ProtobufCFieldDescriptor *field = NULL;
    for (;;) {
        size_t len = strcspn(path, ".");
        field = find(type, path, len);
        if (field == NULL || path[len] == '\0')
            return field;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED)
            return NULL;
        type = field->descriptor;
        path += len + 1;
    }
}

bool field_is_64bit(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return true;
    default:
        return false;
    }
}

bool field_is_number(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return false;
    default:
        return true;
    }
}

// protobuf-c has no flag for maps: protoc calls the entry of `meta_data` MetaDataEntry.
bool field_is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    if (entry->n_fields != 2 || strcmp(entry->fields[0].name, "key") != 0 ||
        strcmp(entry->fields[1].name, "value") != 0)
        return false;
    struct buffer name _cleanup_(buffer_done);
    buffer_init(&name, 256);
    if (!json_name(&name, field->name) || !buffer_text(&name, "Entry"))
        return false;
    name.data[0] = (char)toupper((unsigned char)name.data[0]);
    return strcmp(entry->short_name, name.data) == 0;
}

static bool is_nonzero(const ProtobufCFieldDescriptor *field, const void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        return text != NULL && text[0] != '\0';
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)value)->len > 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(const void *const *)value != NULL;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)value != 0;
    case PROTOBUF_C_TYPE_DOUBLE: {
        // Bits, not the number: -0.0 is not the default.
        uint64_t bits;
        memcpy(&bits, value, sizeof(bits));
        return bits != 0;
    }
    default:
        return field_is_64bit(field) ? *(const uint64_t *)value != 0
                                     : *(const uint32_t *)value != 0;
    }
}

bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return field_count(message, field) > 0;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)(base + field->quantifier_offset) == field->id;
    return is_nonzero(field, base + field->offset);
}

size_t field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)((const char *)message + field->quantifier_offset);
}

static size_t item_bytes(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(double);
    default:
        return field_is_64bit(field) ? sizeof(uint64_t) : sizeof(uint32_t);
    }
}

const void *field_item(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       size_t i)
{
    const char *items = *(const char *const *)((const char *)message + field->offset);
    return items + i * item_bytes(field);
}

static void *must_find(const ProtobufCMessage *message, const char *name, ProtobufCType type)
{
    const ProtobufCFieldDescriptor *field = field_find(message->descriptor, name);
    if (field == NULL || field->type != type || field->label == PROTOBUF_C_LABEL_REPEATED)
        abort();
    return (char *)(uintptr_t)message + field->offset;
}

void field_set_text(ProtobufCMessage *message, const char *name, const char *value)
{
    // protobuf-c's strings are not const, though packing only reads them.
    *(char **)must_find(message, name, PROTOBUF_C_TYPE_STRING) = (char *)(uintptr_t)value;
}

void field_set_int32(ProtobufCMessage *message, const char *name, int32_t value)
{
    *(int32_t *)must_find(message, name, PROTOBUF_C_TYPE_INT32) = value;
}

const char *field_get_text(const ProtobufCMessage *message, const char *name)
{
    return *(char **)must_find(message, name, PROTOBUF_C_TYPE_STRING);
}

static size_t prefix_len(const ProtobufCEnumDescriptor *type)
{
    static const char tail[] = "UNSPECIFIED";
    const char *zero = type->values[0].name;
    size_t len = strlen(zero);
    if (len < strlen(tail) || strcmp(zero + len - strlen(tail), tail) != 0)
        return 0;
    return len - strlen(tail);
}

const char *field_enum_name(const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    return value == NULL ? NULL : value->name + prefix_len(type);
}

static bool same_word(const char *name, const char *word)
{
    for (; *name != '\0' && *word != '\0'; name++, word++) {
        char letter = *word == '-' ? '_' : (char)toupper((unsigned char)*word);
        if (*name != letter)
            return false;
    }
    return *name == *word;
}

bool field_enum_number(const ProtobufCEnumDescriptor *type, const char *word, int *ret_number)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        const ProtobufCEnumValue *value = &type->values[i];
        if (value->value != 0 &&
            (same_word(value->name + prefix_len(type), word) || same_word(value->name, word))) {
            *ret_number = value->value;
            return true;
        }
    }
    return false;
}

bool field_enum_words(struct buffer *buffer, const ProtobufCEnumDescriptor *type, const char *glue)
{
    bool good = true, first = true;
    for (unsigned i = 0; good && i < type->n_values; i++) {
        if (type->values[i].value == 0)
            continue;
        good = buffer_text(buffer, first ? "" : glue);
        first = false;
        for (const char *at = type->values[i].name + prefix_len(type); good && *at != '\0'; at++) {
            char letter = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
            good = buffer_append(buffer, &letter, 1);
        }
    }
    return good;
}

static void message_text(struct buffer *buffer, const ProtobufCMessage *message,
                         enum field_style style);

// Every second part of a resource name, or the last where a connection is its parent: of these
// there is one as a rule. What has no such form is left as it is.
static void ids_text(struct buffer *buffer, const char *name)
{
    size_t slashes = 0;
    for (const char *at = name; *at != '\0'; at++)
        slashes += *at == '/';
    bool of_connection = strncmp(name, "connections/", strlen("connections/")) == 0;
    if (slashes % 2 == 0 || of_connection) {
        buffer_text(buffer, slashes % 2 == 0 ? name : strrchr(name, '/') + 1);
        return;
    }
    for (size_t part = 0; part <= slashes; part++) {
        size_t len = strcspn(name, "/");
        if (part % 2 == 1) {
            buffer_text(buffer, part > 1 ? "/" : "");
            buffer_append(buffer, name, len);
        }
        name += len + (part < slashes ? 1 : 0);
    }
}

static void value_text(struct buffer *buffer, const ProtobufCFieldDescriptor *field,
                       const void *value, enum field_style style)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        const char *slash = style == FIELD_SHORT ? strrchr(text, '/') : NULL;
        if (style == FIELD_IDS)
            ids_text(buffer, text);
        else
            buffer_text(buffer, slash == NULL ? text : slash + 1);
        break;
    }
    case PROTOBUF_C_TYPE_BOOL:
        buffer_text(buffer, *(const protobuf_c_boolean *)value ? "yes" : "no");
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const char *name = field_enum_name(field->descriptor, *(const int *)value);
        if (name == NULL)
            buffer_printf(buffer, "%d", *(const int *)value);
        else
            buffer_text(buffer, *(const int *)value == 0 ? "" : name);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = value;
        for (size_t i = 0; i < bytes->len; i++)
            buffer_printf(buffer, "%02x", bytes->data[i]);
        break;
    }
    case PROTOBUF_C_TYPE_INT32:
        buffer_printf(buffer, "%" PRId32, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
        buffer_printf(buffer, "%" PRId64, *(const int64_t *)value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(const void *const *)value != NULL)
            message_text(buffer, *(const ProtobufCMessage *const *)value, style);
        break;
    default:
        // No field of the contract that is shown in a table has another type.
        buffer_text(buffer, "?");
    }
}

static void repeated_text(struct buffer *buffer, const ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field, enum field_style style)
{
    for (size_t i = 0; i < field_count(message, field); i++) {
        buffer_text(buffer, i > 0 ? ", " : "");
        value_text(buffer, field, field_item(message, field, i), style);
    }
}

static void any_text(struct buffer *buffer, const ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field, enum field_style style)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        repeated_text(buffer, message, field, style);
    else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || field_is_set(message, field))
        value_text(buffer, field, (const char *)message + field->offset, style);
}

// As options take it: 90s, 15m, 2h or 1d, in the largest unit that it is whole in.
static void duration_text(struct buffer *buffer, const Google__Protobuf__Duration *duration)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}};
    for (size_t i = 0; i < ARRAY_LEN(units) && duration->seconds > 0 && duration->nanos == 0; i++)
        if (duration->seconds % units[i].seconds == 0) {
            buffer_printf(buffer, "%" PRId64 "%c", duration->seconds / units[i].seconds,
                          units[i].unit);
            return;
        }
    (void)json_duration(buffer, duration->seconds, duration->nanos);
}

// A message in one cell: its set fields one after the other.
static void message_text(struct buffer *buffer, const ProtobufCMessage *message,
                         enum field_style style)
{
    if (message->descriptor == &google__protobuf__timestamp__descriptor) {
        const Google__Protobuf__Timestamp *time = (const void *)message;
        (void)json_timestamp(buffer, time->seconds, 0);
        return;
    }
    if (message->descriptor == &google__protobuf__duration__descriptor) {
        duration_text(buffer, (const void *)message);
        return;
    }
    if (message->descriptor == &google__type__date__descriptor) {
        const Google__Type__Date *date = (const void *)message;
        buffer_printf(buffer, "%04d-%02d-%02d", date->year, date->month, date->day);
        return;
    }
    bool first = true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!field_is_set(message, field))
            continue;
        buffer_text(buffer, first ? "" : " ");
        first = false;
        any_text(buffer, message, field, style);
    }
}

bool field_text(struct buffer *buffer, const ProtobufCMessage *message, const char *path,
                enum field_style style)
{
    if (field_at(message->descriptor, path) == NULL)
        return false;
    for (;;) {
        size_t len = strcspn(path, ".");
        const ProtobufCFieldDescriptor *field = find(message->descriptor, path, len);
        if (path[len] == '\0') {
            any_text(buffer, message, field, style);
            return true;
        }
        message = *(const ProtobufCMessage *const *)((const char *)message + field->offset);
        if (message == NULL)
            return true;
        path += len + 1;
    }
}
