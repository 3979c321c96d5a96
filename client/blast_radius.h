// What a change shows and hides, in sentences.
#pragma once

#include <protobuf-c/protobuf-c.h>

struct session;

// Notes the field `blast_radius` of an answer, if it has one; of a dry run also that nothing was
// changed, and how to go on.
void blast_radius_note(struct session *session, const ProtobufCMessage *answer);
