// ExplainPasswordAccess: for every gate it says what a reveal does, and to nobody more than that.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/password.h"
#include "tests/integration/reading/fixture.h"

#define GATE(name) DOCBRIDGE__V1__ACCESS_GATE__ACCESS_GATE_##name
#define RESULT(name) DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_RESPONSE__RESULT__RESULT_##name
#define BASIS(name) DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_RESPONSE__BASIS__BASIS_##name

typedef Docbridge__V1__ExplainPasswordAccessRequest__AssumedSubject Subject;

static Docbridge__V1__ExplainPasswordAccessResponse out;
static struct err err;

static const uint32_t TECHNICIAN =
    1u << PERMISSION_READ_DOCUMENTATION | 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS;
static const uint32_t ADMINISTRATOR =
    1u << PERMISSION_READ_DOCUMENTATION | 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS |
    1u << PERMISSION_READ_INTEGRATIONS | 1u << PERMISSION_MANAGE_INTEGRATIONS;

static enum err_code explain_as(struct fixture *fixture, const char *name, Subject *subject)
{
    Docbridge__V1__ExplainPasswordAccessRequest in;
    docbridge__v1__explain_password_access_request__init(&in);
    docbridge__v1__explain_password_access_response__init(&out);
    err = (struct err){0};
    in.name = arena_strdup(&fixture->arena, name);
    in.assumed_subject = subject;
    return password_explain(&fixture->request, &in, &out, &err);
}

static enum err_code explain(struct fixture *fixture, int password)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "companies/acme/passwords/%d", password);
    return explain_as(fixture, name, NULL);
}

static enum err_code reveal(struct fixture *fixture, int password)
{
    Docbridge__V1__RevealPasswordRequest in;
    Docbridge__V1__RevealPasswordResponse response;
    docbridge__v1__reveal_password_request__init(&in);
    docbridge__v1__reveal_password_response__init(&response);
    in.name = arena_printf(&fixture->arena, "companies/acme/passwords/%d", password);
    upstream.live.id = password;
    return password_reveal(&fixture->request, &in, &response, NULL);
}

// Whether only a reveal can tell.
static bool is_live(Docbridge__V1__AccessGate gate)
{
    return (gate >= GATE(AUDIT_INTENT) && gate <= GATE(AUDIT_OUTCOME)) ||
           gate == GATE(LIVE_AUTHORIZED);
}

// The gate that failed; all before it must have passed and none behind it been reached.
static const Docbridge__V1__ExplainPasswordAccessResponse__GateResult *first_fail(void)
{
    const Docbridge__V1__ExplainPasswordAccessResponse__GateResult *failed = NULL;
    for (size_t i = 0; i < out.n_gates; i++) {
        if (is_live(out.gates[i]->gate) || failed != NULL)
            assert_int_equal(out.gates[i]->result, RESULT(NOT_REACHED));
        else if (out.gates[i]->result == RESULT(FAIL))
            failed = out.gates[i];
        else
            assert_int_equal(out.gates[i]->result, RESULT(PASS));
    }
    return failed;
}

