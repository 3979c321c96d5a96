// QuickMatch: every outcome, by both passes, written once or not at all.
#include "tests/integration/service/fixture.h"

#include <pthread.h>
#include <stdio.h>

#include "docbridge/v1/mapping.pb-c.h"

#define OUTCOME(name) DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_##name

static char parent[] = "connections/c1";

static void add_company(struct fixture *fixture, const char *id, const char *key, int psa_type,
                        const char *psa_id)
{
    char sql[400];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO company (tenant, id, display_name, name_key, psa_type,"
                   " psa_external_id, create_time, update_time) VALUES ('t1', '%s', '%s', '%s', %d,"
                   " '%s', now(), now())",
                   id, key, key, psa_type, psa_id);
    (void)fixture_sql(fixture, sql);
}

static void add_organization(struct fixture *fixture, int id, const char *key, const char *psa_ids)
{
    char sql[400];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO organization (tenant, connection_id, id, display_name, name_key,"
                   " psa_ids, body, content_hash, discover_time, update_time) VALUES ('t1', 'c1',"
                   " %d, '%s', '%s', '%s', '{}', '', now(), now())",
                   id, key, key, psa_ids);
    (void)fixture_sql(fixture, sql);
}

static void add_mapping(struct fixture *fixture, int organization, const char *company)
{
    char sql[300];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO mapping VALUES ('t1', 'c1', %d, '%s', 1, 'x', 'X', 1, now())",
                   organization, company);
    (void)fixture_sql(fixture, sql);
}

static void match(struct fixture *fixture, bool validate_only,
                  Docbridge__V1__QuickMatchResponse *out)
{
    Docbridge__V1__QuickMatchRequest in = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    in.parent = parent;
    in.validate_only = validate_only;
    assert_int_equal(fixture_call(fixture, &mapping_service, "QuickMatch", &in, out), ERR_OK);
}

static const Docbridge__V1__QuickMatchResponse__Result *
result_of(const Docbridge__V1__QuickMatchResponse *out, int organization)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    for (size_t i = 0; i < out->n_results; i++)
        if (strcmp(out->results[i]->organization, name) == 0)
            return out->results[i];
    fail_msg("no result of %s", name);
    return NULL;
}

// The connection's PSA is ConnectWise (1).
static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    add_company(fixture, "by-psa", "one", 1, "250");
    add_company(fixture, "by-name", "two", 0, "");
    add_company(fixture, "mapped", "three", 0, "");
    add_company(fixture, "taken", "four", 1, "400");
    add_company(fixture, "other-kind", "five", 2, "500");
    add_company(fixture, "twin-a", "twin", 0, "");
    add_company(fixture, "twin-b", "twin", 0, "");
    add_company(fixture, "psa-twin-a", "pa", 1, "600");
    add_company(fixture, "psa-twin-b", "pb", 1, "600");
    add_company(fixture, "contested", "seven", 1, "700");
    add_company(fixture, "double", "eight", 0, "");
    add_company(fixture, "stranger", "nine", 1, "900");
    add_organization(fixture, 1, "another name", "{1,250}");
    add_organization(fixture, 2, "two", "{}");
    add_organization(fixture, 3, "three", "{}");
    add_mapping(fixture, 3, "mapped");
    add_organization(fixture, 4, "holder", "{}");
    add_mapping(fixture, 4, "taken");
    add_organization(fixture, 5, "x5", "{400}");
    add_organization(fixture, 6, "x6", "{500}");
    add_organization(fixture, 7, "x7", "{501}");
    add_organization(fixture, 8, "twin", "{}");
    add_organization(fixture, 9, "x9", "{600}");
    add_organization(fixture, 10, "x10", "{700}");
    add_organization(fixture, 11, "x11", "{700}");
    add_organization(fixture, 12, "seven", "{}");
    add_organization(fixture, 13, "eight", "{}");
    add_organization(fixture, 14, "eight", "{}");
    add_organization(fixture, 15, "nine", "{901}");
    add_organization(fixture, 16, "nobody", "{}");
    add_organization(fixture, 17, "two", "{250}"); // set aside: makes nothing ambiguous
    add_organization(fixture, 18, "gone", "{}");
    add_organization(fixture, 19, "one", "{}");
    add_organization(fixture, 20, "four", "{}");
    (void)fixture_sql(fixture, "UPDATE organization SET ignored = true WHERE id = 17;"
                               "UPDATE organization SET gone = true WHERE id = 18");
}

