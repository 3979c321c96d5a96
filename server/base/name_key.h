// The form of a name by which two names are the same: for matching organizations with companies.
//
// Unicode NFKC with full case folding, white space trimmed and each inner run of it one space.
// Punctuation, accents and invisible characters that are not white space count. Not for showing,
// and not for deciding that two names that differ are alike.
#pragma once

#include "server/base/arena.h"

// The longest name, in bytes. Its key is at most 18 times as long.
enum { NAME_KEY_MAX_BYTES = 4096 };

// The key of `name`, empty for a name of white space alone. NULL if the name is not UTF-8 or longer
// than NAME_KEY_MAX_BYTES, and for want of memory; NULL in gives NULL out.
char *name_key(struct arena *arena, const char *name);
