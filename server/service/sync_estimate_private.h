// Between the files of EstimateSync.
#pragma once

#include "server/service/request.h"
#include "server/source/source.h"
#include "server/store/record.h"
#include "server/store/sync_connection.h"
#include "server/store/sync_estimate.h"
#include "server/store/type_sync.h"
#include "server/sync/plan.h"
#include "server/sync/sync.h"

// A list of which a quick run reads what changed.
struct estimate_list {
    enum source_kind kind;
    int64_t type_id;
    int64_t since_us;    // from here on; 0: it is read whole
    int64_t total_count; // rows of it as upstream counted them last; -1: not known
};

// All that an estimate rests on.
struct estimate {
    const struct request *request;
    const char *connection_id;
    bool full;
    struct sync_limit limit;
    struct sync_connection connection;
    int64_t *organizations; // mapped
    size_t organization_count;
    int64_t inventory_count;
    struct type_sync_enabled *types;
    size_t type_count;
    // Where only what changed is read; of each type.
    struct estimate_list organization_changes, password_changes, checklist_changes;
    struct estimate_list *type_changes;
    struct plan_glance glance; // at the types all at once
    // Of documents: upstream may be asked for the order of their changes, and was seen to keep to
    // it; and the lists of more than a page, as stored.
    bool order_used, order_proven;
    struct record_extent *long_lists;
    size_t long_list_count;
    int64_t open_checklists; // as stored
    bool psa_probes;         // the kind of PSA is going to be looked for
    struct sync_estimate documents, passwords, checklists; // as stored
    int64_t used;
    // Upstream.
    struct source *source;
    int64_t credential_version;
    int requests;
    int64_t latency_us; // of all requests
};

// What one task takes.
struct cost {
    int64_t requests, rows;
    bool measured;
    const char *plan;
};

// What the database has of it. Errors: those of parent_connection.
enum err_code sync_estimate_gather(struct estimate *estimate, const char *parent,
                                   struct err *reterr) _must_check_;

// What upstream answered to one request.
struct estimate_answer {
    struct source_page page;
    bool refused; // it does not give the list, or not so
    int http_status;
};
// Makes a request, as one of those that counting takes. Errors: those of source_fetch_page, but for
// refusals; ERR_UPSTREAM_RATE_LIMITED.
enum err_code sync_estimate_ask(struct estimate *estimate, const struct source_query *query,
                                const struct source_sink *sink, struct estimate_answer *ret_answer,
                                struct err *reterr) _must_check_;

// How long the list of an organization (0: of the account) is. A list that upstream does not give
// to the key, or without its length, is -1.
enum err_code sync_estimate_count_of(struct estimate *estimate, enum source_kind kind,
                                     int64_t type_id, int64_t organization_id, int64_t *ret_rows,
                                     struct err *reterr) _must_check_;
// Of the account, or of the only organization.
enum err_code sync_estimate_count(struct estimate *estimate, enum source_kind kind, int64_t type_id,
                                  int64_t *ret_rows, struct err *reterr) _must_check_;

// The pages that it takes to read what changed in a list, from the `from`-th on, which is read in
// any case: as many, or at the most twice as many as it takes. Upstream is asked for the last row
// of each, unless the list is too short for more.
enum err_code sync_estimate_changes(struct estimate *estimate, const struct estimate_list *list,
                                    int64_t from, int64_t *ret_pages,
                                    struct err *reterr) _must_check_;
// The pages that flexible assets take; of the types of which only what changed is read.
// `*ret_most`: they may be fewer.
enum err_code sync_estimate_types(struct estimate *estimate, int64_t *ret_pages, bool *ret_most,
                                  struct err *reterr) _must_check_;

// What the order of documents' changes spares a quick run and costs it, beside the lists read whole
// as stored: looks at long lists, of which those without a change are left alone, and what it takes
// to see whether upstream keeps to the order. `*ret_requests` may be negative. `*ret_spared`: lists
// left alone. `*ret_most`: there are too many to be looked at now, they may take fewer.
enum err_code sync_estimate_order(struct estimate *estimate, int64_t *ret_requests,
                                  size_t *ret_spared, bool *ret_most,
                                  struct err *reterr) _must_check_;

// What a task (enum sync_task_kind) of the run takes.
enum err_code sync_estimate_task(struct estimate *estimate, int kind, struct cost *ret_cost,
                                 struct err *reterr) _must_check_;
