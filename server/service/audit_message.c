#include "server/service/audit_message.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/name.h"

int64_t audit_time_bound(int64_t us)
{
    return us == 0 ? 1 : us;
}

static char *event_name(struct arena *arena, int64_t sequence)
{
    return arena_printf(arena, "auditEvents/%" PRId64, sequence);
}

static enum err_code fill_changes(struct arena *arena, const char *text,
                                  Docbridge__V1__AuditEvent *event, struct err *reterr)
{
    struct audit_change *changes;
    size_t count;
    try_(audit_changes(text, arena, &changes, &count, reterr));
    Docbridge__V1__AuditEvent__Change *all = arena_calloc(arena, count + 1, sizeof(*all));
    event->changes = arena_calloc(arena, count + 1, sizeof(*event->changes));
    if (all == NULL || event->changes == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const struct audit_change *change = &changes[i];
        docbridge__v1__audit_event__change__init(&all[i]);
        all[i].field = arena_strdup(arena, change->field);
        all[i].old_value = arena_strdup(arena, change->old_value == NULL ? "" : change->old_value);
        all[i].new_value = arena_strdup(arena, change->new_value == NULL ? "" : change->new_value);
        if (all[i].field == NULL || all[i].old_value == NULL || all[i].new_value == NULL)
            return err_no_memory(reterr);
        event->changes[i] = &all[i];
    }
    event->n_changes = count;
    return ERR_OK;
}

static enum err_code fill_actor(struct arena *arena, const struct audit_event_row *row,
                                Docbridge__V1__AuditEvent *event, struct err *reterr)
{
    event->actor = arena_alloc(arena, sizeof(*event->actor));
    if (event->actor == NULL)
        return err_no_memory(reterr);
    docbridge__v1__actor__init(event->actor);
    event->actor->subject = arena_strdup(arena, row->actor_subject);
    event->actor->display_name = arena_strdup(arena, row->actor_display_name);
    event->actor->kind = (Docbridge__V1__Actor__Kind)row->actor_kind;
    return event->actor->subject == NULL || event->actor->display_name == NULL
               ? err_no_memory(reterr)
               : ERR_OK;
}

static enum err_code fill_subject(struct arena *arena, const struct audit_event_row *row,
                                  Docbridge__V1__AuditEvent *event, struct err *reterr)
{
    Docbridge__V1__AuditEvent__Subject *subject = arena_alloc(arena, sizeof(*subject));
    if (subject == NULL)
        return err_no_memory(reterr);
    docbridge__v1__audit_event__subject__init(subject);
    subject->resource = arena_strdup(arena, row->resource);
    subject->display_name = arena_strdup(arena, row->resource_display_name);
    subject->company_display_name = arena_strdup(arena, row->company_display_name);
    subject->organization = arena_strdup(arena, row->organization);
    subject->password_category_display_name =
        arena_strdup(arena, row->password_category_display_name);
    if (row->company_id[0] != '\0')
        subject->company = arena_printf(arena, "companies/%s", row->company_id);
    if (subject->resource == NULL || subject->display_name == NULL || subject->company == NULL ||
        subject->company_display_name == NULL || subject->organization == NULL ||
        subject->password_category_display_name == NULL)
        return err_no_memory(reterr);
    event->subject = subject;
    return ERR_OK;
}

static enum err_code fill_hash(struct arena *arena, const unsigned char *hash,
                               ProtobufCBinaryData *ret_data, struct err *reterr)
{
    ret_data->data = arena_alloc(arena, AUDIT_HASH_BYTES);
    if (ret_data->data == NULL)
        return err_no_memory(reterr);
    memcpy(ret_data->data, hash, AUDIT_HASH_BYTES);
    ret_data->len = AUDIT_HASH_BYTES;
    return ERR_OK;
}

enum err_code audit_message_fill(struct arena *arena, const struct audit_event_row *row,
                                 Docbridge__V1__AuditEvent *event, struct err *reterr)
{
    event->name = event_name(arena, row->sequence);
    event->sequence = row->sequence;
    event->event_time = field_time(arena, row->event_time_us);
    event->type = (Docbridge__V1__AuditEvent__Type)row->type;
    event->phase = (Docbridge__V1__AuditEvent__Phase)row->phase;
    event->outcome = row->unresolved ? DOCBRIDGE__V1__AUDIT_EVENT__OUTCOME__OUTCOME_UNRESOLVED
                                     : (Docbridge__V1__AuditEvent__Outcome)row->outcome;
    event->error_reason = arena_strdup(arena, row->error_reason);
    event->reason = arena_strdup(arena, row->reason);
    event->ticket = arena_strdup(arena, row->ticket);
    event->request_id = arena_strdup(arena, row->request_id);
    event->peer = arena_strdup(arena, row->peer);
    event->upstream_status = row->upstream_status;
    event->upstream_served = row->upstream_served;
    event->policy_version = row->policy_version;
    if (row->intent_sequence != 0)
        event->related_event = event_name(arena, row->intent_sequence);
    if (event->name == NULL || event->event_time == NULL || event->error_reason == NULL ||
        event->reason == NULL || event->ticket == NULL || event->request_id == NULL ||
        event->peer == NULL || event->related_event == NULL)
        return err_no_memory(reterr);
    try_(fill_actor(arena, row, event, reterr));
    try_(fill_subject(arena, row, event, reterr));
    try_(fill_changes(arena, row->changes, event, reterr));
    try_(fill_hash(arena, row->previous_hash, &event->previous_hash, reterr));
    return fill_hash(arena, row->hash, &event->hash, reterr);
}

static enum err_code parse_time(const char *text, int64_t *ret_us, struct err *reterr)
{
    if (text != NULL && !clock_parse(text, ret_us))
        return err_invalid(reterr, "filter", "event_time must be compared with an RFC 3339 time");
    *ret_us = text == NULL ? 0 : audit_time_bound(*ret_us);
    return ERR_OK;
}

enum err_code audit_filter_parse(const struct request *request, const char *text,
                                 struct audit_event_filter *filter, struct err *reterr)
{
    const char *type = NULL, *outcome = NULL, *company = NULL, *from = NULL, *until = NULL;
    const struct filter_field fields[] = {
        {"type", FILTER_EQUALS, &type},
        {"outcome", FILTER_EQUALS, &outcome},
        {"actor.subject", FILTER_EQUALS, &filter->actor_subject},
        {"subject.resource", FILTER_EQUALS, &filter->resource},
        {"subject.company", FILTER_EQUALS, &company},
        {"event_time", FILTER_AT_LEAST, &from},
        {"event_time", FILTER_BELOW, &until},
    };
    try_(filter_parse(text, fields, ARRAY_LEN(fields), request->arena, reterr));
    if (type != NULL)
        try_(filter_enum("type", type, &docbridge__v1__audit_event__type__descriptor, "TYPE_",
                         &filter->type, reterr));
    if (outcome != NULL)
        try_(filter_enum("outcome", outcome, &docbridge__v1__audit_event__outcome__descriptor,
                         "OUTCOME_", &filter->outcome, reterr));
    if (company != NULL) {
        struct name name;
        try_(name_parse(company, "companies/{company}", "filter", request->arena, &name, reterr));
        filter->company_id = name.company;
    }
    try_(parse_time(from, &filter->from_us, reterr));
    try_(parse_time(until, &filter->until_us, reterr));
    // A caller who may see some companies reads of these alone, and of those of a set.
    if (!request->caller->all_companies) {
        static const char *const none[] = {NULL};
        filter->companies = request->caller->companies == NULL ? none : request->caller->companies;
        filter->company_count = request->caller->company_count;
    }
    return ERR_OK;
}
