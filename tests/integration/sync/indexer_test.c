// The index of words behind the sync: what it holds of each kind, what it never holds, and that it
// follows changes alone.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/search_index.h"
#include "server/sync/state.h"
#include "server/sync/sync_private.h"
#include "tests/integration/sync/fixture.h"

#define LEVEL                                                                                \
    "SELECT (level_time IS NOT NULL AND p.sequence = s.sequence AND rebuild_kind = 0)::text" \
    " FROM search_progress p JOIN record_sequence s USING (tenant, connection_id)"

static void sync_all(struct fixture *fixture)
{
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, LEVEL, "true");
}

static void put(enum source_kind kind, int64_t id, const char *name, const char *body)
{
    fake_put(&(struct fake_record){.kind = kind,
                                   .id = id,
                                   .organization_id = kind == SOURCE_CHECKLIST_TEMPLATES ? 0 : 3,
                                   .type_id = kind == SOURCE_FLEXIBLE_ASSETS ? 7 : 0,
                                   .name = name,
                                   .body = body});
}

// How many entries have a word.
static const char *having(struct fixture *fixture, const char *word)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM search_entry WHERE words @@"
                   " websearch_to_tsquery('folded', '%s')",
                   word);
    return fixture_sql(fixture, sql);
}

static void every_kind_is_found_by_its_text(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put(SOURCE_DOCUMENTS, 3950, "Backup Plan",
        "{\"sections\":[{\"html\":\"<p>Nightly "
        "<b>tapes</b></p>\"},{\"html\":\"<i>M\u00fcller</i>\"}]}");
    put(SOURCE_FLEXIBLE_ASSETS, 3901, "Edge",
        "{\"traits\":{\"ip\":\"10.20.30.40\",\"admin\":\"hunter2\",\"other\":\"unlisted\"}}");
    put(SOURCE_CHECKLISTS, 3902, "Onboarding",
        "{\"description\":\"For newcomers\",\"tasks\":[{\"name\":\"Order laptop\","
        "\"description\":\"with dock\"}]}");
    put(SOURCE_CHECKLIST_TEMPLATES, 3903, "Offboarding", "{\"tasks\":[{\"name\":\"Lock badge\"}]}");
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_sql(fixture,
               "SELECT string_agg(kind || ':' || n, ',' ORDER BY kind) FROM"
               " (SELECT kind, count(*) n FROM search_entry GROUP BY kind) k",
               "4:13,5:7,6:5,7:2");
    static const char *const words[] = {"plan tapes",  "muller",    "10.20.30.40",
                                        "laptop dock", "newcomers", "offboarding badge"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_string_equal(having(fixture, words[i]), "1");
    // A password's field, one that the type does not know, and tags.
    static const char *const never[] = {"hunter2", "unlisted", "html", "b"};
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        assert_string_equal(having(fixture, never[i]), "0");
    assert_sql(fixture, "SELECT fragments FROM search_entry WHERE id = 3901", "edge\n10.20.30.40");
}

// A search looks through what is not merged into the index yet: after a batch, nothing.
static void a_batch_is_merged_into_the_index(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(fixture, "CREATE EXTENSION pgstattuple");
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_sql(fixture, "SELECT count(*) > 20 FROM search_entry", "t");
    assert_sql(fixture,
               "SELECT 'fastupdate=on' = ANY (reloptions) FROM pg_class"
               " WHERE relname = 'search_entry_by_word'",
               "t");
    assert_sql(fixture, "SELECT pending_tuples FROM pgstatginindex('search_entry_by_word')", "0");
}

// What one leaves open ends with it, as it does for readers; what belongs together still does.
static void each_part_of_a_text_is_looked_through_by_itself(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put(SOURCE_DOCUMENTS, 3950, "Backup",
        "{\"sections\":[{\"html\":\"<p>Nightly <script>x\"},{\"html\":\"tapes<!-- \"},"
        "{\"html\":\"<table><tr><td>Bank\"},{\"html\":\"<p>rotate\\u001d\\u001dly</p>\"},"
        "{\"html\":\"<p>Password:</p> \"},{\"html\":\"<p>Tr0ub4dor</p>\"}]}");
    put(SOURCE_CHECKLISTS, 3902, "Onboarding",
        "{\"description\":\"For <style>\",\"tasks\":[{\"name\":\"Order\",\"description\":\"with"
        " <textarea>dock\"},{\"name\":\"Pay\"}]}");
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_sql(fixture, "SELECT content FROM search_entry WHERE id = 3950",
               "Nightly tapes Bank rotately Password: ****");
    assert_sql(fixture, "SELECT content FROM search_entry WHERE id = 3902", "For Order with Pay");
}

// What is pasted into a text is neither found nor shown, and where it is can be told.
static void credentials_are_masked_and_noted(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put(SOURCE_DOCUMENTS, 3950, "Router",
        "{\"sections\":[{\"html\":\"<table><tr><td>Password</td><td>Tr0<b>ub4</b>dor</td></tr></"
        "table>\"},"
        "{\"html\":\"<table><tr><th>User</th><th>Password</th></tr><tr><td>joe</td>"
        "<td>Tr0ub4dor</td></tr></table>\"},"
        "{\"html\":\"<p>pwd=Tr0ub4dor and api key: k1k2k3k4</p>\"}]}");
    put(SOURCE_FLEXIBLE_ASSETS, 3901, "Edge", "{\"traits\":{\"ip\":\"pass: Tr0ub4dor\"}}");
    put(SOURCE_FLEXIBLE_ASSETS, 3902, "Json",
        "{\"traits\":{\"ip\":{\"password\":\"Tr0ub4dor\",\"note\":\"Line\\ntwo\",\"on\":true}}}");
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_sql(fixture, "SELECT content FROM search_entry WHERE id = 3950",
               "Password **** User Password joe **** pwd=**** and api key: ****");
    assert_sql(fixture, "SELECT fragments FROM search_entry WHERE id = 3901", "edge\npass: ****");
    assert_sql(fixture, "SELECT content || fragments FROM search_entry WHERE id = 3902",
               "Line two ****json\nline\ntwo");
    assert_string_equal(having(fixture, "Tr0ub4dor"), "0");
    assert_sql(fixture,
               "SELECT string_agg(kind || ':' || id || ':' || place || ':' || secret_kind, ','"
               " ORDER BY kind, id, place) FROM embedded_secret",
               "4:3950:1:2,4:3950:2:2,4:3950:3:2,4:3950:4:2,5:3901:1:2,"
               "5:3902:1:2");
    assert_sql(fixture, "SELECT count(DISTINCT keyed_hash) FROM embedded_secret", "2");
    put(SOURCE_DOCUMENTS, 3950, "Router", "{\"sections\":[{\"html\":\"<p>clean</p>\"}]}");
    sync_all(fixture);
    assert_sql(fixture, "SELECT count(*) FROM embedded_secret", "2");
}

// What stands in a field that is called like a password is one, and nothing in another field is for
// that.
static void texts_below_a_passwords_name_are_masked(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = "Server",
        .body = "{\"enabled\":true,\"fields\":["
                "{\"key\":\"ip\",\"name\":\"Admin password\",\"kind\":\"Text\"},"
                "{\"key\":\"wifi\",\"name\":\"PSK:\",\"kind\":\"Textbox\"},"
                "{\"key\":\"site\",\"name\":\"Site\",\"kind\":\"Text\"},"
                "{\"key\":\"size\",\"name\":\"Token\",\"kind\":\"Number\"}]}"});
    put(SOURCE_FLEXIBLE_ASSETS, 3901, "Edge",
        "{\"traits\":{\"ip\":\"geheim\",\"site\":\"Muenster\",\"size\":\"123456\","
        "\"wifi\":\"<p><b>of</b>fen</p>\"}}");
    // Empty, or cut from its value by what somebody wrote.
    put(SOURCE_FLEXIBLE_ASSETS, 3902, "Empty",
        "{\"traits\":{\"ip\":\" \",\"site\":\"Hannover\\u001d\",\"wifi\":\"sesame\"}}");
    put(SOURCE_FLEXIBLE_ASSETS, 3903, "Html",
        "{\"traits\":{\"site\":\"<p>Root <b>password</b>: Tr0ub4dor</p>\"}}");
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_sql(fixture, "SELECT content FROM search_entry WHERE id = 3901",
               "**** Muenster 123456 ****");
    assert_sql(fixture, "SELECT fragments FROM search_entry WHERE id = 3901",
               "edge\nmuenster\n123456");
    assert_sql(fixture, "SELECT content FROM search_entry WHERE id = 3902", "Hannover ****");
    // A short text is HTML too.
    assert_sql(fixture, "SELECT fragments FROM search_entry WHERE id = 3903",
               "html\n\nroot password: ****\n");
    static const char *const never[] = {"geheim", "offen", "sesame", "Tr0ub4dor"};
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        assert_string_equal(having(fixture, never[i]), "0");
    assert_sql(fixture,
               "SELECT string_agg(id || ':' || place, ',' ORDER BY id, place) FROM embedded_secret",
               "3901:1,3901:2,3902:1,3903:1");
}

