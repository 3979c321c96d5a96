// Read before every file by clang-tidy, and by no compiler. It reads one file at a time: without
// this it takes what err_set() and its kin return for ERR_OK at times, and follows paths that
// nobody can go.
#pragma once

#include "server/base/err.h"

#define err_set(reterr, code, ...) ((void)err_set(reterr, code, __VA_ARGS__), (code))
#define err_invalid(...) ((void)err_invalid(__VA_ARGS__), ERR_FIELD_INVALID)
#define err_not_found(...) ((void)err_not_found(__VA_ARGS__), ERR_RESOURCE_NOT_FOUND)
#define err_no_memory(...) ((void)err_no_memory(__VA_ARGS__), ERR_INTERNAL)
