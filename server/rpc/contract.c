#include "server/rpc/contract.h"

#include <docbridge/v1/options.pb-c.h>
#include <stdio.h>
#include <string.h>

enum {
    POLICY_OPTION = 52301,
    BOUNDS_OPTION = 52302,
    DEFAULT_REQUEST_BYTES = 64 * 1024,
    DEFAULT_FIELD_BYTES = 1024,
    DEFAULT_FIELD_ITEMS = 100,
    MESSAGES_MAX = 4096,
    NAME_BYTES = 256,
    DEPTH_MAX = 16,
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
};

struct named_message {
    char *name;
    const contract_message *message;
    size_t file;
};

struct file_range {
    const unsigned char *bytes;
    size_t len;
};

struct contract {
    Google__Protobuf__FileDescriptorSet *set;
    struct file_range *ranges; // as many as set->n_file
    struct named_message *messages;
    size_t message_count;
};

static enum err_code broken(struct err *reterr, const char *what)
{
    return err_invalid(reterr, "descriptor_set", "the descriptor set %s", what);
}

// Reads one varint at `*at`; false at the end of the bytes.
static bool read_varint(const unsigned char *bytes, size_t len, size_t *at, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *at < len; shift += 7) {
        unsigned char byte = bytes[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

// Finds where each file stands in the set, so that reflection can serve protoc's own bytes:
// protobuf-c would drop nothing, but reorder unknown options.
static enum err_code find_ranges(struct contract *contract, const unsigned char *set, size_t len,
                                 struct err *reterr)
{
    contract->ranges = calloc(contract->set->n_file + 1, sizeof(*contract->ranges));
    if (contract->ranges == NULL)
        return err_no_memory(reterr);
    size_t count = 0;
    for (size_t at = 0; at < len;) {
        uint64_t tag, size;
        if (!read_varint(set, len, &at, &tag) || !read_varint(set, len, &at, &size))
            return broken(reterr, "is cut short");
        if (tag != (1 << 3 | 2) || size > len - at || count == contract->set->n_file)
            return broken(reterr, "holds something that is not a file");
        contract->ranges[count++] = (struct file_range){set + at, (size_t)size};
        at += (size_t)size;
    }
    return ERR_OK;
}

static enum err_code add_message(struct contract *contract, const char *scope,
                                 const contract_message *message, size_t file, struct err *reterr)
{
    char name[NAME_BYTES];
    int length =
        snprintf(name, sizeof(name), "%s%s%s", scope, scope[0] == '\0' ? "" : ".", message->name);
    if (length < 0 || (size_t)length >= sizeof(name) || contract->message_count == MESSAGES_MAX)
        return broken(reterr, "has too many or too long names");
    struct named_message *slot = &contract->messages[contract->message_count];
    *slot = (struct named_message){strdup(name), message, file};
    if (slot->name == NULL)
        return err_no_memory(reterr);
    contract->message_count++;
    for (size_t i = 0; i < message->n_nested_type; i++)
        try_(add_message(contract, name, message->nested_type[i], file, reterr));
    return ERR_OK;
}

static int compare_messages(const void *left, const void *right)
{
    return strcmp(((const struct named_message *)left)->name,
                  ((const struct named_message *)right)->name);
}

enum err_code contract_new(const unsigned char *set, size_t len, struct contract **ret_contract,
                           struct err *reterr)
{
    _cleanup_(contract_freep) struct contract *contract = calloc(1, sizeof(*contract));
    if (contract == NULL)
        return err_no_memory(reterr);
    contract->set = google__protobuf__file_descriptor_set__unpack(NULL, len, set);
    if (contract->set == NULL)
        return broken(reterr, "cannot be read");
    try_(find_ranges(contract, set, len, reterr));
    contract->messages = calloc(MESSAGES_MAX, sizeof(*contract->messages));
    if (contract->messages == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < contract->set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = contract->set->file[i];
        for (size_t j = 0; j < file->n_message_type; j++)
            try_(add_message(contract, file->package, file->message_type[j], i, reterr));
    }
    qsort(contract->messages, contract->message_count, sizeof(*contract->messages),
          compare_messages);
    *ret_contract = steal(contract);
    return ERR_OK;
}

struct contract *contract_free(struct contract *contract)
{
    if (contract == NULL)
        return NULL;
    for (size_t i = 0; i < contract->message_count; i++)
        free(contract->messages[i].name);
    free(contract->messages);
    free(contract->ranges);
    google__protobuf__file_descriptor_set__free_unpacked(contract->set, NULL);
    free(contract);
    return NULL;
}

void contract_freep(struct contract **contract)
{
    *contract = contract_free(*contract);
}

static const struct named_message *find_named(const struct contract *contract, const char *name)
{
    size_t low = 0, high = contract->message_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, contract->messages[middle].name);
        if (order == 0)
            return &contract->messages[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const contract_message *contract_find_message(const struct contract *contract, const char *name)
{
    const struct named_message *named = find_named(contract, name);
    return named == NULL ? NULL : named->message;
}

// Whether `name` is `package`, a dot and `last`.
static bool is_full_name(const char *name, const char *package, const char *last)
{
    size_t len = strlen(package);
    return strncmp(name, package, len) == 0 && name[len] == '.' &&
           strcmp(name + len + 1, last) == 0;
}

const contract_service *contract_find_service(const struct contract *contract, const char *name)
{
    for (size_t i = 0; i < contract->set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = contract->set->file[i];
        for (size_t j = 0; j < file->n_service; j++)
            if (is_full_name(name, file->package, file->service[j]->name))
                return file->service[j];
    }
    return NULL;
}

const contract_method *contract_find_method(const contract_service *service, const char *name)
{
    for (size_t i = 0; i < service->n_method; i++)
        if (strcmp(service->method[i]->name, name) == 0)
            return service->method[i];
    return NULL;
}

const contract_field *contract_find_field(const contract_message *message, uint32_t number)
{
    for (size_t i = 0; i < message->n_field; i++)
        if ((uint32_t)message->field[i]->number == number)
            return message->field[i];
    return NULL;
}

enum err_code contract_each_service(const struct contract *contract,
                                    enum err_code (*visit)(void *context, const char *full_name,
                                                           const contract_service *service,
                                                           struct err *reterr),
                                    void *context, struct err *reterr)
{
    for (size_t i = 0; i < contract->set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = contract->set->file[i];
        if (strcmp(file->package, "docbridge.v1") != 0)
            continue;
        for (size_t j = 0; j < file->n_service; j++) {
            char name[NAME_BYTES];
            (void)snprintf(name, sizeof(name), "%s.%s", file->package, file->service[j]->name);
            try_(visit(context, name, file->service[j], reterr));
        }
    }
    return ERR_OK;
}

// The bytes of extension `number` of type message, without their length; false if it is not set.
static bool find_option(const ProtobufCMessage *options, uint32_t number,
                        const unsigned char **ret_bytes, size_t *ret_len)
{
    for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
        size_t at = 0;
        uint64_t len;
        if (field->tag != number || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ||
            !read_varint(field->data, field->len, &at, &len) || len != field->len - at)
            continue;
        *ret_bytes = field->data + at;
        *ret_len = (size_t)len;
        return true;
    }
    return false;
}

// A walk over a message's fields, with the way down so that recursion is seen.
struct walk {
    const struct contract *contract;
    const contract_message *path[DEPTH_MAX];
    size_t depth;
};

static bool walk_contains(const struct walk *walk, const contract_message *message)
{
    for (size_t i = 0; i < walk->depth; i++)
        if (walk->path[i] == message)
            return true;
    return false;
}

static bool carries_secret(struct walk *walk, const contract_message *message)
{
    if (message == NULL || walk->depth == DEPTH_MAX || walk_contains(walk, message))
        return false;
    walk->path[walk->depth++] = message;
    bool secret = false;
    for (size_t i = 0; i < message->n_field && !secret; i++) {
        const contract_field *field = message->field[i];
        secret = field->options != NULL && field->options->debug_redact;
        if (!secret && field->type_name != NULL)
            secret =
                carries_secret(walk, contract_find_message(walk->contract, field->type_name + 1));
    }
    walk->depth--;
    return secret;
}

static bool type_carries_secret(const struct contract *contract, const char *type_name)
{
    struct walk walk = {.contract = contract};
    return carries_secret(&walk, contract_find_message(contract, type_name + 1));
}

static enum err_code read_method_policy(const contract_method *method,
                                        struct contract_policy *policy, struct err *reterr)
{
    const unsigned char *bytes;
    size_t len;
    if (method->options == NULL ||
        !find_option(&method->options->base, POLICY_OPTION, &bytes, &len))
        return ERR_OK;
    Docbridge__V1__MethodPolicy *declared = docbridge__v1__method_policy__unpack(NULL, len, bytes);
    if (declared == NULL)
        return err_invalid(reterr, "descriptor_set", "the policy of %s cannot be read",
                           method->name);
    int permission = (int)declared->permission;
    if (permission > PERMISSION_NONE && permission < PERMISSION_COUNT)
        policy->permission = (enum permission)permission;
    if (declared->max_deadline != NULL)
        policy->max_deadline_ms =
            declared->max_deadline->seconds * MS_PER_S + declared->max_deadline->nanos / NS_PER_MS;
    if (declared->max_request_bytes > 0)
        policy->max_request_bytes = (size_t)declared->max_request_bytes;
    // A value that this program does not know is not one that opens more.
    policy->of_tenant =
        declared->reach != DOCBRIDGE__V1__REACH__REACH_COMPANIES &&
        (declared->reach != DOCBRIDGE__V1__REACH__REACH_UNSPECIFIED || !policy->read_only);
    docbridge__v1__method_policy__free_unpacked(declared, NULL);
    return ERR_OK;
}

enum err_code contract_policy(const struct contract *contract, const contract_method *method,
                              struct contract_policy *ret_policy, struct err *reterr)
{
    *ret_policy = (struct contract_policy){
        .of_tenant = true,
        .max_request_bytes = DEFAULT_REQUEST_BYTES,
        .secret_in = type_carries_secret(contract, method->input_type),
        .secret_out = type_carries_secret(contract, method->output_type),
        .client_streaming = method->client_streaming,
        .server_streaming = method->server_streaming,
    };
    ret_policy->read_only =
        method->options != NULL &&
        method->options->idempotency_level ==
            GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
    return read_method_policy(method, ret_policy, reterr);
}

enum err_code contract_bounds(const contract_field *field, struct contract_bounds *ret_bounds,
                              struct err *reterr)
{
    *ret_bounds = (struct contract_bounds){DEFAULT_FIELD_BYTES, DEFAULT_FIELD_ITEMS};
    const unsigned char *bytes;
    size_t len;
    if (field->options == NULL || !find_option(&field->options->base, BOUNDS_OPTION, &bytes, &len))
        return ERR_OK;
    Docbridge__V1__FieldBounds *declared = docbridge__v1__field_bounds__unpack(NULL, len, bytes);
    if (declared == NULL)
        return err_invalid(reterr, "descriptor_set", "the bounds of %s cannot be read",
                           field->name);
    if (declared->max_bytes > 0)
        ret_bounds->max_bytes = (uint32_t)declared->max_bytes;
    if (declared->max_items > 0)
        ret_bounds->max_items = (uint32_t)declared->max_items;
    docbridge__v1__field_bounds__free_unpacked(declared, NULL);
    return ERR_OK;
}

static bool is_forbidden(const char *name)
{
    static const char *const names[] = {"google.protobuf.Struct", "google.protobuf.Value",
                                        "google.protobuf.ListValue", "google.protobuf.Any"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum err_code check_request(struct walk *walk, const char *name, struct err *reterr)
{
    const contract_message *message = contract_find_message(walk->contract, name);
    if (message == NULL)
        return err_invalid(reterr, name, "%s is not in the descriptor set", name);
    if (is_forbidden(name))
        return err_invalid(reterr, name, "%s must not be part of a request", name);
    if (message->options != NULL && message->options->map_entry)
        return err_invalid(reterr, name, "%s is a map, which must not be part of a request", name);
    if (walk_contains(walk, message))
        return err_invalid(reterr, name, "%s contains itself, which a request must not", name);
    if (walk->depth == DEPTH_MAX)
        return err_invalid(reterr, name, "%s is nested deeper than %d", name, DEPTH_MAX);
    walk->path[walk->depth++] = message;
    for (size_t i = 0; i < message->n_field; i++)
        if (message->field[i]->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE)
            try_(check_request(walk, message->field[i]->type_name + 1, reterr));
    walk->depth--;
    return ERR_OK;
}

enum err_code contract_check_request(const struct contract *contract, const char *name,
                                     struct err *reterr)
{
    struct walk walk = {.contract = contract};
    return check_request(&walk, name, reterr);
}

size_t contract_file_count(const struct contract *contract)
{
    return contract->set->n_file;
}

const Google__Protobuf__FileDescriptorProto *contract_file(const struct contract *contract,
                                                           size_t index)
{
    return contract->set->file[index];
}

void contract_file_bytes(const struct contract *contract, size_t index,
                         const unsigned char **ret_bytes, size_t *ret_len)
{
    *ret_bytes = contract->ranges[index].bytes;
    *ret_len = contract->ranges[index].len;
}

size_t contract_file_by_name(const struct contract *contract, const char *name)
{
    for (size_t i = 0; i < contract->set->n_file; i++)
        if (strcmp(contract->set->file[i]->name, name) == 0)
            return i;
    return SIZE_MAX;
}

static bool file_defines(const Google__Protobuf__FileDescriptorProto *file, const char *symbol)
{
    for (size_t i = 0; i < file->n_enum_type; i++)
        if (is_full_name(symbol, file->package, file->enum_type[i]->name))
            return true;
    for (size_t i = 0; i < file->n_extension; i++)
        if (is_full_name(symbol, file->package, file->extension[i]->name))
            return true;
    for (size_t i = 0; i < file->n_service; i++)
        if (is_full_name(symbol, file->package, file->service[i]->name))
            return true;
    return false;
}

// A symbol inside another one (a method, a field, a nested type) is defined where its owner is: the
// last part is cut off until something is found.
size_t contract_file_by_symbol(const struct contract *contract, const char *symbol)
{
    char name[NAME_BYTES];
    int length = snprintf(name, sizeof(name), "%s", symbol);
    if (length < 0 || (size_t)length >= sizeof(name))
        return SIZE_MAX;
    for (;;) {
        const struct named_message *named = find_named(contract, name);
        if (named != NULL)
            return named->file;
        for (size_t i = 0; i < contract->set->n_file; i++)
            if (file_defines(contract->set->file[i], name))
                return i;
        char *dot = strrchr(name, '.');
        if (dot == NULL)
            return SIZE_MAX;
        *dot = '\0';
    }
}
