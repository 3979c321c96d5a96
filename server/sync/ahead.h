// Reading ahead: pages that a run is going to ask for are fetched and parsed on threads of their
// own while the run's thread stores the page before.
//
// Each reader is a thread with a connection of its own; it begins when it is first needed and ends
// with the run. It tries a page once: whatever failed comes back as the first try of the run's own
// fetch. All functions are for the run's thread alone; they never wait for upstream, but
// ahead_take() for a page that is on its way, ahead_make_room() for any, and ahead_forget() until a
// transfer has noticed.
#pragma once

#include "server/sync/page.h"

struct run;
struct ahead;

// For at most `readers` requests in flight; none starts yet. NULL: no memory, nothing is read
// ahead.
struct ahead *ahead_new(struct run *run, int readers);
struct ahead *ahead_free(struct ahead *ahead);

// Begins to read a page, unless it was begun before. What `query` and `scope` point at must live
// until the page is taken or forgotten. False: no reader is idle, or the budget has no request left
// now. Safe on NULL, as the rest.
bool ahead_hint(struct ahead *ahead, const struct source_query *query, const struct page *scope);

struct ahead_result {
    enum err_code code;
    struct err err;
    struct source_page answer;
    struct source_attempt attempt;
};
// Takes the page that was hinted with the same query, its rows into `page`. False: none was, or the
// run is told to stop.
bool ahead_take(struct ahead *ahead, const struct source_query *query, struct page *page,
                struct ahead_result *ret_result);
// Waits until fewer than all readers have a request in flight, so that the run may make one of its
// own; not once the run is told to stop.
void ahead_make_room(struct ahead *ahead);
// Drops what was hinted and not taken: of the list that `query` is a page of, or all if it is NULL.
void ahead_forget(struct ahead *ahead, const struct source_query *query);
