// Between the files of EstimateSync.
#pragma once

#include "server/service/request.h"
#include "server/source/source.h"
#include "server/store/sync_connection.h"
#include "server/store/sync_estimate.h"
#include "server/store/type_sync.h"
#include "server/sync/plan.h"
#include "server/sync/sync.h"

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
    bool *type_changes;        // of each type: only what changed is read
    struct plan_glance glance; // at these all at once
    bool organization_changes, password_changes, checklist_changes;
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

// How long the list of an organization (0: of the account) is. A list that upstream does not give
// to the key, or without its length, is -1.
enum err_code sync_estimate_count_of(struct estimate *estimate, enum source_kind kind,
                                     int64_t type_id, int64_t organization_id, int64_t *ret_rows,
                                     struct err *reterr) _must_check_;
// Of the account, or of the only organization.
enum err_code sync_estimate_count(struct estimate *estimate, enum source_kind kind, int64_t type_id,
                                  int64_t *ret_rows, struct err *reterr) _must_check_;

// What a task (enum sync_task_kind) of the run takes.
enum err_code sync_estimate_task(struct estimate *estimate, int kind, struct cost *ret_cost,
                                 struct err *reterr) _must_check_;
