// Records of a page that wait for what comes along as `included`: the PSA ids of organizations, the
// fields of types, the tasks of checklists.
//
// `data` and `included` come in either order, so both are held until the page is complete. An
// included record belongs to the record that its own attribute names, else to those whose
// relationships name it. A record whose kind needs them (`joined_required`) and that lacks one, or
// has none at all, goes to quarantine. Bounded by the page: everything lies in one arena.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/source/itglue/draft.h"

struct itglue_pending;
struct itglue_item;

struct itglue_join {
    const struct itglue_kind *kind;
    struct arena arena;
    struct itglue_pending *pending;
    size_t pending_count, pending_capacity;
    struct itglue_item *items;
    size_t item_count, item_capacity;
    bool item_lost; // one that cannot be read, not even whose it is
};

void itglue_join_init(struct itglue_join *join, const struct itglue_kind *kind, size_t max_bytes);
void itglue_join_done(struct itglue_join *join);
// Keeps a copy of `record`, with `body` an object left open, and the ids that `draft` relates to.
bool itglue_join_hold(struct itglue_join *join, const struct source_record *record,
                      const struct itglue_out *body, const struct itglue_draft *draft);
// Keeps an included record; a faulty one spoils the record that it belongs to.
bool itglue_join_item(struct itglue_join *join, const struct itglue_draft *draft,
                      struct itglue_out *work);
// Completes the bodies and hands everything over. False: the sink wants no more, or
// no memory (`*ret_no_memory`).
bool itglue_join_finish(struct itglue_join *join, const struct source_sink *sink,
                        struct itglue_out *work, bool *ret_no_memory);
