// Budgets of distinct secrets, what happens at their end, and that they hold over all servers.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/reveal_policy.pb-c.h"
#include "server/service/services.h"
#include "server/store/reveal_budget.h"
#include "tests/integration/reading/listed.h"
#include "tests/integration/reading/reveals.h"

// The three that the fixture's caller can reveal.
enum { A = PASSWORD_PLAIN, B = PASSWORD_UNCATEGORIZED, C = PASSWORD_IN_OPEN_FOLDER };

static void assert_exceeded(struct fixture *fixture, int password, const char *scope)
{
    int calls = upstream.calls;
    assert_int_equal(reveal(fixture, password), ERR_REVEAL_BUDGET_EXCEEDED);
    assert_string_equal(err_meta_get(&reveal_err, "scope"), scope);
    assert_string_equal(err_meta_get(&reveal_err, "limit"), "2");
    assert_string_equal(err_meta_get(&reveal_err, "window"), "3600s");
    assert_int_equal(revealed.value_case, 0);
    assert_int_equal(upstream.calls, calls);
    assert_string_equal(last_event(fixture), "3 2 REVEAL_BUDGET_EXCEEDED 0 f 0");
}

static void counts_distinct_secrets_in_a_sliding_window(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture, "user_limit = 2, user_window_s = 3600");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reveal(fixture, A), ERR_OK);
        assert_int_equal(reveal(fixture, B), ERR_OK);
    }
    assert_exceeded(fixture, C, "USER");
    // There is room when the first of the two has left the window.
    assert_true(reveal_err.retry_after_ms > 3500000 && reveal_err.retry_after_ms <= 3600000);
    assert_int_equal(reveal(fixture, A), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE reveal_use SET use_time = use_time - interval '59 minutes'"
                               " WHERE password_id = 9002");
    assert_exceeded(fixture, C, "USER");
    assert_true(reveal_err.retry_after_ms <= 60000);
    (void)fixture_sql(fixture, "UPDATE reveal_use SET use_time = use_time - interval '2 minutes'"
                               " WHERE password_id = 9002");
    assert_int_equal(reveal(fixture, C), ERR_OK);
    // What has left the window is a secret like any other.
    assert_exceeded(fixture, B, "USER");
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM reveal_use"), "2");
    // Another user has a budget of its own.
    fixture->caller.subject = "tina";
    assert_int_equal(reveal(fixture, B), ERR_OK);
    reveals_set_policy(fixture, "user_limit = 0");
    fixture->caller.subject = "tom";
    assert_int_equal(reveal(fixture, B), ERR_OK);
}

// What the list says of the caller's passwords, by their last digit: revealable, or why not.
static const char *listed_reasons(struct fixture *fixture)
{
    Docbridge__V1__ListPasswordsRequest in = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsResponse out;
    Docbridge__V1__GetPasswordRequest get = DOCBRIDGE__V1__GET_PASSWORD_REQUEST__INIT;
    Docbridge__V1__Password one;
    const char *text = "";
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    listed_call(fixture, &password_service, "ListPasswords", &in, &out);
    for (size_t i = 0; i < out.n_passwords; i++) {
        const Docbridge__V1__Password *password = out.passwords[i];
        get.name = password->name;
        listed_call(fixture, &password_service, "GetPassword", &get, &one);
        assert_string_equal(one.blocked_reason, password->blocked_reason);
        text = arena_printf(&fixture->arena, "%s%c:%s ", text,
                            password->name[strlen(password->name) - 1],
                            password->revealable ? "yes" : password->blocked_reason);
    }
    return text;
}