static const struct row {
    int gate;
    const char *close, *open; // NULL: the entry itself is shut
    int password;
    const char *decider;
} ROWS[] = {
    {GATE(CONNECTION_ACTIVE), "UPDATE connection SET state = 2", "UPDATE connection SET state = 1",
     PASSWORD_PLAIN, "connections/c1"},
    {GATE(REVEALS_RUNNING), "UPDATE connection SET reveals_paused = true",
     "UPDATE connection SET reveals_paused = false", PASSWORD_PLAIN, "connections/c1"},
    {GATE(SHARING_ENABLED), "UPDATE connection_config SET password_sharing_enabled = false",
     "UPDATE connection_config SET password_sharing_enabled = true", PASSWORD_PLAIN,
     "connections/c1/passwordConfig"},
    {GATE(COMPANY_LEVEL), "UPDATE company_password_access SET level = 1",
     "UPDATE company_password_access SET level = 2", PASSWORD_PLAIN,
     "companies/acme/passwordAccess"},
    {GATE(ORGANIZATION_MAPPED), "UPDATE mapping SET company_id = 'gone' WHERE company_id = 'acme'",
     "UPDATE mapping SET company_id = 'acme' WHERE company_id = 'gone'", PASSWORD_PLAIN,
     "companies/acme"},
    {GATE(ENTRY_SYNCED), NULL, NULL, 4711, "companies/acme/passwords/4711"},
    {GATE(ENTRY_SYNCED), NULL, NULL, PASSWORD_STRANGER, "companies/acme/passwords/9009"},
    {GATE(CATEGORY_ALLOWED), NULL, NULL, PASSWORD_OTHER_CATEGORY, "companies/acme/passwordAccess"},
    {GATE(CATEGORY_ALLOWED), "UPDATE company_password_access SET include_uncategorized = false",
     "UPDATE company_password_access SET include_uncategorized = true", PASSWORD_UNCATEGORIZED,
     "companies/acme/passwordAccess"},
    {GATE(NOT_VAULTED), NULL, NULL, PASSWORD_VAULTED, "companies/acme/passwords/9003"},
    {GATE(NOT_PERSONAL), NULL, NULL, PASSWORD_PERSONAL, "companies/acme/passwords/9005"},
    {GATE(NOT_ARCHIVED), NULL, NULL, PASSWORD_ARCHIVED, "companies/acme/passwords/9004"},
    {GATE(NOT_RESTRICTED), NULL, NULL, PASSWORD_RESTRICTED, "companies/acme/passwords/9006"},
    {GATE(NOT_RESTRICTED), NULL, NULL, PASSWORD_IN_CLOSED_FOLDER, "companies/acme/passwords/9007"},
    {GATE(NOT_FROZEN),
     "INSERT INTO reveal_freeze VALUES ('t1', 2, 'acme', 'f1', '', 'x', 'x', 1, 1, 60, now())",
     "DELETE FROM reveal_freeze", PASSWORD_PLAIN, "revealPolicy"},
    {GATE(BUDGET_LEFT),
     "UPDATE reveal_policy SET user_limit = 1, user_window_s = 60;"
     "INSERT INTO reveal_use VALUES ('t1', 1, 'tom', 'c1', 1, now())",
     "UPDATE reveal_policy SET user_limit = 0", PASSWORD_PLAIN, "revealPolicy"},
    {GATE(ACTOR_ALLOWED), "UPDATE reveal_policy SET service_callers = 3",
     "UPDATE reveal_policy SET service_callers = 1", PASSWORD_PLAIN, "revealPolicy"},
};

static void before(struct fixture *fixture)
{
    (void)fixture_sql(fixture,
                      "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
                      " update_time) VALUES ('t1', 'gone', 'Gone', 'gone', now(), now());"
                      "INSERT INTO reveal_policy VALUES ('t1', 1, false, false, 0, false, false,"
                      " 1, 1, now())");
    fixture->caller.actor = ACTOR_SERVICE; // like a human, unless the policy says otherwise
}

