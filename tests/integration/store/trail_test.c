// Events that stand alone: many share a commit, each gets its place, no failure is taken for
// success.
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "server/audit/trail.h"
#include "server/store/gate_change.h"
#include "tests/integration/store/fixture.h"

enum { WRITERS = 16, EVENTS_EACH = 20, WAIT_MS = 30000 };

static const struct test_database *database;
static struct store *store;
static struct trail *trail;

static const struct audit_event intent = {.type = AUDIT_PASSWORD_REVEAL, .phase = AUDIT_INTENT};

static int set_up(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    store = fixture_open(database, 4);
    assert_ok(trail_new(&(struct trail_settings){.store = store}, &trail, reterr));
    return 0;
}

static int tear_down(void **state)
{
    trail = trail_free(trail);
    store = store_close(store);
    return fixture_stop(state);
}

static enum err_code write_as(const char *tenant, const char *subject,
                              const struct audit_event *event, struct deadline deadline,
                              int64_t *ret_sequence, struct err *reterr)
{
    const struct principal caller = {
        .tenant = tenant, .subject = subject, .display_name = "", .actor = ACTOR_HUMAN};
    const struct request request = {.caller = &caller, .request_id = "req", .peer = "peer"};
    return trail_write(trail, &request, event, deadline, ret_sequence, reterr);
}

static int64_t number(const char *sql)
{
    int64_t value = -1;
    assert_int_equal(sscanf(test_postgres_value(database->admin_dsn, sql), "%" SCNd64, &value), 1);
    return value;
}

// Events of `tenant` that do not follow the one before them.
static int64_t breaks_of(const char *tenant)
{
    char sql[600];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FILTER (WHERE sequence <> place"
                   " OR previous_hash <> coalesce(before, decode(repeat('00', 32), 'hex')))"
                   " FROM (SELECT sequence, previous_hash, lag(hash) OVER w AS before,"
                   "       row_number() OVER w AS place FROM audit_event WHERE tenant = '%s'"
                   "       WINDOW w AS (ORDER BY sequence)) e",
                   tenant);
    return number(sql);
}

struct writer {
    pthread_t thread;
    int index;
    atomic_int *failures;
};

// Each is told the place of its own event, whoever wrote it.
static void *write_many(void *context)
{
    const struct writer *writer = context;
    char subject[16];
    (void)snprintf(subject, sizeof(subject), "user%d", writer->index);
    const char *tenant = writer->index % 4 == 3 ? "few" : "many";
    for (int i = 0; i < EVENTS_EACH; i++) {
        struct err err;
        int64_t sequence = 0;
        struct audit_event_row *row;
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1024 * 1024);
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        if (write_as(tenant, subject, &intent, deadline_in(WAIT_MS), &sequence, &err) != ERR_OK ||
            store_begin(store, tenant, deadline_in(WAIT_MS), NULL, &tx, &err) != ERR_OK ||
            audit_event_get(tx, sequence, 60, &arena, &row, &err) != ERR_OK ||
            strcmp(row->actor_subject, subject) != 0)
            atomic_fetch_add(writer->failures, 1);
    }
    return NULL;
}

// A change with its event in its own transaction, while groups are written.
static void *change_many(void *context)
{
    const struct writer *writer = context;
    const struct audit_event event = {
        .type = AUDIT_CONFIG, .phase = AUDIT_SINGLE, .outcome = AUDIT_SUCCEEDED};
    for (int i = 0; i < EVENTS_EACH; i++) {
        struct err err;
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        if (store_begin(store, "many", deadline_in(WAIT_MS), NULL, &tx, &err) != ERR_OK ||
            audit_append_system(tx, "test", &event, NULL, &err) != ERR_OK ||
            (i % 4 != 0 && tx_commit(&tx, &err) != ERR_OK))
            atomic_fetch_add(writer->failures, 1);
    }
    return NULL;
}