static void lists_say_what_has_no_room(void **state)
{
#define FULL ":REVEAL_BUDGET_EXCEEDED "
    struct fixture *fixture = *state;
    static const char all[] = "1:yes 1:yes 2:yes 3:PASSWORD_VAULTED_UPSTREAM ";
    static const char *const policies[] = {"user_limit = 1, user_window_s = 3600",
                                           "user_limit = 9, company_limit = 1,"
                                           " company_window_s = 3600",
                                           "company_limit = 2, tenant_limit = 1,"
                                           " tenant_window_s = 3600"};
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        reveals_set_policy(fixture, policies[i]);
        (void)fixture_sql(fixture, "DELETE FROM reveal_use");
        assert_string_equal(listed_reasons(fixture), all);
        assert_int_equal(reveal(fixture, A), ERR_OK);
        assert_string_equal(listed_reasons(fixture),
                            "1:yes 1" FULL "2" FULL "3:PASSWORD_VAULTED_UPSTREAM ");
    }
    // What is counted of one user, or of another company, is not of another one.
    reveals_set_policy(fixture, "tenant_limit = 0, company_limit = 0, user_limit = 1");
    fixture->caller.subject = "tina";
    assert_string_equal(listed_reasons(fixture), all);
    fixture->caller.subject = "tom";
    (void)fixture_sql(fixture, "UPDATE reveal_use SET use_time = use_time - interval '61 minutes'");
    assert_string_equal(listed_reasons(fixture), all);
}

static void counts_a_company_and_a_tenant_over_their_users(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *policy, *scope;
    } rows[] = {
        {"company_limit = 2, company_window_s = 3600", "COMPANY"},
        {"company_limit = 0, tenant_limit = 2, tenant_window_s = 3600", "TENANT"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        reveals_set_policy(fixture, rows[i].policy);
        fixture->caller.subject = "tom";
        assert_int_equal(reveal(fixture, A), ERR_OK);
        fixture->caller.subject = "tina";
        // The same secret takes no room, whoever reveals it.
        assert_int_equal(reveal(fixture, A), ERR_OK);
        assert_int_equal(reveal(fixture, B), ERR_OK);
        assert_exceeded(fixture, C, rows[i].scope);
    }
    // Another company's secret has room in the company's budget, none in the tenant's.
    (void)fixture_sql(fixture, "INSERT INTO company_password_access (tenant, company_id, level,"
                               " include_uncategorized, update_time) VALUES"
                               " ('t1', 'beta', 3, true, now())");
    asks.company = "beta";
    upstream.live.organization_id = 42;
    assert_exceeded(fixture, PASSWORD_STRANGER, "TENANT");
    reveals_set_policy(fixture, "tenant_limit = 0, company_limit = 2, company_window_s = 3600");
    assert_int_equal(reveal(fixture, PASSWORD_STRANGER), ERR_OK);
}

// A secret that one budget has no room for is counted in none.
static void counts_in_all_or_none(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture, "user_limit = 5, user_window_s = 60, tenant_limit = 2,"
                                " tenant_window_s = 3600");
    assert_int_equal(reveal(fixture, A), ERR_OK);
    assert_int_equal(reveal(fixture, B), ERR_OK);
    assert_exceeded(fixture, C, "TENANT");
    assert_string_equal(fixture_sql(fixture, "SELECT string_agg(scope || ':' || password_id, ' '"
                                             " ORDER BY scope, password_id) FROM reveal_use"),
                        "1:9001 1:9002 3:9001 3:9002");
    // Nor is one that another gate refused; one that upstream failed to give is.
    assert_int_equal(reveal(fixture, PASSWORD_VAULTED), ERR_PASSWORD_VAULTED_UPSTREAM);
    reveals_set_policy(fixture, "tenant_limit = 3");
    upstream.code = ERR_UPSTREAM_ERROR;
    assert_int_equal(reveal(fixture, C), ERR_UPSTREAM_ERROR);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM reveal_use WHERE scope = 3"),
                        "3");
}

static const struct method *method(const char *name)
{
    for (size_t i = 0; i < reveal_policy_service.method_count; i++)
        if (strcmp(reveal_policy_service.methods[i].name, name) == 0)
            return &reveal_policy_service.methods[i];
    fail_msg("no method %s", name);
    return NULL;
}

static const Docbridge__V1__ListRevealFreezesResponse *freezes(struct fixture *fixture,
                                                               int page_size, char *token)
{
    static Docbridge__V1__ListRevealFreezesResponse out;
    Docbridge__V1__ListRevealFreezesRequest in;
    docbridge__v1__list_reveal_freezes_request__init(&in);
    docbridge__v1__list_reveal_freezes_response__init(&out);
    in.page_size = page_size;
    if (token != NULL)
        in.page_token = token;
    assert_int_equal(method("ListRevealFreezes")->unary(&fixture->request, &in, &out, &reveal_err),
                     ERR_OK);
    return &out;
}

