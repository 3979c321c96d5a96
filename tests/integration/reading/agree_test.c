// What is said of a reveal and what it does are one, however its gates came to be as they are: the
// list, the explanation, the reveal, and the same reveal with nothing remembered. A random walk
// over all that gates are read from, the same one each time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/password.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"
#include "tests/integration/reading/reveals.h"

enum { STEPS = 160, OPEN_EVERY = 5 };

#define EITHER(what, one, other) \
    {                            \
        what one, what other     \
    }
#define MAPPED                                                                                  \
    "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"        \
    "  content_hash, discover_time, update_time) VALUES ('t1', 'c1', 41, 'Acme', 'acme', '{}'," \
    "  '', now(), now()) ON CONFLICT DO NOTHING;"                                               \
    "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"          \
    "  actor_subject, actor_display_name, actor_kind, create_time) VALUES ('t1', 'c1', 41,"     \
    "  'acme', 1, 'ada', 'Ada', 1, now()) ON CONFLICT (tenant, connection_id, organization_id)" \
    "  DO UPDATE SET company_id = 'acme'"
#define CATEGORY                                                                   \
    "INSERT INTO company_password_access (tenant, company_id, level, update_time)" \
    "  VALUES ('t1', 'acme', 2, now()) ON CONFLICT DO NOTHING;"                    \
    "INSERT INTO password_category VALUES ('t1', 'c1', 7, 'Servers', 1, now())"    \
    "  ON CONFLICT DO NOTHING;"                                                    \
    "INSERT INTO company_password_category VALUES ('t1', 'acme', 'c1', 7) ON CONFLICT DO NOTHING"

// The first of each opens more than the second.
static const char *const changes[][2] = {
    EITHER("UPDATE connection SET ", "state = 1", "state = 3"),
    EITHER("UPDATE connection SET ", "provider = 1", "provider = 2"),
    EITHER("UPDATE connection SET ", "reveals_paused = false", "reveals_paused = true"),
    EITHER("UPDATE connection SET ", "credential_version = 1", "credential_version = 2"),
    EITHER("UPDATE vault_record SET ", "version = 1", "version = 2"),
    EITHER("UPDATE connection_config SET password_sharing_enabled = ", "true", "false"),
    {"INSERT INTO connection_config (tenant, connection_id, password_sharing_enabled, update_time)"
     " VALUES ('t1', 'c1', true, now()) ON CONFLICT DO NOTHING",
     "DELETE FROM connection_config"},
    EITHER("UPDATE company SET display_name = ", "'Acme GmbH'", "'Acme SE'"),
    EITHER("UPDATE company_password_access SET revision = revision + 1, level = ", "3", "1"),
    EITHER("UPDATE company_password_access SET level = 2, include_uncategorized = ", "true",
           "false"),
    {CATEGORY, "DELETE FROM company_password_category"},
    {CATEGORY, "DELETE FROM company_password_access"},
    {CATEGORY, "DELETE FROM password_category WHERE id = 7"},
    {MAPPED, "DELETE FROM mapping WHERE organization_id = 41"},
    {MAPPED, "UPDATE mapping SET company_id = 'gamma' WHERE organization_id = 41"},
    {MAPPED, "DELETE FROM organization WHERE id = 41"},
    EITHER("UPDATE record SET organization_id = ", "41 WHERE id = 9001", "42 WHERE id = 9001"),
    EITHER("UPDATE record SET category_id = ", "7 WHERE id = 9001", "8 WHERE id = 9001"),
    EITHER("UPDATE record SET folder_id = ", "0 WHERE id = 9001", "802 WHERE id = 9001"),
    EITHER("UPDATE record_password SET restricted = ", "false", "true"),
    EITHER("UPDATE record_password SET archived = ", "false", "true"),
    EITHER("UPDATE record_password SET vaulted = ", "false", "true"),
    EITHER("UPDATE record_password SET personal = ", "false", "true"),
    EITHER("UPDATE record_password_folder SET restricted = ", "false", "true WHERE id = 801"),
    {"INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body,"
     "  content_hash) VALUES ('t1', 'c1', 8, 803, 41, 'Open', '{\"ancestor_ids\": []}', '')"
     " ON CONFLICT DO NOTHING",
     "DELETE FROM record WHERE id = 803"},
    EITHER("UPDATE reveal_policy SET revision = revision + 1, restricted_records = ", "2", "1"),
    EITHER("UPDATE reveal_policy SET service_callers = ", "1", "3"),
    EITHER("UPDATE reveal_policy SET user_window_s = 60, user_limit = ", "0", "1"),
    {"DELETE FROM reveal_freeze", "INSERT INTO reveal_freeze VALUES ('t1', 1, 'tom', 'f1', '',"
                                  " 'x', 'x', 1, 1, 60, now()) ON CONFLICT DO NOTHING"},
    {"DELETE FROM subject_revocation", "INSERT INTO subject_revocation VALUES ('t1', 'tom',"
                                       " now() + interval '1 hour')"
                                       " ON CONFLICT DO NOTHING"},
    {"INSERT INTO company_set VALUES ('t1', 'south', 1, 1, now()) ON CONFLICT DO NOTHING;"
     "INSERT INTO company_set_member VALUES ('t1', 'south', 'acme') ON CONFLICT DO NOTHING",
     "DELETE FROM company_set"},
};

// From 0 to below `most`.
static size_t pick(size_t most)
{
    static uint64_t walk = 1;
    walk = walk * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(walk >> 33) % most;
}

