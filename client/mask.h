// The fields that an update names.
#pragma once

#include "client/session.h"
#include "google/protobuf/field_mask.pb-c.h"

enum { MASK_PATHS_MAX = 16 };

struct mask {
    Google__Protobuf__FieldMask message;
    char *paths[MASK_PATHS_MAX];
};

// Points into itself: must not be copied afterwards.
void mask_init(struct mask *mask);
// `path` is borrowed.
void mask_add(struct mask *mask, const char *path);
// The option --etag, if it was given, as the field `etag` of a message.
void mask_set_etag(const struct session *session, ProtobufCMessage *message);
