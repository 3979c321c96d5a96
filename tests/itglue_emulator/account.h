/*
 * One generated IT Glue account: its collections, the plan they were made from, and a small cache
 * of selections (filtered and sorted row lists), because a walk asks for the same one page by page.
 * Same plan, same bytes. Callers hold the emulator's lock.
 */
#ifndef ITGLUE_EMULATOR_ACCOUNT_H
#define ITGLUE_EMULATOR_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "collection.h"
#include "random.h"

#define SELECTION_CACHE_SIZE 32

struct account_plan {
    uint64_t seed;
    const char *region; /* us, eu or au: decides the size of the ids and the host of links */
    const char *psa_type;
    const char *password_trait; /* reference, value or absent: the real shape is unpublished */
    int64_t as_of_ms;           /* the newest generated date */
    size_t organizations;
    size_t documents;
    size_t flexible_assets;
    size_t flexible_asset_types;
    size_t checklists;
    size_t passwords;
    size_t document_bytes; /* of a common document's body */
    size_t long_names;     /* organizations with a name of 4 KB */
};

struct selection {
    char *key;
    uint64_t version;
    uint64_t last_use;
    struct row **rows;
    size_t count;
};

struct account {
    struct account_plan plan;
    struct collection collections[COLLECTION_COUNT];
    struct selection selections[SELECTION_CACHE_SIZE];
    uint64_t selection_clock;
};

struct account_plan account_default_plan(void);
/* The whole generated account. */
struct account *account_new(const struct account_plan *plan);
void account_free(struct account *account);
struct row *account_find(struct account *account, enum collection_id collection, int64_t id);
/* "https://msp.eu.itglue.com" and the like, without a closing slash. */
const char *account_web_host(const struct account *account);

#endif
