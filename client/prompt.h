// The API key on its way in: from the terminal without echo, from a file or from standard input.
#pragma once

#include "client/session.h"
#include "server/base/secret.h"

// Reads the key of --api-key-file, or asks for it. White space around it is dropped. Without a
// terminal and without the option: EXIT_USAGE naming the option. Returns an exit class.
int prompt_api_key(struct session *session, struct secret **ret_key);
