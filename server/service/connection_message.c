#include "server/service/connection_message.h"

#include <inttypes.h>

#include "server/service/capability.h"
#include "server/service/field.h"
#include "server/service/key_age.h"

static bool fill_credential(struct arena *arena, const struct connection *connection,
                            Docbridge__V1__Connection *out)
{
    if (connection->key_create_time_us == 0)
        return true;
    out->credential = arena_alloc(arena, sizeof(*out->credential));
    if (out->credential == NULL)
        return false;
    docbridge__v1__connection__credential__init(out->credential);
    int64_t used_us = connection->key_last_success_time_us;
    out->credential->last4 = arena_strdup(arena, connection->key_last4);
    out->credential->fingerprint = arena_strdup(arena, connection->key_fingerprint);
    out->credential->create_time = field_time(arena, connection->key_create_time_us);
    out->credential->last_success_time = field_time(arena, used_us);
    out->credential->idle_revocation_time = field_time(arena, key_age_revocation_us(used_us));
    return out->credential->last4 != NULL && out->credential->fingerprint != NULL;
}

static bool fill_account(struct arena *arena, const struct connection *connection,
                         Docbridge__V1__Connection *out)
{
    int64_t id = connection->account_primary_organization_id;
    if (connection->account_subdomain[0] == '\0' && id == 0)
        return true;
    out->account = arena_alloc(arena, sizeof(*out->account));
    if (out->account == NULL)
        return false;
    docbridge__v1__connection__account__init(out->account);
    out->account->subdomain = arena_strdup(arena, connection->account_subdomain);
    out->account->primary_organization_id =
        id == 0 ? arena_strdup(arena, "") : arena_printf(arena, "%" PRId64, id);
    return out->account->subdomain != NULL && out->account->primary_organization_id != NULL;
}

static bool fill_problem(struct arena *arena, const struct connection *connection,
                         Docbridge__V1__Connection *out)
{
    if (connection->state != CONNECTION_ERROR)
        return true;
    out->problem = arena_alloc(arena, sizeof(*out->problem));
    if (out->problem == NULL)
        return false;
    docbridge__v1__connection__problem__init(out->problem);
    out->problem->reason = arena_strdup(arena, connection->problem_reason);
    out->problem->message = arena_strdup(arena, connection->problem_message);
    out->problem->start_time = field_time(arena, connection->problem_time_us);
    return out->problem->reason != NULL && out->problem->message != NULL;
}

// What needs attention soon, of a connection whose key is in use.
static enum err_code fill_warnings(struct arena *arena, const struct connection *connection,
                                   Docbridge__V1__Connection *out, struct err *reterr)
{
    char *text;
    if (connection->state != CONNECTION_ACTIVE)
        return ERR_OK;
    try_(key_age_warning(arena, connection->key_last_success_time_us, clock_wall_us(), &text,
                         reterr));
    if (text == NULL)
        return ERR_OK;
    out->warnings = arena_alloc(arena, sizeof(*out->warnings));
    if (out->warnings == NULL)
        return err_no_memory(reterr);
    out->warnings[out->n_warnings++] = text;
    return ERR_OK;
}

enum err_code connection_message_fill(struct arena *arena, const struct connection *connection,
                                      Docbridge__V1__Connection *out, struct err *reterr)
{
    out->name = arena_printf(arena, "connections/%s", connection->id);
    out->display_name = arena_strdup(arena, connection->display_name);
    out->provider = (Docbridge__V1__Provider)connection->provider;
    out->region = (Docbridge__V1__Region)connection->region;
    out->state = (Docbridge__V1__Connection__State)connection->state;
    out->sync_paused = connection->sync_paused;
    out->reveals_paused = connection->reveals_paused;
    out->syncing = connection->syncing;
    out->psa_type = (Docbridge__V1__PsaType)connection->psa_type;
    out->learned_psa_type = (Docbridge__V1__PsaType)connection->learned_psa_type;
    out->several_organizations_allowed = connection->several_organizations;
    out->create_time = field_time(arena, connection->create_time_us);
    out->update_time = field_time(arena, connection->update_time_us);
    out->etag = field_etag(arena, connection->revision);
    out->latest_sync_run = connection->latest_run[0] == '\0'
                               ? arena_strdup(arena, "")
                               : arena_printf(arena, "connections/%s/syncRuns/%s", connection->id,
                                              connection->latest_run);
    if (out->name == NULL || out->display_name == NULL || out->create_time == NULL ||
        out->etag == NULL || out->latest_sync_run == NULL ||
        !fill_credential(arena, connection, out) || !fill_account(arena, connection, out) ||
        !fill_problem(arena, connection, out))
        return err_no_memory(reterr);
    try_(fill_warnings(arena, connection, out, reterr));
    return capability_read(arena, connection->capabilities, &out->capabilities,
                           &out->n_capabilities, reterr);
}
