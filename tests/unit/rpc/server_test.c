// What rpc_server_new() refuses, and a server that is started and stopped without a call.
#include "server/rpc/server.h"

#include <docbridge/v1/company.pb-c.h>
#include <docbridge/v1/sync.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/descriptor_set.h"
#include "tests/unit/rpc/contract_edit.h"

enum { METHODS_MAX = 64 };

static enum err_code unary(struct request *request, const void *in, void *out, struct err *reterr)
{
    (void)request;
    (void)in;
    (void)out;
    (void)reterr;
    return ERR_OK;
}

static enum err_code open_stream(struct request *request, const void *in,
                                 const struct stream_waker *waker, void **ret_state,
                                 struct err *reterr)
{
    (void)waker;
    *ret_state = NULL;
    return unary(request, in, NULL, reterr);
}

static enum err_code next(struct request *request, void *state, struct arena *arena, void *out,
                          enum stream_step *ret_step, struct err *reterr)
{
    (void)state;
    (void)arena;
    *ret_step = STREAM_END;
    return unary(request, NULL, out, reterr);
}

static void close_stream(void *state)
{
    (void)state;
}

static const struct stream_handler stream = {open_stream, next, close_stream};

static enum err_code verify(void *context, const char *token, size_t len, struct arena *arena,
                            const struct principal **ret_principal, struct err *reterr)
{
    (void)context;
    (void)token;
    (void)len;
    (void)arena;
    (void)ret_principal;
    return err_set(reterr, ERR_TOKEN_INVALID, "no token is valid here");
}

// A server over CompanyService and SyncService, right until a test spoils it.
struct parts {
    struct contract_edit edit;
    struct method methods[2][METHODS_MAX];
    struct service services[2];
    struct rpc_listener listener;
    struct rpc_settings settings;
};

static void make(struct parts *parts)
{
    static const ProtobufCServiceDescriptor *const descriptors[] = {
        &docbridge__v1__company_service__descriptor, &docbridge__v1__sync_service__descriptor};
    *parts = (struct parts){.listener = {.address = "127.0.0.1:0"},
                            .settings = {.listener_count = 1, .pollers = 1}};
    for (size_t i = 0; i < ARRAY_LEN(descriptors); i++) {
        for (unsigned j = 0; j < descriptors[i]->n_methods; j++) {
            const char *name = descriptors[i]->methods[j].name;
            bool is_stream = strcmp(name, "WatchSyncRun") == 0;
            parts->methods[i][j] =
                (struct method){name, is_stream ? METHOD_SERVER_STREAM : METHOD_UNARY, LANE_STORE,
                                is_stream ? NULL : unary, is_stream ? &stream : NULL};
        }
        parts->services[i] =
            (struct service){descriptors[i], parts->methods[i], descriptors[i]->n_methods};
    }
    contract_edit_open(&parts->edit);
}

static enum err_code build(struct parts *parts, struct rpc_server **ret_server, struct err *err)
{
    static const struct backend backend;
    const struct service *const services[] = {&parts->services[0], &parts->services[1]};
    contract_edit_pack(&parts->edit);
    parts->settings.listeners = &parts->listener;
    parts->settings.descriptor_set = parts->edit.bytes;
    parts->settings.descriptor_set_len = parts->edit.len;
    return rpc_server_new(&parts->settings, services, 2, &backend, verify, NULL, ret_server, err);
}

static void refuses(struct parts *parts, const char *text)
{
    struct rpc_server *server = NULL;
    struct err err;
    assert_int_equal(build(parts, &server, &err), ERR_FIELD_INVALID);
    if (strstr(err.text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, err.text);
    assert_null(server);
    contract_edit_done(&parts->edit);
}

static struct method *find(struct parts *parts, const char *name)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < parts->services[i].method_count; j++)
            if (strcmp(parts->methods[i][j].name, name) == 0)
                return &parts->methods[i][j];
    fail_msg("no method %s", name);
    return NULL;
}

static void starts_and_stops(void **state)
{
    (void)state;
    static struct parts parts;
    struct err err;
    for (int mode = 0; mode < 3; mode++) {
        struct rpc_server *server = NULL;
        make(&parts);
        parts.settings.reflection = mode == 2;
        if (build(&parts, &server, &err) != ERR_OK)
            fail_msg("%s", err.text);
        assert_in_range(rpc_server_port(server, 0), 1, 65535);
        assert_int_equal(rpc_server_port(server, 1), 0);
        if (mode > 0) {
            assert_int_equal(rpc_server_start(server, &err), ERR_OK);
            rpc_server_stop(server, 1000);
            rpc_server_stop(server, 1000);
        }
        assert_null(rpc_server_free(server));
        contract_edit_done(&parts.edit);
    }
    assert_null(rpc_server_free(NULL));
}

static void refuses_a_method_without_permission(void **state)
{
    (void)state;
    static struct parts parts;
    make(&parts);
    Google__Protobuf__MethodOptions *options =
        contract_edit_method(&parts.edit, "CompanyService", "GetCompany")->options;
    // The policy is the only unknown field.
    assert_int_equal(options->base.n_unknown_fields, 1);
    options->base.unknown_fields[0].tag = 52399;
    refuses(&parts, "GetCompany declares no permission");
}

