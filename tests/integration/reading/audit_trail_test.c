// The trail out of the database: exported and verified, marked, and shortened by retention.
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/audit_file.h"
#include "docbridge/v1/audit.pb-c.h"
#include "server/audit/trail.h"
#include "tests/integration/reading/events.h"

enum { EXPORT_BYTES = 8 * 1024 * 1024, DAY_S = 24 * 3600 };

static struct err err;
static char text[EXPORT_BYTES];
static size_t text_len;

static enum err_code export_as(struct fixture *fixture,
                               const Docbridge__V1__ExportAuditEventsRequest *in)
{
    const struct stream_handler *handler = event_method("ExportAuditEvents")->stream;
    const struct stream_waker waker = {NULL, NULL};
    enum stream_step step = STREAM_MESSAGE;
    void *state;
    err = (struct err){0};
    try_(handler->open(&fixture->request, in, &waker, &state, &err));
    text_len = 0;
    while (step == STREAM_MESSAGE) {
        Docbridge__V1__ExportAuditEventsResponse out =
            DOCBRIDGE__V1__EXPORT_AUDIT_EVENTS_RESPONSE__INIT;
        assert_int_equal(
            handler->next(&fixture->request, state, &fixture->arena, &out, &step, &err), ERR_OK);
        size_t len = step == STREAM_MESSAGE ? strlen(out.lines) : 0;
        assert_true(text_len + len < sizeof(text));
        memcpy(text + text_len, out.lines, len);
        text_len += len;
    }
    handler->close(state);
    return ERR_OK;
}

static enum err_code export_events(struct fixture *fixture, int64_t from, int64_t to)
{
    Docbridge__V1__ExportAuditEventsRequest in = DOCBRIDGE__V1__EXPORT_AUDIT_EVENTS_REQUEST__INIT;
    in.start_sequence = from;
    in.end_sequence = to;
    return export_as(fixture, &in);
}

static struct audit_file verify(struct fixture *fixture)
{
    struct audit_file verified = {.key_count = 1};
    assert_true(trail_public_key(fixture->trail, verified.keys[0]));
    FILE *file = fmemopen(text, text_len, "r");
    assert_non_null(file);
    (void)audit_file_verify(&verified, file);
    (void)fclose(file);
    return verified;
}

static Docbridge__V1__VerifyAuditChainResponse verify_stored(struct fixture *fixture, int64_t from,
                                                             int most)
{
    Docbridge__V1__VerifyAuditChainRequest in = DOCBRIDGE__V1__VERIFY_AUDIT_CHAIN_REQUEST__INIT;
    Docbridge__V1__VerifyAuditChainResponse out = DOCBRIDGE__V1__VERIFY_AUDIT_CHAIN_RESPONSE__INIT;
    in.start_sequence = from;
    in.max_event_count = most;
    assert_int_equal(event_method("VerifyAuditChain")->unary(&fixture->request, &in, &out, &err),
                     ERR_OK);
    return out;
}

static void an_export_verifies(void **state)
{
    struct fixture *fixture = *state;
    append_some(fixture, 7);
    trail_mark_all(fixture->trail);
    append_some(fixture, 3);
    assert_int_equal(export_events(fixture, 0, 0), ERR_OK);
    struct audit_file verified = verify(fixture);
    assert_string_equal(verified.fault, "");
    assert_string_equal(verified.tenant, "t1");
    // The last event is the export's own, and the second head is behind it.
    assert_int_equal(verified.event_count, 11);
    assert_int_equal(verified.head_count, 2);
    assert_int_equal(verified.head, 11);
    assert_string_equal(fixture_sql(fixture, "SELECT type || ' ' || actor_subject FROM audit_event"
                                             " WHERE sequence = 11"),
                        "50 tom");
    assert_int_equal(export_events(fixture, 3, 8), ERR_OK);
    verified = verify(fixture);
    assert_string_equal(verified.fault, "");
    assert_true(verified.first == 3 && verified.last == 8 && verified.event_count == 6);
    assert_int_equal(verified.head, 7);
    assert_int_equal(export_events(fixture, 5000, 6000), ERR_OK);
    assert_int_equal(text_len, 0);
    assert_int_equal(export_events(fixture, 8, 3), ERR_OK);
    assert_int_equal(text_len, 0);
    assert_int_equal(export_events(fixture, -1, 0), ERR_FIELD_INVALID);
    // Another tenant's chain is another's.
    fixture->caller.tenant = "t2";
    assert_int_equal(export_events(fixture, 0, 0), ERR_OK);
    assert_int_equal(verify(fixture).event_count, 1);
}

