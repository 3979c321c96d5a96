#include "client/listing.h"

#include <string.h>

#include "client/message.h"
#include "client/output.h"
#include "client/text.h"

enum { PAGE_MAX = 1000, FILTER_MAX_BYTES = 16 * 1024 };

static const ProtobufCMethodDescriptor *own_method(const struct session *session)
{
    return protobuf_c_service_descriptor_get_method_by_name(session->command->service,
                                                            session->command->method);
}

static void quote(struct buffer *filter, const char *text)
{
    buffer_text(filter, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buffer_text(filter, "\\");
        buffer_append(filter, text, 1);
    }
    buffer_text(filter, "\"");
}

static int add_term(struct session *session, const struct filter_term *term, struct buffer *filter)
{
    const char *value = parse_text(session->arguments, term->flag);
    const char *name;
    int class = EXIT_OK;
    if (value == NULL)
        return EXIT_OK;
    buffer_printf(filter, "%s%s %s ", filter->len > 0 ? " AND " : "", term->field, term->op);
    switch (term->kind) {
    case FILTER_TEXT:
        quote(filter, value);
        break;
    case FILTER_ENUM:
        for (const struct flag *flag = session->command->flags; flag->name != NULL; flag++)
            if (strcmp(flag->name, term->flag) == 0)
                buffer_text(filter, field_enum_name(flag->type,
                                                    parse_enum(session->arguments, term->flag)));
        break;
    case FILTER_BOOL:
        buffer_text(filter, strcmp(value, "off") == 0 ? "false" : "true");
        break;
    case FILTER_NAME:
        class = session_name(session, term->pattern, value, &name);
        if (class == EXIT_OK)
            quote(filter, name);
        break;
    }
    return class;
}

int listing_filter(struct session *session, const struct filter_term *term,
                   ProtobufCMessage *request)
{
    if (term == NULL)
        return EXIT_OK;
    struct buffer filter _cleanup_(buffer_done);
    buffer_init(&filter, FILTER_MAX_BYTES);
    const char *raw = parse_text(session->arguments, "filter");
    if (raw != NULL)
        buffer_text(&filter, raw);
    int class = EXIT_OK;
    for (; class == EXIT_OK && term->flag != NULL; term++)
        class = add_term(session, term, &filter);
    if (class != EXIT_OK || (filter.len == 0 && !filter.failed))
        return class;
    const char *text = filter.failed ? NULL : arena_strdup(&session->arena, filter.data);
    if (text == NULL)
        return session_usage(session, "the filter is too long");
    field_set_text(request, "filter", text);
    return EXIT_OK;
}

static int set_parent(struct session *session, ProtobufCMessage *request)
{
    const char *name = NULL;
    int class = EXIT_OK;
    switch (session->command->listing->parent) {
    case PARENT_NONE:
        return EXIT_OK;
    case PARENT_CONNECTION:
        class = session_connection(session, &name);
        break;
    case PARENT_COMPANY:
        class = session_argument(session, 0, "companies/{company}", &name);
        break;
    }
    if (class == EXIT_OK)
        field_set_text(request, "parent", name);
    return class;
}

// All items so far; grows as pages come.
struct gathered {
    const ProtobufCMessage **items;
    size_t count;
    size_t capacity;
};

static bool gather(struct gathered *gathered, const ProtobufCMessage *response,
                   const ProtobufCFieldDescriptor *field)
{
    size_t more = field_count(response, field);
    if (gathered->count + more > gathered->capacity) {
        size_t capacity = 2 * (gathered->count + more);
        const ProtobufCMessage **items =
            reallocarray(gathered->items, capacity, sizeof(const ProtobufCMessage *));
        if (items == NULL)
            return false;
        gathered->items = items;
        gathered->capacity = capacity;
    }
    for (size_t i = 0; i < more; i++)
        gathered->items[gathered->count++] =
            *(const ProtobufCMessage *const *)field_item(response, field, i);
    return true;
}

// Puts the items of all pages into the last response, so that it reads as one page.
static void replace_items(const ProtobufCMessage *response, const ProtobufCFieldDescriptor *field,
                          struct gathered *gathered)
{
    char *base = (char *)(uintptr_t)response;
    *(size_t *)(base + field->quantifier_offset) = gathered->count;
    *(const ProtobufCMessage ***)(base + field->offset) = gathered->items;
}

static int fetch(struct session *session, ProtobufCMessage *request,
                 const ProtobufCFieldDescriptor *field, struct gathered *gathered,
                 const ProtobufCMessage **ret_last)
{
    int64_t limit = session->options.limit;
    const char *token = parse_text(session->arguments, "page-token");
    for (;;) {
        int64_t left = limit > 0 ? limit - (int64_t)gathered->count : PAGE_MAX;
        field_set_int32(request, "page_size", left < PAGE_MAX ? (int32_t)left : PAGE_MAX);
        if (token != NULL)
            field_set_text(request, "page_token", token);
        int class = session_call_own(session, request, ret_last);
        if (class != EXIT_OK)
            return class;
        if (!gather(gathered, *ret_last, field))
            return session_no_memory(session);
        const char *next = field_get_text(*ret_last, "next_page_token");
        if (next[0] == '\0' || (limit > 0 && (int64_t)gathered->count >= limit))
            return EXIT_OK;
        // A server that gives the same token again would keep us here for ever.
        if (token != NULL && strcmp(token, next) == 0)
            return session_error(session, EXIT_OTHER, "the server repeats a page");
        token = next;
    }
}

int listing_pages(struct session *session, ProtobufCMessage *request)
{
    const struct listing *listing = session->command->listing;
    const ProtobufCFieldDescriptor *field = field_find(own_method(session)->output, listing->items);
    struct gathered gathered = {0};
    const ProtobufCMessage *last = NULL;
    int class = fetch(session, request, field, &gathered, &last);
    if (class == EXIT_OK) {
        replace_items(last, field, &gathered);
        class = output_items(session, last, listing->items, session->command->columns);
        if (session->options.format == OUTPUT_TABLE) {
            if (listing->note != NULL)
                listing->note(session, last);
            // Nothing at all could be a failure that nobody sees.
            else if (gathered.count == 0)
                session_note(session, "0 found");
        }
        const char *next = field_get_text(last, "next_page_token");
        if (next[0] != '\0')
            session_note(session, "there are more: --limit N, or --page-token %s", next);
    }
    free(gathered.items);
    return class;
}

int listing_run(struct session *session)
{
    const struct listing *listing = session->command->listing;
    const ProtobufCMethodDescriptor *method = own_method(session);
    const ProtobufCFieldDescriptor *field = field_find(method->output, listing->items);
    ProtobufCMessage *request = message_new(method->input, &session->arena);
    if (request == NULL)
        return session_no_memory(session);
    int class = output_check_columns(session, session->command->columns, field->descriptor);
    if (class == EXIT_OK)
        class = set_parent(session, request);
    if (class == EXIT_OK)
        class = listing_filter(session, listing->terms, request);
    if (class != EXIT_OK)
        return class;
    const char *order = parse_text(session->arguments, "order-by");
    if (order != NULL)
        field_set_text(request, "order_by", order);
    return listing_pages(session, request);
}

int listing_show(struct session *session)
{
    const ProtobufCMethodDescriptor *method = own_method(session);
    ProtobufCMessage *request = message_new(method->input, &session->arena);
    if (request == NULL)
        return session_no_memory(session);
    const char *name;
    const ProtobufCMessage *response;
    int class = session_argument(session, 0, session->command->pattern, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(request, "name", name);
    class = session_call_own(session, request, &response);
    return class == EXIT_OK ? output_message(session, response) : class;
}
