// The ledger of secrets that people have seen: what opens, closes and resolves an exposure.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/exposure.pb-c.h"
#include "server/audit/trail.h"
#include "server/service/services.h"
#include "server/store/exposure.h"
#include "tests/integration/reading/reveals.h"

enum { A = PASSWORD_PLAIN, B = PASSWORD_UNCATEGORIZED };

static const int64_t MARCH_US = 1772366400000000; // 2026-03-01T12:00:00Z

static Docbridge__V1__ListExposuresResponse listed;
static Docbridge__V1__Exposure resolved;

static enum err_code list_page(struct fixture *fixture, const char *filter, int page_size,
                               const char *token)
{
    Docbridge__V1__ListExposuresRequest in;
    docbridge__v1__list_exposures_request__init(&in);
    docbridge__v1__list_exposures_response__init(&listed);
    reveal_err = (struct err){0};
    in.filter = arena_strdup(&fixture->arena, filter);
    in.page_size = page_size;
    in.page_token = arena_strdup(&fixture->arena, token);
    return exposure_service.methods[0].unary(&fixture->request, &in, &listed, &reveal_err);
}

// The exposures that a filter finds, as "subject:password state count", the latest first.
static const char *list(struct fixture *fixture, const char *filter)
{
    static char text[512];
    text[0] = '\0';
    assert_int_equal(list_page(fixture, filter, 0, ""), ERR_OK);
    for (size_t i = 0; i < listed.n_exposures; i++) {
        const Docbridge__V1__Exposure *one = listed.exposures[i];
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%s:%s %d %d", i == 0 ? "" : ", ",
                       one->viewer->subject, strrchr(one->password_entry, '/') + 1, (int)one->state,
                       (int)one->reveal_count);
    }
    return text;
}

static enum err_code resolve(struct fixture *fixture, const char *name, const char *note,
                             const char *etag)
{
    Docbridge__V1__ResolveExposureRequest in;
    docbridge__v1__resolve_exposure_request__init(&in);
    docbridge__v1__exposure__init(&resolved);
    reveal_err = (struct err){0};
    in.name = arena_strdup(&fixture->arena, name);
    in.note = arena_strdup(&fixture->arena, note);
    in.etag = arena_strdup(&fixture->arena, etag);
    return exposure_service.methods[1].unary(&fixture->request, &in, &resolved, &reveal_err);
}

static void reveal_as(struct fixture *fixture, const char *subject, int password)
{
    fixture->caller.subject = subject;
    assert_int_equal(reveal(fixture, password), ERR_OK);
}

static void notes_who_saw_what(void **state)
{
    struct fixture *fixture = *state;
    upstream.live.password_update_time_us = MARCH_US;
    reveal_as(fixture, "tom", A);
    reveal_as(fixture, "tina", A);
    reveal_as(fixture, "tom", B);
    reveal_as(fixture, "tom", A);
    assert_string_equal(list(fixture, ""), "tom:9001 1 2, tom:9002 1 1, tina:9001 1 1");
    const Docbridge__V1__Exposure *one = listed.exposures[0];
    assert_string_equal(one->password_entry, "companies/acme/passwords/9001");
    assert_string_equal(one->password_display_name, "Firewall admin");
    assert_string_equal(one->company_display_name, "Acme GmbH");
    assert_string_equal(one->viewer->display_name, "Tom Technician");
    assert_int_equal(one->seen_password_update_time->seconds, MARCH_US / 1000000);
    assert_true(one->first_reveal_time->seconds <= one->last_reveal_time->seconds);
    assert_null(one->rotate_time);
    assert_string_equal(list(fixture, "viewer.subject = \"tina\""), "tina:9001 1 1");
    assert_string_equal(list(fixture, "password_entry = \"companies/acme/passwords/9002\""),
                        "tom:9002 1 1");
    assert_string_equal(list(fixture, "company = \"companies/beta\""), "");
    assert_string_equal(list(fixture, "open = false"), "");
    assert_string_equal(list(fixture, "viewer.subject = \"tom\" AND open = true"),
                        "tom:9001 1 2, tom:9002 1 1");
    // By pages, each once.
    char *token = arena_strdup(&fixture->arena, "");
    size_t count = 0;
    do {
        assert_int_equal(list_page(fixture, "", 1, token), ERR_OK);
        count += listed.n_exposures;
        token = arena_strdup(&fixture->arena, listed.next_page_token);
    } while (token[0] != '\0');
    assert_int_equal(count, 3);
    // The value itself is nowhere.
    assert_string_equal(
        fixture_sql(fixture, "SELECT count(*) FROM exposure e WHERE e::text LIKE '%c4nary%'"), "0");
}

