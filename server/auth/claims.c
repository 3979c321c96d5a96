#include "server/auth/claims.h"

#include <jansson.h>
#include <string.h>

#include "server/base/utf8.h"

// The last second of the year 9999: what RFC 3339 can write, and in microseconds far inside int64.
#define TIME_MAX_S INT64_C(253402300799)

static enum err_code refuse(struct err *reterr, const char *claim, const char *why)
{
    return err_set(reterr, ERR_TOKEN_INVALID, "%s %s", claim, why);
}

// A string of 1 to `max_bytes`. NULL, if the claim is absent and not required.
static enum err_code get_text(const json_t *claims, const char *name, bool required,
                              size_t max_bytes, const char **ret_text, struct err *reterr)
{
    const json_t *claim = json_object_get(claims, name);
    *ret_text = NULL;
    if (claim == NULL)
        return required ? refuse(reterr, name, "is missing") : ERR_OK;
    if (!json_is_string(claim) || json_string_length(claim) == 0 ||
        json_string_length(claim) > max_bytes)
        return refuse(reterr, name, "is not a string, empty or too long");
    *ret_text = json_string_value(claim);
    return ERR_OK;
}

// Seconds as a time in microseconds. `absent_us`, if the claim is absent and that is not negative.
static enum err_code get_time(const json_t *claims, const char *name, int64_t absent_us,
                              int64_t *ret_us, struct err *reterr)
{
    const json_t *claim = json_object_get(claims, name);
    *ret_us = absent_us;
    if (claim == NULL)
        return absent_us < 0 ? refuse(reterr, name, "is missing") : ERR_OK;
    json_int_t seconds = json_integer_value(claim);
    if (!json_is_integer(claim) || seconds < 0 || seconds > TIME_MAX_S)
        return refuse(reterr, name, "is not a whole number of seconds before the year 10000");
    *ret_us = seconds * 1000000;
    return ERR_OK;
}

static enum err_code check_origin(const json_t *claims, const struct claims_policy *policy,
                                  struct err *reterr)
{
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    if (issuer == NULL || strcmp(issuer, policy->issuer) != 0)
        return refuse(reterr, "iss", "is not the issuer");
    const json_t *audience = json_object_get(claims, "aud");
    bool single = json_is_string(audience), found = false;
    size_t count = single ? 1 : json_array_size(audience);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(single ? audience : json_array_get(audience, i));
        if (text == NULL)
            return refuse(reterr, "aud", "is not a string or an array of strings");
        found = found || strcmp(text, policy->audience) == 0;
    }
    return found ? ERR_OK : refuse(reterr, "aud", "does not have the audience");
}

static enum err_code read_identity(const json_t *claims, struct principal *principal,
                                   struct err *reterr)
{
    const char *unused, *actor;
    try_(get_text(claims, "jti", false, CLAIMS_TEXT_MAX_BYTES, &unused, reterr));
    try_(get_text(claims, "tenant", true, CLAIMS_TENANT_MAX_BYTES, &principal->tenant, reterr));
    if (principal->tenant[strspn(principal->tenant, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                    "abcdefghijklmnopqrstuvwxyz0123456789._-")] !=
        '\0')
        return refuse(reterr, "tenant", "has a character outside of [A-Za-z0-9._-]");
    try_(get_text(claims, "sub", true, PRINCIPAL_SUBJECT_MAX_BYTES, &principal->subject, reterr));
    if (!utf8_is_printable(principal->subject))
        return refuse(reterr, "sub", "has a character that cannot be shown");
    try_(get_text(claims, "name", false, CLAIMS_TEXT_MAX_BYTES, &principal->display_name, reterr));
    if (principal->display_name == NULL)
        principal->display_name = principal->subject;
    try_(get_text(claims, "email", false, CLAIMS_TEXT_MAX_BYTES, &principal->email, reterr));
    const json_t *verified = json_object_get(claims, "email_verified");
    if (verified != NULL && !json_is_boolean(verified))
        return refuse(reterr, "email_verified", "is not true or false");
    if (!json_is_true(verified))
        principal->email = NULL;
    try_(get_text(claims, "actor", true, CLAIMS_TEXT_MAX_BYTES, &actor, reterr));
    principal->actor = strcmp(actor, "human") == 0     ? ACTOR_HUMAN
                       : strcmp(actor, "service") == 0 ? ACTOR_SERVICE
                       : strcmp(actor, "agent") == 0   ? ACTOR_AGENT
                                                       : (enum actor_kind)0;
    // ACTOR_SYSTEM is docbridge itself, never a caller.
    return principal->actor == 0 ? refuse(reterr, "actor", "is not human, service or agent")
                                 : ERR_OK;
}