// An asset with these traits, of a type with these fields, has one word that everybody may find.
static void finds_the_rack(struct fixture *fixture, const char *fields, const char *traits)
{
    fixture_seed(fixture);
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = "Server",
        .body = arena_printf(&fixture->arena, "{\"enabled\":true,\"fields\":[%s]}", fields)});
    put(SOURCE_FLEXIBLE_ASSETS, 3901, "Edge",
        arena_printf(&fixture->arena, "{\"traits\":{%s}}", traits));
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_sql(fixture, "SELECT content FROM search_entry WHERE id = 3901", "Configurations rack");
}

// Who may see a password's title and user is decided elsewhere.
static void tagged_passwords_are_not_found(void **state)
{
    finds_the_rack(*state,
                   "{\"key\":\"ip\",\"kind\":\"Tag\",\"tag_type\":\"Configurations\"},"
                   "{\"key\":\"was\",\"kind\":\"Tag\",\"tag_type\":\"Configurations\"},"
                   "{\"key\":\"login\",\"kind\":\"Tag\",\"tag_type\":\"Passwords\"}",
                   "\"ip\":{\"type\":\"Configurations\",\"values\":[{\"name\":\"rack\"}]},"
                   "\"login\":{\"values\":[{\"id\":4711}]},"
                   "\"was\":{\"type\":\"Passwords\",\"values\":[{\"name\":\"root\"}]}");
}

