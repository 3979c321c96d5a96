// The guided setup: what its steps share.
//
// wizard.c connects and leads through the steps; wizard_map.c and wizard_config.c have the others.
// Each answer is carried out at once, so that whoever stops goes on there the next time.
#pragma once

#include "client/ask.h"

struct wizard {
    struct session *session;
    struct asker asker;
    const char *connection; // its name, once there is one
};

// Calls a method. Prints a failure and returns its class.
int wizard_call(struct wizard *wizard, const ProtobufCServiceDescriptor *service,
                const char *method, const ProtobufCMessage *request,
                const ProtobufCMessage **ret_response);
// Whether one of the options is given. Closed by NULL.
bool wizard_given(const struct wizard *wizard, const char *const *options);
// The connection's name with something behind it. NULL: no memory.
char *wizard_name(struct wizard *wizard, const char *suffix);
// A string of a message is not const, though it is only read.
char *wizard_text(const char *text);

// The steps. Each returns an exit class.
int wizard_map(struct wizard *wizard);
int wizard_documentation(struct wizard *wizard);
int wizard_passwords(struct wizard *wizard);
