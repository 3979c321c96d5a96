#include "selection.h"

#include <stdlib.h>
#include <string.h>

#include "matcher.h"
#include "memory.h"

#define SORT_MAX 4

struct sort_key {
    char field[48]; /* snake_case, as asked */
    bool descending;
    bool decoded; /* compares an attribute that had to be taken out of the text */
};

struct sort_plan {
    struct sort_key keys[SORT_MAX];
    size_t count;
};

struct sort_item {
    struct row *row;
    char *texts[SORT_MAX];
};

static bool is_listed(const char *const *sorts, const char *field)
{
    for (; *sorts; sorts++) {
        if (strcmp(*sorts, field) == 0)
            return true;
    }
    return false;
}

static void plan_sort(struct sort_plan *plan, const struct selection_request *request)
{
    static const char *const built_in[] = {"id", "name", "created_at", "updated_at", NULL};
    bool sorted_documents = request->endpoint->collection == COLLECTION_DOCUMENTS &&
                            switch_is(request->switches, SWITCH_DOCUMENTS_SORT, "honoured");
    const char *const *sorts = sorted_documents ? built_in : request->endpoint->sorts;
    const char *value = query_get(request->query, "sort");
    if (!value && switch_is(request->switches, SWITCH_DEFAULT_ORDER, "name"))
        value = "name";
    else if (value && !*value)
        value = NULL;
    char **fields = NULL;
    size_t count = value ? query_split(value, &fields) : 0;
    for (size_t i = 0; i < count && plan->count < SORT_MAX; i++) {
        const char *field = fields[i][0] == '-' ? fields[i] + 1 : fields[i];
        bool asked = query_get(request->query, "sort") != NULL;
        if (strlen(field) >= sizeof plan->keys[0].field || (asked && !is_listed(sorts, field)))
            continue;
        struct sort_key *key = &plan->keys[plan->count++];
        memcpy(key->field, field, strlen(field) + 1);
        key->descending = fields[i][0] == '-';
        key->decoded = !is_listed(built_in, field);
    }
    query_free_list(fields, count);
}

static int compare_int64(int64_t left, int64_t right)
{
    return (left > right) - (left < right);
}

static int compare_text(const char *left, const char *right)
{
    if (!left || !right)
        return (left != NULL) - (right != NULL);
    char *end_left, *end_right;
    int64_t a = strtoll(left, &end_left, 10), b = strtoll(right, &end_right, 10);
    if (*left && *right && !*end_left && !*end_right)
        return compare_int64(a, b);
    return strcmp(left, right);
}

static int compare_key(const struct sort_key *key, const struct sort_item *left,
                       const struct sort_item *right, size_t index)
{
    if (key->decoded)
        return compare_text(left->texts[index], right->texts[index]);
    if (strcmp(key->field, "name") == 0)
        return compare_text(left->row->name, right->row->name);
    if (strcmp(key->field, "created_at") == 0)
        return compare_int64(left->row->created_ms, right->row->created_ms);
    if (strcmp(key->field, "updated_at") == 0)
        return compare_int64(left->row->updated_ms, right->row->updated_ms);
    return compare_int64(left->row->id, right->row->id);
}

static int compare_items(const void *left_item, const void *right_item, void *context)
{
    const struct sort_plan *plan = context;
    const struct sort_item *left = left_item, *right = right_item;
    for (size_t i = 0; i < plan->count; i++) {
        int order = compare_key(&plan->keys[i], left, right, i);
        if (order)
            return plan->keys[i].descending ? -order : order;
    }
    return compare_int64(left->row->id, right->row->id);
}

static void sort_rows(struct sort_plan *plan, struct row **rows, size_t count)
{
    if (!plan->count || !count)
        return;
    struct sort_item *items = memory_get(count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i].row = rows[i];
        for (size_t k = 0; k < plan->count; k++) {
            char attribute[48];
            if (!plan->keys[k].decoded)
                continue;
            size_t at = 0;
            for (; plan->keys[k].field[at]; at++)
                attribute[at] = plan->keys[k].field[at] == '_' ? '-' : plan->keys[k].field[at];
            attribute[at] = '\0';
            items[i].texts[k] = row_scalar(rows[i], attribute);
        }
    }
    qsort_r(items, count, sizeof *items, compare_items, plan);
    for (size_t i = 0; i < count; i++) {
        rows[i] = items[i].row;
        for (size_t k = 0; k < plan->count; k++)
            free(items[i].texts[k]);
    }
    free(items);
}

