// Who was just told that he may reveal an entry, or just did, is judged by what was read then, as
// long as nothing of it has changed; nobody else is.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/service/gate_memory.h"
#include "server/service/password.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"
#include "tests/integration/reading/reveals.h"

enum { A = PASSWORD_PLAIN, B = PASSWORD_UNCATEGORIZED };

static bool explained(struct fixture *fixture, int password, bool assumed)
{
    Docbridge__V1__ExplainPasswordAccessRequest in;
    Docbridge__V1__ExplainPasswordAccessResponse out;
    Docbridge__V1__ExplainPasswordAccessRequest__AssumedSubject subject;
    docbridge__v1__explain_password_access_request__init(&in);
    docbridge__v1__explain_password_access_response__init(&out);
    docbridge__v1__explain_password_access_request__assumed_subject__init(&subject);
    in.name = arena_printf(&fixture->arena, "companies/acme/passwords/%d", password);
    in.assumed_subject = assumed ? &subject : NULL;
    struct err err;
    assert_int_equal(password_explain(&fixture->request, &in, &out, &err), ERR_OK);
    return out.allowed;
}

static int looks_of(struct fixture *fixture, int password, enum err_code expected)
{
    int before = gate_looks(fixture);
    assert_int_equal(reveal(fixture, password), expected);
    return gate_looks(fixture) - before;
}

// Whole looks and such at an entry alone, in one number.
enum { ENTRY = 10 };

static int all_looks_of(struct fixture *fixture, int password, enum err_code expected)
{
    int before = entry_looks(fixture);
    int whole = looks_of(fixture, password, expected);
    return whole + ENTRY * (entry_looks(fixture) - before);
}

static void who_was_told_is_judged_by_that(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture, "revision = 4");
    assert_true(explained(fixture, A, false));
    assert_int_equal(looks_of(fixture, A, ERR_OK), 0);
    assert_string_equal(revealed.plaintext, "s3cret-c4nary");
    assert_string_equal(
        fixture_sql(fixture,
                    "SELECT string_agg(concat_ws('|', phase, outcome, resource_display_name,"
                    " company_display_name, organization, password_category_display_name,"
                    " policy_version), ' ' ORDER BY sequence) FROM audit_event"),
        "1|0|Firewall admin|Acme GmbH|connections/c1/organizations/41|Infrastructure|4 "
        "2|1|Firewall admin|Acme GmbH|connections/c1/organizations/41|Infrastructure|4");
    // Of another entry the company is known, and then itself.
    upstream.live.category_id = 0;
    assert_int_equal(all_looks_of(fixture, B, ERR_OK), ENTRY);
    assert_int_equal(all_looks_of(fixture, B, ERR_OK), 0);
    assert_string_equal(
        fixture_sql(fixture, "SELECT concat_ws('|', resource_display_name, company_display_name,"
                             " organization, password_category_display_name, policy_version)"
                             " FROM audit_event WHERE sequence = 3"),
        "Loose|Acme GmbH|connections/c1/organizations/41||4");
    // A refusal is as good.
    assert_false(explained(fixture, PASSWORD_VAULTED, false));
    assert_int_equal(looks_of(fixture, PASSWORD_VAULTED, ERR_PASSWORD_VAULTED_UPSTREAM), 0);
    assert_string_equal(last_event(fixture), "3 2 PASSWORD_VAULTED_UPSTREAM 0 f 0");
    assert_int_equal(upstream.calls, 3);
}

// Lists, or gets one; what is read for the reveal that may follow, as all_looks_of() counts.
static int looks_ahead(struct fixture *fixture, int password)
{
    Docbridge__V1__ListPasswordsRequest list = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsResponse page;
    Docbridge__V1__GetPasswordRequest get = DOCBRIDGE__V1__GET_PASSWORD_REQUEST__INIT;
    Docbridge__V1__Password entry;
    int whole = gate_looks(fixture), entries = entry_looks(fixture);
    list.parent = arena_strdup(&fixture->arena, "companies/acme");
    get.name = arena_printf(&fixture->arena, "companies/acme/passwords/%d", password);
    if (password == 0)
        listed_call(fixture, &password_service, "ListPasswords", &list, &page);
    else
        listed_call(fixture, &password_service, "GetPassword", &get, &entry);
    return gate_looks(fixture) - whole + ENTRY * (entry_looks(fixture) - entries);
}

