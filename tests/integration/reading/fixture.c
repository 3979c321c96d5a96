#include "tests/integration/reading/fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/audit/trail.h"
#include "server/service/gate_memory.h"
#include "server/service/gate_reader.h"
#include "server/store/store.h"
#include "server/sync/sync.h"
#include "server/vault/vault.h"

struct upstream upstream;

enum err_code __wrap_source_fetch_password(struct source *source, int64_t organization_id,
                                           int64_t password_id, const char *user_email,
                                           struct deadline deadline, const atomic_bool *cancelled,
                                           struct source_password *ret_password,
                                           struct source_attempt *ret_attempt, struct err *reterr);

enum err_code __wrap_source_fetch_password(struct source *source, int64_t organization_id,
                                           int64_t password_id, const char *user_email,
                                           struct deadline deadline, const atomic_bool *cancelled,
                                           struct source_password *ret_password,
                                           struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)organization_id;
    (void)password_id;
    (void)deadline;
    (void)cancelled;
    assert_non_null(source);
    upstream.calls++;
    upstream.user_email = user_email;
    if (upstream.while_asked != NULL)
        upstream.while_asked(upstream.context);
    *ret_attempt = (struct source_attempt){.http_status = upstream.http_status,
                                           .request_count = 1,
                                           .retry_after_ms = upstream.retry_after_ms};
    if (upstream.code != ERR_OK)
        return err_set(reterr, upstream.code, "upstream says no");
    *ret_password = upstream.live;
    ret_password->user_authorized = user_email != NULL && upstream.authorized != NULL &&
                                    strcmp(user_email, upstream.authorized) == 0;
    ret_password->value =
        upstream.value == NULL ? NULL : secret_copy(upstream.value, strlen(upstream.value));
    return ERR_OK;
}

enum err_code __wrap_source_fetch_image(struct source *source, int64_t image_id,
                                        struct deadline deadline, const atomic_bool *cancelled,
                                        struct source_image *ret_image,
                                        struct source_attempt *ret_attempt, struct err *reterr);

enum err_code __wrap_source_fetch_image(struct source *source, int64_t image_id,
                                        struct deadline deadline, const atomic_bool *cancelled,
                                        struct source_image *ret_image,
                                        struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)deadline;
    (void)cancelled;
    assert_non_null(source);
    upstream.calls++;
    upstream.image_id = image_id;
    *ret_attempt = (struct source_attempt){.http_status = upstream.http_status, .request_count = 1};
    *ret_image = (struct source_image){0};
    if (upstream.code != ERR_OK) {
        (void)err_set(reterr, upstream.code, "upstream says no");
        err_meta(reterr, "cause", "LINK_REFUSED");
        return upstream.code;
    }
    buffer_init(&ret_image->bytes, upstream.image_len);
    assert_true(buffer_append(&ret_image->bytes, upstream.image, upstream.image_len));
    ret_image->media_type = "image/png";
    ret_image->document_id = upstream.image_document_id;
    return ERR_OK;
}

const char *fixture_sql(const struct fixture *fixture, const char *sql)
{
    return test_postgres_value(fixture->database->admin_dsn, sql);
}

void fixture_run_sql(void *fixture_and_sql)
{
    const void *const *pair = fixture_and_sql;
    (void)fixture_sql(pair[0], pair[1]);
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
    assert_int_equal(source_global_init(&err), ERR_OK);
    *state = fixture;
    return 0;
}

int fixture_stop(void **state)
{
    struct fixture *fixture = *state;
    source_global_done();
    (void)vault_close(fixture->vault);
    (void)unlink(fixture->key_path);
    test_postgres_stop(fixture->postgres);
    free(fixture);
    return 0;
}

