#include "server/store/connection_rotation.h"

enum err_code connection_rotate(struct tx *tx, const char *id,
                                const struct connection_rotation *rotation, struct err *reterr)
{
    static const struct statement statement = {
        "connection_rotate",
        "UPDATE connection SET state = $3, region = $4, credential_version = $5, key_last4 = $6,"
        " key_fingerprint = $7, key_create_time = $8, key_last_success_time = $8,"
        " account_subdomain = CASE WHEN $9 = '' AND NOT $13 THEN account_subdomain ELSE $9 END,"
        " account_primary_organization_id ="
        "  CASE WHEN $10 = 0 AND NOT $13 THEN account_primary_organization_id ELSE $10 END,"
        " capabilities = $11::jsonb, inventory_denied = $12,"
        " inventory_time = CASE WHEN $13 THEN NULL ELSE inventory_time END,"
        " types_refresh_time = CASE WHEN $13 THEN NULL ELSE types_refresh_time END,"
        " folder_filter = CASE WHEN $13 THEN 0 ELSE folder_filter END,"
        " learned_psa_type = CASE WHEN $13 THEN 0 ELSE learned_psa_type END,"
        " psa_probed_time = CASE WHEN $13 THEN NULL ELSE psa_probed_time END,"
        " problem_reason = '', problem_message = '', problem_time = NULL,"
        " revision = revision + 1, update_time = $8 WHERE tenant = $1 AND id = $2"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_INT64(rotation->state),
                       ARG_INT64(rotation->region), ARG_INT64(rotation->version),
                       ARG_TEXT(rotation->key_last4), ARG_TEXT(rotation->key_fingerprint),
                       ARG_TIME(rotation->time_us), ARG_TEXT(rotation->account_subdomain),
                       ARG_INT64(rotation->account_primary_organization_id),
                       ARG_TEXT(rotation->capabilities), ARG_BOOL(rotation->inventory_denied),
                       ARG_BOOL(rotation->other_account)),
                  reterr);
}
