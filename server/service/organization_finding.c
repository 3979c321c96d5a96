// What happened upstream to organizations that are mapped, and that somebody has seen it.
#include "server/store/organization_finding.h"

#include <inttypes.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/config.h"
#include "server/service/field.h"
#include "server/service/mapping.h"
#include "server/service/name.h"
#include "server/service/organization_message.h"
#include "server/service/parent.h"
#include "server/service/word.h"
#include "server/store/mapping.h"

enum { KINDS_MAX = 8 };

HANDLER(acknowledge_findings, AcknowledgeFindingsRequest, Organization)

enum err_code mapping_acknowledge_findings_handler(struct request *request, const void *in,
                                                   void *out, struct err *reterr)
{
    return acknowledge_findings_handler(request, in, out, reterr);
}

static bool fill_finding(struct arena *arena, const char *connection_id,
                         const struct organization_finding *finding,
                         Docbridge__V1__Organization__Finding *out)
{
    docbridge__v1__organization__finding__init(out);
    out->kind = (Docbridge__V1__Organization__Finding__Kind)finding->kind;
    out->old_value = arena_strdup(arena, finding->old_value);
    out->new_value = arena_strdup(arena, finding->new_value);
    out->related_organization = finding->related_id == 0
                                    ? arena_strdup(arena, "")
                                    : arena_printf(arena, "connections/%s/organizations/%" PRId64,
                                                   connection_id, finding->related_id);
    out->detect_time = field_time(arena, finding->detect_time_us);
    return out->old_value != NULL && out->new_value != NULL && out->related_organization != NULL;
}

// Those of one organization; there are at most as many as kinds.
static enum err_code fill_organization(struct arena *arena, const char *connection_id,
                                       int64_t organization_id,
                                       const struct organization_finding *findings, size_t count,
                                       Docbridge__V1__Organization *out, struct err *reterr)
{
    Docbridge__V1__Organization__Finding *items = arena_calloc(arena, KINDS_MAX, sizeof(*items));
    out->findings = arena_calloc(arena, KINDS_MAX, sizeof(*out->findings));
    if (items == NULL || out->findings == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count && out->n_findings < KINDS_MAX; i++) {
        if (findings[i].organization_id != organization_id)
            continue;
        if (!fill_finding(arena, connection_id, &findings[i], &items[out->n_findings]))
            return err_no_memory(reterr);
        out->findings[out->n_findings] = &items[out->n_findings];
        out->n_findings++;
    }
    return ERR_OK;
}

enum err_code organization_findings_fill(struct tx *tx, const struct request *request,
                                         const char *connection_id,
                                         const struct organization *organizations, size_t count,
                                         Docbridge__V1__Organization **out, struct err *reterr)
{
    struct arena *arena = request->arena;
    int64_t *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    struct organization_finding *findings;
    size_t found;
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        ids[i] = organizations[i].id;
    try_(
        organization_finding_list(tx, connection_id, ids, count, arena, &findings, &found, reterr));
    for (size_t i = 0; i < count && found > 0; i++)
        try_(fill_organization(arena, connection_id, ids[i], findings, found, out[i], reterr));
    return ERR_OK;
}

static enum err_code parse_kinds(const Docbridge__V1__AcknowledgeFindingsRequest *in,
                                 int64_t ret_kinds[KINDS_MAX], struct err *reterr)
{
    if (in->n_kinds == 0 || in->n_kinds > KINDS_MAX)
        return err_invalid(reterr, "kinds", "must have 1 to %d items", KINDS_MAX);
    for (size_t i = 0; i < in->n_kinds; i++) {
        if (in->kinds[i] <= 0 ||
            protobuf_c_enum_descriptor_get_value(
                &docbridge__v1__organization__finding__kind__descriptor, (int)in->kinds[i]) == NULL)
            return err_invalid(reterr, "kinds", "has one that is no kind of finding");
        ret_kinds[i] = (int64_t)in->kinds[i];
    }
    return ERR_OK;
}

static enum err_code audit(struct tx *tx, const struct request *request,
                           const Docbridge__V1__AcknowledgeFindingsRequest *in,
                           const struct organization *organization, struct err *reterr)
{
    const char *words[KINDS_MAX];
    for (size_t i = 0; i < in->n_kinds; i++)
        words[i] = word_of(&docbridge__v1__organization__finding__kind__descriptor, "KIND_",
                           (int)in->kinds[i]);
    const struct audit_change change = {"findings", config_join(request->arena, words, in->n_kinds),
                                        NULL};
    if (change.old_value == NULL)
        return err_no_memory(reterr);
    return audit_append(tx, request,
                        &(struct audit_event){
                            .type = AUDIT_MAPPING,
                            .phase = AUDIT_SINGLE,
                            .outcome = AUDIT_SUCCEEDED,
                            .resource = in->name,
                            .resource_display_name = organization->display_name,
                            .company_id = organization->company_id,
                            .company_display_name = organization->company_display_name,
                            .organization = in->name,
                            .changes = &change,
                            .change_count = 1,
                        },
                        NULL, reterr);
}

static enum err_code acknowledge_findings(struct request *request,
                                          const Docbridge__V1__AcknowledgeFindingsRequest *in,
                                          Docbridge__V1__Organization *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct organization *organization;
    struct connection *connection;
    int64_t kinds[KINDS_MAX];
    int64_t dropped;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}/organizations/{organization}", "name",
                    request->arena, &name, reterr));
    try_(parse_kinds(in, kinds, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->name, &connection, reterr));
    try_(mapping_lock(tx, name.connection, reterr));
    try_(organization_get(tx, name.connection, name.organization, request->caller, true,
                          request->arena, &organization, reterr));
    if (organization == NULL)
        return err_not_found(reterr, in->name);
    try_(field_etag_check(in->etag, organization->revision, request->arena, reterr));
    try_(organization_finding_drop(tx, name.connection, name.organization, kinds, in->n_kinds,
                                   &dropped, reterr));
    try_(organization_message_fill(request->arena, name.connection, connection_psa_type(connection),
                                   organization, out, reterr));
    try_(organization_findings_fill(tx, request, name.connection, organization, 1, &out, reterr));
    if (dropped > 0)
        try_(audit(tx, request, in, organization, reterr));
    return tx_commit(&tx, reterr);
}
