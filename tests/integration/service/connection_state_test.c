// ConnectionService: what an administrator changes, pauses and disconnects, in every state.
#include "tests/integration/service/verbs.h"

#include <pthread.h>
#include <stdio.h>

#include "server/audit/audit.h"
#include "server/store/connection_state.h"

typedef Docbridge__V1__Connection Connection;

#define SCOPE(name) DOCBRIDGE__V1__PAUSE_SCOPE__PAUSE_SCOPE_##name

static char c1[] = "connections/c1";

struct update {
    Docbridge__V1__UpdateConnectionRequest in;
    Connection connection;
    Google__Protobuf__FieldMask mask;
    char *paths[2];
};

static char new_name[] = "Our account";

// An update of the display name.
static void update_init(struct update *update)
{
    static char path[] = "display_name";
    docbridge__v1__update_connection_request__init(&update->in);
    docbridge__v1__connection__init(&update->connection);
    google__protobuf__field_mask__init(&update->mask);
    update->connection.name = c1;
    update->connection.display_name = new_name;
    update->paths[0] = path;
    update->mask.paths = update->paths;
    update->mask.n_paths = 1;
    update->in.connection = &update->connection;
    update->in.update_mask = &update->mask;
}

static enum err_code run_update(struct fixture *fixture, struct update *update, Connection *out)
{
    return fixture_call(fixture, &connection_service, "UpdateConnection", &update->in, out);
}

static int64_t events(const struct fixture *fixture)
{
    return fixture_number(fixture, "SELECT count(*) FROM audit_event");
}

static void set_state(const struct fixture *fixture, enum connection_state state)
{
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE connection SET state = %d, problem_time = CASE %d WHEN 1 THEN NULL"
                   " ELSE timestamptz '2026-03-01 12:00:00Z' END",
                   (int)state, (int)state);
    (void)fixture_sql(fixture, sql);
}

static void updates_what_the_mask_names(void **state)
{
    struct fixture *fixture = *state;
    struct update update;
    Connection out;
    fixture_seed_connection(fixture);
    update_init(&update);
    update.connection.psa_type = DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_HALO; // not in the mask
    assert_int_equal(run_update(fixture, &update, &out), ERR_OK);
    assert_string_equal(out.display_name, new_name);
    assert_int_equal(out.psa_type, 1);
    assert_string_equal(out.etag, "r2");
    assert_string_equal(
        fixture_changes(fixture, AUDIT_CONNECTION_UPDATE),
        "[{\"field\":\"display_name\",\"old\":\"IT Glue\",\"new\":\"Our account\"}]");
    // What is so already is neither written nor told.
    assert_int_equal(run_update(fixture, &update, &out), ERR_OK);
    assert_string_equal(out.etag, "r2");
    assert_int_equal(events(fixture), 1);
    char all[] = "*";
    update.paths[0] = all;
    assert_int_equal(run_update(fixture, &update, &out), ERR_OK);
    assert_int_equal(out.psa_type, DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_HALO);
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_CONNECTION_UPDATE), "HALO"));
}