// And so is who was shown it.
static void who_was_shown_is_judged_by_that(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture, "revision = 1");
    assert_int_equal(looks_ahead(fixture, 0), 1);
    assert_int_equal(looks_ahead(fixture, 0), 0);
    assert_int_equal(looks_ahead(fixture, A), 0);
    upstream.live.category_id = 0;
    assert_int_equal(all_looks_of(fixture, B, ERR_OK), ENTRY);
    upstream.live.category_id = 7;
    fixture->caller.subject = "sue";
    assert_int_equal(looks_ahead(fixture, A), 1);
    assert_int_equal(all_looks_of(fixture, A, ERR_OK), 0);
    // Who may reveal nothing of it, or is counted, is not.
    fixture->caller.subject = "max";
    assert_int_equal(looks_ahead(fixture, PASSWORD_VAULTED), 0);
    reveals_set_policy(fixture, "user_limit = 9, user_window_s = 3600");
    assert_int_equal(looks_ahead(fixture, 0), 0);
    reveals_set_policy(fixture, "user_limit = 0, user_window_s = 0");
    fixture->caller.permissions = 1u << PERMISSION_READ_DOCUMENTATION;
    assert_int_equal(looks_ahead(fixture, 0), 0);
}

static const struct {
    const char *change, *undo;
    enum err_code code;
} changes[] = {
    {"UPDATE connection SET reveals_paused = true", "UPDATE connection SET reveals_paused = false",
     ERR_REVEALS_PAUSED},
    {"UPDATE connection_config SET password_sharing_enabled = false",
     "UPDATE connection_config SET password_sharing_enabled = true", ERR_PASSWORD_SHARING_DISABLED},
    {"UPDATE company_password_access SET level = 1", "UPDATE company_password_access SET level = 2",
     ERR_COMPANY_NO_ACCESS},
    {"UPDATE company_password_category SET category_id = 8",
     "UPDATE company_password_category SET category_id = 7", ERR_CATEGORY_NOT_ALLOWED},
    {"DELETE FROM mapping WHERE organization_id = 41",
     "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
     "  actor_subject, actor_display_name, actor_kind, create_time)"
     " VALUES ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now())",
     ERR_RESOURCE_NOT_FOUND},
    {"UPDATE record SET archived = true WHERE id = 9001",
     "UPDATE record SET archived = false WHERE id = 9001", ERR_PASSWORD_ARCHIVED_UPSTREAM},
    {"UPDATE record SET vaulted = true WHERE id = 9001",
     "UPDATE record SET vaulted = false WHERE id = 9001", ERR_PASSWORD_VAULTED_UPSTREAM},
    {"DELETE FROM record WHERE id = 9011", "SELECT 1", ERR_OK},
    {"INSERT INTO reveal_freeze VALUES ('t1', 3, '', 'f1', '', 'x', 'x', 1, 1, 60, now())",
     "DELETE FROM reveal_freeze", ERR_REVEALS_FROZEN},
    {"UPDATE reveal_policy SET reason_required = true",
     "UPDATE reveal_policy SET reason_required = false", ERR_REVEAL_REASON_REQUIRED},
    {"UPDATE reveal_policy SET user_limit = 1, user_window_s = 3600",
     "UPDATE reveal_policy SET user_limit = 0, user_window_s = 0", ERR_OK},
    {"UPDATE vault_record SET version = 2", "UPDATE vault_record SET version = 1",
     ERR_VAULT_RECORD_UNREADABLE},
    {"INSERT INTO subject_revocation (tenant, subject, revoke_time)"
     " VALUES ('t1', 'tom', now() + interval '1 minute')",
     "DELETE FROM subject_revocation", ERR_TOKEN_REVOKED},
};

static void any_change_is_heeded(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.issue_time_us = clock_wall_us();
    reveals_set_policy(fixture, "revision = 1");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        assert_int_equal(reveal(fixture, A), ERR_OK);
        assert_int_equal(looks_of(fixture, A, ERR_OK), 0);
        (void)fixture_sql(fixture, changes[i].change);
        int calls = upstream.calls;
        assert_int_equal(all_looks_of(fixture, A, changes[i].code), 1);
        assert_int_equal(upstream.calls - calls, changes[i].code == ERR_OK);
        (void)fixture_sql(fixture, changes[i].undo);
    }
}

// The company is known from another entry that was shown.
static void any_change_is_heeded_of_a_company(void **state)
{
    struct fixture *fixture = *state;
    struct gate_memory *remembered = fixture->backend.gate_memory;
    struct err err;
    fixture->caller.issue_time_us = clock_wall_us();
    reveals_set_policy(fixture, "revision = 1");
    // Changes by the owner of the tables are noted for the tenants that have a trail.
    assert_int_equal(reveal(fixture, A), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct gate_memory *memory;
        assert_int_equal(gate_memory_new(GATE_MEMORY_MS, &memory, &err), ERR_OK);
        fixture->backend.gate_memory = memory;
        assert_int_equal(looks_ahead(fixture, B), 1);
        (void)fixture_sql(fixture, changes[i].change);
        int calls = upstream.calls;
        assert_int_equal(all_looks_of(fixture, A, changes[i].code), ENTRY + 1);
        assert_int_equal(upstream.calls - calls, changes[i].code == ERR_OK);
        (void)fixture_sql(fixture, changes[i].undo);
        fixture->backend.gate_memory = remembered;
        memory = gate_memory_free(memory);
    }
}

