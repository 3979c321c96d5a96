#include <stdio.h>

#include "client/group.h"
#include "client/parse.h"
#include "client/session.h"
#include "docbridge/v1/access.pb-c.h"
#include "docbridge/v1/admin.pb-c.h"
#include "docbridge/v1/audit.pb-c.h"
#include "docbridge/v1/common.pb-c.h"
#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/company_set.pb-c.h"
#include "docbridge/v1/config.pb-c.h"
#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/exposure.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "docbridge/v1/password.pb-c.h"
#include "docbridge/v1/reveal_policy.pb-c.h"
#include "docbridge/v1/search.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"

#define CONNECTIONS .service = &docbridge__v1__connection_service__descriptor
#define COMPANIES .service = &docbridge__v1__company_service__descriptor
#define COMPANY_SETS .service = &docbridge__v1__company_set_service__descriptor
#define MAPPINGS .service = &docbridge__v1__mapping_service__descriptor
#define CONFIGS .service = &docbridge__v1__config_service__descriptor
#define SYNCS .service = &docbridge__v1__sync_service__descriptor
#define DOCUMENTATION .service = &docbridge__v1__documentation_service__descriptor
#define PASSWORDS .service = &docbridge__v1__password_service__descriptor
#define EXPOSURES .service = &docbridge__v1__exposure_service__descriptor
#define REVEAL_POLICIES .service = &docbridge__v1__reveal_policy_service__descriptor
#define ADMINS .service = &docbridge__v1__admin_service__descriptor
#define AUDITS .service = &docbridge__v1__audit_service__descriptor
#define ACCESS .service = &docbridge__v1__access_service__descriptor
#define HEALTH .service = &grpc__health__v1__health__descriptor

// Arrays in place, closed by their empty row.
#define FLAGS(...)                 \
    .flags = (const struct flag[]) \
    {                              \
        __VA_ARGS__,               \
        {                          \
            0                      \
        }                          \
    }
#define COLUMNS(...)                   \
    .columns = (const struct column[]) \
    {                                  \
        __VA_ARGS__,                   \
        {                              \
            0                          \
        }                              \
    }
#define TERMS(...)                        \
    .terms = (const struct filter_term[]) \
    {                                     \
        __VA_ARGS__,                      \
        {                                 \
            0                             \
        }                                 \
    }
#define LISTING(...)                   \
    .listing = &(const struct listing) \
    {                                  \
        __VA_ARGS__                    \
    }

#define TEXT(flag_name, flag_value, flag_help)                                       \
    {                                                                                \
        .name = flag_name, .kind = FLAG_TEXT, .value = flag_value, .help = flag_help \
    }
#define NEEDED(flag_name, flag_value, flag_help)                                      \
    {                                                                                 \
        .name = flag_name, .kind = FLAG_TEXT, .value = flag_value, .help = flag_help, \
        .required = true                                                              \
    }
#define EACH(flag_name, flag_value, flag_help)                                        \
    {                                                                                 \
        .name = flag_name, .kind = FLAG_TEXT, .value = flag_value, .help = flag_help, \
        .repeated = true                                                              \
    }
#define SET(flag_name, flag_help)                              \
    {                                                          \
        .name = flag_name, .kind = FLAG_SET, .help = flag_help \
    }
#define SWITCH(flag_name, flag_help)                              \
    {                                                             \
        .name = flag_name, .kind = FLAG_SWITCH, .help = flag_help \
    }
#define ENUM(flag_name, flag_value, enum_type, flag_help)                             \
    {                                                                                 \
        .name = flag_name, .kind = FLAG_ENUM, .value = flag_value, .help = flag_help, \
        .type = &docbridge__v1__##enum_type##__descriptor                             \
    }

// Enough of a title to tell one record from another.
#define TITLE(field)                                 \
    {                                                \
        .title = "TITLE", .path = field, .least = 20 \
    }
// Longer than all the rest of a record, and of no use to any command.
#define URI_COLUMN                                            \
    {                                                         \
        .title = "URI", .path = "upstream_uri", .asked = true \
    }

