// What the readers of a company see, or would see.
//
// Counts go by the rules of the lists (documentation.h, password.h) and the switches and levels as
// they are, over what is synced.
#pragma once

#include "server/store/store.h"

struct blast_radius {
    int64_t documents, flexible_assets, checklists, passwords;
};

// Counts for each pair of an organization and a company, as if they were mapped to each other;
// `ret_radii` has room for `count`.
enum err_code blast_radius_count(struct tx *tx, const char *connection_id,
                                 const int64_t *organization_ids, const char *const *company_ids,
                                 size_t count, struct blast_radius *ret_radii,
                                 struct err *reterr) _must_check_;

// The numbers of record.h that are counted.
enum {
    SIGHT_DOCUMENT = 4,
    SIGHT_FLEXIBLE_ASSET = 5,
    SIGHT_CHECKLIST = 6,
    SIGHT_PASSWORD = 9,
};
// What is looked at.
struct sight_scope {
    const char *connection_id; // "": whichever companies see by
    const char *const *company_ids;
    size_t company_count; // 0: all companies
    const int64_t *kinds;
    size_t kind_count;
    int64_t type_id; // of flexible assets; 0: all
    // Those of `kinds` that the connection begins to sync, if it is one connection.
    const int64_t *started;
    size_t started_count;
};
// What a company sees of a part of one kind: of a flexible asset type, of a password category, or,
// if the scope names no companies, of what is (not) archived and (never) published. Of what is not
// seen there is no row.
struct sight_count {
    const char *company_id;
    int kind;
    int64_t part;
    int64_t count;
};
// Counts by the mappings there are, in the order of company, kind and part. Texts from the arena.
enum err_code blast_radius_sight(struct tx *tx, const struct sight_scope *scope,
                                 struct arena *arena, struct sight_count **ret_counts,
                                 size_t *ret_count, struct err *reterr) _must_check_;
// How many mapped organizations of the connection have no record of one of `started`.
enum err_code blast_radius_unsynced(struct tx *tx, const struct sight_scope *scope,
                                    int64_t *ret_count, struct err *reterr) _must_check_;
