#include "server/service/blast_radius_message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "server/base/encoding.h"

enum { ETAG_BYTES = 16 };

// An organization that goes into or out of a company's sight.
struct passage {
    int64_t organization_id;
    const char *company_id;
    bool shown;
    struct blast_radius radius;
};

static int by_company(const void *a, const void *b)
{
    return strcmp(((const struct passage *)a)->company_id, ((const struct passage *)b)->company_id);
}

// Two passages a move at most, sorted by company.
static enum err_code collect(struct arena *arena, const struct blast_move *moves, size_t count,
                             struct passage **ret_passages, size_t *ret_count, struct err *reterr)
{
    struct passage *passages = arena_calloc(arena, 2 * count + 1, sizeof(*passages));
    size_t n = 0;
    if (passages == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const struct blast_move *move = &moves[i];
        if (strcmp(move->from, move->to) == 0)
            continue;
        if (move->from[0] != '\0')
            passages[n++] = (struct passage){move->organization_id, move->from, false, {0}};
        if (move->to[0] != '\0')
            passages[n++] = (struct passage){move->organization_id, move->to, true, {0}};
    }
    qsort(passages, n, sizeof(*passages), by_company);
    *ret_passages = passages;
    *ret_count = n;
    return ERR_OK;
}

static enum err_code measure(struct tx *tx, struct arena *arena, const char *connection_id,
                             struct passage *passages, size_t count, struct err *reterr)
{
    int64_t *organizations = arena_calloc(arena, count + 1, sizeof(*organizations));
    const char **companies = arena_calloc(arena, count + 1, sizeof(*companies));
    struct blast_radius *radii = arena_calloc(arena, count + 1, sizeof(*radii));
    if (organizations == NULL || companies == NULL || radii == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        organizations[i] = passages[i].organization_id;
        companies[i] = passages[i].company_id;
    }
    try_(blast_radius_count(tx, connection_id, organizations, companies, count, radii, reterr));
    for (size_t i = 0; i < count; i++)
        passages[i].radius = radii[i];
    return ERR_OK;
}

static int32_t clamped(int64_t sum)
{
    return sum > INT32_MAX ? INT32_MAX : (int32_t)sum;
}

static void add(Docbridge__V1__BlastRadius__Counts *counts, const struct blast_radius *radius)
{
    counts->documents = clamped(counts->documents + radius->documents);
    counts->flexible_assets = clamped(counts->flexible_assets + radius->flexible_assets);
    counts->checklists = clamped(counts->checklists + radius->checklists);
    counts->passwords = clamped(counts->passwords + radius->passwords);
}

static Docbridge__V1__BlastRadius__Counts *new_counts(struct arena *arena)
{
    Docbridge__V1__BlastRadius__Counts *counts = arena_alloc(arena, sizeof(*counts));
    if (counts != NULL)
        docbridge__v1__blast_radius__counts__init(counts);
    return counts;
}

static Docbridge__V1__BlastRadius__Effect *new_effect(struct arena *arena, const char *company_id)
{
    Docbridge__V1__BlastRadius__Effect *effect = arena_alloc(arena, sizeof(*effect));
    if (effect == NULL)
        return NULL;
    docbridge__v1__blast_radius__effect__init(effect);
    effect->company = arena_printf(arena, "companies/%s", company_id);
    effect->shown = new_counts(arena);
    effect->hidden = new_counts(arena);
    return effect->company != NULL && effect->shown != NULL && effect->hidden != NULL ? effect
                                                                                      : NULL;
}

// One effect a company: the passages come sorted.
static enum err_code sum(struct arena *arena, const struct passage *passages, size_t count,
                         Docbridge__V1__BlastRadius *out, struct err *reterr)
{
    out->shown = new_counts(arena);
    out->hidden = new_counts(arena);
    out->effects = arena_calloc(arena, count + 1, sizeof(*out->effects));
    if (out->shown == NULL || out->hidden == NULL || out->effects == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_company(&passages[i - 1], &passages[i]) != 0) {
            out->effects[out->n_effects] = new_effect(arena, passages[i].company_id);
            if (out->effects[out->n_effects++] == NULL)
                return err_no_memory(reterr);
        }
        Docbridge__V1__BlastRadius__Effect *effect = out->effects[out->n_effects - 1];
        add(passages[i].shown ? effect->shown : effect->hidden, &passages[i].radius);
        add(passages[i].shown ? out->shown : out->hidden, &passages[i].radius);
    }
    return ERR_OK;
}

static void feed(crypto_generichash_state *state, const void *bytes, uint64_t len)
{
    (void)crypto_generichash_update(state, (const unsigned char *)&len, sizeof(len));
    (void)crypto_generichash_update(state, bytes, len);
}

static void feed_counts(crypto_generichash_state *state,
                        const Docbridge__V1__BlastRadius__Counts *counts)
{
    const int32_t numbers[] = {counts->documents, counts->flexible_assets, counts->checklists,
                               counts->passwords};
    feed(state, numbers, sizeof(numbers));
}

