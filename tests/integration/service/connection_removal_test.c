// What a deleted connection, or a former account, leaves goes in the end, and is receipted.
#include "tests/integration/service/deletion.h"

#include <time.h>

#include "docbridge/v1/sync.pb-c.h"
#include "server/audit/audit.h"

typedef Docbridge__V1__Connection Connection;
typedef Docbridge__V1__DeletionReceipt Receipt;

enum { LEASE_MS = 2000, WAIT_MS = 60000 };

static char name[] = "connections/c1";

// Every table that has rows of a connection, save for its receipt.
static int64_t rows_left(struct fixture *fixture)
{
    return fixture_number(
        fixture,
        "SELECT coalesce(sum((xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM '"
        "  || table_name || ' WHERE ' || column_name || ' = ''c1''', false, true, '')))[1]"
        "  ::text::bigint), 0) FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name NOT LIKE 'deletion%'"
        " AND (column_name = 'connection_id' OR (table_name = 'connection' AND column_name = 'id'))"
        // Partitions are counted with their whole.
        " AND table_name NOT LIKE 'record\\_%'");
}

// What the engine would be in another process; its remover is all that has work.
struct engine {
    struct store *scheduler_store;
    struct sync *sync;
};

static struct engine start_engine(struct fixture *fixture)
{
    struct engine engine = {0};
    const struct store_settings settings = {.dsn = fixture->database->dsn,
                                            .role = "docbridge_scheduler"};
    assert_int_equal(store_open(&settings, &engine.scheduler_store, &fixture->err), ERR_OK);
    const struct sync_settings sync = {.store = fixture->store,
                                       .scheduler_store = engine.scheduler_store,
                                       .vault = fixture->vault,
                                       .source = &fixture->source,
                                       .lease_ms = LEASE_MS,
                                       .scheduler_ms = 50};
    assert_int_equal(sync_new(&sync, &engine.sync, &fixture->err), ERR_OK);
    assert_int_equal(sync_start(engine.sync, &fixture->err), ERR_OK);
    return engine;
}

static void stop_engine(struct engine *engine)
{
    sync_stop(engine->sync);
    engine->sync = sync_free(engine->sync);
    engine->scheduler_store = store_close(engine->scheduler_store);
}

static void wait_for(struct fixture *fixture, const char *sql)
{
    struct deadline deadline = deadline_in(WAIT_MS);
    while (fixture_number(fixture, sql) != 0) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
}

static int64_t count_of(const Receipt *receipt, int kind)
{
    for (size_t i = 0; i < receipt->n_counts; i++)
        if ((int)receipt->counts[i]->kind == kind)
            return receipt->counts[i]->count;
    return 0;
}

#define COUNT(name) DOCBRIDGE__V1__DELETION_RECEIPT__COUNT__KIND__KIND_##name

static void assert_whole_receipt(struct fixture *fixture)
{
    Receipt receipt;
    assert_int_equal(deletion_get_receipt(fixture, &receipt), ERR_OK);
    assert_non_null(receipt.end_time);
    assert_string_equal(receipt.connection, name);
    assert_string_equal(receipt.display_name, "IT Glue");
    assert_string_equal(receipt.actor->subject, "ada");
    assert_int_equal(receipt.cancelled_sync_run_count, 1);
    assert_int_equal(count_of(&receipt, COUNT(CREDENTIAL)), 1);
    assert_int_equal(count_of(&receipt, COUNT(MAPPING)), 1);
    assert_int_equal(count_of(&receipt, COUNT(SETTING)), 2);
    assert_int_equal(count_of(&receipt, COUNT(DOCUMENT)), DELETION_DOCUMENTS);
    assert_int_equal(count_of(&receipt, COUNT(FLEXIBLE_ASSET)), 5);
    assert_int_equal(count_of(&receipt, COUNT(CHECKLIST)), 10);
    assert_int_equal(count_of(&receipt, COUNT(PASSWORD)), 5);
    assert_int_equal(count_of(&receipt, COUNT(FOLDER)), 10);
    assert_int_equal(count_of(&receipt, COUNT(TYPE)), 2);
    assert_int_equal(count_of(&receipt, COUNT(ORGANIZATION)), 10);
    assert_int_equal(count_of(&receipt, COUNT(SYNC_RUN)), 2);
    assert_int_equal(count_of(&receipt, COUNT(SYNC_ISSUE)), 1);
}

