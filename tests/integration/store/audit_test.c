// The trail: gapless, chained, closed to the serving role, and readable.

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "server/audit/audit.h"
#include "tests/integration/store/fixture.h"

enum { WRITERS = 8, EVENTS_EACH = 25, ARENA_BYTES = 16 * 1024 * 1024 };

static struct store *store;
static const struct test_database *database;

static int open_store(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    store = fixture_open(database, WRITERS);
    return 0;
}

static int close_store(void **state)
{
    store = store_close(store);
    return fixture_stop(state);
}

static enum err_code append(const char *tenant, const struct audit_event *event,
                            int64_t *ret_sequence, struct err *reterr)
{
    const struct principal caller = {.tenant = tenant,
                                     .subject = "auth0|42",
                                     .display_name = "Zoë \"Z\" O'Hara",
                                     .actor = ACTOR_HUMAN};
    const struct request request = {
        .caller = &caller, .request_id = "req-1", .peer = "ipv4:127.0.0.1:4711"};
    _cleanup_(tx_abortp) struct tx *tx = NULL;
    try_(store_begin(store, tenant, deadline_in(20000), NULL, &tx, reterr));
    try_(audit_append(tx, &request, event, ret_sequence, reterr));
    return tx_commit(&tx, reterr);
}

static struct audit_event_row *list_all(const char *tenant, struct arena *arena, size_t *ret_count)
{
    const struct audit_event_filter all = {0};
    struct audit_event_row *rows = NULL;
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, tenant);
    assert_ok(audit_event_list(tx, &all, 0, 1000, 60, arena, &rows, ret_count, reterr));
    return rows;
}

// The first sequence whose hash or link is wrong; 0: the chain holds.
static int64_t first_broken(const struct audit_event_row *rows, size_t count)
{
    unsigned char previous[AUDIT_HASH_BYTES] = {0};
    for (size_t i = count; i-- > 0;) {
        unsigned char hash[AUDIT_HASH_BYTES];
        audit_hash(&rows[i], hash);
        if (rows[i].sequence != (int64_t)(count - i) ||
            memcmp(hash, rows[i].hash, sizeof(hash)) != 0 ||
            memcmp(previous, rows[i].previous_hash, sizeof(previous)) != 0)
            return (int64_t)(count - i);
        memcpy(previous, hash, sizeof(previous));
    }
    return 0;
}

static void *write_events(void *failures)
{
    for (int i = 0; i < EVENTS_EACH; i++) {
        const struct audit_event event = {
            .type = AUDIT_CONFIG, .phase = AUDIT_SINGLE, .outcome = AUDIT_SUCCEEDED};
        struct err err;
        if (append("racers", &event, NULL, &err) != ERR_OK)
            atomic_fetch_add((atomic_int *)failures, 1);
    }
    return NULL;
}

static void chain_is_gapless_under_threads(void **state)
{
    (void)state;
    atomic_int failures = 0;
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_events, &failures), 0);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    size_t count;
    struct audit_event_row *rows = list_all("racers", &arena, &count);
    assert_int_equal(count, WRITERS * EVENTS_EACH);
    assert_int_equal(first_broken(rows, count), 0);
    arena_done(&arena);
}

