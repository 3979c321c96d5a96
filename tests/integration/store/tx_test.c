// The life of a transaction, and what ends a statement early.

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

enum { PROMPT_MS = 20000 }; // pg_sleep(30) and a wait for a lock take longer

static struct store *store;
static const struct test_database *database;

static int open_store(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    store = fixture_open(database, 4);
    return 0;
}

static int close_store(void **state)
{
    store = store_close(store);
    return fixture_stop(state);
}

static void all_given_back(void)
{
    struct store_stats stats = store_get_stats(store);
    assert_int_equal(stats.open, stats.idle);
    assert_int_equal(stats.waiting, 0);
}

static const struct statement echo_text = {"echo_text", "SELECT $1::text"};
static const struct statement sleep_long = {"sleep_long", "SELECT pg_sleep(30)"};
static const struct statement backend = {"backend", "SELECT pg_backend_pid()"};

static int64_t backend_of(struct tx *tx)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    assert_ok(tx_query(tx, &backend, NULL, 0, &rows, reterr));
    return rows_int64(&rows, 0, 0);
}

static void deadline_ends_a_statement_and_keeps_the_connection(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    assert_ok(fixture_try(single, 60000, reterr)); // the deadline is not spent on connecting
    int64_t pid[2];
    for (int i = 0; i < 2; i++) {
        _cleanup_(tx_abortp) struct tx *tx = NULL;
        int64_t start_ms = clock_steady_ms();
        assert_ok(store_begin(single, "t1", deadline_in(1500), NULL, &tx, reterr));
        pid[i] = backend_of(tx);
        assert_code(tx_run(tx, &sleep_long, NULL, 0, reterr), ERR_DEADLINE_EXCEEDED);
        assert_in_range(clock_steady_ms() - start_ms, 1500, PROMPT_MS);
        assert_code(tx_run(tx, &backend, NULL, 0, reterr), ERR_INTERNAL);
        assert_code(tx_commit(&tx, reterr), ERR_INTERNAL);
        assert_null(tx);
    }
    assert_true(pid[0] == pid[1]);
    assert_true(store_get_stats(single).open == 1 && store_get_stats(single).idle == 1);
}

static atomic_bool gone;

static void *go_away(void *unused)
{
    (void)unused;
    (void)usleep(200000);
    atomic_store(&gone, true);
    return NULL;
}

static void cancelled_ends_a_statement(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    atomic_store(&gone, false);
    struct tx *tx = NULL;
    assert_ok(store_begin(single, "t1", deadline_in(60000), &gone, &tx, reterr));
    int64_t pid = backend_of(tx);
    pthread_t thread;
    int64_t start_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, go_away, NULL), 0);
    assert_code(fixture_finish(&tx, &sleep_long, NULL, 0, reterr), ERR_CANCELLED);
    assert_in_range(clock_steady_ms() - start_ms, 200, PROMPT_MS);
    pthread_join(thread, NULL);
    assert_non_null(tx);
    tx_abortp(&tx);
    assert_code(store_begin(single, "t1", deadline_in(20000), &gone, &tx, reterr), ERR_OK);
    assert_code(tx_run(tx, &backend, NULL, 0, reterr), ERR_CANCELLED);
    tx_abortp(&tx);
    tx = fixture_begin(single, "t1");
    assert_true(backend_of(tx) == pid);
    tx_abortp(&tx);
}

static const struct statement add_company = {
    "add_company", "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
                   " update_time) VALUES ($1, $2, $3, '', now(), now()) RETURNING id"};
static const struct statement count_companies = {"count_companies",
                                                 "SELECT count(*) FROM company WHERE tenant = $1"};