static void judges_each(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int organization;
        int outcome;
        const char *company;
        size_t candidates;
    } cases[] = {
        {1, OUTCOME(MATCHED_PSA_ID), "companies/by-psa", 0}, // the id outranks the name
        {2, OUTCOME(MATCHED_NAME), "companies/by-name", 0},
        {3, OUTCOME(ALREADY_MAPPED), "companies/mapped", 0},
        {4, OUTCOME(ALREADY_MAPPED), "companies/taken", 0},
        {5, OUTCOME(COMPANY_ALREADY_MAPPED), "", 1},
        {6, OUTCOME(PSA_TYPE_MISMATCH), "", 0},
        {7, OUTCOME(PSA_ID_NO_COMPANY), "", 0},
        {8, OUTCOME(AMBIGUOUS_NAME), "", 2},
        {9, OUTCOME(AMBIGUOUS_NAME), "", 2},  // two companies with one id
        {10, OUTCOME(AMBIGUOUS_NAME), "", 1}, // two organizations with one id
        {11, OUTCOME(AMBIGUOUS_NAME), "", 1},
        {12, OUTCOME(AMBIGUOUS_NAME), "", 1}, // a name does not decide what ids leave open
        {13, OUTCOME(AMBIGUOUS_NAME), "", 1},
        {14, OUTCOME(AMBIGUOUS_NAME), "", 1},
        {15, OUTCOME(PSA_ID_NO_COMPANY), "", 1}, // one name, two ids: two customers
        {16, OUTCOME(NO_PSA_ID), "", 0},
        {17, OUTCOME(IGNORED), "", 0},
        {19, OUTCOME(COMPANY_ALREADY_MAPPED), "", 1}, // pass 1 took it
        {20, OUTCOME(COMPANY_ALREADY_MAPPED), "", 1},
    };
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    match(fixture, false, &out);
    assert_int_equal(out.n_results, ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const Docbridge__V1__QuickMatchResponse__Result *result =
            result_of(&out, cases[i].organization);
        if ((int)result->outcome != cases[i].outcome)
            fail_msg("organization %d: outcome %d instead of %d", cases[i].organization,
                     (int)result->outcome, cases[i].outcome);
        assert_string_equal(result->company, cases[i].company);
        assert_int_equal(result->n_candidates, cases[i].candidates);
    }
    assert_int_equal(out.matched_count, 2);
    assert_string_equal(
        fixture_sql(fixture, "SELECT string_agg(organization_id || company_id || source, ','"
                             " ORDER BY organization_id) FROM mapping WHERE actor_subject = 'ada'"),
        "1by-psa2,2by-name3");
    assert_string_equal(fixture_sql(fixture, "SELECT organization_ids FROM sync_run"), "{1,2}");
    assert_non_null(strstr(out.sync_run, "/syncRuns/"));
    const char *changes = fixture_changes(fixture, 5);
    assert_non_null(strstr(changes, "AMBIGUOUS_NAME"));
    assert_non_null(strstr(changes, "companies/by-psa"));
    // Each company's auditor finds its own.
    assert_string_equal(
        fixture_sql(fixture, "SELECT string_agg(concat_ws('|', company_id, company_display_name,"
                             " actor_subject, organization, resource_display_name, changes), ' '"
                             " ORDER BY company_id) FROM audit_event WHERE type = 4"),
        "by-name|two|ada|connections/c1/organizations/2|two|"
        "[{\"field\":\"mapping.company\",\"old\":null,\"new\":\"companies/by-name\"}] "
        "by-psa|one|ada|connections/c1/organizations/1|another name|"
        "[{\"field\":\"mapping.company\",\"old\":null,\"new\":\"companies/by-psa\"}]");
}

static void is_idempotent(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    match(fixture, false, &out);
    match(fixture, false, &out);
    assert_int_equal(out.matched_count, 0);
    assert_string_equal(out.sync_run, "");
    assert_int_equal(result_of(&out, 1)->outcome, OUTCOME(ALREADY_MAPPED));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM mapping"), 4);
}

static void previews(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__QuickMatchResponse preview;
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    match(fixture, true, &preview);
    assert_int_equal(preview.matched_count, 2);
    assert_string_equal(preview.sync_run, "");
    assert_int_equal(fixture_number(fixture, "SELECT (SELECT count(*) FROM mapping)"
                                             " + (SELECT count(*) FROM audit_event)"
                                             " + (SELECT count(*) FROM sync_run)"),
                     2);
    match(fixture, false, &out);
    assert_int_equal(out.n_results, preview.n_results);
    for (size_t i = 0; i < out.n_results; i++)
        assert_int_equal(out.results[i]->outcome, preview.results[i]->outcome);
}

