// What is hashed and what is signed: the canonical forms of events and marks. No database here, so
// that the client verifies an export with the same code.
//
// audit/README.md has the forms, for whoever verifies with code of their own.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/audit_row.h"

enum { AUDIT_KEY_BYTES = 32, AUDIT_KEY_ID_BYTES = 17 };

enum audit_field_kind { AUDIT_FIELD_TEXT, AUDIT_FIELD_INT64, AUDIT_FIELD_INT, AUDIT_FIELD_BOOL };

// A field of an event: its name in a line of an export, and where it is in a row. The fields in
// the order in which they are hashed and written.
struct audit_field {
    const char *name;
    enum audit_field_kind kind;
    size_t offset;
};
extern const struct audit_field audit_fields[];
extern const size_t audit_field_count;
// The value of a field that is no text.
int64_t audit_field_number(const struct audit_event_row *row, const struct audit_field *field);

// The hash that the row should have, given all of its other fields.
void audit_hash(const struct audit_event_row *row, unsigned char ret_hash[AUDIT_HASH_BYTES]);

// SHA-256 of the mark's canonical form, which is what is signed.
void audit_mark_digest(const struct audit_mark *mark, const char *tenant,
                       unsigned char ret_digest[AUDIT_HASH_BYTES]);
// Whether `public_key` signed the mark.
bool audit_mark_verify(const struct audit_mark *mark, const char *tenant,
                       const unsigned char public_key[AUDIT_KEY_BYTES]);
// How a public key is called: the first 8 bytes of its SHA-256, in hexadecimal.
void audit_key_id(const unsigned char public_key[AUDIT_KEY_BYTES], char ret_id[AUDIT_KEY_ID_BYTES]);
