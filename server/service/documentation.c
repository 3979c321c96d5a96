// DocumentationService: lists of what was synced of a company.
#include "docbridge/v1/documentation.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/begin.h"
#include "server/service/changes.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/name.h"
#include "server/service/reading.h"
#include "server/service/search.h"
#include "server/service/services.h"
#include "server/store/documentation.h"

HANDLER(list_documents, ListDocumentsRequest, ListDocumentsResponse)
HANDLER(list_flexible_assets, ListFlexibleAssetsRequest, ListFlexibleAssetsResponse)
HANDLER(list_checklists, ListChecklistsRequest, ListChecklistsResponse)

static const struct method methods[] = {
    UNARY(ListDocuments, list_documents, LANE_STORE),
    UNARY(ListFlexibleAssets, list_flexible_assets, LANE_STORE),
    UNARY(ListChecklists, list_checklists, LANE_STORE),
    UNARY(SearchDocumentation, search_documentation, LANE_STORE),
    STREAM(WatchCompanyChanges, changes_watch_handler, LANE_STORE),
};

const struct service documentation_service = {
    &docbridge__v1__documentation_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

// What differs between the three lists, and what they answer alike.
struct listing {
    struct page_list list;
    int32_t page_size;
    const char *page_token;
    int task_kind;
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

static bool switched_on(const struct listing *listing)
{
    if (listing->task_kind == DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_DOCUMENTS)
        return listing->sight.documents_enabled;
    if (listing->task_kind == DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_CHECKLISTS)
        return listing->sight.checklists_enabled;
    return true; // each flexible asset type has a switch of its own
}

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
    try_(request_begin(request, &tx, reterr));
    try_(reading_sight(tx, request, name.company, listing->task_kind, listing->list.parent,
                       &listing->sight, reterr));
    query->connection_id = listing->sight.connection_id;
    if (query->connection_id != NULL && switched_on(listing)) {
        tx_commit_with_next(tx);
        try_(listing->read(tx, query, request->arena, &listing->page, reterr));
    }
    try_(tx_commit(&tx, reterr));

    listing->freshness = reading_freshness(request->arena, &listing->sight);
    if (listing->freshness == NULL)
        return err_no_memory(reterr);
    return make_next_page(request, listing, size, reterr);
}

// "2026-09-15", or a time that begins so, as a Date; NULL if it is neither.
static Google__Type__Date *parse_date(struct arena *arena, const char *text)
{
    int year, month, day;
    if (text == NULL || sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3 || month < 1 ||
        month > 12 || day < 1 || day > 31)
        return NULL;
    Google__Type__Date *date = arena_alloc(arena, sizeof(*date));
    if (date == NULL)
        return NULL;
    google__type__date__init(date);
    date->year = year;
    date->month = month;
    date->day = day;
    return date;
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
        docbridge__v1__document__init(document);
        document->name = arena_printf(arena, "%s/documents/%" PRId64, in->parent, row->id);
        document->display_name = arena_strdup(arena, row->display_name);
        document->upstream_uri = arena_strdup(arena, row->web_url);
        document->uploaded_file = row->uploaded_file;
        document->create_time = field_time(arena, row->create_time);
        document->update_time = field_time(arena, row->update_time);
        document->publish_time = field_time(arena, row->publish_time);
        document->n_folder_path = row->folder_count;
        document->folder_path = arena_calloc(arena, row->folder_count + 1, sizeof(char *));
        if (document->name == NULL || document->display_name == NULL ||
            document->upstream_uri == NULL || document->folder_path == NULL)
            return err_no_memory(reterr);
        for (size_t k = 0; k < row->folder_count; k++)
            document->folder_path[k] = arena_strdup(arena, row->folder_path[k]);
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
        docbridge__v1__flexible_asset__init(asset);
        asset->name = arena_printf(arena, "%s/flexibleAssets/%" PRId64, in->parent, row->id);
        asset->display_name = arena_strdup(arena, row->display_name);
        asset->upstream_uri = arena_strdup(arena, row->web_url);
        asset->flexible_asset_type =
            arena_printf(arena, "connections/%s/flexibleAssetTypes/%" PRId64,
                         listing.sight.connection_id, row->type_id);
        asset->flexible_asset_type_display_name = arena_strdup(arena, row->type_display_name);
        asset->create_time = field_time(arena, row->create_time);
        asset->update_time = field_time(arena, row->update_time);
        if (asset->name == NULL || asset->display_name == NULL || asset->upstream_uri == NULL ||
            asset->flexible_asset_type == NULL || asset->flexible_asset_type_display_name == NULL)
            return err_no_memory(reterr);
    }
    out->n_flexible_assets = listing.page.count;
    out->total_size = (int32_t)listing.page.total_size;
    out->freshness = listing.freshness;
    if (listing.next_page_token != NULL)
        out->next_page_token = listing.next_page_token;
    return ERR_OK;
}

static enum err_code fill_checklist(struct arena *arena, const char *parent,
                                    const struct documentation_row *row,
                                    Docbridge__V1__Checklist *checklist, struct err *reterr)
{
    int64_t complete_time;
    docbridge__v1__checklist__init(checklist);
    checklist->name = arena_printf(arena, "%s/checklists/%" PRId64, parent, row->id);
    checklist->display_name = arena_strdup(arena, row->display_name);
    checklist->upstream_uri = arena_strdup(arena, row->web_url);
    checklist->assignee_display_name =
        arena_strdup(arena, row->assignee_display_name ? row->assignee_display_name : "");
    checklist->completed = row->completed;
    if (row->complete_time != NULL && clock_parse(row->complete_time, &complete_time))
        checklist->complete_time = field_time(arena, complete_time);
    checklist->due_date = parse_date(arena, row->due_date);
    checklist->item_count = row->item_count;
    checklist->completed_item_count = row->completed_item_count;
    checklist->update_time = field_time(arena, row->update_time);
    if (checklist->name == NULL || checklist->display_name == NULL ||
        checklist->upstream_uri == NULL || checklist->assignee_display_name == NULL)
        return err_no_memory(reterr);
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
        try_(fill_checklist(arena, in->parent, &listing.page.rows[i], &all[i], reterr));
    }
    out->n_checklists = listing.page.count;
    out->total_size = (int32_t)listing.page.total_size;
    out->freshness = listing.freshness;
    if (listing.next_page_token != NULL)
        out->next_page_token = listing.next_page_token;
    return ERR_OK;
}
