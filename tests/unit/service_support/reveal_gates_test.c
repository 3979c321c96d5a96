// The local gates of a reveal: each closed alone, each pair, and all open (REV-03, REV-06, PWC-03).
#include "server/service/reveal.h"
#include "server/source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char COMPANY[] = "companies/acme";
static const char NAME[] = "companies/acme/passwords/7";
static const char WEB_URL[] = "https://acme.itglue.com/1/passwords/7";

// A service that asks for a value in the clear without a word: what the policy may refuse.
static const struct principal CALLER = {
    .tenant = "t1",
    .actor = ACTOR_SERVICE,
    .permissions = 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS,
    .all_companies = true,
};

static enum err_code judge(const struct password_gates *gates, struct err *err)
{
    static const struct reveal_asks ASKS = {.reason = " \u00a0\u200b", .ticket = "\u3000"};
    const struct reveal_case what = {&CALLER, true, COMPANY, NAME, gates, &ASKS, NULL};
    return reveal_judge(&what, NULL, err);
}

static struct password_gates open_gates(void)
{
    return (struct password_gates){
        .sight = {.standing = {.state = CONNECTION_ACTIVE, .provider = SOURCE_PROVIDER_IT_GLUE},
                  .mapped = true,
                  .password_sharing_enabled = true,
                  .password_level = SIGHT_SELECTED_CATEGORIES},
        .found = true,
        .category_allowed = true,
        .web_url = WEB_URL,
        .policy = {.restricted_records = REVEAL_RESTRICTED_PER_USER,
                   .service_callers = REVEAL_SERVICES_LIKE_HUMANS},
    };
}

static void close_connection(struct password_gates *gates)
{
    gates->sight.standing.state = CONNECTION_ERROR;
}

static void close_provider(struct password_gates *gates)
{
    gates->sight.standing.provider = SOURCE_PROVIDER_HUDU;
}

static void close_pause(struct password_gates *gates)
{
    gates->sight.standing.reveals_paused = true;
}

static void close_sharing(struct password_gates *gates)
{
    gates->sight.password_sharing_enabled = false;
}

static void close_level(struct password_gates *gates)
{
    gates->sight.password_level = SIGHT_NO_ACCESS;
}

static void close_mapping(struct password_gates *gates)
{
    gates->sight.mapped = false;
}

static void close_entry(struct password_gates *gates)
{
    gates->found = false;
}

static void close_category(struct password_gates *gates)
{
    gates->category_allowed = false;
}

static void close_vaulted(struct password_gates *gates)
{
    gates->vaulted = true;
}

static void close_personal(struct password_gates *gates)
{
    gates->personal = true;
}

static void close_archived(struct password_gates *gates)
{
    gates->archived = true;
}

static void close_restricted(struct password_gates *gates)
{
    gates->restricted = true;
}

static void close_folder(struct password_gates *gates)
{
    gates->folder_restricted = true;
}

static void close_actor(struct password_gates *gates)
{
    gates->policy.service_callers = REVEAL_SERVICES_REFUSED;
}

static void close_reason(struct password_gates *gates)
{
    gates->policy.reason_required = true;
}

static void close_ticket(struct password_gates *gates)
{
    gates->policy.ticket_required = true;
}

static void close_sealed(struct password_gates *gates)
{
    gates->policy.sealed_required = true;
}