static void an_update_is_checked(void **state)
{
    struct fixture *fixture = *state;
    struct update update;
    Connection out;
    char empty[] = "", stale[] = "r7", current[] = "r1", region[] = "region";
    char long_name[65];
    memset(long_name, 'x', 64);
    long_name[64] = '\0';
    fixture_seed_connection(fixture);
    update_init(&update);
    update.connection.etag = stale;
    assert_int_equal(run_update(fixture, &update, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(err_status(fixture->err.code), STATUS_ABORTED);
    assert_string_equal(fixture_meta(fixture, "current_etag"), "r1");
    update.connection.etag = current;
    update.in.validate_only = true;
    assert_int_equal(run_update(fixture, &update, &out), ERR_OK);
    assert_string_equal(out.display_name, "IT Glue");
    update.connection.display_name = empty;
    assert_int_equal(run_update(fixture, &update, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "connection.display_name");
    update.connection.display_name = long_name;
    assert_int_equal(run_update(fixture, &update, &out), ERR_FIELD_INVALID);
    update_init(&update);
    update.paths[0] = region;
    assert_int_equal(run_update(fixture, &update, &out), ERR_FIELD_INVALID);
    update_init(&update);
    update.in.update_mask = NULL;
    assert_int_equal(run_update(fixture, &update, &out), ERR_FIELD_INVALID);
    update_init(&update);
    update.in.connection = NULL;
    assert_int_equal(run_update(fixture, &update, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture_sql(fixture, "SELECT display_name || revision FROM connection"),
                        "IT Glue1");
    assert_int_equal(events(fixture), 0);
}

static void pauses_and_resumes(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    fixture_seed_connection(fixture);
    assert_int_equal(verb_pause(fixture, SCOPE(REVEALS), &out), ERR_OK);
    assert_true(out.reveals_paused);
    assert_false(out.sync_paused);
    assert_string_equal(fixture_changes(fixture, AUDIT_CONNECTION_PAUSE),
                        "[{\"field\":\"reveals_paused\",\"old\":\"false\",\"new\":\"true\"}]");
    assert_string_equal(fixture_sql(fixture, "SELECT reason FROM audit_event"), "the key leaked");
    // Paused already: nothing is written.
    assert_int_equal(verb_pause(fixture, SCOPE(REVEALS), &out), ERR_OK);
    assert_string_equal(out.etag, "r2");
    assert_int_equal(events(fixture), 1);
    // A pause of reveals holds no sync, and all is what is left.
    assert_int_equal(verb_sync(fixture), ERR_OK);
    assert_int_equal(verb_pause(fixture, SCOPE(UNSPECIFIED), &out), ERR_OK);
    assert_true(out.sync_paused && out.reveals_paused);
    assert_string_equal(fixture_changes(fixture, AUDIT_CONNECTION_PAUSE),
                        "[{\"field\":\"sync_paused\",\"old\":\"false\",\"new\":\"true\"}]");
    assert_int_equal(verb_sync(fixture), ERR_SYNCS_PAUSED);
    assert_int_equal(verb_refresh_organizations(fixture), ERR_SYNCS_PAUSED);
    assert_int_equal(verb_refresh_types(fixture), ERR_SYNCS_PAUSED);
    assert_int_equal(verb_test(fixture), ERR_OK);
    assert_int_equal(verb_resume(fixture, SCOPE(SYNC), &out), ERR_OK);
    assert_true(!out.sync_paused && out.reveals_paused);
    assert_int_equal(verb_sync(fixture), ERR_OK);
    assert_int_equal(verb_resume(fixture, SCOPE(ALL), &out), ERR_OK);
    assert_false(out.reveals_paused);
    assert_string_equal(fixture_changes(fixture, AUDIT_CONNECTION_RESUME),
                        "[{\"field\":\"reveals_paused\",\"old\":\"true\",\"new\":\"false\"}]");
    int64_t before = events(fixture);
    assert_int_equal(verb_resume(fixture, SCOPE(ALL), &out), ERR_OK);
    assert_int_equal(events(fixture), before);
    assert_int_equal(verb_pause(fixture, 9, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "scope");
}

static void disconnects(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    char stale[] = "r9", current[] = "r1";
    fixture_seed_connection(fixture);
    assert_int_equal(verb_sync(fixture), ERR_OK);
    assert_int_equal(verb_disconnect(fixture, stale, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT state FROM sync_run"), 1);
    assert_int_equal(verb_disconnect(fixture, current, &out), ERR_OK);
    assert_int_equal(out.state, CONNECTION_DISCONNECTED);
    assert_null(out.credential);
    assert_false(out.syncing);
    assert_int_equal(out.n_capabilities, 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sync_lease"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT state FROM sync_run"), 8);
    // No later key may have the version of this one.
    assert_int_equal(fixture_number(fixture, "SELECT credential_version FROM connection"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM connection_config"), 1);
    assert_string_equal(fixture_changes(fixture, AUDIT_CONNECTION_DISCONNECT),
                        "[{\"field\":\"state\",\"old\":\"ACTIVE\",\"new\":\"DISCONNECTED\"},"
                        "{\"field\":\"credential.fingerprint\",\"old\":\"f\",\"new\":null},"
                        "{\"field\":\"cancelled_sync_run_count\",\"old\":null,\"new\":\"1\"}]");
    int64_t before = events(fixture);
    assert_int_equal(verb_disconnect(fixture, NULL, &out), ERR_OK);
    assert_int_equal(events(fixture), before);
    assert_int_equal(verb_sync(fixture), ERR_CONNECTION_NOT_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "state"), "DISCONNECTED");
    assert_non_null(strstr(fixture_meta(fixture, "since"), "T"));
}

// Which verb is possible in which state, and which call that asks upstream.
static void each_verb_in_each_state(void **state)
{
    struct fixture *fixture = *state;
    const enum err_code NOT = ERR_INVALID_STATE_TRANSITION, OFF = ERR_CONNECTION_NOT_ACTIVE;
    const struct {
        enum connection_state state;
        enum err_code update, pause, resume, disconnect, test, sync, refresh, refresh_types;
    } rows[] = {
        {CONNECTION_ACTIVE, ERR_OK, ERR_OK, ERR_OK, ERR_OK, ERR_OK, ERR_OK, ERR_OK, ERR_OK},
        {CONNECTION_ERROR, ERR_OK, ERR_OK, ERR_OK, ERR_OK, ERR_OK, OFF, OFF, OFF},
        {CONNECTION_DISCONNECTED, ERR_OK, NOT, NOT, ERR_OK, OFF, OFF, OFF, OFF},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct update update;
        Connection out;
        (void)fixture_sql(fixture, "DELETE FROM connection");
        fixture_seed_connection(fixture);
        set_state(fixture, rows[i].state);
        assert_int_equal(verb_sync(fixture), rows[i].sync);
        if (rows[i].sync == OFF) {
            assert_string_equal(fixture_meta(fixture, "state"),
                                connection_state_word(rows[i].state));
            assert_string_equal(fixture_meta(fixture, "since"), "2026-03-01T12:00:00.000000Z");
        }
        assert_int_equal(verb_refresh_organizations(fixture), rows[i].refresh);
        assert_int_equal(verb_refresh_types(fixture), rows[i].refresh_types);
        update_init(&update);
        assert_int_equal(run_update(fixture, &update, &out), rows[i].update);
        assert_int_equal(verb_pause(fixture, SCOPE(ALL), &out), rows[i].pause);
        if (rows[i].pause == NOT) {
            assert_string_equal(fixture_meta(fixture, "verb"), "PAUSE");
            assert_string_equal(fixture_meta(fixture, "state"),
                                connection_state_word(rows[i].state));
        }
        assert_int_equal(verb_resume(fixture, SCOPE(ALL), &out), rows[i].resume);
        assert_int_equal(verb_test(fixture), rows[i].test);
        assert_int_equal(verb_disconnect(fixture, NULL, &out), rows[i].disconnect);
    }
}

// Of another tenant's connection a caller learns what it learns of none.
static void strangers_find_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct principal other = fixture->caller;
    other.tenant = "t2";
    Docbridge__V1__PauseConnectionRequest pause = DOCBRIDGE__V1__PAUSE_CONNECTION_REQUEST__INIT;
    Docbridge__V1__ResumeConnectionRequest resume = DOCBRIDGE__V1__RESUME_CONNECTION_REQUEST__INIT;
    Docbridge__V1__DisconnectConnectionRequest disconnect =
        DOCBRIDGE__V1__DISCONNECT_CONNECTION_REQUEST__INIT;
    struct update update;
    update_init(&update);
    pause.name = resume.name = disconnect.name = c1;
    const struct {
        const char *method;
        const void *in;
    } calls[] = {{"UpdateConnection", &update.in},
                 {"PauseConnection", &pause},
                 {"ResumeConnection", &resume},
                 {"DisconnectConnection", &disconnect}};
    struct err absent[ARRAY_LEN(calls)];
    Connection out;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(
            fixture_call(fixture, &connection_service, calls[i].method, calls[i].in, &out),
            ERR_RESOURCE_NOT_FOUND);
        absent[i] = fixture->err;
    }
    fixture_seed_connection(fixture);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(fixture_call_as(fixture, &other, &connection_service, calls[i].method,
                                         calls[i].in, &out),
                         ERR_RESOURCE_NOT_FOUND);
        assert_memory_equal(&absent[i], &fixture->err, sizeof(absent[i]));
    }
    assert_string_equal(fixture_sql(fixture,
                                    "SELECT display_name || state || sync_paused || revision"
                                    " FROM connection"),
                        "IT Glue1false1");
}

enum { HANDS = 4, ROUNDS = 50 };

struct hand {
    const struct fixture *fixture;
    int number;
    int failures; // of calls that the present state does not refuse
};

static bool is_refusal(enum err_code code)
{
    return code == ERR_OK || code == ERR_SYNCS_PAUSED;
}

// Each hand has a verb of its own, and repeats it while the others do theirs.
static void *turn(void *context)
{
    struct hand *hand = context;
    for (int i = 0; i < ROUNDS; i++) {
        struct fixture own = *hand->fixture; // but for its arena and its errors
        arena_init(&own.arena, 1 << 20);
        own.request.arena = &own.arena;
        Connection out;
        enum err_code code = hand->number == 0   ? verb_sync(&own)
                             : hand->number == 1 ? verb_pause(&own, SCOPE(ALL), &out)
                             : hand->number == 2 ? verb_resume(&own, SCOPE(ALL), &out)
                                                 : verb_refresh_organizations(&own);
        hand->failures += !is_refusal(code);
        arena_done(&own.arena);
    }
    return NULL;
}

// Locks are taken in one order: nothing here dies of a deadlock, and the flags fit the lease.
static void verbs_at_once_do_not_collide(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[HANDS];
    struct hand hands[HANDS];
    Connection out;
    fixture_seed_connection(fixture);
    // A sync that joins a run of organizations alone wishes for more, and writes to the run.
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = true");
    assert_int_equal(verb_refresh_organizations(fixture), ERR_OK);
    for (int i = 0; i < HANDS; i++) {
        hands[i] = (struct hand){fixture, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, turn, &hands[i]), 0);
    }
    for (int i = 0; i < HANDS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(hands[i].failures, 0);
    }
    assert_int_equal(verb_resume(fixture, SCOPE(ALL), &out), ERR_OK);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM sync_lease WHERE expire_time = 'infinity'"),
        0);
    assert_int_equal(verb_disconnect(fixture, NULL, &out), ERR_OK);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM sync_run WHERE state IN (1, 2, 3, 4)"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(updates_what_the_mask_names),  TEST(an_update_is_checked),
        TEST(pauses_and_resumes),           TEST(disconnects),
        TEST(each_verb_in_each_state),      TEST(strangers_find_nothing),
        TEST(verbs_at_once_do_not_collide),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
