// ConnectionService: what reads connections. Its table; the rest is in connection_create.c,
// connection_trial.c, connection_change.c and setup.c.
#include "server/service/connection.h"

#include "server/service/begin.h"
#include "server/service/connection_message.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/services.h"
#include "server/source/source.h"

HANDLER(get_connection, GetConnectionRequest, Connection)
HANDLER(list_connections, ListConnectionsRequest, ListConnectionsResponse)
HANDLER(list_regions, ListRegionsRequest, ListRegionsResponse)

#define ELSEWHERE(Name, handler, Lane)                                                     \
    {                                                                                      \
        .name = #Name, .kind = METHOD_UNARY, .lane = (Lane), .unary = connection_##handler \
    }

static const struct method methods[] = {
    ELSEWHERE(CreateConnection, create_handler, LANE_UPSTREAM),
    UNARY(GetConnection, get_connection, LANE_STORE),
    UNARY(ListConnections, list_connections, LANE_STORE),
    ELSEWHERE(TestConnection, test_handler, LANE_UPSTREAM),
    ELSEWHERE(UpdateConnection, update_handler, LANE_STORE),
    ELSEWHERE(PauseConnection, pause_handler, LANE_STORE),
    ELSEWHERE(ResumeConnection, resume_handler, LANE_STORE),
    ELSEWHERE(DisconnectConnection, disconnect_handler, LANE_STORE),
    UNARY(ListRegions, list_regions, LANE_NONE),
    ELSEWHERE(GetSetupProgress, get_setup_progress_handler, LANE_STORE),
    ELSEWHERE(RotateCredential, rotate_handler, LANE_UPSTREAM),
    ELSEWHERE(DeleteConnection, delete_handler, LANE_STORE),
    ELSEWHERE(GetDeletionReceipt, receipt_handler, LANE_STORE),
};

const struct service connection_service = {
    &docbridge__v1__connection_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

static enum err_code get_connection(struct request *request,
                                    const Docbridge__V1__GetConnectionRequest *in,
                                    Docbridge__V1__Connection *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}", "name", request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    try_(connection_get(tx, name.connection, request->arena, &connection, reterr));
    if (connection == NULL)
        return err_not_found(reterr, in->name);
    return connection_message_fill(request->arena, connection, out, reterr);
}

static enum err_code list_connections(struct request *request,
                                      const Docbridge__V1__ListConnectionsRequest *in,
                                      Docbridge__V1__ListConnectionsResponse *out,
                                      struct err *reterr)
{
    const struct page_list list = {"ListConnections", NULL, NULL};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connections;
    const char *after;
    size_t count;
    int size;
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &after, reterr));
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    // One more than asked for tells whether there is another page.
    try_(connection_list(tx, after, size + 1, request->arena, &connections, &count, reterr));
    if (count > (size_t)size) {
        count = (size_t)size;
        try_(page_make(request, &list, connections[count - 1].id, &out->next_page_token, reterr));
    }
    Docbridge__V1__Connection *items = arena_calloc(request->arena, count + 1, sizeof(*items));
    out->connections = arena_calloc(request->arena, count + 1, sizeof(*out->connections));
    if (items == NULL || out->connections == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__connection__init(&items[i]);
        try_(connection_message_fill(request->arena, &connections[i], &items[i], reterr));
        out->connections[out->n_connections++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code list_regions(struct request *request,
                                  const Docbridge__V1__ListRegionsRequest *in,
                                  Docbridge__V1__ListRegionsResponse *out, struct err *reterr)
{
    size_t count;
    const struct source_region_info *regions = source_regions(&count);
    if (in->provider != DOCBRIDGE__V1__PROVIDER__PROVIDER_UNSPECIFIED &&
        in->provider != DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE)
        return err_invalid(reterr, "provider", "has no regions");
    Docbridge__V1__ListRegionsResponse__RegionInfo *items =
        arena_calloc(request->arena, count, sizeof(*items));
    out->regions = arena_calloc(request->arena, count, sizeof(*out->regions));
    if (items == NULL || out->regions == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__list_regions_response__region_info__init(&items[i]);
        items[i].region = (Docbridge__V1__Region)regions[i].region;
        items[i].display_name = arena_strdup(request->arena, regions[i].display_name);
        items[i].ui_host = arena_strdup(request->arena, regions[i].ui_host);
        items[i].api_host = arena_strdup(request->arena, regions[i].api_host);
        if (items[i].display_name == NULL || items[i].ui_host == NULL || items[i].api_host == NULL)
            return err_no_memory(reterr);
        out->regions[out->n_regions++] = &items[i];
    }
    return ERR_OK;
}