static void groups_and_changes_share_a_chain(void **state)
{
    (void)state;
    struct writer writers[WRITERS + 1];
    atomic_int failures = 0;
    for (int i = 0; i <= WRITERS; i++) {
        writers[i] = (struct writer){.index = i, .failures = &failures};
        assert_int_equal(pthread_create(&writers[i].thread, NULL,
                                        i == WRITERS ? change_many : write_many, &writers[i]),
                         0);
    }
    for (int i = 0; i <= WRITERS; i++)
        (void)pthread_join(writers[i].thread, NULL);
    assert_int_equal(atomic_load(&failures), 0);
    assert_int_equal(breaks_of("many"), 0);
    assert_int_equal(breaks_of("few"), 0);
    assert_int_equal(number("SELECT count(*) FROM audit_event WHERE tenant = 'few'"),
                     WRITERS / 4 * EVENTS_EACH);
    assert_int_equal(number("SELECT count(*) FROM audit_event WHERE tenant = 'many'"),
                     WRITERS * 3 / 4 * EVENTS_EACH + EVENTS_EACH * 3 / 4);
    // Many events became visible in one commit: that is what the groups are for.
    assert_true(number("SELECT count(DISTINCT xmin::text) FROM audit_event"
                       " WHERE tenant = 'many' AND type = 1") <
                WRITERS * 3 / 4 * EVENTS_EACH * 3 / 4);
}

struct late {
    pthread_t thread;
    const char *subject;
    struct deadline deadline;
    enum err_code code;
};

static void *write_late(void *context)
{
    struct late *late = context;
    struct err err;
    late->code = write_as("late", late->subject, &intent, late->deadline, NULL, &err);
    return NULL;
}

static void await(const char *sql, int64_t wanted)
{
    struct deadline deadline = deadline_in(WAIT_MS);
    while (number(sql) != wanted && deadline_left_ms(deadline) > 0)
        (void)usleep(10000);
    assert_int_equal(number(sql), wanted);
}

static void who_waits_too_long_leaves_nothing(void **state)
{
    (void)state;
    assert_ok(write_as("late", "first", &intent, deadline_in(WAIT_MS), NULL, reterr));
    // Another process has the end of the chain.
    struct tx *tx = fixture_begin(store, "late");
    struct audit_head head;
    assert_ok(audit_event_lock_head(tx, &head, reterr));
    struct late leader = {.subject = "leader", .deadline = deadline_in(WAIT_MS)};
    struct late patient = {.subject = "patient", .deadline = deadline_in(WAIT_MS)};
    assert_int_equal(pthread_create(&leader.thread, NULL, write_late, &leader), 0);
    await("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", 1);
    assert_int_equal(pthread_create(&patient.thread, NULL, write_late, &patient), 0);
    assert_code(write_as("late", "impatient", &intent, deadline_in(50), NULL, reterr),
                ERR_DEADLINE_EXCEEDED);
    assert_ok(tx_commit(&tx, reterr));
    (void)pthread_join(leader.thread, NULL);
    (void)pthread_join(patient.thread, NULL);
    assert_true(leader.code == ERR_OK && patient.code == ERR_OK);
    assert_int_equal(number("SELECT count(*) FROM audit_event WHERE tenant = 'late'"), 3);
    assert_int_equal(number("SELECT count(*) FROM audit_event WHERE actor_subject = 'impatient'"),
                     0);
    assert_int_equal(breaks_of("late"), 0);
}

static void one_bad_event_costs_no_other(void **state)
{
    (void)state;
    (void)test_postgres_value(database->owner_dsn, "ALTER TABLE audit_event ADD CONSTRAINT picky"
                                                   " CHECK (ticket <> 'bad' AND tenant <> 'full')");
    assert_ok(write_as("late", "first", &intent, deadline_in(WAIT_MS), NULL, reterr));
    struct tx *tx = fixture_begin(store, "late");
    struct audit_head head;
    assert_ok(audit_event_lock_head(tx, &head, reterr));
    struct late leader = {.subject = "l", .deadline = deadline_in(WAIT_MS)};
    struct late good = {.subject = "good", .deadline = deadline_in(WAIT_MS)};
    assert_int_equal(pthread_create(&leader.thread, NULL, write_late, &leader), 0);
    await("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", 1);
    assert_int_equal(pthread_create(&good.thread, NULL, write_late, &good), 0);
    assert_ok(tx_commit(&tx, reterr));
    const struct audit_event bad = {
        .type = AUDIT_PASSWORD_REVEAL, .phase = AUDIT_INTENT, .ticket = "bad"};
    assert_code(write_as("late", "bad", &bad, deadline_in(WAIT_MS), NULL, reterr), ERR_CONFLICT);
    (void)pthread_join(leader.thread, NULL);
    (void)pthread_join(good.thread, NULL);
    assert_true(leader.code == ERR_OK && good.code == ERR_OK);
    // A table that takes nothing fails everybody, and the next tries anew.
    assert_code(write_as("full", "a", &intent, deadline_in(WAIT_MS), NULL, reterr), ERR_CONFLICT);
    (void)test_postgres_value(database->owner_dsn, "ALTER TABLE audit_event DROP CONSTRAINT picky");
    assert_ok(write_as("full", "a", &intent, deadline_in(WAIT_MS), NULL, reterr));
    assert_int_equal(breaks_of("late"), 0);
    assert_int_equal(breaks_of("full"), 0);
}