static enum err_code create(struct fixture *fixture, char *id, Connection *out)
{
    Docbridge__V1__CreateConnectionRequest in = DOCBRIDGE__V1__CREATE_CONNECTION_REQUEST__INIT;
    Connection connection = DOCBRIDGE__V1__CONNECTION__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    char title[] = "Anew", key[] = CANARY;
    in.connection = &connection;
    in.candidate = &candidate;
    in.connection_id = id;
    connection.display_name = title;
    candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    candidate.region = DOCBRIDGE__V1__REGION__REGION_US;
    candidate.api_key = key;
    return fixture_call(fixture, &connection_service, "CreateConnection", &in, out);
}

static void nothing_is_left_but_the_trail(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    char c1[] = "c1", c2[] = "c2";
    deletion_seed(fixture);
    // Of somebody else, and stays.
    (void)fixture_sql(fixture, "INSERT INTO connection (tenant, id, display_name, provider, region,"
                               " state, create_time, update_time)"
                               " VALUES ('t2', 'c9', 'x', 1, 1, 1, now(), now());"
                               "INSERT INTO record (tenant, connection_id, kind, id,"
                               " organization_id, display_name, body, content_hash)"
                               " VALUES ('t2', 'c9', 4, 1, 41, 'Doc', '{}', '')");
    assert_int_equal(deletion_run(fixture, true, "", &out), ERR_OK);
    assert_int_equal(create(fixture, c2, &out), ERR_OK);
    struct engine engine = start_engine(fixture);
    wait_for(fixture, "SELECT count(*) FROM connection WHERE id = 'c1'");
    stop_engine(&engine);
    assert_int_equal(rows_left(fixture), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM record WHERE tenant = 't2'"), 1);
    assert_whole_receipt(fixture);
    assert_int_equal(deletion_get_connection(fixture, &out), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 17"),
                     2);
    const char *changes = fixture_changes(fixture, AUDIT_CONNECTION_DELETE);
    assert_non_null(strstr(changes, "\"documents\""));
    assert_non_null(strstr(changes, "2345"));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 17"
                                             " AND actor_kind = 4"),
                     1);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3");
    assert_int_equal(create(fixture, c1, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "connection_id");
}

// Engines that end in the midst give back what they have; one that went silent is taken over.
static void goes_on_where_another_stopped(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    deletion_seed(fixture);
    assert_int_equal(deletion_run(fixture, true, "", &out), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE removal SET owner = 'gone', fence = 7,"
                               " expire_time = now() + interval '300 milliseconds';"
                               "DELETE FROM record WHERE kind = 4 AND id <= 1000;"
                               "INSERT INTO deletion_count VALUES ('t1', 'c1', 4, 1000)");
    for (int i = 0; i < 5; i++) {
        struct engine engine = start_engine(fixture);
        stop_engine(&engine);
    }
    struct engine engine = start_engine(fixture);
    wait_for(fixture, "SELECT count(*) FROM connection WHERE id = 'c1'");
    stop_engine(&engine);
    assert_int_equal(rows_left(fixture), 0);
    assert_whole_receipt(fixture);
}

static void content_of_another_account_goes_before_the_next_sync(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RunSyncRequest run = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    Docbridge__V1__SyncRun answer;
    deletion_seed(fixture);
    (void)fixture_sql(fixture, "DELETE FROM mapping; DELETE FROM company_password_category;"
                               "DELETE FROM organization; DELETE FROM sync_lease;"
                               "UPDATE sync_run SET state = 8;"
                               "INSERT INTO removal VALUES ('t1', 'c1', false, '', 1, now())");
    run.parent = name;
    assert_int_equal(fixture_call(fixture, &sync_service, "RunSync", &run, &answer),
                     ERR_CONNECTION_NOT_ACTIVE);
    struct engine engine = start_engine(fixture);
    wait_for(fixture, "SELECT count(*) FROM removal");
    stop_engine(&engine);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM record"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM search_entry"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM connection_config"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sync_run WHERE trigger = 3"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM deletion_receipt"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(nothing_is_left_but_the_trail),
        TEST(goes_on_where_another_stopped),
        TEST(content_of_another_account_goes_before_the_next_sync),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