static void an_export_is_bounded_by_times(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ExportAuditEventsRequest in = DOCBRIDGE__V1__EXPORT_AUDIT_EVENTS_REQUEST__INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    static const struct {
        int64_t seconds;
        int nanos;
        enum err_code code;
    } bounds[] = {{0, 0, ERR_OK}, // a time like any other
                  {-62135596800, 0, ERR_OK},
                  {-62135596801, 0, ERR_FIELD_INVALID},
                  {253402300800, 0, ERR_FIELD_INVALID},
                  {INT64_MAX, 0, ERR_FIELD_INVALID},
                  {0, -1, ERR_FIELD_INVALID},
                  {0, 1000000000, ERR_FIELD_INVALID}};
    append_some(fixture, 3);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        time.seconds = bounds[i].seconds;
        time.nanos = bounds[i].nanos;
        in.start_time = &time;
        in.end_time = NULL;
        assert_int_equal(export_as(fixture, &in), bounds[i].code);
        if (bounds[i].code == ERR_OK)
            assert_int_equal(verify(fixture).first, 1);
        else
            assert_string_equal(err.field, "start_time");
        in.start_time = NULL;
        in.end_time = &time;
        assert_int_equal(export_as(fixture, &in), bounds[i].code);
        if (bounds[i].code == ERR_OK)
            assert_int_equal(text_len, 0);
        else
            assert_string_equal(err.field, "end_time");
    }
    in.end_sequence = 1;
    assert_int_equal(export_as(fixture, &in), ERR_FIELD_INVALID);
    assert_string_equal(err.text, "end_sequence: give a sequence or a time, not both");
}

// Of texts whose every byte takes six in a line.
static void an_export_holds_the_longest_texts(void **state)
{
    enum { COUNT = 520, REASON = 1024, TICKET = 256 };
    struct fixture *fixture = *state;
    static char reason[REASON + 1], ticket[TICKET + 1];
    memset(reason, 1, REASON);
    memset(ticket, 1, TICKET);
    const struct audit_event event = {
        .type = AUDIT_PASSWORD_REVEAL, .phase = AUDIT_INTENT, .reason = reason, .ticket = ticket};
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(
            trail_write(fixture->trail, &fixture->request, &event, deadline_in(5000), NULL, &err),
            ERR_OK);
    assert_int_equal(export_events(fixture, 0, 0), ERR_OK);
    struct audit_file verified = verify(fixture);
    assert_string_equal(verified.fault, "");
    assert_int_equal(verified.event_count, COUNT + 1);
}

// Nor does it keep anybody from writing on.
static void a_mark_waits_for_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx;
    struct audit_head head;
    append_some(fixture, 1);
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(60000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(audit_event_lock_head(tx, &head, &err), ERR_OK);
    trail_mark_all(fixture->trail);
    assert_string_equal(fixture_sql(fixture, "SELECT sequence FROM audit_mark"), "1");
    tx_abortp(&tx);
}

// However many tenants there are, and however long their names.
static void marks_reach_all_tenants(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "INSERT INTO audit_head (tenant, sequence, hash)"
                               " SELECT repeat('x', 2000) || i, 1, decode(repeat('00', 32), 'hex')"
                               "  FROM generate_series(1, 650) i");
    trail_mark_all(fixture->trail);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_mark"), "650");
}

