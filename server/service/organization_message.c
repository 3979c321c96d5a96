#include "server/service/organization_message.h"

#include <inttypes.h>

#include "server/service/field.h"

static bool fill_identities(struct arena *arena, int psa_type,
                            const struct organization *organization,
                            Docbridge__V1__Organization *out)
{
    size_t count = organization->psa_id_count;
    Docbridge__V1__PsaIdentity *items = arena_calloc(arena, count + 1, sizeof(*items));
    out->psa_identities = arena_calloc(arena, count + 1, sizeof(*out->psa_identities));
    if (items == NULL || out->psa_identities == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__psa_identity__init(&items[i]);
        items[i].type = (Docbridge__V1__PsaType)psa_type;
        items[i].external_id = arena_strdup(arena, organization->psa_ids[i]);
        if (items[i].external_id == NULL)
            return false;
        out->psa_identities[out->n_psa_identities++] = &items[i];
    }
    return true;
}

static bool fill_mapping(struct arena *arena, const struct organization *organization,
                         Docbridge__V1__Organization *out)
{
    if (organization->company_id[0] == '\0')
        return true;
    Docbridge__V1__Actor *actor = arena_alloc(arena, sizeof(*actor));
    out->mapping = arena_alloc(arena, sizeof(*out->mapping));
    if (actor == NULL || out->mapping == NULL)
        return false;
    docbridge__v1__actor__init(actor);
    actor->subject = arena_strdup(arena, organization->actor_subject);
    actor->display_name = arena_strdup(arena, organization->actor_display_name);
    actor->kind = (Docbridge__V1__Actor__Kind)organization->actor_kind;
    docbridge__v1__mapping__init(out->mapping);
    out->mapping->company = arena_printf(arena, "companies/%s", organization->company_id);
    out->mapping->source = (Docbridge__V1__Mapping__Source)organization->source;
    out->mapping->actor = actor;
    out->mapping->create_time = field_time(arena, organization->mapping_time_us);
    return actor->subject != NULL && actor->display_name != NULL && out->mapping->company != NULL;
}

enum err_code organization_message_fill(struct arena *arena, const char *connection_id,
                                        int psa_type, const struct organization *organization,
                                        Docbridge__V1__Organization *out, struct err *reterr)
{
    out->name = arena_printf(arena, "connections/%s/organizations/%" PRId64, connection_id,
                             organization->id);
    out->display_name = arena_strdup(arena, organization->display_name);
    out->previous_display_name = arena_strdup(arena, organization->previous_display_name);
    out->upstream_id = arena_printf(arena, "%" PRId64, organization->id);
    out->upstream_uri = arena_strdup(arena, organization->web_url);
    out->mapping_state = (Docbridge__V1__Organization__MappingState)organization->mapping_state;
    out->discover_time = field_time(arena, organization->discover_time_us);
    out->etag = field_etag(arena, organization->revision);
    return out->name != NULL && out->display_name != NULL && out->previous_display_name != NULL &&
                   out->upstream_id != NULL && out->upstream_uri != NULL && out->etag != NULL &&
                   fill_identities(arena, psa_type, organization, out) &&
                   fill_mapping(arena, organization, out)
               ? ERR_OK
               : err_no_memory(reterr);
}
