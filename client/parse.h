// The command line: words to a command, options anywhere after what declares them.
//
// Knows two levels of options, the global ones and those of the command found. `--name value`,
// `--name=value`, `-x value` and `-xvalue` are the same; `--` ends the options. Values of a fixed
// set are checked here, so that no command meets a wrong one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/command.h"
#include "server/base/err.h"

enum { PARSE_FLAGS_MAX = 1024, PARSE_WORDS_MAX = 8 };

struct arguments {
    const struct command *command; // NULL: `group` alone was given
    char group[64];                // the words so far, such as "config types"
    struct {
        const struct flag *flag;
        const char *value;
    } flags[PARSE_FLAGS_MAX];
    size_t flag_count;
    const char *words[PARSE_WORDS_MAX]; // the command's arguments
    size_t word_count;
    bool help;
    bool version;
};

// Reads argv[1..]. Strings are borrowed. Errors: FIELD_INVALID with a text for the user, who may be
// told what was meant.
enum err_code parse_line(int argc, char *const *argv, struct arguments *ret_arguments,
                         struct err *reterr) _must_check_;

// The last value of an option; NULL if it was not given. Of FLAG_SET: "" if given.
const char *parse_text(const struct arguments *arguments, const char *name);
bool parse_has(const struct arguments *arguments, const char *name);
// Value `i` of a repeated option; NULL behind the last.
const char *parse_each(const struct arguments *arguments, const char *name, size_t i);
// The number of an option, or `otherwise`.
int64_t parse_number(const struct arguments *arguments, const char *name, int64_t otherwise);
// Reads 90s, 15m, 2h or 1d, of a hundred years at most. False if `text` is none.
bool parse_seconds(const char *text, int64_t *ret_seconds);
// Whether a switch is on; false too if it was not given.
bool parse_on(const struct arguments *arguments, const char *name);
// The number of an enum's word; 0 if it was not given.
int parse_enum(const struct arguments *arguments, const char *name);
