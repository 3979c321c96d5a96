// What a reveal asks for: the policy as it is read and changed, its gates, and the sealed value.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "docbridge/v1/reveal_policy.pb-c.h"
#include "server/service/services.h"
#include "server/store/password_handoff.h"
#include "tests/integration/reading/reveals.h"

#define RECORDS(name) DOCBRIDGE__V1__REVEAL_POLICY__RESTRICTED_RECORDS__RESTRICTED_RECORDS_##name
#define SERVICES(name) DOCBRIDGE__V1__REVEAL_POLICY__SERVICE_CALLERS__SERVICE_CALLERS_##name

typedef Docbridge__V1__RevealPolicy Policy;

static Policy policy;

static const struct method *method(const char *name)
{
    for (size_t i = 0; i < reveal_policy_service.method_count; i++)
        if (strcmp(reveal_policy_service.methods[i].name, name) == 0)
            return &reveal_policy_service.methods[i];
    fail_msg("no method %s", name);
    return NULL;
}

static enum err_code get_named(struct fixture *fixture, const char *name)
{
    Docbridge__V1__GetRevealPolicyRequest in;
    docbridge__v1__get_reveal_policy_request__init(&in);
    docbridge__v1__reveal_policy__init(&policy);
    in.name = arena_strdup(&fixture->arena, name);
    return method("GetRevealPolicy")->unary(&fixture->request, &in, &policy, &reveal_err);
}

// Changes the fields of `paths`, separated by commas.
static enum err_code update(struct fixture *fixture, const Policy *wanted, const char *paths)
{
    Docbridge__V1__UpdateRevealPolicyRequest in;
    Google__Protobuf__FieldMask mask;
    char *names[16];
    docbridge__v1__update_reveal_policy_request__init(&in);
    google__protobuf__field_mask__init(&mask);
    Policy asked = *wanted;
    if (asked.name[0] == '\0')
        asked.name = arena_strdup(&fixture->arena, "revealPolicy");
    mask.paths = names;
    char *rest = arena_strdup(&fixture->arena, paths);
    for (char *path; (path = strsep(&rest, ",")) != NULL;)
        if (path[0] != '\0')
            names[mask.n_paths++] = path;
    in.reveal_policy = &asked;
    in.update_mask = &mask;
    docbridge__v1__reveal_policy__init(&policy);
    reveal_err = (struct err){0};
    return method("UpdateRevealPolicy")->unary(&fixture->request, &in, &policy, &reveal_err);
}

static Policy wish(void)
{
    Policy wanted;
    docbridge__v1__reveal_policy__init(&wanted);
    return wanted;
}

static const char *changes(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT type || ' ' || resource || ' ' || changes FROM audit_event"
                                " ORDER BY sequence DESC LIMIT 1");
}

