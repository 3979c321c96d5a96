// Another master key while the service serves: RewrapVault, over all tenants, under load, cut off.
#include "tests/integration/service/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "docbridge/v1/admin.pb-c.h"
#include "server/audit/audit.h"
#include "server/store/connection.h"
#include "server/store/vault_record.h"

enum { TENANTS = 24, TENANT_BYTES = 24, READERS = 3, CHANGES = 6 };

static const struct principal operator_ = {.tenant = "ops",
                                           .subject = "olga",
                                           .display_name = "Olga Operator",
                                           .actor = ACTOR_HUMAN,
                                           .permissions = 1u << PERMISSION_OPERATE_SERVICE,
                                           .all_companies = true};

// The fixture's key is the old one; it opens beside the new one, which seals.
static char new_key_path[] = "/tmp/docbridge-test-key.XXXXXX";
static struct vault *changed, *fresh_alone, *back;

static struct vault *open_keys(const char *seals, const char *opens)
{
    struct vault *vault = NULL;
    assert_int_equal(vault_open(seals, &vault, NULL), ERR_OK);
    if (opens != NULL)
        assert_int_equal(vault_add_key(vault, opens, NULL), ERR_OK);
    return vault;
}

static int start(void **state)
{
    if (fixture_start(state) != 0)
        return 1;
    const struct fixture *fixture = *state;
    int fd = mkstemp(new_key_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a new key that has 32 bytes, too", 32), 32);
    (void)close(fd);
    changed = open_keys(new_key_path, fixture->key_path);
    fresh_alone = open_keys(new_key_path, NULL);
    back = open_keys(fixture->key_path, new_key_path);
    return 0;
}

static int stop(void **state)
{
    (void)vault_close(changed);
    (void)vault_close(fresh_alone);
    (void)vault_close(back);
    (void)unlink(new_key_path);
    return fixture_stop(state);
}

static int fresh(void **state)
{
    if (fixture_fresh(state) != 0)
        return 1;
    struct fixture *fixture = *state;
    fixture->backend.vault = changed;
    return 0;
}

static const char *tenant_of(int i, char ret_tenant[TENANT_BYTES])
{
    (void)snprintf(ret_tenant, TENANT_BYTES, "tenant-%02d", i);
    return ret_tenant;
}

// Connection 'c1' with the key `version` in use, sealed with the old master key.
static void seed(struct fixture *fixture, const char *tenant, int64_t version)
{
    const struct vault_context context = {tenant, "c1", "api-key", version};
    struct secret *key _cleanup_(secret_freep) = secret_copy(CANARY, sizeof(CANARY) - 1);
    struct tx *tx = NULL;
    struct sealed sealed;
    char fingerprint[VAULT_FINGERPRINT_BYTES];
    bool added;
    vault_fingerprint(fixture->vault, tenant, key, fingerprint);
    const struct connection connection = {.id = "c1",
                                          .display_name = "IT Glue",
                                          .provider = 1,
                                          .region = 1,
                                          .state = 1,
                                          .psa_type = 1,
                                          .credential_version = version,
                                          .key_last4 = "0123",
                                          .key_fingerprint = fingerprint,
                                          .key_create_time_us = clock_wall_us(),
                                          .account_subdomain = "",
                                          .capabilities = "[]",
                                          .create_time_us = clock_wall_us()};
    assert_int_equal(vault_seal(fixture->vault, &context, key, &fixture->arena, &sealed, NULL),
                     ERR_OK);
    assert_int_equal(store_begin(fixture->store, tenant, deadline_in(5000), NULL, &tx, NULL),
                     ERR_OK);
    assert_int_equal(connection_insert(tx, &connection, &added, NULL), ERR_OK);
    assert_true(added);
    assert_int_equal(vault_record_insert(tx, "c1", version, &sealed, NULL), ERR_OK);
    assert_int_equal(tx_commit(&tx, NULL), ERR_OK);
}

static void seed_all(struct fixture *fixture)
{
    char tenant[TENANT_BYTES];
    for (int i = 0; i < TENANTS; i++)
        seed(fixture, tenant_of(i, tenant), 1);
}

static Docbridge__V1__RewrapVaultResponse rewrap(struct fixture *fixture, int32_t max_records)
{
    Docbridge__V1__RewrapVaultRequest in = DOCBRIDGE__V1__REWRAP_VAULT_REQUEST__INIT;
    Docbridge__V1__RewrapVaultResponse out;
    in.max_records = max_records;
    if (fixture_call_as(fixture, &operator_, &admin_service, "RewrapVault", &in, &out) != ERR_OK)
        fail_msg("%s", fixture->err.text);
    return out;
}

// Reads a record as a reveal does.
static enum err_code open_record(struct store *store, const struct vault *vault, const char *tenant,
                                 struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct secret *plain _cleanup_(secret_freep) = NULL;
    const struct vault_context context = {tenant, "c1", "api-key", 1};
    struct sealed sealed;
    try_(store_begin(store, tenant, deadline_in(20000), NULL, &tx, reterr));
    try_(vault_record_get(tx, "c1", 1, &arena, &sealed, reterr));
    try_(tx_commit(&tx, reterr));
    try_(vault_unseal(vault, &context, &sealed, &plain, reterr));
    return strcmp(secret_bytes(plain), CANARY) == 0 ? ERR_OK : ERR_INTERNAL;
}

static void assert_all_open_with_the_new_key_alone(struct fixture *fixture)
{
    char tenant[TENANT_BYTES];
    struct err err;
    for (int i = 0; i < TENANTS; i++)
        if (open_record(fixture->store, fresh_alone, tenant_of(i, tenant), &err) != ERR_OK)
            fail_msg("%s: %s", tenant, err.text);
}

#define EVENTS "SELECT count(*) FROM audit_event WHERE type = 31"

static void wraps_the_keys_of_all_tenants(void **state)
{
    struct fixture *fixture = *state;
    char wanted[VAULT_FINGERPRINT_BYTES], sql[256];
    struct secret *key _cleanup_(secret_freep) = secret_copy(CANARY, sizeof(CANARY) - 1);
    const char *ids[VAULT_KEYS_MAX];
    seed_all(fixture);
    const char *ciphertexts = "SELECT md5(string_agg(ciphertext, '' ORDER BY tenant))"
                              " FROM vault_record";
    char *before = arena_strdup(&fixture->arena, fixture_sql(fixture, ciphertexts));
    Docbridge__V1__RewrapVaultResponse out = rewrap(fixture, 0);
    assert_int_equal(vault_key_ids(changed, ids), 2);
    assert_string_equal(out.master_key_id, ids[0]);
    assert_int_equal(out.rewrapped_count, TENANTS);
    assert_int_equal(out.remaining_count, 0);
    assert_int_equal(out.current_count, 0);
    assert_int_equal(out.n_unreadable, 0);
    assert_all_open_with_the_new_key_alone(fixture);
    assert_string_equal(fixture_sql(fixture, ciphertexts), before);
    // Each tenant finds it in its own trail: by whom, from which key to which.
    assert_int_equal(fixture_number(fixture, EVENTS), TENANTS);
    (void)snprintf(sql, sizeof(sql),
                   EVENTS " AND tenant = 'tenant-07' AND actor_subject = 'olga' AND outcome = 1"
                          " AND resource = 'connections/c1' AND request_id = 'req-1'"
                          " AND changes LIKE '%%\"old\":\"%s\",\"new\":\"%s\"%%'",
                   ids[1], ids[0]);
    assert_int_equal(fixture_number(fixture, sql), 1);
    // The fingerprint is of the new key too, and the connection's etag says that it changed.
    vault_fingerprint(fresh_alone, "tenant-07", key, wanted);
    assert_string_equal(
        fixture_sql(fixture, "SELECT key_fingerprint FROM connection WHERE tenant = 'tenant-07'"),
        wanted);
    assert_int_equal(fixture_number(fixture, "SELECT min(revision) FROM connection"), 2);
    // Once is enough.
    out = rewrap(fixture, 0);
    assert_int_equal(out.rewrapped_count, 0);
    assert_int_equal(out.current_count, TENANTS);
    assert_int_equal(out.remaining_count, 0);
    assert_int_equal(fixture_number(fixture, EVENTS), TENANTS);
}

static void goes_on_where_it_stopped(void **state)
{
    struct fixture *fixture = *state;
    seed_all(fixture);
    Docbridge__V1__RewrapVaultResponse out = rewrap(fixture, 5);
    assert_int_equal(out.rewrapped_count, 5);
    assert_int_equal(out.remaining_count, TENANTS - 5);
    out = rewrap(fixture, TENANTS);
    assert_int_equal(out.current_count, 5);
    assert_int_equal(out.rewrapped_count, TENANTS - 5);
    assert_int_equal(out.remaining_count, 0);
    Docbridge__V1__RewrapVaultRequest in = DOCBRIDGE__V1__REWRAP_VAULT_REQUEST__INIT;
    in.max_records = -1;
    assert_int_equal(fixture_call_as(fixture, &operator_, &admin_service, "RewrapVault", &in, &out),
                     ERR_FIELD_INVALID);
}

// More than a page of records, and a connection whose older key is still there.
static void wraps_every_version_page_by_page(void **state)
{
    struct fixture *fixture = *state;
    char tenant[TENANT_BYTES];
    for (int i = 0; i < 60; i++) {
        seed(fixture, tenant_of(i, tenant), 1);
        (void)fixture_sql(fixture, "UPDATE connection SET credential_version = 2");
        const struct vault_context context = {tenant, "c1", "api-key", 2};
        struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.second", 10);
        struct sealed sealed;
        struct tx *tx = NULL;
        assert_int_equal(vault_seal(fixture->vault, &context, key, &fixture->arena, &sealed, NULL),
                         ERR_OK);
        assert_int_equal(store_begin(fixture->store, tenant, deadline_in(5000), NULL, &tx, NULL),
                         ERR_OK);
        assert_int_equal(vault_record_insert(tx, "c1", 2, &sealed, NULL), ERR_OK);
        assert_int_equal(tx_commit(&tx, NULL), ERR_OK);
    }
    Docbridge__V1__RewrapVaultResponse out = rewrap(fixture, 0);
    assert_int_equal(out.rewrapped_count, 120);
    assert_int_equal(out.remaining_count, 0);
    // Of the key in use, and not of the one before it.
    char wanted[VAULT_FINGERPRINT_BYTES];
    struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.second", 10);
    vault_fingerprint(fresh_alone, "tenant-42", key, wanted);
    assert_string_equal(
        fixture_sql(fixture, "SELECT key_fingerprint FROM connection WHERE tenant = 'tenant-42'"),
        wanted);
}

static void tells_what_does_not_open(void **state)
{
    struct fixture *fixture = *state;
    const char *ids[VAULT_KEYS_MAX];
    seed_all(fixture);
    (void)vault_key_ids(fixture->vault, ids);
    // The key of two is lost, and one is damaged where wrapping alone would not see it.
    (void)fixture_sql(fixture, "UPDATE vault_record SET master_key_id = '0123456789abcdef'"
                               " WHERE tenant IN ('tenant-03', 'tenant-04')");
    (void)fixture_sql(fixture, "UPDATE vault_record SET ciphertext ="
                               " set_byte(ciphertext, 30, 1 # get_byte(ciphertext, 30))"
                               " WHERE tenant = 'tenant-05'");
    for (int round = 1; round <= 2; round++) {
        Docbridge__V1__RewrapVaultResponse out = rewrap(fixture, 0);
        assert_int_equal(out.rewrapped_count, round == 1 ? TENANTS - 3 : 0);
        assert_int_equal(out.remaining_count, 0);
        assert_int_equal(out.n_unreadable, 2);
        assert_string_equal(out.unreadable[0]->master_key_id, "0123456789abcdef");
        assert_int_equal(out.unreadable[0]->record_count, 2);
        assert_string_equal(out.unreadable[1]->master_key_id, ids[0]);
        assert_int_equal(out.unreadable[1]->record_count, 1);
    }
    assert_int_equal(fixture_number(fixture, EVENTS " AND tenant = 'tenant-03' AND outcome = 3"
                                                    " AND error_reason = "
                                                    "'VAULT_RECORD_UNREADABLE'"),
                     2);
    assert_int_equal(fixture_number(fixture, EVENTS " AND outcome = 1"), TENANTS - 3);
}

static void leaves_what_somebody_holds(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct vault_record record;
    bool found;
    seed_all(fixture);
    assert_int_equal(store_begin(fixture->store, "tenant-09", deadline_in(20000), NULL, &tx, NULL),
                     ERR_OK);
    assert_int_equal(vault_record_lock(tx, "c1", 1, &fixture->arena, &record, &found, NULL),
                     ERR_OK);
    assert_true(found);
    Docbridge__V1__RewrapVaultResponse out = rewrap(fixture, 0);
    assert_int_equal(out.rewrapped_count, TENANTS - 1);
    assert_int_equal(out.remaining_count, 1);
    // Who reads is not held up.
    assert_int_equal(open_record(fixture->store, changed, "tenant-09", NULL), ERR_OK);
    tx_abortp(&tx);
    tx = NULL;
    assert_int_equal(rewrap(fixture, 0).rewrapped_count, 1);
    assert_all_open_with_the_new_key_alone(fixture);
}

// The gate refuses others before; if it did not, no trail would name them as an operator.
static void is_an_operators(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RewrapVaultRequest in = DOCBRIDGE__V1__REWRAP_VAULT_REQUEST__INIT;
    Docbridge__V1__RewrapVaultResponse out;
    seed_all(fixture);
    assert_int_equal(fixture_call(fixture, &admin_service, "RewrapVault", &in, &out), ERR_INTERNAL);
    assert_int_equal(fixture_number(fixture, EVENTS), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(DISTINCT master_key_id)"
                                             " FROM vault_record"),
                     1);
}

