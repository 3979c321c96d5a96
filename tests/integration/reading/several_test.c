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

static const char RUN[] =
    "UPDATE mapping SET create_time = '2026-01-01';"
    "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode, actor_subject,"
    " actor_display_name, actor_kind, create_time) VALUES ('t1','c1','r1',5,1,1,'s','s',1,now())";

#define INCOMPLETE(id, task, subject, day)                                                        \
    "INSERT INTO sync_issue (tenant, connection_id, id, kind, state, run_id, task_kind, subject," \
    " message, create_time) VALUES ('t1', 'c1', '" id "', 5, 1, 'r1', " task ", '" subject        \
    "', '', '2026-01-" day " 00:00:00Z');"

static int64_t as_of(struct fixture *fixture)
{
    const Google__Protobuf__Timestamp *time = passwords(fixture).freshness->as_of_time;
    return time == NULL ? 0 : time->seconds;
}

// Whoever reads a list that lacks rows is not told that it was complete just now.
static void as_fresh_as_the_list_was_whole(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RUN);
    (void)fixture_sql(fixture, "INSERT INTO sync_freshness VALUES"
                               " ('t1', 'c1', 3, 0, '2026-01-20 00:00:00Z')");
    (void)fixture_sql(fixture, INCOMPLETE("task", "2", "organizations/41/documents", "02"));
    (void)fixture_sql(fixture, INCOMPLETE("short", "3", "organizations/4/passwords", "02"));
    (void)fixture_sql(fixture, INCOMPLETE("long", "3", "organizations/411/passwords", "02"));
    (void)fixture_sql(fixture, INCOMPLETE("doubt", "3", "documentFolders", "02"));
    assert_int_equal(as_of(fixture), 1768867200);
    (void)fixture_sql(fixture, INCOMPLETE("own", "3", "organizations/41/passwords", "10"));
    assert_int_equal(as_of(fixture), 1768003200);
    (void)fixture_sql(fixture, INCOMPLETE("account", "3", "passwords", "05"));
    assert_int_equal(as_of(fixture), 1767571200);
    // Of types that of one that is on alone: no run would ever settle another's.
    (void)fixture_sql(fixture,
                      INCOMPLETE("type", "3", "flexibleAssetTypes/7/flexibleAssets", "03"));
    assert_int_equal(as_of(fixture), 1767398400);
    (void)fixture_sql(fixture, "INSERT INTO flexible_asset_type (tenant, connection_id, id,"
                               " display_name, body, content_hash, discover_time) VALUES"
                               " ('t1', 'c1', 7, 'Seven', '{}', '', now())");
    assert_int_equal(as_of(fixture), 1767571200);
    // What a run or a person settled holds nothing up; what was never read is not fresh.
    (void)fixture_sql(fixture, "UPDATE sync_issue SET state = 3 WHERE id = 'account';"
                               "UPDATE sync_issue SET state = 2 WHERE id = 'own'");
    assert_int_equal(as_of(fixture), 1768867200);
    (void)fixture_sql(fixture, "UPDATE sync_issue SET state = 1 WHERE id = 'own';"
                               "DELETE FROM sync_freshness");
    assert_int_equal(as_of(fixture), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(lists_have_all),
        TEST(as_fresh_as_the_least_fresh),
        TEST(as_fresh_as_the_list_was_whole),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
