// An export of the audit trail, verified without the server: line by line, in a memory that does
// not grow with the file.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "server/audit/line.h"

enum { AUDIT_FILE_KEYS_MAX = 8, AUDIT_FILE_FAULT_BYTES = 200, AUDIT_FILE_TENANT_BYTES = 256 };

struct audit_file {
    // Asked for: keys that sign heads (none: signatures are not checked; else one head at least
    // must be signed), and the event with which an earlier export ends (0: none), from which this
    // one must go on, or which it must hold.
    unsigned char keys[AUDIT_FILE_KEYS_MAX][AUDIT_KEY_BYTES];
    size_t key_count;
    int64_t known_sequence;
    unsigned char known_hash[AUDIT_HASH_BYTES];
    const char *known_tenant; // of the earlier export; NULL: any

    // Found.
    char tenant[AUDIT_FILE_TENANT_BYTES];
    int64_t first, last; // what the file says it holds
    int64_t next;        // one more than the last event seen
    int64_t event_count;
    int64_t retained;   // events up to here were removed by retention; 0: none
    bool retained_bare; // a key was given, and nobody signed that statement
    int64_t head_count; // heads that hold: by their signature, or all if no key was given
    int64_t bare_count; // heads that nobody signed, where a key was given: they prove nothing
    int64_t head;       // the last of those that hold; 0: none
    unsigned char hash[AUDIT_HASH_BYTES]; // of the last event
    bool linked;                          // whether `hash` is known
    int64_t line;                         // the first bad one, else the last
    char fault[AUDIT_FILE_FAULT_BYTES];   // what is wrong with it; "": nothing
};

// Verifies what `file` holds. False: `fault` says what is wrong first, in line `line`.
bool audit_file_verify(struct audit_file *verified, FILE *file);