static void knows_what_it_does_not_know(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET psa_type = 0");
    match(fixture, true, &out);
    assert_int_equal(result_of(&out, 1)->outcome, OUTCOME(PSA_TYPE_UNKNOWN));
    assert_int_equal(result_of(&out, 2)->outcome, OUTCOME(MATCHED_NAME));
    assert_int_equal(result_of(&out, 15)->outcome, OUTCOME(MATCHED_NAME));
    assert_int_equal(result_of(&out, 16)->outcome, OUTCOME(NO_PSA_ID));
    (void)fixture_sql(fixture, "UPDATE connection SET psa_type = 7");
    match(fixture, true, &out);
    assert_int_equal(result_of(&out, 1)->outcome, OUTCOME(PSA_TYPE_UNSUPPORTED_UPSTREAM));
    assert_int_equal(result_of(&out, 2)->outcome, OUTCOME(MATCHED_NAME));
    // ConnectWise 250 is not Autotask 250.
    (void)fixture_sql(fixture, "UPDATE connection SET psa_type = 2");
    match(fixture, true, &out);
    assert_int_equal(result_of(&out, 1)->outcome, OUTCOME(PSA_TYPE_MISMATCH));
    assert_int_equal(result_of(&out, 6)->outcome, OUTCOME(MATCHED_PSA_ID));
    // Without PSA ids here, none upstream can be missing.
    (void)fixture_sql(fixture, "UPDATE company SET psa_type = 0, psa_external_id = ''");
    match(fixture, true, &out);
    assert_int_equal(result_of(&out, 16)->outcome, OUTCOME(NAME_DIFFERS));
}

// What a sync found out counts where nobody said it.
static void learned_psa_types_count_less_than_said_ones(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET psa_type = 0, learned_psa_type = 1");
    match(fixture, true, &out);
    assert_int_equal(result_of(&out, 1)->outcome, OUTCOME(MATCHED_PSA_ID));
    (void)fixture_sql(fixture, "UPDATE connection SET psa_type = 2");
    match(fixture, true, &out);
    assert_int_equal(result_of(&out, 1)->outcome, OUTCOME(PSA_TYPE_MISMATCH));
}

static void *match_alone(void *context)
{
    // A request of its own, as another caller's would be.
    struct request request = *(const struct request *)context;
    struct arena arena _cleanup_(arena_done) = {0};
    arena_init(&arena, 32 << 20);
    request.arena = &arena;
    Docbridge__V1__QuickMatchRequest in = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    Docbridge__V1__QuickMatchResponse out = DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__INIT;
    struct err err = {0};
    in.parent = parent;
    for (size_t i = 0; i < mapping_service.method_count; i++)
        if (strcmp(mapping_service.methods[i].name, "QuickMatch") == 0)
            return (void *)(intptr_t)mapping_service.methods[i].unary(&request, &in, &out, &err);
    return NULL;
}

static void racers_all_succeed(void **state)
{
    struct fixture *fixture = *state;
    pthread_t racers[4];
    fixture_seed_connection(fixture);
    for (int i = 1; i <= 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "c%d", i);
        add_company(fixture, key, key, 0, "");
        add_organization(fixture, i, key, "{}");
    }
    for (size_t i = 0; i < ARRAY_LEN(racers); i++)
        assert_int_equal(pthread_create(&racers[i], NULL, match_alone, &fixture->request), 0);
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        void *code;
        assert_int_equal(pthread_join(racers[i], &code), 0);
        assert_int_equal((intptr_t)code, ERR_OK);
    }
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM mapping"), "40");
}

// Before any statistics, as minutes after the first inventory: within the deadline of a call.
static void matches_a_large_account(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__QuickMatchResponse out;
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, psa_type, psa_external_id,"
        " create_time, update_time) SELECT 't1', 'c' || n, 'c' || n, 'c' || n, 1, n, now(), now()"
        " FROM generate_series(1, 5000) n;"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, psa_ids,"
        " body, content_hash, discover_time, update_time) SELECT 't1', 'c1', n, 'c' || n,"
        " 'c' || n, CASE WHEN n % 2 = 0 THEN ARRAY[n::text] ELSE '{}' END, '{}', '', now(), now()"
        " FROM generate_series(1, 5000) n");
    match(fixture, false, &out);
    assert_int_equal(out.matched_count, 5000);
    assert_string_equal(fixture_sql(fixture, "SELECT count(DISTINCT company_id) || ' ' ||"
                                             " count(*) FROM audit_event WHERE type = 4"),
                        "5000 5000");
    // The pages that an administrator looks at next are planned with knowledge of what there is.
    assert_string_equal(fixture_sql(fixture,
                                    "SELECT count(*) FROM pg_class WHERE reltuples = 5000 AND"
                                    " relname IN ('company', 'organization', 'mapping')"),
                        "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(judges_each),
        TEST(is_idempotent),
        TEST(racers_all_succeed),
        TEST(previews),
        TEST(knows_what_it_does_not_know),
        TEST(learned_psa_types_count_less_than_said_ones),
        TEST(matches_a_large_account),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
