// Messages by name: what the tables, the lists and JSON read and set through descriptors.
//
// A path is field names joined by dots, in snake_case or lowerCamelCase. Names that a caller of
// this program spells wrong are its bug where a function says "must": it then aborts.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/base/buffer.h"

// The field of `type` with this name; NULL if there is none.
const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *type,
                                           const char *name);
// Whether a field has another value than its default, or is the chosen one of its oneof.
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
bool field_is_map(const ProtobufCFieldDescriptor *field);
bool field_is_64bit(const ProtobufCFieldDescriptor *field);
// Whether a column of it is aligned to the right.
bool field_is_number(const ProtobufCFieldDescriptor *field);
// Items of a repeated field, and where item `i` lies.
size_t field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
const void *field_item(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       size_t i);

// Sets a field that must exist. The string is borrowed; it must outlive the message's use.
void field_set_text(ProtobufCMessage *message, const char *name, const char *value);
void field_set_int32(ProtobufCMessage *message, const char *name, int32_t value);
// The text of a string field that must exist.
const char *field_get_text(const ProtobufCMessage *message, const char *name);

// How a resource name is shown.
enum field_style {
    FIELD_FULL,
    FIELD_SHORT, // the last part of a resource name
    FIELD_IDS,   // its ids joined by slashes, as commands take them
};
// Appends the value at `path` for a person: enums without their prefix, times to the second,
// durations as 15m or 2h, yes or no, lists joined by commas, unset as nothing. Not yet escaped.
// False: no such path.
bool field_text(struct buffer *buffer, const ProtobufCMessage *message, const char *path,
                enum field_style style);
// The field at the end of `path`; NULL if there is none.
const ProtobufCFieldDescriptor *field_at(const ProtobufCMessageDescriptor *type, const char *path);

// The name of an enum's value without the prefix that all share, such as ACTIVE; NULL: unknown.
const char *field_enum_name(const ProtobufCEnumDescriptor *type, int number);
// The number of "active", "ACTIVE" or "STATE_ACTIVE", dashes as underscores. False: none, and 0
// (unspecified) is none.
bool field_enum_number(const ProtobufCEnumDescriptor *type, const char *word, int *ret_number);
// Appends the words that field_enum_number understands, lower-case with dashes, joined by `glue`.
bool field_enum_words(struct buffer *buffer, const ProtobufCEnumDescriptor *type, const char *glue);
