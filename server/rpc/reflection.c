#include "server/rpc/reflection.h"

#include <grpc/reflection/v1/reflection.pb-c.h>
#include <grpc/status.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/log.h"
#include "server/rpc/call.h"
#include "server/rpc/codec.h"
#include "server/rpc/gate.h"
#include "server/rpc/validation.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

enum { EXCHANGE_ARENA_MAX_BYTES = 4 * 1024 * 1024 };

// One call: questions and answers in turn, one under way.
struct reflection {
    struct call call;
    struct event received;
    struct event sent;
    grpc_byte_buffer *question; // NULL: the client is done
};

static void release(struct owner *owner)
{
    struct reflection *reflection = (struct reflection *)owner;
    if (reflection->question != NULL)
        grpc_byte_buffer_destroy(reflection->question);
    call_done(&reflection->call);
    free(reflection);
}

static enum err_code answer_error(const char *what, struct arena *arena,
                                  reflection_response *response, struct err *reterr)
{
    Grpc__Reflection__V1__ErrorResponse *error = arena_alloc(arena, sizeof(*error));
    if (error == NULL)
        return err_no_memory(reterr);
    grpc__reflection__v1__error_response__init(error);
    error->error_code = GRPC_STATUS_NOT_FOUND;
    error->error_message = arena_strdup(arena, what);
    if (error->error_message == NULL)
        return err_no_memory(reterr);
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response->error_response = error;
    return ERR_OK;
}

static enum err_code list_services(const struct rpc_server *server, struct arena *arena,
                                   reflection_response *response, struct err *reterr)
{
    const struct table *table = &server->table;
    Grpc__Reflection__V1__ListServiceResponse *list = arena_alloc(arena, sizeof(*list));
    Grpc__Reflection__V1__ServiceResponse *services =
        arena_calloc(arena, table->count, sizeof(*services));
    if (list == NULL || services == NULL)
        return err_no_memory(reterr);
    grpc__reflection__v1__list_service_response__init(list);
    list->service = arena_calloc(arena, table->count, sizeof(*list->service));
    if (list->service == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->methods[i].service;
        // The methods of a service stand together.
        if (i > 0 && strcmp(name, table->methods[i - 1].service) == 0)
            continue;
        Grpc__Reflection__V1__ServiceResponse *service = &services[list->n_service];
        grpc__reflection__v1__service_response__init(service);
        service->name = arena_strdup(arena, name);
        if (service->name == NULL)
            return err_no_memory(reterr);
        list->service[list->n_service++] = service;
    }
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response->list_services_response = list;
    return ERR_OK;
}

// Appends a file and what it imports, each once.
static void add_file(const struct contract *contract, size_t index, bool *seen,
                     Grpc__Reflection__V1__FileDescriptorResponse *files)
{
    if (index == SIZE_MAX || seen[index])
        return;
    seen[index] = true;
    const unsigned char *bytes;
    size_t len;
    contract_file_bytes(contract, index, &bytes, &len);
    ProtobufCBinaryData *slot = &files->file_descriptor_proto[files->n_file_descriptor_proto++];
    slot->data = (uint8_t *)(uintptr_t)bytes;
    slot->len = len;
    const Google__Protobuf__FileDescriptorProto *file = contract_file(contract, index);
    for (size_t i = 0; i < file->n_dependency; i++)
        add_file(contract, contract_file_by_name(contract, file->dependency[i]), seen, files);
}

static enum err_code answer_file(const struct contract *contract, size_t index, struct arena *arena,
                                 reflection_response *response, struct err *reterr)
{
    if (index == SIZE_MAX)
        return answer_error("not found", arena, response, reterr);
    size_t count = contract_file_count(contract);
    bool *seen = arena_calloc(arena, count, sizeof(*seen));
    Grpc__Reflection__V1__FileDescriptorResponse *files = arena_alloc(arena, sizeof(*files));
    if (seen == NULL || files == NULL)
        return err_no_memory(reterr);
    grpc__reflection__v1__file_descriptor_response__init(files);
    files->file_descriptor_proto =
        arena_calloc(arena, count, sizeof(*files->file_descriptor_proto));
    if (files->file_descriptor_proto == NULL)
        return err_no_memory(reterr);
    add_file(contract, index, seen, files);
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response->file_descriptor_response = files;
    return ERR_OK;
}

