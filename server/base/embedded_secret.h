// Credentials that somebody pasted into a text: where they are, by clear and bounded rules.
//
// Pure: looks at plain text, keeps nothing. What no rule knows is not found; prose is left alone
// where a rule can tell it from a value.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// The numbers of docbridge.v1.EmbeddedSecretKind.
enum embedded_secret_kind {
    EMBEDDED_PRIVATE_KEY = 1,   // a PEM block
    EMBEDDED_PASSWORD = 2,      // behind a label such as "password:", "PWD=" or "API key"
    EMBEDDED_ACCESS_KEY = 3,    // a cloud provider's, by its prefix
    EMBEDDED_TOKEN = 4,         // a bearer token, a JWT, or one with a well-known prefix
    EMBEDDED_CONNECTION_URL = 5 // the password in scheme://user:password@host
};

// The secret itself, without its label.
struct embedded_secret {
    enum embedded_secret_kind kind;
    size_t offset, len;
};

// Finds the first that begins at or behind `from` in UTF-8 text; false: there is none. A tab counts
// as the border of a table's cell: a label may stand in the cell before its value. A secret never
// begins or ends inside a character.
bool embedded_secret_next(const char *text, size_t len, size_t from,
                          struct embedded_secret *ret_secret);

// What stands in a secret's place; not found as one itself.
#define EMBEDDED_SECRET_MASK "****"
// Writes the mask over each secret, in place. Returns the new length, never more than `len`.
size_t embedded_secret_mask(char *text, size_t len);
