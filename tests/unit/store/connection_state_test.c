#include "server/store/connection_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Every move that is possible; all others are not.
static const struct {
    enum connection_state from;
    enum connection_event event;
    enum connection_state to;
} moves[] = {
    {CONNECTION_ABSENT, CONNECTION_CREATE, CONNECTION_ACTIVE},

    {CONNECTION_ACTIVE, CONNECTION_UPDATE, CONNECTION_ACTIVE},
    {CONNECTION_ACTIVE, CONNECTION_KEY_WORKED, CONNECTION_ACTIVE},
    {CONNECTION_ACTIVE, CONNECTION_KEY_REJECTED, CONNECTION_ERROR},
    {CONNECTION_ACTIVE, CONNECTION_ROTATE, CONNECTION_ACTIVE},
    {CONNECTION_ACTIVE, CONNECTION_PAUSE, CONNECTION_ACTIVE},
    {CONNECTION_ACTIVE, CONNECTION_RESUME, CONNECTION_ACTIVE},
    {CONNECTION_ACTIVE, CONNECTION_DISCONNECT, CONNECTION_DISCONNECTED},
    {CONNECTION_ACTIVE, CONNECTION_DELETE, CONNECTION_DELETING},

    {CONNECTION_ERROR, CONNECTION_UPDATE, CONNECTION_ERROR},
    {CONNECTION_ERROR, CONNECTION_KEY_WORKED, CONNECTION_ACTIVE},
    {CONNECTION_ERROR, CONNECTION_KEY_REJECTED, CONNECTION_ERROR},
    {CONNECTION_ERROR, CONNECTION_ROTATE, CONNECTION_ACTIVE},
    {CONNECTION_ERROR, CONNECTION_PAUSE, CONNECTION_ERROR},
    {CONNECTION_ERROR, CONNECTION_RESUME, CONNECTION_ERROR},
    {CONNECTION_ERROR, CONNECTION_DISCONNECT, CONNECTION_DISCONNECTED},
    {CONNECTION_ERROR, CONNECTION_DELETE, CONNECTION_DELETING},

    {CONNECTION_DISCONNECTED, CONNECTION_UPDATE, CONNECTION_DISCONNECTED},
    {CONNECTION_DISCONNECTED, CONNECTION_ROTATE, CONNECTION_ACTIVE},
    {CONNECTION_DISCONNECTED, CONNECTION_DISCONNECT, CONNECTION_DISCONNECTED},
    {CONNECTION_DISCONNECTED, CONNECTION_DELETE, CONNECTION_DELETING},

    {CONNECTION_DELETING, CONNECTION_DELETE, CONNECTION_DELETING},
};

static enum connection_state expected(int from, int event)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++)
        if ((int)moves[i].from == from && (int)moves[i].event == event)
            return moves[i].to;
    return CONNECTION_ABSENT;
}

static void moves_so_and_not_otherwise(void **state)
{
    (void)state;
    // Also from numbers that are no state.
    for (int from = -1; from <= CONNECTION_STATE_COUNT; from++) {
        for (int event = 0; event < CONNECTION_EVENT_COUNT; event++) {
            enum connection_state to = CONNECTION_STATE_COUNT, wanted = expected(from, event);
            enum err_code code = connection_transition((enum connection_state)from,
                                                       (enum connection_event)event, &to, NULL);
            assert_int_equal(code,
                             wanted == CONNECTION_ABSENT ? ERR_INVALID_STATE_TRANSITION : ERR_OK);
            assert_int_equal(to, wanted == CONNECTION_ABSENT ? CONNECTION_STATE_COUNT : wanted);
        }
    }
}

static void a_refusal_names_state_and_verb(void **state)
{
    (void)state;
    struct err err;
    enum connection_state to;
    assert_int_equal(connection_transition(CONNECTION_DISCONNECTED, CONNECTION_PAUSE, &to, &err),
                     ERR_INVALID_STATE_TRANSITION);
    assert_int_equal(err_status(err.code), STATUS_FAILED_PRECONDITION);
    assert_string_equal(err_meta_get(&err, "state"), "DISCONNECTED");
    assert_string_equal(err_meta_get(&err, "verb"), "PAUSE");
    // Every event has a word.
    for (int event = 0; event < CONNECTION_EVENT_COUNT; event++) {
        if (connection_transition(CONNECTION_STATE_COUNT, (enum connection_event)event, &to,
                                  &err) != ERR_OK)
            assert_true(strlen(err_meta_get(&err, "verb")) > 3);
        assert_string_equal(err_meta_get(&err, "state"), "UNKNOWN");
    }
}