enum { TOGETHER = TRAIL_ENTRIES_MAX, BAD = 17, WRITERS_TOGETHER = 3 };

// As many as one turn may have, one of which the database does not take.
static void *write_together(void *context)
{
    const struct writer *writer = context;
    struct trail_entry entries[TOGETHER], *all[TOGETHER];
    struct err errs[TOGETHER];
    struct audit_event bad = intent;
    bad.ticket = "bad";
    const struct principal caller = {
        .tenant = "batch", .subject = "s", .display_name = "", .actor = ACTOR_HUMAN};
    const struct request request = {.caller = &caller, .request_id = "req", .peer = "peer"};
    for (int i = 0; i < TOGETHER; i++) {
        entries[i] = (struct trail_entry){
            .request = &request, .event = i == BAD ? &bad : &intent, .reterr = &errs[i]};
        all[i] = &entries[i];
    }
    trail_write_all(trail, "batch", all, TOGETHER, deadline_in(WAIT_MS));
    int64_t before = 0;
    for (int i = 0; i < TOGETHER; i++) {
        bool right = i == BAD ? entries[i].code == ERR_CONFLICT && errs[i].code == ERR_CONFLICT
                              : entries[i].code == ERR_OK && entries[i].sequence > before;
        if (!right)
            atomic_fetch_add(writer->failures, 1);
        before = entries[i].sequence > before ? entries[i].sequence : before;
    }
    return NULL;
}

// Each of several that are written in one turn learns its own place and failure, also when more
// turns wait than one group has room for.
static void each_of_a_turn_has_its_own_place(void **state)
{
    (void)state;
    (void)test_postgres_value(
        database->owner_dsn,
        "ALTER TABLE audit_event ADD CONSTRAINT picky CHECK (ticket <> 'bad')");
    struct writer writers[WRITERS_TOGETHER];
    atomic_int failures = 0;
    for (int i = 0; i < WRITERS_TOGETHER; i++) {
        writers[i] = (struct writer){.index = i, .failures = &failures};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_together, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS_TOGETHER; i++)
        (void)pthread_join(writers[i].thread, NULL);
    (void)test_postgres_value(database->owner_dsn, "ALTER TABLE audit_event DROP CONSTRAINT picky");
    assert_int_equal(atomic_load(&failures), 0);
    assert_int_equal(number("SELECT count(*) FROM audit_event WHERE tenant = 'batch'"),
                     WRITERS_TOGETHER * (TOGETHER - 1));
    assert_int_equal(breaks_of("batch"), 0);
}

static const char *snapshot(struct arena *arena)
{
    return arena_strdup(arena, test_postgres_value(database->admin_dsn, "SELECT" GATE_SNAPSHOT));
}

// Of a group that depends on what was read at different times, the earliest of them counts.
static void what_depends_on_gates_is_written_if_they_stand(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 65536);
    const struct principal caller = {
        .tenant = "gated", .subject = "ada", .display_name = "", .actor = ACTOR_HUMAN};
    const struct request request = {.caller = &caller, .request_id = "req", .peer = "peer"};
    assert_ok(write_as("gated", "ada", &intent, deadline_in(WAIT_MS), NULL, reterr));
    const char *before = snapshot(&arena);
    (void)test_postgres_value(database->admin_dsn, "DELETE FROM company; SELECT 1");
    const char *after = snapshot(&arena);
    // Of a server that was started at another time.
    const char *other = arena_printf(&arena, "%s0", after);
    const struct {
        const char *snapshots[3];
        const char *codes; // of each: '-' is written
    } rows[] = {{{after, after, NULL}, "---"},     {{before, NULL, NULL}, "c--"},
                {{after, before, NULL}, "cc-"},    {{before, after, NULL}, "cc-"},
                {{before, before, before}, "ccc"}, {{after, NULL, after}, "---"},
                {{other, NULL, NULL}, "c--"},      {{after, other, NULL}, "cc-"}};
    // Behind an end that is believed in, and with the end locked.
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct trail_entry all[3], *entries[3];
        char codes[4] = "";
        if (i >= ARRAY_LEN(rows))
            assert_ok(write_as("gated", "elsewhere", &intent, deadline_in(WAIT_MS), NULL, reterr));
        struct trail *writer = trail;
        if (i >= ARRAY_LEN(rows))
            assert_ok(trail_new(&(struct trail_settings){.store = store}, &writer, reterr));
        for (size_t j = 0; j < 3; j++) {
            all[j] = (struct trail_entry){.request = &request,
                                          .event = &intent,
                                          .snapshot = rows[i % ARRAY_LEN(rows)].snapshots[j]};
            entries[j] = &all[j];
        }
        trail_write_all(writer, "gated", entries, 3, deadline_in(WAIT_MS));
        for (size_t j = 0; j < 3; j++)
            codes[j] = all[j].code == ERR_OK ? '-' : all[j].code == ERR_CONFLICT ? 'c' : '?';
        assert_string_equal(codes, rows[i % ARRAY_LEN(rows)].codes);
        if (writer != trail)
            writer = trail_free(writer);
    }
    assert_int_equal(breaks_of("gated"), 0);
    assert_int_equal(number("SELECT count(*) FROM audit_event WHERE tenant = 'gated'"), 1 + 8 + 26);
}

