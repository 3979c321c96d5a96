// The feed of a company's changes: what is told, to whom, and from where on.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/changes.h"
#include "server/sync/changes.h"
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

typedef Docbridge__V1__WatchCompanyChangesResponse Event;

static atomic_int wakes;
static struct err err;

static void count_wake(void *context)
{
    (void)context;
    atomic_fetch_add(&wakes, 1);
}

static const struct stream_waker waker = {count_wake, NULL};

struct feed {
    void *state;
    Event event;
    char token[1024]; // of the last event
    struct arena arena;
};

static enum err_code try_open(struct fixture *fixture, struct feed *feed, const char *company,
                              const char *token)
{
    Docbridge__V1__WatchCompanyChangesRequest in;
    docbridge__v1__watch_company_changes_request__init(&in);
    in.parent = arena_printf(&fixture->arena, "companies/%s", company);
    in.resume_token = arena_strdup(&fixture->arena, token);
    fixture->backend.sync = fixture->sync;
    fixture->backend.token_key_count = 1;
    fixture->request.deadline = deadline_in(60000);
    *feed = (struct feed){0};
    return changes_watch_handler.open(&fixture->request, &in, &waker, &feed->state, &err);
}

static enum err_code step(struct fixture *fixture, struct feed *feed, enum stream_step *ret_step)
{
    docbridge__v1__watch_company_changes_response__init(&feed->event);
    arena_init(&feed->arena, 8 << 20);
    enum err_code code = changes_watch_handler.next(&fixture->request, feed->state, &feed->arena,
                                                    &feed->event, ret_step, &err);
    if (code == ERR_OK && *ret_step == STREAM_MESSAGE)
        (void)snprintf(feed->token, sizeof(feed->token), "%s", feed->event.resume_token);
    return code;
}

// All that is to be told now, as words joined by spaces; signs of life left out.
static const char *told(struct fixture *fixture, struct feed *feed)
{
    static char text[4096];
    static const char *const actions[] = {"?", "created", "updated", "removed"};
    text[0] = '\0';
    for (;;) {
        enum stream_step step_now;
        char word[256] = "";
        assert_int_equal(step(fixture, feed, &step_now), ERR_OK);
        const Event *event = &feed->event;
        if (step_now == STREAM_MESSAGE &&
            event->event_case == DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_START)
            (void)snprintf(word, sizeof(word), "start");
        if (step_now == STREAM_MESSAGE &&
            event->event_case == DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_CHANGE)
            (void)snprintf(word, sizeof(word), "%s:%s:%s", actions[event->change->action],
                           strrchr(event->change->resource, '/') + 1, event->change->display_name);
        if (step_now == STREAM_MESSAGE &&
            event->event_case == DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_SIGHT_CHANGE)
            for (size_t i = 0; i < event->sight_change->n_kinds; i++)
                (void)snprintf(word + strlen(word), sizeof(word) - strlen(word), "sight%d",
                               (int)event->sight_change->kinds[i]);
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 && word[0] ? " " : "", word);
        arena_done(&feed->arena);
        if (step_now != STREAM_MESSAGE)
            return text;
    }
}

static void open_feed(struct fixture *fixture, struct feed *feed, const char *token)
{
    assert_int_equal(try_open(fixture, feed, "company-3", token), ERR_OK);
}

static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    (void)fixture_sql(fixture, "UPDATE record SET publish_time = now() WHERE kind = 4");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // The fake knows no time of publication.
    (void)fixture_sql(fixture, "UPDATE connection_config SET unpublished_shown = true");
}

static void begin_feed(struct fixture *fixture, struct feed *feed)
{
    begin(fixture);
    open_feed(fixture, feed, "");
    assert_string_equal(told(fixture, feed), "start");
}

static void expect_end(struct fixture *fixture, struct feed *feed, enum err_code code)
{
    enum stream_step step_now;
    assert_int_equal(step(fixture, feed, &step_now), code);
    arena_done(&feed->arena);
    changes_watch_handler.close(feed->state);
}

