// What is asked for on the terminal: the API key, and what a reveal must come with.
#pragma once

#include "client/session.h"
#include "server/base/secret.h"

// Reads the key of --api-key-file, or asks for it. White space around it is dropped. Without a
// terminal and without the option: EXIT_USAGE naming the option. Returns an exit class.
int prompt_api_key(struct session *session, struct secret **ret_key);
// Asks on the terminal for a line that may be seen. NULL: there is no terminal, nothing was
// entered, it was too long, or no memory.
const char *prompt_text(struct session *session, const char *label);
