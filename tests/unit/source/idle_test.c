// Idle sources: each owner gets its own back, for a while, and without a key in between.
#include "server/source/idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct source_settings settings = {.request_timeout_ms = 1000};
static struct secret *key;
static struct idle_sources *idle;

static int set_up(void **state)
{
    (void)state;
    key = secret_copy("ITG.KEY", 7);
    idle = idle_sources_new(IDLE_SOURCE_MS);
    clock_fake(true, 0, 1000000);
    return source_global_init(NULL) == ERR_OK && key != NULL && idle != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    idle = idle_sources_free(idle);
    key = secret_free(key);
    clock_fake(false, 0, 0);
    source_global_done();
    return 0;
}

static struct source *take(const struct source_owner *owner)
{
    struct source *source = NULL;
    struct err err = {.code = ERR_OK};
    assert_int_equal(idle_sources_take(idle, &settings, owner, key, &source, &err), ERR_OK);
    assert_non_null(source);
    return source;
}

static struct source_owner owner_of(const char *tenant, const char *connection, int64_t version)
{
    return (struct source_owner){tenant, connection, version, SOURCE_PROVIDER_IT_GLUE,
                                 SOURCE_REGION_EU};
}

static void each_gets_its_own(void **state)
{
    (void)state;
    struct source_owner owner = owner_of("t1", "c1", 1);
    struct source *mine = take(&owner);
    idle_sources_give(idle, &owner, mine);
    struct source_owner others[] = {owner_of("t2", "c1", 1), owner_of("t1", "c2", 1),
                                    owner_of("t1", "c1", 2), owner};
    others[3].region = SOURCE_REGION_US;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct source *other = take(&others[i]);
        assert_ptr_not_equal(other, mine);
        (void)source_close(other);
    }
    struct source *again = take(&owner);
    assert_ptr_equal(again, mine);
    // While it is in use there is none to take.
    struct source *second = take(&owner);
    assert_ptr_not_equal(second, mine);
    (void)source_close(second);
    (void)source_close(again);
}

static void none_gets_old(void **state)
{
    (void)state;
    struct source_owner owner = owner_of("t1", "c1", 1);
    idle_sources_give(idle, &owner, take(&owner));
    clock_fake(true, 0, 1000000 + IDLE_SOURCE_MS - 1);
    struct source *young = take(&owner);
    idle_sources_give(idle, &owner, young);
    clock_fake(true, 0, 1000000 + 2 * IDLE_SOURCE_MS - 1);
    assert_int_equal(idle_sources_count(idle), 1);
    (void)source_close(take(&owner));
    assert_int_equal(idle_sources_count(idle), 0);
}

// Although nobody comes any more.
static void what_is_old_is_closed_by_itself(void **state)
{
    (void)state;
    clock_fake(false, 0, 0);
    (void)idle_sources_free(idle);
    idle = idle_sources_new(30);
    assert_non_null(idle);
    for (int turn = 0; turn < 2; turn++) {
        struct source_owner owner = owner_of("t1", "c1", 1);
        struct source *sources[] = {take(&owner), take(&owner)};
        for (size_t i = 0; i < ARRAY_LEN(sources); i++)
            idle_sources_give(idle, &owner, sources[i]);
        struct deadline deadline = deadline_in(20000);
        while (idle_sources_count(idle) > 0 && deadline_left_ms(deadline) > 0)
            (void)usleep(1000);
        assert_int_equal(idle_sources_count(idle), 0);
    }
}

static void there_are_never_too_many(void **state)
{
    (void)state;
    char name[16];
    struct source_owner first = owner_of("t1", "first", 1);
    idle_sources_give(idle, &first, take(&first));
    for (int i = 0; i < IDLE_SOURCES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "c%d", i);
        clock_fake(true, 0, 1000001 + i);
        struct source_owner owner = owner_of("t1", name, 1);
        idle_sources_give(idle, &owner, take(&owner));
    }
    // The oldest made room.
    assert_int_equal(idle_sources_count(idle), IDLE_SOURCES_MAX);
    (void)source_close(take(&first));
    assert_int_equal(idle_sources_count(idle), IDLE_SOURCES_MAX);
}

static void without_a_shelf_all_are_new(void **state)
{
    (void)state;
    struct source_owner owner = owner_of("t1", "c1", 1);
    struct source *source = NULL;
    struct err err = {.code = ERR_OK};
    assert_int_equal(idle_sources_take(NULL, &settings, &owner, key, &source, &err), ERR_OK);
    idle_sources_give(NULL, &owner, source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_gets_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_gets_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_old_is_closed_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_are_never_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_shelf_all_are_new, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
