// What only the terminal is asked: the API key, unless it comes from a file or standard input, and
// whether something that cannot be taken back shall be done.
#pragma once

#include "client/session.h"
#include "server/base/secret.h"

// Reads the key of --api-key-file, or asks for it. White space around it is dropped. Without a
// terminal and without the option: EXIT_USAGE naming the option. Returns an exit class.
int prompt_api_key(struct session *session, struct secret **ret_key);
// Asks `question`, to be answered with yes. Any other answer: EXIT_PRECONDITION, saying `undone`.
// Without a terminal: EXIT_USAGE, naming --force.
int prompt_confirm(struct session *session, const char *question, const char *undone);
