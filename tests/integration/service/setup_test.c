// GetSetupProgress: each step as what is stored makes it.
#include "docbridge/v1/setup.pb-c.h"
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/connection.pb-c.h"
#include "server/service/word.h"

typedef Docbridge__V1__SetupProgress Progress;
typedef Docbridge__V1__SetupProgress__Step Step;

enum step { CONNECT, MAP, DOCUMENTATION, PASSWORDS };

static enum err_code ask(struct fixture *fixture, const char *name, Progress *out)
{
    Docbridge__V1__GetSetupProgressRequest in = DOCBRIDGE__V1__GET_SETUP_PROGRESS_REQUEST__INIT;
    in.name = (char *)(uintptr_t)name;
    return fixture_call(fixture, &connection_service, "GetSetupProgress", &in, out);
}

static bool is_method(const char *full_name)
{
    const struct service *services[] = {&connection_service, &company_service, &mapping_service,
                                        &config_service};
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        const ProtobufCServiceDescriptor *service = services[i]->descriptor;
        size_t len = strlen(service->name);
        if (strncmp(full_name, service->name, len) == 0 && full_name[len] == '/')
            return protobuf_c_service_descriptor_get_method_by_name(service, full_name + len + 1) !=
                   NULL;
    }
    return false;
}

// "STATE", or "STATE BLOCKER ...", and the method after it.
static void assert_step(struct fixture *fixture, enum step which, const char *expected,
                        const char *method)
{
    Progress out;
    char said[256];
    assert_int_equal(ask(fixture, "connections/c1/setupProgress", &out), ERR_OK);
    assert_string_equal(out.name, "connections/c1/setupProgress");
    assert_int_equal(out.n_steps, 4);
    const Step *step = out.steps[which];
    assert_int_equal(step->kind, which + 1);
    assert_int_equal(step->skippable, which == DOCUMENTATION || which == PASSWORDS);
    int len = snprintf(said, sizeof(said), "%s",
                       word_of(&docbridge__v1__setup_progress__step__state__descriptor, "STATE_",
                               (int)step->state));
    for (size_t i = 0; i < step->n_blockers; i++)
        len += snprintf(said + len, sizeof(said) - (size_t)len, " %s",
                        word_of(&docbridge__v1__setup_progress__step__blocker__descriptor,
                                "BLOCKER_", (int)step->blockers[i]));
    assert_string_equal(said, expected);
    const char *slash = strrchr(step->next_method, '/');
    assert_string_equal(slash == NULL ? "" : slash + 1, method);
    assert_true(slash == NULL || is_method(step->next_method));
    assert_int_equal(step->next_text[0] == '\0',
                     step->state == DOCBRIDGE__V1__SETUP_PROGRESS__STEP__STATE__STATE_DONE);
    bool connected =
        out.steps[CONNECT]->state == out.steps[MAP]->state &&
        out.steps[MAP]->state == DOCBRIDGE__V1__SETUP_PROGRESS__STEP__STATE__STATE_DONE;
    assert_int_equal(out.complete, connected);
}

static void seed_company(struct fixture *fixture)
{
    (void)fixture_sql(fixture, "INSERT INTO company (tenant, id, display_name, name_key,"
                               " create_time, update_time)"
                               " VALUES ('t1', 'acme', 'Acme', 'acme', now(), now())");
}

static void seed_organization(struct fixture *fixture)
{
    (void)fixture_sql(fixture, "INSERT INTO organization (tenant, connection_id, id, display_name,"
                               " name_key, body, content_hash, discover_time, update_time)"
                               " VALUES ('t1', 'c1', 41, 'Acme', 'acme', '{}', '', now(), now())");
}

static void seed_mapping(struct fixture *fixture)
{
    (void)fixture_sql(fixture, "INSERT INTO mapping (tenant, connection_id, organization_id,"
                               " company_id, source, actor_subject, actor_display_name,"
                               " actor_kind, create_time)"
                               " VALUES ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now())");
}

// A run with one task of this kind in this state.
static void seed_run(struct fixture *fixture, const char *id, int kind, int task_state)
{
    char sql[640];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode,"
                   " actor_subject, actor_display_name, actor_kind, create_time)"
                   " VALUES ('t1', 'c1', '%s', 5, 1, 1, 'ada', 'Ada', 1, now());"
                   "INSERT INTO sync_task (tenant, connection_id, run_id, kind, state)"
                   " VALUES ('t1', 'c1', '%s', %d, %d)",
                   id, id, kind, task_state);
    (void)fixture_sql(fixture, sql);
}

static void connects(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed_connection(fixture);
    assert_step(fixture, CONNECT, "DONE", "");
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2");
    assert_step(fixture, CONNECT, "BLOCKED CONNECTION_NOT_ACTIVE", "TestConnection");
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3");
    assert_step(fixture, CONNECT, "BLOCKED CONNECTION_NOT_ACTIVE", "RotateCredential");
    // Of what is being deleted nothing is shown.
    Progress out;
    (void)fixture_sql(fixture, "UPDATE connection SET state = 4");
    assert_int_equal(ask(fixture, "connections/c1/setupProgress", &out), ERR_RESOURCE_NOT_FOUND);
}

static void maps(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed_connection(fixture);
    // Nothing is invented from organizations: companies come first.
    assert_step(fixture, MAP, "BLOCKED NO_COMPANIES NO_ORGANIZATIONS", "BatchUpsertCompanies");
    seed_company(fixture);
    assert_step(fixture, MAP, "BLOCKED NO_ORGANIZATIONS", "RefreshOrganizations");
    (void)fixture_sql(fixture, "UPDATE connection SET inventory_denied = true");
    assert_step(fixture, MAP, "BLOCKED ORGANIZATIONS_DENIED", "TestConnection");
    seed_run(fixture, "r1", 1, 3);
    assert_step(fixture, MAP, "BLOCKED ORGANIZATIONS_FETCHING", "");
    seed_organization(fixture);
    assert_step(fixture, MAP, "OPEN", "QuickMatch");
    seed_mapping(fixture);
    assert_step(fixture, MAP, "DONE", "");
    // What is gone upstream has nothing to map.
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true");
    assert_step(fixture, MAP, "BLOCKED ORGANIZATIONS_FETCHING", "");
}