static void tampering_is_named(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql;
        const char *fault;
        int problem;
        int64_t sequence;
    } deeds[] = {
        {"UPDATE audit_event SET reason = 'none' WHERE sequence = 4", "event 4 was changed", 1, 4},
        {"DELETE FROM audit_event WHERE sequence = 4", "event 4 is missing", 2, 4},
        {"UPDATE audit_event SET hash = previous_hash, previous_hash = hash WHERE sequence = 4",
         "event 4 was changed", 1, 4},
        {"UPDATE audit_event SET hash = '' WHERE sequence = 4", "event 4 was changed", 1, 4},
        {"UPDATE audit_event SET previous_hash = hash || hash WHERE sequence = 4",
         "event 4 was changed", 1, 4},
        {"UPDATE audit_mark SET hash = previous_hash FROM audit_event e"
         " WHERE e.sequence = audit_mark.sequence",
         "another hash of event 6", 4, 6},
        {"UPDATE audit_mark SET mark_time = now() WHERE sequence = 6", "signature", 4, 6},
        {"DELETE FROM audit_event WHERE sequence > 4;"
         "UPDATE audit_head SET sequence = 4, hash = (SELECT hash FROM audit_event"
         " WHERE sequence = 4)",
         "", 2, 5},
    };
    append_some(fixture, 6);
    trail_mark_all(fixture->trail);
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 0);
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        (void)fixture_sql(fixture, "CREATE TABLE kept AS SELECT * FROM audit_event");
        (void)fixture_sql(fixture, "CREATE TABLE kept_mark AS SELECT * FROM audit_mark");
        (void)fixture_sql(fixture, "CREATE TABLE kept_head AS SELECT * FROM audit_head");
        (void)fixture_sql(fixture, deeds[i].sql);
        Docbridge__V1__VerifyAuditChainResponse stored = verify_stored(fixture, 0, 0);
        assert_int_equal(stored.broken_sequence, deeds[i].sequence);
        assert_int_equal(stored.problem, deeds[i].problem);
        assert_int_equal(export_events(fixture, 0, 6), ERR_OK);
        struct audit_file verified = verify(fixture);
        if (strstr(verified.fault, deeds[i].fault) == NULL)
            fail_msg("%s: %s", deeds[i].sql, verified.fault);
        (void)fixture_sql(fixture,
                          "DELETE FROM audit_event; INSERT INTO audit_event SELECT * FROM kept;"
                          "DELETE FROM audit_mark; INSERT INTO audit_mark SELECT * FROM kept_mark;"
                          "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head;"
                          "DROP TABLE kept; DROP TABLE kept_mark; DROP TABLE kept_head");
    }
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 0);
    (void)fixture_sql(fixture, "UPDATE audit_head SET hash = ''");
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 6);
}

static void the_chain_is_verified_in_parts(void **state)
{
    struct fixture *fixture = *state;
    append_some(fixture, 5);
    trail_mark_all(fixture->trail);
    Docbridge__V1__VerifyAuditChainResponse part = verify_stored(fixture, 0, 2);
    assert_true(part.verified_event_count == 2 && part.next_start_sequence == 3);
    part = verify_stored(fixture, 3, 100);
    assert_true(part.verified_event_count == 3 && part.next_start_sequence == 0);
    assert_int_equal(part.verified_head_count, 1);
    part = verify_stored(fixture, 4, 2);
    assert_true(part.verified_event_count == 2 && part.next_start_sequence == 0);
    part = verify_stored(fixture, INT64_MAX, 2);
    assert_true(part.verified_event_count == 0 && part.next_start_sequence == 0);
    // A part is linked to the event before it.
    (void)fixture_sql(fixture, "UPDATE audit_event SET hash = previous_hash WHERE sequence = 2");
    assert_int_equal(verify_stored(fixture, 3, 100).broken_sequence, 3);
}

static void *verify_aside(void *context)
{
    static Docbridge__V1__VerifyAuditChainResponse out;
    out = verify_stored(context, 0, 0);
    return &out;
}