static void every_field_returns(void **state)
{
    (void)state;
    static const struct audit_change changes[] = {{"level", NULL, "ALL \"x\" \\ 😀"},
                                                  {"documents", "off", NULL}};
    const struct audit_event event = {
        .type = AUDIT_PASSWORD_REVEAL,
        .phase = AUDIT_OUTCOME,
        .outcome = AUDIT_DENIED,
        .error = ERR_CATEGORY_NOT_ALLOWED,
        .resource = "companies/c1/passwords/7",
        .resource_display_name = "o'router",
        .company_id = "c1",
        .company_display_name = "Contoso",
        .organization = "connections/x/organizations/5",
        .password_category_display_name = "Network",
        .reason = "line\nbreak",
        .ticket = "T-1",
        .upstream_status = 200,
        .upstream_served = true,
        .policy_version = INT64_MAX,
        .intent_sequence = 99,
        .changes = changes,
        .change_count = ARRAY_LEN(changes),
    };
    int64_t sequence = 0;
    int64_t before_us = clock_wall_us();
    assert_ok(append("fields", &event, &sequence, reterr));
    assert_int_equal(sequence, 1);
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct audit_event_row *row = NULL;
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "fields");
    assert_ok(audit_event_get(tx, sequence, 60, &arena, &row, reterr));
    assert_string_equal(row->tenant, "fields");
    assert_in_range(row->event_time_us, before_us, clock_wall_us());
    assert_int_equal(row->type, AUDIT_PASSWORD_REVEAL);
    assert_int_equal(row->phase, AUDIT_OUTCOME);
    assert_int_equal(row->outcome, AUDIT_DENIED);
    assert_string_equal(row->error_reason, "CATEGORY_NOT_ALLOWED");
    assert_string_equal(row->actor_subject, "auth0|42");
    assert_string_equal(row->actor_display_name, "Zoë \"Z\" O'Hara");
    assert_int_equal(row->actor_kind, ACTOR_HUMAN);
    assert_string_equal(row->resource, event.resource);
    assert_string_equal(row->resource_display_name, event.resource_display_name);
    assert_string_equal(row->company_id, event.company_id);
    assert_string_equal(row->company_display_name, event.company_display_name);
    assert_string_equal(row->organization, event.organization);
    assert_string_equal(row->password_category_display_name, "Network");
    assert_string_equal(row->reason, event.reason);
    assert_string_equal(row->ticket, event.ticket);
    assert_string_equal(row->request_id, "req-1");
    assert_string_equal(row->peer, "ipv4:127.0.0.1:4711");
    assert_int_equal(row->upstream_status, 200);
    assert_true(row->upstream_served);
    assert_true(row->policy_version == INT64_MAX);
    assert_int_equal(row->intent_sequence, 99);
    struct audit_change *back = NULL;
    size_t count = 0;
    assert_ok(audit_changes(row->changes, &arena, &back, &count, reterr));
    assert_int_equal(count, 2);
    assert_string_equal(back[0].field, "level");
    assert_null(back[0].old_value);
    assert_string_equal(back[0].new_value, changes[0].new_value);
    assert_string_equal(back[1].old_value, "off");
    assert_null(back[1].new_value);
    assert_code(audit_changes("{", &arena, &back, &count, reterr), ERR_INTERNAL);
    assert_code(audit_event_get(tx, 2, 60, &arena, &row, reterr), ERR_RESOURCE_NOT_FOUND);
    arena_done(&arena);
}

static void the_system_acts_too(void **state)
{
    (void)state;
    const struct audit_event event = {
        .type = AUDIT_SYNC, .phase = AUDIT_SINGLE, .outcome = AUDIT_FAILED};
    struct tx *tx = fixture_begin(store, "system");
    int64_t sequence = 0;
    assert_ok(audit_append_system(tx, "scheduler", &event, &sequence, reterr));
    assert_ok(audit_append_system(tx, "scheduler", &event, &sequence, reterr));
    assert_int_equal(sequence, 2); // two in one transaction
    assert_ok(tx_commit(&tx, reterr));
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    size_t count;
    struct audit_event_row *rows = list_all("system", &arena, &count);
    assert_int_equal(count, 2);
    assert_int_equal(first_broken(rows, count), 0);
    assert_string_equal(rows[0].actor_subject, "docbridge:scheduler");
    assert_int_equal(rows[0].actor_kind, ACTOR_SYSTEM);
    assert_string_equal(rows[0].changes, "[]");
    arena_done(&arena);
}

static void aborted_events_leave_no_gap(void **state)
{
    (void)state;
    const struct audit_event event = {
        .type = AUDIT_SYNC, .phase = AUDIT_SINGLE, .outcome = AUDIT_FAILED};
    struct tx *tx = fixture_begin(store, "aborted");
    assert_ok(audit_append_system(tx, "scheduler", &event, NULL, reterr));
    tx_abortp(&tx);
    int64_t sequence = 0;
    assert_ok(append("aborted", &event, &sequence, reterr));
    assert_int_equal(sequence, 1);
    tx = fixture_begin(store, "another");
    const struct principal caller = {.tenant = "aborted"};
    const struct request request = {.caller = &caller};
    assert_code(audit_append(tx, &request, &event, NULL, reterr), ERR_INTERNAL);
    tx_abortp(&tx);
}

