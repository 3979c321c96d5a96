#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "memory.h"
#include "render.h"
#include "selection.h"

#define SEGMENTS_MAX 8

struct path {
    char *copy;
    char *segments[SEGMENTS_MAX];
    size_t count;
};

static void split_path(struct path *path, const char *text)
{
    *path = (struct path){.copy = memory_text(text)};
    char *at = path->copy;
    while (*at) {
        while (*at == '/')
            *at++ = '\0';
        if (!*at)
            break;
        if (path->count == SEGMENTS_MAX) {
            path->count++; /* too long for any route */
            break;
        }
        path->segments[path->count++] = at;
        at += strcspn(at, "/");
    }
}

static int64_t read_id(const char *segment)
{
    char *end;
    int64_t id = strtoll(segment, &end, 10);
    return *end || id < 0 ? 0 : id;
}

static void unknown_route(struct call *call)
{
    if (switch_on(call->switches, SWITCH_HTML_404))
        answer_html(call->answer, 404, "The page you were looking for doesn't exist");
    else
        answer_error(call->answer, 404, "Not Found", "Not Found", NULL);
}

static void no_record(struct call *call)
{
    if (switch_int(call->switches, SWITCH_MISSING_RECORD) == 401)
        answer_unauthorized(call->answer);
    else
        answer_not_found(call->answer);
}

/* What the tenant's vintage or a switch keeps from keys; true when the answer is given. */
static bool refused(struct call *call, bool index)
{
    const struct endpoint *endpoint = call->endpoint;
    const struct switches *switches = call->switches;
    if (endpoint->vintage && strcmp(switch_text(switches, SWITCH_VINTAGE), endpoint->vintage) < 0) {
        answer_sessions_only(call->answer);
        return true;
    }
    if (endpoint->collection == COLLECTION_ORGANIZATIONS &&
        switch_on(switches, SWITCH_ORGANIZATIONS_DENIED)) {
        answer_unauthorized(call->answer);
        return true;
    }
    if (endpoint->collection == COLLECTION_CHECKLIST_TEMPLATES &&
        !switch_is(switches, SWITCH_CHECKLIST_TEMPLATES, "ok")) {
        if (switch_is(switches, SWITCH_CHECKLIST_TEMPLATES, "401"))
            answer_sessions_only(call->answer);
        else
            unknown_route(call);
        return true;
    }
    if (index && endpoint->collection == COLLECTION_PASSWORDS &&
        switch_is(switches, SWITCH_LIST_SHOW_PASSWORD, "400") &&
        query_get(call->query, "show_password")) {
        answer_error(call->answer, 400, "Bad Request", "show_password is not supported", NULL);
        return true;
    }
    return false;
}

static void answer_index(struct call *call, int64_t organization_id, int64_t type_id)
{
    if (refused(call, true))
        return;
    if (organization_id &&
        !account_find(call->account, COLLECTION_ORGANIZATIONS, organization_id)) {
        no_record(call);
        return;
    }
    if (call->endpoint->collection == COLLECTION_FLEXIBLE_ASSETS &&
        !query_filter(call->query, "[flexible_asset_type_id]")) {
        unsigned status = (unsigned)switch_int(call->switches, SWITCH_MISSING_TYPE_FILTER);
        answer_error(call->answer, status, status == 400 ? "Bad Request" : "Unprocessable Entity",
                     "param is missing or the value is empty: flexible_asset_type_id", NULL);
        return;
    }
    struct selection_request request = {.account = call->account,
                                        .switches = call->switches,
                                        .endpoint = call->endpoint,
                                        .query = call->query,
                                        .organization_id = organization_id,
                                        .parent_id = type_id,
                                        .parent_given = type_id != 0};
    const struct selection *selection = selection_get(&request, call->answer);
    if (selection)
        listing_page(call, selection->rows, selection->count);
}

static bool show_denied(struct call *call)
{
    if (call->endpoint->collection != COLLECTION_PASSWORDS || call->password_access)
        return false;
    const char *asked = query_get(call->query, "show_password");
    if (asked)
        return strcmp(asked, "true") == 0 || strcmp(asked, "1") == 0;
    return switch_on(call->switches, SWITCH_SHOW_PASSWORD_DEFAULT) &&
           switch_is(call->switches, SWITCH_OMITTED_WITHOUT_ACCESS, "401");
}

