// What a sync finds out of the PSA whose ids the organizations have: by one organization, asked for
// under each kind.
#include <stdio.h>

#include "server/store/sync_connection.h"
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

#define LEARNED \
    "SELECT concat_ws(' ', learned_psa_type, psa_probed_time IS NOT NULL) FROM connection"

static enum source_psa_type refused; // is answered with the status below; 0: none
static int refused_status;
static enum err_code refused_code;

static enum err_code refuse(const struct source_query *query, const atomic_bool *cancelled,
                            struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    if (query->psa_id == NULL || query->psa_type != refused)
        return ERR_OK;
    attempt->http_status = refused_status;
    return err_set(reterr, refused_code, "made so by the test");
}

static void put(int64_t id, const char *psa_ids)
{
    char name[32], body[128];
    (void)snprintf(name, sizeof(name), "Org %d", (int)id);
    (void)snprintf(body, sizeof(body), "{\"psa_ids\": [%s]}", psa_ids);
    fake_put(
        &(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = id, .name = name, .body = body});
}

// How many requests the last runs made by a PSA's id.
static int probes(void)
{
    struct source_query query;
    int count = 0;
    for (int i = 0; fake_request(i, &query); i++)
        count += query.psa_type != 0;
    return count;
}

static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    put(2, "\"250\"");
    put(3, "\"250\", \"251\"");
    fake_set_psa(SOURCE_PSA_AUTOTASK, false);
    fixture_start_sync(fixture);
}

static void run(struct fixture *fixture)
{
    fake_forget_requests();
    fixture_ask(fixture, 1u << 1);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
}

// By the one id that no other organization has; then it is known, until it is forgotten.
static void is_learned_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    run(fixture);
    assert_sql(fixture, LEARNED, "2 t");
    assert_int_equal(probes(), SYNC_PSA_PROBES);
    assert_int_equal(fixture_run(fixture).request_count, 1 + SYNC_PSA_PROBES);
    run(fixture);
    assert_int_equal(probes(), 0);
}

static void is_not_looked_for_if_said(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET psa_type = 7");
    run(fixture);
    assert_sql(fixture, LEARNED, "0 f");
    assert_int_equal(probes(), 0);
}

// Without an id that one organization alone has there is nothing to ask.
static void needs_a_witness(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put(3, "\"250\"");
    run(fixture);
    assert_sql(fixture, LEARNED, "0 f");
    assert_int_equal(probes(), 0);
}

// Where filters are ignored nothing is learned; the only organization would be found by each.
static void needs_an_exact_answer(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_set_psa(SOURCE_PSA_TYPE_END, true);
    run(fixture);
    assert_sql(fixture, LEARNED, "0 t");
    assert_int_equal(probes(), SYNC_PSA_PROBES);
    // It is looked for again after a week.
    fake_set_psa(SOURCE_PSA_VOREX, true);
    run(fixture);
    assert_int_equal(probes(), 0);
    (void)fixture_sql(fixture, "UPDATE connection SET psa_probed_time = now() - interval '8 days'");
    run(fixture);
    assert_sql(fixture, LEARNED, "6 t");
    (void)fixture_sql(fixture,
                      "UPDATE connection SET learned_psa_type = 0, psa_probed_time = NULL");
    for (int64_t id = 1; id <= 12; id++)
        if (id != 3)
            fake_remove(SOURCE_ORGANIZATIONS, id);
    run(fixture);
    assert_sql(fixture, LEARNED, "0 t");
    (void)fixture_sql(fixture, "UPDATE organization SET gone = id <> 3;"
                               "UPDATE connection SET psa_probed_time = NULL");
    run(fixture);
    assert_sql(fixture, LEARNED, "0 f");
    assert_int_equal(probes(), 0);
}

// A kind that upstream refuses is not the one. What else goes wrong leaves the question open, and
// the step as it is.
static void bears_refusals(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum source_psa_type type;
        int status;
        enum err_code code;
        const char *learned;
        int probes;
    } rows[] = {
        {SOURCE_PSA_TIGERPAW, 503, ERR_UPSTREAM_ERROR, "0 f", 3},
        {SOURCE_PSA_CONNECTWISE_MANAGE, 0, ERR_UPSTREAM_UNREACHABLE, "0 f", 1},
        {SOURCE_PSA_VOREX, 403, ERR_UPSTREAM_KEY_REJECTED, "0 f", 6},
        {SOURCE_PSA_VOREX, 429, ERR_UPSTREAM_RATE_LIMITED, "0 f", 6},
        {SOURCE_PSA_VOREX, 422, ERR_UPSTREAM_ERROR, "2 t", 6},
    };
    begin(fixture);
    fake_set_hook(refuse);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        refused = rows[i].type;
        refused_status = rows[i].status;
        refused_code = rows[i].code;
        run(fixture);
        assert_sql(fixture, LEARNED, rows[i].learned);
        assert_int_equal(probes(), rows[i].probes);
    }
    assert_sql(fixture, "SELECT count(*) FROM sync_issue", "0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(is_learned_once), TEST(is_not_looked_for_if_said),
        TEST(needs_a_witness), TEST(needs_an_exact_answer),
        TEST(bears_refusals),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