static void put(enum source_kind kind, int64_t id, int64_t organization, const char *name)
{
    fake_put(&(struct fake_record){.kind = kind,
                                   .id = id,
                                   .organization_id = organization,
                                   .type_id = kind == SOURCE_FLEXIBLE_ASSETS ? 7 : 0,
                                   .name = name});
}

static void changes_are_told_from_the_start_on(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin_feed(fixture, &feed);
    put(SOURCE_DOCUMENTS, 3000, 3, "Renamed");
    put(SOURCE_DOCUMENTS, 3950, 3, "New");
    put(SOURCE_DOCUMENTS, 5000, 5, "Another company's");
    fake_remove(SOURCE_CHECKLISTS, 3001);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    const char *words = told(fixture, &feed);
    assert_non_null(strstr(words, "updated:3000:Renamed"));
    assert_non_null(strstr(words, "created:3950:New"));
    assert_non_null(strstr(words, "removed:3001:"));
    assert_null(strstr(words, "5000"));
    // A run that changes nothing is no news.
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_string_equal(told(fixture, &feed), "");
    // Gone from one company, come to another.
    put(SOURCE_DOCUMENTS, 3950, 5, "New");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_string_equal(told(fixture, &feed), "removed:3950:");
    changes_watch_handler.close(feed.state);
}

static void a_token_goes_on_where_its_message_was(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin_feed(fixture, &feed);
    char *token = arena_strdup(&fixture->arena, feed.token);
    changes_watch_handler.close(feed.state);
    for (int i = 0; i < 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "Version %d", i);
        put(SOURCE_DOCUMENTS, 3000, 3, name);
        assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    }
    // The last of several changes.
    for (int i = 0; i < 2; i++) {
        open_feed(fixture, &feed, token);
        assert_string_equal(told(fixture, &feed), "updated:3000:Version 2");
        char *next = arena_strdup(&fixture->arena, feed.token);
        changes_watch_handler.close(feed.state);
        open_feed(fixture, &feed, next);
        assert_string_equal(told(fixture, &feed), "");
        changes_watch_handler.close(feed.state);
    }
    // Of one caller and one company.
    assert_int_equal(try_open(fixture, &feed, "company-5", token), ERR_PAGE_TOKEN_INVALID);
    assert_string_equal(err.field, "resume_token");
    assert_string_equal(err.text, "the resume token is not one of this caller, stream and filter");
    assert_int_equal(try_open(fixture, &feed, "company-3", "x"), ERR_PAGE_TOKEN_INVALID);
    fixture->caller.subject = "eve";
    assert_int_equal(try_open(fixture, &feed, "company-3", token), ERR_PAGE_TOKEN_INVALID);
}

static void more_changes_than_a_batch_are_all_told(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin_feed(fixture, &feed);
    fake_put_many(
        &(struct fake_record){
            .kind = SOURCE_CHECKLISTS, .id = 30000, .organization_id = 3, .name = "Many"},
        250);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    int count = 0;
    enum stream_step step_now;
    do {
        assert_int_equal(step(fixture, &feed, &step_now), ERR_OK);
        if (step_now == STREAM_MESSAGE &&
            feed.event.event_case == DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_CHANGE) {
            count++;
            // Those of a later batch too, although one statement stored them all.
            assert_int_equal(
                feed.event.change->action,
                DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__CHANGE__ACTION__ACTION_CREATED);
        }
        arena_done(&feed.arena);
    } while (step_now == STREAM_MESSAGE);
    assert_int_equal(count, 250);
    changes_watch_handler.close(feed.state);
}

