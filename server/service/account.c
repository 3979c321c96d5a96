#include "server/service/account.h"

#include <string.h>

enum account_verdict account_compare(const struct account_facts *old,
                                     const struct account_facts *new, bool known_here, bool listed,
                                     bool shared)
{
    bool subdomains = old->subdomain[0] != '\0' && new->subdomain[0] != '\0';
    bool same_subdomain = subdomains && strcmp(old->subdomain, new->subdomain) == 0;
    bool primaries = old->primary_organization_id != 0 && new->primary_organization_id != 0;
    bool same_primary = primaries && old->primary_organization_id == new->primary_organization_id;
    if ((primaries && !same_primary) || (known_here && listed && !shared))
        return ACCOUNT_OTHER;
    // Two regions may give the same number to two organizations.
    bool same_ids = old->region == new->region && (same_primary || shared);
    if (same_ids || same_subdomain)
        return ACCOUNT_SAME;
    if (subdomains)
        return ACCOUNT_OTHER;
    bool nothing_known =
        !known_here && old->subdomain[0] == '\0' && old->primary_organization_id == 0;
    return nothing_known ? ACCOUNT_SAME : ACCOUNT_UNPROVEN;
}