static void refuses_a_permission_that_it_does_not_know(void **state)
{
    (void)state;
    static struct parts parts;
    make(&parts);
    ProtobufCMessage *options =
        &contract_edit_method(&parts.edit, "CompanyService", "GetCompany")->options->base;
    // {permission: 1}: length 2, tag 8, value.
    assert_int_equal(options->unknown_fields[0].len, 3);
    options->unknown_fields[0].data[2] = PERMISSION_COUNT;
    refuses(&parts, "GetCompany declares no permission");
}

static void refuses_a_policy_that_it_cannot_read(void **state)
{
    (void)state;
    static struct parts parts;
    make(&parts);
    ProtobufCMessage *options =
        &contract_edit_method(&parts.edit, "CompanyService", "GetCompany")->options->base;
    options->unknown_fields[0].data[1] = 0x0f;
    refuses(&parts, "the policy of GetCompany");
}

static void refuses_other_pairings(void **state)
{
    (void)state;
    static struct parts parts;
    make(&parts);
    find(&parts, "GetCompany")->unary = NULL;
    refuses(&parts, "GetCompany has no handler");
    make(&parts);
    find(&parts, "WatchSyncRun")->stream = NULL;
    refuses(&parts, "WatchSyncRun has no handler");
    make(&parts);
    parts.services[0].method_count--;
    refuses(&parts, "has no handler");
    make(&parts);
    find(&parts, "GetCompany")->name = "FetchCompany";
    refuses(&parts, "FetchCompany has a handler but is no method");
    make(&parts);
    *find(&parts, "WatchSyncRun") =
        (struct method){"WatchSyncRun", METHOD_UNARY, LANE_STORE, unary, NULL};
    refuses(&parts, "WatchSyncRun is of another kind");
    make(&parts);
    contract_edit_method(&parts.edit, "CompanyService", "GetCompany")->has_client_streaming = 1;
    contract_edit_method(&parts.edit, "CompanyService", "GetCompany")->client_streaming = 1;
    refuses(&parts, "GetCompany is of another kind");
    make(&parts);
    find(&parts, "WatchSyncRun")->lane = LANE_NONE;
    refuses(&parts, "WatchSyncRun cannot run on its lane");
    make(&parts);
    parts.services[1] = parts.services[0];
    refuses(&parts, "registered twice");
}

static void refuses_requests_that_recurse(void **state)
{
    (void)state;
    static struct parts parts;
    make(&parts);
    Google__Protobuf__FieldDescriptorProto *field =
        contract_edit_message(&parts.edit, "GetCompanyRequest")->field[0];
    field->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
    field->type_name = strdup(".docbridge.v1.GetCompanyRequest");
    refuses(&parts, "contains itself");
}

static void refuses_addresses(void **state)
{
    (void)state;
    static const struct {
        struct rpc_listener listener;
        const char *text;
    } vectors[] = {
        {{.address = "0.0.0.0:0"}, "tls_client_ca_file: 0.0.0.0:0 is not a loopback address"},
        {{.address = "[::]:0"}, "not a loopback address"},
        {{.address = "192.0.2.1:0"}, "not a loopback address"},
        {{.address = "0.0.0.0:0", .certificate_file = "c", .key_file = "k"}, "not a loopback"},
        {{.address = "127.0.0.1:0", .certificate_file = "c"}, "tls_key_file: 127.0.0.1:0"},
        {{.address = "127.0.0.1:0", .client_ca_file = "c"}, "tls_client_ca_file: 127.0.0.1:0"},
        {{.address = "127.0.0.1:0", .certificate_file = "/none", .key_file = "/none"}, "/none"},
        {{.address = "127.0.0.1"}, "listen: the address 127.0.0.1 is not host:port"},
        {{.address = ""}, "not host:port"},
        {{.address = ":80"}, "not host:port"},
        {{.address = "127.0.0.1:"}, "listen: the address 127.0.0.1: has no port"},
        {{.address = "127.0.0.1:65536"}, "has no port from 0 to 65535"},
        {{.address = "127.0.0.1:99999999999999999999"}, "has no port from 0 to 65535"},
        {{.address = "127.0.0.1:no-such-service"}, "cannot be resolved"},
        {{.address = "::1:80"}, "listen: the address ::1:80 lacks brackets"},
        {{.address = "unix:/nonexistent/folder/s"}, "listen: cannot listen"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        static struct parts parts;
        make(&parts);
        parts.listener = vectors[i].listener;
        refuses(&parts, vectors[i].text);
    }
}

static void accepts_loopback_addresses(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:0", "127.1.2.3:0", "localhost:0"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        static struct parts parts;
        struct rpc_server *server = NULL;
        struct err err;
        make(&parts);
        parts.listener.address = addresses[i];
        if (build(&parts, &server, &err) != ERR_OK)
            fail_msg("%s", err.text);
        (void)rpc_server_free(server);
        contract_edit_done(&parts.edit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops),
        cmocka_unit_test(refuses_a_method_without_permission),
        cmocka_unit_test(refuses_a_permission_that_it_does_not_know),
        cmocka_unit_test(refuses_a_policy_that_it_cannot_read),
        cmocka_unit_test(refuses_other_pairings),
        cmocka_unit_test(refuses_requests_that_recurse),
        cmocka_unit_test(refuses_addresses),
        cmocka_unit_test(accepts_loopback_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
