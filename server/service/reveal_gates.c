#include "server/service/reveal.h"

#define GATE(name) DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_##name

static enum err_code permission(const struct reveal_case *what, struct err *reterr)
{
    if (principal_may(what->caller, PERMISSION_READ_DOCUMENTATION_PASSWORDS))
        return ERR_OK;
    const char *text = permission_text(PERMISSION_READ_DOCUMENTATION_PASSWORDS);
    (void)err_set(reterr, ERR_MISSING_PERMISSION, "the token lacks the permission %s", text);
    err_meta(reterr, "permission", "%s", text);
    return ERR_MISSING_PERMISSION;
}

static enum err_code company_scope(const struct reveal_case *what, struct err *reterr)
{
    if (what->gates != NULL && what->in_sight)
        return ERR_OK;
    return err_not_found(reterr, what->name);
}

static enum err_code connection_active(const struct reveal_case *what, struct err *reterr)
{
    // Whether reveals are paused is the next gate's.
    struct connection_standing standing = what->gates->sight.standing;
    standing.reveals_paused = false;
    return connection_check_use(&standing, CONNECTION_FOR_REVEAL, reterr);
}

static enum err_code reveals_running(const struct reveal_case *what, struct err *reterr)
{
    return connection_check_use(&what->gates->sight.standing, CONNECTION_FOR_REVEAL, reterr);
}

static enum err_code sharing_enabled(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->sight.password_sharing_enabled)
        return err_set(reterr, ERR_PASSWORD_SHARING_DISABLED, "sharing of passwords is off");
    return ERR_OK;
}

// A level that is not known opens nothing.
static enum err_code company_level(const struct reveal_case *what, struct err *reterr)
{
    int level = what->gates->sight.password_level;
    if (level == SIGHT_SELECTED_CATEGORIES || level == SIGHT_ALL_CATEGORIES)
        return ERR_OK;
    (void)err_set(reterr, ERR_COMPANY_NO_ACCESS, "the company's password level is NO_ACCESS");
    err_meta(reterr, "company", "%s", what->company);
    return ERR_COMPANY_NO_ACCESS;
}

static enum err_code organization_mapped(const struct reveal_case *what, struct err *reterr)
{
    return what->gates->sight.mapped ? ERR_OK : err_not_found(reterr, what->name);
}

static enum err_code entry_synced(const struct reveal_case *what, struct err *reterr)
{
    return what->gates->found ? ERR_OK : err_not_found(reterr, what->name);
}

static enum err_code category_allowed(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->category_allowed)
        return err_set(reterr, ERR_CATEGORY_NOT_ALLOWED,
                       "the password's category is not selected for the company");
    return ERR_OK;
}

static enum err_code refuse(enum err_code code, const struct reveal_case *what, const char *text,
                            struct err *reterr)
{
    (void)err_set(reterr, code, "%s", text);
    if (what->gates->web_url[0] != '\0')
        err_meta(reterr, "upstream_uri", "%s", what->gates->web_url);
    return code;
}

static enum err_code not_vaulted(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->vaulted)
        return ERR_OK;
    return refuse(ERR_PASSWORD_VAULTED_UPSTREAM, what,
                  "the password is in a vault that no API can open: open it in IT Glue", reterr);
}

static enum err_code not_personal(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->personal)
        return ERR_OK;
    return refuse(ERR_PASSWORD_PERSONAL_UPSTREAM, what,
                  "the password is one user's own entry in IT Glue", reterr);
}

static enum err_code not_archived(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->archived)
        return ERR_OK;
    return refuse(ERR_PASSWORD_ARCHIVED_UPSTREAM, what, "the password is archived in IT Glue",
                  reterr);
}

static enum err_code not_restricted(const struct reveal_case *what, struct err *reterr)
{
    if (!what->gates->restricted)
        return ERR_OK;
    (void)refuse(ERR_UPSTREAM_RECORD_RESTRICTED, what,
                 "IT Glue restricts who may see this password: open it there", reterr);
    err_meta(reterr, "password", "%s", what->name);
    return ERR_UPSTREAM_RECORD_RESTRICTED;
}

// The order is the order of the gates.
static const struct {
    Docbridge__V1__AccessGate gate;
    enum err_code (*judge)(const struct reveal_case *what, struct err *reterr);
} gates[] = {
    {GATE(PERMISSION), permission},
    {GATE(COMPANY_SCOPE), company_scope},
    {GATE(CONNECTION_ACTIVE), connection_active},
    {GATE(REVEALS_RUNNING), reveals_running},
    {GATE(SHARING_ENABLED), sharing_enabled},
    {GATE(COMPANY_LEVEL), company_level},
    {GATE(ORGANIZATION_MAPPED), organization_mapped},
    {GATE(ENTRY_SYNCED), entry_synced},
    {GATE(CATEGORY_ALLOWED), category_allowed},
    {GATE(NOT_VAULTED), not_vaulted},
    {GATE(NOT_PERSONAL), not_personal},
    {GATE(NOT_ARCHIVED), not_archived},
    {GATE(NOT_RESTRICTED), not_restricted},
};

Docbridge__V1__AccessGate reveal_gate(size_t i)
{
    return i < ARRAY_LEN(gates) ? gates[i].gate : GATE(UNSPECIFIED);
}

enum err_code reveal_judge(const struct reveal_case *what, Docbridge__V1__AccessGate *ret_gate,
                           struct err *reterr)
{
    enum err_code code = ERR_OK;
    size_t i = 0;
    while (i < ARRAY_LEN(gates) && (code = gates[i].judge(what, reterr)) == ERR_OK)
        i++;
    if (ret_gate != NULL)
        *ret_gate = reveal_gate(i);
    return code;
}
