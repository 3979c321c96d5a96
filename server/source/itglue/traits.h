// The traits of a flexible asset on their way into the draft: kept as JSON, without secrets and
// without what changes by itself.
//
// Dropped: traits that the caller calls secret, or does not know where it says which it knows,
// traits with a key `password` anywhere inside (or that are called so), copies of other records'
// times, rendered content. Signed links lose their signature.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/source/itglue/draft.h"

// Begins a trait. False: it is a secret, its value must be skipped.
bool itglue_trait_start(struct itglue_draft *draft, const struct source_query *query,
                        const char *key, size_t len);
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