static char *etag(const struct request *request, const char *connection_id,
                  const struct blast_move *moves, size_t count,
                  const Docbridge__V1__BlastRadius *radius)
{
    unsigned char hash[ETAG_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, request->backend->token_keys[0], 32, sizeof(hash));
    feed(&state, request->caller->tenant, strlen(request->caller->tenant));
    feed(&state, connection_id, strlen(connection_id));
    for (size_t i = 0; i < count; i++) {
        feed(&state, &moves[i].organization_id, sizeof(moves[i].organization_id));
        feed(&state, &moves[i].organization_revision, sizeof(moves[i].organization_revision));
        feed(&state, moves[i].to, strlen(moves[i].to));
    }
    for (size_t i = 0; i < radius->n_effects; i++) {
        feed_counts(&state, radius->effects[i]->shown);
        feed_counts(&state, radius->effects[i]->hidden);
    }
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    char *text = arena_alloc(request->arena, ENCODING_BASE64_BYTES(sizeof(hash)));
    if (text != NULL)
        encoding_base64url(hash, sizeof(hash), text);
    return text;
}

enum err_code blast_radius_message(struct tx *tx, const struct request *request,
                                   const char *connection_id, const struct blast_move *moves,
                                   size_t count, Docbridge__V1__BlastRadius **ret_message,
                                   struct err *reterr)
{
    struct arena *arena = request->arena;
    Docbridge__V1__BlastRadius *out = arena_alloc(arena, sizeof(*out));
    struct passage *passages = NULL;
    size_t passage_count = 0;
    if (out == NULL)
        return err_no_memory(reterr);
    docbridge__v1__blast_radius__init(out);
    try_(collect(arena, moves, count, &passages, &passage_count, reterr));
    try_(measure(tx, arena, connection_id, passages, passage_count, reterr));
    try_(sum(arena, passages, passage_count, out, reterr));
    // What nobody could see until now was not synced either.
    for (size_t i = 0; i < count; i++)
        out->unsynced_count += moves[i].from[0] == '\0' && moves[i].to[0] != '\0';
    out->etag = etag(request, connection_id, moves, count, out);
    if (out->etag == NULL)
        return err_no_memory(reterr);
    *ret_message = out;
    return ERR_OK;
}

enum err_code blast_radius_look(struct tx *tx, const struct request *request,
                                struct blast_look *look, struct err *reterr)
{
    return blast_radius_sight(tx, &look->scope, request->arena, &look->counts, &look->count,
                              reterr);
}

static int compare_counts(const struct sight_count *a, const struct sight_count *b)
{
    int order = strcmp(a->company_id, b->company_id);
    if (order != 0)
        return order;
    if (a->kind != b->kind)
        return a->kind - b->kind;
    return (a->part > b->part) - (a->part < b->part);
}

static struct passage passage_of(const struct sight_count *count, int64_t difference)
{
    int64_t size = difference < 0 ? -difference : difference;
    struct passage passage = {.company_id = count->company_id, .shown = difference > 0};
    switch (count->kind) {
    case SIGHT_DOCUMENT:
        passage.radius.documents = size;
        break;
    case SIGHT_FLEXIBLE_ASSET:
        passage.radius.flexible_assets = size;
        break;
    case SIGHT_CHECKLIST:
        passage.radius.checklists = size;
        break;
    default:
        passage.radius.passwords = size;
        break;
    }
    return passage;
}

// Walks two looks side by side, both in the same order.
static size_t differences(const struct blast_look *before, const struct blast_look *after,
                          struct passage *ret_passages)
{
    size_t n = 0, i = 0, j = 0;
    while (i < before->count || j < after->count) {
        const struct sight_count *old = i < before->count ? &before->counts[i] : NULL;
        const struct sight_count *new = j < after->count ? &after->counts[j] : NULL;
        int order = old == NULL ? 1 : new == NULL ? -1 : compare_counts(old, new);
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): whichever is missing is not asked
        int64_t difference = (order >= 0 ? new->count : 0) - (order <= 0 ? old->count : 0);
        if (difference != 0)
            ret_passages[n++] = passage_of(order >= 0 ? new : old, difference);
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

enum err_code blast_radius_since(struct tx *tx, const struct request *request,
                                 const struct blast_look *before,
                                 Docbridge__V1__BlastRadius **ret_message, struct err *reterr)
{
    struct arena *arena = request->arena;
    struct blast_look after = {.scope = before->scope};
    int64_t unsynced;
    try_(blast_radius_look(tx, request, &after, reterr));
    try_(blast_radius_unsynced(tx, &before->scope, &unsynced, reterr));
    struct passage *passages =
        arena_calloc(arena, before->count + after.count + 1, sizeof(*passages));
    Docbridge__V1__BlastRadius *out = arena_alloc(arena, sizeof(*out));
    if (passages == NULL || out == NULL)
        return err_no_memory(reterr);
    docbridge__v1__blast_radius__init(out);
    try_(sum(arena, passages, differences(before, &after, passages), out, reterr));
    out->unsynced_count = clamped(unsynced);
    *ret_message = out;
    return ERR_OK;
}