// The reason of a reveal is the reason of its explanation, whichever gate is shut.
static void says_what_a_reveal_says(void **state)
{
    struct fixture *fixture = *state;
    unsigned seen = 1u << GATE(PERMISSION) | 1u << GATE(COMPANY_SCOPE); // have tests of their own
    fixture->caller.permissions = ADMINISTRATOR;
    before(fixture);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        if (row->close != NULL)
            (void)fixture_sql(fixture, row->close);
        assert_int_equal(explain(fixture, row->password), ERR_OK);
        enum err_code code = reveal(fixture, row->password);
        assert_int_not_equal(code, ERR_OK);
        assert_string_equal(out.error_reason, err_reason(code));
        assert_false(out.allowed);
        assert_int_equal(out.basis, BASIS(CALLER));
        const Docbridge__V1__ExplainPasswordAccessResponse__GateResult *failed = first_fail();
        assert_non_null(failed);
        assert_int_equal(failed->gate, row->gate);
        assert_string_equal(failed->deciding_resource, row->decider);
        assert_true(failed->detail[0] != '\0');
        seen |= 1u << row->gate;
        if (row->open != NULL)
            (void)fixture_sql(fixture, row->open);
    }
    // No gate that can be asked is missing above, but those that an explanation takes as open.
    seen |= 1u << GATE(REASON_GIVEN) | 1u << GATE(TICKET_GIVEN) | 1u << GATE(SEALED);
    for (size_t i = 0; i < out.n_gates; i++)
        assert_true(is_live(out.gates[i]->gate) || (seen >> out.gates[i]->gate & 1));
    assert_int_equal(explain(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_null(first_fail());
    assert_true(out.allowed);
    assert_string_equal(out.error_reason, "");
    assert_int_equal(upstream.calls, 0);
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
}

// Each gate of the contract once, in the order of a reveal.
static void names_every_gate(void **state)
{
    struct fixture *fixture = *state;
    const ProtobufCEnumDescriptor *type = &docbridge__v1__access_gate__descriptor;
    fixture->caller.permissions = ADMINISTRATOR;
    assert_int_equal(explain(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_int_equal(out.n_gates, type->n_values - 1);
    unsigned seen = 0;
    for (size_t i = 0; i < out.n_gates; i++) {
        assert_int_equal(seen >> out.gates[i]->gate & 1, 0);
        seen |= 1u << out.gates[i]->gate;
    }
    assert_int_equal(seen, (1u << type->n_values) - 2);
}

// Without manage_integrations: the reason and nothing of the settings.
static void tells_others_no_more_than_a_reveal(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.permissions = TECHNICIAN;
    before(fixture);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].close != NULL)
            (void)fixture_sql(fixture, ROWS[i].close);
        assert_int_equal(explain(fixture, ROWS[i].password), ERR_OK);
        assert_string_equal(out.error_reason, err_reason(reveal(fixture, ROWS[i].password)));
        assert_int_equal(out.n_gates, 0);
        if (ROWS[i].open != NULL)
            (void)fixture_sql(fixture, ROWS[i].open);
    }
    fixture->caller.permissions = 1u << PERMISSION_READ_DOCUMENTATION;
    assert_int_equal(explain(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(out.error_reason, "MISSING_PERMISSION");
    Subject subject;
    docbridge__v1__explain_password_access_request__assumed_subject__init(&subject);
    assert_int_equal(explain_as(fixture, "companies/acme/passwords/9001", &subject),
                     ERR_MISSING_PERMISSION);
    assert_string_equal(err_meta_get(&err, "permission"), "manage_integrations");
}

// A company out of the caller's own scope is not there, for whomever it is asked.
static void hides_companies_out_of_scope(void **state)
{
    struct fixture *fixture = *state;
    static const char *const mine[] = {"beta"};
    Subject subject;
    docbridge__v1__explain_password_access_request__assumed_subject__init(&subject);
    subject.all_companies = true;
    fixture->caller.permissions = ADMINISTRATOR;
    fixture->caller.all_companies = false;
    fixture->caller.companies = mine;
    fixture->caller.company_count = 1;
    assert_int_equal(explain_as(fixture, "companies/acme/passwords/9001", &subject),
                     ERR_RESOURCE_NOT_FOUND);
    struct err hidden = err;
    fixture->caller.all_companies = true;
    fixture->caller.tenant = "t2"; // has a company "acme" of its own
    (void)fixture_sql(fixture, "DELETE FROM company WHERE tenant = 't2'");
    assert_int_equal(explain_as(fixture, "companies/acme/passwords/9001", &subject),
                     ERR_RESOURCE_NOT_FOUND);
    assert_memory_equal(&hidden, &err, sizeof(err));
}

static void assumes_a_subject(void **state)
{
    struct fixture *fixture = *state;
    static char acme[] = "companies/acme", beta[] = "companies/beta", bad[] = "acme";
    Docbridge__V1__Permission permissions[] = {
        DOCBRIDGE__V1__PERMISSION__PERMISSION_READ_DOCUMENTATION,
        DOCBRIDGE__V1__PERMISSION__PERMISSION_READ_DOCUMENTATION_PASSWORDS};
    char *companies[] = {beta, acme};
    const char *name = "companies/acme/passwords/9001";
    Subject subject;
    docbridge__v1__explain_password_access_request__assumed_subject__init(&subject);
    // An administrator who may not reveal explains for one who may.
    fixture->caller.permissions = ADMINISTRATOR & ~(1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS);
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_int_equal(out.basis, BASIS(ASSUMED));
    assert_int_equal(first_fail()->gate, GATE(PERMISSION));
    assert_non_null(strstr(first_fail()->detail, "read_documentation_passwords"));
    subject.permissions = permissions;
    subject.n_permissions = 1;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_string_equal(out.error_reason, "MISSING_PERMISSION");
    subject.n_permissions = 2;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_int_equal(first_fail()->gate, GATE(COMPANY_SCOPE));
    assert_string_equal(out.error_reason, "RESOURCE_NOT_FOUND");
    subject.companies = companies;
    subject.n_companies = 1;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_int_equal(first_fail()->gate, GATE(COMPANY_SCOPE));
    subject.n_companies = 2;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_true(out.allowed);
    assert_null(first_fail());
    companies[0] = bad;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_FIELD_INVALID);
    subject.n_companies = 0;
    permissions[0] = (Docbridge__V1__Permission)PERMISSION_COUNT;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_FIELD_INVALID);
    permissions[0] = DOCBRIDGE__V1__PERMISSION__PERMISSION_UNSPECIFIED;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_FIELD_INVALID);
    assert_int_equal(upstream.calls, 0);
}

