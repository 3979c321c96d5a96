// RevealPassword against a real database and a scripted upstream: gates, audit, release.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/password.h"
#include "server/sync/sync.h"
#include "tests/integration/reading/fixture.h"

static Docbridge__V1__RevealPasswordResponse out;
static struct err err;

static enum err_code reveal_named(struct fixture *fixture, const char *name)
{
    Docbridge__V1__RevealPasswordRequest in;
    docbridge__v1__reveal_password_request__init(&in);
    docbridge__v1__reveal_password_response__init(&out);
    err = (struct err){0};
    in.name = arena_strdup(&fixture->arena, name);
    in.reason = arena_strdup(&fixture->arena, "printer");
    in.ticket = arena_strdup(&fixture->arena, "T-1");
    return password_reveal(&fixture->request, &in, &out, &err);
}

static enum err_code reveal(struct fixture *fixture, int password)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "companies/acme/passwords/%d", password);
    upstream.live.id = password;
    return reveal_named(fixture, name);
}

// The latest event as "phase outcome reason status served intent".
static const char *last_event(struct fixture *fixture)
{
    return fixture_sql(fixture,
                       "SELECT concat_ws(' ', phase, outcome, error_reason, upstream_status,"
                       " upstream_served, intent_sequence) FROM audit_event WHERE tenant = 't1'"
                       " ORDER BY sequence DESC LIMIT 1");
}

static const char *event_count(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT count(*) FROM audit_event WHERE tenant = 't1'");
}

static void reveals_with_intent_and_outcome(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "INSERT INTO reveal_policy VALUES ('t1', 1, false, true, 0, true,"
                               " false, 1, 3, now())");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(out.plaintext, "s3cret-c4nary");
    assert_false(out.empty);
    assert_string_equal(out.audit_event, "auditEvents/2");
    assert_string_equal(out.password_category, "connections/c1/passwordCategories/7");
    assert_int_equal(out.display_ttl->seconds, 30);
    assert_int_equal(upstream.calls, 1);
    assert_string_equal(event_count(fixture), "2");
    assert_string_equal(
        fixture_sql(fixture,
                    "SELECT string_agg(concat_ws('|', sequence, phase, outcome, actor_subject,"
                    " actor_display_name, resource, resource_display_name, company_id,"
                    " company_display_name, organization, password_category_display_name,"
                    " reason, ticket, request_id, peer, upstream_status, policy_version,"
                    " intent_sequence), E'\\n' ORDER BY sequence) FROM audit_event"),
        "1|1|0|tom|Tom Technician|companies/acme/passwords/9001|Firewall admin|acme|Acme GmbH|"
        "connections/c1/organizations/41|Infrastructure|printer|T-1|req-1|ipv4:127.0.0.1:5|0|3|0\n"
        "2|2|1|tom|Tom Technician|companies/acme/passwords/9001|Firewall admin|acme|Acme GmbH|"
        "connections/c1/organizations/"
        "41|Infrastructure|printer|T-1|req-1|ipv4:127.0.0.1:5|200|3|1");
}

static void never_stores_the_value(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event e"
                                             " WHERE e::text LIKE '%s3cret-c4nary%'"),
                        "0");
}

static void fetches_anew_each_time(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    upstream.value = "rotated";
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(out.plaintext, "rotated");
    assert_int_equal(upstream.calls, 2);
}

static void reveals_an_empty_value(void **state)
{
    struct fixture *fixture = *state;
    upstream.value = "";
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_true(out.empty);
    upstream.value = NULL;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_true(out.empty);
    assert_string_equal(out.plaintext, "");
}