static int64_t count(const char *tenant)
{
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, tenant);
    _cleanup_(rows_done) struct rows rows = {NULL};
    assert_ok(tx_query(tx, &count_companies, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    return rows_int64(&rows, 0, 0);
}

static void what_is_not_committed_is_not_there(void **state)
{
    (void)state;
    struct tx *tx = fixture_begin(store, "life");
    assert_ok(
        tx_run(tx, &add_company, ARGS(ARG_TEXT("life"), ARG_TEXT("a"), ARG_TEXT("A")), reterr));
    tx_abortp(&tx);
    assert_null(tx);
    assert_int_equal(count("life"), 0);
    tx = fixture_begin(store, "life");
    assert_ok(
        tx_run(tx, &add_company, ARGS(ARG_TEXT("life"), ARG_TEXT("a"), ARG_TEXT("A")), reterr));
    assert_ok(tx_commit(&tx, reterr));
    assert_null(tx);
    tx = fixture_begin(store, "life");
    struct rows rows = {NULL};
    tx_commit_with_next(tx);
    assert_ok(tx_query(tx, &add_company, ARGS(ARG_TEXT("life"), ARG_TEXT("b"), ARG_TEXT("B")),
                       &rows, reterr));
    assert_string_equal(rows_text(&rows, 0, 0), "b");
    assert_int_equal(rows_affected(&rows), 1);
    rows_done(&rows);
    // It is there for others already, and stays.
    assert_int_equal(count("life"), 2);
    assert_code(
        tx_run(tx, &add_company, ARGS(ARG_TEXT("life"), ARG_TEXT("c"), ARG_TEXT("C")), reterr),
        ERR_INTERNAL);
    tx_abortp(&tx);
    assert_int_equal(count("life"), 2);
    tx = fixture_begin(store, "life");
    assert_ok(fixture_finish(&tx, &add_company,
                             ARGS(ARG_TEXT("life"), ARG_TEXT("c"), ARG_TEXT("C")), reterr));
    assert_null(tx);
    assert_int_equal(count("life"), 3);
    tx = fixture_begin(store, "life"); // never used
    assert_ok(tx_commit(&tx, reterr));
    all_given_back();
}

static void a_query_ahead_comes_with_the_next(void **state)
{
    (void)state;
    struct rows counted = {NULL}, added = {NULL};
    struct tx *tx = fixture_begin(store, "ahead");
    tx_query_ahead(tx, &count_companies, ARGS(ARG_TEXT("ahead")), &counted);
    tx_commit_with_next(tx);
    assert_ok(tx_query(tx, &add_company, ARGS(ARG_TEXT("ahead"), ARG_TEXT("a"), ARG_TEXT("A")),
                       &added, reterr));
    assert_int_equal(rows_int64(&counted, 0, 0), 0);
    assert_string_equal(rows_text(&added, 0, 0), "a");
    rows_done(&counted);
    rows_done(&added);
    assert_ok(tx_commit(&tx, reterr));
    tx = fixture_begin(store, "ahead");
    tx_query_ahead(tx, &count_companies, ARGS(ARG_TEXT("ahead")), &counted);
    assert_int_equal(
        tx_run(tx, &add_company, ARGS(ARG_TEXT("ahead"), ARG_TEXT("a"), ARG_TEXT("A")), NULL),
        ERR_CONFLICT);
    assert_null(counted._result);
    tx_abortp(&tx);
}

// What fails only when the transaction ends is no success, whether the COMMIT is said or not.
static void an_error_of_the_commit_is_told(void **state)
{
    (void)state;
    const struct test_database *other = test_postgres_database(postgres);
    _cleanup_(store_closep) struct store *single = fixture_open(other, 1);
    (void)test_postgres_value(
        other->admin_dsn,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE unique_violation; END$$;"
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON company DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse(); SELECT ''");
    for (int alone = 0; alone < 2; alone++) {
        struct tx *tx = fixture_begin(single, "late");
        if (!alone)
            assert_int_not_equal(backend_of(tx), 0);
        struct err err;
        enum err_code code = fixture_finish(
            &tx, &add_company, ARGS(ARG_TEXT("late"), ARG_TEXT("a"), ARG_TEXT("A")), &err);
        assert_true(code == ERR_CONFLICT || code == ERR_STORE_UNAVAILABLE);
        tx_abortp(&tx);
        tx = fixture_begin(single, "late");
        assert_string_equal(fixture_value(tx, "SELECT count(*) FROM company"), "0");
        tx_abortp(&tx);
    }
}

static void conflict_names_its_constraint(void **state)
{
    (void)state;
    struct tx *tx = fixture_begin(store, "conflict");
    assert_ok(fixture_finish(&tx, &add_company,
                             ARGS(ARG_TEXT("conflict"), ARG_TEXT("a"), ARG_TEXT("A")), reterr));
    tx = fixture_begin(store, "conflict");
    struct err err;
    assert_int_equal(
        fixture_finish(&tx, &add_company,
                       ARGS(ARG_TEXT("conflict"), ARG_TEXT("a"), ARG_TEXT("do not tell")), &err),
        ERR_CONFLICT);
    assert_string_equal(tx_constraint(tx), "company_pkey");
    assert_non_null(strstr(err.text, "23505"));
    assert_null(strstr(err.text, "tell"));
    tx_abortp(&tx);
    assert_string_equal(tx_constraint(NULL), "");
    tx = fixture_begin(store, "conflict");
    assert_code(
        tx_run(tx, &add_company, ARGS(ARG_TEXT("conflict"), ARG_TEXT(""), ARG_TEXT("A")), reterr),
        ERR_CONFLICT);
    assert_string_equal(tx_constraint(tx), "company_id_check");
    tx_abortp(&tx);
    all_given_back();
}

// The look at revocations and what it guards are one flight, also behind a pooler: nothing of it is
// done.
static void a_revoked_caller_does_nothing(void **state)
{
    (void)state;
    static const struct statement revoke = {
        NULL, "INSERT INTO subject_revocation VALUES ($1, 'mallory', $2)"};
    static const struct statement write = {
        "write_company",
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " VALUES ($1, 'revoked', '', '', now(), now()) ON CONFLICT DO NOTHING"};
    enum { REVOKED_US = 1700000000 };
    static const struct {
        const char *tenant, *subject;
        int64_t issue_time_us;
        enum err_code expected;
    } cases[] = {
        {"gone", "mallory", REVOKED_US, ERR_TOKEN_REVOKED},
        {"gone", "mallory", 1, ERR_TOKEN_REVOKED},
        {"gone", "mallory", REVOKED_US + 1, ERR_OK},
        {"gone", "mallor", REVOKED_US, ERR_OK},
        {"here", "mallory", REVOKED_US, ERR_OK},
    };
    struct tx *tx = fixture_begin(store, "gone");
    assert_ok(fixture_finish(&tx, &revoke, ARGS(ARG_TEXT("gone"), ARG_TIME(REVOKED_US)), reterr));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        tx = fixture_begin(store, cases[i].tenant);
        tx_set_caller(tx, cases[i].subject, cases[i].issue_time_us, NULL);
        assert_code(fixture_finish(&tx, &write, ARGS(ARG_TEXT(cases[i].tenant)), reterr),
                    cases[i].expected);
        tx_abortp(&tx);
        assert_string_equal(test_postgres_value(database->admin_dsn,
                                                "WITH dropped AS (DELETE FROM company"
                                                " WHERE id = 'revoked' RETURNING 1)"
                                                " SELECT count(*) FROM dropped"),
                            cases[i].expected == ERR_OK ? "1" : "0");
        // Without a statement the commit looks.
        tx = fixture_begin(store, cases[i].tenant);
        tx_set_caller(tx, cases[i].subject, cases[i].issue_time_us, NULL);
        assert_code(tx_commit(&tx, reterr), cases[i].expected);
    }
    all_given_back();
}

static void errors_have_their_codes(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        enum err_code code;
    } cases[] = {
        {"SELECT 'x'::int", ERR_FIELD_INVALID},
        {"SELECT '{\"a\": \"\\u0000\"}'::jsonb", ERR_FIELD_INVALID},
        {"SELECT 1 / 0", ERR_FIELD_INVALID},
        {"SELECT nonsense", ERR_INTERNAL},
        {"SELECT no syntax at all", ERR_INTERNAL},
        {"UPDATE company SET id = NULL", ERR_OK}, // of no row
        {"DELETE FROM schema_migrations", ERR_INTERNAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "errors");
        const struct statement statement = {cases[i].sql, cases[i].sql};
        assert_code(tx_run(tx, &statement, NULL, 0, reterr), cases[i].code);
        // And once more, as the statement that is prepared already may fail otherwise.
        tx_abortp(&tx);
        tx = fixture_begin(store, "errors");
        assert_code(fixture_finish(&tx, &statement, NULL, 0, reterr), cases[i].code);
    }
    all_given_back();
}

