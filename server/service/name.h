// Resource names: "connections/{connection}/organizations/{organization}" to its ids and back.
//
// A segment's id is 1 to 128 bytes of [A-Za-z0-9._~-] and not "-". Numbers are upstream ids. A name
// that does not fit its pattern can name nothing that exists: it is FIELD_INVALID for the field.
#pragma once

#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"

// The ids of a name; NULL or 0 where the pattern has none.
struct name {
    const char *connection;
    const char *company;
    const char *company_set;
    const char *sync_run;
    const char *sync_issue;
    const char *deletion_receipt;
    const char *reveal_freeze;
    const char *handoff; // of a password
    const char *exposure;
    int64_t organization;
    int64_t flexible_asset_type;
    int64_t password_category;
    int64_t record; // documents, flexibleAssets, checklists, passwords
    int64_t image;  // of a document
    int64_t audit_event;
};

// Matches `text` against a pattern such as "connections/{connection}/passwordConfig"; the words in
// braces are the members of struct name. Ids are copied into the arena.
// Errors: FIELD_INVALID naming `field`.
enum err_code name_parse(const char *text, const char *pattern, const char *field,
                         struct arena *arena, struct name *ret_name,
                         struct err *reterr) _must_check_;
// Whether `id` can be the last segment of a name.
bool name_id_valid(const char *id);
