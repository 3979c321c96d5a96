// A password handed on: opens once, for one person, and lends sight of the company and nothing
// else.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "docbridge/v1/access.pb-c.h"
#include "docbridge/v1/reveal_policy.pb-c.h"
#include "server/audit/trail.h"
#include "server/service/password_handoff.h"
#include "server/service/services.h"
#include "tests/integration/reading/reveals.h"

enum { A = PASSWORD_PLAIN, B = PASSWORD_UNCATEGORIZED };

static const char NOWHERE[] = "companies/acme/passwords/9001/handoffs/none";

// The hand-off that was made last.
static Docbridge__V1__PasswordHandoff made;

static int handoffs_fresh(void **state)
{
    int result = reveals_fresh(state);
    reveals_set_policy(*state, "handoff_max_s = 3600");
    return result;
}

// Tom sees acme, his colleague from another team sees beta alone.
static void be_tom(struct fixture *fixture)
{
    fixture->caller.subject = "tom";
    fixture->caller.actor = ACTOR_HUMAN;
    fixture->caller.all_companies = true;
}

static void be_tina(struct fixture *fixture)
{
    static const char *const companies[] = {"beta"};
    fixture->caller.subject = "tina";
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
}

static enum err_code hand_off_for(struct fixture *fixture, int password, const char *recipient,
                                  int64_t seconds)
{
    Docbridge__V1__CreatePasswordHandoffRequest in;
    Docbridge__V1__PasswordHandoff wanted;
    Google__Protobuf__Duration ttl;
    docbridge__v1__create_password_handoff_request__init(&in);
    docbridge__v1__password_handoff__init(&wanted);
    docbridge__v1__password_handoff__init(&made);
    google__protobuf__duration__init(&ttl);
    in.parent = arena_printf(&fixture->arena, "companies/acme/passwords/%d", password);
    in.reason = arena_strdup(&fixture->arena, asks.reason == NULL ? "" : asks.reason);
    wanted.recipient = arena_strdup(&fixture->arena, recipient);
    ttl.seconds = seconds;
    if (seconds != 0)
        wanted.ttl = &ttl;
    in.password_handoff = &wanted;
    reveal_err = (struct err){0};
    return password_hand_off(&fixture->request, &in, &made, &reveal_err);
}

static enum err_code hand_off(struct fixture *fixture, int password)
{
    be_tom(fixture);
    return hand_off_for(fixture, password, "tina", 0);
}

static enum err_code withdraw(struct fixture *fixture, const char *name)
{
    Docbridge__V1__DeletePasswordHandoffRequest in;
    docbridge__v1__delete_password_handoff_request__init(&in);
    in.name = arena_strdup(&fixture->arena, name);
    reveal_err = (struct err){0};
    return password_withdraw(&fixture->request, &in, &reveal_err);
}

// Tina's reveal by a hand-off.
static enum err_code open_as_tina(struct fixture *fixture, int password, const char *handoff)
{
    be_tina(fixture);
    asks.handoff = handoff;
    return reveal(fixture, password);
}

// Refused in one way whatever the cause, told in the trail, and upstream is not asked.
static void assert_shut(struct fixture *fixture, enum err_code code)
{
    int calls = upstream.calls;
    assert_int_equal(code, ERR_HANDOFF_NOT_OPEN);
    assert_string_equal(reveal_err.text,
                        "the hand-off is not open, or not to this caller for this password");
    assert_string_equal(last_event(fixture), "3 2 HANDOFF_NOT_OPEN 0 f 0");
    assert_int_equal(revealed.value_case, 0);
    assert_int_equal(upstream.calls, calls);
}

static const char *changes(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT changes FROM audit_event ORDER BY sequence DESC LIMIT 1");
}

