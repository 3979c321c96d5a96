// What the gates of a reveal cost the database: one statement that finds the entry by its key, even
// while the tables have no statistics, as after a first sync.
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/gate_reader.h"
#include "server/store/password.h"
#include "tests/integration/reading/fixture.h"

// Rows of stored entries that this transaction has read so far.
static const struct statement rows_read = {
    "test_rows_read", "SELECT coalesce(seq_tup_read + idx_tup_fetch, 0)"
                      " FROM pg_stat_xact_user_tables WHERE relname = 'record_password'"};

static void an_entry_is_found_by_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows rows _cleanup_(rows_done) = {0};
    struct password_gates_ask ask = {.query = {.company_id = "acme",
                                               .password_id = PASSWORD_PLAIN,
                                               .subject = "ada",
                                               .with_key = true},
                                     .arena = &fixture->arena};
    (void)fixture_sql(fixture,
                      "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
                      " display_name, body, content_hash) SELECT 't1', 'c1', 9, 100000 + i, 41,"
                      " 'Entry ' || i, '{}', '' FROM generate_series(1, 5000) i");
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(10000), NULL, &tx, &err),
                     ERR_OK);
    // Often enough for a plan that is kept.
    for (int i = 0; i < 7; i++)
        assert_int_equal(
            password_gates_get(tx, (struct password_gates_ask *const[]){&ask}, 1, &err), ERR_OK);
    assert_true(ask.gates.found);
    assert_non_null(ask.gates.key);
    assert_int_equal(tx_query(tx, &rows_read, NULL, 0, &rows, &err), ERR_OK);
    assert_int_equal(rows_int64(&rows, 0, 0), 7);
}

// Planning the look takes longer than the look.
static void the_look_is_planned_once(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct password_gates gates;
    struct rows rows _cleanup_(rows_done) = {0};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    static const struct statement plans = {
        "test_plans", "SELECT generic_plans > 0 AND custom_plans = 0 FROM pg_prepared_statements"
                      " WHERE name = 'password_gates_get'"};
    const struct password_gates_query query = {.company_id = "acme", .password_id = PASSWORD_PLAIN};
    for (int i = 0; i < 3; i++)
        assert_int_equal(gate_reader_read(fixture->gate_reader, &fixture->request, &query,
                                          deadline_in(10000), NULL, &gates, &err),
                         ERR_OK);
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(10000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(tx_query(tx, &plans, NULL, 0, &rows, &err), ERR_OK);
    assert_int_equal(rows_count(&rows), 1);
    assert_true(rows_bool(&rows, 0, 0));
}

// What is asked together is answered to each by itself.
static void each_of_a_group_has_its_own_answer(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    enum { IN_SET, OUT_OF_SET, REVOKED, LATER, UNKNOWN, OTHER_CATEGORY, STRANGE, COUNT };
    const struct password_gates_query plain = {
        .company_id = "acme", .password_id = PASSWORD_PLAIN, .subject = "tom"};
    struct password_gates_ask asks[COUNT], *all[COUNT];
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    (void)fixture_sql(fixture, "INSERT INTO company_set VALUES ('t1', 'team', 1, 1, now());"
                               "INSERT INTO company_set_member VALUES ('t1', 'team', 'acme');"
                               "INSERT INTO subject_revocation VALUES ('t1', 'eve', "
                               "'2026-03-01T12:00:00Z')");
    for (size_t i = 0; i < COUNT; i++) {
        asks[i] = (struct password_gates_ask){.query = plain, .arena = &fixture->arena};
        all[i] = &asks[i];
    }
    asks[IN_SET].query.company_set = "team";
    asks[IN_SET].query.with_key = true;
    asks[OUT_OF_SET].query.company_set = "other";
    asks[REVOKED].query.subject = asks[LATER].query.subject = "eve";
    asks[REVOKED].query.issue_time_us = INT64_C(1772366400000000);
    asks[LATER].query.issue_time_us = INT64_C(1772366400000001);
    asks[UNKNOWN].query.company_id = "none";
    asks[OTHER_CATEGORY].query.category_given = true;
    asks[OTHER_CATEGORY].query.category_id = 4711;
    asks[STRANGE].query.password_id = PASSWORD_STRANGER;
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(10000), NULL, &tx, &err),
                     ERR_OK);
    for (int again = 0; again < 7; again++) {
        assert_int_equal(password_gates_get(tx, all, COUNT, &err), ERR_OK);
        for (size_t i = 0; i < COUNT; i++) {
            const struct password_gates *gates = &asks[i].gates;
            assert_int_equal(gates->in_company_set, i == IN_SET);
            assert_int_equal(gates->revoked, i == REVOKED);
            assert_int_equal(gates->known, i != UNKNOWN);
            assert_int_equal(gates->found, i != UNKNOWN && i != STRANGE);
            assert_int_equal(gates->key != NULL, i == IN_SET);
            assert_int_equal(gates->category_id, gates->found ? i == OTHER_CATEGORY ? 4711 : 7 : 0);
        }
    }
}