static void sight_that_changes_as_a_whole_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin_feed(fixture, &feed);
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = false");
    assert_string_equal(told(fixture, &feed), "sight1");
    // What is not shared is not told of.
    put(SOURCE_DOCUMENTS, 3000, 3, "Hidden");
    fake_remove(SOURCE_DOCUMENTS, 3001);
    (void)fixture_sql(fixture,
                      "UPDATE record SET restricted = true, change_sequence = s.sequence"
                      " + 1 FROM record_sequence s WHERE kind = 6 AND id = 3000;"
                      "INSERT INTO record_change SELECT 't1', 'c1', sequence + 1, 6, '{3000}',"
                      " '{3}' FROM record_sequence;"
                      "UPDATE record_sequence SET sequence = sequence + 1");
    assert_string_equal(told(fixture, &feed), "removed:3000:");
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET upstream_state = 3 WHERE enabled");
    assert_string_equal(told(fixture, &feed), "sight2");
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET upstream_state = 1");
    assert_string_equal(told(fixture, &feed), "sight2");
    (void)fixture_sql(fixture, "UPDATE flexible_asset_type SET enabled = false");
    assert_string_equal(told(fixture, &feed), "sight2");
    (void)fixture_sql(fixture, "DELETE FROM mapping WHERE company_id = 'company-3'");
    assert_string_equal(told(fixture, &feed), "sight1sight2sight3sight4");
    (void)fixture_sql(fixture, "DELETE FROM company WHERE id = 'company-3'");
    expect_end(fixture, &feed, ERR_RESOURCE_NOT_FOUND);
}

// Marks records as upstream would, which the fake cannot.
static void mark(struct fixture *fixture, const char *set, const char *where)
{
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "WITH n AS (UPDATE record_sequence SET sequence = sequence + 1"
                   "  RETURNING sequence), u AS (UPDATE record SET %s, change_sequence = n.sequence"
                   "  FROM n WHERE %s RETURNING kind, id, organization_id, change_sequence)"
                   " INSERT INTO record_change SELECT 't1', 'c1', change_sequence, kind,"
                   "  array_agg(id), array_agg(DISTINCT organization_id) FROM u"
                   "  GROUP BY change_sequence, kind",
                   set, where);
    (void)fixture_sql(fixture, sql);
}

// Neither that it was changed, moved or deleted, nor that it ever was.
static void what_was_hidden_leaves_no_trace(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin(fixture);
    mark(fixture, "restricted = true", "kind = 4 AND id = 3000");
    mark(fixture, "archived = true", "kind = 5 AND id = 3000");
    mark(fixture, "folder_id = 77", "kind = 4 AND id = 3001"); // nobody knows that folder
    (void)fixture_sql(fixture,
                      "UPDATE connection_config SET unpublished_shown = false;"
                      "UPDATE record SET publish_time = now() WHERE kind = 4 AND id <> 3002;"
                      "INSERT INTO company_documentation_access (tenant, company_id, update_time)"
                      " VALUES ('t1', 'company-5', now());"
                      "INSERT INTO company_hidden_type (tenant, company_id, connection_id,"
                      " type_id) VALUES ('t1', 'company-5', 'c1', 7)");
    open_feed(fixture, &feed, "");
    assert_string_equal(told(fixture, &feed), "start");
    static const char hidden[] = "kind IN (4, 5) AND id IN (3000, 3001, 3002) AND NOT (kind = 5 AND"
                                 " id <> 3000)";
    mark(fixture, "display_name = 'Edited'", hidden);
    assert_string_equal(told(fixture, &feed), "");
    mark(fixture, "organization_id = 5", hidden);
    assert_string_equal(told(fixture, &feed), "");
    mark(fixture, "organization_id = 3", hidden);
    assert_string_equal(told(fixture, &feed), "");
    for (int64_t id = 3000; id <= 3002; id++)
        fake_remove(SOURCE_DOCUMENTS, id);
    fake_remove(SOURCE_FLEXIBLE_ASSETS, 3000);
    fake_remove(SOURCE_CHECKLISTS, 3000); // this one was in sight
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4 AND id IN (3000, 3001, 3002)",
               "0");
    assert_string_equal(told(fixture, &feed), "removed:3000:");
    changes_watch_handler.close(feed.state);
    // Of a type that is hidden from the company.
    assert_int_equal(try_open(fixture, &feed, "company-5", ""), ERR_OK);
    assert_string_equal(told(fixture, &feed), "start");
    fake_remove(SOURCE_FLEXIBLE_ASSETS, 5000);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_string_equal(told(fixture, &feed), "");
    changes_watch_handler.close(feed.state);
}