static enum err_code unfreeze(struct fixture *fixture, const char *name, const char *reason)
{
    Docbridge__V1__UnfreezeRevealsRequest in;
    Docbridge__V1__UnfreezeRevealsResponse out;
    docbridge__v1__unfreeze_reveals_request__init(&in);
    docbridge__v1__unfreeze_reveals_response__init(&out);
    in.name = arena_strdup(&fixture->arena, name);
    in.reason = arena_strdup(&fixture->arena, reason);
    reveal_err = (struct err){0};
    return method("UnfreezeReveals")->unary(&fixture->request, &in, &out, &reveal_err);
}

// The latest events: type, actor, outcome, reason given, and their changes.
static const char *events(struct fixture *fixture, int count)
{
    return fixture_sql(
        fixture, arena_printf(&fixture->arena,
                              "SELECT string_agg(concat_ws('|', type, actor_subject, outcome,"
                              " error_reason, reason, changes), E'\\n' ORDER BY sequence) FROM"
                              " (SELECT * FROM audit_event ORDER BY sequence DESC LIMIT %d) e",
                              count));
}

static void freezes_until_another_person_ends_it(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture, "user_limit = 2, user_window_s = 3600, user_freezes = true");
    assert_int_equal(reveal(fixture, A), ERR_OK);
    assert_int_equal(reveal(fixture, B), ERR_OK);
    assert_exceeded(fixture, C, "USER");
    assert_string_equal(
        events(fixture, 2),
        "40|docbridge:reveal policy|1|||[{\"field\":\"scope\",\"old\":null,\"new\":\"USER\"},"
        "{\"field\":\"scope_id\",\"old\":null,\"new\":\"tom\"},"
        "{\"field\":\"cause\",\"old\":null,\"new\":\"tom\"},"
        "{\"field\":\"limit\",\"old\":null,\"new\":\"2\"},"
        "{\"field\":\"window\",\"old\":null,\"new\":\"3600s\"}]\n"
        "1|tom|2|REVEAL_BUDGET_EXCEEDED||[]");
    // From now on nothing, not even what was revealed before, and whatever the policy becomes.
    reveals_set_policy(fixture, "user_limit = 0, user_freezes = false");
    int calls = upstream.calls;
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_FROZEN);
    assert_string_equal(err_meta_get(&reveal_err, "scope"), "USER");
    assert_non_null(err_meta_get(&reveal_err, "since"));
    assert_string_equal(last_event(fixture), "3 2 REVEALS_FROZEN 0 f 0");
    assert_int_equal(upstream.calls, calls);
    fixture->caller.subject = "tina";
    assert_int_equal(reveal(fixture, A), ERR_OK);

    const Docbridge__V1__ListRevealFreezesResponse *all = freezes(fixture, 0, NULL);
    assert_int_equal(all->n_reveal_freezes, 1);
    const Docbridge__V1__RevealFreeze *freeze = all->reveal_freezes[0];
    assert_int_equal(freeze->scope, DOCBRIDGE__V1__REVEAL_SCOPE__REVEAL_SCOPE_USER);
    assert_string_equal(freeze->subject, "tom");
    assert_string_equal(freeze->display_name, "Tom Technician");
    assert_string_equal(freeze->cause->subject, "tom");
    assert_int_equal(freeze->limit, 2);
    assert_int_equal(freeze->window->seconds, 3600);
    const char *name = freeze->name;

    // Not by whoever led to it, not by a machine, not without a word.
    fixture->caller.subject = "tom";
    assert_int_equal(unfreeze(fixture, name, "let me"), ERR_ANOTHER_PERSON_REQUIRED);
    assert_string_equal(events(fixture, 1), "41|tom|2|ANOTHER_PERSON_REQUIRED|let me|[]");
    fixture->caller.subject = "robot";
    fixture->caller.actor = ACTOR_AGENT;
    assert_int_equal(unfreeze(fixture, name, "let him"), ERR_ANOTHER_PERSON_REQUIRED);
    fixture->caller.subject = "ada";
    fixture->caller.actor = ACTOR_HUMAN;
    assert_int_equal(unfreeze(fixture, name, " "), ERR_FIELD_INVALID);
    assert_int_equal(unfreeze(fixture, "revealFreezes/none", "x"), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(unfreeze(fixture, name, "a migration"), ERR_OK);
    assert_non_null(strstr(events(fixture, 1),
                           "41|ada|1||a migration|[{\"field\":\"scope\",\"old\":"
                           "\"USER\",\"new\":null}"));
    assert_int_equal(unfreeze(fixture, name, "again"), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(freezes(fixture, 0, NULL)->n_reveal_freezes, 0);
    // The window begins anew.
    reveals_set_policy(fixture, "user_limit = 2");
    fixture->caller.subject = "tom";
    assert_int_equal(reveal(fixture, C), ERR_OK);
}

static void freezes_companies_and_tenants(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture,
                       "company_limit = 2, company_window_s = 3600, company_freezes = true,"
                       " tenant_limit = 2, tenant_window_s = 3600, tenant_freezes = true");
    assert_int_equal(reveal(fixture, A), ERR_OK);
    assert_int_equal(reveal(fixture, B), ERR_OK);
    assert_exceeded(fixture, C, "COMPANY");
    fixture->caller.subject = "tina";
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_FROZEN);
    assert_string_equal(err_meta_get(&reveal_err, "scope"), "COMPANY");
    assert_string_equal(fixture_sql(fixture, "SELECT company_id || ' ' || company_display_name"
                                             " FROM audit_event WHERE type = 40"),
                        "acme Acme GmbH");
    reveals_set_policy(fixture, "company_limit = 0");
    (void)fixture_sql(fixture, "DELETE FROM reveal_freeze");
    assert_exceeded(fixture, C, "TENANT");
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_FROZEN);
    assert_string_equal(err_meta_get(&reveal_err, "scope"), "TENANT");
    // By pages; the widest freeze is the one that is told of.
    (void)fixture_sql(fixture, "INSERT INTO reveal_freeze VALUES"
                               " ('t1', 2, 'acme', 'f1', 'Acme', 'x', 'X', 1, 1, 60, now()),"
                               " ('t1', 1, 'tina', 'f2', 'Tina', 'x', 'X', 1, 1, 60, now()),"
                               " ('t2', 3, '', 'f3', '', 'x', 'X', 1, 1, 60, now())");
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_FROZEN);
    assert_string_equal(err_meta_get(&reveal_err, "scope"), "TENANT");
    size_t count = 0;
    char *token = NULL;
    do {
        const Docbridge__V1__ListRevealFreezesResponse *page = freezes(fixture, 2, token);
        count += page->n_reveal_freezes;
        token = arena_strdup(&fixture->arena, page->next_page_token);
    } while (token[0] != '\0');
    assert_int_equal(count, 3);
}