// Each is somebody of whom something else would be read, of the same entry and of another.
static void nobody_else_is_judged_by_it(void **state)
{
    struct fixture *fixture = *state;
    struct principal *caller = &fixture->caller;
    (void)fixture_sql(fixture, "INSERT INTO reveal_freeze VALUES"
                               " ('t1', 1, 'ann', 'f1', '', 'x', 'x', 1, 1, 60, now());"
                               "INSERT INTO company_set VALUES ('t1', 'south', 1, 1, now()),"
                               "  ('t1', 'north', 1, 0, now());"
                               "INSERT INTO company_set_member VALUES ('t1', 'south', 'acme');"
                               "INSERT INTO subject_revocation (tenant, subject, revoke_time)"
                               " VALUES ('t1', 'tom', now() - interval '1 hour')");
    caller->issue_time_us = clock_wall_us();
    caller->all_companies = false;
    caller->company_set = "south";
    assert_int_equal(reveal(fixture, A), ERR_OK);
    assert_int_equal(looks_of(fixture, A, ERR_OK), 0);
    const struct principal told = *caller;
    static const int entries[] = {A, B};
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        int entry = entries[i];
        caller->company_set = "north";
        assert_int_equal(all_looks_of(fixture, entry, ERR_RESOURCE_NOT_FOUND), 1);
        *caller = told;
        caller->issue_time_us = clock_wall_us() - INT64_C(7200) * 1000000;
        assert_int_equal(all_looks_of(fixture, entry, ERR_TOKEN_REVOKED), 1);
        *caller = told;
        caller->subject = "ann";
        assert_int_equal(all_looks_of(fixture, entry, ERR_REVEALS_FROZEN), entry == A ? 1 : ENTRY);
        *caller = told;
        caller->tenant = "t2";
        assert_int_equal(all_looks_of(fixture, entry, ERR_RESOURCE_NOT_FOUND), 1);
        *caller = told;
        asks.company = "beta";
        assert_int_equal(all_looks_of(fixture, entry, ERR_RESOURCE_NOT_FOUND), 1);
        asks.company = NULL;
    }
    // The same caller with another token may see and do less.
    caller->company_set = NULL;
    assert_int_equal(reveal(fixture, A), ERR_RESOURCE_NOT_FOUND);
    *caller = told;
    caller->permissions = 1u << PERMISSION_READ_DOCUMENTATION;
    assert_int_equal(looks_of(fixture, A, ERR_MISSING_PERMISSION), 0);
}

static void not_remembered(void **state)
{
    struct fixture *fixture = *state;
    // What is asked about another.
    fixture->caller.permissions |= 1u << PERMISSION_MANAGE_INTEGRATIONS;
    (void)explained(fixture, A, true);
    assert_int_equal(looks_of(fixture, A, ERR_OK), 1);
    // What is too long.
    upstream.live.category_id = 0;
    (void)fixture_sql(fixture, "UPDATE record SET web_url = repeat('x', 20000) WHERE id = 9002");
    assert_int_equal(looks_of(fixture, B, ERR_OK), 1);
    assert_int_equal(all_looks_of(fixture, B, ERR_OK), 1);
    // What a budget counts.
    upstream.live.category_id = 7;
    reveals_set_policy(fixture, "user_limit = 9, user_window_s = 3600");
    assert_int_equal(looks_of(fixture, A, ERR_OK), 1);
    assert_int_equal(all_looks_of(fixture, A, ERR_OK), 1);
}

static void it_is_forgotten_in_time(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct gate_memory *short_lived;
    assert_int_equal(gate_memory_new(0, &short_lived, &err), ERR_OK);
    fixture->backend.gate_memory = short_lived;
    assert_int_equal(looks_of(fixture, A, ERR_OK), 1);
    assert_int_equal(all_looks_of(fixture, A, ERR_OK), 1);
    short_lived = gate_memory_free(short_lived);
}

// A database that was put back from a dump has lost changes, and with them that there were any.
static void a_database_put_back_is_another(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reveal(fixture, A), ERR_OK);
    (void)fixture_sql(fixture, "CREATE TABLE again (LIKE gate_change INCLUDING ALL);"
                               "DROP TABLE gate_change; ALTER TABLE again RENAME TO gate_change;"
                               "CALL protect_table('gate_change', 'SELECT, INSERT')");
    assert_int_equal(all_looks_of(fixture, A, ERR_OK), 1);
    assert_int_equal(all_looks_of(fixture, A, ERR_OK), 0);
}