static void chooses_documentation(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed_connection(fixture);
    assert_step(fixture, DOCUMENTATION, "OPEN", "UpdateDocumentationConfig");
    // One kind that can be read is enough.
    (void)fixture_sql(fixture, "UPDATE connection SET capabilities ="
                               " '[{\"kind\": 2, \"grant\": 2}, {\"kind\": 3, \"grant\": 2}]'");
    assert_step(fixture, DOCUMENTATION, "OPEN", "UpdateDocumentationConfig");
    (void)fixture_sql(fixture, "UPDATE connection SET capabilities = capabilities ||"
                               " '[{\"kind\": 4, \"grant\": 2, \"detail\": \"x\"}]'");
    assert_step(fixture, DOCUMENTATION, "BLOCKED DOCUMENTATION_DENIED", "TestConnection");
    // Listing organizations says nothing of what was left out, nor does a task that was off.
    seed_run(fixture, "r1", 1, 5);
    seed_run(fixture, "r2", 3, 1);
    assert_step(fixture, DOCUMENTATION, "BLOCKED DOCUMENTATION_DENIED", "TestConnection");
    seed_run(fixture, "r3", 3, 5);
    assert_step(fixture, DOCUMENTATION, "SKIPPED", "UpdateDocumentationConfig");
    (void)fixture_sql(fixture, "INSERT INTO flexible_asset_type (tenant, connection_id, id,"
                               " display_name, body, content_hash, enabled, discover_time)"
                               " VALUES ('t1', 'c1', 7, 'Router', '{}', '', true, now())");
    assert_step(fixture, DOCUMENTATION, "DONE", "");
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET upstream_state = 3");
    assert_step(fixture, DOCUMENTATION, "SKIPPED", "UpdateDocumentationConfig");
    (void)fixture_sql(fixture, "UPDATE connection_config SET checklists_enabled = true");
    assert_step(fixture, DOCUMENTATION, "DONE", "");
}

static void shares_passwords(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed_connection(fixture);
    seed_company(fixture);
    assert_step(fixture, PASSWORDS, "OPEN", "UpdatePasswordConfig");
    seed_run(fixture, "r1", 2, 5);
    assert_step(fixture, PASSWORDS, "SKIPPED", "UpdatePasswordConfig");
    (void)fixture_sql(fixture, "UPDATE connection_config SET password_sharing_enabled = true");
    assert_step(fixture, PASSWORDS, "OPEN", "UpdateCompanyPasswordAccess");
    (void)fixture_sql(fixture, "INSERT INTO company_password_access (tenant, company_id, level,"
                               " update_time) VALUES ('t1', 'acme', 1, now())");
    assert_step(fixture, PASSWORDS, "OPEN", "UpdateCompanyPasswordAccess");
    (void)fixture_sql(fixture,
                      "UPDATE connection SET capabilities = '[{\"kind\": 5, \"grant\": 2}]'");
    assert_step(fixture, PASSWORDS, "BLOCKED PASSWORDS_DENIED", "TestConnection");
    (void)fixture_sql(fixture, "UPDATE company_password_access SET level = 2");
    assert_step(fixture, PASSWORDS, "DONE", "");
}

static void is_complete_with_one_mapping(void **state)
{
    struct fixture *fixture = *state;
    Progress out;
    fixture_seed_connection(fixture);
    seed_company(fixture);
    seed_organization(fixture);
    assert_int_equal(ask(fixture, "connections/c1/setupProgress", &out), ERR_OK);
    assert_false(out.complete);
    seed_mapping(fixture);
    assert_int_equal(ask(fixture, "connections/c1/setupProgress", &out), ERR_OK);
    assert_true(out.complete);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2");
    assert_int_equal(ask(fixture, "connections/c1/setupProgress", &out), ERR_OK);
    assert_false(out.complete);
}

static void is_of_one_connection_of_one_tenant(void **state)
{
    struct fixture *fixture = *state;
    Progress out;
    fixture_seed_connection(fixture);
    // A neighbour has companies; this tenant still has none.
    (void)fixture_sql(fixture, "INSERT INTO company (tenant, id, display_name, name_key,"
                               " create_time, update_time)"
                               " VALUES ('t2', 'acme', 'Acme', 'acme', now(), now())");
    assert_step(fixture, MAP, "BLOCKED NO_COMPANIES NO_ORGANIZATIONS", "BatchUpsertCompanies");
    assert_int_equal(ask(fixture, "connections/c2/setupProgress", &out), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), "connections/c2/setupProgress");
    assert_int_equal(ask(fixture, "connections/c1", &out), ERR_FIELD_INVALID);
    struct principal other = fixture->caller;
    other.tenant = "t2";
    Docbridge__V1__GetSetupProgressRequest in = DOCBRIDGE__V1__GET_SETUP_PROGRESS_REQUEST__INIT;
    char name[] = "connections/c1/setupProgress";
    in.name = name;
    assert_int_equal(
        fixture_call_as(fixture, &other, &connection_service, "GetSetupProgress", &in, &out),
        ERR_RESOURCE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(connects),
        TEST(maps),
        TEST(chooses_documentation),
        TEST(shares_passwords),
        TEST(is_complete_with_one_mapping),
        TEST(is_of_one_connection_of_one_tenant),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