// The lock, and the pipeline that waits for it from BEGIN to COMMIT.
static void deadline_ends_a_wait_for_a_lock(void **state)
{
    (void)state;
    static const struct statement rename = {
        "rename", "UPDATE company SET display_name = $2 WHERE tenant = $1"};
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    struct tx *tx = fixture_begin(store, "lock");
    assert_ok(fixture_finish(&tx, &add_company,
                             ARGS(ARG_TEXT("lock"), ARG_TEXT("a"), ARG_TEXT("A")), reterr));
    tx = fixture_begin(single, "lock");
    int64_t pid = backend_of(tx);
    tx_abortp(&tx);
    struct tx *holder = fixture_begin(store, "lock");
    assert_ok(tx_run(holder, &rename, ARGS(ARG_TEXT("lock"), ARG_TEXT("held")), reterr));
    for (int i = 0; i < 3; i++) {
        int64_t start_ms = clock_steady_ms();
        assert_ok(store_begin(single, "lock", deadline_in(300), NULL, &tx, reterr));
        assert_code(fixture_finish(&tx, &rename, ARGS(ARG_TEXT("lock"), ARG_TEXT("late")), reterr),
                    ERR_DEADLINE_EXCEEDED);
        assert_in_range(clock_steady_ms() - start_ms, 300, PROMPT_MS);
        tx_abortp(&tx);
        assert_int_equal(store_get_stats(single).idle, 1);
    }
    assert_ok(tx_commit(&holder, reterr));
    tx = fixture_begin(single, "lock");
    if (!fixture_pooled)
        assert_true(backend_of(tx) == pid);
    assert_string_equal(fixture_value(tx, "SELECT display_name FROM company"), "held");
    tx_abortp(&tx);
    assert_int_equal(store_get_stats(single).open, 1);
}

