#include "matcher.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "moment.h"

void matchers_done(struct matchers *matchers)
{
    for (size_t i = 0; i < matchers->count; i++) {
        query_free_list(matchers->items[i].values, matchers->items[i].count);
        free(matchers->items[i].numbers);
    }
    matchers->count = 0;
}

static struct matcher *add(struct matchers *matchers, enum filter_kind kind, const char *value)
{
    struct matcher *matcher = &matchers->items[matchers->count++];
    *matcher = (struct matcher){.kind = kind};
    matcher->count = query_split(value, &matcher->values);
    matcher->numbers = memory_get(matcher->count, sizeof *matcher->numbers);
    for (size_t i = 0; i < matcher->count; i++) {
        char *end;
        matcher->numbers[i] = strtoll(matcher->values[i], &end, 10);
    }
    return matcher;
}

/* Live on user_metrics: a difference of 7 days passes, 8 days and "*,end" do not, "start,*" does.
 */
static bool set_range(struct matcher *matcher, const struct selection_request *request,
                      struct answer *refusal)
{
    const char *from = matcher->values[0];
    const char *to = matcher->values[matcher->count > 1 ? 1 : 0];
    bool open_start = strchr(from, '*') != NULL, open_end = strchr(to, '*') != NULL;
    matcher->from_ms = INT64_MIN;
    matcher->to_ms = INT64_MAX;
    if ((!open_start && !moment_parse(from, &matcher->from_ms)) ||
        (!open_end && !moment_parse(to, &matcher->to_ms))) {
        answer_error(refusal, 422, "Invalid date range", NULL, NULL);
        return false;
    }
    if (switch_is(request->switches, SWITCH_DATE_RANGE_RULES, "none"))
        return true;
    bool refused = open_start && !open_end;
    if (switch_is(request->switches, SWITCH_DATE_RANGE_RULES, "no_open_end"))
        refused = open_start || open_end;
    if (!open_start && !open_end)
        refused = refused || matcher->to_ms - matcher->from_ms > 7 * DAY_MS;
    if (refused)
        answer_error(refusal, 422,
                     "date range filter cannot be longer than a week, and cannot start with a "
                     "wildcard",
                     NULL, NULL);
    return !refused;
}

static bool psa_is_own(const struct selection_request *request)
{
    return strcmp(query_filter(request->query, "[psa_integration_type]"),
                  request->account->plan.psa_type) == 0;
}

/* A filter by PSA that does not filter: without a type, or with one that the account has not. It is
 * passed over, or else refused. */
static bool psa_is_idle(const struct selection_request *request, struct answer *refusal,
                        bool *refused)
{
    if (!query_filter(request->query, "[psa_integration_type]")) {
        *refused = !switch_is(request->switches, SWITCH_PSA_FILTER_ALONE, "ignored");
        if (*refused)
            answer_error(refusal, 400, "Bad Request",
                         "param is missing or the value is empty: psa_integration_type", NULL);
        return true;
    }
    *refused =
        !psa_is_own(request) && switch_is(request->switches, SWITCH_PSA_FILTER_FOREIGN, "422");
    if (*refused)
        answer_error(refusal, 422, "psa_integration_type is not connected", NULL, NULL);
    return *refused || (!psa_is_own(request) &&
                        switch_is(request->switches, SWITCH_PSA_FILTER_FOREIGN, "ignored"));
}

/* Several types of flexible assets: whether all of them count is not documented. */
static bool takes_types(const struct selection_request *request, struct matcher *matcher,
                        struct answer *refusal)
{
    if (switch_is(request->switches, SWITCH_TYPE_FILTER_LIST, "first"))
        matcher->count = 1;
    if (!switch_is(request->switches, SWITCH_TYPE_FILTER_LIST, "422"))
        return true;
    answer_error(refusal, 422, "flexible_asset_type_id is invalid", NULL,
                 "filter/flexible_asset_type_id");
    return false;
}

static bool add_rule(struct matchers *matchers, const struct selection_request *request,
                     const struct filter_rule *rule, const char *value, struct answer *refusal)
{
    bool refused = false;
    if (rule->kind == FILTER_PSA && psa_is_idle(request, refusal, &refused))
        return !refused;
    struct matcher *matcher = add(matchers, rule->kind, value);
    if (rule->kind == FILTER_PARENT && matcher->count > 1 &&
        request->endpoint->collection == COLLECTION_FLEXIBLE_ASSETS &&
        !takes_types(request, matcher, refusal))
        return false;
    matcher->exclude = rule->exclude;
    matcher->attribute = rule->attribute;
    matcher->wanted = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (rule->kind == FILTER_CREATED || rule->kind == FILTER_UPDATED)
        return set_range(matcher, request, refusal);
    return true;
}

static bool refuse_folder(struct answer *refusal)
{
    answer_error(refusal, 422, "Unprocessable Entity", "document_folder_id is invalid",
                 "filter/document_folder_id");
    return false;
}

