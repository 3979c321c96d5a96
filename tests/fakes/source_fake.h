// A documentation system in memory, in place of server/source: what the test put there is served in
// pages, and every request is written down.
//
// One account for the whole process, behind one lock, so that runs on other threads can read while
// the test changes it. Filters that do not apply are ignored, as at IT Glue.
#pragma once

#include "server/source/source.h"

// How the account answers the forms of the document filter.
enum fake_folders {
    FAKE_FOLDERS_NULL_IS_ALL,
    FAKE_FOLDERS_NULL_IS_ROOT, // the trap: "null" shows the root level only
    FAKE_FOLDERS_NULL_REFUSED, // 422
    FAKE_FOLDERS_ALL_IGNORED,  // both forms show the root level only
    FAKE_FOLDERS_ALL_REFUSED,  // 422 to both
};

// An account with nothing in it, that answers everything.
void fake_reset(void);
void fake_set_folders(enum fake_folders folders);

struct fake_record {
    enum source_kind kind;
    int64_t id, organization_id, type_id, folder_id;
    int64_t document_count; // that a folder says it has; -1: it does not say
    const char *name;
    const char *body;       // NULL: {}
    bool large;             // more than source_limit_records() leaves, whatever that is
    bool bad;               // cannot be read
    bool nameless;          // not even its id
    int64_t update_time_us; // 0: long ago
    int64_t listed_under;   // appears in this organization's list too, by mistake; 0: no
};
// The account's PSA, by whose kind and by the ids in a body organizations can be asked for; of
// another kind none has an id, or (`others_ignored`) the filter is ignored. At first it has no PSA.
void fake_set_psa(enum source_psa_type type, bool others_ignored);
// Lets the account ignore that the latest changed are asked for first.
void fake_ignore_order(void);
// Lets the account look only at the first of several types that are asked for.
void fake_take_first_type_alone(void);
// Whether the filter of flexible assets for an organization is ignored without a word.
void fake_ignore_filters(bool ignored);
// Adds a record, or changes the one of the same kind and id.
void fake_put(const struct fake_record *record);
// Adds `count` records with ids from `id` on, named "<name> <id>".
void fake_put_many(const struct fake_record *first, int count);
void fake_remove(enum source_kind kind, int64_t id);

// Looked at before each request is served; whatever is not ERR_OK is the answer. Called without the
// lock, on the thread of the request.
typedef enum err_code fake_hook(const struct source_query *query, const atomic_bool *cancelled,
                                struct source_attempt *attempt, struct err *reterr);
void fake_set_hook(fake_hook *hook);
// Lists of a kind give their first page for every number, and always name a next one.
// SOURCE_KIND_COUNT: none does.
void fake_set_stuck(enum source_kind kind);
// What the plain probe answers, and how often it was asked; not counted among the requests below.
void fake_set_probe(enum err_code code);
int fake_probe_count(void);

// Requests so far, of a kind (SOURCE_KIND_COUNT: all).
int fake_request_count(enum source_kind kind);
// The n-th request, from 0; false if there was none.
bool fake_request(int n, struct source_query *ret_query);
void fake_forget_requests(void);
