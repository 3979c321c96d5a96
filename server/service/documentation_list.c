// Lists of what was synced of a company.
#include "server/service/documentation.h"

#include <inttypes.h>

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/begin.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/name.h"
#include "server/service/reading.h"

PUBLIC_HANDLER(list_documents, ListDocumentsRequest, ListDocumentsResponse)
PUBLIC_HANDLER(list_flexible_assets, ListFlexibleAssetsRequest, ListFlexibleAssetsResponse)
PUBLIC_HANDLER(list_checklists, ListChecklistsRequest, ListChecklistsResponse)

// What differs between the three lists, and what they answer alike.
struct listing {
    struct page_list list;
    int32_t page_size;
    const char *page_token;
    int task_kind;
    const char *of_connection; // whose rows alone are asked for; NULL: not said
    enum err_code (*read)(struct tx *tx, const struct documentation_query *query,
                          struct arena *arena, struct documentation_page *ret_page,
                          struct err *reterr);
    // The answer.
    const char *company_id;
    struct sight sight;
    struct documentation_page page;
    char *next_page_token;
    Docbridge__V1__Freshness *freshness;
};

static enum err_code make_next_page(struct request *request, struct listing *listing, int size,
                                    struct err *reterr)
{
    // One row more than asked for was read: it is there only to tell that the list goes on.
    if (listing->page.count <= (size_t)size) {
        listing->next_page_token = NULL;
        return ERR_OK;
    }
    listing->page.count = (size_t)size;
    const struct documentation_row *last = &listing->page.rows[size - 1];
    const char *cursor;
    try_(cursor_make_number(request->arena, last->id, last->name_key, &cursor, reterr));
    return page_make(request, &listing->list, cursor, &listing->next_page_token, reterr);
}

static enum err_code list(struct request *request, struct listing *listing,
                          struct documentation_query *query, struct err *reterr)
{
    struct name name;
    const char *cursor;
    int size;
    try_(name_parse(listing->list.parent, "companies/{company}", "parent", request->arena, &name,
                    reterr));
    try_(page_size(listing->page_size, &size, reterr));
    try_(page_open(request, &listing->list, listing->page_token, &cursor, reterr));
    try_(cursor_open_number(request->arena, cursor, &query->after_id, &query->after_name, reterr));
    query->company_id = listing->company_id = name.company;
    query->limit = size + 1;

    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows sight _cleanup_(rows_done) = {0};
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, listing->list.parent, reterr));
    sight_ask(tx, name.company, listing->task_kind, &sight);
    tx_commit_with_next(tx);
    try_(listing->read(tx, query, request->arena, &listing->page, reterr));
    enum err_code code = sight_take(&sight, request->arena, &listing->sight, reterr);
    if (code != ERR_OK)
        return code == ERR_RESOURCE_NOT_FOUND ? err_not_found(reterr, listing->list.parent) : code;
    if (!documentation_switched_on(&listing->sight, listing->task_kind) ||
        !reading_is_of(&listing->sight, listing->of_connection)) {
        listing->page.count = 0;
        listing->page.total_size = 0;
    }
    try_(tx_commit(&tx, reterr));

    listing->freshness = reading_freshness(request->arena, &listing->sight);
    if (listing->freshness == NULL)
        return err_no_memory(reterr);
    return make_next_page(request, listing, size, reterr);
}

static enum err_code list_documents(struct request *request,
                                    const Docbridge__V1__ListDocumentsRequest *in,
                                    Docbridge__V1__ListDocumentsResponse *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    struct documentation_query query = {0};
    const struct filter_field fields[] = {{"display_name", FILTER_HAS, &query.name_contains}};
    struct listing listing = {
        .list = {"ListDocuments", in->parent, in->filter},
        .page_size = in->page_size,
        .page_token = in->page_token,
        .task_kind = DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_DOCUMENTS,
        .read = documentation_list_documents,
    };
    try_(filter_parse(in->filter, fields, ARRAY_LEN(fields), arena, reterr));
    try_(list(request, &listing, &query, reterr));

    out->documents = arena_calloc(arena, listing.page.count + 1, sizeof(*out->documents));
    Docbridge__V1__Document *all = arena_calloc(arena, listing.page.count + 1, sizeof(*all));
    if (out->documents == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < listing.page.count; i++) {
        const struct documentation_row *row = &listing.page.rows[i];
        Docbridge__V1__Document *document = out->documents[i] = &all[i];
        try_(documentation_fill_document(arena, in->parent, row, document, reterr));
    }
    out->n_documents = listing.page.count;
    out->total_size = (int32_t)listing.page.total_size;
    out->freshness = listing.freshness;
    if (listing.next_page_token != NULL)
        out->next_page_token = listing.next_page_token;
    return ERR_OK;
}

