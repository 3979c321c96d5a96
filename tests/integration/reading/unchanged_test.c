// What a reveal read before upstream was asked holds for its outcome as long as nothing of it has
// changed, and no longer.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/audit/trail.h"
#include "server/store/record.h"
#include "tests/integration/reading/reveals.h"

enum { A = PASSWORD_PLAIN };

static int looks_of_a_reveal(struct fixture *fixture, enum err_code expected)
{
    int before = gate_looks(fixture);
    assert_int_equal(reveal(fixture, A), expected);
    return gate_looks(fixture) - before;
}

static void gates_are_read_once_if_nothing_changes(void **state)
{
    struct fixture *fixture = *state;
    // The first outcome of a process does not know the end of the chain, and is no different.
    for (int i = 0; i < 3; i++)
        assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
    // A denial by the live record too.
    upstream.live.restricted = true;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_UPSTREAM_RECORD_RESTRICTED), 1);
    assert_string_equal(last_event(fixture), "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 7");
    upstream.live.restricted = false;
    // Of another category or folder the gates were not read.
    upstream.live.category_id = 8;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_CATEGORY_NOT_ALLOWED), 2);
    upstream.live.category_id = 7;
    upstream.live.folder_id = 803;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 2);
}

// Each statement is one that says nothing new; that it was made is enough.
static void any_change_reads_them_again(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql;
        int looks;
    } rows[] = {
        {"UPDATE connection SET display_name = display_name", 2},
        {"SET ROLE docbridge_server; SET docbridge.tenant = 't1';"
         "UPDATE company SET display_name = display_name",
         2},
        {"DELETE FROM reveal_freeze", 2},
        {"UPDATE record_password SET restricted = restricted", 2},
        {"UPDATE record SET restricted = restricted WHERE kind = 8", 2},
        {"TRUNCATE company_set_member", 2},
        // Neither another tenant's, nor what is undone, nor what no gate is read from.
        {"SET ROLE docbridge_server; SET docbridge.tenant = 't2';"
         "UPDATE company SET display_name = display_name",
         1},
        {"BEGIN; DELETE FROM mapping; ROLLBACK", 1},
        {"DELETE FROM sync_issue", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const void *pair[] = {fixture, rows[i].sql};
        upstream.while_asked = fixture_run_sql;
        upstream.context = pair;
        assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), rows[i].looks);
        upstream.while_asked = NULL;
        // Of what changed before, the next knows.
        assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
    }
}

struct stored {
    struct fixture *fixture;
    enum source_kind kind;
};

