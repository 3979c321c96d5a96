// The readers of a company see all of its organizations, and as fresh as the least fresh of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "docbridge/v1/password.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"

static const char SECOND[] =
    "UPDATE connection SET several_organizations = true;"
    "UPDATE mapping SET company_id = 'acme', slot = 42 WHERE organization_id = 42;";

static Docbridge__V1__ListPasswordsResponse passwords(struct fixture *fixture)
{
    char acme[] = "companies/acme";
    Docbridge__V1__ListPasswordsRequest in = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsResponse out;
    in.parent = acme;
    listed_call(fixture, &password_service, "ListPasswords", &in, &out);
    return out;
}

static void lists_have_all(void **state)
{
    struct fixture *fixture = *state;
    const struct listed one = listed(fixture, "acme");
    (void)fixture_sql(fixture, SECOND);
    const struct listed both = listed(fixture, "acme");
    assert_int_equal(both.passwords, one.passwords + 1); // the stranger's
    (void)fixture_sql(fixture, "DELETE FROM mapping WHERE organization_id = 41");
    assert_int_equal(listed(fixture, "acme").passwords, 1);
}

static void as_fresh_as_the_least_fresh(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, SECOND);
    (void)fixture_sql(fixture, "UPDATE mapping SET create_time = '2026-01-01';"
                               "INSERT INTO sync_freshness VALUES"
                               " ('t1', 'c1', 3, 41, '2026-02-02 00:00:00Z')");
    // Of the other nothing was ever synced.
    assert_null(passwords(fixture).freshness->as_of_time);
    (void)fixture_sql(fixture, "INSERT INTO sync_freshness VALUES"
                               " ('t1', 'c1', 3, 42, '2026-01-03 00:00:00Z')");
    assert_int_equal(passwords(fixture).freshness->as_of_time->seconds, 1767398400);
    // A run for all that are mapped counts for each.
    (void)fixture_sql(fixture, "INSERT INTO sync_freshness VALUES"
                               " ('t1', 'c1', 3, 0, '2026-01-20 00:00:00Z')");
    assert_int_equal(passwords(fixture).freshness->as_of_time->seconds, 1768867200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(lists_have_all),
        TEST(as_fresh_as_the_least_fresh),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
