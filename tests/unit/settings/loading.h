// One load of the settings: a command line, a file, and what came of it.
//
// The environment is the process's own; loading_start() clears what docbridged would read of it.
#pragma once

#include "server/settings/settings.h"

struct loading {
    struct settings settings;
    struct settings_command command;
    struct err err;
};

// Setup and teardown of a test.
int loading_start(void **state);
int loading_stop(void **state);

// Writes the file that `--config` of this test names; gives its path.
char *loading_file(const char *text);
char *loading_file_bytes(const void *bytes, size_t len);

// Loads with the arguments up to a NULL. What was loaded before is released.
#define load(loading, ...) loading_load((loading), (char *[]){"docbridged", ##__VA_ARGS__, NULL})
enum err_code loading_load(struct loading *loading, char **argv);

// Fails unless these arguments are refused with FIELD_INVALID for `field`, in one line that says
// `says`.
#define assert_refused(field, says, ...) \
    loading_refuse((field), (says), (char *[]){"docbridged", ##__VA_ARGS__, NULL})
void loading_refuse(const char *field, const char *says, char **argv);