// The name of what is hidden, or another company's, is in no snippet.
static void of_tags_is_found_what_everybody_may_see(void **state)
{
    finds_the_rack(*state,
                   "{\"key\":\"ip\",\"kind\":\"Tag\"},{\"key\":\"docs\",\"kind\":\"Tag\"},"
                   "{\"key\":\"orgs\",\"kind\":\"Tag\"}",
                   "\"ip\":{\"type\":\"Configurations\",\"values\":[{\"name\":\"rack\"},"
                   "{\"name\":\"far\",\"organization-name\":\"Another\"}]},"
                   "\"docs\":{\"type\":\"Documents\",\"values\":[{\"name\":\"Layoffs\"}]},"
                   "\"orgs\":{\"type\":\"Organizations\",\"values\":[{\"name\":\"Another\"}]}");
}

static void credentials_in_titles_are_masked(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put(SOURCE_DOCUMENTS, 3950, "Wifi password: Tr0ub4dor", "{\"sections\":[]}");
    fixture_start_sync(fixture);
    sync_all(fixture);
    assert_string_equal(having(fixture, "Tr0ub4dor"), "0");
    assert_string_equal(having(fixture, "wifi"), "1");
    assert_sql(fixture, "SELECT fragments FROM search_entry WHERE kind = 4 AND id = 3950",
               "wifi password: ****");
    assert_sql(fixture,
               "SELECT string_agg(kind || ':' || id || ':' || place || ':' || title, ',')"
               " FROM embedded_secret",
               "4:3950:1:Wifi password: ****");
}

// What older rules left in the index goes when new ones begin, though nothing changed upstream and
// no change is remembered.
static void what_was_indexed_before_is_brought_up_to_date(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put(SOURCE_DOCUMENTS, 3950, "Wifi password: Tr0ub4dor", "{\"sections\":[]}");
    put(SOURCE_CHECKLIST_TEMPLATES, 3903, "Pwd: Tr0ub4dor", "{\"tasks\":[]}");
    fixture_start_sync(fixture);
    sync_all(fixture);
    char *level = strdup(fixture_sql(fixture, "SELECT sequence FROM record_sequence"));
    assert_non_null(level);
    (void)fixture_sql(fixture, "UPDATE search_entry SET words = search_words('Tr0ub4dor', '');"
                               "UPDATE search_entry SET fragments = 'tr0ub4dor' WHERE id = 3903;"
                               "DELETE FROM embedded_secret; DELETE FROM record_change;"
                               "UPDATE search_progress SET rebuild_kind = 4");
    assert_string_not_equal(having(fixture, "Tr0ub4dor"), "0");
    fixture_wait_for(fixture, "SELECT rebuild_kind || ':' || rebuild_id FROM search_progress",
                     "0:0");
    assert_string_equal(having(fixture, "Tr0ub4dor"), "0");
    assert_sql(fixture, "SELECT count(title) FROM embedded_secret", "2");
    assert_sql(fixture, "SELECT sequence FROM record_sequence", level);
    free(level);
}

