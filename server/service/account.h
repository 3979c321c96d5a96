// Whether two keys belong to one upstream account. Pure.
//
// Upstream has no name for an account that every key can read. What tells is the organizations:
// their ids are unique in a region. The subdomain is a word that people choose, and may change.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// What is known of an account.
struct account_facts {
    int region;
    const char *subdomain;           // "": not known
    int64_t primary_organization_id; // 0: not known
};

enum account_verdict {
    ACCOUNT_SAME,
    ACCOUNT_OTHER,
    ACCOUNT_UNPROVEN, // something is known here, and nothing of it can be compared
};

// `known_here`: organizations are known here. `listed`: the new key lists some. `shared`: one of
// those listed is among those known. Where nothing is known yet, any account is the same.
enum account_verdict account_compare(const struct account_facts *old,
                                     const struct account_facts *new, bool known_here, bool listed,
                                     bool shared);