// In the order in which they are asked; `key` is a line of metadata that helps a person on.
static const struct gate {
    void (*close)(struct password_gates *gates);
    enum err_code code;
    enum status status;
    const char *key, *value;
} GATES[] = {
    {close_connection, ERR_CONNECTION_NOT_ACTIVE, STATUS_FAILED_PRECONDITION, "state", "ERROR"},
    {close_provider, ERR_PROVIDER_NOT_SUPPORTED, STATUS_FAILED_PRECONDITION, "provider", "HUDU"},
    {close_pause, ERR_REVEALS_PAUSED, STATUS_FAILED_PRECONDITION, NULL, NULL},
    {close_sharing, ERR_PASSWORD_SHARING_DISABLED, STATUS_FAILED_PRECONDITION, NULL, NULL},
    {close_level, ERR_COMPANY_NO_ACCESS, STATUS_FAILED_PRECONDITION, "company", COMPANY},
    {close_mapping, ERR_RESOURCE_NOT_FOUND, STATUS_NOT_FOUND, "resource", NAME},
    {close_entry, ERR_RESOURCE_NOT_FOUND, STATUS_NOT_FOUND, "resource", NAME},
    {close_category, ERR_CATEGORY_NOT_ALLOWED, STATUS_FAILED_PRECONDITION, NULL, NULL},
    {close_vaulted, ERR_PASSWORD_VAULTED_UPSTREAM, STATUS_FAILED_PRECONDITION, "upstream_uri",
     WEB_URL},
    {close_personal, ERR_PASSWORD_PERSONAL_UPSTREAM, STATUS_FAILED_PRECONDITION, "upstream_uri",
     WEB_URL},
    {close_archived, ERR_PASSWORD_ARCHIVED_UPSTREAM, STATUS_FAILED_PRECONDITION, "upstream_uri",
     WEB_URL},
    {close_restricted, ERR_UPSTREAM_RECORD_RESTRICTED, STATUS_PERMISSION_DENIED, "upstream_uri",
     WEB_URL},
    {close_folder, ERR_UPSTREAM_RECORD_RESTRICTED, STATUS_PERMISSION_DENIED, "mode", "PER_USER"},
    {close_actor, ERR_ACTOR_NOT_ALLOWED, STATUS_PERMISSION_DENIED, "actor_kind", "SERVICE"},
    {close_reason, ERR_REVEAL_REASON_REQUIRED, STATUS_INVALID_ARGUMENT, "min_length", "1"},
    {close_ticket, ERR_TICKET_REQUIRED, STATUS_INVALID_ARGUMENT, "policy", "revealPolicy"},
    {close_sealed, ERR_SEALED_REVEAL_REQUIRED, STATUS_INVALID_ARGUMENT, "policy", "revealPolicy"},
};

static void assert_decides(const struct gate *gate, const struct password_gates *gates)
{
    struct err err = {0};
    enum err_code code = judge(gates, &err);
    if (code != gate->code)
        fail_msg("%s decides instead of %s", err_reason(code), err_reason(gate->code));
    assert_int_equal(err.code, code);
    assert_int_equal(err_status(code), gate->status);
    assert_true(err.text[0] != '\0');
    if (gate->key != NULL) {
        assert_non_null(err_meta_get(&err, gate->key));
        assert_string_equal(err_meta_get(&err, gate->key), gate->value);
    }
}

static void opens_when_all_are_open(void **state)
{
    (void)state;
    struct password_gates gates = open_gates();
    assert_int_equal(judge(&gates, NULL), ERR_OK);
    gates.sight.password_level = SIGHT_ALL_CATEGORIES;
    assert_int_equal(judge(&gates, NULL), ERR_OK);
    // Switches of other kinds of documentation do not matter.
    gates.sight.documents_enabled = gates.sight.checklists_enabled = true;
    assert_int_equal(judge(&gates, NULL), ERR_OK);
}

static void each_gate_closes_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(GATES); i++) {
        struct password_gates gates = open_gates();
        GATES[i].close(&gates);
        assert_decides(&GATES[i], &gates);
    }
}

static void the_first_of_two_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(GATES); i++) {
        for (size_t k = i + 1; k < ARRAY_LEN(GATES); k++) {
            struct password_gates gates = open_gates();
            GATES[i].close(&gates);
            GATES[k].close(&gates);
            assert_decides(&GATES[i], &gates);
        }
    }
}

static void the_first_of_all_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(GATES); i++) {
        struct password_gates gates = open_gates();
        for (size_t k = i; k < ARRAY_LEN(GATES); k++)
            GATES[k].close(&gates);
        assert_decides(&GATES[i], &gates);
    }
}