// What moves ahead of the pages that are still to come is told at their end, and moves no more.
static void what_is_revealed_between_two_pages_is_not_lost(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *subject; // whose reveal comes before the page
        int password;
        const char *page;
    } pages[] = {
        {NULL, 0, "tina:9002"}, {"ada", A, "tina:9001"}, {"tom", A, "tom:9002"},
        {NULL, 0, "later"},     {"ada", A, "later"},     {NULL, 0, NULL},
    };
    char *token = arena_strdup(&fixture->arena, "");
    bool told[2] = {false};
    reveal_as(fixture, "ada", A);
    reveal_as(fixture, "tom", A);
    reveal_as(fixture, "tom", B);
    reveal_as(fixture, "tina", A);
    reveal_as(fixture, "tina", B);
    for (size_t i = 0; pages[i].page != NULL; i++) {
        if (pages[i].subject != NULL)
            reveal_as(fixture, pages[i].subject, pages[i].password);
        fixture->caller.subject = "auditor";
        assert_int_equal(list_page(fixture, "", 1, token), ERR_OK);
        assert_int_equal(listed.n_exposures, 1);
        const Docbridge__V1__Exposure *one = listed.exposures[0];
        const char *shown = arena_printf(&fixture->arena, "%s:%s", one->viewer->subject,
                                         strrchr(one->password_entry, '/') + 1);
        if (strcmp(pages[i].page, "later") != 0)
            assert_string_equal(shown, pages[i].page);
        told[0] |= strcmp(shown, "ada:9001") == 0;
        told[1] |= strcmp(shown, "tom:9001") == 0;
        token = arena_strdup(&fixture->arena, listed.next_page_token);
    }
    assert_true(told[0] && told[1]);
    assert_string_equal(token, "");
}

// What was not given out was not seen: a denial, a failure, an empty value.
static void notes_only_what_was_given_out(void **state)
{
    struct fixture *fixture = *state;
    upstream.live.restricted = true;
    assert_int_equal(reveal(fixture, A), ERR_UPSTREAM_RECORD_RESTRICTED);
    upstream.live.restricted = false;
    upstream.code = ERR_UPSTREAM_TIMEOUT;
    assert_int_equal(reveal(fixture, A), ERR_UPSTREAM_TIMEOUT);
    upstream.code = ERR_OK;
    upstream.value = "";
    assert_int_equal(reveal(fixture, A), ERR_OK);
    assert_string_equal(list(fixture, ""), "");
    upstream.value = "s3cret-c4nary";
    // Without a durable outcome nothing is given out, nor seen.
    const void *pair[] = {fixture, "REVOKE INSERT ON audit_event FROM docbridge_server"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(reveal(fixture, A), ERR_AUDIT_UNAVAILABLE);
    assert_int_equal(revealed.value_case, 0);
    assert_string_equal(list(fixture, ""), "");
}

// The sync's metadata says that a value is another: in whatever way the rows are written.
static void a_later_value_of_the_sync_closes(void **state)
{
    struct fixture *fixture = *state;
    static const char change[] = "UPDATE record SET password_update_time = '%s' WHERE id = 9001";
    struct {
        const char *time;
        const char *list;
    } rows[] = {
        // The one that was seen, an older one and none close nothing.
        {"2026-03-01T12:00:00Z", "tom:9001 1 1"},
        {"2026-02-01T12:00:00Z", "tom:9001 1 1"},
        {"2026-03-01T12:00:00.000001Z", "tom:9001 2 1"},
    };
    upstream.live.password_update_time_us = MARCH_US;
    reveal_as(fixture, "tom", A);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)fixture_sql(fixture, arena_printf(&fixture->arena, change, rows[i].time));
        assert_string_equal(list(fixture, ""), rows[i].list);
    }
    assert_int_equal(listed.exposures[0]->rotate_time->seconds, MARCH_US / 1000000);
    assert_string_equal(list(fixture, "open = true"), "");
    // The first change is the one that counts, and the row's end ends nothing.
    (void)fixture_sql(fixture, arena_printf(&fixture->arena, change, "2026-04-01T12:00:00Z"));
    (void)fixture_sql(fixture, "DELETE FROM record WHERE id = 9001");
    assert_string_equal(list(fixture, ""), "tom:9001 2 1");
    assert_int_equal(listed.exposures[0]->rotate_time->seconds, MARCH_US / 1000000);
}