struct reader {
    pthread_t thread;
    struct fixture *fixture;
    int64_t password_id;
    bool in_scope;
    atomic_int *wrong;
};

static void *read_often(void *context)
{
    struct reader *reader = context;
    struct principal caller = reader->fixture->caller;
    caller.all_companies = reader->in_scope;
    for (int i = 0; i < 25; i++) {
        struct err err;
        struct password_gates gates;
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1024 * 1024);
        const struct request request = {
            .backend = &reader->fixture->backend, .caller = &caller, .arena = &arena};
        const struct password_gates_query query = {.company_id = "acme",
                                                   .password_id = reader->password_id};
        enum err_code code = gate_reader_read(reader->fixture->gate_reader, &request, &query,
                                              deadline_in(30000), NULL, &gates, &err);
        bool right = reader->in_scope
                         ? code == ERR_OK && gates.found &&
                               strstr(gates.web_url,
                                      arena_printf(&arena, "%" PRId64, reader->password_id)) != NULL
                         : code == ERR_RESOURCE_NOT_FOUND && !gates.known;
        if (!right)
            atomic_fetch_add(reader->wrong, 1);
    }
    return NULL;
}

// Records what it read of: the entry as the ticket, and who sees nothing as refused.
static void note_entry(void *context, struct gate_look *look, enum err_code read,
                       const struct err *why)
{
    struct audit_event *event = context;
    *event = (struct audit_event){.type = AUDIT_PASSWORD_REVEAL, .phase = AUDIT_INTENT};
    event->ticket = arena_printf(look->request->arena, "%" PRId64, look->query.password_id);
    event->reason = read == ERR_OK ? look->gates.web_url : why->text;
    if (look->request->caller->all_companies)
        look->entry.event = event;
}

static bool is_recorded(const struct gate_look *look)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct audit_event_row *row;
    struct err err;
    return store_begin(look->request->backend->store, look->request->caller->tenant,
                       deadline_in(30000), NULL, &tx, &err) == ERR_OK &&
           audit_event_get(tx, look->entry.sequence, 60, look->request->arena, &row, &err) ==
               ERR_OK &&
           strcmp(row->ticket, look->entry.event->ticket) == 0 &&
           strcmp(row->reason, look->gates.web_url) == 0;
}

static void *record_often(void *context)
{
    struct reader *reader = context;
    struct principal caller = reader->fixture->caller;
    caller.all_companies = reader->in_scope;
    for (int i = 0; i < 25; i++) {
        struct err err, cause;
        struct audit_event event;
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1024 * 1024);
        const struct request request = {
            .backend = &reader->fixture->backend, .caller = &caller, .arena = &arena};
        struct gate_look look = {
            .request = &request,
            .query = {.company_id = "acme", .password_id = reader->password_id},
            .deadline = deadline_in(30000),
            .judge = note_entry,
            .context = &event,
            .entry.reterr = &cause};
        enum err_code code = gate_reader_look(reader->fixture->gate_reader, &look, &err);
        bool right = reader->in_scope
                         ? code == ERR_OK && look.entry.code == ERR_OK && is_recorded(&look)
                         : code == ERR_RESOURCE_NOT_FOUND && look.entry.event == NULL;
        if (!right)
            atomic_fetch_add(reader->wrong, 1);
    }
    return NULL;
}

static void run_at_once(struct fixture *fixture, void *(*run)(void *))
{
    struct reader readers[8];
    atomic_int wrong = 0;
    (void)fixture_sql(fixture,
                      "UPDATE record SET web_url = 'https://itglue/' || id WHERE kind = 9");
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i] =
            (struct reader){.fixture = fixture,
                            .password_id = i % 2 == 0 ? PASSWORD_PLAIN : PASSWORD_UNCATEGORIZED,
                            .in_scope = i % 4 != 3,
                            .wrong = &wrong};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, run, &readers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        (void)pthread_join(readers[i].thread, NULL);
    assert_int_equal(atomic_load(&wrong), 0);
}

// Each has its own verdict and its own place in the trail, whoever read, judged and wrote it.
static void callers_at_once_are_recorded_for_themselves(void **state)
{
    run_at_once(*state, record_often);
    assert_string_equal(fixture_sql(*state, "SELECT count(*) FROM audit_event WHERE phase = 1"),
                        "150");
}

static void callers_at_once_read_their_own(void **state)
{
    run_at_once(*state, read_often);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_is_found_by_its_key, fixture_fresh, fixture_drop),
        cmocka_unit_test_setup_teardown(the_look_is_planned_once, fixture_fresh, fixture_drop),
        cmocka_unit_test_setup_teardown(each_of_a_group_has_its_own_answer, fixture_fresh,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(callers_at_once_read_their_own, fixture_fresh,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(callers_at_once_are_recorded_for_themselves, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