static const char *detail_of(Docbridge__V1__AccessGate gate)
{
    for (size_t i = 0; i < out.n_gates; i++)
        if (out.gates[i]->gate == gate)
            return out.gates[i]->detail;
    return "";
}

// Whom upstream lets see a restricted entry only a reveal can tell.
static void tells_that_upstream_will_be_asked(void **state)
{
    struct fixture *fixture = *state;
    static char email[] = "tom@msp.example";
    Subject subject;
    docbridge__v1__explain_password_access_request__assumed_subject__init(&subject);
    Docbridge__V1__Permission permission =
        DOCBRIDGE__V1__PERMISSION__PERMISSION_READ_DOCUMENTATION_PASSWORDS;
    subject.permissions = &permission;
    subject.n_permissions = 1;
    subject.all_companies = true;
    fixture->caller.permissions = ADMINISTRATOR;
    // The administrator's own e-mail is not the subject's.
    fixture->caller.email = email;
    const char *name = "companies/acme/passwords/9006";
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_int_equal(first_fail()->gate, GATE(NOT_RESTRICTED));
    subject.email = email;
    assert_int_equal(explain_as(fixture, name, &subject), ERR_OK);
    assert_true(out.allowed);
    assert_non_null(strstr(detail_of(GATE(NOT_RESTRICTED)), "will be asked"));
}

// What the policy asks of a reveal, an explanation tells everybody who may ask.
static void tells_what_a_reveal_must_come_with(void **state)
{
    struct fixture *fixture = *state;
    Subject subject;
    docbridge__v1__explain_password_access_request__assumed_subject__init(&subject);
    assert_int_equal(explain(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_false(out.reason_required || out.ticket_required || out.sealed_required);
    (void)fixture_sql(fixture, "INSERT INTO reveal_policy VALUES ('t1', 1, false, false, 0, true,"
                               " false, 2, 1, now())");
    assert_int_equal(explain(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_true(out.allowed && out.ticket_required);
    assert_false(out.reason_required || out.sealed_required);
    fixture->caller.permissions = ADMINISTRATOR;
    static const Docbridge__V1__Actor__Kind kinds[] = {DOCBRIDGE__V1__ACTOR__KIND__KIND_AGENT,
                                                       DOCBRIDGE__V1__ACTOR__KIND__KIND_SERVICE};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        subject.actor_kind = kinds[i];
        assert_int_equal(explain_as(fixture, "companies/acme/passwords/9001", &subject), ERR_OK);
        assert_true(out.reason_required && out.sealed_required);
    }
    subject.actor_kind = DOCBRIDGE__V1__ACTOR__KIND__KIND_SYSTEM;
    assert_int_equal(explain_as(fixture, "companies/acme/passwords/9001", &subject),
                     ERR_FIELD_INVALID);
}

static void needs_a_connection(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.permissions = ADMINISTRATOR;
    (void)fixture_sql(fixture, "DELETE FROM connection");
    assert_int_equal(explain(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_int_equal(first_fail()->gate, GATE(CONNECTION_ACTIVE));
    assert_string_equal(first_fail()->deciding_resource, "");
    assert_string_equal(out.error_reason, err_reason(reveal(fixture, PASSWORD_PLAIN)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_what_a_reveal_says),
        TEST(names_every_gate),
        TEST(tells_others_no_more_than_a_reveal),
        TEST(hides_companies_out_of_scope),
        TEST(assumes_a_subject),
        TEST(tells_that_upstream_will_be_asked),
        TEST(tells_what_a_reveal_must_come_with),
        TEST(needs_a_connection),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