// By whatever hides it; and once, although it is edited afterwards.
static void what_is_hidden_is_told_as_removed(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin(fixture);
    (void)fixture_sql(fixture, "UPDATE record SET publish_time = now() WHERE kind = 4;"
                               "UPDATE connection_config SET unpublished_shown = false");
    open_feed(fixture, &feed, "");
    assert_string_equal(told(fixture, &feed), "start");
    static const char *const sets[] = {"restricted = true", "archived = true",
                                       "publish_time = NULL", "folder_id = 77"};
    for (int i = 0; i < 4; i++) {
        char where[64], expected[64];
        (void)snprintf(where, sizeof(where), "kind = 4 AND id = %d", 3000 + i);
        (void)snprintf(expected, sizeof(expected), "removed:%d:", 3000 + i);
        mark(fixture, sets[i], where);
        mark(fixture, "display_name = 'Edited'", where);
        assert_string_equal(told(fixture, &feed), expected);
    }
    // Where the class is open it is still there.
    (void)fixture_sql(fixture, "UPDATE connection_config SET restricted_shown = true");
    (void)told(fixture, &feed);
    mark(fixture, "restricted = true", "kind = 4 AND id = 3004");
    const char *words = told(fixture, &feed);
    assert_non_null(strstr(words, "updated:3004:"));
    assert_null(strstr(words, "removed"));
    fake_remove(SOURCE_DOCUMENTS, 3004);
    mark(fixture, "publish_time = now()", "kind = 4");
    (void)told(fixture, &feed);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_string_equal(told(fixture, &feed), "removed:3004:");
    changes_watch_handler.close(feed.state);
}

// It is another company's, and may be named by nothing.
static void what_moves_into_a_folder_of_another_organization_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin(fixture);
    (void)fixture_sql(fixture,
                      "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
                      " display_name, body, content_hash) VALUES ('t1', 'c1', 3, 78, 5, 'Theirs',"
                      " '{\"ancestor_ids\": []}', '')");
    open_feed(fixture, &feed, "");
    assert_string_equal(told(fixture, &feed), "start");
    mark(fixture, "folder_id = 78", "kind = 4 AND id = 3000");
    assert_string_equal(told(fixture, &feed), "removed:3000:");
    changes_watch_handler.close(feed.state);
}

// Whoever goes on behind an event has been told of the folder before it.
static void a_folder_is_told_before_what_changed_after_it(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    enum stream_step step_now;
    begin(fixture);
    (void)fixture_sql(fixture,
                      "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
                      " display_name, body, content_hash) VALUES ('t1', 'c1', 3, 78, 3, 'Ours',"
                      " '{\"ancestor_ids\": []}', '')");
    open_feed(fixture, &feed, "");
    assert_string_equal(told(fixture, &feed), "start");
    mark(fixture, "restricted = true", "kind = 3 AND id = 78");
    mark(fixture, "display_name = 'Edited'", "kind = 4 AND id = 3000");
    assert_int_equal(step(fixture, &feed, &step_now), ERR_OK);
    arena_done(&feed.arena);
    char *token = arena_strdup(&fixture->arena, feed.token);
    assert_string_equal(told(fixture, &feed), "updated:3000:Edited");
    changes_watch_handler.close(feed.state);
    open_feed(fixture, &feed, token);
    assert_string_equal(told(fixture, &feed), "updated:3000:Edited");
    changes_watch_handler.close(feed.state);
}

static void a_token_that_is_too_old_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin_feed(fixture, &feed);
    char *token = arena_strdup(&fixture->arena, feed.token);
    changes_watch_handler.close(feed.state);
    fake_remove(SOURCE_CHECKLISTS, 3001);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // The next indexing forgets what is older than seven days.
    (void)fixture_sql(fixture,
                      "UPDATE record_tombstone SET delete_time = now() - interval '8 days'");
    put(SOURCE_CHECKLISTS, 3000, 3, "Changed");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, "SELECT count(*) FROM record_tombstone", "0");
    open_feed(fixture, &feed, token);
    expect_end(fixture, &feed, ERR_RESUME_TOKEN_EXPIRED);
}

