#include "collection.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const char *const names[COLLECTION_COUNT] = {
#define X(id, name, type) name,
    COLLECTIONS(X)
#undef X
};

static const char *const types[COLLECTION_COUNT] = {
#define X(id, name, type) type,
    COLLECTIONS(X)
#undef X
};

const char *collection_name(enum collection_id id)
{
    return names[id];
}

const char *collection_type(enum collection_id id)
{
    return types[id];
}

bool collection_find_name(const char *name, enum collection_id *id)
{
    for (int i = 0; i < COLLECTION_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *id = (enum collection_id)i;
            return true;
        }
    }
    return false;
}

void collection_init(struct collection *collection)
{
    *collection = (struct collection){.version = 1};
}

void collection_done(struct collection *collection)
{
    for (size_t i = 0; i < collection->count; i++)
        row_free(collection->rows[i]);
    free(collection->rows);
    for (int key = 0; key < ROW_KEY_COUNT; key++)
        free(collection->orders[key].rows);
    *collection = (struct collection){0};
}

void collection_changed(struct collection *collection)
{
    collection->version++;
}

/* The first position whose id is not below `id`. */
static size_t position_of(const struct collection *collection, int64_t id)
{
    size_t low = 0, high = collection->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (collection->rows[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void collection_insert(struct collection *collection, struct row *row)
{
    if (collection->count == collection->capacity) {
        collection->capacity = collection->capacity ? collection->capacity * 2 : 64;
        collection->rows =
            memory_grow(collection->rows, collection->capacity, sizeof *collection->rows);
    }
    size_t at = position_of(collection, row->id);
    memmove(collection->rows + at + 1, collection->rows + at,
            (collection->count - at) * sizeof *collection->rows);
    collection->rows[at] = row;
    collection->count++;
    collection_changed(collection);
}

struct row *collection_find(const struct collection *collection, int64_t id)
{
    size_t at = position_of(collection, id);
    if (at < collection->count && collection->rows[at]->id == id)
        return collection->rows[at];
    return NULL;
}

void collection_remove(struct collection *collection, int64_t id)
{
    size_t at = position_of(collection, id);
    if (at >= collection->count || collection->rows[at]->id != id)
        return;
    row_free(collection->rows[at]);
    collection->count--;
    memmove(collection->rows + at, collection->rows + at + 1,
            (collection->count - at) * sizeof *collection->rows);
    collection_changed(collection);
}

void collection_remove_organization(struct collection *collection, int64_t organization_id)
{
    size_t kept = 0;
    for (size_t i = 0; i < collection->count; i++) {
        if (collection->rows[i]->organization_id == organization_id)
            row_free(collection->rows[i]);
        else
            collection->rows[kept++] = collection->rows[i];
    }
    collection->count = kept;
    collection_changed(collection);
}

static int64_t key_of(const struct row *row, enum row_key key)
{
    return key == ROW_KEY_ORGANIZATION ? row->organization_id : row->parent_id;
}

static int compare_int64(int64_t left, int64_t right)
{
    return (left > right) - (left < right);
}

static int compare_organization(const void *left, const void *right)
{
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    int order = compare_int64(a->organization_id, b->organization_id);
    return order ? order : compare_int64(a->id, b->id);
}

static int compare_parent(const void *left, const void *right)
{
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    int order = compare_int64(a->parent_id, b->parent_id);
    return order ? order : compare_int64(a->id, b->id);
}

static struct row **ordered(struct collection *collection, enum row_key key)
{
    struct row_order *order = &collection->orders[key];
    if (order->version == collection->version)
        return order->rows;
    order->rows = memory_grow(order->rows, collection->count, sizeof *order->rows);
    if (collection->count) {
        memcpy(order->rows, collection->rows, collection->count * sizeof *order->rows);
        qsort(order->rows, collection->count, sizeof *order->rows,
              key == ROW_KEY_ORGANIZATION ? compare_organization : compare_parent);
    }
    order->version = collection->version;
    return order->rows;
}

struct row **collection_range(struct collection *collection, enum row_key key, int64_t value,
                              size_t *count)
{
    struct row **rows = ordered(collection, key);
    size_t low = 0, high = collection->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_of(rows[middle], key) < value)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < collection->count && key_of(rows[end], key) == value)
        end++;
    *count = end - low;
    return rows + low;
}