// Each as the owner of the tables could do it, past the serving role's rights.
static void tampering_shows(void **state)
{
    (void)state;
    static const char *const deeds[] = {
        "UPDATE audit_event SET actor_display_name = 'nobody' WHERE tenant = $$tamper$$ AND "
        "sequence = 3",
        "UPDATE audit_event SET event_time = event_time + interval '1 us' WHERE tenant = "
        "$$tamper$$ AND sequence = 3",
        "UPDATE audit_event SET resource = 'xa', resource_display_name = '' WHERE tenant = "
        "$$tamper$$ AND sequence = 3",
        "UPDATE audit_event SET previous_hash = hash WHERE tenant = $$tamper$$ AND sequence = 3",
        "DELETE FROM audit_event WHERE tenant = $$tamper$$ AND sequence = 3",
    };
    for (int i = 0; i < 5; i++) {
        const struct audit_event event = {.type = AUDIT_COMPANY,
                                          .phase = AUDIT_SINGLE,
                                          .outcome = AUDIT_SUCCEEDED,
                                          .resource = "x",
                                          .resource_display_name = "a"};
        assert_ok(append("tamper", &event, NULL, reterr));
    }
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        size_t count;
        struct audit_event_row *rows = list_all("tamper", &arena, &count);
        assert_int_equal(first_broken(rows, count), 0);
        (void)test_postgres_value(database->owner_dsn,
                                  "CREATE TABLE kept AS SELECT * FROM audit_event");
        (void)test_postgres_value(database->owner_dsn, deeds[i]);
        rows = list_all("tamper", &arena, &count);
        // With the third gone, the fourth stands where it should be.
        assert_int_equal(first_broken(rows, count), 3);
        (void)test_postgres_value(database->owner_dsn, "DELETE FROM audit_event");
        (void)test_postgres_value(database->owner_dsn,
                                  "INSERT INTO audit_event SELECT * FROM kept");
        (void)test_postgres_value(database->owner_dsn, "DROP TABLE kept");
    }
    arena_done(&arena);
}

static void tenants_have_chains_of_their_own(void **state)
{
    (void)state;
    clock_fake(true, 1772366400000000, clock_steady_ms());
    const struct audit_event event = {
        .type = AUDIT_COMPANY, .phase = AUDIT_SINGLE, .outcome = AUDIT_SUCCEEDED};
    int64_t first = 0, second = 0;
    assert_ok(append("one", &event, &first, reterr));
    assert_ok(append("two", &event, &second, reterr));
    clock_fake(false, 0, 0);
    assert_true(first == 1 && second == 1);
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    size_t count;
    struct audit_event_row *one = list_all("one", &arena, &count);
    assert_int_equal(count, 1);
    struct audit_event_row *two = list_all("two", &arena, &count);
    assert_int_equal(count, 1);
    // The same event at the same time: the tenant is part of what is hashed.
    assert_memory_not_equal(one->hash, two->hash, AUDIT_HASH_BYTES);
    arena_done(&arena);
}

static void the_serving_role_cannot_change_the_past(void **state)
{
    (void)state;
    static const char *const deeds[] = {
        "UPDATE audit_event SET reason = ''",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "ALTER TABLE audit_event DISABLE ROW LEVEL SECURITY",
        "DROP TABLE audit_event",
    };
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "tamper");
        const struct statement statement = {deeds[i], deeds[i]};
        struct err err;
        assert_int_equal(tx_run(tx, &statement, NULL, 0, &err), ERR_INTERNAL);
        assert_non_null(strstr(err.text, "42501")); // insufficient_privilege
    }
}

