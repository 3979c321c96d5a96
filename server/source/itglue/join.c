#include "server/source/itglue/join.h"

#include <inttypes.h>
#include <string.h>

struct itglue_pending {
    struct source_record record;
    int64_t *related_ids;
    size_t related_count;
};

struct itglue_item {
    int64_t id;
    int64_t parent_id; // 0: not said
    int64_t position;
    size_t order; // of arrival
    char *json;
    size_t json_len;
    bool faulty;
};

void itglue_join_init(struct itglue_join *join, const struct itglue_kind *kind, size_t max_bytes)
{
    *join = (struct itglue_join){.kind = kind};
    arena_init(&join->arena, max_bytes);
}

void itglue_join_done(struct itglue_join *join)
{
    free(join->pending);
    free(join->items);
    arena_done(&join->arena);
    *join = (struct itglue_join){0};
}

static int compare(int64_t one, int64_t other)
{
    return one < other ? -1 : one > other;
}

static int by_value(const void *a, const void *b)
{
    return compare(*(const int64_t *)a, *(const int64_t *)b);
}

bool itglue_join_hold(struct itglue_join *join, const struct source_record *record,
                      const struct itglue_out *body, const struct itglue_draft *draft)
{
    if (!itglue_grow(&join->pending, &join->pending_capacity, join->pending_count,
                     sizeof(join->pending[0])))
        return false;
    struct itglue_pending pending = {.record = *record, .related_count = draft->related_count};
    pending.record.name = arena_strdup(&join->arena, record->name);
    pending.record.web_url = arena_strdup(&join->arena, record->web_url);
    pending.record.body = arena_strndup(&join->arena, body->data, body->len);
    pending.record.body_len = body->len;
    size_t bytes = draft->related_count * sizeof(draft->related_ids[0]);
    pending.related_ids = arena_alloc(&join->arena, bytes);
    if (pending.record.name == NULL || pending.record.body == NULL || pending.related_ids == NULL ||
        (record->web_url != NULL && pending.record.web_url == NULL))
        return false;
    if (bytes > 0)
        memcpy(pending.related_ids, draft->related_ids, bytes);
    qsort(pending.related_ids, pending.related_count, sizeof(pending.related_ids[0]), by_value);
    join->pending[join->pending_count++] = pending;
    return true;
}

bool itglue_join_item(struct itglue_join *join, const struct itglue_draft *draft,
                      struct itglue_out *work)
{
    if (!itglue_grow(&join->items, &join->item_capacity, join->item_count, sizeof(join->items[0])))
        return false;
    struct itglue_item item = {
        .id = draft->id,
        .parent_id = itglue_draft_integer(draft, ITGLUE_PARENT),
        .position = itglue_draft_integer(draft, ITGLUE_POSITION),
        .order = join->item_count,
        // A field without a key is of no use: it may be that of a secret.
        .faulty = draft->fault_reason != NULL || !itglue_draft_has(draft, ITGLUE_FIELD_KEY),
    };
    join->item_lost |= item.faulty && item.parent_id == 0;
    itglue_out_reset(work);
    bool good = true;
    if (join->kind->joined_scalar) {
        const struct itglue_value *value = &draft->values[0];
        if (item.faulty || value->is != ITGLUE_IS_JSON)
            return true; // an integration without an id says nothing
        good = itglue_out_append(work, draft->scratch.data + value->text.offset, value->text.len);
    } else {
        good = itglue_out_text(work, "{\"id\":") && itglue_out_number(work, item.id) &&
               itglue_out_append(work, ",", 1);
        size_t start = work->len;
        good = good && itglue_draft_body(draft, false, work);
        if (good && work->len > start) // the object's own brace is there already
            memmove(work->data + start, work->data + start + 1, work->len - start);
        work->len -= good ? 1 : 0;
    }
    item.json = good ? arena_strndup(&join->arena, work->data, work->len) : NULL;
    item.json_len = work->len;
    if (item.json == NULL)
        return false;
    join->items[join->item_count++] = item;
    return true;
}

static int by_parent(const void *a, const void *b)
{
    const struct itglue_item *one = *(struct itglue_item *const *)a;
    const struct itglue_item *other = *(struct itglue_item *const *)b;
    int order = compare(one->parent_id, other->parent_id);
    return order != 0 ? order : compare((int64_t)one->order, (int64_t)other->order);
}

static int by_id(const void *a, const void *b)
{
    const struct itglue_item *one = *(struct itglue_item *const *)a;
    const struct itglue_item *other = *(struct itglue_item *const *)b;
    int order = compare(one->id, other->id);
    return order != 0 ? order : compare((int64_t)one->order, (int64_t)other->order);
}

static int by_position(const void *a, const void *b)
{
    const struct itglue_item *one = *(struct itglue_item *const *)a;
    const struct itglue_item *other = *(struct itglue_item *const *)b;
    int order = compare(one->position, other->position);
    return order != 0 ? order : by_id(a, b);
}

// The items in two orders, and room for those of one record.
struct orders {
    struct itglue_item **by_parent;
    struct itglue_item **by_id;
    struct itglue_item **found;
    size_t count;
};

// The first item whose key is not below `key`.
static size_t lower_bound(struct itglue_item *const *items, size_t count, int64_t key, bool ids)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        int64_t at = ids ? items[low + half]->id : items[low + half]->parent_id;
        if (at < key) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