static void has_defaults_and_changes_with_its_event(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(get_named(fixture, "revealPolicy"), ERR_OK);
    assert_string_equal(policy.name, "revealPolicy");
    assert_int_equal(policy.restricted_records, RECORDS(PER_USER));
    assert_int_equal(policy.service_callers, SERVICES(LIKE_HUMANS));
    assert_false(policy.reason_required || policy.ticket_required || policy.sealed_required ||
                 policy.restricted_passwords_listed);
    assert_null(policy.update_time);
    assert_string_equal(policy.etag, "r0");

    Policy wanted = wish();
    wanted.restricted_records = RECORDS(KEY_ONLY);
    wanted.reason_required = true;
    wanted.reason_min_length = 12;
    wanted.ticket_required = true; // not of the mask
    assert_int_equal(
        update(fixture, &wanted, "restricted_records,reason_required,reason_min_length"), ERR_OK);
    assert_true(policy.reason_required && !policy.ticket_required && policy.update_time != NULL);
    assert_string_equal(policy.etag, "r1");
    assert_string_equal(
        changes(fixture),
        "6 revealPolicy [{\"field\":\"restricted_records\",\"old\":\"PER_USER\",\"new\":"
        "\"KEY_ONLY\"},{\"field\":\"reason_required\",\"old\":\"false\",\"new\":\"true\"},"
        "{\"field\":\"reason_min_length\",\"old\":\"0\",\"new\":\"12\"}]");

    wanted = wish();
    wanted.restricted_passwords_listed = wanted.sealed_required = true;
    wanted.service_callers = SERVICES(REFUSED);
    assert_int_equal(
        update(fixture, &wanted, "restricted_passwords_listed,sealed_required,service_callers"),
        ERR_OK);
    assert_int_equal(get_named(fixture, "revealPolicy"), ERR_OK);
    assert_int_equal(policy.restricted_records, RECORDS(KEY_ONLY));
    assert_int_equal(policy.service_callers, SERVICES(REFUSED));
    assert_int_equal(policy.reason_min_length, 12);
    assert_true(policy.restricted_passwords_listed && policy.sealed_required);
    assert_string_equal(policy.etag, "r2");

    // What is so already is no change; what is unset is the default.
    assert_int_equal(update(fixture, &wanted, "sealed_required"), ERR_OK);
    assert_string_equal(policy.etag, "r2");
    wanted = wish();
    assert_int_equal(update(fixture, &wanted, "*"), ERR_OK);
    assert_int_equal(policy.restricted_records, RECORDS(PER_USER));
    assert_int_equal(policy.service_callers, SERVICES(LIKE_HUMANS));
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event"), "3");
}

