#include "server/source/itglue/query.h"

#include <inttypes.h>
#include <string.h>

#include "server/source/itglue/kind.h"

enum { PAGE_SIZE_MAX = 1000 }; // more is documented nowhere

// filter[psa_integration_type], without which filter[psa_id] means nothing.
static const char *const psa_types[SOURCE_PSA_TYPE_END] = {
    [SOURCE_PSA_CONNECTWISE_MANAGE] = "manage", [SOURCE_PSA_AUTOTASK] = "autotask",
    [SOURCE_PSA_TIGERPAW] = "tigerpaw",         [SOURCE_PSA_KASEYA_BMS] = "kaseya-bms",
    [SOURCE_PSA_PULSEWAY_PSA] = "pulseway-psa", [SOURCE_PSA_VOREX] = "vorex",
};

static enum err_code check(const struct source_query *query, struct err *reterr)
{
    if ((unsigned)query->kind >= SOURCE_KIND_COUNT)
        return err_invalid(reterr, "kind", "is unknown");
    if (query->page_number < 1)
        return err_invalid(reterr, "page_number", "begins at 1");
    if (query->page_size < 1 || query->page_size > PAGE_SIZE_MAX)
        return err_invalid(reterr, "page_size", "must be from 1 to %d", PAGE_SIZE_MAX);
    if (query->organization_id < 0 ||
        (itglue_kind(query->kind)->nested_only && query->organization_id == 0))
        return err_invalid(reterr, "organization_id", "is required");
    if (query->kind == SOURCE_FLEXIBLE_ASSETS && query->type_id <= 0 && query->type_count == 0)
        return err_invalid(reterr, "type_id", "is required");
    if (query->folder_filter == SOURCE_FOLDER_ID && query->folder_id <= 0)
        return err_invalid(reterr, "folder_id", "is required");
    if (query->psa_id != NULL &&
        (query->kind != SOURCE_ORGANIZATIONS || (unsigned)query->psa_type >= SOURCE_PSA_TYPE_END ||
         psa_types[query->psa_type] == NULL))
        return err_invalid(reterr, "psa_type", "is required, of organizations");
    return ERR_OK;
}

static void add_folder_filter(const struct source_query *query, struct buffer *target)
{
    switch (query->folder_filter) {
    case SOURCE_FOLDER_NULL:
        buffer_text(target, "&filter%5Bdocument_folder_id%5D=null");
        return;
    case SOURCE_FOLDER_NONE:
        return;
    case SOURCE_FOLDER_NOT_NULL:
        buffer_text(target, "&filter%5Bdocument_folder_id%5D%5Bne%5D=null");
        return;
    case SOURCE_FOLDER_ID:
        buffer_printf(target, "&filter%%5Bdocument_folder_id%%5D=%" PRId64, query->folder_id);
        return;
    }
}

// A value of a filter: a comma in it is no separator.
static void add_value(const char *text, struct buffer *target)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (*text == ',')
            buffer_text(target, "%5C");
        if (strchr(unreserved, *text) != NULL)
            buffer_append(target, text, 1);
        else
            buffer_printf(target, "%%%02X", (unsigned char)*text);
    }
}

static void add_types(const struct source_query *query, struct buffer *target)
{
    buffer_text(target, "&filter%5Bflexible-asset-type-id%5D=");
    if (query->type_count == 0)
        buffer_printf(target, "%" PRId64, query->type_id);
    for (size_t i = 0; i < query->type_count; i++)
        buffer_printf(target, i == 0 ? "%" PRId64 : ",%" PRId64, query->type_ids[i]);
}

static void add_psa_filter(const struct source_query *query, struct buffer *target)
{
    if (query->psa_id == NULL)
        return;
    buffer_printf(target, "&filter%%5Bpsa_integration_type%%5D=%s&filter%%5Bpsa_id%%5D=",
                  psa_types[query->psa_type]);
    add_value(query->psa_id, target);
}

enum err_code itglue_query_page(const struct source_query *query, struct buffer *target,
                                struct err *reterr)
{
    try_(check(query, reterr));
    const struct itglue_kind *kind = itglue_kind(query->kind);
    bool assets = query->kind == SOURCE_FLEXIBLE_ASSETS;
    // Assets have no list under the organization; it is a filter of theirs.
    bool nested = query->organization_id != 0 && !assets && kind->ownerless != ITGLUE_OWNER_NONE;
    if (nested)
        buffer_printf(target, "/organizations/%" PRId64 "/relationships", query->organization_id);
    buffer_printf(target, "/%s?page%%5Bnumber%%5D=%d&page%%5Bsize%%5D=%d", kind->resource,
                  query->page_number, query->page_size);
    if (query->newest_first)
        buffer_printf(target, "&sort=%s",
                      kind->newest_sort == NULL ? "-updated_at" : kind->newest_sort);
    else if (query->oldest_first)
        buffer_text(target, "&sort=updated_at");
    else if (kind->sort != NULL)
        buffer_printf(target, "&sort=%s", kind->sort);
    if (kind->include != NULL)
        buffer_printf(target, "&include=%s", kind->include);
    if (assets)
        add_types(query, target);
    if (assets && query->organization_id != 0)
        buffer_printf(target, "&filter%%5Borganization-id%%5D=%" PRId64, query->organization_id);
    if (query->kind == SOURCE_DOCUMENTS)
        add_folder_filter(query, target);
    add_psa_filter(query, target);
    if (query->impossible_filter)
        buffer_text(target, "&filter%5Bdocbridge_no_such_filter%5D=1");
    return target->failed ? err_no_memory(reterr) : ERR_OK;
}
