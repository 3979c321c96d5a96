// SuggestMatches: what organizations that nothing matched may be. It applies nothing.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/begin.h"
#include "server/service/cursor.h"
#include "server/service/mapping.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/parent.h"
#include "server/service/suggestion_message.h"
#include "server/store/organization.h"

// Each name costs a search of its own.
enum { NAMES_MAX = 100 };

HANDLER(suggest_matches, SuggestMatchesRequest, SuggestMatchesResponse)

enum err_code mapping_suggest_matches_handler(struct request *request, const void *in, void *out,
                                              struct err *reterr)
{
    return suggest_matches_handler(request, in, out, reterr);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

// The organizations that the request names, each once, sorted.
static enum err_code parse(const struct request *request,
                           const Docbridge__V1__SuggestMatchesRequest *in,
                           const char *connection_id, int64_t **ret_ids, size_t *ret_count,
                           struct err *reterr)
{
    int64_t *ids = arena_calloc(request->arena, in->n_organizations + 1, sizeof(*ids));
    size_t count = 0;
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < in->n_organizations; i++) {
        struct name name;
        try_(name_parse(in->organizations[i],
                        "connections/{connection}/organizations/{organization}", "organizations",
                        request->arena, &name, reterr));
        if (strcmp(name.connection, connection_id) != 0)
            return err_invalid(reterr, "organizations", "must be of %s", in->parent);
        ids[i] = name.organization;
    }
    qsort(ids, in->n_organizations, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < in->n_organizations; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            ids[count++] = ids[i];
    *ret_ids = ids;
    *ret_count = count;
    return ERR_OK;
}

// Those that the request names and that are mapped to nothing.
static enum err_code read_named(struct tx *tx, const struct request *request,
                                const Docbridge__V1__SuggestMatchesRequest *in,
                                const char *connection_id, int64_t **ret_ids, size_t *ret_count,
                                struct err *reterr)
{
    struct organization *found = NULL;
    size_t asked = 0, count = 0, kept = 0;
    try_(parse(request, in, connection_id, ret_ids, &asked, reterr));
    try_(organization_get_many(tx, connection_id, *ret_ids, asked, request->caller, false,
                               request->arena, &found, &count, reterr));
    for (size_t i = 0; i < asked; i++) {
        bool there = false;
        for (size_t k = 0; k < count && !there; k++)
            there = found[k].id == (*ret_ids)[i];
        if (!there)
            return err_not_found(reterr, arena_printf(request->arena,
                                                      "connections/%s/organizations/%" PRId64,
                                                      connection_id, (*ret_ids)[i]));
    }
    for (size_t k = 0; k < count; k++)
        if (found[k].company_id[0] == '\0')
            (*ret_ids)[kept++] = found[k].id;
    qsort(*ret_ids, kept, sizeof(**ret_ids), compare_ids);
    *ret_count = kept;
    return ERR_OK;
}

// A page of those that need attention.
static enum err_code read_page(struct tx *tx, const struct request *request,
                               const struct page_list *list,
                               const Docbridge__V1__SuggestMatchesRequest *in,
                               const char *connection_id, int64_t **ret_ids, size_t *ret_count,
                               char **ret_token, struct err *reterr)
{
    struct organization_query query = {.connection_id = connection_id,
                                       .sight = request->caller,
                                       .mapping_state = ORGANIZATION_UNMAPPED};
    struct organization *organizations;
    struct organization_counts counts;
    const char *cursor;
    size_t count;
    int size;
    try_(page_size(in->page_size, &size, reterr));
    size = size > NAMES_MAX ? NAMES_MAX : size;
    query.limit = size + 1;
    try_(page_open(request, list, in->page_token, &cursor, reterr));
    try_(cursor_open_number(request->arena, cursor, &query.after_id, &query.after_name, reterr));
    try_(organization_list(tx, &query, request->arena, &organizations, &count, &counts, reterr));
    if (count > (size_t)size) {
        const struct organization *last = &organizations[size - 1];
        count = (size_t)size;
        try_(cursor_make_number(request->arena, last->id, last->name_key, &cursor, reterr));
        try_(page_make(request, list, cursor, ret_token, reterr));
    }
    *ret_ids = arena_calloc(request->arena, count + 1, sizeof(**ret_ids));
    if (*ret_ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        (*ret_ids)[i] = organizations[i].id;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code fill(const struct request *request, const char *connection_id,
                          const int64_t *ids, const struct suggestion_list *lists, size_t count,
                          Docbridge__V1__SuggestMatchesResponse *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    Docbridge__V1__SuggestMatchesResponse__Suggestion *items =
        arena_calloc(arena, count + 1, sizeof(*items));
    out->suggestions = arena_calloc(arena, count + 1, sizeof(*out->suggestions));
    if (items == NULL || out->suggestions == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__suggest_matches_response__suggestion__init(&items[i]);
        items[i].organization =
            arena_printf(arena, "connections/%s/organizations/%" PRId64, connection_id, ids[i]);
        if (items[i].organization == NULL)
            return err_no_memory(reterr);
        items[i].candidates = lists[i].candidates;
        items[i].n_candidates = lists[i].count;
        out->suggestions[out->n_suggestions++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code suggest_matches(struct request *request,
                                     const Docbridge__V1__SuggestMatchesRequest *in,
                                     Docbridge__V1__SuggestMatchesResponse *out, struct err *reterr)
{
    const struct page_list list = {.method = "SuggestMatches", .parent = in->parent};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct name name;
    int64_t *ids = NULL;
    size_t count = 0;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    if (in->min_confidence < 0 || in->min_confidence > 100)
        return err_invalid(reterr, "min_confidence", "must be from 0 to 100");
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    if (in->n_organizations > 0)
        try_(read_named(tx, request, in, connection->id, &ids, &count, reterr));
    else
        try_(read_page(tx, request, &list, in, connection->id, &ids, &count, &out->next_page_token,
                       reterr));
    struct suggestion_list *lists = arena_calloc(request->arena, count + 1, sizeof(*lists));
    if (lists == NULL)
        return err_no_memory(reterr);
    tx_commit_with_next(tx);
    try_(suggestion_lists(tx, request, connection, ids, count, in->min_confidence, lists, reterr));
    return fill(request, connection->id, ids, lists, count, out, reterr);
}
