// What the readers of a company would see of an organization, were it mapped to the company.
//
// Counts go by the rules of the lists (documentation.h, password.h) and the switches and levels as
// they are, over what is synced.
#pragma once

#include "server/store/store.h"

struct blast_radius {
    int64_t documents, flexible_assets, checklists, passwords;
};

// Counts for each pair of an organization and a company; `ret_radii` has room for `count`.
enum err_code blast_radius_count(struct tx *tx, const char *connection_id,
                                 const int64_t *organization_ids, const char *const *company_ids,
                                 size_t count, struct blast_radius *ret_radii,
                                 struct err *reterr) _must_check_;
