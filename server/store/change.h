// Changes to the documentation of a company since a place in the sequence of its connection.
#pragma once

#include "server/store/store.h"

// How a company stands: where its connection's sequence is, and what is shared with it.
enum { CHANGE_PRINT_BYTES = 33, CHANGE_ID_BYTES = 129 };
struct change_stand {
    char connection_id[CHANGE_ID_BYTES]; // "": the tenant has none
    int64_t sequence, forgotten_sequence;
    // Of documents, flexible assets, checklists: differs when what is shared of the kind does.
    char documents[CHANGE_PRINT_BYTES], assets[CHANGE_PRINT_BYTES], checklists[CHANGE_PRINT_BYTES];
};
enum err_code change_stand_get(struct tx *tx, const char *company_id,
                               struct change_stand *ret_stand, struct err *reterr) _must_check_;

// A place in the order of changes: all up to it were told.
struct change_place {
    int64_t sequence, kind, id;
};

struct change_row {
    struct change_place place;
    bool in_sight;     // of who sees the company
    bool was_in_sight; // until this change, by what is shared with the company now
    bool is_new;       // came after the place
    const char *display_name;
    int64_t update_time;
};
// Changes behind a place up to a sequence, in order, at most `limit`. Where there are many, the
// look ends before: `*until` becomes how far it went. Kinds are enum source_kind; document folders
// are among them.
enum err_code change_list(struct tx *tx, const char *connection_id, const char *company_id,
                          const struct change_place *after, int64_t *until, int limit,
                          struct arena *arena, struct change_row **ret_rows, size_t *ret_count,
                          struct err *reterr) _must_check_;

// Watchers to be looked after at once: how each believes its company to stand.
struct change_beliefs {
    size_t count;
    const char *const *company_ids, *const *connection_ids;
    const int64_t *sequences;
    const char *const *prints; // the three joined by dots
};
// Which of them are no longer right: their places go to `ret_places`, which has room for all.
enum err_code change_find(struct tx *tx, const struct change_beliefs *beliefs, size_t *ret_places,
                          size_t *ret_count, struct err *reterr) _must_check_;

// Changes and tombstones older than seven days are forgotten. Only while nothing is to be indexed.
enum err_code change_forget(struct tx *tx, const char *connection_id,
                            struct err *reterr) _must_check_;
