// GetChecklist, and templates of checklists.
#include "server/service/documentation.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "server/service/begin.h"
#include "server/service/content.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/parent.h"
#include "server/store/checklist_template.h"

PUBLIC_HANDLER(get_checklist, GetChecklistRequest, Checklist)
PUBLIC_HANDLER(list_checklist_templates, ListChecklistTemplatesRequest,
               ListChecklistTemplatesResponse)
PUBLIC_HANDLER(get_checklist_template, GetChecklistTemplateRequest, ChecklistTemplate)

enum { TASK = DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_CHECKLISTS };

static const struct documentation_kind checklists = {"companies/{company}/checklists/{record}",
                                                     TASK, documentation_get_checklist};

enum err_code documentation_fill_checklist(struct arena *arena, const char *parent,
                                           const char *connection_id,
                                           const struct documentation_row *row,
                                           Docbridge__V1__Checklist *checklist, struct err *reterr)
{
    int64_t complete_time;
    docbridge__v1__checklist__init(checklist);
    checklist->name = arena_printf(arena, "%s/checklists/%" PRId64, parent, row->id);
    checklist->display_name = content_title(arena, row->display_name);
    checklist->upstream_uri = arena_strdup(arena, row->web_url);
    checklist->assignee_display_name =
        arena_strdup(arena, row->assignee_display_name ? row->assignee_display_name : "");
    checklist->completed = row->completed;
    if (row->complete_time != NULL && clock_parse(row->complete_time, &complete_time))
        checklist->complete_time = field_time(arena, complete_time);
    checklist->due_date = documentation_date(arena, row->due_date);
    checklist->item_count = row->item_count;
    checklist->completed_item_count = row->completed_item_count;
    if (row->type_id != 0)
        checklist->checklist_template = arena_printf(
            arena, "connections/%s/checklistTemplates/%" PRId64, connection_id, row->type_id);
    checklist->archived = row->archived;
    checklist->update_time = field_time(arena, row->update_time);
    if (checklist->name == NULL || checklist->display_name == NULL ||
        checklist->upstream_uri == NULL || checklist->assignee_display_name == NULL ||
        checklist->checklist_template == NULL)
        return err_no_memory(reterr);
    return ERR_OK;
}

typedef Docbridge__V1__ChecklistItem Item;

static void decref(json_t **json)
{
    json_decref(*json);
}

static enum err_code fill_html(struct content *content, const json_t *object, char **ret_html,
                               struct err *reterr)
{
    const json_t *html = json_object_get(object, "description");
    return content_html(content, json_string_value(html), json_string_length(html), ret_html,
                        reterr);
}