// Also of an entry that was gone meanwhile: archived, or purged, or deleted by mistake.
static void a_later_value_of_an_entry_that_comes_back_closes(void **state)
{
    struct fixture *fixture = *state;
    static const char come_back[] =
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM record WHERE id = 9001;"
        "DELETE FROM record WHERE id = 9001; UPDATE kept SET password_update_time = %s;"
        "INSERT INTO record_password SELECT * FROM kept; DROP TABLE kept";
    upstream.live.password_update_time_us = MARCH_US;
    reveal_as(fixture, "tom", A);
    reveal_as(fixture, "tom", B);
    (void)fixture_sql(fixture, arena_printf(&fixture->arena, come_back, "NULL"));
    (void)fixture_sql(fixture, arena_printf(&fixture->arena, come_back, "'2026-03-01T12:00:00Z'"));
    assert_string_equal(list(fixture, ""), "tom:9002 1 1, tom:9001 1 1");
    (void)fixture_sql(fixture, arena_printf(&fixture->arena, come_back, "'2026-03-02Z'"));
    assert_string_equal(list(fixture, ""), "tom:9002 1 1, tom:9001 2 1");
}

// A connection that has what c1 has of organization 41, as one of this company.
static void connect_again(struct fixture *fixture, const char *id, const char *company,
                          const char *update_time)
{
    static const char sql[] =
        "INSERT INTO connection (tenant, id, display_name, provider, region, state, create_time,"
        "  update_time) VALUES ('t1', '%1$s', 'Again', 1, 1, 3, now(), now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        "  content_hash, discover_time, update_time) VALUES"
        "  ('t1', '%1$s', 41, 'Acme', 'acme', '{}', '', now(), now());"
        "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
        "  actor_subject, actor_display_name, actor_kind, create_time) VALUES"
        "  ('t1', '%1$s', 41, '%2$s', 1, 'ada', 'Ada', 1, now());"
        "INSERT INTO record_password (tenant, connection_id, kind, id, organization_id,"
        "  display_name, body, content_hash, password_update_time)"
        "  VALUES ('t1', '%1$s', 9, 9001, 41, 'Firewall admin', '{}', '', %3$s)";
    (void)fixture_sql(fixture, arena_printf(&fixture->arena, sql, id, company, update_time));
}