// Whoever took most room, but left the last reveal to another, does not end the freeze; whoever has
// only revealed again what had its room, or has no more than another, does.
static void whoever_took_most_room_does_not_end_it(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *policy, *second; // who takes the second of the two
    } rows[] = {
        {"company_limit = 2, company_window_s = 3600, company_freezes = true", "tom"},
        {"company_limit = 0, tenant_limit = 2, tenant_window_s = 3600, tenant_freezes = true",
         "tom"},
        {"tenant_limit = 2", "ada"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool alone = strcmp(rows[i].second, "tom") == 0;
        reveals_set_policy(fixture, rows[i].policy);
        (void)fixture_sql(fixture, "DELETE FROM reveal_use");
        fixture->caller.subject = "tom";
        assert_int_equal(reveal(fixture, A), ERR_OK);
        fixture->caller.subject = rows[i].second;
        assert_int_equal(reveal(fixture, B), ERR_OK);
        fixture->caller.subject = "ada";
        assert_int_equal(reveal(fixture, A), ERR_OK);
        assert_int_equal(reveal(fixture, B), ERR_OK);
        // What had left the window, though nothing has removed it yet, took no room of the freeze.
        (void)fixture_sql(fixture, "INSERT INTO reveal_use SELECT DISTINCT tenant, scope, scope_id,"
                                   " connection_id, 900 + n, now() - interval '2 hours', 'ada'"
                                   " FROM reveal_use, generate_series(1, 3) n");
        fixture->caller.subject = "tina";
        assert_int_equal(reveal(fixture, C), ERR_REVEAL_BUDGET_EXCEEDED);
        const char *name = freezes(fixture, 0, NULL)->reveal_freezes[0]->name;
        assert_int_equal(unfreeze(fixture, name, "mine"), ERR_ANOTHER_PERSON_REQUIRED);
        if (alone) {
            fixture->caller.subject = "tom";
            assert_int_equal(unfreeze(fixture, name, "let me"), ERR_ANOTHER_PERSON_REQUIRED);
            assert_string_equal(events(fixture, 1), "41|tom|2|ANOTHER_PERSON_REQUIRED|let me|[]");
        }
        fixture->caller.subject = "ada";
        assert_int_equal(unfreeze(fixture, name, "a migration"), ERR_OK);
    }
}