static void refuses_what_is_no_policy(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *paths, *field;
    } rows[] = {
        {"", "update_mask"},
        {"etag", "update_mask"},
        {"restricted_records", "reveal_policy.restricted_records"},
        {"service_callers", "reveal_policy.service_callers"},
        {"reason_min_length", "reveal_policy.reason_min_length"},
        {"reason_min_length,reason_required", "reveal_policy.reason_min_length"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Policy wanted = wish();
        wanted.restricted_records = (Docbridge__V1__RevealPolicy__RestrictedRecords)3;
        wanted.service_callers = (Docbridge__V1__RevealPolicy__ServiceCallers)4;
        wanted.reason_min_length = i % 2 == 0 ? -1 : 201;
        assert_int_equal(update(fixture, &wanted, rows[i].paths), ERR_FIELD_INVALID);
        assert_string_equal(reveal_err.field, rows[i].field);
    }
    Policy wanted = wish();
    wanted.name = arena_strdup(&fixture->arena, "revealPolicies");
    assert_int_equal(update(fixture, &wanted, "*"), ERR_FIELD_INVALID);
    assert_int_equal(get_named(fixture, ""), ERR_FIELD_INVALID);
    wanted = wish();
    wanted.etag = arena_strdup(&fixture->arena, "r7");
    assert_int_equal(update(fixture, &wanted, "*"), ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event"), "0");
}

static void keeps_budgets(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RevealBudget user, company;
    Google__Protobuf__Duration day;
    docbridge__v1__reveal_budget__init(&user);
    docbridge__v1__reveal_budget__init(&company);
    google__protobuf__duration__init(&day);
    day.seconds = 86400;
    user.limit = 20;
    company.limit = 100;
    company.window = &day;
    company.freezes = true;
    Policy wanted = wish();
    wanted.user_budget = &user;
    wanted.company_budget = &company;
    assert_int_equal(update(fixture, &wanted, "user_budget,company_budget"), ERR_OK);
    assert_int_equal(get_named(fixture, "revealPolicy"), ERR_OK);
    assert_int_equal(policy.user_budget->limit, 20);
    assert_int_equal(policy.user_budget->window->seconds, 3600);
    assert_false(policy.user_budget->freezes);
    assert_int_equal(policy.company_budget->window->seconds, 86400);
    assert_true(policy.company_budget->freezes);
    assert_null(policy.tenant_budget);
    assert_string_equal(changes(fixture),
                        "6 revealPolicy [{\"field\":\"user_budget\",\"old\":\"none\",\"new\":"
                        "\"20 in 3600s\"},{\"field\":\"company_budget\",\"old\":\"none\","
                        "\"new\":\"100 in 86400s, freezes\"}]");
    static const struct {
        int32_t limit, nanos;
        int64_t seconds;
        const char *field;
    } bad[] = {{-1, 0, 60, "reveal_policy.company_budget.limit"},
               {10001, 0, 60, "reveal_policy.company_budget.limit"},
               {1, 0, 59, "reveal_policy.company_budget.window"},
               {1, 0, 30 * 86400 + 1, "reveal_policy.company_budget.window"},
               {1, 1, 60, "reveal_policy.company_budget.window"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        company.limit = bad[i].limit;
        day.seconds = bad[i].seconds;
        day.nanos = bad[i].nanos;
        assert_int_equal(update(fixture, &wanted, "company_budget"), ERR_FIELD_INVALID);
        assert_string_equal(reveal_err.field, bad[i].field);
    }
    wanted = wish();
    assert_int_equal(update(fixture, &wanted, "user_budget"), ERR_OK);
    assert_null(policy.user_budget);
    assert_int_equal(policy.company_budget->limit, 100);
}

static const char *open_handoffs(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT string_agg(id, ' ' ORDER BY id) FROM password_handoff");
}

static enum err_code let_hand_on(struct fixture *fixture, int64_t seconds)
{
    Google__Protobuf__Duration ttl;
    google__protobuf__duration__init(&ttl);
    ttl.seconds = seconds;
    Policy wanted = wish();
    wanted.handoff_max_ttl = seconds == 0 ? NULL : &ttl;
    return update(fixture, &wanted, "handoff_max_ttl");
}

// What was handed on under a policy does not come back when a later one lets people hand on again.
static void ends_what_is_handed_on_for_longer(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(let_hand_on(fixture, 3600), ERR_OK);
    (void)fixture_sql(fixture, "INSERT INTO password_handoff SELECT t, id, 'c1', 'acme', 9001,"
                               " 'tom', 'tina', now() + s * interval '1 s' FROM (VALUES"
                               " ('t1', 'long', 1800), ('t1', 'short', 50), ('t2', 'other', 1800))"
                               " h(t, id, s)");
    assert_int_equal(let_hand_on(fixture, 7200), ERR_OK);
    assert_string_equal(open_handoffs(fixture), "long other short");
    assert_int_equal(let_hand_on(fixture, 60), ERR_OK);
    assert_string_equal(open_handoffs(fixture), "other short");
    assert_int_equal(let_hand_on(fixture, 0), ERR_OK);
    assert_string_equal(open_handoffs(fixture), "other");
}

// With an arena of its own, beside the test.
static void *let_nobody_hand_on(void *context)
{
    struct fixture aside = *(const struct fixture *)context;
    arena_init(&aside.arena, 1 << 20);
    aside.request.arena = &aside.arena;
    assert_int_equal(let_hand_on(&aside, 0), ERR_OK);
    arena_done(&aside.arena);
    return NULL;
}

static void ends_what_is_being_handed_on(void **state)
{
    struct fixture *fixture = *state;
    const struct password_handoff handoff = {.connection_id = "c1",
                                             .company_id = "acme",
                                             .password_id = 9001,
                                             .sender = "tom",
                                             .recipient = "tina"};
    struct deadline deadline = deadline_in(20000);
    struct err err;
    struct tx *tx;
    const char *id;
    int64_t expire_us;
    pthread_t admin;
    assert_int_equal(let_hand_on(fixture, 3600), ERR_OK);
    assert_int_equal(store_begin(fixture->store, "t1", deadline, NULL, &tx, &err), ERR_OK);
    assert_int_equal(password_handoff_put(tx, &handoff, 60, &fixture->arena, &id, &expire_us, &err),
                     ERR_OK);
    assert_int_equal(pthread_create(&admin, NULL, let_nobody_hand_on, fixture), 0);
    while (strcmp(fixture_sql(fixture, "SELECT count(*) FROM pg_stat_activity"
                                       " WHERE wait_event_type = 'Lock'"),
                  "1") != 0 &&
           deadline_left_ms(deadline) > 0)
        (void)usleep(10000);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    (void)pthread_join(admin, NULL);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM password_handoff"), "0");
}

static void assert_denied(struct fixture *fixture, enum err_code code, const char *field)
{
    int calls = upstream.calls;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), code);
    assert_string_equal(reveal_err.field, field);
    assert_string_equal(err_meta_get(&reveal_err, "policy"), "revealPolicy");
    assert_int_equal(revealed.value_case, 0);
    assert_int_equal(upstream.calls, calls);
    assert_string_equal(last_event(fixture),
                        arena_printf(&fixture->arena, "3 2 %s 0 f 0", err_reason(code)));
    // Which policy it was stands in the event.
    assert_string_equal(fixture_sql(fixture, "SELECT policy_version = coalesce((SELECT revision"
                                             " FROM reveal_policy), 0) FROM audit_event"
                                             " ORDER BY sequence DESC LIMIT 1"),
                        "t");
}