// Planning what writes an event takes longer than writing it.
static void what_is_written_is_planned_once(void **state)
{
    (void)state;
    if (fixture_pooled)
        skip(); // nothing is prepared
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    struct trail *alone;
    assert_ok(trail_new(&(struct trail_settings){.store = single}, &alone, reterr));
    const struct principal caller = {
        .tenant = "once", .subject = "ada", .display_name = "", .actor = ACTOR_HUMAN};
    const struct request request = {.caller = &caller, .request_id = "req", .peer = "peer"};
    for (int i = 0; i < 3; i++)
        assert_ok(trail_write(alone, &request, &intent, deadline_in(WAIT_MS), NULL, reterr));
    alone = trail_free(alone);
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(single, "once");
    assert_string_equal(fixture_value(tx,
                                      "SELECT generic_plans || '/' || custom_plans"
                                      " FROM pg_prepared_statements WHERE name = 'audit_insert'"),
                        "3/0");
}

static void note_time(void *context)
{
    *(int64_t *)context = clock_steady_ms();
}

// The database takes its time over an event, in which its caller's work is done.
static void work_is_done_meanwhile(void **state)
{
    (void)state;
    enum { SLOW_MS = 600, MARGIN_MS = 200 };
    const struct principal caller = {
        .tenant = "slow", .subject = "ada", .display_name = "", .actor = ACTOR_HUMAN};
    const struct request request = {.caller = &caller, .request_id = "req", .peer = "peer"};
    (void)test_postgres_value(
        database->owner_dsn,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.6); RETURN NEW; END';"
        "CREATE TRIGGER dawdle BEFORE INSERT ON audit_event FOR EACH ROW"
        " WHEN (NEW.tenant = 'slow' AND NEW.sequence > 1) EXECUTE FUNCTION dawdle()");
    assert_ok(write_as("slow", "ada", &intent, deadline_in(WAIT_MS), NULL, reterr));
    int64_t done_ms[2] = {0, 0};
    struct trail_entry entries[2], *both[] = {&entries[0], &entries[1]};
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        entries[i] = (struct trail_entry){
            .request = &request, .event = &intent, .meanwhile = note_time, .context = &done_ms[i]};
    trail_write_all(trail, "slow", both, 1, deadline_in(WAIT_MS));
    assert_int_equal(entries[0].code, ERR_OK);
    assert_true(done_ms[0] > 0 && clock_steady_ms() - done_ms[0] >= SLOW_MS - MARGIN_MS);
    // Others do not wait for it.
    done_ms[0] = 0;
    trail_write_all(trail, "slow", both, 2, deadline_in(WAIT_MS));
    assert_int_equal(entries[1].code, ERR_OK);
    assert_true(done_ms[0] == 0 && done_ms[1] == 0);
    (void)test_postgres_value(database->owner_dsn, "DROP TRIGGER dawdle ON audit_event");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_and_changes_share_a_chain),
        cmocka_unit_test(who_waits_too_long_leaves_nothing),
        cmocka_unit_test(one_bad_event_costs_no_other),
        cmocka_unit_test(each_of_a_turn_has_its_own_place),
        cmocka_unit_test(what_depends_on_gates_is_written_if_they_stand),
        cmocka_unit_test(what_is_written_is_planned_once),
        cmocka_unit_test(work_is_done_meanwhile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
