/*
 * The table of resources: which routes exist, from which vintage on, and which filters, sorts and
 * includes the reference lists. What is not listed here is ignored, as the real service does.
 */
#ifndef ITGLUE_EMULATOR_ENDPOINT_H
#define ITGLUE_EMULATOR_ENDPOINT_H

#include "collection.h"

enum filter_kind {
    FILTER_END,
    FILTER_ID,
    FILTER_ORGANIZATION,
    FILTER_PARENT,
    FILTER_NAME,
    FILTER_CREATED,
    FILTER_UPDATED,
    FILTER_BOOL,      /* true, false, 1, 0 */
    FILTER_ATTRIBUTE, /* exact */
    FILTER_PSA,
    FILTER_FOLDER
};

struct filter_rule {
    const char *key; /* as it stands behind "filter": "[id]" */
    enum filter_kind kind;
    const char *attribute;
    bool exclude;
};

enum include_kind {
    INCLUDE_END,
    INCLUDE_CHILDREN,         /* rows whose parent is this one */
    INCLUDE_AUTHORIZED_USERS, /* the users behind the accesses */
    INCLUDE_NOTHING           /* listed by the reference, not emulated: accepted, never any rows */
};

struct include_rule {
    const char *name;
    enum include_kind kind;
    enum collection_id collection;
    bool show_only;
};

enum route_flag {
    ROUTE_INDEX = 1,
    ROUTE_NESTED = 2, /* below /organizations/:id/relationships */
    ROUTE_SHOW = 4,
    ROUTE_BELOW_TYPE = 8 /* below /flexible_asset_types/:id/relationships */
};

struct endpoint {
    enum collection_id collection;
    unsigned routes;
    const char *vintage; /* the oldest one that opens it to keys; NULL: always */
    const struct filter_rule *filters;
    const char *const *sorts;
    const struct include_rule *includes;
};

/* NULL when no such resource exists. */
const struct endpoint *endpoint_find(const char *name);
const struct endpoint *endpoint_sections(void);

#endif
