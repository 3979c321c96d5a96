// Records that upstream restricts, keeps apart or has as part of another: each with its own answer.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/services.h"
#include "tests/integration/reading/reveals.h"

static const char restricted[] = "UPSTREAM_RECORD_RESTRICTED";

static void set_policy(struct fixture *fixture, const char *assignment)
{
    (void)fixture_sql(fixture, "INSERT INTO reveal_policy VALUES ('t1', 1, false, false, 0, false,"
                               " false, 1, 1, now()) ON CONFLICT DO NOTHING");
    (void)fixture_sql(fixture,
                      arena_printf(&fixture->arena, "UPDATE reveal_policy SET %s", assignment));
}

static void assert_refused(struct fixture *fixture, int password, const char *event)
{
    assert_int_equal(reveal(fixture, password), ERR_UPSTREAM_RECORD_RESTRICTED);
    assert_int_equal(revealed.value_case, 0);
    assert_string_equal(last_event(fixture), event);
    assert_string_equal(err_meta_get(&reveal_err, "mode"), "PER_USER");
}

static void per_user_asks_upstream_for_the_caller(void **state)
{
    struct fixture *fixture = *state;
    upstream.live.restricted = true;
    // Without a verified e-mail there is nobody to ask for.
    assert_refused(fixture, PASSWORD_RESTRICTED, "3 2 UPSTREAM_RECORD_RESTRICTED 0 f 0");
    assert_string_equal(err_meta_get(&reveal_err, "upstream_uri"), "https://x/6");
    assert_int_equal(upstream.calls, 0);

    fixture->caller.email = "tom@msp.example";
    assert_refused(fixture, PASSWORD_RESTRICTED, "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 2");
    assert_string_equal(upstream.user_email, "tom@msp.example");
    upstream.authorized = "ada@msp.example";
    assert_refused(fixture, PASSWORD_RESTRICTED, "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 4");
    upstream.authorized = "tom@msp.example";
    assert_int_equal(reveal(fixture, PASSWORD_RESTRICTED), ERR_OK);
    assert_string_equal(revealed.plaintext, "s3cret-c4nary");
    // One GET each.
    assert_int_equal(upstream.calls, 3);
}

// Of a record that is not known to be restricted nobody is asked for: should it have become so, the
// next sync will tell, and until then it is shut.
static void restricted_since_the_sync_is_shut(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.email = upstream.authorized = "tom@msp.example";
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_null(upstream.user_email);
    upstream.live.restricted = true;
    assert_refused(fixture, PASSWORD_PLAIN, "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 3");
}

// What upstream still says of a record counts beside what the sync saw.
static void restricted_until_the_next_sync(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.email = "tom@msp.example";
    upstream.live.restricted = false;
    assert_refused(fixture, PASSWORD_RESTRICTED, "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 1");
    (void)fixture_sql(fixture, "UPDATE record SET restricted = false WHERE id = 9006");
    assert_int_equal(reveal(fixture, PASSWORD_RESTRICTED), ERR_OK);
}

// Whom a folder lets in no answer tells.
static void a_folders_restriction_is_for_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const int below[] = {PASSWORD_IN_CLOSED_FOLDER, PASSWORD_IN_UNKNOWN_FOLDER};
    fixture->caller.email = upstream.authorized = "tom@msp.example";
    for (size_t i = 0; i < ARRAY_LEN(below); i++)
        assert_refused(fixture, below[i], "3 2 UPSTREAM_RECORD_RESTRICTED 0 f 0");
    (void)fixture_sql(fixture, "UPDATE record SET restricted = true WHERE id = 9007");
    assert_refused(fixture, PASSWORD_IN_CLOSED_FOLDER, "3 2 UPSTREAM_RECORD_RESTRICTED 0 f 0");
    assert_int_equal(upstream.calls, 0);
    upstream.live.folder_id = 801;
    assert_refused(fixture, PASSWORD_RESTRICTED, "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 4");
}

static void key_only_gives_what_the_key_can_read(void **state)
{
    struct fixture *fixture = *state;
    static const int all[] = {PASSWORD_RESTRICTED, PASSWORD_IN_CLOSED_FOLDER,
                              PASSWORD_IN_UNKNOWN_FOLDER};
    set_policy(fixture, "restricted_records = 2");
    upstream.live.restricted = true;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(reveal(fixture, all[i]), ERR_OK);
    assert_null(upstream.user_email);
    // The setting is judged once more with the answer.
    const void *pair[] = {fixture, "UPDATE reveal_policy SET restricted_records = 1"};
    upstream.while_asked = fixture_run_sql;
    upstream.context = pair;
    assert_refused(fixture, PASSWORD_RESTRICTED, "2 2 UPSTREAM_RECORD_RESTRICTED 200 t 7");
}