static void only_an_active_connection_reveals(void **state)
{
    (void)state;
    static const struct {
        int state;
        const char *text;
    } rows[] = {{0, "NONE"},     {2, "ERROR"},   {3, "DISCONNECTED"},
                {4, "DELETING"}, {5, "UNKNOWN"}, {-1, "UNKNOWN"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct password_gates gates = open_gates();
        struct err err = {0};
        gates.sight.standing.state = rows[i].state;
        gates.sight.standing.since_us = 1772366400000000;
        assert_int_equal(judge(&gates, &err), ERR_CONNECTION_NOT_ACTIVE);
        assert_string_equal(err_meta_get(&err, "state"), rows[i].text);
        assert_string_equal(err_meta_get(&err, "since"), "2026-03-01T12:00:00.000000Z");
    }
}

// Permission first, then scope: what a token lacks hides what the settings say.
static void the_caller_is_judged_first(void **state)
{
    (void)state;
    struct password_gates gates = open_gates();
    struct principal caller = {0};
    struct reveal_case what = {&caller, false, COMPANY, NAME, &gates, NULL, NULL};
    struct err err = {0};
    Docbridge__V1__AccessGate gate;
    assert_int_equal(reveal_judge(&what, &gate, &err), ERR_MISSING_PERMISSION);
    assert_int_equal(gate, DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_PERMISSION);
    assert_string_equal(err_meta_get(&err, "permission"), "read_documentation_passwords");
    caller.permissions = CALLER.permissions;
    assert_int_equal(reveal_judge(&what, &gate, &err), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(gate, DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_COMPANY_SCOPE);
    what.in_sight = true;
    assert_int_equal(reveal_judge(&what, &gate, &err), ERR_OK);
    assert_int_equal(gate, DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_UNSPECIFIED);
    // What was handed over needs no sight, but a policy that lets it.
    what.handed = true;
    what.in_sight = false;
    assert_int_equal(reveal_judge(&what, &gate, &err), ERR_HANDOFF_NOT_ALLOWED);
    assert_int_equal(gate, DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_COMPANY_SCOPE);
    gates.policy.handoff_max_s = 60;
    assert_int_equal(reveal_judge(&what, &gate, &err), ERR_OK);
    what.gates = NULL; // no such company
    assert_int_equal(reveal_judge(&what, &gate, &err), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(gate, DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_COMPANY_SCOPE);
}

// Default deny: a number that no level has opens nothing.
static void an_unknown_level_reveals_nothing(void **state)
{
    (void)state;
    static const int levels[] = {0, SIGHT_NO_ACCESS, 4, -1};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct password_gates gates = open_gates();
        gates.sight.password_level = levels[i];
        assert_int_equal(judge(&gates, NULL), ERR_COMPANY_NO_ACCESS);
    }
}

static void an_unknown_policy_opens_nothing(void **state)
{
    (void)state;
    static const int numbers[] = {0, 4, -1};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct password_gates gates = open_gates();
        gates.policy.service_callers = numbers[i];
        assert_int_equal(judge(&gates, NULL), ERR_ACTOR_NOT_ALLOWED);
        gates = open_gates();
        gates.restricted = true;
        gates.policy.restricted_records = numbers[i];
        assert_int_equal(judge(&gates, NULL), ERR_UPSTREAM_RECORD_RESTRICTED);
    }
}

// What is not there and what is hidden are told in the same words.
static void an_unmapped_entry_is_simply_not_found(void **state)
{
    (void)state;
    struct password_gates gates = open_gates();
    struct err err = {0}, missing = {0};
    gates.found = false;
    assert_int_equal(judge(&gates, &err), ERR_RESOURCE_NOT_FOUND);
    (void)err_not_found(&missing, NAME);
    assert_string_equal(err.text, missing.text);
    assert_int_equal(err.meta_count, missing.meta_count);
}

static void names_no_page_that_there_is_not(void **state)
{
    (void)state;
    struct password_gates gates = open_gates();
    struct err err = {0};
    gates.vaulted = true;
    gates.web_url = "";
    assert_int_equal(judge(&gates, &err), ERR_PASSWORD_VAULTED_UPSTREAM);
    assert_null(err_meta_get(&err, "upstream_uri"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_when_all_are_open),
        cmocka_unit_test(each_gate_closes_alone),
        cmocka_unit_test(the_first_of_two_decides),
        cmocka_unit_test(the_first_of_all_decides),
        cmocka_unit_test(the_caller_is_judged_first),
        cmocka_unit_test(only_an_active_connection_reveals),
        cmocka_unit_test(an_unknown_level_reveals_nothing),
        cmocka_unit_test(an_unknown_policy_opens_nothing),
        cmocka_unit_test(an_unmapped_entry_is_simply_not_found),
        cmocka_unit_test(names_no_page_that_there_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