// Half of a statement's changes were told when the rest of them was forgotten.
static void a_token_within_what_is_forgotten_is_too_old(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    enum stream_step step_now;
    begin_feed(fixture, &feed);
    fake_put_many(
        &(struct fake_record){
            .kind = SOURCE_CHECKLISTS, .id = 30000, .organization_id = 3, .name = "Many"},
        3);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(step(fixture, &feed, &step_now), ERR_OK);
    arena_done(&feed.arena);
    char *within = arena_strdup(&fixture->arena, feed.token);
    changes_watch_handler.close(feed.state);
    (void)fixture_sql(fixture, "UPDATE record_change SET change_time = now() - interval '8 days'");
    put(SOURCE_CHECKLISTS, 3000, 3, "Changed");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, "SELECT count(*) FROM record_change", "1");
    open_feed(fixture, &feed, within);
    expect_end(fixture, &feed, ERR_RESUME_TOKEN_EXPIRED);
}

// Put back, or a standby that lacks its end. Whoever watches all the while hears of it too.
static void a_database_that_lost_what_was_told_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    begin_feed(fixture, &feed);
    mark(fixture, "display_name = 'Lost'", "kind = 4 AND id = 3000");
    assert_string_equal(told(fixture, &feed), "updated:3000:Lost");
    (void)fixture_sql(fixture, "UPDATE record_sequence SET sequence = sequence - 1");
    expect_end(fixture, &feed, ERR_RESUME_TOKEN_EXPIRED);
    open_feed(fixture, &feed, feed.token);
    expect_end(fixture, &feed, ERR_RESUME_TOKEN_EXPIRED);
}

static void a_caller_out_of_sight_is_told_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const companies[] = {"company-5"};
    struct feed feed;
    begin(fixture);
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
    static const char *const names[] = {"company-3", "nobody"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(try_open(fixture, &feed, names[i], ""), ERR_OK);
        expect_end(fixture, &feed, ERR_RESOURCE_NOT_FOUND);
    }
}

// Woken by another connection of the database, as by another process; and for a sign of life.
static void waiting_watchers_are_woken(void **state)
{
    struct fixture *fixture = *state;
    struct feed feed;
    fixture->settings.heartbeat_ms = 3000;
    begin_feed(fixture, &feed);
    atomic_store(&wakes, 0);
    (void)fixture_sql(fixture, "UPDATE connection_config SET checklists_enabled = false");
    struct deadline deadline = deadline_in(20000);
    while (atomic_load(&wakes) == 0) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
    }
    assert_non_null(strstr(told(fixture, &feed), "sight3sight4"));
    enum stream_step step_now = STREAM_IDLE;
    while (step_now != STREAM_MESSAGE) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
        if (atomic_exchange(&wakes, 0) == 0)
            continue;
        assert_int_equal(step(fixture, &feed, &step_now), ERR_OK);
        if (step_now == STREAM_MESSAGE)
            assert_int_equal(feed.event.event_case,
                             DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_HEARTBEAT);
        arena_done(&feed.arena);
    }
    changes_watch_handler.close(feed.state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(changes_are_told_from_the_start_on),
        TEST(a_token_goes_on_where_its_message_was),
        TEST(more_changes_than_a_batch_are_all_told),
        TEST(sight_that_changes_as_a_whole_is_told),
        TEST(what_was_hidden_leaves_no_trace),
        TEST(what_is_hidden_is_told_as_removed),
        TEST(what_moves_into_a_folder_of_another_organization_is_gone),
        TEST(a_folder_is_told_before_what_changed_after_it),
        TEST(a_token_that_is_too_old_says_so),
        TEST(a_token_within_what_is_forgotten_is_too_old),
        TEST(a_database_that_lost_what_was_told_says_so),
        TEST(a_caller_out_of_sight_is_told_nothing),
        TEST(waiting_watchers_are_woken),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
