// The index of words behind the sync: which records are due, their text, and up to where it goes.
//
// A row of `search_progress` is a lease, as in sync_lease.h. Records are taken in the order of
// their changes (record_sequence): a number that can be seen has no smaller one still to come.
#pragma once

#include "server/store/store.h"
#include "server/store/work_lease.h"

// The most bytes of a record's text that are indexed.
enum { SEARCH_CONTENT_BYTES = 256 * 1024 };

// Under the scheduler's role, tenant "": takes a connection with records that are due for `owner`.
// `ret_lease->tenant` is NULL if there is none.
enum err_code search_claim(struct tx *tx, const char *owner, int64_t lease_ms, struct arena *arena,
                           struct work_lease *ret_lease, struct err *reterr) _must_check_;
// Up to where the index goes.
struct search_position {
    int64_t sequence;
    // Up to where it was looked through again, by kind and id; kind 0: that is done.
    int64_t rebuild_kind, rebuild_id;
};
// Prolongs the lease, and holds it until the end of the transaction. `*ret_held` is false if it is
// another's.
enum err_code search_hold(struct tx *tx, const struct work_lease *lease, const char *owner,
                          int64_t lease_ms, bool *ret_held, struct search_position *ret_position,
                          struct err *reterr) _must_check_;
// No batch is under way from here to the end of the transaction: what one brought in can be seen by
// the next statement, and what the transaction deletes will not be brought in. Whoever deletes
// records begins with it.
enum err_code search_hold_still(struct tx *tx, const char *connection_id,
                                struct err *reterr) _must_check_;
// Gives it back: it can be taken at once.
enum err_code search_release(struct tx *tx, const struct work_lease *lease, const char *owner,
                             struct err *reterr) _must_check_;

// Around the name of a field, before its value. A sign before the name says how readers get the
// value: without one, between the sections of a document, as HTML. There is no name but that sign
// for what is JSON, for fields that hold no text, and for the texts of a checklist.
#define SEARCH_FIELD_NAME '\x1D'
#define SEARCH_TEXT 't'
#define SEARCH_JSON 'j'

// A record with its text as it is kept, and its fields that could be short. The text is in the
// arena and may be changed.
struct search_text {
    int64_t kind, id, organization_id, update_time;
    const char *title;
    char *content;
    size_t content_len;
    const char *short_fields;
};
// The records that changed after `sequence`, in whole transactions, about `limit` of them.
// `*ret_last` is the number up to which these are all; there are none if `*ret_count` is 0.
enum err_code search_due(struct tx *tx, const char *connection_id, int64_t sequence, int limit,
                         struct arena *arena, struct search_text **ret_texts, size_t *ret_count,
                         int64_t *ret_last, struct err *reterr) _must_check_;
// Indexes them, merged; their content is plain text by now, at most SEARCH_CONTENT_BYTES of each.
enum err_code search_put(struct tx *tx, const char *connection_id, const struct search_text *texts,
                         size_t count, struct arena *arena, struct err *reterr) _must_check_;
// Notes how far the index goes. `level`: it has everything.
enum err_code search_advance(struct tx *tx, const char *connection_id, int64_t sequence, bool level,
                             int64_t now_us, struct err *reterr) _must_check_;
// The next `limit` records, of one kind, that are to be looked through again; moves the position
// behind them, and to the next kind when there are none.
enum err_code search_rebuild(struct tx *tx, const char *connection_id, int limit,
                             struct search_position *position, struct arena *arena,
                             struct search_text **ret_texts, size_t *ret_count,
                             struct err *reterr) _must_check_;