// One connection with everything on; company "acme" has organization 41, "beta" has 42.
static const char SEED[] =
    "INSERT INTO connection (tenant, id, display_name, provider, region, state, credential_version,"
    "  create_time, update_time) VALUES ('t1', 'c1', 'IT Glue', 1, 1, 1, 1, now(), now());"
    "INSERT INTO connection_config (tenant, connection_id, documents_enabled, checklists_enabled,"
    "  password_sharing_enabled, update_time) VALUES ('t1', 'c1', true, true, true, now());"
    "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
    "  ('t1', 'acme', 'Acme GmbH', 'acme gmbh', now(), now()),"
    "  ('t1', 'beta', 'Beta AG', 'beta ag', now(), now()),"
    "  ('t2', 'acme', 'Another Acme', 'another acme', now(), now());"
    "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body, "
    "content_hash,"
    "  discover_time, update_time) VALUES"
    "  ('t1', 'c1', 41, 'Acme', 'acme', '{}', '', now(), now()),"
    "  ('t1', 'c1', 42, 'Beta', 'beta', '{}', '', now(), now());"
    "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source, "
    "actor_subject,"
    "  actor_display_name, actor_kind, create_time) VALUES"
    "  ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now()),"
    "  ('t1', 'c1', 42, 'beta', 1, 'ada', 'Ada', 1, now());"
    "INSERT INTO password_category (tenant, connection_id, id, display_name, discover_time) VALUES"
    "  ('t1', 'c1', 7, 'Infrastructure', now()), ('t1', 'c1', 8, 'Banking', now());"
    "INSERT INTO company_password_access (tenant, company_id, level, include_uncategorized, "
    "revision,"
    "  update_time) VALUES ('t1', 'acme', 2, true, 5, now());"
    "INSERT INTO company_password_category VALUES ('t1', 'acme', 'c1', 7);"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    "  restricted, body, content_hash) VALUES"
    "  ('t1', 'c1', 8, 801, 41, 'Closed', 0, true, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 8, 802, 41, 'Below closed', 801, false, '{\"ancestor_ids\": [801]}', ''),"
    "  ('t1', 'c1', 8, 803, 41, 'Open', 0, false, '{\"ancestor_ids\": []}', '');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, web_url,"
    "  folder_id, category_id, restricted, archived, vaulted, personal, body, content_hash) VALUES"
    "  ('t1','c1',9,9001,41,'Firewall admin','https://x/1',0,7,false,false,false,false,"
    "   '{\"username\": \"admin\", \"url\": \"https://fw\", \"otp_enabled\": true}',''),"
    "  ('t1','c1',9,9002,41,'Loose','https://x/2',0,0,false,false,false,false,'{}',''),"
    "  ('t1','c1',9,9003,41,'Vaulted','https://x/3',0,7,false,false,true,false,'{}',''),"
    "  ('t1','c1',9,9004,41,'Archived','https://x/4',0,7,false,true,false,false,'{}',''),"
    "  ('t1','c1',9,9005,41,'Personal','https://x/5',0,7,false,false,false,true,'{}',''),"
    "  ('t1','c1',9,9006,41,'Restricted','https://x/6',0,7,true,false,false,false,'{}',''),"
    "  ('t1','c1',9,9007,41,'In closed','https://x/7',802,7,false,false,false,false,'{}',''),"
    "  ('t1','c1',9,9008,41,'In unknown','https://x/8',899,7,false,false,false,false,'{}',''),"
    "  ('t1','c1',9,9009,42,'Stranger','https://x/9',0,7,false,false,false,false,'{}',''),"
    "  ('t1','c1',9,9010,41,'Bank','https://x/10',0,8,false,false,false,false,'{}',''),"
    "  ('t1','c1',9,9011,41,'In open','https://x/11',803,7,false,false,false,false,'{}','');";