static void opens_once_for_the_recipient(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(open_as_tina(fixture, A, NULL), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    assert_int_equal(upstream.calls, 0);
    assert_string_equal(made.recipient, "tina");
    assert_string_equal(fixture_sql(fixture,
                                    "SELECT type || resource || actor_subject FROM audit_event"
                                    " ORDER BY sequence DESC LIMIT 1"),
                        "44companies/acme/passwords/9001tom");
    assert_non_null(
        strstr(changes(fixture), "{\"field\":\"recipient\",\"old\":null,\"new\":\"tina\"}"));
    assert_non_null(strstr(changes(fixture), made.name));

    assert_int_equal(open_as_tina(fixture, A, made.name), ERR_OK);
    assert_string_equal(revealed.plaintext, upstream.value);
    assert_int_equal(upstream.calls, 1);
    assert_string_equal(changes(fixture),
                        arena_printf(&fixture->arena,
                                     "[{\"field\":\"handoff\",\"old\":\"%s\",\"new\":null}]",
                                     made.name));
    // Who has seen it is in the ledger like anybody else.
    trail_mark_all(fixture->trail);
    assert_string_equal(fixture_sql(fixture, "SELECT subject FROM exposure"), "tina");
    assert_shut(fixture, open_as_tina(fixture, A, made.name));
    assert_int_equal(open_as_tina(fixture, A, NULL), ERR_RESOURCE_NOT_FOUND);
}

static void is_of_no_use_to_anybody_else(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    const char *name = arena_strdup(&fixture->arena, made.name);
    asks.handoff = name;
    assert_shut(fixture, reveal(fixture, A)); // its sender
    be_tina(fixture);
    fixture->caller.subject = "tim";
    assert_shut(fixture, reveal(fixture, A));
    assert_shut(fixture, open_as_tina(fixture, A, NOWHERE));
    // Of another password, in its own name and in that of the other.
    assert_int_equal(open_as_tina(fixture, B, name), ERR_FIELD_INVALID);
    assert_string_equal(reveal_err.field, "handoff");
    const char *moved = arena_printf(&fixture->arena, "companies/acme/passwords/%d%s", B,
                                     strstr(name, "/handoffs/"));
    assert_shut(fixture, open_as_tina(fixture, B, moved));
    assert_int_equal(open_as_tina(fixture, A, "handoffs/1"), ERR_FIELD_INVALID);
    fixture->caller.tenant = "t2";
    assert_int_equal(reveal(fixture, A), ERR_FIELD_INVALID);
    asks.handoff = name;
    assert_int_equal(reveal(fixture, A), ERR_HANDOFF_NOT_OPEN);
    fixture->caller.tenant = "t1";
    assert_int_equal(open_as_tina(fixture, A, name), ERR_OK);
}

static void shuts(void **state)
{
    struct fixture *fixture = *state;
    static const char *const causes[] = {
        "UPDATE password_handoff SET expire_time = now()",
        "INSERT INTO subject_revocation (tenant, subject, revoke_time)"
        " VALUES ('t1', 'tom', '2001-01-01')",
        "INSERT INTO subject_revocation (tenant, subject, revoke_time)"
        " VALUES ('t1', 'tina', '2001-01-01')",
        "INSERT INTO reveal_freeze VALUES ('t1', 1, 'tom', 'f1', '', 'x', 'X', 1, 1, 60, now())",
        // A company of the same id is another one.
        "CREATE TEMPORARY TABLE m AS SELECT * FROM mapping; DELETE FROM mapping;"
        "DELETE FROM company WHERE id = 'acme'; INSERT INTO company (tenant, id, display_name,"
        " name_key, create_time, update_time) VALUES ('t1', 'acme', 'Acme', 'acme', now(), now());"
        "INSERT INTO mapping SELECT * FROM m;"
        "INSERT INTO company_password_access VALUES ('t1', 'acme', 3, true, 1, now())",
    };
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        (void)fixture_sql(fixture, "DELETE FROM subject_revocation");
        (void)fixture_sql(fixture, "DELETE FROM reveal_freeze");
        assert_int_equal(hand_off(fixture, A), ERR_OK);
        (void)fixture_sql(fixture, causes[i]);
        assert_shut(fixture, open_as_tina(fixture, A, made.name));
    }
    (void)fixture_sql(fixture, "DELETE FROM reveal_freeze");
    // What concerns others does not.
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    (void)fixture_sql(fixture, "INSERT INTO subject_revocation (tenant, subject, revoke_time)"
                               " VALUES ('t1', 'tim', '2001-01-01'), ('t2', 'tom', '2001-01-01')");
    (void)fixture_sql(fixture, "INSERT INTO reveal_freeze VALUES"
                               " ('t1', 2, 'tom', 'f1', '', 'x', 'X', 1, 1, 60, now())");
    assert_int_equal(open_as_tina(fixture, A, made.name), ERR_OK);
}

static void is_open_for_as_long_whatever_the_servers_clock(void **state)
{
    struct fixture *fixture = *state;
    for (int hours = -2; hours <= 2; hours += 4) {
        int64_t now_us = clock_wall_us();
        clock_fake(true, now_us + hours * INT64_C(3600000000), clock_steady_ms());
        assert_int_equal(hand_off(fixture, A), ERR_OK);
        clock_fake(false, 0, 0);
        assert_in_range(made.expire_time->seconds, now_us / 1000000 + 899, now_us / 1000000 + 930);
        assert_int_equal(open_as_tina(fixture, A, made.name), ERR_OK);
    }
}