static void answer_show(struct call *call, int64_t id, int64_t organization_id)
{
    if (refused(call, false))
        return;
    const struct row *row = account_find(call->account, call->endpoint->collection, id);
    bool hidden =
        row && row->personal && switch_is(call->switches, SWITCH_PERSONAL_PASSWORDS, "hidden");
    if (!row || hidden || (organization_id && row->organization_id != organization_id))
        no_record(call);
    else if (show_denied(call))
        answer_unauthorized(call->answer);
    else
        listing_show(call, row);
}

static void answer_sections(struct call *call, int64_t document_id, const char *section)
{
    call->endpoint = endpoint_sections();
    if (refused(call, true))
        return;
    const struct row *document = account_find(call->account, COLLECTION_DOCUMENTS, document_id);
    if (!document) {
        no_record(call);
        return;
    }
    size_t count, kept_count = 0;
    struct row **rows = render_sections(call, document, &count), **kept = NULL;
    struct selection_request request = {.account = call->account,
                                        .switches = call->switches,
                                        .endpoint = call->endpoint,
                                        .query = call->query};
    if (section) {
        const struct row *found = NULL;
        for (size_t i = 0; i < count; i++) {
            if (rows[i]->id == read_id(section))
                found = rows[i];
        }
        if (found)
            listing_show(call, found);
        else
            no_record(call);
    } else if (selection_apply(&request, rows, count, &kept, &kept_count, call->answer)) {
        listing_page(call, kept, kept_count);
    }
    for (size_t i = 0; i < count; i++)
        row_free(rows[i]);
    free(rows);
    free(kept);
}

/* /organizations/:id/relationships/... and its kin. */
static void answer_nested(struct call *call, const struct path *path)
{
    const char *outer = path->segments[0], *inner = path->segments[3];
    const char *last = path->count == 5 ? path->segments[4] : NULL;
    int64_t id = read_id(path->segments[1]);
    call->endpoint = endpoint_find(inner);
    if (strcmp(outer, "documents") == 0 && strcmp(inner, "sections") == 0) {
        answer_sections(call, id, last);
    } else if (strcmp(outer, "organizations") == 0 && call->endpoint &&
               (call->endpoint->routes & ROUTE_NESTED)) {
        if (!id)
            no_record(call);
        else if (last)
            answer_show(call, read_id(last), id);
        else
            answer_index(call, id, 0);
    } else if (strcmp(outer, "flexible_asset_types") == 0 && call->endpoint &&
               (call->endpoint->routes & ROUTE_BELOW_TYPE)) {
        if (!account_find(call->account, COLLECTION_FLEXIBLE_ASSET_TYPES, id))
            no_record(call);
        else if (last)
            answer_show(call, read_id(last), 0);
        else
            answer_index(call, 0, id);
    } else {
        unknown_route(call);
    }
}

static void answer_flat(struct call *call, const struct path *path)
{
    call->endpoint = endpoint_find(path->segments[0]);
    bool index = path->count == 1;
    if (strcmp(path->segments[0], "checklist_tasks") == 0) {
        answer_sessions_only(call->answer);
        return;
    }
    bool closed = call->endpoint && index && call->endpoint->collection == COLLECTION_DOCUMENTS &&
                  switch_is(call->switches, SWITCH_DOCUMENTS_INDEX, "404");
    if (!call->endpoint || closed ||
        !(call->endpoint->routes & (unsigned)(index ? ROUTE_INDEX : ROUTE_SHOW)))
        unknown_route(call);
    else if (index)
        answer_index(call, 0, 0);
    else
        answer_show(call, read_id(path->segments[1]), 0);
}

void route_answer(struct call *call)
{
    struct path path;
    split_path(&path, call->path);
    if (switch_on(call->switches, SWITCH_API_NOT_ENABLED))
        answer_unauthorized(call->answer);
    else if (path.count == 1 || path.count == 2)
        answer_flat(call, &path);
    else if ((path.count == 4 || path.count == 5) && strcmp(path.segments[2], "relationships") == 0)
        answer_nested(call, &path);
    else
        unknown_route(call);
    free(path.copy);
}
