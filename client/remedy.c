#include "client/remedy.h"

#include <string.h>

static const struct remedy table[] = {
    {"TOKEN_MISSING", EXIT_UNAUTHENTICATED, NULL,
     "name a file with your token: --token-file FILE or DOCBRIDGE_TOKEN_FILE"},
    {"TOKEN_EXPIRED", EXIT_UNAUTHENTICATED, NULL,
     "get a new token from your portal; tokens live 15 minutes at most"},
    {"TOKEN_INVALID", EXIT_UNAUTHENTICATED, NULL,
     "check that the token is for this server: issuer, audience, key and whole text"},
    {"MISSING_PERMISSION", EXIT_DENIED, NULL,
     "ask an administrator of your portal for this permission"},
    {"TOKEN_REVOKED", EXIT_UNAUTHENTICATED, NULL,
     "sign in to your portal again for a new token; your old ones were ended"},
    {"PEER_NOT_ALLOWED", EXIT_DENIED, NULL,
     "use a client certificate that this server lists: --cert and --key"},
    {"ALL_COMPANIES_REQUIRED", EXIT_DENIED, NULL,
     "this concerns all companies: use a token that is not limited to some"},
    {"UPSTREAM_RECORD_RESTRICTED", EXIT_DENIED, "password",
     "the record is restricted in IT Glue; its owner there can share it"},
    {"ANOTHER_PERSON_REQUIRED", EXIT_DENIED, "reveal_freeze",
     "have another administrator look at what was revealed and do this"},
    {"REVEALS_FROZEN", EXIT_PRECONDITION, NULL,
     "too many passwords were revealed; an administrator other than you can end it: docbridge "
     "policy freezes, then docbridge policy unfreeze"},
    {"REVEAL_BUDGET_EXCEEDED", EXIT_QUOTA, NULL,
     "wait until there is room, or reveal again what you revealed before: that takes none"},
    {"ACTOR_NOT_ALLOWED", EXIT_DENIED, "policy",
     "the policy keeps callers of this kind out: docbridge policy show"},
    {"REVEAL_REASON_REQUIRED", EXIT_USAGE, NULL, "say why: --reason TEXT"},
    {"TICKET_REQUIRED", EXIT_USAGE, NULL, "name the ticket: --ticket TICKET"},
    {"SEALED_REVEAL_REQUIRED", EXIT_USAGE, NULL,
     "send a recipient_public_key of your own and open the value with its secret half"},
    {"HANDOFF_NOT_ALLOWED", EXIT_PRECONDITION, "policy",
     "see for how long passwords may be handed on: docbridge policy show; an administrator can "
     "change that: docbridge policy set --handoffs 1h"},
    {"HANDOFF_NOT_OPEN", EXIT_PRECONDITION, NULL,
     "ask whoever handed it on for a new one: each opens once, for one person, for a time"},
    {"RESOURCE_NOT_FOUND", EXIT_NOT_FOUND, "resource",
     "check the name; what you may not see is reported the same way"},
    {"MESSAGE_INVALID", EXIT_OTHER, NULL,
     "this program and the server differ in version: update the older one"},
    {"FIELD_INVALID", EXIT_USAGE, NULL, "correct the value and try again"},
    {"UNKNOWN_REGION", EXIT_USAGE, NULL,
     "see `docbridge connection regions`, then choose --region or --region-uri"},
    {"API_KEY_MALFORMED", EXIT_USAGE, NULL,
     "copy the API key again: no space inside, nothing cut off"},
    {"PAGE_TOKEN_INVALID", EXIT_USAGE, NULL,
     "begin again without the token: it is good for one caller, one list or stream and one filter"},
    {"RESUME_TOKEN_EXPIRED", EXIT_USAGE, NULL, "list anew, then watch without --resume-token"},
    {"DEADLINE_REQUIRED", EXIT_OTHER, NULL, "give --timeout SECONDS"},
    {"COMPANY_ALREADY_MAPPED", EXIT_PRECONDITION, "organization",
     "clear the company's other mapping first: docbridge map clear ORG"},
    {"ORGANIZATION_ALREADY_MAPPED", EXIT_PRECONDITION, "organization",
     "see what a move shows and hides: docbridge map set ORG COMPANY --dry-run; then send its "
     "etag"},
    {"DOCUMENTATION_PROVIDER_ACTIVE", EXIT_PRECONDITION, "connection",
     "only one can be active: for another key, docbridge connection rotate; for another system, "
     "disconnect this one first"},
    {"CONNECTION_NOT_ACTIVE", EXIT_PRECONDITION, "connection",
     "see why: docbridge connection show; then docbridge connection test"},
    {"DELETION_GUARD", EXIT_PRECONDITION, NULL,
     "see what is held: docbridge sync issues --state open; if it is meant to go, send the etag: "
     "docbridge sync issues resolve ISSUE --apply --etag ETAG"},
    {"INVALID_STATE_TRANSITION", EXIT_PRECONDITION, "resource",
     "look at its present state; the command does not fit it"},
    {"COMPANY_MAPPED", EXIT_PRECONDITION, "organization",
     "clear the company's mapping first: docbridge map clear ORG"},
    {"SYNCS_PAUSED", EXIT_PRECONDITION, "connection",
     "an administrator has paused syncs; to go on: docbridge connection resume --scope sync"},
    {"PROVIDER_NOT_SUPPORTED", EXIT_PRECONDITION, "connection",
     "Hudu can only be recorded; to read IT Glue: docbridge connection disconnect, then create"},
    {"REVEALS_PAUSED", EXIT_PRECONDITION, "connection",
     "an administrator has paused reveals; to go on: docbridge connection resume --scope reveals"},
    {"CONNECTION_NOT_EMPTY", EXIT_PRECONDITION, "connection",
     "see what would go, then confirm: docbridge connection delete --force"},
    {"UPSTREAM_ACCOUNT_CHANGED", EXIT_PRECONDITION, "connection",
     "enter a key of the same IT Glue account; to move to the other account and drop all mappings: "
     "docbridge connection rotate --allow-account-change"},
    {"UPSTREAM_KEY_REJECTED", EXIT_UPSTREAM, "connection",
     "check region and key: docbridge connection test; make a new key in IT Glue if need be"},
    {"UPSTREAM_API_NOT_ENABLED", EXIT_UPSTREAM, "connection",
     "ask your IT Glue administrator to enable API access for the account"},
    {"UPSTREAM_IMAGE_UNAVAILABLE", EXIT_UPSTREAM, NULL,
     "open the document in IT Glue; if the link's host is IT Glue's, the server can be told so: "
     "upstream_image_hosts"},
    {"UPSTREAM_ACCESS_DENIED", EXIT_UPSTREAM, "connection",
     "the API key may not read this; compare its permissions in IT Glue"},
    {"UPSTREAM_PASSWORD_ACCESS_DISABLED", EXIT_UPSTREAM, "connection",
     "make an API key with Password Access in IT Glue and connect with it"},
    {"PASSWORD_SHARING_DISABLED", EXIT_PRECONDITION, "connection",
     "turn sharing on: docbridge config passwords set --sharing on"},
    {"COMPANY_NO_ACCESS", EXIT_PRECONDITION, "company",
     "raise the company's level: docbridge config access set COMPANY --level selected|all"},
    {"CATEGORY_NOT_ALLOWED", EXIT_PRECONDITION, "company",
     "select the category: docbridge config access set COMPANY --level selected --category ID"},
    {"PASSWORD_VAULTED_UPSTREAM", EXIT_PRECONDITION, "upstream_uri",
     "no API can open a vault: read it in IT Glue"},
    {"PASSWORD_ARCHIVED_UPSTREAM", EXIT_PRECONDITION, "upstream_uri",
     "restore the entry in IT Glue first"},
    {"PASSWORD_PERSONAL_UPSTREAM", EXIT_PRECONDITION, "upstream_uri",
     "a personal entry is for its owner alone; have it moved to the organization in IT Glue"},
    {"INTERVAL_TOO_SHORT", EXIT_USAGE, NULL, "choose at least the minimum"},
    {"ETAG_MISMATCH", EXIT_PRECONDITION, "resource",
     "someone changed it meanwhile: look again, then repeat"},
    {"CONFLICT", EXIT_PRECONDITION, "resource", "someone changed it meanwhile: repeat the command"},
    {"UPSTREAM_RATE_LIMITED", EXIT_QUOTA, "connection",
     "IT Glue's request limit is used up: wait, then repeat; a sync goes on by itself"},
    {"SERVER_BUSY", EXIT_QUOTA, NULL, "wait a moment, then repeat"},
    {"UPSTREAM_UNREACHABLE", EXIT_UPSTREAM, NULL,
     "the server cannot reach IT Glue: check its network, DNS and proxy"},
    {"UPSTREAM_ERROR", EXIT_UPSTREAM, NULL, "IT Glue had an error of its own: try again later"},
    {"UPSTREAM_UNEXPECTED_REDIRECT", EXIT_UPSTREAM, "connection",
     "check the region; something between the server and IT Glue redirects"},
    {"UPSTREAM_ANSWER_INVALID", EXIT_UPSTREAM, NULL,
     "IT Glue's answer made no sense: try again later; report it if it stays"},
    {"UPSTREAM_RECORD_GONE", EXIT_NOT_FOUND, "resource",
     "it was deleted in IT Glue; run a sync to bring the lists up to date"},
    {"AUDIT_UNAVAILABLE", EXIT_AUDIT, NULL,
     "nothing is revealed that cannot be audited: tell the operator, try again later"},
    {"VAULT_UNAVAILABLE", EXIT_OTHER, NULL,
     "the server cannot open its vault: tell the operator, try again later"},
    {"STORE_UNAVAILABLE", EXIT_OTHER, NULL,
     "the server cannot reach its database: tell the operator, try again later"},
    {"SHUTTING_DOWN", EXIT_OTHER, NULL, "the server is restarting: try again in a moment"},
    {"UPSTREAM_TIMEOUT", EXIT_UPSTREAM, NULL, "IT Glue was too slow: try again later"},
    {"DEADLINE_EXCEEDED", EXIT_OTHER, NULL, "allow more time: --timeout SECONDS"},
    {"CANCELLED", EXIT_OTHER, NULL, "the call was cancelled: repeat it if you still need it"},
    {"METHOD_UNKNOWN", EXIT_OTHER, NULL, "the server is older than this program: update it"},
    {"VAULT_RECORD_UNREADABLE", EXIT_OTHER, NULL,
     "a stored secret does not open: the operator must see that the server has its master key "
     "(master_key_read_files); if it is lost, rotate the connection's API key"},
    {"UPSTREAM_SCOPE_VIOLATION", EXIT_UPSTREAM, NULL,
     "IT Glue answered with another organization's data, which was dropped: tell the operator"},
    {"INTERNAL", EXIT_OTHER, NULL, "an error of the server: give the operator the request id"},
};

