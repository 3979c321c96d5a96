// Filters that name what belongs to a connection: another one may have the same ids. And pages that
// have become empty, or would be too long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/password.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"

static char acme[] = "companies/acme";

static int count_passwords(struct fixture *fixture, const char *connection)
{
    Docbridge__V1__ListPasswordsRequest in = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsResponse out;
    in.parent = acme;
    in.filter = arena_printf(
        &fixture->arena, "password_category = \"connections/%s/passwordCategories/7\"", connection);
    listed_call(fixture, &password_service, "ListPasswords", &in, &out);
    assert_int_equal(out.n_passwords, out.total_size);
    return out.total_size;
}

static int count_assets(struct fixture *fixture, const char *connection)
{
    Docbridge__V1__ListFlexibleAssetsRequest in = DOCBRIDGE__V1__LIST_FLEXIBLE_ASSETS_REQUEST__INIT;
    Docbridge__V1__ListFlexibleAssetsResponse out;
    in.parent = acme;
    in.filter =
        arena_printf(&fixture->arena,
                     "flexible_asset_type = \"connections/%s/flexibleAssetTypes/77\"", connection);
    listed_call(fixture, &documentation_service, "ListFlexibleAssets", &in, &out);
    assert_int_equal(out.n_flexible_assets, out.total_size);
    return out.total_size;
}

static void another_connections_category_has_no_passwords(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(count_passwords(fixture, "c1"), 3);
    assert_int_equal(count_passwords(fixture, "other"), 0);
}

static void add_an_asset(struct fixture *fixture)
{
    (void)fixture_sql(
        fixture,
        "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body,"
        " content_hash, enabled, discover_time) VALUES ('t1','c1',77,'Backup','{}','',true,now());"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
        " type_id, body, content_hash) VALUES ('t1','c1',5,1,41,'Nightly',77,'{}','')");
}

static void another_connections_type_has_no_assets(void **state)
{
    struct fixture *fixture = *state;
    add_an_asset(fixture);
    assert_int_equal(count_assets(fixture, "c1"), 1);
    assert_int_equal(count_assets(fixture, "other"), 0);
}

// Nothing of such a type is read from upstream any more.
static void a_type_that_is_off_or_gone_upstream_has_no_assets(void **state)
{
    struct fixture *fixture = *state;
    add_an_asset(fixture);
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET upstream_state = 2");
    assert_int_equal(count_assets(fixture, "c1"), 0);
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET upstream_state = 3");
    assert_int_equal(count_assets(fixture, "c1"), 0);
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET upstream_state = 1");
    assert_int_equal(count_assets(fixture, "c1"), 1);
}

// What a token leads to can go before it is asked for: how many there are is told all the same.
#define NOTHING_BEHIND(parent_name, Name, message, items)                                   \
    {                                                                                       \
        Docbridge__V1__List##Name##Request in;                                              \
        Docbridge__V1__List##Name##Response out;                                            \
        protobuf_c_message_init(&docbridge__v1__list_##message##_request__descriptor, &in); \
        in.parent = parent_name;                                                            \
        in.page_size = 1;                                                                   \
        (void)fixture_sql(fixture, TWO);                                                    \
        listed_call(fixture, &documentation_service, "List" #Name, &in, &out);              \
        assert_int_equal(out.total_size, 2);                                                \
        in.page_token = out.next_page_token;                                                \
        (void)fixture_sql(fixture, "DELETE FROM record WHERE kind IN (6, 7) AND id = 902"); \
        listed_call(fixture, &documentation_service, "List" #Name, &in, &out);              \
        assert_int_equal(out.n_##items, 0);                                                 \
        assert_int_equal(out.total_size, 1);                                                \
        assert_string_equal(out.next_page_token, "");                                       \
    }

#define TWO                                                                               \
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name," \
    " body, content_hash) SELECT 't1', 'c1', k, i, 41, 'List', '{}', '' FROM"             \
    " unnest('{6, 7}'::int[]) k, unnest('{901, 902}'::int[]) i ON CONFLICT DO NOTHING;"   \
    "INSERT INTO embedded_secret (tenant, connection_id, kind, id, place, secret_kind,"   \
    " keyed_hash) SELECT 't1', 'c1', 6, i, 1, 2, '' FROM unnest('{901, 902}'::int[]) i"   \
    " ON CONFLICT DO NOTHING"

static void a_page_of_nothing_tells_how_many_there_are(void **state)
{
    struct fixture *fixture = *state;
    static char c1[] = "connections/c1";
    NOTHING_BEHIND(acme, Checklists, checklists, checklists)
    NOTHING_BEHIND(c1, ChecklistTemplates, checklist_templates, checklist_templates)
    NOTHING_BEHIND(acme, EmbeddedSecrets, embedded_secrets, embedded_secrets)
}

// What upstream has no bound for: as many of it are on a page as an answer can hold.
static void a_page_is_no_longer_than_an_answer(void **state)
{
    enum { ANSWER_BYTES = 3 * 1024 * 1024 };
    struct fixture *fixture = *state;
    Docbridge__V1__ListPasswordsRequest in = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsResponse out;
    int pages = 0;
    size_t count = 0;
    (void)fixture_sql(fixture, "UPDATE record_password SET body = jsonb_build_object('url',"
                               " 'https://x/' || repeat('y', 800000))");
    in.parent = acme;
    do {
        listed_call(fixture, &password_service, "ListPasswords", &in, &out);
        assert_true(protobuf_c_message_get_packed_size(&out.base) <= ANSWER_BYTES);
        in.page_token = out.next_page_token;
        count += out.n_passwords;
        pages++;
    } while (out.next_page_token[0] != '\0');
    assert_int_equal(count, out.total_size);
    assert_int_equal(pages, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(another_connections_category_has_no_passwords),
        TEST(another_connections_type_has_no_assets),
        TEST(a_type_that_is_off_or_gone_upstream_has_no_assets),
        TEST(a_page_of_nothing_tells_how_many_there_are),
        TEST(a_page_is_no_longer_than_an_answer),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