static void its_sender_withdraws_it(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    be_tina(fixture);
    assert_int_equal(withdraw(fixture, made.name), ERR_RESOURCE_NOT_FOUND);
    be_tom(fixture);
    assert_int_equal(withdraw(fixture, NOWHERE), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(withdraw(fixture, made.name), ERR_OK);
    assert_non_null(strstr(changes(fixture), "\"new\":null"));
    assert_string_equal(fixture_sql(fixture, "SELECT resource_display_name || '|' ||"
                                             " company_display_name FROM audit_event"
                                             " ORDER BY sequence DESC LIMIT 1"),
                        "Firewall admin|Acme GmbH");
    assert_int_equal(withdraw(fixture, made.name), ERR_RESOURCE_NOT_FOUND);
    assert_shut(fixture, open_as_tina(fixture, A, made.name));
}

// Whoever opens it gets through every other gate, and what is denied leaves it open.
static void lends_nothing_but_sight(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    const char *name = arena_strdup(&fixture->arena, made.name);
    reveals_set_policy(fixture, "reason_required = true");
    assert_int_equal(open_as_tina(fixture, A, name), ERR_REVEAL_REASON_REQUIRED);
    asks.reason = "on call";
    fixture->caller.permissions = 1u << PERMISSION_READ_DOCUMENTATION;
    assert_int_equal(reveal(fixture, A), ERR_MISSING_PERMISSION);
    fixture->caller.permissions |= 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS;
    fixture->caller.actor = ACTOR_AGENT;
    assert_int_equal(reveal(fixture, A), ERR_SEALED_REVEAL_REQUIRED);
    fixture->caller.actor = ACTOR_HUMAN;
    reveals_set_policy(fixture, "handoff_max_s = 0");
    assert_int_equal(reveal(fixture, A), ERR_HANDOFF_NOT_ALLOWED);
    reveals_set_policy(fixture, "handoff_max_s = 60");
    (void)fixture_sql(fixture, "UPDATE company_password_access SET level = 1");
    assert_int_equal(reveal(fixture, A), ERR_COMPANY_NO_ACCESS);
    (void)fixture_sql(fixture, "UPDATE company_password_access SET level = 3");
    reveals_set_policy(fixture, "user_limit = 1, user_window_s = 3600");
    (void)fixture_sql(fixture, "INSERT INTO reveal_use VALUES ('t1', 1, 'tina', 'c1', 1, now())");
    assert_int_equal(reveal(fixture, A), ERR_REVEAL_BUDGET_EXCEEDED);
    reveals_set_policy(fixture, "user_limit = 0");
    assert_int_equal(upstream.calls, 0);
    assert_int_equal(reveal(fixture, A), ERR_OK);
}

// What the live record and the settings of that moment say still counts, and it is used up then.
static void is_judged_live(void **state)
{
    struct fixture *fixture = *state;
    const void *pair[] = {fixture, "UPDATE reveal_policy SET handoff_max_s = 0"};
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(open_as_tina(fixture, A, made.name), ERR_HANDOFF_NOT_ALLOWED);
    assert_int_equal(revealed.value_case, 0);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM password_handoff"), "0");
}

static void open_again(void *context)
{
    struct fixture *fixture = context;
    upstream.while_asked = NULL;
    assert_int_equal(reveal(fixture, A), ERR_HANDOFF_NOT_OPEN);
}

static void is_used_up_before_upstream_is_asked(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    upstream.while_asked = open_again;
    upstream.context = fixture;
    assert_int_equal(open_as_tina(fixture, A, made.name), ERR_OK);
    assert_int_equal(upstream.calls, 1);
}

// Found open, and gone when it is to be used up: another was first.
static void opens_for_the_first_alone(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    (void)fixture_sql(fixture, "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS"
                               " 'BEGIN RETURN NULL; END'");
    (void)fixture_sql(fixture, "CREATE TRIGGER gone BEFORE DELETE ON password_handoff"
                               " FOR EACH ROW EXECUTE FUNCTION gone()");
    assert_shut(fixture, open_as_tina(fixture, A, made.name));
}

// Without an intent there is no use of it.
static void stays_open_without_an_audit_trail(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    (void)fixture_sql(fixture, "REVOKE INSERT ON audit_event FROM docbridge_server");
    assert_int_equal(open_as_tina(fixture, A, made.name), ERR_AUDIT_UNAVAILABLE);
    assert_int_equal(upstream.calls, 0);
    (void)fixture_sql(fixture, "GRANT INSERT ON audit_event TO docbridge_server");
    assert_int_equal(open_as_tina(fixture, A, made.name), ERR_OK);
}

static void whoever_hands_on_could_reveal(void **state)
{
    struct fixture *fixture = *state;
    be_tina(fixture);
    assert_int_equal(hand_off_for(fixture, A, "tim", 0), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_sql(fixture, "SELECT concat_ws(' ', type, outcome, error_reason)"
                                             " FROM audit_event ORDER BY sequence DESC LIMIT 1"),
                        "44 2 RESOURCE_NOT_FOUND");
    assert_int_equal(hand_off(fixture, PASSWORD_VAULTED), ERR_PASSWORD_VAULTED_UPSTREAM);
    assert_int_equal(hand_off(fixture, PASSWORD_STRANGER), ERR_RESOURCE_NOT_FOUND);
    fixture->caller.actor = ACTOR_SERVICE;
    assert_int_equal(hand_off_for(fixture, A, "tina", 0), ERR_ACTOR_NOT_ALLOWED);
    be_tom(fixture);
    assert_int_equal(hand_off_for(fixture, A, "tom", 0), ERR_FIELD_INVALID);
    // Whom no token can name.
    static const char *const nobody[] = {" ", "\u00a0", "tina\n", "ti\u202ena", "ti\x1bna"};
    for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
        assert_int_equal(hand_off_for(fixture, A, nobody[i], 0), ERR_FIELD_INVALID);
    assert_int_equal(hand_off_for(fixture, A, "tina", 59), ERR_FIELD_INVALID);
    assert_int_equal(hand_off_for(fixture, A, "tina", 86401), ERR_FIELD_INVALID);
    assert_int_equal(hand_off_for(fixture, A, "tina", 3601), ERR_HANDOFF_NOT_ALLOWED);
    assert_string_equal(err_meta_get(&reveal_err, "limit"), "3600s");
    assert_int_equal(hand_off_for(fixture, A, "tina", 3600), ERR_OK);
    reveals_set_policy(fixture, "reason_required = true");
    assert_int_equal(hand_off(fixture, A), ERR_REVEAL_REASON_REQUIRED);
    reveals_set_policy(fixture, "reason_required = false, handoff_max_s = 0");
    assert_int_equal(hand_off(fixture, A), ERR_HANDOFF_NOT_ALLOWED);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM password_handoff"), "1");
}

static void takes_room_in_the_senders_budget(void **state)
{
    struct fixture *fixture = *state;
    reveals_set_policy(fixture, "user_limit = 1, user_window_s = 3600, user_freezes = true");
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    const char *name = arena_strdup(&fixture->arena, made.name);
    assert_int_equal(hand_off(fixture, B), ERR_REVEAL_BUDGET_EXCEEDED);
    assert_int_equal(hand_off(fixture, A), ERR_REVEALS_FROZEN);
    // And with the freeze what was handed on before is over.
    assert_shut(fixture, open_as_tina(fixture, A, name));
}

static void a_sender_has_so_many_open(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "INSERT INTO password_handoff SELECT 't1', 'x' || i, 'c1', 'acme',"
                               " 9001, 'tom', 'tina', now() + interval '1 hour'"
                               " FROM generate_series(1, 99) i");
    (void)fixture_sql(fixture, "INSERT INTO password_handoff SELECT 't1', 'y' || i, 'c1', 'acme',"
                               " 9001, 'tom', 'tina', now() FROM generate_series(1, 99) i");
    reveals_set_policy(fixture, "user_limit = 2, user_window_s = 3600, user_freezes = true");
    assert_int_equal(hand_off(fixture, A), ERR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hand_off(fixture, B), ERR_HANDOFF_NOT_ALLOWED);
    assert_string_equal(err_meta_get(&reveal_err, "limit"), "100");
    // What was not handed on took no room.
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM reveal_use"), "1");
    // Those that are over went.
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM password_handoff"), "100");
}