static void proves_the_key_once_a_day(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "UPDATE connection SET key_last_success_time = now() - interval"
                               " '2 hours', capabilities = '[{\"kind\": 5, \"grant\": 3},"
                               " {\"kind\": 6, \"grant\": 3, \"detail\": \"?\"}]'");
    // What was refused proves nothing.
    upstream.code = ERR_UPSTREAM_ACCESS_DENIED;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_UPSTREAM_PASSWORD_ACCESS_DISABLED);
    assert_string_equal(fixture_sql(fixture, "SELECT revision || capabilities::text"
                                             " FROM connection WHERE tenant = 't1'"),
                        "1[{\"kind\": 5, \"grant\": 3},"
                        " {\"kind\": 6, \"grant\": 3, \"detail\": \"?\"}]");
    upstream.code = ERR_OK;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT revision || capabilities::text"
                                             " FROM connection WHERE tenant = 't1'"),
                        "2[{\"kind\": 5, \"grant\": 3},"
                        " {\"kind\": 6, \"grant\": 1, \"detail\": \"A reveal was served.\"}]");
    // A success of today is not written again; one of yesterday is, and is no change.
    static const char since[] = "SELECT revision || ' ' || round(extract(epoch FROM now() -"
                                " key_last_success_time) / 3600) FROM connection"
                                " WHERE tenant = 't1'";
    (void)fixture_sql(fixture,
                      "UPDATE connection SET key_last_success_time = now() - interval '23 hours'");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(fixture_sql(fixture, since), "2 23");
    (void)fixture_sql(fixture,
                      "UPDATE connection SET key_last_success_time = now() - interval '25 hours'");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(fixture_sql(fixture, since), "2 0");
}

// Each row closes one gate; upstream must not be asked, and one denial be written.
static void closed_local_gates_ask_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *close, *open;
        int password;
        enum err_code code;
    } gates[] = {
        {"UPDATE connection SET state = 2", "UPDATE connection SET state = 1", PASSWORD_PLAIN,
         ERR_CONNECTION_NOT_ACTIVE},
        {"UPDATE connection SET reveals_paused = true",
         "UPDATE connection SET reveals_paused = false", PASSWORD_PLAIN, ERR_REVEALS_PAUSED},
        {"UPDATE connection_config SET password_sharing_enabled = false",
         "UPDATE connection_config SET password_sharing_enabled = true", PASSWORD_PLAIN,
         ERR_PASSWORD_SHARING_DISABLED},
        {"UPDATE company_password_access SET level = 1",
         "UPDATE company_password_access SET level = 2", PASSWORD_PLAIN, ERR_COMPANY_NO_ACCESS},
        {NULL, NULL, PASSWORD_STRANGER, ERR_RESOURCE_NOT_FOUND},
        {NULL, NULL, 4711, ERR_RESOURCE_NOT_FOUND},
        {NULL, NULL, PASSWORD_OTHER_CATEGORY, ERR_CATEGORY_NOT_ALLOWED},
        {"UPDATE company_password_access SET include_uncategorized = false",
         "UPDATE company_password_access SET include_uncategorized = true", PASSWORD_UNCATEGORIZED,
         ERR_CATEGORY_NOT_ALLOWED},
        {NULL, NULL, PASSWORD_VAULTED, ERR_PASSWORD_VAULTED_UPSTREAM},
        {NULL, NULL, PASSWORD_PERSONAL, ERR_PASSWORD_PERSONAL_UPSTREAM},
        {NULL, NULL, PASSWORD_ARCHIVED, ERR_PASSWORD_ARCHIVED_UPSTREAM},
        {NULL, NULL, PASSWORD_RESTRICTED, ERR_UPSTREAM_RECORD_RESTRICTED},
        {NULL, NULL, PASSWORD_IN_CLOSED_FOLDER, ERR_UPSTREAM_RECORD_RESTRICTED},
        {NULL, NULL, PASSWORD_IN_UNKNOWN_FOLDER, ERR_UPSTREAM_RECORD_RESTRICTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
        char expected[96], count[24];
        if (gates[i].close != NULL)
            (void)fixture_sql(fixture, gates[i].close);
        assert_int_equal(reveal(fixture, gates[i].password), gates[i].code);
        (void)snprintf(expected, sizeof(expected), "3 2 %s 0 f 0", err_reason(gates[i].code));
        assert_string_equal(last_event(fixture), expected);
        (void)snprintf(count, sizeof(count), "%zu", i + 1);
        assert_string_equal(event_count(fixture), count);
        if (gates[i].open != NULL)
            (void)fixture_sql(fixture, gates[i].open);
    }
    assert_int_equal(upstream.calls, 0);
    // Every gate was opened again: nothing else stood in the way.
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_int_equal(reveal(fixture, PASSWORD_UNCATEGORIZED), ERR_OK);
    assert_int_equal(reveal(fixture, PASSWORD_IN_OPEN_FOLDER), ERR_OK);
}