// A cancel must never reach the statement after the one that it was meant for.
static void a_late_cancel_hits_nobody(void **state)
{
    (void)state;
    static const struct statement nap = {"nap", "SELECT pg_sleep($1::bigint / 1000.0)"};
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    assert_ok(fixture_try(single, 5000, reterr));
    int done = 0, ended = 0;
    // Until there were both: where a cancel or an answer takes long, naps and deadlines get longer.
    for (int i = 0; i < 150 || ((done == 0 || ended == 0) && i < 3000); i++) {
        struct tx *tx = NULL;
        int nap_ms = ended == 0 ? 4 * (1 + i / 150) : 4, slow = done == 0 ? 1 + i / 150 : 1;
        assert_ok(store_begin(single, "t1", deadline_in((2 + i % 8) * slow), NULL, &tx, reterr));
        enum err_code code = fixture_finish(&tx, &nap, ARGS(ARG_INT64(nap_ms)), NULL);
        assert_true(code == ERR_OK || code == ERR_DEADLINE_EXCEEDED);
        done += code == ERR_OK;
        ended += code != ERR_OK;
        tx_abortp(&tx);
        tx = fixture_begin(single, "t1");
        assert_ok(fixture_finish(&tx, &nap, ARGS(ARG_INT64(4)), reterr));
    }
    assert_true(done > 0 && ended > 0);
    assert_int_equal(store_get_stats(single).open, 1);
}

// PgBouncer has 8 to the server here, and the same ones serve several roles and tenants in turn.
static void sessions_are_shared_and_nothing_stays_in_them(void **state)
{
    (void)state;
    if (!fixture_pooled)
        skip();
    static const char *const roles[] = {"docbridge_server", "docbridge_scheduler", NULL};
    static const char who[] =
        "SELECT concat(current_user, current_setting('docbridge.tenant', true))";
    struct store *stores[12];
    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        const struct store_settings settings = {
            .dsn = database->dsn, .unnamed_statements = true, .role = roles[i % 3]};
        assert_ok(store_open(&settings, &stores[i], reterr));
    }
    for (size_t i = 0; i < 5 * ARRAY_LEN(stores); i++) {
        size_t at = i * 7 % ARRAY_LEN(stores);
        char tenant[16];
        (void)snprintf(tenant, sizeof(tenant), "shared%zu", i);
        struct tx *tx = fixture_begin(stores[at], i % 5 == 0 ? NULL : tenant);
        const char *role = roles[at % 3] == NULL ? "docbridged" : roles[at % 3];
        assert_string_equal(fixture_value(tx, "SELECT current_user"), role);
        assert_string_equal(fixture_value(tx, "SELECT current_setting('docbridge.tenant', true)"),
                            i % 5 == 0 ? "" : tenant);
        if (i % 2 == 0)
            tx_abortp(&tx);
        else
            assert_ok(tx_commit(&tx, reterr));
    }
    for (size_t i = 0; i < ARRAY_LEN(stores); i++)
        assert_int_equal(store_get_stats(stores[i]).idle, 1);
    // Whoever says nothing of itself gets the session as it was made.
    for (size_t i = 0; i < 3 * ARRAY_LEN(stores); i++)
        assert_string_equal(test_postgres_value(database->dsn, who), "docbridged");
    assert_string_equal(
        test_postgres_value(database->admin_dsn,
                            "SELECT count(*) BETWEEN 1 AND 8 FROM pg_stat_activity"
                            " WHERE usename = 'docbridged' AND datname = current_database()"),
        "t");
    for (size_t i = 0; i < ARRAY_LEN(stores); i++)
        stores[i] = store_close(stores[i]);
}