// A freeze that comes while upstream is asked counts before the value is released.
static void a_freeze_in_the_middle_closes_the_gate(void **state)
{
    struct fixture *fixture = *state;
    const void *pair[] = {fixture, "INSERT INTO reveal_freeze VALUES"
                                   " ('t1', 3, '', 'f1', '', 'x', 'X', 1, 1, 60, now())"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(reveal(fixture, A), ERR_REVEALS_FROZEN);
    assert_int_equal(revealed.value_case, 0);
    assert_string_equal(last_event(fixture), "2 2 REVEALS_FROZEN 200 t 1");
}

enum { SERVERS = 2, THREADS = 8, SECRETS = 12, LIMIT = 7 };

struct thread {
    pthread_t id;
    struct store *store;
    struct reveal_policy policy;
    int number, granted;
};

// Every thread wants secrets of its own, and those of its neighbour.
static void *want_secrets(void *context)
{
    struct thread *thread = context;
    for (int i = 0; i < SECRETS; i++) {
        char subject[16];
        struct err err = {0};
        struct tx *tx = NULL;
        struct reveal_excess excess;
        (void)snprintf(subject, sizeof(subject), "user-%d", thread->number);
        const struct reveal_usage usage = {subject, "acme", "c1",
                                           1 + (thread->number / 2) * SECRETS + i};
        if (store_begin(thread->store, "t1", deadline_in(20000), NULL, &tx, &err) != ERR_OK)
            return "no transaction";
        if (reveal_budget_use(tx, &thread->policy, &usage, true, &excess, &err) != ERR_OK) {
            tx_abortp(&tx);
            return "no answer";
        }
        thread->granted += excess.scope == 0;
        if (tx_commit(&tx, &err) != ERR_OK)
            return "no commit";
    }
    return NULL;
}

static void holds_over_all_servers(void **state)
{
    struct fixture *fixture = *state;
    for (int scope = REVEAL_SCOPE_COMPANY; scope <= REVEAL_SCOPE_TENANT; scope++) {
        struct thread threads[THREADS];
        struct store *stores[SERVERS];
        const struct store_settings settings = {.dsn = fixture->database->dsn,
                                                .role = "docbridge_server"};
        for (int i = 0; i < SERVERS; i++)
            assert_int_equal(store_open(&settings, &stores[i], NULL), ERR_OK);
        for (int i = 0; i < THREADS; i++) {
            threads[i] = (struct thread){.store = stores[i % SERVERS], .number = i};
            threads[i].policy.budgets[scope - 1] = (struct reveal_budget){LIMIT, 3600, false};
            assert_int_equal(pthread_create(&threads[i].id, NULL, want_secrets, &threads[i]), 0);
        }
        int granted = 0;
        for (int i = 0; i < THREADS; i++) {
            void *problem;
            assert_int_equal(pthread_join(threads[i].id, &problem), 0);
            assert_null(problem);
            granted += threads[i].granted;
        }
        // Repeats are granted too, so there are more grants than secrets.
        assert_true(granted >= LIMIT);
        const char *count = arena_printf(
            &fixture->arena, "SELECT count(*) = %d FROM reveal_use WHERE scope = %d", LIMIT, scope);
        assert_string_equal(fixture_sql(fixture, count), "t");
        for (int i = 0; i < SERVERS; i++)
            stores[i] = store_close(stores[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reveals_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_distinct_secrets_in_a_sliding_window),
        TEST(lists_say_what_has_no_room),
        TEST(counts_a_company_and_a_tenant_over_their_users),
        TEST(counts_in_all_or_none),
        TEST(freezes_until_another_person_ends_it),
        TEST(freezes_companies_and_tenants),
        TEST(whoever_took_most_room_does_not_end_it),
        TEST(a_freeze_in_the_middle_closes_the_gate),
        TEST(holds_over_all_servers),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
