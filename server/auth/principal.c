#include "server/auth/principal.h"

#include <string.h>

static const char *const texts[PERMISSION_COUNT] = {
    [PERMISSION_READ_INTEGRATIONS] = "read_integrations",
    [PERMISSION_MANAGE_INTEGRATIONS] = "manage_integrations",
    [PERMISSION_READ_DOCUMENTATION] = "read_documentation",
    [PERMISSION_READ_DOCUMENTATION_PASSWORDS] = "read_documentation_passwords",
    [PERMISSION_READ_AUDIT] = "read_audit",
    [PERMISSION_OPERATE_SERVICE] = "operate_service",
};

const char *permission_text(enum permission permission)
{
    return (unsigned)permission < PERMISSION_COUNT ? texts[permission] : NULL;
}

enum permission permission_parse(const char *text)
{
    for (unsigned i = PERMISSION_NONE + 1; i < PERMISSION_COUNT; i++)
        if (strcmp(texts[i], text) == 0)
            return (enum permission)i;
    return PERMISSION_NONE;
}

bool principal_may(const struct principal *principal, enum permission permission)
{
    // Default deny: NONE is a method that declares nothing, and its bit is never asked for.
    if (permission == PERMISSION_NONE || (unsigned)permission >= PERMISSION_COUNT)
        return false;
    return (principal->permissions & 1u << permission) != 0;
}

bool principal_sees_company(const struct principal *principal, const char *company_id)
{
    if (principal->all_companies)
        return true;
    for (size_t i = 0; i < principal->company_count; i++)
        if (strcmp(principal->companies[i], company_id) == 0)
            return true;
    return false;
}
