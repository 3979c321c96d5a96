// The canonical form of an event, whose SHA-256 is its hash: the fields below in this order, each
// as its length in 8 bytes (big-endian) and then its bytes.
//
//     previous hash (32 bytes), "docbridge.audit.v1", tenant, sequence, time, type, phase, outcome,
//     error reason, actor's subject, display name and kind, resource, its display name, company's
//     id and display name, organization, password category's display name, reason, ticket, request
//     id, peer, upstream status, upstream served, policy version, intent's sequence, changes
//
// Numbers are decimal ASCII, time is microseconds since 1970 UTC, a bool is 0 or 1, and changes are
// the JSON text exactly as it is stored.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "server/audit/audit.h"
#include "server/base/buffer.h"
#include "server/base/clock.h"

enum { CHANGES_BYTES_MAX = 1024 * 1024, SYSTEM_BYTES = 96 };

static void feed(crypto_hash_sha256_state *state, const void *bytes, size_t len)
{
    unsigned char prefix[8];
    for (size_t i = 0; i < sizeof(prefix); i++)
        prefix[i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
    (void)crypto_hash_sha256_update(state, prefix, sizeof(prefix));
    (void)crypto_hash_sha256_update(state, bytes, len);
}

static void feed_text(crypto_hash_sha256_state *state, const char *text)
{
    feed(state, text, strlen(text));
}

static void feed_number(crypto_hash_sha256_state *state, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    feed_text(state, text);
}

void audit_hash(const struct audit_event_row *row, unsigned char ret_hash[AUDIT_HASH_BYTES])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    feed(&state, row->previous_hash, sizeof(row->previous_hash));
    feed_text(&state, "docbridge.audit.v1");
    feed_text(&state, row->tenant);
    feed_number(&state, row->sequence);
    feed_number(&state, row->event_time_us);
    feed_number(&state, row->type);
    feed_number(&state, row->phase);
    feed_number(&state, row->outcome);
    feed_text(&state, row->error_reason);
    feed_text(&state, row->actor_subject);
    feed_text(&state, row->actor_display_name);
    feed_number(&state, row->actor_kind);
    feed_text(&state, row->resource);
    feed_text(&state, row->resource_display_name);
    feed_text(&state, row->company_id);
    feed_text(&state, row->company_display_name);
    feed_text(&state, row->organization);
    feed_text(&state, row->password_category_display_name);
    feed_text(&state, row->reason);
    feed_text(&state, row->ticket);
    feed_text(&state, row->request_id);
    feed_text(&state, row->peer);
    feed_number(&state, row->upstream_status);
    feed_number(&state, row->upstream_served);
    feed_number(&state, row->policy_version);
    feed_number(&state, row->intent_sequence);
    feed_text(&state, row->changes);
    (void)crypto_hash_sha256_final(&state, ret_hash);
}

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
        .request_id = "",
        .peer = "",
    };
}

// Puts the row, which has its actor, at the end of the chain.
static enum err_code chain(struct tx *tx, struct audit_event_row *row, int64_t *ret_sequence,
                           struct err *reterr)
{
    struct audit_head head;
    try_(audit_event_lock_head(tx, &head, reterr));
    row->tenant = tx_tenant(tx);
    row->sequence = head.sequence + 1;
    // Taken under the lock, so that times follow sequences as far as the clock allows.
    row->event_time_us = clock_wall_us();
    memcpy(row->previous_hash, head.hash, sizeof(head.hash));
    audit_hash(row, row->hash);
    try_(audit_event_insert(tx, row, reterr));
    if (ret_sequence != NULL)
        *ret_sequence = row->sequence;
    return ERR_OK;
}

static enum err_code append(struct tx *tx, const struct audit_event *event,
                            const struct principal *actor, const struct request *request,
                            int64_t *ret_sequence, struct err *reterr)
{
    _cleanup_(buffer_done) struct buffer changes;
    buffer_init(&changes, CHANGES_BYTES_MAX);
    write_changes(&changes, event);
    if (changes.failed)
        return err_no_memory(reterr);
    struct audit_event_row row = row_of(event, changes.data);
    row.actor_subject = actor->subject;
    row.actor_display_name = actor->display_name;
    row.actor_kind = (int)actor->actor;
    if (request != NULL) {
        row.request_id = text_or_empty(request->request_id);
        row.peer = text_or_empty(request->peer);
    }
    return chain(tx, &row, ret_sequence, reterr);
}

enum err_code audit_append(struct tx *tx, const struct request *request,
                           const struct audit_event *event, int64_t *ret_sequence,
                           struct err *reterr)
{
    if (strcmp(request->caller->tenant, tx_tenant(tx)) != 0)
        return err_set(reterr, ERR_INTERNAL, "an audit event of another tenant");
    return append(tx, event, request->caller, request, ret_sequence, reterr);
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
