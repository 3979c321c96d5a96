// Help on every level, written from the command table.
#pragma once

#include "client/parse.h"
#include "server/base/buffer.h"

// Appends the help of what `arguments` names: a command, a group or everything.
bool help_write(struct buffer *buffer, const struct arguments *arguments);
