// The ledger of secrets that people have seen: what opens, closes and resolves an exposure.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/exposure.pb-c.h"
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
    // What cannot be noted is not given out.
    (void)fixture_sql(fixture, "REVOKE INSERT ON exposure FROM docbridge_server");
    assert_int_equal(reveal(fixture, A), ERR_AUDIT_UNAVAILABLE);
    assert_int_equal(revealed.value_case, 0);
    assert_string_equal(fixture_sql(fixture, "SELECT concat_ws(' ', phase, outcome, error_reason)"
                                             " FROM audit_event ORDER BY sequence DESC LIMIT 1"),
                        "2 2 AUDIT_UNAVAILABLE");
    // Without a durable outcome nothing is given out either, nor seen.
    (void)fixture_sql(fixture, "GRANT INSERT ON exposure TO docbridge_server");
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

// The same of all, by subject and password.
static const char *by_name(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT string_agg(concat(subject, ':', password_id, ' ', CASE WHEN"
                                " rotate_time IS NULL THEN 1 ELSE 2 END, ' ', reveal_count), ', '"
                                " ORDER BY subject, password_id) FROM exposure");
}

static struct exposure_sighting sighting(const struct principal *viewer, int password,
                                         int64_t update_time_us)
{
    return (struct exposure_sighting){.viewer = viewer,
                                      .company_id = "acme",
                                      .company_display_name = "Acme GmbH",
                                      .connection_id = "c1",
                                      .password_id = password,
                                      .password_display_name = "Firewall admin",
                                      .password_update_time_us = update_time_us};
}

// The outcomes of several reveals are written together, in whatever order they came.
static void what_is_noted_together_closes_as_if_one_by_one(void **state)
{
    struct fixture *fixture = *state;
    const struct principal tom = {.subject = "tom", .display_name = "Tom", .actor = ACTOR_HUMAN};
    const struct principal tina = {.subject = "tina", .display_name = "", .actor = ACTOR_HUMAN};
    const struct principal ada = {.subject = "ada", .display_name = "Ada", .actor = ACTOR_HUMAN};
    const struct exposure_sighting before[] = {sighting(&ada, A, MARCH_US),
                                               sighting(&tom, A, MARCH_US)};
    const struct exposure_sighting then[] = {
        sighting(&tina, A, MARCH_US + 1), sighting(&tom, A, MARCH_US), sighting(&tom, B, MARCH_US),
        sighting(&tina, A, MARCH_US)};
    const struct exposure_sighting last[] = {sighting(&tom, A, MARCH_US + 1)};
    const struct {
        const struct exposure_sighting *sightings;
        size_t count;
        const char *list;
    } rows[] = {
        {before, ARRAY_LEN(before), "ada:9001 1 1, tom:9001 1 1"},
        {then, ARRAY_LEN(then), "ada:9001 2 1, tina:9001 1 2, tom:9001 2 2, tom:9002 1 1"},
        {last, ARRAY_LEN(last), "ada:9001 2 1, tina:9001 1 2, tom:9001 1 3, tom:9002 1 1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        assert_int_equal(store_begin(fixture->store, fixture->caller.tenant, deadline_in(5000),
                                     NULL, &tx, &reveal_err),
                         ERR_OK);
        assert_int_equal(exposure_note(tx, rows[i].sightings, rows[i].count,
                                       MARCH_US + (int64_t)i * 1000000, &fixture->arena,
                                       &reveal_err),
                         ERR_OK);
        assert_int_equal(tx_commit(&tx, &reveal_err), ERR_OK);
        assert_string_equal(by_name(fixture), rows[i].list);
    }
}

static void is_resolved_with_a_word(void **state)
{
    struct fixture *fixture = *state;
    reveal_as(fixture, "tom", A);
    assert_string_equal(list(fixture, ""), "tom:9001 1 1");
    const char *name = listed.exposures[0]->name;
    fixture->caller.subject = "ada";
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
        TEST(notes_only_what_was_given_out),
        TEST(a_later_value_of_the_sync_closes),
        TEST(a_value_of_unknown_age_closes_by_the_time_of_its_reveal),
        TEST(the_answer_of_a_reveal_closes_what_others_saw),
        TEST(what_is_noted_together_closes_as_if_one_by_one),
        TEST(is_resolved_with_a_word),
        TEST(keeps_to_the_companies_in_sight),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