static enum err_code fill_item(struct content *content, const json_t *task, Item *item,
                               struct err *reterr)
{
    const json_t *name = json_object_get(task, "name");
    const char *complete = json_string_value(json_object_get(task, "completed_at"));
    json_int_t position = json_integer_value(json_object_get(task, "position"));
    json_int_t assignee = json_integer_value(json_object_get(task, "assignee_id"));
    int64_t time_us;
    docbridge__v1__checklist_item__init(item);
    try_(content_text(content, json_string_value(name), json_string_length(name),
                      &item->display_name, reterr));
    try_(fill_html(content, task, &item->sanitized_html, reterr));
    item->position = position > 0 && position <= INT32_MAX ? (int32_t)position : 0;
    item->completed = json_is_true(json_object_get(task, "completed"));
    if (complete != NULL && clock_parse(complete, &time_us))
        item->complete_time = field_time(content->arena, time_us);
    item->due_date =
        documentation_date(content->arena, json_string_value(json_object_get(task, "due_date")));
    if (assignee != 0)
        item->assignee_upstream_id =
            arena_printf(content->arena, "%" JSON_INTEGER_FORMAT, assignee);
    return item->assignee_upstream_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

// Tasks as upstream orders them: the sync stores them by position.
static enum err_code fill_items(struct content *content, const json_t *body, Item ***ret_items,
                                size_t *ret_count, struct err *reterr)
{
    const json_t *tasks = json_object_get(body, "tasks");
    size_t count = json_array_size(tasks);
    Item **items = arena_calloc(content->arena, count + 1, sizeof(*items));
    Item *all = arena_calloc(content->arena, count + 1, sizeof(*all));
    if (items == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        items[i] = &all[i];
        try_(fill_item(content, json_array_get(tasks, i), &all[i], reterr));
    }
    *ret_items = items;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code get_checklist(struct request *request,
                                   const Docbridge__V1__GetChecklistRequest *in,
                                   Docbridge__V1__Checklist *out, struct err *reterr)
{
    struct documentation_reading reading _cleanup_(documentation_done) = {0};
    struct embedded_secret_line line = {.len = 0};
    struct content content = {.arena = request->arena, .line = &line};
    try_(documentation_open(request, in->name, &checklists, &reading, reterr));
    try_(documentation_fill_checklist(request->arena, reading.parent, reading.sight.connection_id,
                                      &reading.row, out, reterr));
    json_t *body _cleanup_(decref) =
        json_loadb(reading.row.content, reading.row.content_len, 0, NULL);
    if (body == NULL)
        return err_no_memory(reterr);
    content.base = content_base(request->arena, reading.row.web_url);
    try_(fill_html(&content, body, &out->sanitized_html, reterr));
    try_(fill_items(&content, body, &out->items, &out->n_items, reterr));
    out->masked_count = content.secret_count;
    out->content_truncated = content.full;
    out->freshness = reading.freshness;
    return ERR_OK;
}

static enum err_code fill_template(struct arena *arena, const char *connection_id,
                                   const struct checklist_template *template,
                                   Docbridge__V1__ChecklistTemplate *out, struct err *reterr)
{
    out->name = arena_printf(arena, "connections/%s/checklistTemplates/%" PRId64, connection_id,
                             template->id);
    out->display_name = content_title(arena, template->display_name);
    out->upstream_uri = arena_strdup(arena, template->web_url);
    out->update_time = field_time(arena, template->update_time);
    out->item_count = template->item_count;
    return out->name == NULL || out->display_name == NULL || out->upstream_uri == NULL
               ? err_no_memory(reterr)
               : ERR_OK;
}

static enum err_code template_freshness(struct tx *tx, struct arena *arena,
                                        const struct connection *connection,
                                        Docbridge__V1__Freshness **ret_freshness,
                                        struct err *reterr)
{
    struct sight sight = {.standing.state = connection->state};
    try_(checklist_template_as_of(tx, connection->id, TASK, &sight.as_of_time, reterr));
    *ret_freshness = reading_freshness(arena, &sight);
    return *ret_freshness == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code
list_checklist_templates(struct request *request,
                         const Docbridge__V1__ListChecklistTemplatesRequest *in,
                         Docbridge__V1__ListChecklistTemplatesResponse *out, struct err *reterr)
{
    const struct page_list list = {"ListChecklistTemplates", in->parent, NULL};
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct checklist_template *templates;
    struct name name;
    const char *cursor, *after_name;
    int64_t after_id, total;
    size_t count;
    int size;
    try_(name_parse(in->parent, "connections/{connection}", "parent", arena, &name, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(cursor_open_number(arena, cursor, &after_id, &after_name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    try_(template_freshness(tx, arena, connection, &out->freshness, reterr));
    // One more than asked for tells whether there is another page.
    try_(checklist_template_list(tx, request->caller, name.connection, after_name, after_id,
                                 size + 1, arena, &templates, &count, &total, reterr));
    if (count > (size_t)size) {
        const struct checklist_template *last = &templates[size - 1];
        count = (size_t)size;
        try_(cursor_make_number(arena, last->id, last->name_key, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    Docbridge__V1__ChecklistTemplate *all = arena_calloc(arena, count + 1, sizeof(*all));
    out->checklist_templates = arena_calloc(arena, count + 1, sizeof(*out->checklist_templates));
    if (all == NULL || out->checklist_templates == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__checklist_template__init(&all[i]);
        try_(fill_template(arena, name.connection, &templates[i], &all[i], reterr));
        out->checklist_templates[out->n_checklist_templates++] = &all[i];
    }
    out->total_size = (int32_t)total;
    return ERR_OK;
}

static enum err_code get_checklist_template(struct request *request,
                                            const Docbridge__V1__GetChecklistTemplateRequest *in,
                                            Docbridge__V1__ChecklistTemplate *out,
                                            struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct embedded_secret_line line = {.len = 0};
    struct content content = {.arena = request->arena, .line = &line};
    struct checklist_template template;
    struct connection *connection;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}/checklistTemplates/{record}", "name",
                    request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->name, &connection, reterr));
    enum err_code code = checklist_template_get(tx, request->caller, name.connection, name.record,
                                                request->arena, &rows, &template, reterr);
    if (code != ERR_OK)
        return code == ERR_RESOURCE_NOT_FOUND ? err_not_found(reterr, in->name) : code;
    try_(template_freshness(tx, request->arena, connection, &out->freshness, reterr));
    try_(tx_commit(&tx, reterr));
    try_(fill_template(request->arena, name.connection, &template, out, reterr));
    content.base = content_base(request->arena, template.web_url);
    json_t *body _cleanup_(decref) = json_loads(template.content, 0, NULL);
    try_(fill_html(&content, body, &out->sanitized_html, reterr));
    try_(fill_items(&content, body, &out->items, &out->n_items, reterr));
    out->masked_count = content.secret_count;
    out->content_truncated = content.full;
    return ERR_OK;
}
