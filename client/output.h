// Data on standard output, in the format that was asked for.
#pragma once

#include "client/session.h"

// One message: a table of fields and values, or JSON. Returns an exit class.
int output_message(struct session *session, const ProtobufCMessage *message);
// The items of a repeated field of `response`: a table with the command's columns or those of
// --columns, the whole response as JSON, or one JSON object a line. Returns an exit class.
int output_items(struct session *session, const ProtobufCMessage *response, const char *items,
                 const struct column *columns);
// Names and values that are no message of their own: a table, or one JSON object. Rows whose value
// is NULL or empty are left out. Returns an exit class.
struct output_pair {
    const char *name;
    const char *value;
};
int output_pairs(struct session *session, const struct output_pair *pairs, size_t count);
// Whether --columns names only columns of `columns` or fields of `type`. Returns an exit class.
int output_check_columns(struct session *session, const struct column *columns,
                         const ProtobufCMessageDescriptor *type);
// Flushes standard output and sees that all of it was written. Returns an exit class.
int output_flush(struct session *session);