// Changes something; from then on upstream answers what is stored.
static void change(struct fixture *fixture, const char *sql, int password)
{
    const char *stored = fixture_sql(
        fixture, arena_printf(&fixture->arena,
                              "%s; SELECT concat_ws(' ', organization_id, category_id, folder_id,"
                              " restricted::int) FROM record WHERE id = %d",
                              sql, password));
    long long organization, category, folder;
    int restricted;
    assert_int_equal(
        sscanf(stored, "%lld %lld %lld %d", &organization, &category, &folder, &restricted), 4);
    upstream.live = (struct source_password){.organization_id = organization,
                                             .category_id = category,
                                             .folder_id = folder,
                                             .restricted = restricted == 1};
}

struct outcome {
    enum err_code code;
    const char *value, *events;
};

// Reveals by what `memory` remembers.
static struct outcome outcome_of(struct fixture *fixture, int password, struct gate_memory *memory)
{
    static int count;
    static char request_id[16];
    struct arena *arena = &fixture->arena;
    (void)snprintf(request_id, sizeof(request_id), "req-%d", ++count);
    fixture->request.request_id = request_id;
    fixture->backend.gate_memory = memory;
    struct outcome outcome = {.code = reveal(fixture, password)};
    outcome.value = outcome.code == ERR_OK ? revealed.plaintext : "";
    const char *events = fixture_sql(
        fixture, arena_printf(arena,
                              "SELECT string_agg((to_jsonb(e) - '{sequence, intent_sequence, hash,"
                              " previous_hash, event_time, request_id}'::text[])::text, ' '"
                              " ORDER BY sequence) FROM audit_event e WHERE request_id = '%s'",
                              request_id));
    outcome.events = arena_strdup(arena, events);
    return outcome;
}

// The reason that the list gives, "" for none; NULL if the entry is not listed, or nothing is.
static const char *listed_reason(struct fixture *fixture, const char *name)
{
    Docbridge__V1__ListPasswordsRequest in = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsResponse out;
    struct err err;
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    if (listed_try(fixture, &password_service, "ListPasswords", &in, &out, &err) != ERR_OK)
        return NULL;
    for (size_t i = 0; i < out.n_passwords; i++)
        if (strcmp(out.passwords[i]->name, name) == 0)
            return out.passwords[i]->blocked_reason;
    return NULL;
}

static const char *explained_reason(struct fixture *fixture, char *name)
{
    Docbridge__V1__ExplainPasswordAccessRequest in =
        DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__ExplainPasswordAccessResponse out =
        DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_RESPONSE__INIT;
    struct err err;
    in.name = name;
    enum err_code code = password_explain(&fixture->request, &in, &out, &err);
    return code == ERR_OK ? out.error_reason : err_reason(code);
}

// Or else soon nothing would be open to be shut.
static void open_all(struct fixture *fixture)
{
    const char *all = "";
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        all = arena_printf(&fixture->arena, "%s%s;", all, changes[i][0]);
    (void)fixture_sql(fixture, all);
}

static void step(struct fixture *fixture, const struct principal *callers, size_t count)
{
    static const int entries[] = {PASSWORD_PLAIN, PASSWORD_UNCATEGORIZED, PASSWORD_IN_OPEN_FOLDER};
    int password = entries[pick(2) * pick(ARRAY_LEN(entries))];
    char *name = arena_printf(&fixture->arena, "companies/acme/passwords/%d", password);
    const char *sql = changes[pick(ARRAY_LEN(changes))][pick(3) > 0];
    print_message("# %s\n", sql);
    change(fixture, sql, password);
    fixture->caller = callers[pick(4) == 0 ? pick(count) : 0];
    fixture->request.deadline = deadline_in(10000);
    upstream.authorized = fixture->caller.email;
    const char *explained = pick(2) == 0 ? explained_reason(fixture, name) : NULL;
    if (explained == NULL)
        (void)listed_reason(fixture, name);
    struct outcome with = outcome_of(fixture, password, fixture->gate_memory);
    struct outcome without = outcome_of(fixture, password, NULL);
    fixture->backend.gate_memory = fixture->gate_memory;
    assert_int_equal(with.code, without.code);
    assert_string_equal(with.value, without.value);
    assert_string_equal(with.events, without.events);
    // That there is no key is said by nobody before.
    if (with.code == ERR_VAULT_RECORD_UNREADABLE)
        return;
    const char *reason = with.code == ERR_OK ? "" : err_reason(with.code);
    if (explained != NULL)
        assert_string_equal(explained, reason);
    // Out of scope there is no list at all.
    if (with.code == ERR_TOKEN_REVOKED || !fixture->caller.all_companies)
        return;
    const char *listed = listed_reason(fixture, name);
    if (listed != NULL)
        assert_string_equal(listed, reason);
    else
        assert_int_not_equal(with.code, ERR_OK);
}

static void all_that_is_said_of_a_reveal_agrees(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.issue_time_us = clock_wall_us();
    struct principal callers[] = {fixture->caller, fixture->caller, fixture->caller,
                                  fixture->caller};
    callers[0].email = "tom@example.com";
    callers[1].subject = "sue";
    callers[1].all_companies = false;
    callers[1].company_set = "south";
    callers[2].subject = "robot";
    callers[2].actor = ACTOR_SERVICE;
    callers[3].permissions = 1u << PERMISSION_READ_DOCUMENTATION;
    reveals_set_policy(fixture, "restricted_listed = true");
    (void)fixture_sql(fixture, "INSERT INTO company (tenant, id, display_name, name_key,"
                               "  create_time, update_time)"
                               " VALUES ('t1', 'gamma', 'Gamma', 'gamma', now(), now())");
    for (int i = 0; i < STEPS; i++) {
        arena_done(&fixture->arena);
        arena_init(&fixture->arena, 16 << 20);
        if (i % OPEN_EVERY == 0)
            open_all(fixture);
        step(fixture, callers, ARRAY_LEN(callers));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_is_said_of_a_reveal_agrees, reveals_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
