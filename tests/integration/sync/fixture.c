#include "tests/integration/sync/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/connection.h"
#include "server/store/vault_record.h"
#include "server/sync/state.h"

enum { WAIT_MS = 60000, NAP_US = 5000 };

const char *fixture_sql(const struct fixture *fixture, const char *sql)
{
    return test_postgres_value(fixture->database->admin_dsn, sql);
}

int fixture_start(void **state)
{
    struct err err = {0};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->postgres = test_postgres_start();
    (void)snprintf(fixture->key_path, sizeof(fixture->key_path), "/tmp/docbridge-test-key.XXXXXX");
    int fd = mkstemp(fixture->key_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "the master key of these tests ok", 32), 32);
    (void)close(fd);
    assert_int_equal(vault_open(fixture->key_path, &fixture->vault, &err), ERR_OK);
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

static void seal_key(struct fixture *fixture, const char *tenant, const char *connection_id)
{
    const struct vault_context context = {tenant, connection_id, "api-key", 1};
    struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.test", 8);
    struct tx *tx = NULL;
    struct err err = {0};
    struct sealed sealed;
    assert_int_equal(vault_seal(fixture->vault, &context, key, &fixture->arena, &sealed, &err),
                     ERR_OK);
    assert_int_equal(store_begin(fixture->store, tenant, deadline_in(30000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(vault_record_insert(tx, connection_id, 1, &sealed, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
}

void fixture_connect(struct fixture *fixture, const char *tenant, const char *connection_id)
{
    (void)fixture_sql(
        fixture,
        arena_printf(&fixture->arena,
                     "INSERT INTO connection (tenant, id, display_name, provider, region, state,"
                     "  credential_version, create_time, update_time)"
                     " VALUES ('%s', '%s', 'IT Glue', 1, 1, 1, 1, now(), now());"
                     "INSERT INTO connection_config (tenant, connection_id, documents_enabled,"
                     "  checklists_enabled, password_sharing_enabled, update_time)"
                     " VALUES ('%s', '%s', true, true, true, now());",
                     tenant, connection_id, tenant, connection_id));
    seal_key(fixture, tenant, connection_id);
}

void fixture_open(struct fixture *fixture)
{
    struct err err = {0};
    const struct store_settings serving = {.dsn = fixture->database->dsn,
                                           .role = "docbridge_server"};
    // One: whoever began a second transaction within the first would wait for itself.
    const struct store_settings background = {
        .dsn = fixture->database->dsn, .role = "docbridge_server", .connections_max = 1};
    const struct store_settings scheduling = {
        .dsn = fixture->database->dsn, .role = "docbridge_scheduler", .connections_max = 1};
    assert_int_equal(store_open(&serving, &fixture->store, &err), ERR_OK);
    assert_int_equal(store_open(&background, &fixture->background_store, &err), ERR_OK);
    assert_int_equal(store_open(&scheduling, &fixture->scheduler_store, &err), ERR_OK);
    fixture->settings.store = fixture->store;
    fixture->settings.background_store = fixture->background_store;
    fixture->settings.scheduler_store = fixture->scheduler_store;
}

void fixture_close(struct fixture *fixture)
{
    fixture->store = store_close(fixture->store);
    fixture->background_store = store_close(fixture->background_store);
    fixture->scheduler_store = store_close(fixture->scheduler_store);
}

int fixture_fresh(void **state)
{
    struct fixture *fixture = *state;
    fake_reset();
    fixture->mode = SYNC_MODE_FULL;
    fixture->database = test_postgres_database(fixture->postgres);
    arena_init(&fixture->arena, 64 << 20);
    fixture->settings = (struct sync_settings){
        .vault = fixture->vault,
        .source = &fixture->source,
        .scheduler_ms = 100,
        .window = 1, // one request after the other
        .reserve_percent = -1,
        .retry_ms = 1,
    };
    fixture_open(fixture);
    fixture_connect(fixture, "t1", "c1");
    fixture->caller = (struct principal){
        .tenant = "t1",
        .subject = "ada",
        .display_name = "Ada",
        .actor = ACTOR_HUMAN,
        .permissions = 1u << PERMISSION_READ_INTEGRATIONS | 1u << PERMISSION_MANAGE_INTEGRATIONS,
        .all_companies = true,
    };
    fixture->backend = (struct backend){.store = fixture->store, .vault = fixture->vault};
    fixture->request = (struct request){
        .backend = &fixture->backend,
        .caller = &fixture->caller,
        .arena = &fixture->arena,
        .deadline = deadline_in(600000),
        .cancelled = &fixture->cancelled,
        .request_id = "req-1",
        .peer = "ipv4:127.0.0.1:5",
    };
    return 0;
}

void fixture_start_sync(struct fixture *fixture)
{
    struct err err = {0};
    assert_int_equal(sync_new(&fixture->settings, &fixture->sync, &err), ERR_OK);
    assert_int_equal(sync_start(fixture->sync, &err), ERR_OK);
    fixture->backend.sync = fixture->sync;
}

void fixture_stop_sync(struct fixture *fixture)
{
    if (fixture->sync == NULL)
        return;
    sync_stop(fixture->sync);
    fixture->sync = sync_free(fixture->sync);
    fixture->backend.sync = NULL;
}

int fixture_drop(void **state)
{
    struct fixture *fixture = *state;
    fixture_stop_sync(fixture);
    fixture_close(fixture);
    arena_done(&fixture->arena);
    return 0;
}

void fixture_map(struct fixture *fixture, int64_t organization_id)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof(sql),
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " VALUES ('t1', 'company-%" PRId64 "', 'x', 'x', now(), now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        "  content_hash, discover_time, update_time)"
        " VALUES ('t1', 'c1', %" PRId64 ", 'x', 'x', '{}', '', now(), now())"
        " ON CONFLICT DO NOTHING;"
        "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
        "  actor_subject, actor_display_name, actor_kind, create_time)"
        " VALUES ('t1', 'c1', %" PRId64 ", 'company-%" PRId64 "', 1, 'ada', 'Ada', 1, now())",
        organization_id, organization_id, organization_id, organization_id);
    (void)fixture_sql(fixture, sql);
}

void fixture_seed(struct fixture *fixture)
{
    fake_put_many(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = 1, .name = "Org"}, 12);
    for (int64_t org = 1; org <= 12; org++) {
        fake_put_many(&(struct fake_record){.kind = SOURCE_DOCUMENTS,
                                            .id = org * 1000,
                                            .organization_id = org,
                                            .name = "Document"},
                      5);
        fake_put(&(struct fake_record){.kind = SOURCE_DOCUMENTS,
                                       .id = org * 1000 + 900,
                                       .organization_id = org,
                                       .folder_id = org * 10,
                                       .name = "Foldered"});
        fake_put(&(struct fake_record){.kind = SOURCE_DOCUMENT_FOLDERS,
                                       .id = org * 10,
                                       .organization_id = org,
                                       .document_count = 1,
                                       .name = "Folder"});
        fake_put_many(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                            .id = org * 1000,
                                            .organization_id = org,
                                            .name = "Password"},
                      4);
        fake_put_many(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSETS,
                                            .id = org * 1000,
                                            .organization_id = org,
                                            .type_id = 7,
                                            .name = "Asset"},
                      3);
        fake_put_many(&(struct fake_record){.kind = SOURCE_CHECKLISTS,
                                            .id = org * 1000,
                                            .organization_id = org,
                                            .name = "Checklist"},
                      2);
    }
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = "Router",
        .body = "{\"enabled\":true,\"fields\":[{\"key\":\"admin\",\"kind\":\"Password\"},"
                "{\"key\":\"ip\",\"kind\":\"Text\"}]}"});
    fake_put(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSET_TYPES, .id = 8, .name = "Off"});
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORD_CATEGORIES, .id = 70, .name = "Wifi"});
    fake_put(
        &(struct fake_record){.kind = SOURCE_CHECKLIST_TEMPLATES, .id = 60, .name = "Template"});
    fixture_map(fixture, 3);
    fixture_map(fixture, 5);
    (void)fixture_sql(fixture, "INSERT INTO flexible_asset_type (tenant, connection_id, id,"
                               " display_name, body, content_hash, enabled, chosen, discover_time)"
                               " VALUES ('t1', 'c1', 7, 'x', '{}', '', true, true, now())");
}