static void hidden_and_absent_look_alike(void **state)
{
    struct fixture *fixture = *state;
    static const char *const mine[] = {"beta"};
    fixture->caller.all_companies = false;
    fixture->caller.companies = mine;
    fixture->caller.company_count = 1;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_RESOURCE_NOT_FOUND);
    struct err hidden = err;
    fixture->caller.all_companies = true;
    fixture->caller.tenant = "t2"; // has a company "acme" of its own, and nothing else
    (void)fixture_sql(fixture, "DELETE FROM company WHERE tenant = 't2'");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_RESOURCE_NOT_FOUND);
    assert_memory_equal(&hidden, &err, sizeof(err));
    assert_int_equal(upstream.calls, 0);
}

// Each row makes the live record differ; the value was served, is wiped and stays unseen.
static void the_live_record_is_judged(void **state)
{
    struct fixture *fixture = *state;
    const struct source_password good = upstream.live;
    struct {
        struct source_password live;
        enum err_code code;
    } rows[] = {
        {.live = {.organization_id = 42, .category_id = 7}, .code = ERR_RESOURCE_NOT_FOUND},
        {.live = {.organization_id = 41, .category_id = 8}, .code = ERR_CATEGORY_NOT_ALLOWED},
        {.live = {.organization_id = 41, .category_id = 7, .vaulted = true},
         .code = ERR_PASSWORD_VAULTED_UPSTREAM},
        {.live = {.organization_id = 41, .category_id = 7, .restricted = true},
         .code = ERR_UPSTREAM_RECORD_RESTRICTED},
        {.live = {.organization_id = 41, .category_id = 7, .archived = true},
         .code = ERR_PASSWORD_ARCHIVED_UPSTREAM},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char expected[96];
        upstream.live = rows[i].live;
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), rows[i].code);
        assert_true(out.plaintext == NULL || out.plaintext[0] == '\0');
        (void)snprintf(expected, sizeof(expected), "2 2 %s 200 t %zu", err_reason(rows[i].code),
                       2 * i + 1);
        assert_string_equal(last_event(fixture), expected);
    }
    upstream.live = good;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
}

static void a_move_into_a_closed_folder_is_seen_live(void **state)
{
    struct fixture *fixture = *state;
    static const int64_t closed[] = {801, 802, 424242};
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        upstream.live.folder_id = closed[i];
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_UPSTREAM_RECORD_RESTRICTED);
        assert_string_equal(err_meta_get(&err, "password"), "companies/acme/passwords/9001");
    }
    upstream.live.folder_id = 803;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
}

static void a_lost_credential_is_a_recorded_failure(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "DELETE FROM vault_record");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_VAULT_RECORD_UNREADABLE);
    assert_string_equal(last_event(fixture), "3 3 VAULT_RECORD_UNREADABLE 0 f 0");
    assert_int_equal(upstream.calls, 0);
}

// What an administrator changes while upstream is asked counts before the value is released.
static void a_change_in_the_middle_closes_the_gate(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql;
        enum err_code code;
    } rows[] = {
        {"UPDATE connection SET reveals_paused = true", ERR_REVEALS_PAUSED},
        {"UPDATE connection SET reveals_paused = false; UPDATE company_password_access SET level = "
         "1",
         ERR_COMPANY_NO_ACCESS},
        {"UPDATE company_password_access SET level = 2; DELETE FROM mapping WHERE company_id = "
         "'acme'",
         ERR_RESOURCE_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const void *pair[] = {fixture, rows[i].sql};
        // Undo the change of the row before, which this reveal would meet at its start.
        if (i > 0)
            (void)fixture_sql(fixture, "UPDATE connection SET reveals_paused = false;"
                                       "UPDATE company_password_access SET level = 2");
        upstream.while_asked = fixture_run_sql;
        upstream.context = pair;
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), rows[i].code);
        assert_true(out.plaintext == NULL || out.plaintext[0] == '\0');
        assert_int_equal(upstream.calls, (int)i + 1);
    }
}

