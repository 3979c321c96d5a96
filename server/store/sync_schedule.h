// When each connection is synced: a row a connection, for as long as it lives.
//
// Whoever takes a row that is to be looked at moves its time on first, so that of many processes
// one looks, and a process that dies over it costs a minute. The database's clock alone counts
// here. What the numbers mean is said in sync/schedule.h; arrays go by docbridge.v1.SyncTaskKind.
#pragma once

#include "server/store/store.h"

enum { SYNC_SCHEDULE_KINDS = 6 };

struct sync_schedule_task {
    int64_t interval_s, objective_s; // 0: as by default
    int64_t due_time_us;
    int64_t breach_time_us;   // 0: fresh
    int64_t since_time_us;    // since when it is meant to be fresh; 0: it is not
    int64_t complete_time_us; // 0: never
};

struct sync_schedule {
    int64_t full_interval_s; // 0: as by default
    int64_t full_due_time_us;
    int64_t revision, update_time_us;
    struct sync_schedule_task tasks[SYNC_SCHEDULE_KINDS];
    int64_t now_us; // the database's time
};

struct sync_schedule_due {
    const char *tenant, *connection_id;
};

// Makes the row of a new connection, whose runs are due in `due_ms`, and the first that fetches
// everything at some time within `full_due_ms`.
enum err_code sync_schedule_make(struct tx *tx, const char *connection_id, int64_t due_ms,
                                 int64_t full_due_ms, struct err *reterr) _must_check_;
// Reads it; `lock` holds it as it is until the transaction ends. `*ret_found` is false if there is
// none.
enum err_code sync_schedule_get(struct tx *tx, const char *connection_id, bool lock,
                                struct arena *arena, struct sync_schedule *ret_schedule,
                                bool *ret_found, struct err *reterr) _must_check_;
// How each task of the latest run that did it stands: docbridge.v1.SyncTask.State; 0: there was
// none.
enum err_code sync_schedule_states(struct tx *tx, const char *connection_id,
                                   int ret_states[SYNC_SCHEDULE_KINDS],
                                   struct err *reterr) _must_check_;
// What somebody chose: intervals and objectives; the revision grows. Looked at right after.
enum err_code sync_schedule_choose(struct tx *tx, const char *connection_id,
                                   const struct sync_schedule *schedule,
                                   struct err *reterr) _must_check_;
// What a look brought: due times and breaches, and the time of the next.
enum err_code sync_schedule_put(struct tx *tx, const char *connection_id,
                                const struct sync_schedule *schedule, int64_t look_time_us,
                                struct err *reterr) _must_check_;
// Under the scheduler's role, tenant "": takes one that is to be looked at. `ret_due->tenant` is
// NULL if there is none.
enum err_code sync_schedule_take(struct tx *tx, struct arena *arena,
                                 struct sync_schedule_due *ret_due,
                                 struct err *reterr) _must_check_;