static void too_many_parameters_are_refused(void **state)
{
    (void)state;
    struct arg args[65] = {{0}};
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    assert_code(tx_run(tx, &echo_text, args, ARRAY_LEN(args), reterr), ERR_INTERNAL);
}

static void unnamed_statements_set_everything_each_time(void **state)
{
    (void)state;
    const struct store_settings one = {database->dsn, .connections_max = 1,
                                       .unnamed_statements = true, .role = "docbridge_server"};
    _cleanup_(store_closep) struct store *pooled = NULL;
    assert_ok(store_open(&one, &pooled, reterr));
    for (int i = 0; i < 2; i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(pooled, "pooled");
        assert_string_equal(fixture_value(tx, "SELECT current_user"), "docbridge_server");
        assert_string_equal(fixture_value(tx, "SELECT current_tenant()"), "pooled");
        assert_string_equal(fixture_value(tx, "SHOW timezone"), "UTC");
        assert_string_equal(fixture_value(tx, "SHOW lock_timeout"), "30s");
        assert_string_equal(fixture_value(tx, "SELECT count(*) FROM pg_prepared_statements"), "0");
    }
}

// One is planned for its arguments each time, for a start, and where it was not asked for.
static void statements_may_be_planned_once(void **state)
{
    (void)state;
    static const struct statement echo = {"planned", "SELECT $1::text"};
    static const char plans[] = "SELECT generic_plans || ' general, ' || custom_plans || ' for"
                                " arguments' FROM pg_prepared_statements WHERE name = 'planned'";
    if (fixture_pooled)
        skip(); // nothing is prepared
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    static const struct {
        bool once;
        const char *plans;
    } turns[] = {{true, "1 general, 0 for arguments"},
                 {false, "1 general, 1 for arguments"},
                 {true, "2 general, 1 for arguments"}};
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(single, "t1");
        if (turns[i].once)
            tx_plan_once(tx);
        assert_ok(tx_run(tx, &echo, ARGS(ARG_TEXT("x")), reterr));
        assert_string_equal(fixture_value(tx, plans), turns[i].plans);
    }
}

static void the_session_is_set_up(void **state)
{
    (void)state;
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    assert_string_equal(fixture_value(tx, "SELECT current_user"), "docbridge_server");
    assert_string_equal(fixture_value(tx, "SHOW application_name"), "docbridged");
    assert_string_equal(fixture_value(tx, "SHOW client_encoding"), "UTF8");
    assert_string_equal(fixture_value(tx, "SHOW timezone"), "UTC");
    assert_string_equal(fixture_value(tx, "SHOW lock_timeout"), "30s");
    assert_string_equal(fixture_value(tx, "SHOW idle_in_transaction_session_timeout"), "1min");
    assert_string_not_equal(fixture_value(tx, "SHOW statement_timeout"), "0");
}

static void a_bad_dsn_is_not_quoted(void **state)
{
    (void)state;
    struct store *none = NULL;
    struct err err;
    const struct store_settings settings = {.dsn = "host=x password='hunter2"};
    assert_int_equal(store_open(&settings, &none, &err), ERR_FIELD_INVALID);
    assert_null(none);
    assert_null(strstr(err.text, "hunter2"));
    const struct store_settings role = {.dsn = "host=x", .role = "a b"};
    assert_int_equal(store_open(&role, &none, &err), ERR_FIELD_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline_ends_a_statement_and_keeps_the_connection),
        cmocka_unit_test(cancelled_ends_a_statement),
        cmocka_unit_test(what_is_not_committed_is_not_there),
        cmocka_unit_test(a_query_ahead_comes_with_the_next),
        cmocka_unit_test(an_error_of_the_commit_is_told),
        cmocka_unit_test(conflict_names_its_constraint),
        cmocka_unit_test(a_revoked_caller_does_nothing),
        cmocka_unit_test(errors_have_their_codes),
        cmocka_unit_test(deadline_ends_a_wait_for_a_lock),
        cmocka_unit_test(a_late_cancel_hits_nobody),
        cmocka_unit_test(sessions_are_shared_and_nothing_stays_in_them),
        cmocka_unit_test(too_many_parameters_are_refused),
        cmocka_unit_test(unnamed_statements_set_everything_each_time),
        cmocka_unit_test(statements_may_be_planned_once),
        cmocka_unit_test(the_session_is_set_up),
        cmocka_unit_test(a_bad_dsn_is_not_quoted),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