static void no_audit_no_call(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "REVOKE INSERT ON audit_event FROM docbridge_server");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_AUDIT_UNAVAILABLE);
    assert_true(err.retry_after_ms > 0);
    assert_int_equal(upstream.calls, 0);
}

static void no_durable_outcome_no_value(void **state)
{
    struct fixture *fixture = *state;
    const void *pair[] = {fixture, "REVOKE INSERT ON audit_event FROM docbridge_server"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_AUDIT_UNAVAILABLE);
    assert_true(out.plaintext == NULL || out.plaintext[0] == '\0');
    assert_int_equal(upstream.calls, 1);
    // The intent stays, without an outcome: it will be reported as unresolved.
    assert_string_equal(last_event(fixture), "1 0  0 f 0");
}

// What the database has against the outcome is no change of the gates.
static void an_outcome_that_is_not_taken_gives_no_value(void **state)
{
    struct fixture *fixture = *state;
    const void *pair[] = {fixture, "ALTER TABLE audit_event ADD CHECK (phase <> 2)"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_AUDIT_UNAVAILABLE);
    assert_int_equal(err.code, ERR_AUDIT_UNAVAILABLE);
    assert_true(out.plaintext == NULL || out.plaintext[0] == '\0');
    assert_int_equal(upstream.calls, 1);
    assert_string_equal(last_event(fixture), "1 0  0 f 0");
}

static void upstream_failures_end_the_intent(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum err_code upstream, code;
        int http_status, outcome;
    } rows[] = {
        {ERR_UPSTREAM_KEY_REJECTED, ERR_UPSTREAM_KEY_REJECTED, 403, 3},
        {ERR_UPSTREAM_ACCESS_DENIED, ERR_UPSTREAM_PASSWORD_ACCESS_DISABLED, 401, 3},
        {ERR_UPSTREAM_RECORD_GONE, ERR_UPSTREAM_RECORD_GONE, 404, 3},
        {ERR_UPSTREAM_RATE_LIMITED, ERR_UPSTREAM_RATE_LIMITED, 429, 3},
        {ERR_UPSTREAM_ERROR, ERR_UPSTREAM_ERROR, 502, 3},
        {ERR_UPSTREAM_TIMEOUT, ERR_UPSTREAM_TIMEOUT, 0, 4},
        {ERR_UPSTREAM_UNREACHABLE, ERR_UPSTREAM_UNREACHABLE, 0, 4},
        {ERR_UPSTREAM_ANSWER_INVALID, ERR_UPSTREAM_ANSWER_INVALID, 200, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char expected[96];
        upstream.code = rows[i].upstream;
        upstream.http_status = rows[i].http_status;
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), rows[i].code);
        (void)snprintf(expected, sizeof(expected), "2 %d %s %d f %zu", rows[i].outcome,
                       err_reason(rows[i].code), rows[i].http_status, 2 * i + 1);
        assert_string_equal(last_event(fixture), expected);
        // Never a second try.
        assert_int_equal(upstream.calls, (int)i + 1);
    }
}

