// The words of the contract's enums, as filters, audit events and error metadata spell them.
#pragma once

#include <protobuf-c/protobuf-c.h>

// The name of `value` without `prefix`, such as "MAPPED"; "UNSPECIFIED" for a number that the type
// does not have. Static.
const char *word_of(const ProtobufCEnumDescriptor *type, const char *prefix, int value);
