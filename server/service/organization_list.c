// ListOrganizations: the list, and why it is as long as it is.
#include "server/base/name_key.h"
#include "server/service/begin.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/mapping.h"
#include "server/service/name.h"
#include "server/service/organization_message.h"
#include "server/service/page.h"
#include "server/service/parent.h"

#define INVENTORY(name) \
    DOCBRIDGE__V1__LIST_ORGANIZATIONS_RESPONSE__INVENTORY_STATE__INVENTORY_STATE_##name

// Organizations change rarely, and one full sweep a day is what all data gets at least.
static const int64_t stale_after_us = INT64_C(24) * 3600 * 1000000;

HANDLER(list_organizations, ListOrganizationsRequest, ListOrganizationsResponse)

enum err_code mapping_list_organizations_handler(struct request *request, const void *in, void *out,
                                                 struct err *reterr)
{
    return list_organizations_handler(request, in, out, reterr);
}

static enum err_code parse_filter(const struct request *request, const char *filter,
                                  struct organization_query *query, struct err *reterr)
{
    const char *state;
    const char *part;
    const char *company;
    const char *found;
    bool yes;
    const struct filter_field fields[] = {{"mapping_state", FILTER_EQUALS, &state},
                                          {"display_name", FILTER_HAS, &part},
                                          {"mapping.company", FILTER_EQUALS, &company},
                                          {"has_findings", FILTER_EQUALS, &found}};
    try_(filter_parse(filter, fields, ARRAY_LEN(fields), request->arena, reterr));
    if (state != NULL)
        try_(filter_enum("mapping_state", state,
                         &docbridge__v1__organization__mapping_state__descriptor, "MAPPING_STATE_",
                         &query->mapping_state, reterr));
    if (found != NULL) {
        try_(filter_bool("has_findings", found, &yes, reterr));
        query->has_findings = yes;
    }
    if (company != NULL) {
        struct name name;
        try_(name_parse(company, "companies/{company}", "filter", request->arena, &name, reterr));
        query->company_id = name.company;
    }
    // The key of a part is a part of the key: case and spacing do not count in either.
    query->name_key_part = name_key(request->arena, part);
    return part != NULL && query->name_key_part == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code parse_order(const char *order_by, struct organization_query *query,
                                 struct err *reterr)
{
    static const char *const fields[] = {"display_name", "upstream_id", NULL};
    size_t field;
    try_(field_order(order_by, fields, &field, &query->descending, reterr));
    query->by_id = field == 1;
    return ERR_OK;
}

// How far a fetch is, and when it will be over if it goes on at its pace.
static void fill_fetch(struct arena *arena, const struct organization_fetch *fetch, int64_t now_us,
                       Docbridge__V1__ListOrganizationsResponse *out)
{
    out->fetched_count = (int32_t)fetch->done;
    out->upstream_count = (int32_t)fetch->total;
    int64_t spent_us = now_us - fetch->start_time_us;
    if (fetch->start_time_us != 0 && spent_us > 0 && fetch->done > 0 && fetch->total > fetch->done)
        out->estimated_end_time =
            field_time(arena, now_us + spent_us / fetch->done * (fetch->total - fetch->done));
}

// An empty list is never unexplained.
static enum err_code fill_inventory(struct tx *tx, const struct request *request,
                                    const struct connection *connection, int64_t total,
                                    Docbridge__V1__ListOrganizationsResponse *out,
                                    struct err *reterr)
{
    struct arena *arena = request->arena;
    struct organization_fetch fetch;
    tx_commit_with_next(tx);
    try_(organization_get_fetch(tx, connection->id, arena, &fetch, reterr));
    if (fetch.live)
        fill_fetch(arena, &fetch, clock_wall_us(), out);
    out->sync_run = fetch.run_id[0] == '\0' ? arena_strdup(arena, "")
                                            : arena_printf(arena, "connections/%s/syncRuns/%s",
                                                           connection->id, fetch.run_id);
    out->inventory_state = fetch.live                           ? INVENTORY(FETCHING)
                           : connection->inventory_denied       ? INVENTORY(PERMISSION_DENIED)
                           : connection->inventory_time_us == 0 ? INVENTORY(NEVER_FETCHED)
                           : total == 0                         ? INVENTORY(FETCHED_EMPTY)
                                                                : INVENTORY(FETCHED);
    out->freshness = arena_alloc(arena, sizeof(*out->freshness));
    if (out->freshness == NULL || out->sync_run == NULL)
        return err_no_memory(reterr);
    docbridge__v1__freshness__init(out->freshness);
    out->freshness->as_of_time = field_time(arena, connection->inventory_time_us);
    out->freshness->stale = connection->state != CONNECTION_ACTIVE ||
                            clock_wall_us() - connection->inventory_time_us > stale_after_us;
    return ERR_OK;
}

static enum err_code fill_page(const struct request *request, const struct connection *connection,
                               const struct organization *organizations, size_t count,
                               Docbridge__V1__ListOrganizationsResponse *out, struct err *reterr)
{
    Docbridge__V1__Organization *items = arena_calloc(request->arena, count + 1, sizeof(*items));
    out->organizations = arena_calloc(request->arena, count + 1, sizeof(*out->organizations));
    if (items == NULL || out->organizations == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__organization__init(&items[i]);
        try_(organization_message_fill(request->arena, connection->id,
                                       connection_psa_type(connection), &organizations[i],
                                       &items[i], reterr));
        out->organizations[out->n_organizations++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code list_organizations(struct request *request,
                                        const Docbridge__V1__ListOrganizationsRequest *in,
                                        Docbridge__V1__ListOrganizationsResponse *out,
                                        struct err *reterr)
{
    const struct page_list list = {"ListOrganizations", in->parent, in->filter, in->order_by};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct organization_query query = {.sight = request->caller, .has_findings = -1};
    struct organization *organizations;
    struct organization_counts counts;
    struct connection *connection;
    struct name name;
    const char *cursor;
    size_t count;
    int size;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(cursor_open_number(request->arena, cursor, &query.after_id, &query.after_name, reterr));
    try_(parse_filter(request, in->filter, &query, reterr));
    try_(parse_order(in->order_by, &query, reterr));
    query.connection_id = name.connection;
    query.limit = size + 1; // one more tells whether there is another page
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    try_(organization_list(tx, &query, request->arena, &organizations, &count, &counts, reterr));
    if (count > (size_t)size) {
        const struct organization *last = &organizations[size - 1];
        count = (size_t)size;
        try_(cursor_make_number(request->arena, last->id, last->name_key, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    out->total_size = (int32_t)counts.matching;
    out->mapped_count = (int32_t)counts.mapped;
    out->unmapped_count = (int32_t)counts.unmapped;
    out->ignored_count = (int32_t)counts.ignored;
    out->orphaned_count = (int32_t)counts.orphaned;
    out->finding_count = (int32_t)counts.found;
    try_(fill_page(request, connection, organizations, count, out, reterr));
    if (counts.found > 0)
        try_(organization_findings_fill(tx, request, connection->id, organizations, count,
                                        out->organizations, reterr));
    try_(fill_inventory(tx, request, connection, counts.total, out, reterr));
    return tx_commit(&tx, reterr);
}
