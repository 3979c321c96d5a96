// A bare server on the gRPC C core: one completion queue, one thread, registered methods. Decodes
// the request and encodes the answer with protobuf-c, and does nothing else: the floor under
// docbridged.
#include <docbridge/v1/connection.pb-c.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/health/v1/health.pb-c.h>
#include <grpc/support/time.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peer/reader.h"

enum { POSTED_CALLS = 100, NAME_BYTES = 256 };

static const char NAME_PREFIX[] = "connections/";

struct call;

struct method {
    const char *path;
    void (*serve)(struct call *call);
    void *registered;
};

struct call {
    struct read_job job; // first: a job is its call
    const struct method *method;
    grpc_call *grpc;
    grpc_metadata_array metadata;
    gpr_timespec deadline;
    grpc_byte_buffer *request, *response;
    int cancelled;
    bool answered;
};

static grpc_server *server;
static grpc_completion_queue *queue;
static struct reader *reader;
static Docbridge__V1__ListRegionsResponse *regions;
static Docbridge__V1__Connection *connection;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "core: %s\n", what);
    exit(1);
}

static void post(const struct method *method)
{
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        fail("no memory");
    call->method = method;
    grpc_metadata_array_init(&call->metadata);
    if (grpc_server_request_registered_call(server, method->registered, &call->grpc,
                                            &call->deadline, &call->metadata, &call->request, queue,
                                            queue, call) != GRPC_CALL_OK)
        fail("cannot post a call");
}

static ProtobufCMessage *decode(struct call *call, const ProtobufCMessageDescriptor *type)
{
    grpc_byte_buffer_reader bytes;
    if (!grpc_byte_buffer_reader_init(&bytes, call->request))
        fail("unreadable request");
    grpc_slice slice = grpc_byte_buffer_reader_readall(&bytes);
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(slice),
                                                          GRPC_SLICE_START_PTR(slice));
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&bytes);
    if (message == NULL)
        fail("malformed request");
    return message;
}

static void answer(struct call *call, const ProtobufCMessage *message, grpc_status_code status)
{
    grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
    (void)protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    call->response = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                      {.op = GRPC_OP_SEND_MESSAGE},
                      {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
                      {.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};
    ops[1].data.send_message.send_message = call->response;
    ops[2].data.send_status_from_server.status = status;
    ops[3].data.recv_close_on_server.cancelled = &call->cancelled;
    call->answered = true;
    if (grpc_call_start_batch(call->grpc, ops, 4, call, NULL) != GRPC_CALL_OK)
        fail("cannot answer");
}

static void check(struct call *call)
{
    Grpc__Health__V1__HealthCheckResponse out = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    ProtobufCMessage *in = decode(call, &grpc__health__v1__health_check_request__descriptor);
    out.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    answer(call, &out.base, GRPC_STATUS_OK);
    protobuf_c_message_free_unpacked(in, NULL);
}

static void list_regions(struct call *call)
{
    ProtobufCMessage *in = decode(call, &docbridge__v1__list_regions_request__descriptor);
    answer(call, &regions->base, GRPC_STATUS_OK);
    protobuf_c_message_free_unpacked(in, NULL);
}

static void connection_read(struct read_job *job, const char *id, const char *title)
{
    struct call *call = (struct call *)job;
    char name[NAME_BYTES], copy[NAME_BYTES];
    Docbridge__V1__Connection out = *connection;
    if (id == NULL) {
        answer(call, &out.base, GRPC_STATUS_NOT_FOUND);
        return;
    }
    (void)snprintf(name, sizeof(name), "%s%s", NAME_PREFIX, id);
    (void)snprintf(copy, sizeof(copy), "%s", title);
    out.name = name;
    out.display_name = copy;
    answer(call, &out.base, GRPC_STATUS_OK);
}

static void get_connection(struct call *call)
{
    ProtobufCMessage *in = decode(call, &docbridge__v1__get_connection_request__descriptor);
    const char *name = ((Docbridge__V1__GetConnectionRequest *)in)->name;
    size_t prefix = sizeof(NAME_PREFIX) - 1;
    const char *id = strncmp(name, NAME_PREFIX, prefix) == 0 ? name + prefix : "";
    (void)snprintf(call->job.id, sizeof(call->job.id), "%s", id);
    protobuf_c_message_free_unpacked(in, NULL);
    call->job.done = connection_read;
    if (reader == NULL)
        connection_read(&call->job, call->job.id, connection->display_name);
    else
        reader_submit(reader, &call->job);
}

static void end(struct call *call)
{
    grpc_byte_buffer_destroy(call->request);
    grpc_byte_buffer_destroy(call->response);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_unref(call->grpc);
    free(call);
}

int main(int argc, char **argv)
{
    struct method methods[] = {
        {"/grpc.health.v1.Health/Check", check, NULL},
        {"/docbridge.v1.ConnectionService/ListRegions", list_regions, NULL},
        {"/docbridge.v1.ConnectionService/GetConnection", get_connection, NULL},
    };
    const size_t method_count = sizeof(methods) / sizeof(methods[0]);
    struct options options = options_read(argc, argv);
    regions = docbridge__v1__list_regions_response__unpack(NULL, options.regions.len,
                                                           (const uint8_t *)options.regions.data);
    connection = docbridge__v1__connection__unpack(NULL, options.connection.len,
                                                   (const uint8_t *)options.connection.data);
    if (regions == NULL || connection == NULL)
        fail("malformed template");
    grpc_init();
    queue = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    for (size_t i = 0; i < method_count; i++)
        methods[i].registered = grpc_server_register_method(
            server, methods[i].path, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    if (grpc_server_add_http2_port(server, options.address, credentials) == 0)
        fail("cannot listen");
    grpc_server_credentials_release(credentials);
    if (options.dsn != NULL)
        reader = reader_new(&options);
    grpc_server_start(server);
    for (size_t i = 0; i < method_count * POSTED_CALLS; i++)
        post(&methods[i % method_count]);
    puts("ready");
    (void)fflush(stdout);
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        struct call *call = event.tag;
        if (event.type != GRPC_OP_COMPLETE)
            return 0;
        if (call->answered) {
            end(call);
        } else if (event.success != 0) {
            post(call->method);
            call->method->serve(call);
        }
    }
}
