// Who watches the changes of which company, and one thread that looks after all of them.
//
// A watcher reads by itself (store/change.h) and then says how it believes its company to stand;
// once a second the thread asks the database which beliefs are no longer right, with one statement
// for many watchers of a tenant, and wakes those. So replicas need no word with each other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/service/method.h"
#include "server/store/change.h"
#include "server/store/store.h"

struct changes;
enum err_code changes_new(struct store *store, int64_t heartbeat_ms, struct changes **ret_changes,
                          struct err *reterr) _must_check_;
enum err_code changes_start(struct changes *changes, struct err *reterr) _must_check_;
void changes_stop(struct changes *changes);
struct changes *changes_free(struct changes *changes);

struct changes_watch;
// The waker must stay valid until the close. Errors: INTERNAL without memory.
enum err_code changes_watch_open(struct changes *changes, const char *tenant,
                                 const char *company_id, const struct stream_waker *waker,
                                 struct changes_watch **ret_watch, struct err *reterr) _must_check_;
// No wake comes after this.
void changes_watch_close(struct changes_watch *watch);
// It has told everything up to here and waits: it is woken when that is no longer right, or when a
// sign of life is due.
void changes_watch_wait(struct changes_watch *watch, const struct change_stand *stand);
// Whether a sign of life is due; then the next is due a heartbeat later. A message of any kind is
// one: `told`.
bool changes_watch_heartbeat(struct changes_watch *watch, bool told);
