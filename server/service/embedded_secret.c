// ListEmbeddedSecrets: where a company's documentation holds credentials that it should not.
#include "server/service/content.h"
#include "server/service/documentation.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/source/source.h"
#include "server/store/embedded_secret_report.h"
#include "server/store/search.h"

PUBLIC_HANDLER(list_embedded_secrets, ListEmbeddedSecretsRequest, ListEmbeddedSecretsResponse)

static enum err_code fill(struct arena *arena, const char *parent,
                          const struct embedded_secret_row *row, Docbridge__V1__EmbeddedSecret *out,
                          struct err *reterr)
{
    const char *collection = row->kind == SOURCE_DOCUMENTS         ? "documents"
                             : row->kind == SOURCE_FLEXIBLE_ASSETS ? "flexibleAssets"
                                                                   : "checklists";
    docbridge__v1__embedded_secret__init(out);
    out->resource = arena_printf(arena, "%s/%s/%" PRId64, parent, collection, row->id);
    out->resource_display_name = content_title(arena, row->display_name);
    out->upstream_uri = arena_strdup(arena, row->web_url);
    out->kind = (Docbridge__V1__EmbeddedSecret__Kind)row->secret_kind;
    out->place = (int32_t)row->place;
    out->copy_count = (int32_t)row->copy_count;
    out->discover_time = field_time(arena, row->discover_time);
    return out->resource == NULL || out->resource_display_name == NULL || out->upstream_uri == NULL
               ? err_no_memory(reterr)
               : ERR_OK;
}

static enum err_code open_cursor(const char *cursor, struct embedded_secret_place *ret_after,
                                 struct err *reterr)
{
    *ret_after = (struct embedded_secret_place){0};
    if (cursor[0] != '\0' && sscanf(cursor, "%" SCNd64 " %" SCNd64 " %" SCNd64, &ret_after->kind,
                                    &ret_after->id, &ret_after->place) != 3)
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is of another version");
    return ERR_OK;
}

static enum err_code list_embedded_secrets(struct request *request,
                                           const Docbridge__V1__ListEmbeddedSecretsRequest *in,
                                           Docbridge__V1__ListEmbeddedSecretsResponse *out,
                                           struct err *reterr)
{
    const struct page_list list = {"ListEmbeddedSecrets", in->parent, NULL};
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct embedded_secret_place after;
    struct embedded_secret_row *rows = NULL;
    struct search_place place;
    struct sight sight;
    struct name name;
    const char *cursor;
    int64_t total = 0;
    size_t count = 0;
    int size;
    try_(name_parse(in->parent, "companies/{company}", "parent", arena, &name, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(open_cursor(cursor, &after, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(reading_sight(tx, request, name.company, 0, in->parent, &sight, reterr));
    try_(search_place_get(tx, arena, &place, reterr));
    // One row more than asked for tells whether there is another page.
    if (sight.connection_id != NULL)
        try_(embedded_secret_list(tx, name.company, sight.connection_id, &after, size + 1, arena,
                                  &rows, &count, &total, reterr));
    try_(tx_commit(&tx, reterr));
    if (rows == NULL)
        count = 0;
    if (rows != NULL && count > (size_t)size) {
        const struct embedded_secret_row *last = &rows[size - 1];
        count = (size_t)size;
        cursor = arena_printf(arena, "%" PRId64 " %" PRId64 " %" PRId64, last->kind, last->id,
                              last->place);
        if (cursor == NULL)
            return err_no_memory(reterr);
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    Docbridge__V1__EmbeddedSecret *all = arena_calloc(arena, count + 1, sizeof(*all));
    out->embedded_secrets = arena_calloc(arena, count + 1, sizeof(*out->embedded_secrets));
    if (all == NULL || out->embedded_secrets == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        try_(fill(arena, in->parent, &rows[i], &all[i], reterr));
        out->embedded_secrets[out->n_embedded_secrets++] = &all[i];
    }
    out->total_size = (int32_t)total;
    out->scan_as_of_time = field_time(arena, place.as_of_time);
    return ERR_OK;
}