static enum err_code insert_row(const char *tenant, const char *sequence, const char *phase,
                                const char *outcome, const char *previous, const char *hash,
                                struct err *reterr)
{
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO audit_event (tenant, sequence, event_time, type, phase, outcome,"
                   " actor_subject, actor_display_name, actor_kind, previous_hash, hash) VALUES"
                   " ('%s', %s, now(), 1, %s, %s, '', '', 1, sha256('x') || '%s', '%s')",
                   tenant, sequence, phase, outcome, previous, hash);
    const struct statement statement = {NULL, sql};
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, tenant);
    return tx_run(tx, &statement, NULL, 0, reterr);
}

static void the_serving_role_writes_no_row_that_is_none(void **state)
{
    (void)state;
#define HASH "12345678901234567890123456789012"
    static const struct {
        const char *tenant, *sequence, *phase, *outcome, *previous, *hash;
    } rows[] = {{"", "1", "1", "0", "", HASH},        {"rules", "0", "1", "0", "", HASH},
                {"rules", "-1", "1", "0", "", HASH},  {"rules", "1", "0", "0", "", HASH},
                {"rules", "1", "4", "0", "", HASH},   {"rules", "1", "1", "-1", "", HASH},
                {"rules", "1", "1", "5", "", HASH},   {"rules", "1", "1", "0", "x", HASH},
                {"rules", "1", "1", "0", "", "short"}};
    assert_ok(insert_row("rules", "1", "3", "4", "", HASH, reterr));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err;
        assert_int_equal(insert_row(rows[i].tenant, rows[i].sequence, rows[i].phase,
                                    rows[i].outcome, rows[i].previous, rows[i].hash, &err),
                         ERR_INTERNAL);
        assert_non_null(strstr(err.text, "42501")); // row-level security
    }
    static const char *const ends[] = {
        "INSERT INTO audit_head VALUES ('rules', 0, 'short')",
        "UPDATE audit_head SET hash = 'short'",
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, i == 0 ? "rules" : "tamper");
        const struct statement statement = {NULL, ends[i]};
        struct err err;
        assert_int_equal(tx_run(tx, &statement, NULL, 0, &err), ERR_INTERNAL);
        assert_non_null(strstr(err.text, "42501"));
    }
}

static size_t list_count(const struct audit_event_filter *filter, int64_t before, int limit,
                         int64_t *ret_last)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct audit_event_row *rows = NULL;
    size_t count = 0;
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "listed");
    assert_ok(audit_event_list(tx, filter, before, limit, 60, &arena, &rows, &count, reterr));
    for (size_t i = 1; i < count; i++)
        assert_true(rows[i].sequence < rows[i - 1].sequence);
    if (count > 0 && ret_last != NULL)
        *ret_last = rows[count - 1].sequence;
    arena_done(&arena);
    return count;
}

#define COUNT(...) list_count(&(const struct audit_event_filter){__VA_ARGS__}, 0, 100, NULL)