// Whoever deletes the connection and connects the account again has the same entries.
static void goes_on_in_a_later_connection(void **state)
{
    struct fixture *fixture = *state;
    static const char where[] = "SELECT string_agg(DISTINCT connection_id, ' ') FROM exposure";
    upstream.live.password_update_time_us = MARCH_US;
    reveal_as(fixture, "tina", A);
    reveal_as(fixture, "tom", A);
    assert_string_equal(list(fixture, ""), "tom:9001 1 1, tina:9001 1 1");
    // Not while the old one is there, nor for another company.
    connect_again(fixture, "c2", "acme", "NULL");
    assert_string_equal(fixture_sql(fixture, where), "c1");
    (void)fixture_sql(fixture, "UPDATE connection SET state = 4");
    connect_again(fixture, "c3", "beta", "'2026-03-02Z'");
    assert_string_equal(fixture_sql(fixture, where), "c1");
    connect_again(fixture, "c4", "acme", "NULL");
    assert_string_equal(fixture_sql(fixture, where), "c4");
    assert_string_equal(list(fixture, ""), "tom:9001 1 1, tina:9001 1 1");
    (void)fixture_sql(fixture, "UPDATE record SET password_update_time = '2026-03-02Z'"
                               " WHERE connection_id = 'c4'");
    assert_string_equal(list(fixture, ""), "tom:9001 2 1, tina:9001 2 1");
    // Of two that were left behind one goes on, and closes with what comes.
    (void)fixture_sql(
        fixture, "UPDATE connection SET state = 4; UPDATE exposure SET rotate_time = NULL;"
                 "INSERT INTO exposure SELECT 't1', 'c0', 9001, 'tom', 'older', 'Tom', 1, 'acme',"
                 " '', '', 1, now() - interval '1 year', now() - interval '1 year'");
    connect_again(fixture, "c5", "acme", "'2026-03-02Z'");
    assert_string_equal(list(fixture, ""), "tom:9001 2 1, tina:9001 2 1, tom:9001 1 1");
    assert_string_equal(fixture_sql(fixture, where), "c0 c5");
}

// Without a time of upstream's for what was seen, what came to be after the reveal is another.
static void a_value_of_unknown_age_closes_by_the_time_of_its_reveal(void **state)
{
    struct fixture *fixture = *state;
    reveal_as(fixture, "tom", A);
    (void)fixture_sql(fixture, "UPDATE record SET password_update_time = now() - interval '1 hour'"
                               " WHERE id = 9001");
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
    (void)fixture_sql(fixture, "UPDATE record SET password_update_time = now() + interval '1 s'"
                               " WHERE id = 9001");
    assert_string_equal(list(fixture, ""), "tom:9001 2 1");
}

// A reveal tells of a change before the sync does: what others saw is closed, what is seen is open.
static void the_answer_of_a_reveal_closes_what_others_saw(void **state)
{
    struct fixture *fixture = *state;
    upstream.live.password_update_time_us = MARCH_US;
    reveal_as(fixture, "tom", A);
    reveal_as(fixture, "tina", A);
    reveal_as(fixture, "tom", B);
    upstream.live.password_update_time_us = MARCH_US + 1;
    reveal_as(fixture, "tina", A);
    assert_string_equal(list(fixture, ""), "tina:9001 1 2, tom:9002 1 1, tom:9001 2 1");
    // Who sees the new value too has an open one again.
    reveal_as(fixture, "tom", A);
    assert_string_equal(list(fixture, "open = true"), "tom:9001 1 2, tina:9001 1 2, tom:9002 1 1");
}