// The connection's API key, sealed as CreateConnection would.
static void seal_key(struct fixture *fixture)
{
    const struct vault_context context = {"t1", "c1", "api-key", 1};
    struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.test", 8);
    struct err err = {0};
    struct sealed sealed;
    struct tx *tx = NULL;
    static const struct statement INSERT = {
        "test_seal_key",
        "INSERT INTO vault_record (tenant, connection_id, purpose, version, scheme, master_key_id,"
        " wrapped_key, ciphertext) VALUES ($1, 'c1', 'api-key', 1, $2, $3, $4, $5)"};
    assert_int_equal(vault_seal(fixture->vault, &context, key, &fixture->arena, &sealed, &err),
                     ERR_OK);
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(
        tx_run(tx, &INSERT,
               ARGS(ARG_TEXT("t1"), ARG_TEXT(sealed.scheme), ARG_TEXT(sealed.master_key_id),
                    ARG_BYTES(sealed.wrapped_key, sealed.wrapped_key_len),
                    ARG_BYTES(sealed.ciphertext, sealed.ciphertext_len)),
               &err),
        ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
}

int fixture_fresh(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    fixture->database = test_postgres_database(fixture->postgres);
    (void)fixture_sql(fixture, SEED);
    const struct store_settings settings = {.dsn = fixture->database->dsn,
                                            .role = "docbridge_server"};
    assert_int_equal(store_open(&settings, &fixture->store, &err), ERR_OK);
    arena_init(&fixture->arena, 16 << 20);
    seal_key(fixture);
    const struct sync_settings sync = {
        .store = fixture->store, .vault = fixture->vault, .source = &fixture->source};
    assert_int_equal(sync_new(&sync, &fixture->sync, &err), ERR_OK);
    const struct store_settings looking = {
        .dsn = fixture->database->dsn, .connections_max = 1, .role = "docbridge_janitor"};
    assert_int_equal(store_open(&looking, &fixture->janitor_store, &err), ERR_OK);
    // Never started: a test looks, marks and retains itself. Any 32 bytes are a key.
    const struct trail_settings trail = {.store = fixture->store,
                                         .janitor_store = fixture->janitor_store,
                                         .signing_key_file = fixture->key_path};
    assert_int_equal(trail_new(&trail, &fixture->trail, &err), ERR_OK);
    assert_int_equal(gate_reader_new(&fixture->gate_reader, &err), ERR_OK);
    assert_int_equal(gate_memory_new(GATE_MEMORY_MS, &fixture->gate_memory, &err), ERR_OK);
    fixture->backend = (struct backend){.trail = fixture->trail,
                                        .gate_reader = fixture->gate_reader,
                                        .gate_memory = fixture->gate_memory,
                                        .store = fixture->store,
                                        .vault = fixture->vault,
                                        .sync = fixture->sync,
                                        .source = &fixture->source};
    fixture->backend.token_key_count = 1;
    fixture->caller = (struct principal){
        .tenant = "t1",
        .subject = "tom",
        .display_name = "Tom Technician",
        .actor = ACTOR_HUMAN,
        .permissions =
            1u << PERMISSION_READ_DOCUMENTATION | 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS,
        .all_companies = true,
    };
    atomic_store(&fixture->cancelled, false);
    fixture->request = (struct request){
        .backend = &fixture->backend,
        .caller = &fixture->caller,
        .arena = &fixture->arena,
        .deadline = deadline_in(10000),
        .cancelled = &fixture->cancelled,
        .request_id = "req-1",
        .peer = "ipv4:127.0.0.1:5",
    };
    upstream = (struct upstream){
        .http_status = 200,
        .live = {.id = PASSWORD_PLAIN, .organization_id = 41, .category_id = 7},
        .value = "s3cret-c4nary",
    };
    return 0;
}

int fixture_drop(void **state)
{
    struct fixture *fixture = *state;
    fixture->sync = sync_free(fixture->sync);
    fixture->gate_memory = gate_memory_free(fixture->gate_memory);
    fixture->gate_reader = gate_reader_free(fixture->gate_reader);
    fixture->trail = trail_free(fixture->trail);
    fixture->janitor_store = store_close(fixture->janitor_store);
    fixture->store = store_close(fixture->store);
    arena_done(&fixture->arena);
    return 0;
}
