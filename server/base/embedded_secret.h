// Credentials that somebody pasted into a text: where they are, by clear and bounded rules.
//
// Pure: looks at plain text, keeps nothing. What no rule knows is not found; prose is left alone
// where a rule can tell it from a value.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// The numbers of docbridge.v1.EmbeddedSecretKind.
enum embedded_secret_kind {
    EMBEDDED_PRIVATE_KEY = 1, // a block of PEM or PGP
    EMBEDDED_PASSWORD =
        2, // told by a label: "password:", "PWD=", "das Passwort lautet"; or a recovery key
    EMBEDDED_ACCESS_KEY = 3,    // a cloud provider's, by its prefix
    EMBEDDED_TOKEN = 4,         // of "Bearer" or "Basic", a JWT, or one with a well-known prefix
    EMBEDDED_CONNECTION_URL = 5 // the password in scheme://user:password@host
};

// The secret itself, without its label.
struct embedded_secret {
    enum embedded_secret_kind kind;
    size_t offset, len;
};

// The border before a cell whose label stands in another one. Whoever makes a text of a table puts
// it there, since a text does not show what stands above what.
#define EMBEDDED_SECRET_CELL '\x1F'
// The border behind one, where what follows could be taken for its value.
#define EMBEDDED_SECRET_CELL_END '\x1E'
// Whether such a cell is a label: "Admin password", "Passwort:".
bool embedded_secret_is_label(const char *text, size_t len);

// Finds the first that begins at or behind `from` in UTF-8 text; false: there is none. A tab counts
// as the border of a table's cell: a label may stand in the cell before its value. A secret never
// begins or ends inside a character, nor begins with a border.
bool embedded_secret_next(const char *text, size_t len, size_t from,
                          struct embedded_secret *ret_secret);

// The last line that a reader sees before a text, without what is white at its end: a label there
// tells what the text begins with.
enum { EMBEDDED_SECRET_LINE_MAX = 256 };
struct embedded_secret_line {
    char text[EMBEDDED_SECRET_LINE_MAX];
    size_t len; // 0: there is none
};
// Goes on to the last line of `text`; a text that is all white changes nothing.
void embedded_secret_line_follow(struct embedded_secret_line *line, const char *text, size_t len);

// As embedded_secret_next(), of a text whose first `begin` bytes only stand before it: of what
// begins in them, the part behind counts.
bool embedded_secret_next_behind(const char *text, size_t len, size_t begin, size_t from,
                                 struct embedded_secret *ret_secret);

// What stands in a secret's place; not found as one itself.
#define EMBEDDED_SECRET_MASK "****"
// Writes the mask over each secret, in place. Returns the new length, never more than `len`.
size_t embedded_secret_mask(char *text, size_t len);
// The same behind the first `begin` bytes, as embedded_secret_next_behind() has it. Tells how many.
size_t embedded_secret_mask_behind(char *text, size_t len, size_t begin, size_t *ret_count);
