// The one table of commands: it drives parsing, help, suggestions, calls and tables.
//
// A command without a `run` of its own is described wholly by its row: a list (`listing`) or a
// record shown (`pattern`). A list with a `run` makes its request itself.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/field.h"

struct session;

// How this program ends. Documented in its help and its README.
enum exit_class {
    EXIT_OK = 0,
    EXIT_OTHER = 1,
    EXIT_USAGE = 2,
    EXIT_DENIED = 3,
    EXIT_PRECONDITION = 4,
    EXIT_NOT_FOUND = 5,
    EXIT_UPSTREAM = 6,
    EXIT_QUOTA = 7,
    EXIT_AUDIT = 8,
    EXIT_UNAUTHENTICATED = 9,
};

enum flag_kind {
    FLAG_SET,    // takes no value
    FLAG_TEXT,   // any value
    FLAG_NUMBER, // 0 or more
    FLAG_SWITCH, // on or off
    FLAG_WORD,   // one of `choices`
    FLAG_ENUM,   // one of `type`
};

struct flag {
    const char *name;
    char letter; // 0: none
    enum flag_kind kind;
    bool repeated;
    bool required;
    const char *value; // what help calls its value
    const char *help;
    const char *choices; // "a|b"
    const ProtobufCEnumDescriptor *type;
};

enum { COLUMN_WHOLE = 10000 };

// A column of a table: its title, what it shows, how.
struct column {
    const char *title;
    const char *path;
    enum field_style style;
    size_t least; // how much of a text a narrow terminal leaves; COLUMN_WHOLE: all of it
    bool asked;   // shown when --columns names it, and not otherwise
};

enum listing_parent {
    PARENT_NONE,
    PARENT_CONNECTION, // the one of --connection, or the only one
    PARENT_COMPANY,    // the first argument
};

enum filter_kind {
    FILTER_TEXT, // quoted
    FILTER_ENUM, // the short name
    FILTER_BOOL, // true or false, of a switch; true if a flag without a value is given
    FILTER_NAME, // a resource name, by `pattern`
};

// An option that becomes a term of `filter`.
struct filter_term {
    const char *flag;
    const char *field;
    const char *op;
    enum filter_kind kind;
    const char *pattern;
};

struct listing {
    const char *items; // the repeated field of the response
    enum listing_parent parent;
    const struct filter_term *terms; // closed by a row without a flag
    // Says on standard error what the response says beside its items. NULL: nothing.
    void (*note)(struct session *session, const ProtobufCMessage *response);
};

struct command {
    const char *words;     // such as "config types list"
    const char *arguments; // such as "ORG [COMPANY]", in brackets what can be left out; NULL: none
    const char *summary;
    const char *detail;       // NULL: none
    const struct flag *flags; // closed by a row without a name; NULL: none
    const ProtobufCServiceDescriptor *service;
    const char *method;
    const struct column *columns; // closed by a row without a title
    const struct listing *listing;
    const char *pattern; // of the name shown, such as "companies/{company}"
    int (*run)(struct session *session);
};

extern const struct command command_table[];
extern const size_t command_count;
// Options that every command takes. Closed by a row without a name.
extern const struct flag command_global_flags[];

// The command with exactly these words; NULL: none.
const struct command *command_find(const char *words);
// Whether some command's words begin with `group` and a space. "" is a group.
bool command_is_group(const char *group);
// The words nearest to the last of `words` at its place, if any is near. Borrowed; `ret_len` of it.
const char *command_suggest(const char *words, size_t *ret_len);
// How many arguments the command takes at most, and how many it needs.
size_t command_argument_most(const struct command *command);
size_t command_argument_least(const struct command *command);