// What is done while a verification has begun and waits for the table.
static const Docbridge__V1__VerifyAuditChainResponse *
verify_while(struct fixture *fixture, const char *table, const char *deeds)
{
    const struct statement lock = {
        NULL, arena_printf(&fixture->arena, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", table)};
    const struct statement change = {
        NULL, arena_printf(&fixture->arena,
                           "DO $$ BEGIN FOR i IN 1 .. 1000 LOOP EXIT WHEN EXISTS ("
                           " SELECT FROM pg_locks"
                           "  WHERE NOT granted AND relation = '%s'::regclass);"
                           " PERFORM pg_sleep(0.01); END LOOP; %s; END $$",
                           table, deeds)};
    const struct store_settings settings = {.dsn = fixture->database->admin_dsn,
                                            .connections_max = 1};
    struct store *store _cleanup_(store_closep) = NULL;
    struct tx *tx;
    pthread_t thread;
    void *out;
    assert_int_equal(store_open(&settings, &store, &err), ERR_OK);
    assert_int_equal(store_begin(store, NULL, deadline_in(20000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(tx_run(tx, &lock, NULL, 0, &err), ERR_OK);
    assert_int_equal(pthread_create(&thread, NULL, verify_aside, fixture), 0);
    assert_int_equal(tx_run(tx, &change, NULL, 0, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    (void)pthread_join(thread, &out);
    return out;
}

// Between its look at what was removed and its first look at events.
static void retention_meanwhile_is_no_gap(void **state)
{
    struct fixture *fixture = *state;
    append_some(fixture, 5);
    const Docbridge__V1__VerifyAuditChainResponse *out =
        verify_while(fixture, "audit_event",
                     "INSERT INTO audit_retained (tenant, sequence, hash, mark_time, key_id,"
                     "  signature)"
                     " SELECT tenant, sequence, hash, now(), '', decode(repeat('00', 64), 'hex')"
                     "  FROM audit_event WHERE sequence = 3;"
                     "DELETE FROM audit_event WHERE sequence <= 3");
    assert_int_equal(out->broken_sequence, 0);
    assert_int_equal(out->retained_sequence, 3);
    assert_int_equal(out->verified_event_count, 2);
    // Nor does it hide one.
    (void)fixture_sql(fixture, "DELETE FROM audit_event WHERE sequence = 4");
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 4);
}

// Behind the end that it began with.
static void a_head_signed_meanwhile_is_no_gap(void **state)
{
    struct fixture *fixture = *state;
    append_some(fixture, 5);
    const Docbridge__V1__VerifyAuditChainResponse *out =
        verify_while(fixture, "audit_mark",
                     "UPDATE audit_head SET sequence = 6;"
                     "INSERT INTO audit_mark (tenant, sequence, hash, mark_time, key_id, signature)"
                     " SELECT tenant, 6, hash, now(), '', decode(repeat('00', 64), 'hex')"
                     "  FROM audit_head");
    assert_int_equal(out->broken_sequence, 0);
    assert_int_equal(out->verified_event_count, 5);
    (void)fixture_sql(fixture, "UPDATE audit_head SET sequence = 5");
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 6);
}

// Events of so many days ago.
static void append_old(struct fixture *fixture, int count, int days)
{
    int64_t now_us = clock_wall_us();
    clock_fake(true, now_us - (int64_t)days * DAY_S * 1000000, clock_steady_ms());
    append_some(fixture, count);
    clock_fake(false, 0, 0);
}

static void retention_leaves_a_chain_that_verifies(void **state)
{
    struct fixture *fixture = *state;
    append_old(fixture, 3, 500);
    append_old(fixture, 2, 401);
    append_old(fixture, 2, 399);
    append_some(fixture, 2);
    trail_retain_all(fixture->trail);
    assert_string_equal(
        fixture_sql(fixture, "SELECT min(sequence) || ' ' || max(sequence) FROM audit_event"),
        "6 10");
    // What was done is told, by the system.
    assert_string_equal(fixture_sql(fixture, "SELECT type || changes FROM audit_event"
                                             " WHERE actor_subject = 'docbridge:retention'"),
                        "51[{\"field\":\"first_sequence\",\"old\":null,\"new\":\"6\"}]");
    assert_int_equal(export_events(fixture, 0, 0), ERR_OK);
    struct audit_file verified = verify(fixture);
    assert_string_equal(verified.fault, "");
    assert_true(verified.retained == 5 && verified.first == 6 && verified.event_count == 6);
    Docbridge__V1__VerifyAuditChainResponse stored = verify_stored(fixture, 0, 0);
    assert_true(stored.broken_sequence == 0 && stored.retained_sequence == 5);
    assert_int_equal(stored.verified_event_count, 6);
    // Nothing is left to do, and nothing more is told.
    trail_retain_all(fixture->trail);
    assert_int_equal(verify_stored(fixture, 0, 0).verified_event_count, 6);
    // What was made to look old stays.
    (void)fixture_sql(fixture, "UPDATE audit_event SET event_time = event_time - interval '2 days'"
                               " WHERE sequence = 6");
    trail_retain_all(fixture->trail);
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 6);
    // A removal that no statement covers is a gap.
    (void)fixture_sql(fixture, "DELETE FROM audit_event WHERE sequence = 6");
    assert_int_equal(verify_stored(fixture, 0, 0).broken_sequence, 6);
    // A statement that somebody made longer is not the server's.
    (void)fixture_sql(fixture, "UPDATE audit_retained SET sequence = 6, hash ="
                               " (SELECT previous_hash FROM audit_event WHERE sequence = 7)");
    stored = verify_stored(fixture, 0, 0);
    assert_int_equal(stored.broken_sequence, 6);
    assert_int_equal(stored.problem,
                     DOCBRIDGE__V1__VERIFY_AUDIT_CHAIN_RESPONSE__PROBLEM__PROBLEM_HEAD_DIFFERS);
}

static void retention_that_fails_holds_up_no_other(void **state)
{
    struct fixture *fixture = *state;
    static const char *const tenants[] = {"t1", "t2", "t3"};
    for (size_t i = 0; i < ARRAY_LEN(tenants); i++) {
        fixture->caller.tenant = tenants[i];
        append_old(fixture, 2, 500);
    }
    (void)fixture_sql(fixture, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                               " $$ BEGIN RAISE 'no'; END $$;"
                               "CREATE TRIGGER refuse BEFORE DELETE ON audit_event FOR EACH ROW"
                               " WHEN (OLD.tenant IN ('t1', 't2')) EXECUTE FUNCTION refuse()");
    trail_retain_all(fixture->trail);
    assert_string_equal(fixture_sql(fixture, "SELECT string_agg(tenant || sequence, ' ' ORDER BY"
                                             " tenant, sequence) FROM audit_event"),
                        "t11 t12 t21 t22 t33");
}

// What is removed while it is exported would be a gap in the file, such as one that somebody cut.
static void retention_in_the_middle_ends_an_export(void **state)
{
    struct fixture *fixture = *state;
    const struct stream_handler *handler = event_method("ExportAuditEvents")->stream;
    const struct stream_waker waker = {NULL, NULL};
    const Docbridge__V1__ExportAuditEventsRequest in =
        DOCBRIDGE__V1__EXPORT_AUDIT_EVENTS_REQUEST__INIT;
    Docbridge__V1__ExportAuditEventsResponse out =
        DOCBRIDGE__V1__EXPORT_AUDIT_EVENTS_RESPONSE__INIT;
    enum stream_step step;
    void *opened;
    append_old(fixture, 3, 500);
    append_some(fixture, 2);
    assert_int_equal(handler->open(&fixture->request, &in, &waker, &opened, &err), ERR_OK);
    trail_retain_all(fixture->trail);
    assert_int_equal(handler->next(&fixture->request, opened, &fixture->arena, &out, &step, &err),
                     ERR_CONFLICT);
    handler->close(opened);
    assert_int_equal(export_events(fixture, 0, 0), ERR_OK);
    assert_string_equal(verify(fixture).fault, "");
}

static void no_setting_removes_the_last_30_days(void **state)
{
    struct fixture *fixture = *state;
    struct trail *eager;
    const struct trail_settings settings = {
        .store = fixture->store, .janitor_store = fixture->janitor_store, .retention_days = 1};
    assert_int_equal(trail_new(&settings, &eager, &err), ERR_OK);
    append_old(fixture, 2, 31);
    append_old(fixture, 2, 29);
    trail_retain_all(eager);
    eager = trail_free(eager);
    assert_string_equal(fixture_sql(fixture, "SELECT min(sequence)::text FROM audit_event"), "3");
    struct tx *tx = NULL;
    const struct statement deed = {"deed", "DELETE FROM audit_event"};
    assert_int_equal(store_begin(fixture->janitor_store, NULL, deadline_in(5000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(tx_run(tx, &deed, NULL, 0, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*)::text FROM audit_event"), "3");
}

static void the_past_is_closed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const deeds[] = {
        "UPDATE audit_mark SET key_id = ''",
        "DELETE FROM audit_mark",
        "TRUNCATE audit_mark",
        "INSERT INTO audit_retained DEFAULT VALUES",
        "UPDATE audit_retained SET sequence = 1",
        "DELETE FROM audit_retained",
        "TRUNCATE audit_retained",
        "TRUNCATE audit_event",
        "TRUNCATE audit_head",
    };
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        const struct statement deed = {deeds[i], deeds[i]};
        assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err),
                         ERR_OK);
        assert_int_equal(tx_run(tx, &deed, NULL, 0, &err), ERR_INTERNAL);
        assert_non_null(strstr(err.text, "42501")); // insufficient_privilege
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(an_export_verifies),
        TEST(an_export_is_bounded_by_times),
        TEST(an_export_holds_the_longest_texts),
        TEST(a_mark_waits_for_nobody),
        TEST(marks_reach_all_tenants),
        TEST(tampering_is_named),
        TEST(the_chain_is_verified_in_parts),
        TEST(retention_meanwhile_is_no_gap),
        TEST(a_head_signed_meanwhile_is_no_gap),
        TEST(retention_leaves_a_chain_that_verifies),
        TEST(retention_that_fails_holds_up_no_other),
        TEST(retention_in_the_middle_ends_an_export),
        TEST(no_setting_removes_the_last_30_days),
        TEST(the_past_is_closed),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
