// One page from upstream, copied into bounded memory while it arrives, its rows checked for whose
// they are.
//
// A row of an organization that was not asked for is never kept. In a list of the whole account it
// is only passed over; in the list of one organization it is a scope violation.
#pragma once

#include "server/source/source.h"
#include "server/store/record.h"

struct page_bad {
    int64_t id;
    const char *reason, *detail;
};

struct page {
    struct arena arena;
    const int64_t *organizations; // sorted: whose rows are kept
    size_t organization_count;
    int64_t asked_organization; // 0: the list is the account's
    bool open_first;            // checklists: those that are not completed come before the others
    bool any_organization;      // keep all: organizations themselves, what has none
    int64_t asked_type;         // of flexible assets: rows of others are violations; 0: any
    struct source_record *records;
    size_t record_count, record_capacity;
    struct page_bad *bad; // set aside
    size_t bad_count, bad_capacity;
    int64_t *violations; // ids of rows of other organizations
    size_t violation_count, violation_capacity;
    int64_t passed_over; // rows of organizations that are not mapped
    bool overflow;       // did not fit
    // When the rows changed upstream, kept or not: the latest, the earliest (0: no row), and
    // whether each came after one that is as late.
    // With `open_first` the earliest is of those that are completed, which begin anew.
    int64_t newest_us, oldest_us;
    int64_t oldest_open_us;
    bool out_of_order;
};

enum { PAGE_MAX_BYTES = 64 * 1024 * 1024 };
void page_init(struct page *page);
void page_done(struct page *page);
// Drops the rows, keeps the scope.
void page_reset(struct page *page);
// Drops the rows, takes the scope of another page.
void page_scope(struct page *page, const struct page *other);
struct source_sink page_sink(struct page *page);
// Sorts the records by id and drops the second of two with the same.
void page_sort(struct page *page);
// Whether a record was left out because it is too large.
bool page_has_large(const struct page *page);
// Moves a record to the bad ones.
bool page_set_aside(struct page *page, size_t record, const char *reason, const char *detail);
// Ids and hashes of all records, ids of the bad ones after them (`*ret_id_count` together).
bool page_ids(struct page *page, int64_t **ret_ids, size_t *ret_id_count,
              struct bytes **ret_hashes);
// Columns of the records `picks[0..count)`, from `arena`; `with_keys` adds name_keys.
bool page_batch(const struct page *page, const size_t *picks, size_t count, bool with_keys,
                struct arena *arena, struct record_batch *ret_batch);