// A call aside, and what became of it.
struct aside {
    struct fixture *fixture;
    pthread_t thread;
    enum err_code code;
};

static void *hand_off_aside(void *context)
{
    struct aside *aside = context;
    aside->code = hand_off_for(aside->fixture, A, "tina", 0);
    return NULL;
}

static void *revoke_aside(void *context)
{
    struct aside *aside = context;
    const struct principal admin = {.tenant = "t1", .subject = "ada", .display_name = "Ada"};
    struct request request = aside->fixture->request;
    struct arena arena _cleanup_(arena_done);
    char subject[] = "tom";
    Docbridge__V1__RevokeSubjectRequest in = DOCBRIDGE__V1__REVOKE_SUBJECT_REQUEST__INIT;
    Docbridge__V1__RevokeSubjectResponse out = DOCBRIDGE__V1__REVOKE_SUBJECT_RESPONSE__INIT;
    struct err err;
    arena_init(&arena, 1 << 20);
    request.caller = &admin;
    request.arena = &arena;
    in.subject = subject;
    aside->code = access_service.methods[0].unary(&request, &in, &out, &err);
    return NULL;
}

static void await_waiting(struct fixture *fixture, const char *wanted)
{
    const char *sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    struct deadline deadline = deadline_in(20000);
    while (strcmp(fixture_sql(fixture, sql), wanted) != 0 && deadline_left_ms(deadline) > 0)
        (void)usleep(10000);
    assert_string_equal(fixture_sql(fixture, sql), wanted);
}