static void asks_for_a_reason_and_a_ticket(void **state)
{
    struct fixture *fixture = *state;
    Policy wanted = wish();
    wanted.reason_required = wanted.ticket_required = true;
    wanted.reason_min_length = 5;
    assert_int_equal(update(fixture, &wanted, "*"), ERR_OK);
    // The reason comes first; the white space around it does not count, and characters do.
    static const char *const short_reasons[] = {NULL, "", "why?", "  why? \n\t",
                                                "\xc3\xa4\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(short_reasons); i++) {
        asks.reason = short_reasons[i];
        assert_denied(fixture, ERR_REVEAL_REASON_REQUIRED, "reason");
        assert_string_equal(err_meta_get(&reveal_err, "min_length"), "5");
    }
    asks.reason = "\xc3\xa4-1-2";
    assert_denied(fixture, ERR_TICKET_REQUIRED, "ticket");
    asks.ticket = " ";
    assert_denied(fixture, ERR_TICKET_REQUIRED, "ticket");
    asks.ticket = "T-7";
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    // The gates of the record come first.
    asks.reason = NULL;
    assert_int_equal(reveal(fixture, PASSWORD_VAULTED), ERR_PASSWORD_VAULTED_UPSTREAM);
    // A policy that came while upstream was asked counts too.
    (void)fixture_sql(fixture, "UPDATE reveal_policy SET reason_required = false");
    const void *pair[] = {fixture, "UPDATE reveal_policy SET reason_required = true"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_REVEAL_REASON_REQUIRED);
    assert_int_equal(revealed.value_case, 0);
}

// An outcome tells of the policy and the category that decided it, not of those before.
static void an_outcome_tells_what_decided_it(void **state)
{
    struct fixture *fixture = *state;
    static const char told[] = "SELECT concat_ws('|', phase, resource_display_name,"
                               " password_category_display_name, policy_version)"
                               " FROM audit_event ORDER BY sequence DESC LIMIT 1";
    const void *pair[] = {fixture, "UPDATE reveal_policy SET ticket_required = true, revision = 5"};
    reveals_set_policy(fixture, "revision = 4");
    upstream.live.category_id = 8;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_CATEGORY_NOT_ALLOWED);
    assert_string_equal(fixture_sql(fixture, told), "2|Firewall admin|Banking|4");
    upstream.live.category_id = 7;
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_TICKET_REQUIRED);
    assert_string_equal(fixture_sql(fixture, told), "2|Firewall admin|Infrastructure|5");
    // What is no longer there is told as it was.
    reveals_set_policy(fixture, "ticket_required = false");
    pair[1] = "DELETE FROM mapping WHERE company_id = 'acme'";
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_sql(fixture, told), "2|Firewall admin|Infrastructure|5");
}