static enum err_code read_permissions(const json_t *claims, struct principal *principal,
                                      struct err *reterr)
{
    const json_t *permissions = json_object_get(claims, "permissions");
    if (permissions != NULL && !json_is_array(permissions))
        return refuse(reterr, "permissions", "is not an array");
    for (size_t i = 0; i < json_array_size(permissions); i++) {
        const char *text = json_string_value(json_array_get(permissions, i));
        if (text == NULL)
            return refuse(reterr, "permissions", "has something that is not a string");
        // The host may give permissions of its other services along: unknown ones grant nothing.
        enum permission permission = permission_parse(text);
        if (permission != PERMISSION_NONE)
            principal->permissions |= 1u << permission;
    }
    if (principal_may(principal, PERMISSION_MANAGE_INTEGRATIONS))
        principal->permissions |= 1u << PERMISSION_READ_INTEGRATIONS;
    return ERR_OK;
}

// The companies in sight: all, those listed, those of a set, or none if the token says nothing.
static enum err_code read_companies(const json_t *claims, struct arena *arena,
                                    struct principal *principal, struct err *reterr)
{
    const json_t *companies = json_object_get(claims, "companies");
    const char *scope;
    try_(get_text(claims, "company_scope", false, CLAIMS_TEXT_MAX_BYTES, &scope, reterr));
    if (companies != NULL && scope != NULL)
        return refuse(reterr, "companies", "and company_scope exclude each other");
    principal->company_set = scope;
    if (companies == NULL)
        return ERR_OK;
    const char *text = json_string_value(companies);
    principal->all_companies = text != NULL && strcmp(text, "*") == 0;
    if (principal->all_companies)
        return ERR_OK;
    size_t count = json_array_size(companies);
    if (!json_is_array(companies) || count > CLAIMS_COMPANIES_MAX)
        return refuse(reterr, "companies", "is not \"*\" or an array of at most 100 ids");
    const char **ids = arena_calloc(arena, count, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(companies, i);
        if (!json_is_string(id) || json_string_length(id) == 0 ||
            json_string_length(id) > CLAIMS_COMPANY_MAX_BYTES)
            return refuse(reterr, "companies", "has an id that is no string, empty or too long");
        if ((ids[i] = arena_strdup(arena, json_string_value(id))) == NULL)
            return err_no_memory(reterr);
    }
    principal->companies = ids;
    principal->company_count = count;
    return ERR_OK;
}

// Last, so that a caller is told to renew only a token that is otherwise good.
static enum err_code check_times(const json_t *claims, const struct claims_policy *policy,
                                 int64_t now_us, struct principal *principal, struct err *reterr)
{
    int64_t not_before_us;
    try_(get_time(claims, "exp", -1, &principal->expire_time_us, reterr));
    try_(get_time(claims, "iat", -1, &principal->issue_time_us, reterr));
    try_(get_time(claims, "nbf", 0, &not_before_us, reterr));
    if (principal->expire_time_us <= principal->issue_time_us ||
        principal->expire_time_us - principal->issue_time_us > policy->lifetime_max_us)
        return refuse(reterr, "exp", "is not after iat, or too long after it");
    if (principal->issue_time_us > now_us + policy->leeway_us)
        return refuse(reterr, "iat", "is in the future");
    if (not_before_us > now_us + policy->leeway_us)
        return refuse(reterr, "nbf", "is in the future");
    if (principal->expire_time_us + policy->leeway_us <= now_us)
        return err_set(reterr, ERR_TOKEN_EXPIRED, "exp is in the past");
    return ERR_OK;
}

// The strings were the JSON's until here.
static enum err_code take_text(struct arena *arena, const char **text, struct err *reterr)
{
    if (*text == NULL)
        return ERR_OK;
    *text = arena_strdup(arena, *text);
    return *text == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code claims_read(const struct claims_policy *policy, const unsigned char *payload,
                          size_t len, int64_t now_us, struct arena *arena,
                          const struct principal **ret_principal, struct err *reterr)
{
    json_auto_t *claims = json_loadb((const char *)payload, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(claims))
        return refuse(reterr, "the payload", "is not a JSON object in which each name stands once");
    struct principal *principal = arena_alloc(arena, sizeof(*principal));
    if (principal == NULL)
        return err_no_memory(reterr);
    try_(check_origin(claims, policy, reterr));
    try_(read_identity(claims, principal, reterr));
    try_(read_permissions(claims, principal, reterr));
    try_(read_companies(claims, arena, principal, reterr));
    try_(check_times(claims, policy, now_us, principal, reterr));
    try_(take_text(arena, &principal->tenant, reterr));
    try_(take_text(arena, &principal->subject, reterr));
    try_(take_text(arena, &principal->display_name, reterr));
    try_(take_text(arena, &principal->email, reterr));
    try_(take_text(arena, &principal->company_set, reterr));
    *ret_principal = principal;
    return ERR_OK;
}
