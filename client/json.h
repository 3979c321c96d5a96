// Messages as JSON: the proto3 mapping, walked from protobuf-c's descriptors.
//
// 64-bit integers are strings, bytes are base64, enums are names, Timestamp, Duration and FieldMask
// their strings, names lowerCamelCase, maps objects. Values at their default are left out, as
// `buf curl` does. Strings are escaped for a terminal as well as for JSON.
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "server/base/buffer.h"

enum json_style {
    JSON_COMPACT, // one line
    JSON_PRETTY,  // two spaces a level
};

// Appends `message`. False: the buffer failed.
bool json_write(struct buffer *buffer, const ProtobufCMessage *message, enum json_style style);
// Appends the lowerCamelCase of a field's name, such as displayName of display_name, or of words.
bool json_name(struct buffer *buffer, const char *name);
// Appends RFC 3339 with 0, 3, 6 or 9 digits of a second, without quotes. False too for what is out
// of the type's range; then nothing is appended.
bool json_timestamp(struct buffer *buffer, int64_t seconds, int32_t nanos);
// Appends such as 1.500s, without quotes.
bool json_duration(struct buffer *buffer, int64_t seconds, int32_t nanos);