static void filters_and_pages(void **state)
{
    (void)state;
    static const int64_t start_us = 1772366400000000;
    const struct audit_event events[] = {
        {.type = AUDIT_PASSWORD_REVEAL, .phase = AUDIT_INTENT, .company_id = "c1"},
        {.type = AUDIT_PASSWORD_REVEAL,
         .phase = AUDIT_OUTCOME,
         .outcome = AUDIT_SUCCEEDED,
         .company_id = "c1",
         .intent_sequence = 1},
        {.type = AUDIT_PASSWORD_REVEAL, .phase = AUDIT_INTENT, .company_id = "c2"},
        {.type = AUDIT_MAPPING,
         .phase = AUDIT_SINGLE,
         .outcome = AUDIT_DENIED,
         .resource = "connections/x"},
        {.type = AUDIT_MAPPING, .phase = AUDIT_SINGLE, .outcome = AUDIT_SUCCEEDED},
    };
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        clock_fake(true, start_us + (int64_t)i * 1000000, clock_steady_ms());
        assert_ok(append("listed", &events[i], NULL, reterr));
        clock_fake(false, 0, 0);
    }
    assert_int_equal(COUNT(0), 5);
    assert_int_equal(COUNT(.type = AUDIT_MAPPING), 2);
    assert_int_equal(COUNT(.outcome = AUDIT_SUCCEEDED), 2);
    assert_int_equal(COUNT(.outcome = AUDIT_OUTCOME_UNRESOLVED), 1);
    assert_int_equal(COUNT(.actor_subject = "auth0|42"), 5);
    assert_int_equal(COUNT(.actor_subject = "' OR true --"), 0);
    assert_int_equal(COUNT(.resource = "connections/x"), 1);
    assert_int_equal(COUNT(.company_id = "c1"), 2);
    assert_int_equal(COUNT(.from_us = start_us + 1000000), 4);
    assert_int_equal(COUNT(.until_us = start_us + 1000000), 1);
    assert_int_equal(COUNT(.type = AUDIT_MAPPING, .outcome = AUDIT_DENIED), 1);
    static const char *const companies[] = {"c2", "c9"};
    assert_int_equal(COUNT(.companies = companies, .company_count = 2), 1);
    assert_int_equal(COUNT(.companies = companies, .company_count = 0), 0);
    const struct audit_event_filter all = {0};
    int64_t last = 0;
    assert_int_equal(list_count(&all, 0, 3, &last), 3);
    assert_int_equal(last, 3);
    assert_int_equal(list_count(&all, last, 3, &last), 2);
    assert_int_equal(list_count(&all, last, 3, &last), 0);

    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct audit_event_row *row = NULL;
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "listed");
    assert_ok(audit_event_get(tx, 1, 60, &arena, &row, reterr));
    assert_true(row->outcome_sequence == 2 && !row->unresolved);
    assert_ok(audit_event_get(tx, 3, 60, &arena, &row, reterr));
    assert_true(row->outcome_sequence == 0 && row->unresolved);
    clock_fake(true, row->event_time_us + 59000000, clock_steady_ms());
    assert_ok(audit_event_get(tx, 3, 60, &arena, &row, reterr));
    clock_fake(false, 0, 0);
    assert_false(row->unresolved);
    arena_done(&arena);
}

static int64_t since(int64_t time_us)
{
    struct tx *tx _cleanup_(tx_abortp) = fixture_begin(store, "skewed");
    int64_t sequence = -1;
    assert_ok(audit_event_since(tx, time_us, &sequence, reterr));
    return sequence;
}

// Servers' clocks differ, so times do not quite follow sequences: what is from a time on begins
// with the first event of the chain that is of that time or later, so that of two stretches that
// follow each other the second leaves nothing out, whatever was written between the looks.
static void a_time_stands_for_a_place(void **state)
{
    (void)state;
    static const int64_t start_us = 1772366400000000;
    static const int offsets[] = {-2, 5, -1, 2, 6};
    const struct audit_event event = {
        .type = AUDIT_MAPPING, .phase = AUDIT_SINGLE, .outcome = AUDIT_SUCCEEDED};
    assert_int_equal(since(start_us), 0);
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        clock_fake(true, start_us + offsets[i], clock_steady_ms());
        assert_ok(append("skewed", &event, NULL, reterr));
        clock_fake(false, 0, 0);
        assert_int_equal(since(start_us), i == 0 ? 0 : 2);
    }
    assert_int_equal(since(start_us - 1), 2);
    assert_int_equal(since(start_us - 2), 1);
    assert_int_equal(since(start_us + 6), 5);
    assert_int_equal(since(start_us + 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_is_gapless_under_threads),
        cmocka_unit_test(every_field_returns),
        cmocka_unit_test(the_system_acts_too),
        cmocka_unit_test(aborted_events_leave_no_gap),
        cmocka_unit_test(tampering_shows),
        cmocka_unit_test(tenants_have_chains_of_their_own),
        cmocka_unit_test(the_serving_role_cannot_change_the_past),
        cmocka_unit_test(the_serving_role_writes_no_row_that_is_none),
        cmocka_unit_test(filters_and_pages),
        cmocka_unit_test(a_time_stands_for_a_place),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