// However often it serves.
static void a_company_is_forgotten_in_time(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct gate_memory *short_lived;
    enum { KEEP_MS = 400 };
    assert_int_equal(gate_memory_new(KEEP_MS, &short_lived, &err), ERR_OK);
    fixture->backend.gate_memory = short_lived;
    assert_int_equal(reveal(fixture, A), ERR_OK);
    (void)usleep(1000 * (KEEP_MS / 2 + 50));
    upstream.live.category_id = 0;
    assert_int_equal(reveal(fixture, B), ERR_OK);
    (void)usleep(1000 * (KEEP_MS / 2 + 50));
    assert_int_equal(all_looks_of(fixture, PASSWORD_VAULTED, ERR_PASSWORD_VAULTED_UPSTREAM), 1);
    short_lived = gate_memory_free(short_lived);
}

static struct password_gates_ask ask_of(struct fixture *fixture, int password,
                                        const struct password_gates *of_company)
{
    return (struct password_gates_ask){.query = {.company_id = "acme",
                                                 .password_id = password,
                                                 .subject = "tom",
                                                 .with_key = true,
                                                 .of_company = of_company},
                                       .arena = &fixture->arena};
}

// Many are asked for in one statement, by halves if all of them may be.
static void each_is_answered(void **state)
{
    struct fixture *fixture = *state;
    struct password_gates_ask first = ask_of(fixture, PASSWORD_ARCHIVED, NULL);
    struct password_gates_ask a = ask_of(fixture, A, &first.gates);
    struct password_gates_ask b = ask_of(fixture, B, &first.gates);
    struct password_gates_ask *const asks_of_all[] = {&a, &first, &b}, *const halves[] = {&b, &a};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct err err;
    int before = gate_looks(fixture);
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(password_gates_get(tx, asks_of_all, 3, &err), ERR_OK);
    assert_string_equal(a.gates.display_name, "Firewall admin");
    assert_string_equal(b.gates.display_name, "Loose");
    const struct password_gates whole[] = {a.gates, b.gates};
    assert_int_equal(password_gates_get(tx, halves, 2, &err), ERR_OK);
    const struct password_gates *const half[] = {&a.gates, &b.gates};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        assert_string_equal(half[i]->display_name, whole[i].display_name);
        assert_int_equal(half[i]->category_id, whole[i].category_id);
        assert_int_equal(half[i]->category_allowed, whole[i].category_allowed);
        assert_int_equal(half[i]->organization_id, 41);
        assert_false(half[i]->archived);
        assert_true(half[i]->found);
        assert_true(half[i]->sight.mapped);
        assert_non_null(half[i]->key);
    }
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    assert_int_equal(gate_looks(fixture) - before, 1);
}

static bool answers(struct fixture *fixture)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct err err;
    static const struct statement statement = {"answers", "SELECT 1"};
    return store_begin(fixture->store, "t1", deadline_in(1000), NULL, &tx, &err) == ERR_OK &&
           tx_run(tx, &statement, NULL, 0, &err) == ERR_OK;
}

// When a process of the server dies all start anew, without what was not yet on disk: its numbers
// are given again, here to a change.
static void nothing_outlasts_a_crash_of_the_server(void **state)
{
    struct fixture *fixture = *state;
    int pid = 0;
    (void)sscanf(fixture_sql(fixture, "CHECKPOINT; SELECT pid FROM pg_stat_activity"
                                      " WHERE datname = current_database()"
                                      "  AND backend_type = 'client backend'"
                                      "  AND pid <> pg_backend_pid() LIMIT 1"),
                 "%d", &pid);
    assert_true(pid > 1);
    for (int i = 0; i < 3; i++)
        (void)fixture_sql(fixture, "UPDATE company SET revision = revision + 1");
    assert_true(explained(fixture, A, false));
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)usleep(100000);
    struct deadline end = deadline_in(8000);
    while (!answers(fixture) && deadline_left_ms(end) > 0)
        (void)usleep(20000);
    (void)fixture_sql(fixture, "UPDATE connection SET reveals_paused = true");
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_PAUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reveals_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_was_told_is_judged_by_that),
        TEST(who_was_shown_is_judged_by_that),
        TEST(any_change_is_heeded),
        TEST(any_change_is_heeded_of_a_company),
        TEST(nobody_else_is_judged_by_it),
        TEST(not_remembered),
        TEST(it_is_forgotten_in_time),
        TEST(a_company_is_forgotten_in_time),
        TEST(a_database_put_back_is_another),
        TEST(each_is_answered),
        TEST(nothing_outlasts_a_crash_of_the_server),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