// For a status that came without a reason of ours: from a proxy, or from gRPC itself.
static const struct remedy by_status[] = {
    [STATUS_OK] = {"", EXIT_OK, NULL, "none"},
    [STATUS_CANCELLED] = {"", EXIT_OTHER, NULL, "the call was cancelled: repeat it if need be"},
    [STATUS_UNKNOWN] = {"", EXIT_OTHER, NULL, "an error of the server: tell its operator"},
    [STATUS_INVALID_ARGUMENT] = {"", EXIT_USAGE, NULL, "correct the value and try again"},
    [STATUS_DEADLINE_EXCEEDED] = {"", EXIT_OTHER, NULL, "allow more time: --timeout SECONDS"},
    [STATUS_NOT_FOUND] = {"", EXIT_NOT_FOUND, NULL, "check the name"},
    [STATUS_ALREADY_EXISTS] = {"", EXIT_PRECONDITION, NULL, "it is there already"},
    [STATUS_PERMISSION_DENIED] = {"", EXIT_DENIED, NULL, "ask an administrator for access"},
    [STATUS_RESOURCE_EXHAUSTED] = {"", EXIT_QUOTA, NULL, "wait a moment, then repeat"},
    [STATUS_FAILED_PRECONDITION] = {"", EXIT_PRECONDITION, NULL, "look at its present state"},
    [STATUS_ABORTED] = {"", EXIT_PRECONDITION, NULL, "repeat the command"},
    [STATUS_OUT_OF_RANGE] = {"", EXIT_USAGE, NULL, "correct the value and try again"},
    [STATUS_UNIMPLEMENTED] = {"", EXIT_OTHER, NULL,
                              "this is no docbridge server, or an older one: check --server"},
    [STATUS_INTERNAL] = {"", EXIT_OTHER, NULL, "an error of the server: tell its operator"},
    [STATUS_UNAVAILABLE] = {"", EXIT_OTHER, NULL,
                            "check that the server runs, its address (--server) and its "
                            "certificate (--ca)"},
    [STATUS_DATA_LOSS] = {"", EXIT_OTHER, NULL, "an error of the server: tell its operator"},
    [STATUS_UNAUTHENTICATED] = {"", EXIT_UNAUTHENTICATED, NULL,
                                "name a file with your token: --token-file FILE"},
};

static const struct remedy *row(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].reason, reason) == 0)
            return &table[i];
    return NULL;
}

bool remedy_has(const char *reason)
{
    return row(reason) != NULL;
}

const char *remedy_text(const struct remedy *remedy, const char *method, const char *resource)
{
    // To a sync an organization without a mapping is as if it were not there.
    if (method != NULL && strcmp(method, "RunSync") == 0 && remedy->class == EXIT_NOT_FOUND &&
        strstr(resource, "/organizations/") != NULL)
        return "check the name, and that it is mapped: docbridge org show ORG, then docbridge map "
               "set ORG COMPANY; what you may not see is reported the same way";
    return remedy->text;
}

const struct remedy *remedy_find(const char *reason, enum status status)
{
    const struct remedy *found = row(reason);
    if (found != NULL)
        return found;
    return &by_status[(size_t)status < ARRAY_LEN(by_status) ? status : STATUS_UNKNOWN];
}
