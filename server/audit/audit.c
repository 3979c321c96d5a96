#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "server/audit/audit_private.h"
#include "server/base/buffer.h"
#include "server/base/clock.h"
#include "server/base/utf8.h"

enum { CHANGES_BYTES_MAX = 1024 * 1024, NAME_BYTES_MAX = 4096, SYSTEM_BYTES = 96, AT_ONCE = 128 };

static void write_value(struct buffer *buffer, const char *value)
{
    if (value == NULL)
        (void)buffer_text(buffer, "null");
    else
        (void)buffer_json_string(buffer, value, strlen(value));
}

static void write_changes(struct buffer *buffer, const struct audit_event *event)
{
    (void)buffer_text(buffer, "[");
    for (size_t i = 0; i < event->change_count; i++) {
        const struct audit_change *change = &event->changes[i];
        (void)buffer_text(buffer, i == 0 ? "{\"field\":" : ",{\"field\":");
        write_value(buffer, change->field);
        (void)buffer_text(buffer, ",\"old\":");
        write_value(buffer, change->old_value);
        (void)buffer_text(buffer, ",\"new\":");
        write_value(buffer, change->new_value);
        (void)buffer_text(buffer, "}");
    }
    (void)buffer_text(buffer, "]");
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

// The part of a row that the event itself says; texts are borrowed.
static struct audit_event_row row_of(const struct audit_event *event, const char *changes)
{
    return (struct audit_event_row){
        .type = (int)event->type,
        .phase = (int)event->phase,
        .outcome = (int)event->outcome,
        .error_reason = event->error == ERR_OK ? "" : err_reason(event->error),
        .resource = text_or_empty(event->resource),
        .resource_display_name = text_or_empty(event->resource_display_name),
        .company_id = text_or_empty(event->company_id),
        .company_display_name = text_or_empty(event->company_display_name),
        .organization = text_or_empty(event->organization),
        .password_category_display_name = text_or_empty(event->password_category_display_name),
        .reason = text_or_empty(event->reason),
        .ticket = text_or_empty(event->ticket),
        .upstream_status = event->upstream_status,
        .upstream_served = event->upstream_served,
        .policy_version = event->policy_version,
        .intent_sequence = event->intent_sequence,
        .changes = changes,
        .shown = event->shown,
        .shown_update_time_us = event->shown_update_time_us,
        .request_id = "",
        .peer = "",
    };
}

void audit_follow(const char *tenant, struct audit_head head, struct audit_event_row *const *rows,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct audit_event_row *row = rows[i];
        row->tenant = tenant;
        row->sequence = head.sequence + 1;
        // Taken while nobody else writes behind this head, so that times follow sequences as far as
        // the clock allows.
        row->event_time_us = clock_wall_us();
        memcpy(row->previous_hash, head.hash, sizeof(head.hash));
        audit_hash(row, row->hash);
        head.sequence = row->sequence;
        memcpy(head.hash, row->hash, sizeof(head.hash));
    }
}

enum err_code audit_chain(struct tx *tx, struct audit_event_row *const *rows, size_t count,
                          struct err *reterr)
{
    struct audit_head head;
    try_(audit_event_lock_head(tx, &head, reterr));
    audit_follow(tx_tenant(tx), head, rows, count);
    return ERR_OK;
}

// A name is as long as somebody made it upstream, and an event stays as it is: past one that no
// answer and no part of an export holds no reader would ever get. What is cut stands in `text`,
// behind the changes.
static enum err_code cut_names(struct buffer *text, struct audit_event_row *row, struct err *reterr)
{
    const char **const names[] = {&row->resource_display_name, &row->company_display_name,
                                  &row->password_category_display_name};
    size_t places[ARRAY_LEN(names)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(*names[i]);
        if (len <= NAME_BYTES_MAX)
            continue;
        (void)buffer_append(text, "", 1);
        places[i] = text->len;
        (void)buffer_append(text, *names[i], utf8_cut(*names[i], len, NAME_BYTES_MAX));
    }
    if (text->failed)
        return err_no_memory(reterr);
    row->changes = text->data;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (places[i] != 0)
            *names[i] = text->data + places[i];
    return ERR_OK;
}

enum err_code audit_row_of(const struct audit_event *event, const struct principal *actor,
                           const struct request *request, struct buffer *changes,
                           struct audit_event_row *ret_row, struct err *reterr)
{
    buffer_init(changes, CHANGES_BYTES_MAX);
    write_changes(changes, event);
    if (changes->failed)
        return err_no_memory(reterr);
    *ret_row = row_of(event, changes->data);
    ret_row->actor_subject = actor->subject;
    ret_row->actor_display_name = actor->display_name;
    ret_row->actor_kind = (int)actor->actor;
    if (request != NULL) {
        ret_row->request_id = text_or_empty(request->request_id);
        ret_row->peer = text_or_empty(request->peer);
    }
    return cut_names(changes, ret_row, reterr);
}