static void only_changes_are_indexed(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    sync_all(fixture);
    const char *before = fixture_sql(
        fixture, "SELECT string_agg(xmin::text, ',' ORDER BY kind, id) FROM search_entry");
    char *kept = strdup(before);
    assert_non_null(kept);
    char *level = strdup(fixture_sql(fixture, "SELECT sequence FROM record_sequence"));
    assert_non_null(level);
    sync_all(fixture);
    assert_sql(fixture, "SELECT string_agg(xmin::text, ',' ORDER BY kind, id) FROM search_entry",
               kept);
    assert_sql(fixture, "SELECT sequence FROM record_sequence", level);
    free(level);
    free(kept);

    put(SOURCE_DOCUMENTS, 3000, "Renamed", NULL);
    fake_remove(SOURCE_DOCUMENTS, 3001);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, LEVEL, "true");
    assert_string_equal(having(fixture, "renamed"), "1");
    assert_sql(fixture, "SELECT count(*) FROM search_entry WHERE id = 3001 AND kind = 4", "0");
    assert_sql(fixture, "SELECT kind || ':' || organization_id || ':' || id FROM record_tombstone",
               "4:3:3001");
    // Created once, changed later.
    assert_sql(fixture,
               "SELECT (create_sequence < change_sequence)::text FROM record WHERE kind = 4"
               " AND id = 3000",
               "true");
}