#define SCOPE_FLAG ENUM("scope", "SCOPE", pause_scope, "all, sync or reveals [all]")
#define REASON_FLAG TEXT("reason", "REASON", "why; goes to the audit trail")
#define REGION_FLAGS                                                                           \
    ENUM("provider", "PROVIDER", provider, "documentation system [it-glue]"),                  \
        ENUM("region", "REGION", region, "data region of the account"),                        \
        TEXT("region-uri", "URI", "address of the account in a browser, instead of --region"), \
        TEXT("api-key-file", "FILE",                                                           \
             "read the API key from FILE, or - for standard input; "                           \
             "without it you are asked")
#define ACCESS_FLAGS                                    \
    {.name = "level",                                   \
     .kind = FLAG_WORD,                                 \
     .choices = "none|selected|all",                    \
     .required = true,                                  \
     .help = "how much"},                               \
        EACH("category", "ID", "a category to select"), \
        SET("no-categories", "select no category"),     \
        SWITCH("uncategorized", "whether passwords without a category count as selected")
#define RAW_FLAG SET("raw", "as upstream has it: unsafe, with its credentials; for managers")
#define ETAG_FLAG TEXT("etag", "ETAG", "change only what still has this etag")
#define DRY_RUN_FLAG SET("dry-run", "report what would change, change nothing")
#define SEARCH_FLAG TEXT("search", "TEXT", "only names that contain TEXT")
#define FILTER_FLAG TEXT("filter", "EXPRESSION", "further terms, as the server reads them")
#define EVENT_FLAGS                                                                 \
    ENUM("type", "TYPE", audit_event__type, "only of this type"),                   \
        ENUM("outcome", "OUTCOME", audit_event__outcome, "only with this outcome"), \
        TEXT("actor", "SUBJECT", "only by this subject of a token"),                \
        TEXT("resource", "NAME", "only about this resource"),                       \
        TEXT("company", "COMPANY", "only about this company")
#define SEARCH_TERM                                \
    {                                              \
        "search", "display_name", ":", FILTER_TEXT \
    }

static void note_organizations(struct session *session, const ProtobufCMessage *response)
{
    const Docbridge__V1__ListOrganizationsResponse *list = (const void *)response;
    const char *state =
        field_enum_name(&docbridge__v1__list_organizations_response__inventory_state__descriptor,
                        (int)list->inventory_state);
    session_note(session,
                 "%d match; of all %d mapped, %d need attention, %d ignored, %d orphaned; "
                 "inventory %s%s%s",
                 list->total_size, list->mapped_count, list->unmapped_count, list->ignored_count,
                 list->orphaned_count,
                 state == NULL || list->inventory_state == 0 ? "unknown" : state,
                 list->sync_run[0] == '\0' ? "" : ", run ", list->sync_run);
    if (list->upstream_count > 0)
        session_note(session, "%d of %d are fetched; docbridge sync watch %s", list->fetched_count,
                     list->upstream_count, list->sync_run);
}

// How old the list is, and what became of the fields of its types since somebody last chose.
static void note_types(struct session *session, const ProtobufCMessage *response)
{
    const Docbridge__V1__ListFlexibleAssetTypesResponse *list = (const void *)response;
    struct buffer time _cleanup_(buffer_done);
    buffer_init(&time, 64);
    field_text(&time, response, "refresh_time", FIELD_FULL);
    session_note(session, "fetched %.*s; docbridge config types refresh fetches them now",
                 time.len == 0 ? 5 : (int)time.len, time.len == 0 ? "never" : time.data);
    for (size_t i = 0; i < list->n_flexible_asset_types; i++) {
        const Docbridge__V1__FlexibleAssetType *type = list->flexible_asset_types[i];
        for (size_t k = 0; k < type->n_field_changes; k++) {
            const Docbridge__V1__FlexibleAssetType__FieldChange *change = type->field_changes[k];
            const char *kind =
                field_enum_name(&docbridge__v1__flexible_asset_type__field_change__kind__descriptor,
                                (int)change->kind);
            session_note(session, "%s: field %s: %s%s", type->display_name, change->display_name,
                         kind == NULL ? "changed" : kind, change->breaking ? ", breaking" : "");
        }
    }
}

static void note_categories(struct session *session, const ProtobufCMessage *response)
{
    const Docbridge__V1__ListPasswordCategoriesResponse *list = (const void *)response;
    session_note(session, "%d passwords have no category", list->uncategorized_password_count);
}