static enum err_code list_flexible_assets(struct request *request,
                                          const Docbridge__V1__ListFlexibleAssetsRequest *in,
                                          Docbridge__V1__ListFlexibleAssetsResponse *out,
                                          struct err *reterr)
{
    struct arena *arena = request->arena;
    struct documentation_query query = {0};
    const char *type = NULL;
    const struct filter_field fields[] = {{"display_name", FILTER_HAS, &query.name_contains},
                                          {"flexible_asset_type", FILTER_EQUALS, &type}};
    struct listing listing = {
        .list = {"ListFlexibleAssets", in->parent, in->filter},
        .page_size = in->page_size,
        .page_token = in->page_token,
        .task_kind = DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_FLEXIBLE_ASSETS,
        .read = documentation_list_flexible_assets,
    };
    try_(filter_parse(in->filter, fields, ARRAY_LEN(fields), arena, reterr));
    if (type != NULL) {
        struct name name;
        try_(name_parse(type, "connections/{connection}/flexibleAssetTypes/{flexible_asset_type}",
                        "filter", arena, &name, reterr));
        query.type_id = name.flexible_asset_type;
        listing.of_connection = name.connection;
    }
    try_(list(request, &listing, &query, reterr));

    out->flexible_assets =
        arena_calloc(arena, listing.page.count + 1, sizeof(*out->flexible_assets));
    Docbridge__V1__FlexibleAsset *all = arena_calloc(arena, listing.page.count + 1, sizeof(*all));
    if (out->flexible_assets == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < listing.page.count; i++) {
        const struct documentation_row *row = &listing.page.rows[i];
        Docbridge__V1__FlexibleAsset *asset = out->flexible_assets[i] = &all[i];
        try_(documentation_fill_asset(arena, in->parent, listing.sight.connection_id, row, asset,
                                      reterr));
    }
    out->n_flexible_assets = listing.page.count;
    out->total_size = (int32_t)listing.page.total_size;
    out->freshness = listing.freshness;
    if (listing.next_page_token != NULL)
        out->next_page_token = listing.next_page_token;
    return ERR_OK;
}

static enum err_code list_checklists(struct request *request,
                                     const Docbridge__V1__ListChecklistsRequest *in,
                                     Docbridge__V1__ListChecklistsResponse *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    struct documentation_query query = {0};
    const char *completed = NULL;
    const struct filter_field fields[] = {{"display_name", FILTER_HAS, &query.name_contains},
                                          {"completed", FILTER_EQUALS, &completed}};
    struct listing listing = {
        .list = {"ListChecklists", in->parent, in->filter},
        .page_size = in->page_size,
        .page_token = in->page_token,
        .task_kind = DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_CHECKLISTS,
        .read = documentation_list_checklists,
    };
    try_(filter_parse(in->filter, fields, ARRAY_LEN(fields), arena, reterr));
    if (completed != NULL) {
        bool yes;
        try_(filter_bool("completed", completed, &yes, reterr));
        query.completed = yes ? 1 : 2;
    }
    try_(list(request, &listing, &query, reterr));

    out->checklists = arena_calloc(arena, listing.page.count + 1, sizeof(*out->checklists));
    Docbridge__V1__Checklist *all = arena_calloc(arena, listing.page.count + 1, sizeof(*all));
    if (out->checklists == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < listing.page.count; i++) {
        out->checklists[i] = &all[i];
        try_(documentation_fill_checklist(arena, in->parent, listing.sight.connection_id,
                                          &listing.page.rows[i], &all[i], reterr));
    }
    out->n_checklists = listing.page.count;
    out->total_size = (int32_t)listing.page.total_size;
    out->freshness = listing.freshness;
    if (listing.next_page_token != NULL)
        out->next_page_token = listing.next_page_token;
    return ERR_OK;
}
