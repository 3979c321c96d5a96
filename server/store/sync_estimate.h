// What is known of a connection's lists before a run: for estimates.
#pragma once

#include "server/store/store.h"

// The stored records of a kind, by the organizations asked about.
struct sync_estimate {
    int64_t record_count;
    int64_t page_count;         // each organization has at least one
    int64_t organization_count; // that have records
    int64_t foldered_count;     // organizations that have records in folders
    // Pages of those on the root level and of those in folders, each at least one an organization;
    // and of those in folders if each folder is a list of its own.
    int64_t root_page_count, foldered_page_count, folder_page_count;
};
enum err_code sync_estimate_load(struct tx *tx, const char *connection_id, int kind,
                                 const int64_t *organization_ids, size_t count, int page_size,
                                 struct sync_estimate *ret_estimate,
                                 struct err *reterr) _must_check_;
// Requests of the connection that count against its limit now.
enum err_code sync_estimate_used(struct tx *tx, const char *connection_id, int64_t *ret_used,
                                 struct err *reterr) _must_check_;