// Tom hands on, and is left waiting for the end of the chain, which `*ret_tx` holds.
static void hand_off_late(struct fixture *fixture, struct aside *aside, struct tx **ret_tx)
{
    struct audit_head head;
    struct err err;
    be_tom(fixture);
    fixture->caller.issue_time_us = clock_wall_us() - 1000000;
    *aside = (struct aside){.fixture = fixture};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(20000), NULL, ret_tx, &err),
                     ERR_OK);
    assert_int_equal(audit_event_lock_head(*ret_tx, &head, &err), ERR_OK);
    assert_int_equal(pthread_create(&aside->thread, NULL, hand_off_aside, aside), 0);
    await_waiting(fixture, "1");
}

// What ends the sender's reveals sees no hand-off that is not committed yet.
static void is_not_made_by_whom_it_ended_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql;
        enum err_code code;
    } causes[] = {
        {"INSERT INTO reveal_freeze VALUES ('t1', 1, 'tom', 'f1', '', 'x', 'X', 1, 1, 60, now())",
         ERR_REVEALS_FROZEN},
        {"UPDATE reveal_policy SET handoff_max_s = 0, revision = revision + 1",
         ERR_HANDOFF_NOT_ALLOWED},
        {"INSERT INTO subject_revocation (tenant, subject, revoke_time) VALUES ('t1', 'tom', "
         "now())",
         ERR_TOKEN_REVOKED},
    };
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        struct aside aside;
        struct tx *tx;
        (void)fixture_sql(fixture, "DELETE FROM reveal_freeze");
        reveals_set_policy(fixture, "handoff_max_s = 3600");
        hand_off_late(fixture, &aside, &tx);
        (void)fixture_sql(fixture, causes[i].sql);
        tx_abortp(&tx);
        (void)pthread_join(aside.thread, NULL);
        assert_int_equal(aside.code, causes[i].code);
        assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM password_handoff"), "0");
        assert_string_equal(
            fixture_sql(fixture, "SELECT count(*) FROM audit_event WHERE outcome = 1"), "0");
    }
}

static void a_revocation_waits_for_one_on_its_way(void **state)
{
    struct fixture *fixture = *state;
    struct aside sender, admin = {.fixture = fixture};
    struct tx *tx;
    hand_off_late(fixture, &sender, &tx);
    assert_int_equal(pthread_create(&admin.thread, NULL, revoke_aside, &admin), 0);
    await_waiting(fixture, "2");
    tx_abortp(&tx);
    (void)pthread_join(sender.thread, NULL);
    (void)pthread_join(admin.thread, NULL);
    assert_int_equal(sender.code, ERR_OK);
    assert_int_equal(admin.code, ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM password_handoff"), "0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, handoffs_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(opens_once_for_the_recipient),
        TEST(is_of_no_use_to_anybody_else),
        TEST(shuts),
        TEST(is_open_for_as_long_whatever_the_servers_clock),
        TEST(its_sender_withdraws_it),
        TEST(lends_nothing_but_sight),
        TEST(is_judged_live),
        TEST(is_used_up_before_upstream_is_asked),
        TEST(opens_for_the_first_alone),
        TEST(stays_open_without_an_audit_trail),
        TEST(whoever_hands_on_could_reveal),
        TEST(takes_room_in_the_senders_budget),
        TEST(a_sender_has_so_many_open),
        TEST(is_not_made_by_whom_it_ended_meanwhile),
        TEST(a_revocation_waits_for_one_on_its_way),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