// The same of all, by subject and password, as it stands in the ledger.
static const char *ledger(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT string_agg(concat(subject, ':', password_id, ' ', CASE WHEN"
                                " rotate_time IS NULL THEN 1 ELSE 2 END, ' ', reveal_count), ', '"
                                " ORDER BY subject, password_id) FROM exposure");
}

// Many outcomes are entered together, and come to the same as one by one.
static void what_is_entered_together_closes_as_if_one_by_one(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *subject;
        int password;
        int64_t update_time_us;
        const char *list; // NULL: more is entered with it
    } rows[] = {
        {"ada", A, MARCH_US, NULL},
        {"tom", A, MARCH_US, "ada:9001 1 1, tom:9001 1 1"},
        {"tina", A, MARCH_US + 1, NULL},
        {"tom", A, MARCH_US, NULL},
        {"tom", B, MARCH_US, NULL},
        {"tina", A, MARCH_US, "ada:9001 2 1, tina:9001 1 2, tom:9001 2 2, tom:9002 1 1"},
        {"tom", A, MARCH_US + 1, "ada:9001 2 1, tina:9001 1 2, tom:9001 1 3, tom:9002 1 1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        upstream.live.password_update_time_us = rows[i].update_time_us;
        reveal_as(fixture, rows[i].subject, rows[i].password);
        if (rows[i].list == NULL)
            continue;
        trail_mark_all(fixture->trail);
        assert_string_equal(ledger(fixture), rows[i].list);
        trail_mark_all(fixture->trail);
        assert_string_equal(ledger(fixture), rows[i].list);
    }
}

// What the sync knows when a reveal is entered counts, however late that is.
static void what_the_sync_knows_closes_what_is_not_entered_yet(void **state)
{
    struct fixture *fixture = *state;
    upstream.live.password_update_time_us = MARCH_US;
    reveal_as(fixture, "tom", A);
    (void)fixture_sql(fixture, "UPDATE record SET password_update_time = '2026-03-02Z'"
                               " WHERE id = 9001");
    reveal_as(fixture, "tina", A);
    assert_string_equal(list(fixture, ""), "tina:9001 2 1, tom:9001 2 1");
    // Also if the record goes again before anybody looks.
    reveal_as(fixture, "tom", B);
    (void)fixture_sql(fixture, "UPDATE record SET password_update_time = '2026-03-02Z'"
                               " WHERE id = 9002; DELETE FROM record WHERE id = 9002");
    assert_string_equal(list(fixture, ""), "tom:9002 2 1, tina:9001 2 1, tom:9001 2 1");
}

// The trail has what is shown, so a ledger that cannot be written loses nothing: it cannot be read
// either until it can.
static void a_ledger_that_cannot_be_written_is_behind_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "REVOKE INSERT ON exposure FROM docbridge_server");
    reveal_as(fixture, "tom", A);
    trail_mark_all(fixture->trail);
    assert_int_not_equal(list_page(fixture, "", 0, ""), ERR_OK);
    (void)fixture_sql(fixture, "GRANT INSERT ON exposure TO docbridge_server");
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
}

// Nor does the end of an event's time: whoever was away for so long enters it first.
static void what_is_removed_was_entered(void **state)
{
    struct fixture *fixture = *state;
    clock_fake(true, clock_wall_us() - INT64_C(500) * 24 * 3600 * 1000000, clock_steady_ms());
    reveal_as(fixture, "tom", A);
    clock_fake(false, 0, 0);
    trail_retain_all(fixture->trail);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event WHERE shown"), "0");
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
}

struct entering {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_int failures;
};

static void *enter(void *context)
{
    struct entering *entering = context;
    while (!atomic_load(&entering->stop)) {
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        struct err err;
        if (store_begin(entering->fixture->store, "t1", deadline_in(5000), NULL, &tx, &err) !=
                ERR_OK ||
            exposure_update(tx, &err) != ERR_OK || tx_commit(&tx, &err) != ERR_OK)
            atomic_fetch_add(&entering->failures, 1);
    }
    return NULL;
}

// Each reveal counts once, whoever enters it.
static void all_may_enter_at_once(void **state)
{
    struct entering entering = {.fixture = *state};
    pthread_t threads[2];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter, &entering), 0);
    for (int i = 0; i < 40; i++)
        reveal_as(entering.fixture, "tom", A);
    atomic_store(&entering.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&entering.failures), 0);
    assert_string_equal(list(entering.fixture, ""), "tom:9001 1 40");
}

