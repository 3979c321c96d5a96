#include "include.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "render.h"

static bool same_name(const char *asked, const char *name)
{
    for (; *name; name++, asked++) {
        if (*asked != *name && !(*asked == '-' && *name == '_'))
            return false;
    }
    return *asked == '\0';
}

static const struct include_rule *find_rule(const struct endpoint *endpoint, const char *name,
                                            bool show)
{
    for (const struct include_rule *rule = endpoint->includes; rule->kind; rule++) {
        if (same_name(name, rule->name) && (show || !rule->show_only))
            return rule;
    }
    return NULL;
}

bool includes_parse(struct includes *includes, struct call *call, bool show)
{
    *includes = (struct includes){0};
    const char *value = query_get(call->query, "include");
    if (!value || !*value)
        return true;
    includes->requested = true;
    char **names;
    bool good = true;
    size_t count = query_split(value, &names);
    for (size_t i = 0; i < count && good; i++) {
        const struct include_rule *rule = find_rule(call->endpoint, names[i], show);
        if (rule && includes->count < INCLUDE_MAX)
            includes->rules[includes->count++] = rule;
        else if (!rule)
            good = switch_is(call->switches, SWITCH_UNKNOWN_INCLUDE, "ignored");
    }
    query_free_list(names, count);
    if (!good)
        answer_error(call->answer, 400, "Bad Request", "include is not supported", "include");
    return good;
}

void includes_done(struct includes *includes)
{
    text_done(&includes->list);
    free(includes->seen);
}

static void put_linkage(struct text *data, enum collection_id collection, int64_t id)
{
    text_comma(data);
    text_put(data, "{\"id\":\"");
    text_int(data, id);
    text_format(data, "\",\"type\":\"%s\"}", collection_type(collection));
}

static void add_row(struct includes *includes, struct call *call, enum collection_id collection,
                    const struct row *row)
{
    if (includes->list.length)
        text_put(&includes->list, ",");
    render_row(call, collection, row, RENDER_INCLUDED, NULL, &includes->list);
}

static bool first_time(struct includes *includes, int64_t id)
{
    for (size_t i = 0; i < includes->seen_count; i++) {
        if (includes->seen[i] == id)
            return false;
    }
    includes->seen = memory_grow(includes->seen, includes->seen_count + 1, sizeof(int64_t));
    includes->seen[includes->seen_count++] = id;
    return true;
}

/* An access row keeps its user where other rows keep their organization. */
static void collect_users(struct includes *includes, struct call *call, const struct row *row,
                          struct text *data)
{
    size_t count;
    struct row **accesses =
        collection_range(&call->account->collections[COLLECTION_USER_RESOURCE_ACCESSES],
                         ROW_KEY_PARENT, row->id, &count);
    for (size_t i = 0; i < count; i++) {
        const struct row *user =
            account_find(call->account, COLLECTION_USERS, accesses[i]->organization_id);
        if (!user)
            continue;
        put_linkage(data, COLLECTION_USERS, user->id);
        if (first_time(includes, user->id))
            add_row(includes, call, COLLECTION_USERS, user);
    }
}

static void collect_children(struct includes *includes, struct call *call, const struct row *row,
                             enum collection_id collection, struct text *data)
{
    size_t count;
    struct row **children =
        collection_range(&call->account->collections[collection], ROW_KEY_PARENT, row->id, &count);
    for (size_t i = 0; i < count; i++) {
        put_linkage(data, collection, children[i]->id);
        if (includes)
            add_row(includes, call, collection, children[i]);
    }
}

static void put_relationship(struct text *out, const char *name, const struct text *data)
{
    if (out->length)
        text_put(out, ",");
    text_put(out, "\"");
    for (; *name; name++)
        text_append(out, *name == '_' ? "-" : name, 1);
    text_format(out, "\":{\"data\":[%s]}", data->data ? data->data : "");
}

char *includes_collect(struct includes *includes, struct call *call, const struct row *row)
{
    struct text out = {0}, data = {0};
    bool fields_done = false;
    for (size_t i = 0; i < includes->count; i++) {
        const struct include_rule *rule = includes->rules[i];
        text_clear(&data);
        if (rule->kind == INCLUDE_AUTHORIZED_USERS) {
            if (switch_is(call->switches, SWITCH_AUTHORIZED_USERS, "absent"))
                continue;
            collect_users(includes, call, row, &data);
            if (switch_is(call->switches, SWITCH_AUTHORIZED_USERS, "unlinked"))
                continue;
        }
        if (rule->kind == INCLUDE_CHILDREN)
            collect_children(includes, call, row, rule->collection, &data);
        put_relationship(&out, rule->name, &data);
        fields_done |= rule->collection == COLLECTION_FLEXIBLE_ASSET_FIELDS;
    }
    /* A type names its fields even when nobody asked to include them. */
    if (call->endpoint->collection == COLLECTION_FLEXIBLE_ASSET_TYPES && !fields_done) {
        text_clear(&data);
        collect_children(NULL, call, row, COLLECTION_FLEXIBLE_ASSET_FIELDS, &data);
        put_relationship(&out, "flexible_asset_fields", &data);
    }
    text_done(&data);
    return text_take(&out);
}
