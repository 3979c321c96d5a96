// The index of words follows the fields of flexible asset types, by which readers are shown texts:
// what their fields' kinds or names hide now is found no longer, though no asset changed.
#include <stdio.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

#define CONTENT "SELECT content FROM search_entry WHERE kind = 5 AND id = 3901"
#define FRAGMENTS "SELECT fragments FROM search_entry WHERE kind = 5 AND id = 3901"
#define SEQUENCE "SELECT change_sequence FROM record WHERE kind = 5 AND id = 3901"

static void put_type(struct fixture *fixture, const char *name, const char *fields)
{
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = name,
        .body = arena_printf(&fixture->arena, "{\"enabled\":true,\"fields\":[%s]}", fields)});
}

// An asset of a type whose fields hide nothing, indexed.
static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    put_type(fixture, "Server",
             "{\"key\":\"ip\",\"name\":\"Access\",\"kind\":\"Text\"},"
             "{\"key\":\"site\",\"name\":\"Site\",\"kind\":\"Text\"}");
    fake_put(
        &(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSETS,
                              .id = 3901,
                              .organization_id = 3,
                              .type_id = 7,
                              .name = "Edge",
                              .body = "{\"traits\":{\"ip\":\"Tr0ub4dor\",\"site\":\"Muenster\"}}"});
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, CONTENT, "Tr0ub4dor Muenster");
    // From now on runs read what upstream says is changed.
    fixture->mode = SYNC_MODE_QUICK;
}

// The fields change as told, and nothing else does.
static void follows(struct fixture *fixture, const char *ip, const char *content,
                    const char *fragments)
{
    begin(fixture);
    char *sequence = arena_strdup(&fixture->arena, fixture_sql(fixture, SEQUENCE));
    put_type(fixture, "Server",
             arena_printf(&fixture->arena,
                          "%s{\"key\":\"site\",\"name\":\"Site\",\"kind\":\"Text\"}", ip));
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, CONTENT, content);
    assert_sql(fixture, FRAGMENTS, fragments);
    assert_sql(fixture, SEQUENCE, sequence);
}

static void a_field_that_is_called_a_password_by_now_is_masked(void **state)
{
    follows(*state, "{\"key\":\"ip\",\"name\":\"Admin password\",\"kind\":\"Text\"},",
            "**** Muenster", "edge\nmuenster");
}

static void a_field_that_is_a_password_by_now_is_not_found(void **state)
{
    follows(*state, "{\"key\":\"ip\",\"name\":\"Access\",\"kind\":\"Password\"},", "Muenster",
            "edge\nmuenster");
}

static void a_field_that_is_no_more_is_not_found(void **state)
{
    follows(*state, "", "Muenster", "edge\nmuenster");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(a_field_that_is_called_a_password_by_now_is_masked),
        TEST(a_field_that_is_a_password_by_now_is_not_found),
        TEST(a_field_that_is_no_more_is_not_found),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