static void is_resolved_with_a_word(void **state)
{
    struct fixture *fixture = *state;
    reveal_as(fixture, "tom", A);
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
    const char *name = listed.exposures[0]->name;
    // Not by whoever saw it, nor by a machine.
    assert_int_equal(resolve(fixture, name, "never mind", ""), ERR_ANOTHER_PERSON_REQUIRED);
    assert_string_equal(err_meta_get(&reveal_err, "exposure"), name);
    assert_string_equal(last_event(fixture), "3 2 ANOTHER_PERSON_REQUIRED 0 f 0");
    fixture->caller.subject = "robot";
    fixture->caller.actor = ACTOR_AGENT;
    assert_int_equal(resolve(fixture, name, "never mind", ""), ERR_ANOTHER_PERSON_REQUIRED);
    assert_string_equal(list(fixture, "open = true"), "tom:9001 1 1");
    fixture->caller.subject = "ada";
    fixture->caller.actor = ACTOR_HUMAN;
    assert_int_equal(resolve(fixture, name, " ", ""), ERR_FIELD_INVALID);
    assert_int_equal(resolve(fixture, name, "x", "r7"), ERR_ETAG_MISMATCH);
    assert_int_equal(resolve(fixture, "exposures/none", "x", ""), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(resolve(fixture, name, "the device is gone", "r1"), ERR_OK);
    assert_int_equal(resolved.state, DOCBRIDGE__V1__EXPOSURE__STATE__STATE_RESOLVED);
    assert_string_equal(resolved.resolver->subject, "ada");
    assert_string_equal(resolved.note, "the device is gone");
    assert_non_null(resolved.resolve_time);
    assert_string_equal(
        fixture_sql(fixture, "SELECT concat_ws('|', type, actor_subject, outcome, resource ="
                             " (SELECT 'exposures/' || id FROM exposure), reason, company_id,"
                             " changes) FROM audit_event ORDER BY sequence DESC LIMIT 1"),
        "42|ada|1|t|the device is gone|acme|[{\"field\":\"state\",\"old\":\"OPEN\",\"new\":"
        "\"RESOLVED\"},{\"field\":\"viewer\",\"old\":\"tom\",\"new\":\"tom\"}]");
    assert_int_equal(resolve(fixture, name, "again", ""), ERR_INVALID_STATE_TRANSITION);
    assert_string_equal(err_meta_get(&reveal_err, "state"), "RESOLVED");
    assert_string_equal(list(fixture, "open = true"), "");
    // To see it again opens it again.
    reveal_as(fixture, "tom", A);
    assert_string_equal(list(fixture, "open = true"), "tom:9001 1 2");
    assert_string_equal(listed.exposures[0]->note, "");
}

static void keeps_to_the_companies_in_sight(void **state)
{
    struct fixture *fixture = *state;
    static const char *mine[] = {"beta"};
    reveal_as(fixture, "tom", A);
    fixture->caller.all_companies = false;
    assert_string_equal(list(fixture, ""), "");
    fixture->caller.companies = mine;
    fixture->caller.company_count = 1;
    assert_string_equal(list(fixture, ""), "");
    mine[0] = "acme";
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
    fixture->caller.companies = NULL;
    fixture->caller.company_count = 0;
    fixture->caller.company_set = "team";
    assert_string_equal(list(fixture, ""), "");
    (void)fixture_sql(fixture, "INSERT INTO company_set VALUES ('t1', 'team', 1, 1, now());"
                               "INSERT INTO company_set_member VALUES ('t1', 'team', 'acme')");
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
    static const char *const bad[] = {
        "state = OPEN", "open = 1", "password_entry = \"acme/1\"",
        "company = \"companies/beta\" AND password_entry = \"companies/acme/passwords/1\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(list_page(fixture, bad[i], 0, ""), ERR_FIELD_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reveals_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(notes_who_saw_what),
        TEST(what_is_revealed_between_two_pages_is_not_lost),
        TEST(notes_only_what_was_given_out),
        TEST(a_later_value_of_the_sync_closes),
        TEST(a_later_value_of_an_entry_that_comes_back_closes),
        TEST(goes_on_in_a_later_connection),
        TEST(a_value_of_unknown_age_closes_by_the_time_of_its_reveal),
        TEST(the_answer_of_a_reveal_closes_what_others_saw),
        TEST(what_is_entered_together_closes_as_if_one_by_one),
        TEST(what_the_sync_knows_closes_what_is_not_entered_yet),
        TEST(a_ledger_that_cannot_be_written_is_behind_and_says_so),
        TEST(what_is_removed_was_entered),
        TEST(all_may_enter_at_once),
        TEST(is_resolved_with_a_word),
        TEST(keeps_to_the_companies_in_sight),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
