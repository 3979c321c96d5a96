#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "client/group.h"
#include "client/input.h"
#include "client/output.h"
#include "client/resource.h"
#include "client/session.h"
#include "docbridge/v1/company.pb-c.h"

// A request may be 1 MiB; what surrounds the companies in it is small.
enum { BATCH_MAX = 1000, BATCH_MAX_BYTES = 1000000, FILE_MAX_BYTES = 256 * 1024 * 1024 };

struct push {
    struct session *session;
    Docbridge__V1__Company **companies;
    size_t count;
    size_t capacity;
    int64_t created, updated;
    // The answers of all batches as one.
    Docbridge__V1__Company **answers;
    size_t answered;
};

static char *copy(struct push *push, const char *text)
{
    return arena_strdup(&push->session->arena, text);
}

// The text of a member; a number is its digits. NULL: it is not there or something else.
static const char *member(struct push *push, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return arena_printf(&push->session->arena, "%" JSON_INTEGER_FORMAT,
                            json_integer_value(value));
    return NULL;
}

static const char *unknown_member(json_t *object)
{
    static const char *const known[] = {"id", "name", "psa_type", "psa_id"};
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found)
            return key;
    }
    return NULL;
}

static int fill_psa(struct push *push, const json_t *object, const char *where,
                    Docbridge__V1__Company *company)
{
    const char *type = member(push, object, "psa_type"), *id = member(push, object, "psa_id");
    if (type == NULL && id == NULL)
        return EXIT_OK;
    int number;
    if (type == NULL || id == NULL)
        return session_usage(push->session, "%s: psa_type and psa_id come together", where);
    if (!field_enum_number(&docbridge__v1__psa_type__descriptor, type, &number))
        return session_usage(
            push->session,
            "%s: psa_type %s is not known: docbridge connection update --help has them", where,
            type);
    company->psa = arena_alloc(&push->session->arena, sizeof(*company->psa));
    if (company->psa == NULL)
        return session_no_memory(push->session);
    docbridge__v1__psa_identity__init(company->psa);
    company->psa->type = (Docbridge__V1__PsaType)number;
    company->psa->external_id = copy(push, id);
    return company->psa->external_id == NULL ? session_no_memory(push->session) : EXIT_OK;
}

static int add_company(struct push *push, json_t *object, const char *where)
{
    struct session *session = push->session;
    if (!json_is_object(object))
        return session_usage(session, "%s: not an object", where);
    const char *id = member(push, object, "id"), *title = member(push, object, "name");
    const char *unknown = unknown_member(object);
    if (unknown != NULL)
        return session_usage(session, "%s: unknown member %s", where, unknown);
    if (id == NULL || title == NULL || title[0] == '\0')
        return session_usage(session, "%s: id and name are needed", where);
    struct resource resource;
    struct err err = {0};
    if (resource_read("companies/{company}", id, &session->arena, &resource, &err) != ERR_OK)
        return session_usage(session, "%s: %s", where, err.text);
    Docbridge__V1__Company *company = arena_alloc(&session->arena, sizeof(*company));
    if (company == NULL)
        return session_no_memory(session);
    docbridge__v1__company__init(company);
    const char *name = resource_write("companies/{company}", &resource, &session->arena);
    company->name = (char *)(uintptr_t)name;
    company->display_name = copy(push, title);
    if (company->name == NULL || company->display_name == NULL)
        return session_no_memory(session);
    if (push->count == push->capacity) {
        size_t capacity = 2 * push->capacity + BATCH_MAX;
        void *grown = reallocarray(push->companies, capacity, sizeof(*push->companies));
        if (grown == NULL)
            return session_no_memory(session);
        push->companies = grown;
        push->capacity = capacity;
    }
    push->companies[push->count++] = company;
    return fill_psa(push, object, where, company);
}

static int parse_lines(struct push *push, const char *text)
{
    int class = EXIT_OK;
    size_t number = 1;
    for (const char *at = text; class == EXIT_OK && *at != '\0'; number++) {
        size_t len = strcspn(at, "\n");
        if (strspn(at, " \t\r") < len) {
            char where[64];
            json_error_t error;
            (void)snprintf(where, sizeof(where), "line %zu", number);
            json_t *object = json_loadb(at, len, JSON_REJECT_DUPLICATES, &error);
            class = object == NULL ? session_usage(push->session, "%s: %s", where, error.text)
                                   : add_company(push, object, where);
            json_decref(object);
        }
        at += len + (at[len] == '\n');
    }
    return class;
}