// A reveal counts as a request; when all that upstream allows are used up, it asks for none.
static void a_reveal_draws_on_the_budget(void **state)
{
    struct fixture *fixture = *state;
    const struct sync_settings settings = {.store = fixture->store,
                                           .vault = fixture->vault,
                                           .source = &fixture->source,
                                           .request_limit = 2};
    struct sync *sync;
    assert_int_equal(sync_new(&settings, &sync, &err), ERR_OK);
    fixture->backend.sync = sync;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_UPSTREAM_RATE_LIMITED);
    assert_int_equal(upstream.calls, 2);
    assert_true(err.retry_after_ms > 0);
    assert_string_equal(last_event(fixture), "2 3 UPSTREAM_RATE_LIMITED 0 f 5");
    // A syncs' pause is no pause for a technician.
    upstream.code = ERR_UPSTREAM_RATE_LIMITED;
    upstream.http_status = 429;
    upstream.retry_after_ms = 60000; // else it may be over before anybody looks
    (void)fixture_sql(fixture, "DELETE FROM request_budget");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_UPSTREAM_RATE_LIMITED);
    upstream.code = ERR_OK;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    sync_stop(sync);
    assert_string_equal(
        fixture_sql(fixture, "SELECT (closed_until > now()) || ' ' || foreign_count || ' ' ||"
                             " (SELECT sum(n) FROM unnest(other_counts) AS n) FROM request_budget"),
        "true 0 2");
    (void)sync_free(sync);
    fixture->backend.sync = fixture->sync;
}

static void cancel(void *context)
{
    atomic_store((atomic_bool *)context, true);
}

static void a_caller_who_left_still_has_an_outcome(void **state)
{
    struct fixture *fixture = *state;
    upstream.code = ERR_CANCELLED;
    upstream.http_status = 0;
    upstream.while_asked = cancel;
    upstream.context = &fixture->cancelled;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_CANCELLED);
    assert_string_equal(last_event(fixture), "2 4 CANCELLED 0 f 1");
}

static void pass_the_time(void *context)
{
    struct fixture *fixture = context;
    fixture->request.deadline = deadline_in(0);
}

// The value came, and the outcome says that it was given out, which is the safe side: but whoever
// is not there any more, or has no time left, gets nothing.
static void nobody_there_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    upstream.while_asked = pass_the_time;
    upstream.context = fixture;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_DEADLINE_EXCEEDED);
    assert_int_equal(out.value_case, 0);
    assert_string_equal(last_event(fixture), "2 1  200 f 1");
    assert_string_equal(err_meta_get(&err, "audit_event"), "auditEvents/2");
    fixture->request.deadline = deadline_in(10000);
    upstream.while_asked = cancel;
    upstream.context = &fixture->cancelled;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_CANCELLED);
    assert_int_equal(out.value_case, 0);
    assert_string_equal(last_event(fixture), "2 1  200 f 3");
}

static void a_caller_without_permission_is_recorded(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RevealPasswordRequest in;
    docbridge__v1__reveal_password_request__init(&in);
    in.name = arena_strdup(&fixture->arena, "companies/acme/passwords/9001");
    assert_int_equal(password_reveal_denied(&fixture->request, &in, &err), ERR_OK);
    assert_string_equal(last_event(fixture), "3 2 MISSING_PERMISSION 0 f 0");
    assert_int_equal(upstream.calls, 0);
}

static void refuses_names_of_another_form(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"", "companies/acme", "companies/acme/passwords/x",
                                        "companies/acme/passwords/9001/", "companies//passwords/1"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(reveal_named(fixture, names[i]), ERR_FIELD_INVALID);
    assert_string_equal(event_count(fixture), "0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reveals_with_intent_and_outcome),
        TEST(never_stores_the_value),
        TEST(fetches_anew_each_time),
        TEST(proves_the_key_once_a_day),
        TEST(reveals_an_empty_value),
        TEST(closed_local_gates_ask_nobody),
        TEST(hidden_and_absent_look_alike),
        TEST(the_live_record_is_judged),
        TEST(a_move_into_a_closed_folder_is_seen_live),
        TEST(a_lost_credential_is_a_recorded_failure),
        TEST(a_change_in_the_middle_closes_the_gate),
        TEST(no_audit_no_call),
        TEST(no_durable_outcome_no_value),
        TEST(an_outcome_that_is_not_taken_gives_no_value),
        TEST(upstream_failures_end_the_intent),
        TEST(a_reveal_draws_on_the_budget),
        TEST(a_caller_who_left_still_has_an_outcome),
        TEST(nobody_there_gets_nothing),
        TEST(a_caller_without_permission_is_recorded),
        TEST(refuses_names_of_another_form),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
