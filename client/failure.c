#include "client/failure.h"

#include <inttypes.h>
#include <string.h>

#include "client/field.h"
#include "client/message.h"
#include "client/remedy.h"
#include "client/text.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

const char *failure_status_name(enum status status)
{
    static const char *const names[] = {"OK",
                                        "CANCELLED",
                                        "UNKNOWN",
                                        "INVALID_ARGUMENT",
                                        "DEADLINE_EXCEEDED",
                                        "NOT_FOUND",
                                        "ALREADY_EXISTS",
                                        "PERMISSION_DENIED",
                                        "RESOURCE_EXHAUSTED",
                                        "FAILED_PRECONDITION",
                                        "ABORTED",
                                        "OUT_OF_RANGE",
                                        "UNIMPLEMENTED",
                                        "INTERNAL",
                                        "UNAVAILABLE",
                                        "DATA_LOSS",
                                        "UNAUTHENTICATED"};
    return (size_t)status < ARRAY_LEN(names) ? names[status] : "UNKNOWN";
}

static void add_pair(struct failure_pair *pairs, size_t *count, const char *key, const char *value)
{
    if (*count < FAILURE_PAIRS_MAX)
        pairs[(*count)++] = (struct failure_pair){key, value};
}

static void read_info(const Google__Rpc__ErrorInfo *info, struct failure *failure)
{
    failure->reason = info->reason;
    for (size_t i = 0; i < info->n_metadata; i++)
        add_pair(failure->meta, &failure->meta_count, info->metadata[i]->key,
                 info->metadata[i]->value);
}

static void read_retry(const Google__Rpc__RetryInfo *retry, struct failure *failure)
{
    const Google__Protobuf__Duration *delay = retry->retry_delay;
    if (delay != NULL && delay->seconds >= 0 && delay->seconds < 86400 && delay->nanos >= 0)
        failure->retry_after_ms = delay->seconds * 1000 + delay->nanos / 1000000;
}

static void read_detail(const Google__Protobuf__Any *any, struct arena *arena,
                        struct failure *failure)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &google__rpc__error_info__descriptor,
        &google__rpc__bad_request__descriptor,
        &google__rpc__retry_info__descriptor,
        &google__rpc__resource_info__descriptor,
    };
    const char *slash = strrchr(any->type_url, '/');
    for (size_t i = 0; slash != NULL && i < ARRAY_LEN(types); i++) {
        if (strcmp(slash + 1, types[i]->name) != 0)
            continue;
        const ProtobufCMessage *message =
            message_unpack(types[i], any->value.data, any->value.len, arena);
        if (message == NULL)
            return;
        if (types[i] == &google__rpc__error_info__descriptor)
            read_info((const void *)message, failure);
        if (types[i] == &google__rpc__retry_info__descriptor)
            read_retry((const void *)message, failure);
        if (types[i] == &google__rpc__resource_info__descriptor)
            failure->resource = field_get_text(message, "resource_name");
        if (types[i] == &google__rpc__bad_request__descriptor) {
            const Google__Rpc__BadRequest *bad = (const void *)message;
            for (size_t j = 0; j < bad->n_field_violations; j++)
                add_pair(failure->fields, &failure->field_count, bad->field_violations[j]->field,
                         bad->field_violations[j]->description);
        }
    }
}

void failure_read(enum status status, const char *message, const void *details, size_t details_len,
                  struct arena *arena, struct failure *ret_failure)
{
    *ret_failure = (struct failure){
        .status = status, .message = message, .reason = "", .resource = "", .request_id = ""};
    if (details == NULL)
        return;
    const Google__Rpc__Status *full =
        (const void *)message_unpack(&google__rpc__status__descriptor, details, details_len, arena);
    if (full == NULL)
        return;
    if (full->message[0] != '\0')
        ret_failure->message = full->message;
    for (size_t i = 0; i < full->n_details; i++)
        read_detail(full->details[i], arena, ret_failure);
}

static bool line(struct buffer *buffer, const char *label, const char *value)
{
    return buffer_printf(buffer, "%s: ", label) && text_escape(buffer, value, strlen(value)) &&
           buffer_text(buffer, "\n");
}

static const char *meta(const struct failure *failure, const char *key)
{
    for (size_t i = 0; key != NULL && i < failure->meta_count; i++)
        if (strcmp(failure->meta[i].key, key) == 0)
            return failure->meta[i].value;
    return "";
}

// `text` without the name of the field before it.
static const char *after_field(const char *text, const char *field)
{
    size_t len = strlen(field);
    return strncmp(text, field, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2
                                                                               : text;
}

static bool is_of_field(const struct failure *failure, const struct failure_pair *pair)
{
    for (size_t i = 0; strcmp(pair->key, "field") == 0 && i < failure->field_count; i++)
        if (strcmp(pair->value, failure->fields[i].key) == 0)
            return true;
    return false;
}

// The field at fault, and what is wrong with it, unless the message said so already.
static void write_field(struct buffer *buffer, const char *message, const struct failure_pair *pair)
{
    const char *said = after_field(message, pair->key), *what = after_field(pair->value, pair->key);
    bool again = strcmp(said, what) == 0;
    if (again && said != message)
        return;
    buffer_text(buffer, again ? "field: " : "field ");
    text_escape(buffer, pair->key, strlen(pair->key));
    if (again)
        buffer_text(buffer, "\n");
    else
        line(buffer, "", what);
}

bool failure_write(struct buffer *buffer, const struct failure *failure, const char *method,
                   const char *server)
{
    const struct remedy *remedy = remedy_find(failure->reason, failure->status);
    const char *status = failure_status_name(failure->status);
    line(buffer, "error", failure->message[0] != '\0' ? failure->message : status);
    if (failure->reason[0] == '\0') {
        line(buffer, "status", status);
    } else {
        buffer_text(buffer, "reason: ");
        text_escape(buffer, failure->reason, strlen(failure->reason));
        buffer_printf(buffer, " (%s)\n", status);
    }
    const char *resource =
        failure->resource[0] != '\0' ? failure->resource : meta(failure, remedy->resource_key);
    for (size_t i = 0; i < failure->meta_count; i++) {
        // Said below, as the resource to look at, or with the fields.
        if (strcmp(failure->meta[i].value, resource) == 0 ||
            is_of_field(failure, &failure->meta[i]))
            continue;
        buffer_text(buffer, "  ");
        text_escape(buffer, failure->meta[i].key, strlen(failure->meta[i].key));
        line(buffer, "", failure->meta[i].value);
    }
    for (size_t i = 0; i < failure->field_count; i++)
        write_field(buffer, failure->message, &failure->fields[i]);
    if (failure->retry_after_ms > 0)
        buffer_printf(buffer, "retry: in %" PRId64 " s\n", (failure->retry_after_ms + 999) / 1000);
    if (resource[0] != '\0')
        line(buffer, "resource", resource);
    if (failure->reason[0] == '\0' && failure->status == STATUS_UNAVAILABLE && server != NULL)
        line(buffer, "server", server);
    if (remedy->class == EXIT_OTHER && failure->request_id[0] != '\0')
        line(buffer, "request", failure->request_id);
    return line(buffer, "remedy", remedy_text(remedy, method, resource));
}