// What each use of a connection answers in each state, with nothing paused and with all.
static void each_state_is_good_for_something(void **state)
{
    (void)state;
    static const struct {
        enum connection_state state;
        enum err_code test, sync, reveal;
    } rows[] = {
        {CONNECTION_ABSENT, ERR_CONNECTION_NOT_ACTIVE, ERR_CONNECTION_NOT_ACTIVE,
         ERR_CONNECTION_NOT_ACTIVE},
        {CONNECTION_ACTIVE, ERR_OK, ERR_OK, ERR_OK},
        {CONNECTION_ERROR, ERR_OK, ERR_CONNECTION_NOT_ACTIVE, ERR_CONNECTION_NOT_ACTIVE},
        {CONNECTION_DISCONNECTED, ERR_CONNECTION_NOT_ACTIVE, ERR_CONNECTION_NOT_ACTIVE,
         ERR_CONNECTION_NOT_ACTIVE},
        {CONNECTION_DELETING, ERR_CONNECTION_NOT_ACTIVE, ERR_CONNECTION_NOT_ACTIVE,
         ERR_CONNECTION_NOT_ACTIVE},
        {CONNECTION_STATE_COUNT, ERR_CONNECTION_NOT_ACTIVE, ERR_CONNECTION_NOT_ACTIVE,
         ERR_CONNECTION_NOT_ACTIVE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct connection_standing standing = {
            .state = rows[i].state, .since_us = 1772366400000000, .provider = 1};
        struct err err = {0};
        assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_TEST, &err), rows[i].test);
        assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_SYNC, &err), rows[i].sync);
        assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_REVEAL, &err),
                         rows[i].reveal);
        if (rows[i].sync == ERR_OK)
            continue;
        assert_true(connection_refused_use(err.code));
        assert_string_equal(err_meta_get(&err, "state"), connection_state_word(rows[i].state));
        assert_string_equal(err_meta_get(&err, "since"), "2026-03-01T12:00:00.000000Z");
    }
}

static void a_pause_holds_what_it_names(void **state)
{
    (void)state;
    struct connection_standing standing = {
        .state = CONNECTION_ACTIVE, .provider = 1, .sync_paused = true};
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_SYNC, NULL), ERR_SYNCS_PAUSED);
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_REVEAL, NULL), ERR_OK);
    standing.sync_paused = false;
    standing.reveals_paused = true;
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_SYNC, NULL), ERR_OK);
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_REVEAL, NULL),
                     ERR_REVEALS_PAUSED);
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_TEST, NULL), ERR_OK);
    // Who reads is not held by either.
    standing.sync_paused = true;
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_READ, NULL), ERR_OK);
    standing.state = CONNECTION_ERROR;
    assert_int_equal(connection_check_use(&standing, CONNECTION_FOR_READ, NULL),
                     ERR_CONNECTION_NOT_ACTIVE);
}

static void hudu_is_asked_for_nothing(void **state)
{
    (void)state;
    const struct connection_standing standing = {.state = CONNECTION_ACTIVE, .provider = 2};
    for (int use = CONNECTION_FOR_TEST; use <= CONNECTION_FOR_REVEAL; use++) {
        struct err err;
        assert_int_equal(connection_check_use(&standing, (enum connection_use)use, &err),
                         ERR_PROVIDER_NOT_SUPPORTED);
        assert_string_equal(err_meta_get(&err, "provider"), "HUDU");
        assert_true(connection_refused_use(err.code));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_so_and_not_otherwise),
        cmocka_unit_test(a_refusal_names_state_and_verb),
        cmocka_unit_test(each_state_is_good_for_something),
        cmocka_unit_test(a_pause_holds_what_it_names),
        cmocka_unit_test(hudu_is_asked_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