// Agents need a reason and a key whatever the policy says; services as it says.
static void asks_more_of_agents(void **state)
{
    struct fixture *fixture = *state;
    unsigned char key[crypto_box_PUBLICKEYBYTES], secret[crypto_box_SECRETKEYBYTES];
    (void)crypto_box_keypair(key, secret);
    fixture->caller.actor = ACTOR_AGENT;
    assert_denied(fixture, ERR_REVEAL_REASON_REQUIRED, "reason");
    asks.reason = "asked by Ada";
    assert_denied(fixture, ERR_SEALED_REVEAL_REQUIRED, "recipient_public_key");
    asks.key = key;
    asks.key_len = sizeof(key);
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);

    asks = (struct asks){0};
    fixture->caller.actor = ACTOR_SERVICE;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    Policy wanted = wish();
    wanted.service_callers = SERVICES(LIKE_AGENTS);
    assert_int_equal(update(fixture, &wanted, "*"), ERR_OK);
    assert_denied(fixture, ERR_REVEAL_REASON_REQUIRED, "reason");
    asks.reason = "nightly";
    assert_denied(fixture, ERR_SEALED_REVEAL_REQUIRED, "recipient_public_key");
    wanted.service_callers = SERVICES(REFUSED);
    assert_int_equal(update(fixture, &wanted, "*"), ERR_OK);
    assert_denied(fixture, ERR_ACTOR_NOT_ALLOWED, "");
    fixture->caller.actor = ACTOR_HUMAN;
    asks = (struct asks){0};
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
}

// Seals to the key alone: nothing in the clear, and only its secret half opens it.
static void seals_the_value(void **state)
{
    struct fixture *fixture = *state;
    unsigned char key[crypto_box_PUBLICKEYBYTES], secret[crypto_box_SECRETKEYBYTES], opened[64];
    static const char *const values[] = {"s3cret-c4nary", ""};
    Policy wanted = wish();
    wanted.sealed_required = true;
    assert_int_equal(update(fixture, &wanted, "*"), ERR_OK);
    assert_denied(fixture, ERR_SEALED_REVEAL_REQUIRED, "recipient_public_key");
    asks.key = key;
    asks.key_len = sizeof(key);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        size_t len = strlen(values[i]);
        upstream.value = values[i];
        (void)crypto_box_keypair(key, secret);
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
        assert_int_equal(revealed.value_case,
                         DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_SEALED);
        assert_int_equal(revealed.empty, len == 0);
        assert_int_equal(revealed.sealed.len, len + crypto_box_SEALBYTES);
        assert_int_equal(
            crypto_box_seal_open(opened, revealed.sealed.data, revealed.sealed.len, key, secret),
            0);
        assert_memory_equal(opened, values[i], len);
        secret[5] ^= 1;
        assert_int_not_equal(
            crypto_box_seal_open(opened, revealed.sealed.data, revealed.sealed.len, key, secret),
            0);
    }
}

// Refused before anything is written or asked: other lengths, and keys that keep no secret.
static void refuses_keys_that_keep_no_secret(void **state)
{
    struct fixture *fixture = *state;
    static unsigned char small[][32] = {
        {0},
        {1},
        // The points of order 8.
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
         0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
         0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
        // p - 1, p and p + 1.
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    unsigned char good[33], secret[32];
    (void)crypto_box_keypair(good, secret);
    static const size_t lengths[] = {1, 31, 33};
    asks.key = good;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        asks.key_len = lengths[i];
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_FIELD_INVALID);
        assert_string_equal(reveal_err.field, "recipient_public_key");
    }
    asks.key_len = 32;
    // As they are, and with the bit set that counts for nothing.
    for (size_t i = 0; i < 2 * ARRAY_LEN(small); i++) {
        asks.key = small[i / 2];
        assert_int_not_equal(crypto_scalarmult(secret, good, asks.key), 0);
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_FIELD_INVALID);
        assert_string_equal(reveal_err.field, "recipient_public_key");
        small[i / 2][31] ^= 0x80;
    }
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event"), "0");
    assert_int_equal(upstream.calls, 0);
    asks.key = good;
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reveals_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(has_defaults_and_changes_with_its_event),
        TEST(refuses_what_is_no_policy),
        TEST(keeps_budgets),
        TEST(ends_what_is_handed_on_for_longer),
        TEST(ends_what_is_being_handed_on),
        TEST(asks_for_a_reason_and_a_ticket),
        TEST(an_outcome_tells_what_decided_it),
        TEST(asks_more_of_agents),
        TEST(seals_the_value),
        TEST(refuses_keys_that_keep_no_secret),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
