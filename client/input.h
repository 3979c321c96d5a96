// Files that a command reads.
#pragma once

#include "client/session.h"
#include "server/base/buffer.h"

// Appends a file to `text`, or standard input for "-". Returns an exit class.
int input_read(struct session *session, const char *path, struct buffer *text);
