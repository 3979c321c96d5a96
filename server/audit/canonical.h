// What is hashed and what is signed: the canonical forms of events and marks. No database here, so
// that the client verifies an export with the same code.
//
// audit/README.md has the forms, for whoever verifies with code of their own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/audit_row.h"

enum { AUDIT_SIGNATURE_BYTES = 64, AUDIT_KEY_BYTES = 32, AUDIT_KEY_ID_BYTES = 17 };

// The hash that the row should have, given all of its other fields.
void audit_hash(const struct audit_event_row *row, unsigned char ret_hash[AUDIT_HASH_BYTES]);

enum audit_mark_kind {
    AUDIT_MARK_HEAD,     // the chain reached this far
    AUDIT_MARK_RETAINED, // events up to here were removed because their time was over
};

// A statement about the chain at a point of it.
struct audit_mark {
    enum audit_mark_kind kind;
    int64_t sequence;
    unsigned char hash[AUDIT_HASH_BYTES]; // of the event there
    int64_t time_us;
    const char *key_id; // which key signed it; "": nobody did
    unsigned char signature[AUDIT_SIGNATURE_BYTES];
};

// SHA-256 of the mark's canonical form, which is what is signed.
void audit_mark_digest(const struct audit_mark *mark, const char *tenant,
                       unsigned char ret_digest[AUDIT_HASH_BYTES]);
// Whether `public_key` signed the mark.
bool audit_mark_verify(const struct audit_mark *mark, const char *tenant,
                       const unsigned char public_key[AUDIT_KEY_BYTES]);
// How a public key is called: the first 8 bytes of its SHA-256, in hexadecimal.
void audit_key_id(const unsigned char public_key[AUDIT_KEY_BYTES], char ret_id[AUDIT_KEY_ID_BYTES]);
