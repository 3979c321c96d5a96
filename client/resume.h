// Going on with a stream that broke, for the watches that write a line an event.
#pragma once

#include <signal.h>

#include "client/session.h"

// EXIT_OK if a stream that ended so may be asked for again, after `attempts` in a row without a
// message; a new token is taken from the file if that is what it needs. Otherwise prints why not.
int resume_or_fail(struct session *session, int attempts, const struct failure *failure);
// Says so and waits before the next attempt, which it counts. `stop` (may be NULL) ends it early.
void resume_pause(struct session *session, int *attempts, const volatile sig_atomic_t *stop);
