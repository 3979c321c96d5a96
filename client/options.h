// Where to and as whom: global options, the environment, then the context of the configuration
// file, in this order.
//
// The file is $XDG_CONFIG_HOME/docbridge/config.ini (~/.config without it): `context = NAME` on top
// chooses the context, and a section [NAME] has server, ca, cert, key, token_file, connection,
// timeout and output. Never an API key or a token's text.
#pragma once

#include "client/parse.h"
#include "server/base/arena.h"

enum output_format {
    OUTPUT_TABLE,
    OUTPUT_JSON,
    OUTPUT_JSONL,
};

struct options {
    const char *server; // NULL: none was named
    const char *ca;
    const char *cert;
    const char *key;
    const char *token_file;
    const char *connection;
    enum output_format format;
    const char *columns;
    bool no_header;
    bool color_out; // on standard output
    bool color_err;
    int64_t timeout_s; // 0: not said
    int64_t limit;     // of a list; 0: all
};

// Fills `ret_options`; strings live in `arena` or are borrowed. Errors: FIELD_INVALID for the user.
enum err_code options_resolve(const struct arguments *arguments, struct arena *arena,
                              struct options *ret_options, struct err *reterr) _must_check_;