static int parse_array(struct push *push, const struct buffer *text)
{
    json_error_t error;
    json_t *array = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &error);
    if (array == NULL)
        return session_usage(push->session, "line %d: %s", error.line, error.text);
    int class = EXIT_OK;
    for (size_t i = 0; class == EXIT_OK && i < json_array_size(array); i++) {
        char where[64];
        (void)snprintf(where, sizeof(where), "item %zu", i + 1);
        class = add_company(push, json_array_get(array, i), where);
    }
    json_decref(array);
    return class;
}

static int send_batch(struct push *push, size_t start, size_t count)
{
    Docbridge__V1__BatchUpsertCompaniesRequest request =
        DOCBRIDGE__V1__BATCH_UPSERT_COMPANIES_REQUEST__INIT;
    request.companies = push->companies + start;
    request.n_companies = count;
    const ProtobufCMessage *answer;
    int class = session_call_own(push->session, &request.base, &answer);
    if (class != EXIT_OK) {
        session_note(push->session, "%zu of %zu companies were pushed before", start, push->count);
        return class;
    }
    const Docbridge__V1__BatchUpsertCompaniesResponse *response = (const void *)answer;
    push->created += response->created_count;
    push->updated += response->updated_count;
    for (size_t i = 0; i < response->n_companies && push->answered < push->count; i++)
        push->answers[push->answered++] = response->companies[i];
    return EXIT_OK;
}

static int send_all(struct push *push)
{
    for (size_t start = 0; start < push->count;) {
        size_t count = 0, bytes = 0;
        while (start + count < push->count && count < BATCH_MAX) {
            bytes += protobuf_c_message_get_packed_size(&push->companies[start + count]->base) + 8;
            if (bytes > BATCH_MAX_BYTES && count > 0)
                break;
            count++;
        }
        int class = send_batch(push, start, count);
        if (class != EXIT_OK)
            return class;
        start += count;
    }
    return EXIT_OK;
}

static int print_result(struct push *push)
{
    if (push->session->options.format != OUTPUT_TABLE) {
        Docbridge__V1__BatchUpsertCompaniesResponse whole =
            DOCBRIDGE__V1__BATCH_UPSERT_COMPANIES_RESPONSE__INIT;
        whole.companies = push->answers;
        whole.n_companies = push->answered;
        whole.created_count = (int32_t)push->created;
        whole.updated_count = (int32_t)push->updated;
        return output_items(push->session, &whole.base, "companies", NULL);
    }
    char texts[4][32];
    int64_t numbers[] = {(int64_t)push->count, push->created, push->updated,
                         (int64_t)push->count - push->created - push->updated};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        (void)snprintf(texts[i], sizeof(texts[i]), "%" PRId64, numbers[i]);
    struct output_pair pairs[] = {{"pushed", texts[0]},
                                  {"created", texts[1]},
                                  {"updated", texts[2]},
                                  {"unchanged", texts[3]}};
    return output_pairs(push->session, pairs, ARRAY_LEN(pairs));
}

static int push_all(struct push *push, const struct buffer *text)
{
    size_t blank = strspn(text->data, " \t\r\n");
    int class = text->data[blank] == '[' ? parse_array(push, text) : parse_lines(push, text->data);
    if (class != EXIT_OK)
        return class;
    if (push->count == 0)
        return session_usage(push->session, "there is no company in %s",
                             push->session->arguments->words[0]);
    push->answers = calloc(push->count, sizeof(*push->answers));
    if (push->answers == NULL)
        return session_no_memory(push->session);
    class = send_all(push);
    if (class == EXIT_OK)
        class = print_result(push);
    free(push->answers);
    return class;
}

int company_push_run(struct session *session)
{
    struct push push = {.session = session};
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, FILE_MAX_BYTES);
    buffer_text(&text, "");
    int class = session_connect(session);
    if (class == EXIT_OK)
        class = input_read(session, session->arguments->words[0], &text);
    if (class == EXIT_OK)
        class = push_all(&push, &text);
    free(push.companies);
    return class;
}

int company_delete_run(struct session *session)
{
    Docbridge__V1__DeleteCompanyRequest request = DOCBRIDGE__V1__DELETE_COMPANY_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, "companies/{company}", &name);
    if (class != EXIT_OK)
        return class;
    const char *etag = parse_text(session->arguments, "etag");
    field_set_text(&request.base, "name", name);
    if (etag != NULL)
        field_set_text(&request.base, "etag", etag);
    class = session_call_own(session, &request.base, &answer);
    if (class == EXIT_OK)
        session_note(session, "%s is deleted", name);
    return class == EXIT_OK && session->options.format != OUTPUT_TABLE
               ? output_message(session, answer)
               : class;
}
