// Watching a run to its end: the stream, its loss and resumption, and what is shown of it.
#pragma once

#include "client/session.h"

// Shows the run `name` until it ends: live on a terminal, one line an event elsewhere, one JSON
// object an event with -o json or jsonl. A lost stream is resumed, with back-off, a bounded number
// of times. Returns EXIT_OK if the run succeeded, EXIT_UPSTREAM if it failed or is partial,
// EXIT_OTHER if it was cancelled.
int watch_run(struct session *session, const char *name);
