#include "server/service/reveal.h"

static enum err_code judge_connection(const struct sight *sight, struct err *reterr)
{
    if (sight->connection_state != CONNECTION_ACTIVE) {
        (void)err_set(reterr, ERR_CONNECTION_NOT_ACTIVE, "the connection is not active");
        err_meta(reterr, "state", "%s", connection_state_word(sight->connection_state));
        if (sight->connection_update_time != 0) {
            char since[CLOCK_TEXT_BYTES];
            clock_text(sight->connection_update_time, since);
            err_meta(reterr, "since", "%s", since);
        }
        return ERR_CONNECTION_NOT_ACTIVE;
    }
    if (sight->reveals_paused)
        return err_set(reterr, ERR_REVEALS_PAUSED, "reveals are paused by an administrator");
    return ERR_OK;
}

static enum err_code judge_settings(const struct sight *sight, const char *company,
                                    struct err *reterr)
{
    if (!sight->password_sharing_enabled)
        return err_set(reterr, ERR_PASSWORD_SHARING_DISABLED, "sharing of passwords is off");
    // A level that is not known opens nothing.
    if (sight->password_level != SIGHT_SELECTED_CATEGORIES &&
        sight->password_level != SIGHT_ALL_CATEGORIES) {
        (void)err_set(reterr, ERR_COMPANY_NO_ACCESS, "the company's password level is NO_ACCESS");
        err_meta(reterr, "company", "%s", company);
        return ERR_COMPANY_NO_ACCESS;
    }
    return ERR_OK;
}

static enum err_code refuse(enum err_code code, const struct password_gates *gates,
                            const char *text, struct err *reterr)
{
    (void)err_set(reterr, code, "%s", text);
    if (gates->web_url[0] != '\0')
        err_meta(reterr, "upstream_uri", "%s", gates->web_url);
    return code;
}

static enum err_code judge_record(const struct password_gates *gates, const char *name,
                                  struct err *reterr)
{
    if (!gates->category_allowed)
        return err_set(reterr, ERR_CATEGORY_NOT_ALLOWED,
                       "the password's category is not selected for the company");
    if (gates->vaulted)
        return refuse(ERR_PASSWORD_VAULTED_UPSTREAM, gates,
                      "the password is in a vault that no API can open: open it in IT Glue",
                      reterr);
    if (gates->personal)
        return refuse(ERR_PASSWORD_PERSONAL_UPSTREAM, gates,
                      "the password is one user's own entry in IT Glue", reterr);
    if (gates->archived)
        return refuse(ERR_PASSWORD_ARCHIVED_UPSTREAM, gates, "the password is archived in IT Glue",
                      reterr);
    if (gates->restricted) {
        (void)refuse(ERR_UPSTREAM_RECORD_RESTRICTED, gates,
                     "IT Glue restricts who may see this password: open it there", reterr);
        err_meta(reterr, "password", "%s", name);
        return ERR_UPSTREAM_RECORD_RESTRICTED;
    }
    return ERR_OK;
}

enum err_code reveal_judge(const struct password_gates *gates, const char *company,
                           const char *name, struct err *reterr)
{
    try_(judge_connection(&gates->sight, reterr));
    try_(judge_settings(&gates->sight, company, reterr));
    if (!gates->found)
        return err_not_found(reterr, name);
    return judge_record(gates, name, reterr);
}
