// Of what is due nobody takes more than was asked for, whatever the planner believes of the table.
#include <stdio.h>

#include "server/store/keep_alive.h"
#include "server/store/purge.h"
#include "server/store/removal.h"
#include "server/store/search_index.h"
#include "server/store/sync_lease.h"
#include "server/store/sync_schedule.h"
#include "tests/integration/sync/fixture.h"

enum { LEASE_MS = 600000, ASKED = 3 };

// The rows of a range in each table from which something is taken.
static const char FILL[] =
    "SET session_replication_role = replica;"
    "INSERT INTO sync_lease SELECT 't' || i, 'c' || i, 'r', '', 1, now()"
    " FROM generate_series(%d, %d) i;"
    "INSERT INTO sync_schedule (tenant, connection_id, look_time, purge_time, due_times,"
    "  full_due_time) SELECT tenant, connection_id, now(), now(), array_fill(now(), ARRAY[5]), "
    "now()"
    " FROM sync_lease ON CONFLICT DO NOTHING;"
    "INSERT INTO removal (tenant, connection_id, whole, expire_time)"
    " SELECT tenant, connection_id, true, now() FROM sync_lease ON CONFLICT DO NOTHING;"
    "INSERT INTO record_sequence (tenant, connection_id, sequence)"
    " SELECT tenant, connection_id, 1 FROM sync_lease ON CONFLICT DO NOTHING;"
    "INSERT INTO search_progress (tenant, connection_id)"
    " SELECT tenant, connection_id FROM sync_lease ON CONFLICT DO NOTHING;"
    "INSERT INTO keep_alive SELECT tenant, connection_id, now() FROM sync_lease"
    " ON CONFLICT DO NOTHING";

static void fill(struct fixture *fixture, int from, int to)
{
    char sql[4096];
    (void)snprintf(sql, sizeof(sql), FILL, from, to);
    (void)fixture_sql(fixture, sql);
}

// Many rows, of tables that were counted when they had one, and that nobody counts meanwhile.
static void prepare(struct fixture *fixture)
{
    (void)fixture_sql(
        fixture,
        "DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY ARRAY['sync_lease', 'sync_schedule',"
        "  'removal', 'record_sequence', 'search_progress', 'keep_alive'] LOOP"
        "  EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);"
        "  EXECUTE format('TRUNCATE %s CASCADE', t); END LOOP; END $$");
    fill(fixture, 1, 1);
    (void)fixture_sql(fixture, "ANALYZE");
    fill(fixture, 2, 20);
}

static void claim_all(struct fixture *fixture, struct tx *tx)
{
    struct err err = {0};
    struct sync_lease *leases;
    size_t count;
    struct sync_schedule_due schedule;
    struct purge_due purge;
    struct work_lease removal, search;
    struct keep_alive key;
    struct arena *arena = &fixture->arena;
    assert_int_equal(sync_lease_claim(tx, "me", LEASE_MS, ASKED, arena, &leases, &count, &err),
                     ERR_OK);
    assert_int_equal(count, ASKED);
    assert_int_equal(sync_schedule_take(tx, arena, &schedule, &err), ERR_OK);
    assert_int_equal(purge_take(tx, arena, &purge, &err), ERR_OK);
    assert_int_equal(removal_claim(tx, "me", LEASE_MS, arena, &removal, &err), ERR_OK);
    assert_int_equal(search_claim(tx, "me", LEASE_MS, arena, &search, &err), ERR_OK);
    assert_int_equal(keep_alive_take(tx, LEASE_MS, arena, &key, &err), ERR_OK);
}

static void no_more_is_taken_than_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx = NULL;
    struct err err = {0};
    prepare(fixture);
    assert_int_equal(
        store_begin(fixture->scheduler_store, "", deadline_in(600000), NULL, &tx, &err), ERR_OK);
    claim_all(fixture, tx);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    assert_sql(fixture, "SELECT count(*) FROM sync_lease WHERE owner = 'me'", "3");
    assert_sql(fixture, "SELECT count(*) FROM sync_schedule WHERE look_time > now()", "1");
    assert_sql(fixture, "SELECT count(*) FROM sync_schedule WHERE purge_time > now()", "1");
    assert_sql(fixture, "SELECT count(*) FROM removal WHERE owner = 'me'", "1");
    assert_sql(fixture, "SELECT count(*) FROM search_progress WHERE owner = 'me'", "1");
    assert_sql(fixture, "SELECT count(*) FROM keep_alive WHERE due_time > now()", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_more_is_taken_than_asked_for, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