static const Docbridge__V1__ListPasswordsResponse *list(struct fixture *fixture)
{
    static Docbridge__V1__ListPasswordsResponse out;
    Docbridge__V1__ListPasswordsRequest in;
    docbridge__v1__list_passwords_request__init(&in);
    docbridge__v1__list_passwords_response__init(&out);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    const struct method *method = &password_service.methods[0];
    assert_string_equal(method->name, "ListPasswords");
    assert_int_equal(method->unary(&fixture->request, &in, &out, &reveal_err), ERR_OK);
    return &out;
}

static const Docbridge__V1__Password *find(const Docbridge__V1__ListPasswordsResponse *all,
                                           const char *display_name)
{
    for (size_t i = 0; i < all->n_passwords; i++)
        if (strcmp(all->passwords[i]->display_name, display_name) == 0)
            return all->passwords[i];
    return NULL;
}

static void lists_show_restricted_records_where_the_policy_says(void **state)
{
    struct fixture *fixture = *state;
    assert_null(find(list(fixture), "Restricted"));
    set_policy(fixture, "restricted_listed = true");
    const Docbridge__V1__ListPasswordsResponse *all = list(fixture);
    const Docbridge__V1__Password *own = find(all, "Restricted");
    const Docbridge__V1__Password *below = find(all, "In closed");
    assert_int_equal(all->total_size, all->n_passwords);
    assert_int_equal(own->n_flags, 1);
    assert_int_equal(own->flags[0], DOCBRIDGE__V1__PASSWORD__FLAG__FLAG_RESTRICTED);
    assert_string_equal(own->blocked_reason, restricted);
    assert_string_equal(below->blocked_reason, restricted);
    fixture->caller.email = "tom@msp.example";
    all = list(fixture);
    assert_true(find(all, "Restricted")->revealable);
    assert_false(find(all, "In closed")->revealable);
    set_policy(fixture, "restricted_records = 2");
    assert_true(find(list(fixture), "In closed")->revealable);
    // Archived and personal entries stay out.
    assert_null(find(list(fixture), "Archived"));
    assert_null(find(list(fixture), "Personal"));
}

// Part of another record: it is said of which, in lists and with the value.
static void embedded_records_say_so(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture,
                      "UPDATE record SET body = '{\"resource_type\": \"Configuration\","
                      " \"resource_id\": 4, \"resource_name\": \"FW-01\"}' WHERE id = 9001");
    const Docbridge__V1__Password *entry = find(list(fixture), "Firewall admin");
    assert_int_equal(entry->n_flags, 1);
    assert_int_equal(entry->flags[0], DOCBRIDGE__V1__PASSWORD__FLAG__FLAG_EMBEDDED);
    assert_string_equal(entry->embedded_in_display_name, "FW-01");
    assert_int_equal(reveal(fixture, PASSWORD_PLAIN), ERR_OK);
    assert_string_equal(revealed.embedded_in_display_name, "FW-01");
    assert_int_equal(reveal(fixture, PASSWORD_UNCATEGORIZED), ERR_OK);
    assert_string_equal(revealed.embedded_in_display_name, "");
}

// What is kept apart has its own reason and the way to it, whether the sync saw it or upstream
// says.
static void what_is_kept_apart_says_why(void **state)
{
    struct fixture *fixture = *state;
    const struct source_password good = upstream.live;
    static const struct {
        int stored;
        enum err_code code;
        const char *uri;
    } rows[] = {
        {PASSWORD_VAULTED, ERR_PASSWORD_VAULTED_UPSTREAM, "https://x/3"},
        {PASSWORD_ARCHIVED, ERR_PASSWORD_ARCHIVED_UPSTREAM, "https://x/4"},
        {PASSWORD_PERSONAL, ERR_PASSWORD_PERSONAL_UPSTREAM, "https://x/5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(reveal(fixture, rows[i].stored), rows[i].code);
        assert_string_equal(err_meta_get(&reveal_err, "upstream_uri"), rows[i].uri);
        assert_int_equal(upstream.calls, (int)i);
        upstream.live = good;
        upstream.live.vaulted = i == 0;
        upstream.live.archived = i == 1;
        upstream.live.personal = i == 2;
        assert_int_equal(reveal(fixture, PASSWORD_PLAIN), rows[i].code);
        assert_string_equal(err_meta_get(&reveal_err, "upstream_uri"), "https://x/1");
        assert_int_equal(revealed.value_case, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reveals_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(per_user_asks_upstream_for_the_caller),
        TEST(restricted_since_the_sync_is_shut),
        TEST(restricted_until_the_next_sync),
        TEST(a_folders_restriction_is_for_nobody),
        TEST(key_only_gives_what_the_key_can_read),
        TEST(lists_show_restricted_records_where_the_policy_says),
        TEST(embedded_records_say_so),
        TEST(what_is_kept_apart_says_why),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