static enum err_code answer(const struct rpc_server *server, reflection_request *request,
                            struct arena *arena, reflection_response *response, struct err *reterr)
{
    const struct contract *contract = server->contract;
    response->valid_host = request->host;
    response->original_request = request;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return list_services(server, arena, response, reterr);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        return answer_file(contract, contract_file_by_name(contract, request->file_by_filename),
                           arena, response, reterr);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        return answer_file(contract,
                           contract_file_by_symbol(contract, request->file_containing_symbol),
                           arena, response, reterr);
    default:
        return answer_error("extensions are not indexed", arena, response, reterr);
    }
}

// Question in, answer out.
static enum err_code exchange(struct reflection *reflection, grpc_byte_buffer **ret_answer,
                              struct err *reterr)
{
    struct call *call = &reflection->call;
    const struct table_method *method = call->method;
    _cleanup_(arena_done) struct arena arena;
    arena_init(&arena, EXCHANGE_ARENA_MAX_BYTES);
    const unsigned char *bytes;
    size_t len;
    ProtobufCMessage *request;
    reflection_response response;
    grpc__reflection__v1__server_reflection_response__init(&response);
    try_(codec_bytes(reflection->question, &arena, &bytes, &len, reterr));
    try_(validation_check(method->rule, bytes, len, method->policy.max_request_bytes, reterr));
    try_(codec_decode(method->input, bytes, len, EXCHANGE_ARENA_MAX_BYTES, &arena, &request,
                      reterr));
    try_(answer(call->server, (reflection_request *)request, &arena, &response, reterr));
    return codec_encode(&response.base, (size_t)call->server->settings.response_max_bytes, false,
                        ret_answer, reterr);
}

static void receive(struct reflection *reflection)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &reflection->question;
    (void)event_start_batch(&reflection->received, reflection->call.call, &op, 1);
}

static void run_sent(struct event *event, bool ok)
{
    struct reflection *reflection = (struct reflection *)event->owner;
    struct call *call = &reflection->call;
    grpc_byte_buffer_destroy(call->response);
    call->response = NULL;
    if (ok) {
        receive(reflection);
        return;
    }
    struct err err;
    (void)err_set(&err, ERR_CANCELLED, "the client has gone");
    call_end(call, NULL, &err);
}

static void send_answer(struct reflection *reflection, grpc_byte_buffer *message)
{
    struct call *call = &reflection->call;
    grpc_op ops[2] = {0};
    size_t count = 0;
    if (!call->initial_sent)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->initial_sent = true;
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message;
    call->response = message;
    (void)event_start_batch(&reflection->sent, call->call, ops, count);
}

static void run_received(struct event *event, bool ok)
{
    struct reflection *reflection = (struct reflection *)event->owner;
    struct err err;
    err_init(&err);
    grpc_byte_buffer *message = NULL;
    if (!ok || atomic_load(&reflection->call.cancelled))
        (void)err_set(&err, ERR_CANCELLED, "the client has gone");
    else if (reflection->question != NULL)
        err.code = exchange(reflection, &message, &err);
    if (reflection->question != NULL)
        grpc_byte_buffer_destroy(reflection->question);
    reflection->question = NULL;
    if (message != NULL)
        send_answer(reflection, message);
    else
        call_end(&reflection->call, NULL, &err);
}

static void run_arrived(struct event *event, bool ok)
{
    struct reflection *reflection = (struct reflection *)event->owner;
    if (!ok)
        return;
    call_accept(&reflection->call);
    struct err err;
    err_init(&err);
    if (gate_enter(&reflection->call, &err) != ERR_OK) {
        call_end(&reflection->call, NULL, &err);
        return;
    }
    call_watch(&reflection->call);
    receive(reflection);
}

static void arm(struct rpc_server *server, struct poller *poller, const struct table_method *method)
{
    struct reflection *reflection = calloc(1, sizeof(*reflection));
    if (reflection == NULL) {
        log_event(LOG_ERROR, "no memory to post a call");
        return;
    }
    call_init(&reflection->call, server, poller, method, run_arrived, release);
    reflection->received = (struct event){run_received, &reflection->call.owner};
    reflection->sent = (struct event){run_sent, &reflection->call.owner};
    call_post(&reflection->call);
}

enum err_code reflection_add(struct rpc_server *server, struct err *reterr)
{
    static const char *const services[] = {"grpc.reflection.v1.ServerReflection",
                                           "grpc.reflection.v1alpha.ServerReflection"};
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        struct table_method *method;
        try_(table_add_builtin(
            &server->table, server->contract, services[i], "ServerReflectionInfo",
            &grpc__reflection__v1__server_reflection_request__descriptor,
            &grpc__reflection__v1__server_reflection_response__descriptor, &method, reterr));
        method->policy.client_streaming = true;
        method->policy.server_streaming = true;
        method->arm = arm;
    }
    return ERR_OK;
}