// Lists of synced records, which all say how many there are and how fresh they are.
static void note_records(struct session *session, const ProtobufCMessage *response)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 4096);
    field_text(&text, response, "total_size", FIELD_FULL);
    buffer_text(&text, " in all");
    size_t len = text.len;
    buffer_text(&text, ", as of ");
    size_t before = text.len;
    field_text(&text, response, "freshness.as_of_time", FIELD_FULL);
    bool synced = text.len > before;
    struct buffer stale _cleanup_(buffer_done);
    buffer_init(&stale, 64);
    field_text(&stale, response, "freshness.stale", FIELD_FULL);
    bool is_stale = stale.len == 3; // "yes"
    if (!text.failed)
        session_note(session, "%.*s%s%s", (int)(synced ? text.len : len), text.data,
                     synced ? "" : ", never synced", is_stale ? ", stale" : "");
}

// None at all is what a company has whose passwords are not shared.
static void note_passwords(struct session *session, const ProtobufCMessage *response)
{
    note_records(session, response);
    if (((const Docbridge__V1__ListPasswordsResponse *)(const void *)response)->total_size == 0)
        session_note(session, "only passwords that are shared with this company's readers count: "
                              "docbridge config access show COMPANY, config passwords show");
}

// Nothing found is good news only when it was looked for.
static void note_secrets(struct session *session, const ProtobufCMessage *response)
{
    const Docbridge__V1__ListEmbeddedSecretsResponse *list = (const void *)response;
    struct buffer time _cleanup_(buffer_done);
    buffer_init(&time, 64);
    field_text(&time, response, "scan_as_of_time", FIELD_FULL);
    if (time.len == 0)
        session_note(session, "%d in all; nothing was looked at yet", list->total_size);
    else
        session_note(session, "%d in all, as of %s", list->total_size, time.data);
}

// A name that is not there finds nothing, which looks as if there were nothing to change.
static void note_exposures(struct session *session, const ProtobufCMessage *response)
{
    const Docbridge__V1__ListExposuresResponse *list = (const void *)response;
    const struct arguments *arguments = session->arguments;
    if (list->n_exposures == 0)
        session_note(
            session, "0 found%s%s",
            parse_has(arguments, "user") ? "; --user takes the subject of a token, not a name" : "",
            parse_has(arguments, "company") || parse_has(arguments, "password")
                ? "; a company or a password that does not exist has none either"
                : "");
}

const struct flag command_global_flags[] = {
    TEXT("server", "ADDRESS", "host:port or unix:/path [$DOCBRIDGE_SERVER]"),
    TEXT("context", "NAME", "section of config.ini to use [$DOCBRIDGE_CONTEXT]"),
    TEXT("ca", "FILE", "authorities that sign the server's certificate [$DOCBRIDGE_CA]"),
    TEXT("cert", "FILE", "client certificate, with --key"),
    TEXT("key", "FILE", "key of the client certificate"),
    TEXT("token-file", "FILE", "your token; nobody else may read it [$DOCBRIDGE_TOKEN_FILE]"),
    TEXT("connection", "NAME", "the connection; not needed when there is only one"),
    {.name = "output",
     .letter = 'o',
     .kind = FLAG_WORD,
     .choices = "table|json|jsonl",
     .help = "format of the data"},
    TEXT("columns", "A,B", "columns or fields to show in a table"),
    SET("no-header", "no titles above a table"),
    {.name = "color",
     .kind = FLAG_WORD,
     .choices = "auto|always|never",
     .help = "colour; NO_COLOR and CLICOLOR_FORCE are heeded"},
    {.name = "timeout",
     .kind = FLAG_NUMBER,
     .value = "SECONDS",
     .help = "longest wait for an answer [30]"},
    {.name = "limit",
     .kind = FLAG_NUMBER,
     .value = "N",
     .help = "at most N items of a list; 1 or more"},
    SET("all", "all items of a list (the default)"),
    TEXT("page-token", "TOKEN", "go on where a list with --limit ended"),
    {.name = "help", .letter = 'h', .kind = FLAG_SET, .help = "this"},
    SET("version", "the version of this program"),
    {0},
};

const struct command command_table[] = {
#include "client/command_rows.inc"
};

const size_t command_count = ARRAY_LEN(command_table);
