#include "tests/integration/service/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/encoding.h"
#include "server/store/connection.h"
#include "server/store/vault_record.h"

const char *fixture_sql(const struct fixture *fixture, const char *sql)
{
    return test_postgres_value(fixture->database->admin_dsn, sql);
}

int64_t fixture_number(const struct fixture *fixture, const char *sql)
{
    int64_t number = 0;
    const char *text = fixture_sql(fixture, sql);
    assert_true(encoding_int64(text, strlen(text), &number));
    return number;
}

int fixture_start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->postgres = test_postgres_start();
    (void)snprintf(fixture->key_path, sizeof(fixture->key_path), "/tmp/docbridge-test-key.XXXXXX");
    int fd = mkstemp(fixture->key_path);
    assert_true(fd >= 0);
    unsigned char bytes[32];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    (void)close(fd);
    assert_int_equal(vault_open(fixture->key_path, &fixture->vault, &fixture->err), ERR_OK);
    *state = fixture;
    return 0;
}

int fixture_stop(void **state)
{
    struct fixture *fixture = *state;
    (void)vault_close(fixture->vault);
    (void)unlink(fixture->key_path);
    test_postgres_stop(fixture->postgres);
    free(fixture);
    return 0;
}

int fixture_fresh(void **state)
{
    struct fixture *fixture = *state;
    source_fake_reset();
    fixture->database = test_postgres_database(fixture->postgres);
    const struct store_settings settings = {.dsn = fixture->database->dsn,
                                            .role = "docbridge_server"};
    assert_int_equal(store_open(&settings, &fixture->store, &fixture->err), ERR_OK);
    const struct store_settings looking = {
        .dsn = fixture->database->dsn, .connections_max = 1, .role = "docbridge_janitor"};
    assert_int_equal(store_open(&looking, &fixture->janitor_store, &fixture->err), ERR_OK);
    // Never started: runs are queued, and stay so.
    const struct sync_settings sync = {.store = fixture->store,
                                       .scheduler_store = fixture->store,
                                       .vault = fixture->vault,
                                       .source = &fixture->source};
    assert_int_equal(sync_new(&sync, &fixture->sync, &fixture->err), ERR_OK);
    arena_init(&fixture->arena, 64 << 20);
    fixture->backend = (struct backend){.store = fixture->store,
                                        .janitor_store = fixture->janitor_store,
                                        .vault = fixture->vault,
                                        .sync = fixture->sync,
                                        .source = &fixture->source};
    fixture->backend.token_key_count = 1;
    fixture->caller = (struct principal){.tenant = "t1",
                                         .subject = "ada",
                                         .display_name = "Ada Admin",
                                         .actor = ACTOR_HUMAN,
                                         .permissions = 1u << PERMISSION_READ_INTEGRATIONS |
                                                        1u << PERMISSION_MANAGE_INTEGRATIONS,
                                         .all_companies = true};
    atomic_store(&fixture->cancelled, false);
    fixture->request = (struct request){.backend = &fixture->backend,
                                        .caller = &fixture->caller,
                                        .arena = &fixture->arena,
                                        .deadline = deadline_in(30000),
                                        .cancelled = &fixture->cancelled,
                                        .request_id = "req-1",
                                        .peer = "ipv4:127.0.0.1:5"};
    return 0;
}

int fixture_drop(void **state)
{
    struct fixture *fixture = *state;
    fixture->sync = sync_free(fixture->sync);
    fixture->janitor_store = store_close(fixture->janitor_store);
    fixture->store = store_close(fixture->store);
    arena_done(&fixture->arena);
    return 0;
}

static enum err_code call(struct request *request, const struct service *service,
                          const char *method, const void *in, void *out, struct err *reterr)
{
    const ProtobufCMethodDescriptor *descriptor =
        protobuf_c_service_descriptor_get_method_by_name(service->descriptor, method);
    assert_non_null(descriptor);
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, method) != 0)
            continue;
        protobuf_c_message_init(descriptor->output, out);
        return service->methods[i].unary(request, in, out, reterr);
    }
    fail_msg("no handler of %s", method);
    return ERR_INTERNAL;
}

enum err_code fixture_call(struct fixture *fixture, const struct service *service,
                           const char *method, const void *in, void *out)
{
    fixture->err = (struct err){0};
    enum err_code code = call(&fixture->request, service, method, in, out, &fixture->err);
    if (code != ERR_OK)
        assert_int_equal(code, fixture->err.code);
    assert_null(strstr(fixture->err.text, CANARY));
    return code;
}

enum err_code fixture_call_as(struct fixture *fixture, const struct principal *caller,
                              const struct service *service, const char *method, const void *in,
                              void *out)
{
    struct request request = fixture->request;
    request.caller = caller;
    fixture->err = (struct err){0};
    return call(&request, service, method, in, out, &fixture->err);
}

const char *fixture_meta(const struct fixture *fixture, const char *key)
{
    const char *value = err_meta_get(&fixture->err, key);
    return value == NULL ? "" : value;
}

void fixture_seed_connection(struct fixture *fixture)
{
    const struct vault_context context = {"t1", "c1", "api-key", 1};
    struct secret *key _cleanup_(secret_freep) = secret_copy(CANARY, sizeof(CANARY) - 1);
    struct tx *tx = NULL;
    struct sealed sealed;
    bool added;
    const struct connection connection = {.id = "c1",
                                          .display_name = "IT Glue",
                                          .provider = 1,
                                          .region = 1,
                                          .state = CONNECTION_ACTIVE,
                                          .psa_type = 1,
                                          .credential_version = 1,
                                          .key_last4 = "0123",
                                          .key_fingerprint = "f",
                                          .key_create_time_us = clock_wall_us(),
                                          .account_subdomain = "",
                                          .capabilities = "[]",
                                          .create_time_us = clock_wall_us()};
    assert_int_equal(
        vault_seal(fixture->vault, &context, key, &fixture->arena, &sealed, &fixture->err), ERR_OK);
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &fixture->err),
                     ERR_OK);
    assert_int_equal(connection_insert(tx, &connection, &added, &fixture->err), ERR_OK);
    assert_true(added);
    assert_int_equal(vault_record_insert(tx, "c1", 1, &sealed, &fixture->err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &fixture->err), ERR_OK);
}

const char *fixture_changes(const struct fixture *fixture, int type)
{
    char sql[160];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT changes FROM audit_event WHERE tenant = 't1' AND type = %d"
                   " ORDER BY sequence DESC LIMIT 1",
                   type);
    return fixture_sql(fixture, sql);
}