// As a page of a sync is stored.
static void store_record(void *context)
{
    const struct stored *stored = context;
    const int64_t number = 4711, none = 0;
    const char *text = "{}";
    const bool no = false;
    const struct bytes hash = {(const unsigned char *)"h", 1};
    const struct record_batch batch = {.count = 1,
                                       .ids = &number,
                                       .organization_ids = &number,
                                       .names = &text,
                                       .web_urls = &text,
                                       .type_ids = &none,
                                       .folder_ids = &none,
                                       .category_ids = &none,
                                       .restricted = &no,
                                       .archived = &no,
                                       .vaulted = &no,
                                       .personal = &no,
                                       .create_times = &none,
                                       .update_times = &none,
                                       .publish_times = &none,
                                       .password_update_times = &none,
                                       .bodies = &text,
                                       .hashes = &hash};
    struct store *other = NULL;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct err err;
    const struct store_settings settings = {
        .dsn = stored->fixture->database->dsn, .connections_max = 1, .role = "docbridge_server"};
    assert_int_equal(store_open(&settings, &other, &err), ERR_OK);
    assert_int_equal(store_begin(other, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(record_put(tx, "c1", (int)stored->kind, &batch, true, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    other = store_close(other);
}

// A sync writes pages of documents all day.
static void only_pages_of_passwords_count(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
    for (enum source_kind kind = SOURCE_DOCUMENT_FOLDERS; kind <= SOURCE_PASSWORDS; kind++) {
        struct stored stored = {fixture, kind};
        bool counts = kind == SOURCE_PASSWORD_FOLDERS || kind == SOURCE_PASSWORDS;
        upstream.while_asked = store_record;
        upstream.context = &stored;
        assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), counts ? 2 : 1);
        upstream.while_asked = NULL;
        char expected[4];
        (void)snprintf(expected, sizeof(expected), "%d", (int)kind);
        assert_string_equal(fixture_sql(fixture, "SELECT max(kind) FROM record WHERE id = 4711"),
                            expected);
    }
}

struct late {
    struct fixture *fixture;
    struct tx *tx;
};

static void commit_late(void *context)
{
    struct late *late = context;
    struct err err;
    assert_int_equal(tx_commit(&late->tx, &err), ERR_OK);
}

// Whoever else is at something while a change is made and seen.
static void what_was_seen_is_no_change(void **state)
{
    struct fixture *fixture = *state;
    static const struct statement number = {"number", "SELECT pg_current_xact_id()"};
    struct tx *earlier _cleanup_(tx_abortp) = NULL;
    struct err err;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
    assert_int_equal(
        store_begin(fixture->janitor_store, NULL, deadline_in(5000), NULL, &earlier, &err), ERR_OK);
    assert_int_equal(tx_run(earlier, &number, NULL, 0, &err), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE connection SET display_name = display_name");
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
}

// A transaction that began before the gates were read, and was not seen by them.
static void a_change_that_was_under_way_counts(void **state)
{
    struct fixture *fixture = *state;
    static const struct statement pause = {
        "pause", "UPDATE connection SET reveals_paused = true WHERE tenant = $1"};
    struct late late = {.fixture = fixture};
    struct store *other = NULL;
    struct err err;
    const struct store_settings settings = {
        .dsn = fixture->database->dsn, .connections_max = 1, .role = "docbridge_server"};
    assert_int_equal(store_open(&settings, &other, &err), ERR_OK);
    assert_int_equal(store_begin(other, "t1", deadline_in(5000), NULL, &late.tx, &err), ERR_OK);
    assert_int_equal(tx_run(late.tx, &pause, ARGS(ARG_TEXT("t1")), &err), ERR_OK);
    upstream.while_asked = commit_late;
    upstream.context = &late;
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_PAUSED);
    assert_int_equal(upstream.calls, 1);
    assert_string_equal(last_event(fixture), "2 2 REVEALS_PAUSED 200 t 1");
    other = store_close(other);
}

static void *commit_in_a_while(void *context)
{
    (void)usleep(500000);
    commit_late(context);
    return NULL;
}

struct waiting {
    struct late late;
    pthread_t thread;
};

// A change is under way that the second look does not see and the outcome waits for, since its
// event is ahead in the chain.
static void change_ahead(void *context)
{
    struct waiting *waiting = context;
    static const struct statement pause = {
        "pause", "UPDATE connection SET reveals_paused = true WHERE tenant = $1"};
    static const struct statement hold = {
        "hold", "UPDATE audit_head SET sequence = sequence + 1 WHERE tenant = $1"};
    struct err err;
    assert_int_equal(tx_run(waiting->late.tx, &pause, ARGS(ARG_TEXT("t1")), &err), ERR_OK);
    assert_int_equal(tx_run(waiting->late.tx, &hold, ARGS(ARG_TEXT("t1")), &err), ERR_OK);
    assert_int_equal(pthread_create(&waiting->thread, NULL, commit_in_a_while, &waiting->late), 0);
}

static void what_changes_behind_the_second_look_counts(void **state)
{
    struct fixture *fixture = *state;
    struct waiting waiting = {.late.fixture = fixture};
    struct store *other = NULL;
    struct err err;
    const struct store_settings settings = {
        .dsn = fixture->database->dsn, .connections_max = 1, .role = "docbridge_server"};
    assert_int_equal(store_open(&settings, &other, &err), ERR_OK);
    assert_int_equal(store_begin(other, "t1", deadline_in(5000), NULL, &waiting.late.tx, &err),
                     ERR_OK);
    // Another folder than is stored, so that the gates are read again whatever has changed.
    upstream.live.folder_id = 803;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 2);
    upstream.while_asked = change_ahead;
    upstream.context = &waiting;
    enum err_code code = reveal(fixture, A);
    (void)pthread_join(waiting.thread, NULL);
    assert_int_equal(code, ERR_REVEALS_PAUSED);
    assert_int_equal(upstream.calls, 2);
    assert_string_equal(last_event(fixture), "2 2 REVEALS_PAUSED 200 t 3");
    other = store_close(other);
}

// Who else writes to the chain meanwhile costs another flight, and no look.
static void another_event_in_between_is_no_change(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
    const void *pair[] = {fixture, "UPDATE audit_head SET sequence = sequence + 1"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(looks_of_a_reveal(fixture, ERR_OK), 1);
    assert_string_equal(last_event(fixture), "2 1  200 f 3");
}

// What a gate is read from, and no change of it would be noted.
static void every_table_of_the_gates_is_watched(void **state)
{
    struct fixture *fixture = *state;
    static const struct statement named = {
        "named",
        "SELECT count(*) FILTER (WHERE watched), string_agg(relname, ', ' ORDER BY relname)"
        "  FILTER (WHERE NOT watched) FROM ("
        " SELECT c.relname, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid"
        "   AND t.tgname = 'note_gate_change' AND t.tgenabled = 'O') AS watched"
        "  FROM pg_class c JOIN pg_prepared_statements s ON s.statement ~"
        "   ('\\m(FROM|JOIN) ' || c.relname || '\\M')"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        "  AND s.name = 'password_gates_get') t"};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows rows _cleanup_(rows_done) = {NULL};
    struct err err;
    assert_int_equal(reveal(fixture, A), ERR_OK);
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(tx_query(tx, &named, NULL, 0, &rows, &err), ERR_OK);
    assert_true(rows_null(&rows, 0, 1));
    assert_int_equal(rows_int64(&rows, 0, 0), 13);
}

static void old_changes_are_removed(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "TRUNCATE gate_change; INSERT INTO gate_change VALUES"
                               " ('t1', '7', now() - interval '61 minutes'),"
                               " ('t2', '8', now() - interval '61 minutes'),"
                               " ('t1', '9', now() - interval '59 minutes')");
    trail_retain_all(fixture->trail);
    assert_string_equal(fixture_sql(fixture, "SELECT string_agg(transaction::text, ' ')"
                                             " FROM gate_change"),
                        "9");
}

// Each reveal reads its gates for itself.
static int fresh(void **state)
{
    (void)reveals_fresh(state);
    struct fixture *fixture = *state;
    fixture->backend.gate_memory = NULL;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gates_are_read_once_if_nothing_changes),
        TEST(any_change_reads_them_again),
        TEST(only_pages_of_passwords_count),
        TEST(what_was_seen_is_no_change),
        TEST(a_change_that_was_under_way_counts),
        TEST(what_changes_behind_the_second_look_counts),
        TEST(another_event_in_between_is_no_change),
        TEST(every_table_of_the_gates_is_watched),
        TEST(old_changes_are_removed),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