// A deletion waits for the batch that is under way, and takes away what that brought in.
static void what_is_deleted_while_it_is_indexed_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    char content[] = "late";
    const struct search_text late = {.kind = SOURCE_DOCUMENTS,
                                     .id = 3001,
                                     .organization_id = 3,
                                     .title = "Late",
                                     .content = content,
                                     .short_fields = ""};
    struct work_lease lease = {.connection_id = "c1"};
    struct err err = {0};
    struct tx *tx = NULL;
    bool held;
    struct search_position position;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    sync_all(fixture);
    lease.fence = strtoll(fixture_sql(fixture, "SELECT fence FROM search_progress"), NULL, 10);
    (void)fixture_sql(fixture, "DELETE FROM search_entry");
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(60000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(search_hold(tx, &lease, "", 60000, &held, &position, &err), ERR_OK);
    assert_true(held);
    fake_remove(SOURCE_DOCUMENTS, 3001);
    fixture_ask(fixture, 0);
    fixture_wait_for(fixture,
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                     " AND query LIKE 'SELECT FROM search_progress%'",
                     "1");
    assert_int_equal(search_put(tx, "c1", &late, 1, &fixture->arena, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4 AND id = 3001", "0");
    assert_sql(fixture, "SELECT count(*) FROM search_entry", "0");
}

// Words that are all different make the largest vector.
static void a_huge_document_is_indexed_by_its_beginning(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    sync_all(fixture);
    (void)fixture_sql(
        fixture,
        "WITH next AS (UPDATE record_sequence SET sequence = sequence + 1 RETURNING sequence),"
        " change AS (INSERT INTO record_change SELECT 't1', 'c1', sequence, 4, '{3000}', '{3}'"
        "  FROM next) UPDATE record SET change_sequence = (SELECT sequence FROM next), body ="
        "  jsonb_build_object('sections', jsonb_build_array(jsonb_build_object('html', 'beginning '"
        "  || (SELECT string_agg(to_hex(i), ' ') FROM generate_series(1, 50000) i)"
        "  || repeat(' more', 4000000) || ' ending'))) WHERE kind = 4 AND id = 3000");
    assert_sql(fixture,
               "SELECT (length(body::text) > 20000000)::text FROM record WHERE kind = 4"
               " AND id = 3000",
               "true");
    fixture_wait_for(fixture, LEVEL, "true");
    assert_string_equal(having(fixture, "document beginning"), "1");
    assert_string_equal(having(fixture, "ending"), "0");
    assert_sql(fixture,
               "SELECT (octet_length(content) BETWEEN 262140 AND 262144)::text FROM search_entry"
               " WHERE kind = 4 AND id = 3000",
               "true");
}

// A text whose vector is beyond what Postgres can store loses words, not the index.
static void a_text_made_to_break_vectors_is_cut(void **state)
{
    struct fixture *fixture = *state;
    assert_sql(fixture,
               "SELECT (length(search_words('Title', string_agg(md5(i::text) || '-' ||"
               " md5((-i)::text), ' '))) > 1000)::text FROM generate_series(1, 9000) i",
               "true");
}

// Whoever has the index of a connection keeps it until the lease ends; then another goes on.
static void a_silent_indexer_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(fixture, "UPDATE search_progress SET owner = 'gone',"
                               " expire_time = now() + interval '1 day'");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct work_lease lease;
    struct err err = {0};
    struct tx *tx = NULL;
    assert_int_equal(store_begin(fixture->scheduler_store, "", deadline_in(5000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(search_claim(tx, "me", 1000, &fixture->arena, &lease, &err), ERR_OK);
    assert_null(lease.tenant);
    tx_abortp(&tx);
    assert_sql(fixture, "SELECT count(*) FROM search_entry", "0");
    (void)fixture_sql(fixture, "UPDATE search_progress SET expire_time = now()");
    fixture_wait_for(fixture, LEVEL, "true");
    assert_sql(fixture, "SELECT count(*) FROM search_entry", "23");
}

static atomic_bool documents_held;

// Upstream is silent about documents, which come last in a run.
static enum err_code hold_documents(const struct source_query *query, const atomic_bool *cancelled,
                                    struct source_attempt *attempt, struct err *reterr)
{
    (void)attempt, (void)reterr;
    while (query->kind == SOURCE_DOCUMENTS && atomic_load(&documents_held) &&
           !atomic_load(cancelled))
        (void)usleep(1000);
    return ERR_OK;
}

// A run that waits for upstream, until documents_held is false.
static void begin_run_that_waits(struct fixture *fixture)
{
    atomic_store(&documents_held, true);
    fake_set_hook(hold_documents);
    fixture_ask(fixture, 0);
}

static void the_index_does_not_wait_for_a_run_that_waits(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    begin_run_that_waits(fixture);
    fixture_wait_for(fixture,
                     "SELECT string_agg(kind || ':' || n, ',' ORDER BY kind) FROM"
                     " (SELECT kind, count(*) n FROM search_entry GROUP BY kind) k",
                     "5:6,6:4,7:1");
    assert_int_equal(fixture_run(fixture).state, RUN_RUNNING);
    atomic_store(&documents_held, false);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, LEVEL, "true");
}

static atomic_bool storing;

// As if runs stored pages all the time.
static void *store_pages(void *context)
{
    struct sync *sync = context;
    while (atomic_load(&storing)) {
        (void)atomic_fetch_add(&sync->busy_ms, 1000);
        (void)usleep(100);
    }
    return NULL;
}

static void the_index_rests_beside_a_run_that_stores(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    sync_all(fixture);
    begin_run_that_waits(fixture);
    fixture_wait_for(fixture, "SELECT count(*) FROM sync_run WHERE state = 2", "1");
    atomic_store(&storing, true);
    assert_int_equal(pthread_create(&thread, NULL, store_pages, fixture->sync), 0);
    // A batch that takes its time.
    (void)fixture_sql(
        fixture,
        "WITH next AS (UPDATE record_sequence SET sequence = sequence + 1 RETURNING sequence),"
        " change AS (INSERT INTO record_change SELECT 't1', 'c1', sequence, 4, '{3000}', '{3}'"
        "  FROM next) UPDATE record SET change_sequence = (SELECT sequence FROM next), body ="
        "  jsonb_build_object('sections', jsonb_build_array(jsonb_build_object('html',"
        "  repeat('more ', 40000)))) WHERE kind = 4 AND id = 3000");
    fixture_wait_for(fixture, "SELECT count(*) FROM search_entry WHERE words @@ 'more'::tsquery",
                     "1");
    for (int tries = 0; tries < 60000 && atomic_load(&fixture->sync->rested_ms) == 0; tries++)
        (void)usleep(1000);
    assert_true(atomic_load(&fixture->sync->rested_ms) > 0);
    atomic_store(&storing, false);
    (void)pthread_join(thread, NULL);
    atomic_store(&documents_held, false);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_found_by_its_text),
        TEST(each_part_of_a_text_is_looked_through_by_itself),
        TEST(a_batch_is_merged_into_the_index),
        TEST(credentials_are_masked_and_noted),
        TEST(texts_below_a_passwords_name_are_masked),
        TEST(tagged_passwords_are_not_found),
        TEST(of_tags_is_found_what_everybody_may_see),
        TEST(credentials_in_titles_are_masked),
        TEST(what_was_indexed_before_is_brought_up_to_date),
        TEST(only_changes_are_indexed),
        TEST(what_is_deleted_while_it_is_indexed_leaves_nothing),
        TEST(a_huge_document_is_indexed_by_its_beginning),
        TEST(a_text_made_to_break_vectors_is_cut),
        TEST(a_silent_indexer_is_taken_over),
        TEST(the_index_does_not_wait_for_a_run_that_waits),
        TEST(the_index_rests_beside_a_run_that_stores),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
