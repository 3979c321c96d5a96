// Password entries without values, and what the gates of a reveal must know.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/reveal_budget.h"
#include "server/store/sight.h"
#include "server/store/store.h"
#include "server/vault/vault.h"

struct password_query {
    const char *company_id;
    const char *connection_id;
    const char *name_contains; // NULL: any
    int64_t category_id;       // 0: any
    int64_t password_id;       // 0: any
    const char *after_name;    // "" with id 0: the first page
    int64_t after_id;
    int limit;
    const char *subject; // of the caller
};

// Texts from the arena; "" when upstream has none.
struct password_row {
    int64_t id;
    const char *display_name;
    const char *name_key; // for the next page, as in documentation.h
    const char *web_url, *username, *login_url;
    int64_t category_id; // 0: none
    const char *category_display_name;
    bool vaulted, has_one_time_code;
    bool restricted, folder_restricted; // itself; by a folder above it
    bool embedded;                      // part of another record, which is called
    const char *embedded_in;
    int64_t password_update_time; // 0: not known
};

struct password_page {
    const struct password_row *rows;
    size_t count;
    int64_t total_size;
    struct reveal_policy policy; // if there is a row
    struct reveal_frozen frozen; // likewise
};

// The entries in sight of a company: of a mapped organization, in a category that its level allows,
// neither archived nor personal, nor, unless the policy has them listed, restricted (itself or by a
// folder, an unknown folder too).
enum err_code password_list(struct tx *tx, const struct password_query *query, struct arena *arena,
                            struct password_page *ret_page, struct err *reterr) _must_check_;

// Everything that a reveal's local gates look at. Texts from the arena. All is 0 of a company that
// is not known, but what is said of who asks.
struct password_gates {
    bool revoked;        // the token of who asks
    bool in_company_set; // of who asks: the company
    bool known;          // the company
    struct sight sight;  // without freshness and the switches of other kinds
    int region;
    int64_t credential_version; // 0: the connection has no credential
    int64_t access_revision;    // of the company's password settings; 0: defaults
    bool found;                 // the entry is stored, of an organization mapped to the company
    bool category_allowed;      // under the company's level, for the category asked about
    int64_t organization_id;
    int64_t category_id, folder_id;
    bool restricted, archived, vaulted, personal;
    bool folder_restricted; // a folder above it is, or is not known
    const char *display_name, *web_url, *category_display_name;
    const char *embedded_in;     // the name of the record that it is part of; "": none
    struct reveal_policy policy; // of the tenant
    struct reveal_frozen frozen;
    bool key_unproven;    // a value served would tell something new: see connection_note_reveal()
    const char *snapshot; // in which all of it was read, for GATE_CHANGED
    const struct sealed *key; // of that version; NULL: none, or not asked for
};

// Which gates are read, of one entry. Texts are borrowed.
struct password_gates_query {
    const char *company_id;
    int64_t password_id;
    bool category_given;     // the live one of a reveal is judged instead of the stored one
    int64_t category_id;     // 0: none
    int64_t live_folder_id;  // judged beside the stored folder; 0: none
    const char *subject;     // of who asks
    int64_t issue_time_us;   // of the token of who asks; 0: whether it is revoked is not looked at
    const char *company_set; // by which who asks sees; NULL: none
    bool with_key;           // the sealed key is read too
    bool handed;             // to who asks, who needs no sight of the company then
    // What was read of who asks, the company and an entry of it: but for what is of the entry it is
    // taken from there, with the snapshot. For the stored category and folder. NULL: all is read.
    const struct password_gates *of_company;
};

struct password_gates_ask {
    struct password_gates_query query;
    struct arena *arena; // of the answer
    struct password_gates gates;
};

// Copies them with all texts to another arena; false: it is full.
bool password_gates_copy(const struct password_gates *gates, struct arena *arena,
                         struct password_gates *ret_copy) _must_check_;

enum { PASSWORD_GATES_MAX = 128 };

// Reads the gates of some entries, PASSWORD_GATES_MAX at most, in one statement: all of each if one
// has no `of_company`.
enum err_code password_gates_get(struct tx *tx, struct password_gates_ask *const *asks,
                                 size_t count, struct err *reterr) _must_check_;
