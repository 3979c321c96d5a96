// The traits of a flexible asset on their way into the draft: kept as JSON, without secrets and
// without what changes by itself.
//
// Dropped: traits that the caller does not know where it says which it knows, traits with a key
// `password` anywhere inside (or that are called so), copies of other records' times, rendered
// content. Signed links lose their signature.
//
// Of traits that the caller calls secret nothing is kept but the ids of the passwords that they
// refer to, if they have the form in which traits refer to records, {"values":[{"id":7}]}: which
// form they have is not published. Any other one is a value, and dropped.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/source/itglue/draft.h"

enum itglue_trait_use {
    ITGLUE_TRAIT_SKIPPED, // it was not begun: skip its value
    ITGLUE_TRAIT_KEPT,
    ITGLUE_TRAIT_REFERENCES, // of its value only what itglue_reference_*() take
};
// Begins a trait.
enum itglue_trait_use itglue_trait_start(struct itglue_draft *draft,
                                         const struct source_query *query, const char *key,
                                         size_t len);
// Its value is complete.
void itglue_trait_end(struct itglue_draft *draft);
// Takes back the trait that was begun and wipes what there is of it.
void itglue_trait_drop(struct itglue_draft *draft);

enum itglue_trait_key {
    ITGLUE_KEY_KEPT,
    ITGLUE_KEY_SKIPPED, // skip the value
    ITGLUE_KEY_SECRET,  // the whole trait must go
};
// A key inside a trait's value.
enum itglue_trait_key itglue_trait_key(struct itglue_draft *draft, const char *key, size_t len);
// A scalar, or the begin and end of a container, inside a trait's value.
void itglue_trait_scalar(struct itglue_draft *draft, const struct itglue_scalar *scalar);
void itglue_trait_open(struct itglue_draft *draft, bool is_map);
void itglue_trait_close(struct itglue_draft *draft, bool is_map);

// The value of a trait of references: its begin, an id in it, its end, which drops a trait without
// any.
void itglue_reference_open(struct itglue_draft *draft);
void itglue_reference_add(struct itglue_draft *draft, const struct itglue_scalar *id);
void itglue_reference_close(struct itglue_draft *draft);
