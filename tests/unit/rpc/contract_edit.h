// The embedded contract with a change, for tests of what the server refuses.
#pragma once

#include <google/protobuf/descriptor.pb-c.h>
#include <stddef.h>

struct contract_edit {
    Google__Protobuf__FileDescriptorSet *set;
    unsigned char *bytes;
    size_t len;
};

// Opens a copy of the embedded set. Fails the test without memory.
void contract_edit_open(struct contract_edit *edit);
Google__Protobuf__DescriptorProto *contract_edit_message(struct contract_edit *edit,
                                                         const char *name);
Google__Protobuf__MethodDescriptorProto *
contract_edit_method(struct contract_edit *edit, const char *service, const char *name);
// Packs it as it stands now into `bytes`.
void contract_edit_pack(struct contract_edit *edit);
void contract_edit_done(struct contract_edit *edit);