struct reader {
    pthread_t thread;
    struct store *store;
    atomic_bool *over;
    int first;
    atomic_llong opened;
    int64_t failed;
    struct err err; // of the last failure
};

static void *read_on(void *context)
{
    struct reader *reader = context;
    char tenant[TENANT_BYTES];
    for (int i = reader->first; !atomic_load(reader->over); i++) {
        enum err_code code = open_record(reader->store, i % 2 == 0 ? changed : back,
                                         tenant_of(i % TENANTS, tenant), &reader->err);
        atomic_fetch_add(&reader->opened, code == ERR_OK);
        reader->failed += code != ERR_OK;
    }
    return NULL;
}

// Master keys change and change back, again and again, while secrets are opened all the time.
static void fails_nobody_under_load(void **state)
{
    struct fixture *fixture = *state;
    struct reader readers[READERS] = {0};
    atomic_bool over = false;
    seed_all(fixture);
    for (int i = 0; i < READERS; i++) {
        readers[i].store = fixture->store;
        readers[i].over = &over;
        readers[i].first = i * TENANTS / READERS;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    int rewrapped = 0;
    for (int i = 0; i < CHANGES; i++) {
        fixture->backend.vault = i % 2 == 0 ? changed : back;
        rewrapped += rewrap(fixture, 0).rewrapped_count;
    }
    for (int i = 0; i < READERS; i++) {
        struct deadline deadline = deadline_in(60000);
        while (atomic_load(&readers[i].opened) <= TENANTS && deadline_left_ms(deadline) > 0)
            (void)usleep(5000);
    }
    atomic_store(&over, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        if (readers[i].failed > 0)
            fail_msg("%lld failed: %s", (long long)readers[i].failed, readers[i].err.text);
        assert_true(readers[i].opened > TENANTS);
    }
    assert_int_equal(rewrapped, CHANGES * TENANTS);
}

// The whole work of a process that has nothing of ours but the keys and the database.
static void rewrap_as_another_process(struct fixture *fixture)
{
    const struct store_settings serving = {.dsn = fixture->database->dsn,
                                           .role = "docbridge_server"};
    const struct store_settings looking = {.dsn = fixture->database->dsn,
                                           .role = "docbridge_janitor"};
    Docbridge__V1__RewrapVaultRequest in = DOCBRIDGE__V1__REWRAP_VAULT_REQUEST__INIT;
    Docbridge__V1__RewrapVaultResponse out;
    struct backend backend = {.vault = changed};
    if (store_open(&serving, &backend.store, NULL) != ERR_OK ||
        store_open(&looking, &backend.janitor_store, NULL) != ERR_OK)
        _exit(1);
    fixture->request.backend = &backend;
    (void)fixture_call_as(fixture, &operator_, &admin_service, "RewrapVault", &in, &out);
    _exit(0);
}

static void is_killed_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct vault_record record;
    bool found;
    seed_all(fixture);
    // It gets as far as the tenant whose connection is held here.
    assert_int_equal(store_begin(fixture->store, "tenant-10", deadline_in(60000), NULL, &tx, NULL),
                     ERR_OK);
    assert_int_equal(vault_record_lock(tx, "c1", 1, &fixture->arena, &record, &found, NULL),
                     ERR_OK);
    pid_t child = fork();
    if (child == 0)
        rewrap_as_another_process(fixture);
    struct deadline deadline = deadline_in(60000);
    while (fixture_number(fixture, EVENTS) < 10 && deadline_left_ms(deadline) > 0)
        (void)usleep(5000);
    int status = 0;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    tx_abortp(&tx);
    tx = NULL;
    // Each record is before or after, and as many have their event as were wrapped.
    char tenant[TENANT_BYTES];
    for (int i = 0; i < TENANTS; i++)
        assert_int_equal(open_record(fixture->store, changed, tenant_of(i, tenant), NULL), ERR_OK);
    int64_t done = fixture_number(fixture, EVENTS);
    assert_in_range(done, 10, TENANTS - 1);
    Docbridge__V1__RewrapVaultResponse out = rewrap(fixture, 0);
    assert_int_equal(out.current_count, done);
    assert_int_equal(out.rewrapped_count, TENANTS - done);
    assert_int_equal(out.remaining_count, 0);
    assert_all_open_with_the_new_key_alone(fixture);
    assert_int_equal(fixture_number(fixture, EVENTS), TENANTS);
}

#define vault_test(name) cmocka_unit_test_setup_teardown(name, fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        vault_test(wraps_the_keys_of_all_tenants),    vault_test(goes_on_where_it_stopped),
        vault_test(wraps_every_version_page_by_page), vault_test(tells_what_does_not_open),
        vault_test(leaves_what_somebody_holds),       vault_test(is_an_operators),
        vault_test(fails_nobody_under_load),          vault_test(is_killed_and_goes_on),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