/* filter[document_folder_id]: none or 0 is the root, an id that folder, "null" a matter of dispute,
 * [ne]= or [ne]=null whatever is in a folder, or a matter of dispute too. */
static bool add_folder(struct matchers *matchers, const struct selection_request *request,
                       struct answer *refusal)
{
    const char *value = query_filter(request->query, "[document_folder_id]");
    const char *unequal = query_filter(request->query, "[document_folder_id][ne]");
    if (unequal && (!*unequal || strcmp(unequal, "null") == 0)) {
        if (switch_is(request->switches, SWITCH_FOLDER_FILTER_NE, "422"))
            return refuse_folder(refusal);
        if (switch_is(request->switches, SWITCH_FOLDER_FILTER_NE, "foldered"))
            add(matchers, FILTER_FOLDER, "")->wanted = true;
        if (!switch_is(request->switches, SWITCH_FOLDER_FILTER_NE, "ignored"))
            return true;
    }
    if (value && strcmp(value, "null") == 0) {
        if (switch_is(request->switches, SWITCH_FOLDER_FILTER_NULL, "all"))
            return true;
        if (switch_is(request->switches, SWITCH_FOLDER_FILTER_NULL, "422"))
            return refuse_folder(refusal);
        value = NULL;
    }
    add(matchers, FILTER_PARENT, value && *value ? value : "0");
    return true;
}

bool matchers_build(struct matchers *matchers, const struct selection_request *request,
                    struct answer *refusal)
{
    *matchers = (struct matchers){0};
    bool nested_ignored =
        request->organization_id && switch_is(request->switches, SWITCH_NESTED_FILTERS, "ignored");
    for (const struct filter_rule *rule = request->endpoint->filters; rule->kind; rule++) {
        const char *value = query_filter(request->query, rule->key);
        if (!value || nested_ignored)
            continue;
        if (!add_rule(matchers, request, rule, value, refusal))
            return false;
    }
    if (request->endpoint->collection == COLLECTION_DOCUMENTS)
        return add_folder(matchers, request, refusal);
    return true;
}

static bool any_number(const struct matcher *matcher, int64_t number)
{
    for (size_t i = 0; i < matcher->count; i++) {
        if (matcher->numbers[i] == number)
            return true;
    }
    return false;
}

static bool any_text(const struct matcher *matcher, const char *text)
{
    for (size_t i = 0; text && i < matcher->count; i++) {
        if (strcmp(matcher->values[i], text) == 0)
            return true;
    }
    return false;
}

static bool attribute_matches(const struct matcher *matcher, const struct row *row)
{
    char *text = row_scalar(row, matcher->attribute);
    bool matches = any_text(matcher, text);
    if (matcher->kind == FILTER_BOOL)
        matches = matcher->wanted == (text && strcmp(text, "true") == 0);
    free(text);
    return matches;
}

static bool psa_matches(const struct matcher *matcher, const struct selection_request *request,
                        const struct row *row)
{
    if (!psa_is_own(request))
        return false;
    size_t count = 0;
    struct row **links =
        collection_range(&request->account->collections[COLLECTION_ADAPTERS_RESOURCES],
                         ROW_KEY_PARENT, row->id, &count);
    for (size_t i = 0; i < count; i++) {
        if (any_text(matcher, links[i]->name))
            return true;
    }
    return false;
}

static bool matches(const struct matcher *matcher, const struct selection_request *request,
                    const struct row *row)
{
    switch (matcher->kind) {
    case FILTER_ID:
        return any_number(matcher, row->id);
    case FILTER_ORGANIZATION:
        return any_number(matcher, row->organization_id);
    case FILTER_PARENT:
        return any_number(matcher, row->parent_id);
    case FILTER_NAME:
        return any_text(matcher, row->name);
    case FILTER_CREATED:
        return row->created_ms >= matcher->from_ms && row->created_ms <= matcher->to_ms;
    case FILTER_UPDATED:
        return row->updated_ms >= matcher->from_ms && row->updated_ms <= matcher->to_ms;
    case FILTER_BOOL:
    case FILTER_ATTRIBUTE:
        return attribute_matches(matcher, row);
    case FILTER_PSA:
        return psa_matches(matcher, request, row);
    case FILTER_FOLDER:
        return row->parent_id != 0;
    case FILTER_END:
        break;
    }
    return true;
}

bool matchers_accept(const struct matchers *matchers, const struct selection_request *request,
                     const struct row *row)
{
    for (size_t i = 0; i < matchers->count; i++) {
        if (matches(&matchers->items[i], request, row) == matchers->items[i].exclude)
            return false;
    }
    return true;
}

bool matchers_single(const struct matchers *matchers, enum filter_kind kind, int64_t *value)
{
    for (size_t i = 0; i < matchers->count; i++) {
        const struct matcher *matcher = &matchers->items[i];
        if (matcher->kind == kind && !matcher->exclude && matcher->count == 1) {
            *value = matcher->numbers[0];
            return true;
        }
    }
    return false;
}