// The items that belong to `pending` in the order of their positions, each once.
static size_t find_items(const struct orders *orders, const struct itglue_pending *pending)
{
    size_t found = 0;
    int64_t id = pending->record.id;
    for (size_t i = lower_bound(orders->by_parent, orders->count, id, false);
         i < orders->count && orders->by_parent[i]->parent_id == id; i++)
        orders->found[found++] = orders->by_parent[i];
    for (size_t r = 0; r < pending->related_count; r++) {
        if (r > 0 && pending->related_ids[r] == pending->related_ids[r - 1])
            continue;
        size_t at = lower_bound(orders->by_id, orders->count, pending->related_ids[r], true);
        // Of an id that comes twice the last one counts; one with another owner is not ours.
        while (at + 1 < orders->count && orders->by_id[at + 1]->id == pending->related_ids[r])
            at++;
        if (at < orders->count && orders->by_id[at]->id == pending->related_ids[r] &&
            orders->by_id[at]->parent_id == 0)
            orders->found[found++] = orders->by_id[at];
    }
    qsort(orders->found, found, sizeof(orders->found[0]), by_position);
    size_t kept = 0;
    for (size_t i = 0; i < found; i++) {
        // The same id means the same item, the later one; without an id each stands for itself.
        bool again = kept > 0 && orders->found[kept - 1]->id == orders->found[i]->id &&
                     (orders->found[i]->id != 0 || orders->found[kept - 1] == orders->found[i]);
        if (!again)
            kept++;
        orders->found[kept - 1] = orders->found[i];
    }
    return kept;
}

// Whether items that `pending` needs are missing: of which it has `count`.
static bool lacks_items(const struct itglue_join *join, const struct orders *orders,
                        const struct itglue_pending *pending)
{
    if (!join->kind->joined_required)
        return false;
    for (size_t r = 0; r < pending->related_count; r++) {
        size_t at = lower_bound(orders->by_id, orders->count, pending->related_ids[r], true);
        if (at == orders->count || orders->by_id[at]->id != pending->related_ids[r])
            return true;
    }
    // Without relationships a lost one may be its own. A type may really have no fields: what is
    // made of it has none, and sync/ asks for no assets of such a type.
    return pending->related_count == 0 && join->item_lost;
}

static bool hand_over(const struct itglue_join *join, const struct orders *orders,
                      struct itglue_pending *pending, const struct source_sink *sink,
                      struct itglue_out *work)
{
    size_t count = find_items(orders, pending);
    struct source_record *record = &pending->record;
    if (lacks_items(join, orders, pending)) {
        struct source_quarantine lacking = {
            .id = record->id, .reason = "RECORD_MALFORMED", .detail = "its fields are missing"};
        return sink->on_quarantine(sink->context, &lacking);
    }
    itglue_out_reset(work);
    bool good = itglue_out_append(work, record->body, record->body_len) &&
                (record->body_len <= 1 || itglue_out_append(work, ",", 1)) &&
                itglue_out_append(work, "\"", 1) && itglue_out_text(work, join->kind->joined_key) &&
                itglue_out_append(work, "\":[", 3);
    for (size_t i = 0; good && i < count; i++) {
        if (orders->found[i]->faulty) {
            struct source_quarantine spoiled = {.id = record->id,
                                                .reason = "RECORD_MALFORMED",
                                                .detail = "an included record cannot be read"};
            return sink->on_quarantine(sink->context, &spoiled);
        }
        good = (i == 0 || itglue_out_append(work, ",", 1)) &&
               itglue_out_append(work, orders->found[i]->json, orders->found[i]->json_len);
    }
    if (!good || !itglue_out_append(work, "]}", 2)) {
        struct source_quarantine large = {.id = record->id,
                                          .reason = "RECORD_TOO_LARGE",
                                          .detail = "with its included records it is too large"};
        return sink->on_quarantine(sink->context, &large);
    }
    record->body = work->data;
    record->body_len = work->len;
    itglue_record_hash(record);
    return sink->on_record(sink->context, record);
}

bool itglue_join_finish(struct itglue_join *join, const struct source_sink *sink,
                        struct itglue_out *work, bool *ret_no_memory)
{
    size_t count = join->item_count;
    struct orders orders = {
        .by_parent = arena_calloc(&join->arena, count + 1, sizeof(struct itglue_item *)),
        .by_id = arena_calloc(&join->arena, count + 1, sizeof(struct itglue_item *)),
        .found = arena_calloc(&join->arena, count + 1, sizeof(struct itglue_item *)),
        .count = count,
    };
    *ret_no_memory = orders.by_parent == NULL || orders.by_id == NULL || orders.found == NULL;
    if (*ret_no_memory)
        return false;
    for (size_t i = 0; i < count; i++)
        orders.by_parent[i] = orders.by_id[i] = &join->items[i];
    qsort(orders.by_parent, count, sizeof(orders.by_parent[0]), by_parent);
    qsort(orders.by_id, count, sizeof(orders.by_id[0]), by_id);
    for (size_t i = 0; i < join->pending_count; i++) {
        if (!hand_over(join, &orders, &join->pending[i], sink, work))
            return false;
    }
    return true;
}