static enum err_code append(struct tx *tx, const struct audit_event *event,
                            const struct principal *actor, const struct request *request,
                            int64_t *ret_sequence, struct err *reterr)
{
    struct audit_event_row row, *rows[] = {&row};
    struct buffer changes _cleanup_(buffer_done) = {0};
    try_(audit_row_of(event, actor, request, &changes, &row, reterr));
    try_(audit_chain(tx, rows, 1, reterr));
    try_(audit_event_insert(tx, rows, 1, reterr));
    if (ret_sequence != NULL)
        *ret_sequence = row.sequence;
    return ERR_OK;
}

enum err_code audit_append(struct tx *tx, const struct request *request,
                           const struct audit_event *event, int64_t *ret_sequence,
                           struct err *reterr)
{
    if (strcmp(request->caller->tenant, tx_tenant(tx)) != 0)
        return err_set(reterr, ERR_INTERNAL, "an audit event of another tenant");
    return append(tx, event, request->caller, request, ret_sequence, reterr);
}

// At most AT_ONCE.
static enum err_code append_some(struct tx *tx, const struct request *request,
                                 const struct audit_event *events, size_t count,
                                 struct buffer *changes, struct err *reterr)
{
    struct audit_event_row rows[AT_ONCE], *all[AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        all[i] = &rows[i];
        try_(audit_row_of(&events[i], request->caller, request, &changes[i], &rows[i], reterr));
    }
    try_(audit_chain(tx, all, count, reterr));
    return audit_event_insert(tx, all, count, reterr);
}

enum err_code audit_append_many(struct tx *tx, const struct request *request,
                                const struct audit_event *events, size_t count, struct err *reterr)
{
    enum err_code code = ERR_OK;
    if (strcmp(request->caller->tenant, tx_tenant(tx)) != 0)
        return err_set(reterr, ERR_INTERNAL, "an audit event of another tenant");
    for (size_t first = 0; first < count && code == ERR_OK; first += AT_ONCE) {
        struct buffer changes[AT_ONCE] = {{0}};
        size_t some = count - first < AT_ONCE ? count - first : AT_ONCE;
        code = append_some(tx, request, &events[first], some, changes, reterr);
        for (size_t i = 0; i < some; i++)
            buffer_done(&changes[i]);
    }
    return code;
}

enum err_code audit_append_operator(struct tx *tx, const struct request *request,
                                    const struct audit_event *event, int64_t *ret_sequence,
                                    struct err *reterr)
{
    if (!principal_may(request->caller, PERMISSION_OPERATE_SERVICE))
        return err_set(reterr, ERR_INTERNAL, "an operator's audit event by somebody else");
    return append(tx, event, request->caller, request, ret_sequence, reterr);
}

enum err_code audit_append_system(struct tx *tx, const char *what, const struct audit_event *event,
                                  int64_t *ret_sequence, struct err *reterr)
{
    char subject[SYSTEM_BYTES], display_name[SYSTEM_BYTES];
    (void)snprintf(subject, sizeof(subject), "docbridge:%s", what);
    (void)snprintf(display_name, sizeof(display_name), "docbridge %s", what);
    const struct principal actor = {
        .subject = subject, .display_name = display_name, .actor = ACTOR_SYSTEM};
    return append(tx, event, &actor, NULL, ret_sequence, reterr);
}

static bool read_change(const json_t *item, struct arena *arena, struct audit_change *ret_change)
{
    const char *field = json_string_value(json_object_get(item, "field"));
    const char *old_value = json_string_value(json_object_get(item, "old"));
    const char *new_value = json_string_value(json_object_get(item, "new"));
    *ret_change = (struct audit_change){.field = arena_strdup(arena, text_or_empty(field)),
                                        .old_value = arena_strdup(arena, old_value),
                                        .new_value = arena_strdup(arena, new_value)};
    return ret_change->field != NULL && (old_value == NULL || ret_change->old_value != NULL) &&
           (new_value == NULL || ret_change->new_value != NULL);
}

enum err_code audit_changes(const char *json, struct arena *arena,
                            struct audit_change **ret_changes, size_t *ret_count,
                            struct err *reterr)
{
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(root)) {
        json_decref(root);
        return err_set(reterr, ERR_INTERNAL, "the changes of an audit event cannot be read");
    }
    size_t count = json_array_size(root);
    struct audit_change *changes = arena_calloc(arena, count, sizeof(*changes));
    bool read = changes != NULL;
    for (size_t i = 0; i < count && read; i++)
        read = read_change(json_array_get(root, i), arena, &changes[i]);
    json_decref(root);
    if (!read)
        return err_no_memory(reterr);
    *ret_changes = changes;
    *ret_count = count;
    return ERR_OK;
}
