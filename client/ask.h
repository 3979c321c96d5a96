// Questions, each answered by an option of the command line or on the terminal.
//
// An option that was given is the answer, and nothing is asked. Without a terminal a question that
// no option answers is a usage error that names the option. Labels and what is said are escaped
// here; answers are trimmed and live as long as the session. Each function returns an exit class;
// EXIT_OTHER, with nothing more to say, after the end of the terminal's input.
#pragma once

#include <stdio.h>

#include "client/session.h"

struct asker {
    struct session *session;
    FILE *terminal;      // NULL: there is none
    const char *stopped; // the note at the end of the terminal's input
};

// `stopped` says what an end of the terminal's input means; it is borrowed.
void ask_open(struct asker *asker, struct session *session, const char *stopped);
void ask_close(struct asker *asker);
// Prints a line for the person who answers.
void ask_say(const struct asker *asker, const char *format, ...) _printf_(2, 3);

// Prints a line with an empty one above.
void ask_heading(const struct asker *asker, const char *text);

// A text. `otherwise` (NULL: there must be an answer) is what an empty line means. `option` (NULL:
// the question has none) is such as "region", `hint` what a usage error calls it.
int ask_text(struct asker *asker, const char *option, const char *hint, const char *label,
             const char *otherwise, const char **ret_text);
// Yes or no; the option is a switch.
int ask_yes(struct asker *asker, const char *option, const char *label, bool otherwise,
            bool *ret_yes);
// Reads "1,3-5", "all" or "none" into `chosen`, an element each of `count`. False: it is neither.
bool ask_choose(const char *text, size_t count, bool *chosen);
