#include "server/store/connection_finding.h"

// $4 worked, $5 now, $6 inventory denied, $7 capabilities, $8 state. The etag changes with what a
// reader can see change, not with every success.
static const struct statement RECORD = {
    "connection_record_finding",
    "UPDATE connection c SET"
    " key_last_success_time = CASE WHEN $4 THEN $5 ELSE c.key_last_success_time END,"
    " inventory_denied = CASE WHEN $4 AND $7::jsonb IS NOT NULL THEN $6 ELSE c.inventory_denied "
    "END,"
    " capabilities = coalesce($7::jsonb, c.capabilities), state = $8,"
    " problem_reason = $9, problem_message = $10,"
    " problem_time = CASE WHEN $4 THEN NULL WHEN c.state = $8 THEN c.problem_time ELSE $5 END,"
    " account_subdomain = coalesce(nullif($11, ''), c.account_subdomain),"
    " account_primary_organization_id ="
    "  coalesce(nullif($12, 0), c.account_primary_organization_id),"
    " revision = c.revision + n.changed,"
    " update_time = CASE WHEN n.changed = 1 THEN $5 ELSE c.update_time END"
    " FROM (SELECT id, CASE WHEN state <> $8 OR problem_reason <> $9"
    "   OR capabilities <> coalesce($7::jsonb, capabilities)"
    "   OR ($4 AND $7::jsonb IS NOT NULL AND inventory_denied <> $6) THEN 1 ELSE 0 END AS changed"
    "  FROM connection WHERE tenant = $1 AND id = $2 AND credential_version = $3) n"
    " WHERE c.tenant = $1 AND c.id = n.id"};

enum err_code connection_record_finding(struct tx *tx, const char *id,
                                        const struct connection_finding *finding,
                                        struct arena *arena, struct connection_move *ret_move,
                                        struct err *reterr)
{
    struct connection *before;
    bool worked = finding->event == CONNECTION_KEY_WORKED;
    *ret_move = (struct connection_move){0};
    try_(connection_lock(tx, id, arena, &before, reterr));
    if (before == NULL)
        return ERR_OK;
    *ret_move = (struct connection_move){before, before->state, finding->problem_reason};
    if (before->credential_version != finding->credential_version ||
        connection_transition(before->state, finding->event, &ret_move->to, NULL) != ERR_OK)
        return ERR_OK;
    return tx_run(
        tx, &RECORD,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_INT64(finding->credential_version),
             ARG_BOOL(worked), ARG_TIME(finding->time_us), ARG_BOOL(finding->inventory_denied),
             ARG_TEXT(finding->capabilities), ARG_INT64(ret_move->to),
             ARG_TEXT(worked ? "" : finding->problem_reason),
             ARG_TEXT(worked ? "" : finding->problem_message), ARG_TEXT(finding->account_subdomain),
             ARG_INT64(finding->account_primary_organization_id)),
        reterr);
}

// Capability 9 is images; a connection that was tested before there was one gets it.
static const struct statement NOTE_IMAGES = {
    "connection_note_images",
    "UPDATE connection SET revision = revision + 1, capabilities ="
    " (SELECT coalesce(jsonb_agg(e.item ORDER BY e.place), '[]')"
    "   FROM jsonb_array_elements(capabilities) WITH ORDINALITY AS e (item, place)"
    "   WHERE e.item ->> 'kind' <> '9')"
    " || jsonb_build_object('kind', 9, 'grant', $4::int, 'detail', $5::text)"
    " WHERE tenant = $1 AND id = $2 AND credential_version = $3"
    " AND NOT capabilities @> jsonb_build_array(jsonb_build_object('kind', 9, 'grant', $4::int))"};

enum err_code connection_note_images(struct tx *tx, const char *id, int64_t credential_version,
                                     bool granted, struct err *reterr)
{
    return tx_run(
        tx, &NOTE_IMAGES,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_INT64(credential_version),
             ARG_INT64(granted ? 1 : 2),
             ARG_TEXT(granted ? "An image was served." : "An image was asked for, and refused.")),
        reterr);
}

// Capability 6 is the values of passwords; grant 1 is GRANTED, 3 is UNKNOWN.
static const struct statement NOTE_REVEAL = {
    "connection_note_reveal",
    "UPDATE connection SET key_last_success_time = $4,"
    " capabilities = (SELECT coalesce(jsonb_agg(CASE WHEN e.item ->> 'kind' = '6'"
    "   THEN e.item || '{\"grant\": 1, \"detail\": \"A reveal was served.\"}' ELSE e.item END"
    "   ORDER BY e.place), '[]')"
    "  FROM jsonb_array_elements(capabilities) WITH ORDINALITY AS e (item, place)),"
    " revision = revision + (capabilities @> '[{\"kind\": 6, \"grant\": 3}]')::int"
    " WHERE tenant = $1 AND id = $2 AND credential_version = $3"};

enum err_code connection_note_reveal(struct tx *tx, const char *id, int64_t credential_version,
                                     int64_t time_us, struct err *reterr)
{
    return tx_run(tx, &NOTE_REVEAL,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(id), ARG_INT64(credential_version),
                       ARG_TIME(time_us)),
                  reterr);
}
