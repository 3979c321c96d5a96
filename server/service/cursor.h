// The place of a row in a list by name and id, as a page cursor and back.
//
// A long name is cut (at a character); the statements of such lists look the row up by its id to
// learn the rest, so that the next page begins right after it.
#pragma once

#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"

// `id` has no space in it.
enum err_code cursor_make(struct arena *arena, const char *id, const char *name,
                          const char **ret_cursor, struct err *reterr) _must_check_;
// Both are "" for the empty cursor. Errors: PAGE_TOKEN_INVALID.
enum err_code cursor_open(struct arena *arena, const char *cursor, const char **ret_id,
                          const char **ret_name, struct err *reterr) _must_check_;
// The same for ids that are numbers; 0 for the empty cursor.
enum err_code cursor_make_number(struct arena *arena, int64_t id, const char *name,
                                 const char **ret_cursor, struct err *reterr) _must_check_;
enum err_code cursor_open_number(struct arena *arena, const char *cursor, int64_t *ret_id,
                                 const char **ret_name, struct err *reterr) _must_check_;