static void keep_rows(const struct selection_request *request, const struct matchers *matchers,
                      struct row **rows, size_t count, struct row ***kept, size_t *kept_count)
{
    bool personal_hidden = switch_is(request->switches, SWITCH_PERSONAL_PASSWORDS, "hidden");
    *kept = memory_get(count, sizeof **kept);
    *kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (request->organization_id && rows[i]->organization_id != request->organization_id)
            continue;
        if (request->parent_given && rows[i]->parent_id != request->parent_id)
            continue;
        if (rows[i]->personal && personal_hidden)
            continue;
        if (matchers_accept(matchers, request, rows[i]))
            (*kept)[(*kept_count)++] = rows[i];
    }
    struct sort_plan plan = {0};
    plan_sort(&plan, request);
    sort_rows(&plan, *kept, *kept_count);
}

bool selection_apply(const struct selection_request *request, struct row **rows, size_t count,
                     struct row ***kept, size_t *kept_count, struct answer *refusal)
{
    struct matchers matchers;
    bool good = matchers_build(&matchers, request, refusal);
    if (good)
        keep_rows(request, &matchers, rows, count, kept, kept_count);
    matchers_done(&matchers);
    return good;
}

/* All that decides the rows: the route, filters, sort, and the switches that take part. */
static char *cache_key(const struct selection_request *request)
{
    struct text key = {0};
    text_format(&key, "%d %d ", (int)request->endpoint->collection, request->parent_given);
    text_int(&key, request->organization_id);
    text_put(&key, " ");
    text_int(&key, request->parent_id);
    static const enum switch_id deciding[] = {
        SWITCH_PERSONAL_PASSWORDS, SWITCH_DEFAULT_ORDER,    SWITCH_FOLDER_FILTER_NULL,
        SWITCH_FOLDER_FILTER_NE,   SWITCH_NESTED_FILTERS,   SWITCH_PSA_FILTER_ALONE,
        SWITCH_DATE_RANGE_RULES,   SWITCH_TYPE_FILTER_LIST, SWITCH_DOCUMENTS_SORT};
    for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++)
        text_format(&key, " %s", switch_text(request->switches, deciding[i]));
    for (size_t i = 0; i < request->query->count; i++) {
        const struct parameter *item = &request->query->items[i];
        if (strncmp(item->key, "filter", 6) == 0 || strcmp(item->key, "sort") == 0)
            text_format(&key, "\n%s=%s", item->key, item->value);
    }
    return text_take(&key);
}

static struct selection *oldest_slot(struct account *account)
{
    struct selection *oldest = &account->selections[0];
    for (size_t i = 1; i < SELECTION_CACHE_SIZE; i++) {
        if (account->selections[i].last_use < oldest->last_use)
            oldest = &account->selections[i];
    }
    free(oldest->key);
    free(oldest->rows);
    *oldest = (struct selection){0};
    return oldest;
}

static struct selection *cached(struct account *account, const char *key, uint64_t version)
{
    for (size_t i = 0; i < SELECTION_CACHE_SIZE; i++) {
        struct selection *slot = &account->selections[i];
        if (slot->key && slot->version == version && strcmp(slot->key, key) == 0)
            return slot;
    }
    return NULL;
}

/* Starts from the shortest list at hand instead of the whole collection. */
static struct row **start_rows(const struct selection_request *request,
                               const struct matchers *matchers, struct collection *collection,
                               size_t *count)
{
    int64_t value = request->organization_id;
    if (value || matchers_single(matchers, FILTER_ORGANIZATION, &value))
        return collection_range(collection, ROW_KEY_ORGANIZATION, value, count);
    value = request->parent_id;
    if (request->parent_given || matchers_single(matchers, FILTER_PARENT, &value))
        return collection_range(collection, ROW_KEY_PARENT, value, count);
    *count = collection->count;
    return collection->rows;
}

const struct selection *selection_get(const struct selection_request *request,
                                      struct answer *refusal)
{
    struct account *account = request->account;
    struct collection *collection = &account->collections[request->endpoint->collection];
    char *key = cache_key(request);
    struct selection *slot = cached(account, key, collection->version);
    if (slot) {
        free(key);
    } else {
        struct matchers matchers;
        if (matchers_build(&matchers, request, refusal)) {
            size_t count;
            struct row **rows = start_rows(request, &matchers, collection, &count);
            slot = oldest_slot(account);
            slot->key = key;
            slot->version = collection->version;
            keep_rows(request, &matchers, rows, count, &slot->rows, &slot->count);
        } else {
            free(key);
        }
        matchers_done(&matchers);
    }
    if (slot)
        slot->last_use = ++account->selection_clock;
    return slot;
}
