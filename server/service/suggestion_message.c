#include "server/service/suggestion_message.h"

#include "server/store/suggestion.h"

static enum err_code fill(struct arena *arena, const struct suggestion *suggestion,
                          Docbridge__V1__MatchCandidate *out, struct err *reterr)
{
    docbridge__v1__match_candidate__init(out);
    out->company = arena_printf(arena, "companies/%s", suggestion->company_id);
    out->company_display_name = arena_strdup(arena, suggestion->company_display_name);
    out->source = (Docbridge__V1__MatchCandidate__Source)suggestion->source;
    out->confidence = suggestion->confidence;
    return out->company != NULL && out->company_display_name != NULL ? ERR_OK
                                                                     : err_no_memory(reterr);
}

enum err_code suggestion_lists(struct tx *tx, const struct request *request,
                               const struct connection *connection, const int64_t *ids,
                               size_t count, int min_confidence, struct suggestion_list *ret_lists,
                               struct err *reterr)
{
    struct suggestion *found;
    size_t found_count, next = 0;
    try_(suggestion_find(tx, connection->id, connection_psa_type(connection), ids, count,
                         request->arena, &found, &found_count, reterr));
    Docbridge__V1__MatchCandidate *items =
        arena_calloc(request->arena, found_count + 1, sizeof(*items));
    Docbridge__V1__MatchCandidate **pointers =
        arena_calloc(request->arena, found_count + 1, sizeof(*pointers));
    if (items == NULL || pointers == NULL)
        return err_no_memory(reterr);
    // They come in the order of the ids, which differ from each other.
    for (size_t i = 0; i < count; i++) {
        ret_lists[i] = (struct suggestion_list){pointers + next, 0};
        for (; next < found_count && found[next].organization_id == ids[i]; next++) {
            try_(fill(request->arena, &found[next], &items[next], reterr));
            pointers[next] = &items[next];
            // The best come first: the rest of them is no more certain.
            if (items[next].confidence >= min_confidence)
                ret_lists[i].count++;
        }
    }
    return ERR_OK;
}