void fixture_ask(struct fixture *fixture, unsigned tasks)
{
    fixture_ask_of(fixture, "c1", tasks, fixture->run_id);
}

void fixture_ask_of(struct fixture *fixture, const char *connection_id, unsigned tasks,
                    char *ret_run_id)
{
    struct sync_request asked = {.connection_id = connection_id,
                                 .mode = fixture->mode,
                                 .tasks = tasks,
                                 .trigger = SYNC_TRIGGER_MANUAL};
    struct tx *tx = NULL;
    struct err err = {0};
    bool joined;
    assert_int_equal(
        store_begin(fixture->store, fixture->caller.tenant, deadline_in(30000), NULL, &tx, &err),
        ERR_OK);
    assert_int_equal(sync_request_run(tx, &fixture->request, &asked, ret_run_id, &joined, &err),
                     ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    if (fixture->sync != NULL)
        sync_wake(fixture->sync);
}

void fixture_cancel(struct fixture *fixture)
{
    struct tx *tx = NULL;
    struct err err = {0};
    bool live;
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(30000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(sync_cancel_run(tx, &fixture->request, "c1", fixture->run_id, &live, &err),
                     ERR_OK);
    assert_true(live);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    if (fixture->sync != NULL)
        sync_stop_run(fixture->sync, "t1", "c1", fixture->run_id);
}

struct sync_run_row fixture_run(struct fixture *fixture)
{
    struct sync_run_row row;
    struct tx *tx = NULL;
    struct err err = {0};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(30000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(sync_run_load(tx, "c1", fixture->run_id, &fixture->arena, &row, &err), ERR_OK);
    tx_abortp(&tx);
    return row;
}

int fixture_wait(struct fixture *fixture)
{
    struct deadline deadline = deadline_in(WAIT_MS);
    for (;;) {
        struct sync_run_row row = fixture_run(fixture);
        if (!run_is_live((enum run_state)row.state))
            return row.state;
        if (deadline_left_ms(deadline) == 0)
            fail_msg("the run is still in state %d", row.state);
        (void)usleep(NAP_US);
    }
}

void fixture_wait_for(struct fixture *fixture, const char *sql, const char *value)
{
    struct deadline deadline = deadline_in(WAIT_MS);
    while (strcmp(fixture_sql(fixture, sql), value) != 0) {
        if (deadline_left_ms(deadline) == 0)
            fail_msg("%s is %s, not %s", sql, fixture_sql(fixture, sql), value);
        (void)usleep(NAP_US);
    }
}

int fixture_run_all(struct fixture *fixture)
{
    fixture_ask(fixture, 0);
    return fixture_wait(fixture);
}
