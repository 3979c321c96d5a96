// SyncService's handlers, over a real database and an engine that takes no runs.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/services.h"
#include "tests/support/postgres.h"

// cmocka.h wants these before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "server/sync/sync.h"

static struct test_postgres *postgres;
static const struct test_database *database;
static struct store *store;
static struct vault *vault;
static struct sync *sync_engine;
static struct source_settings source;
static struct arena arena;
static struct backend backend;
static struct principal caller;
static atomic_bool cancelled;
static struct request request;

static const char SEED[] =
    "INSERT INTO connection (tenant, id, display_name, provider, region, state, credential_version,"
    "  create_time, update_time) VALUES ('t1', 'c1', 'IT Glue', 1, 1, 1, 1, now(), now()),"
    "  ('t2', 'c2', 'Theirs', 1, 1, 1, 1, now(), now());"
    "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
    "  VALUES ('t1', 'acme', 'Acme', 'acme', now(), now());"
    "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
    "  content_hash, discover_time, update_time) VALUES"
    "  ('t1', 'c1', 41, 'Acme', 'acme', '{}', '', now(), now()),"
    "  ('t1', 'c1', 42, 'Beta', 'beta', '{}', '', now(), now());"
    "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
    "  actor_subject, actor_display_name, actor_kind, create_time)"
    "  VALUES ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now());";

static int start(void **state)
{
    (void)state;
    char path[] = "/tmp/docbridge-test-key.XXXXXX";
    struct err err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "the master key of these tests ok", 32), 32);
    (void)close(fd);
    assert_int_equal(vault_open(path, &vault, &err), ERR_OK);
    (void)unlink(path);
    postgres = test_postgres_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_postgres_stop(postgres);
    vault = vault_close(vault);
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    struct err err = {0};
    database = test_postgres_database(postgres);
    (void)test_postgres_value(database->admin_dsn, SEED);
    const struct store_settings settings = {.dsn = database->dsn, .role = "docbridge_server"};
    assert_int_equal(store_open(&settings, &store, &err), ERR_OK);
    const struct sync_settings engine = {
        .store = store, .scheduler_store = store, .vault = vault, .source = &source};
    assert_int_equal(sync_new(&engine, &sync_engine, &err), ERR_OK);
    arena_init(&arena, 64 << 20);
    backend = (struct backend){.store = store, .sync = sync_engine, .source = &source};
    backend.token_key_count = 1;
    caller = (struct principal){.tenant = "t1",
                                .subject = "ada",
                                .display_name = "Ada",
                                .actor = ACTOR_HUMAN,
                                .all_companies = true};
    request = (struct request){.backend = &backend,
                               .caller = &caller,
                               .arena = &arena,
                               .deadline = deadline_in(60000),
                               .cancelled = &cancelled,
                               .request_id = "req-1",
                               .peer = "ipv4:127.0.0.1:5"};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    sync_engine = sync_free(sync_engine);
    store = store_close(store);
    arena_done(&arena);
    return 0;
}

static const struct method *method(const char *name)
{
    for (size_t i = 0; i < sync_service.method_count; i++)
        if (strcmp(sync_service.methods[i].name, name) == 0)
            return &sync_service.methods[i];
    fail_msg("no method %s", name);
    return NULL;
}

static enum err_code call(const char *name, const void *in, void *out, struct err *reterr)
{
    return method(name)->unary(&request, in, out, reterr);
}

#define ASSERT_CODE(call_, expected)                                                        \
    do {                                                                                    \
        struct err _err = {0};                                                              \
        struct err *reterr = &_err;                                                         \
        enum err_code _code = (call_);                                                      \
        if (_code != (expected))                                                            \
            fail_msg("%s: %s, not %s: %s", #call_, err_reason(_code), err_reason(expected), \
                     _err.text);                                                            \
    } while (0)

static Docbridge__V1__SyncRun run_sync(const char *request_id)
{
    Docbridge__V1__RunSyncRequest in = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    Docbridge__V1__SyncRun out = DOCBRIDGE__V1__SYNC_RUN__INIT;
    in.parent = arena_strdup(&arena, "connections/c1");
    in.request_id = arena_strdup(&arena, request_id);
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_OK);
    return out;
}

static void end_runs(void)
{
    (void)test_postgres_value(database->admin_dsn,
                              "UPDATE sync_run SET state = 5, end_time = now()");
}

static void a_run_is_queued_once(void **state)
{
    (void)state;
    Docbridge__V1__SyncRun first = run_sync("one");
    assert_int_equal(first.state, DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_QUEUED);
    assert_int_equal(first.trigger, DOCBRIDGE__V1__SYNC_RUN__TRIGGER__TRIGGER_MANUAL);
    assert_int_equal(first.n_tasks, 5);
    assert_int_equal(first.tasks[0]->state, DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_QUEUED);
    assert_int_equal(first.tasks[1]->state, DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_DISABLED);
    assert_string_equal(first.actor->subject, "ada");
    assert_string_equal(run_sync("two").name, first.name);
    end_runs();
    assert_string_equal(run_sync("one").name, first.name);
    assert_string_not_equal(run_sync("three").name, first.name);
    assert_string_equal(
        test_postgres_value(database->admin_dsn, "SELECT count(*) FROM audit_event"), "2");
}

static void what_is_asked_is_checked(void **state)
{
    (void)state;
    Docbridge__V1__RunSyncRequest in = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    Docbridge__V1__SyncRun out = DOCBRIDGE__V1__SYNC_RUN__INIT;
    char ours[] = "connections/c1", theirs[] = "connections/c2", none[] = "connections/none";
    in.parent = theirs;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_RESOURCE_NOT_FOUND);
    in.parent = none;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_RESOURCE_NOT_FOUND);
    in.parent = ours;
    char mapped[] = "connections/c1/organizations/41", loose[] = "connections/c1/organizations/42";
    char unknown[] = "connections/c1/organizations/99", other[] = "connections/c2/organizations/41";
    char *organizations[] = {mapped, mapped, loose};
    in.organizations = organizations;
    in.n_organizations = 3;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_RESOURCE_NOT_FOUND);
    organizations[2] = unknown;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_RESOURCE_NOT_FOUND);
    organizations[2] = other;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_FIELD_INVALID);
    in.n_organizations = 2;
    (void)test_postgres_value(database->admin_dsn, "UPDATE connection SET sync_paused = true");
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_SYNCS_PAUSED);
    (void)test_postgres_value(database->admin_dsn,
                              "UPDATE connection SET sync_paused = false, state = 3");
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_CONNECTION_NOT_ACTIVE);
    (void)test_postgres_value(database->admin_dsn, "UPDATE connection SET state = 2");
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_CONNECTION_NOT_ACTIVE);
    (void)test_postgres_value(database->admin_dsn, "UPDATE connection SET state = 1");
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_OK);
    assert_int_equal(out.n_organizations, 1);
    assert_string_equal(out.organizations[0], mapped);
}

static void runs_are_listed_in_pages(void **state)
{
    (void)state;
    char *names[7];
    for (int i = 0; i < 7; i++) {
        names[i] = run_sync("").name;
        end_runs();
    }
    Docbridge__V1__ListSyncRunsRequest in = DOCBRIDGE__V1__LIST_SYNC_RUNS_REQUEST__INIT;
    char parent[] = "connections/c1";
    in.parent = parent;
    in.page_size = 3;
    int at = 6;
    do {
        Docbridge__V1__ListSyncRunsResponse out = DOCBRIDGE__V1__LIST_SYNC_RUNS_RESPONSE__INIT;
        ASSERT_CODE(call("ListSyncRuns", &in, &out, reterr), ERR_OK);
        for (size_t i = 0; i < out.n_sync_runs; i++)
            assert_string_equal(out.sync_runs[i]->name, names[at--]);
        in.page_token = out.next_page_token;
    } while (in.page_token[0] != '\0');
    assert_int_equal(at, -1);
    Docbridge__V1__ListSyncRunsResponse out = DOCBRIDGE__V1__LIST_SYNC_RUNS_RESPONSE__INIT;
    char nonsense[] = "AAAA";
    in.page_token = nonsense;
    ASSERT_CODE(call("ListSyncRuns", &in, &out, reterr), ERR_PAGE_TOKEN_INVALID);
}

static void a_run_is_read_and_cancelled(void **state)
{
    (void)state;
    Docbridge__V1__SyncRun queued = run_sync("");
    Docbridge__V1__GetSyncRunRequest get = DOCBRIDGE__V1__GET_SYNC_RUN_REQUEST__INIT;
    Docbridge__V1__CancelSyncRunRequest cancel = DOCBRIDGE__V1__CANCEL_SYNC_RUN_REQUEST__INIT;
    Docbridge__V1__SyncRun out = DOCBRIDGE__V1__SYNC_RUN__INIT;
    get.name = cancel.name = queued.name;
    ASSERT_CODE(call("GetSyncRun", &get, &out, reterr), ERR_OK);
    assert_string_equal(out.name, queued.name);
    ASSERT_CODE(call("CancelSyncRun", &cancel, &out, reterr), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_CANCELLING);
    ASSERT_CODE(call("CancelSyncRun", &cancel, &out, reterr), ERR_OK);
    assert_string_equal(
        test_postgres_value(database->admin_dsn, "SELECT count(*) FROM audit_event"), "2");
    end_runs();
    ASSERT_CODE(call("CancelSyncRun", &cancel, &out, reterr), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_SUCCEEDED);
    caller.tenant = "t2";
    ASSERT_CODE(call("GetSyncRun", &get, &out, reterr), ERR_RESOURCE_NOT_FOUND);
    ASSERT_CODE(call("CancelSyncRun", &cancel, &out, reterr), ERR_RESOURCE_NOT_FOUND);
}

static void issues_are_filtered(void **state)
{
    (void)state;
    Docbridge__V1__SyncRun run = run_sync("");
    (void)test_postgres_value(
        database->admin_dsn,
        "INSERT INTO sync_issue (tenant, connection_id, id, kind, state, run_id, task_kind,"
        " subject, message, create_time)"
        " SELECT 't1', 'c1', 'i' || n, 1, 1 + n % 2, id, 3, 'passwords/' || n, 'bad',"
        "  now() + n * interval '1 second' FROM sync_run, generate_series(1, 5) AS n");
    Docbridge__V1__ListSyncIssuesRequest in = DOCBRIDGE__V1__LIST_SYNC_ISSUES_REQUEST__INIT;
    Docbridge__V1__ListSyncIssuesResponse out = DOCBRIDGE__V1__LIST_SYNC_ISSUES_RESPONSE__INIT;
    char parent[] = "connections/c1";
    in.parent = parent;
    ASSERT_CODE(call("ListSyncIssues", &in, &out, reterr), ERR_OK);
    assert_int_equal(out.n_sync_issues, 5);
    assert_string_equal(out.sync_issues[0]->name, "connections/c1/syncIssues/i5");
    assert_string_equal(out.sync_issues[0]->sync_run, run.name);
    assert_string_equal(out.sync_issues[0]->subject, "passwords/5");
    out = (Docbridge__V1__ListSyncIssuesResponse)DOCBRIDGE__V1__LIST_SYNC_ISSUES_RESPONSE__INIT;
    in.filter = arena_printf(&arena, "state = OPEN AND sync_run = \"%s\"", run.name);
    ASSERT_CODE(call("ListSyncIssues", &in, &out, reterr), ERR_OK);
    assert_int_equal(out.n_sync_issues, 2);
    char other[] = "sync_run = \"connections/c2/syncRuns/x\"", unknown[] = "subject = x";
    in.filter = other;
    ASSERT_CODE(call("ListSyncIssues", &in, &out, reterr), ERR_FIELD_INVALID);
    in.filter = unknown;
    ASSERT_CODE(call("ListSyncIssues", &in, &out, reterr), ERR_FIELD_INVALID);
}

static void ignore_wake(void *context)
{
    (void)context;
}

static void a_watch_is_told_in_messages(void **state)
{
    (void)state;
    Docbridge__V1__SyncRun run = run_sync("");
    const struct stream_handler *watch = method("WatchSyncRun")->stream;
    const struct stream_waker waker = {ignore_wake, NULL};
    Docbridge__V1__WatchSyncRunRequest in = DOCBRIDGE__V1__WATCH_SYNC_RUN_REQUEST__INIT;
    Docbridge__V1__WatchSyncRunResponse out = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__INIT;
    enum stream_step step;
    void *stream;
    in.name = run.name;
    ASSERT_CODE(watch->open(&request, &in, &waker, &stream, reterr), ERR_OK);
    ASSERT_CODE(watch->next(&request, stream, &arena, &out, &step, reterr), ERR_OK);
    assert_int_equal(step, STREAM_MESSAGE);
    assert_int_equal(out.event_case, DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_SNAPSHOT);
    assert_string_equal(out.snapshot->name, run.name);
    char *token = out.resume_token;
    ASSERT_CODE(watch->next(&request, stream, &arena, &out, &step, reterr), ERR_OK);
    assert_int_equal(step, STREAM_IDLE);
    watch->close(stream);
    end_runs();
    in.resume_token = token;
    ASSERT_CODE(watch->open(&request, &in, &waker, &stream, reterr), ERR_OK);
    do
        ASSERT_CODE(watch->next(&request, stream, &arena, &out, &step, reterr), ERR_OK);
    while (out.event_case != DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_FINISHED);
    ASSERT_CODE(watch->next(&request, stream, &arena, &out, &step, reterr), ERR_OK);
    assert_int_equal(step, STREAM_END);
    watch->close(stream);
    caller.subject = "eve";
    struct err refused = {0};
    assert_int_equal(watch->open(&request, &in, &waker, &stream, &refused), ERR_PAGE_TOKEN_INVALID);
    assert_string_equal(refused.text,
                        "the resume token is not one of this caller, stream and filter");
    assert_string_equal(refused.field, "resume_token");
    in.resume_token = in.name + strlen(in.name);
    caller.tenant = "t2";
    ASSERT_CODE(watch->open(&request, &in, &waker, &stream, reterr), ERR_RESOURCE_NOT_FOUND);
}

static void a_limited_caller_sees_no_other_company(void **state)
{
    (void)state;
    static const char *const none[] = {"beta"}, *const acme[] = {"acme"};
    char parent[] = "connections/c1", mapped[] = "connections/c1/organizations/41";
    char unknown[] = "connections/c1/organizations/99";
    char *organizations[] = {mapped};
    Docbridge__V1__RunSyncRequest in = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    Docbridge__V1__SyncRun out = DOCBRIDGE__V1__SYNC_RUN__INIT;
    in.parent = parent;
    caller.all_companies = false;
    caller.companies = none;
    caller.company_count = 1;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_ALL_COMPANIES_REQUIRED);
    in.organizations = organizations;
    in.n_organizations = 1;
    struct err hidden = {0}, absent = {0};
    assert_int_equal(call("RunSync", &in, &out, &hidden), ERR_RESOURCE_NOT_FOUND);
    organizations[0] = unknown;
    assert_int_equal(call("RunSync", &in, &out, &absent), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(strcspn(hidden.text, "4"), strcspn(absent.text, "9"));
    organizations[0] = mapped;
    caller.companies = acme;
    ASSERT_CODE(call("RunSync", &in, &out, reterr), ERR_OK);
    assert_int_equal(out.n_organizations, 0);
    (void)test_postgres_value(database->admin_dsn, "UPDATE sync_task SET organization_id = 41");
    Docbridge__V1__GetSyncRunRequest get = DOCBRIDGE__V1__GET_SYNC_RUN_REQUEST__INIT;
    Docbridge__V1__ListSyncRunsRequest list = DOCBRIDGE__V1__LIST_SYNC_RUNS_REQUEST__INIT;
    Docbridge__V1__ListSyncRunsResponse runs = DOCBRIDGE__V1__LIST_SYNC_RUNS_RESPONSE__INIT;
    get.name = out.name;
    list.parent = parent;
    out = (Docbridge__V1__SyncRun)DOCBRIDGE__V1__SYNC_RUN__INIT;
    ASSERT_CODE(call("GetSyncRun", &get, &out, reterr), ERR_OK);
    assert_int_equal(out.n_organizations, 0);
    assert_string_equal(out.tasks[2]->organization, "");
    ASSERT_CODE(call("ListSyncRuns", &list, &runs, reterr), ERR_OK);
    assert_int_equal(runs.sync_runs[0]->n_organizations, 0);
    assert_string_equal(runs.sync_runs[0]->tasks[2]->organization, "");
    const struct stream_handler *watch = method("WatchSyncRun")->stream;
    const struct stream_waker waker = {ignore_wake, NULL};
    Docbridge__V1__WatchSyncRunRequest watched = DOCBRIDGE__V1__WATCH_SYNC_RUN_REQUEST__INIT;
    Docbridge__V1__WatchSyncRunResponse told = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__INIT;
    enum stream_step step;
    void *stream;
    watched.name = get.name;
    ASSERT_CODE(watch->open(&request, &watched, &waker, &stream, reterr), ERR_OK);
    ASSERT_CODE(watch->next(&request, stream, &arena, &told, &step, reterr), ERR_OK);
    assert_int_equal(told.snapshot->n_organizations, 0);
    assert_string_equal(told.snapshot->tasks[2]->organization, "");
    watch->close(stream);
}

static enum err_code resolve(int decision, const char *etag, Docbridge__V1__SyncIssue *out,
                             struct err *reterr)
{
    Docbridge__V1__ResolveSyncIssueRequest in = DOCBRIDGE__V1__RESOLVE_SYNC_ISSUE_REQUEST__INIT;
    in.name = arena_strdup(&arena, "connections/c1/syncIssues/guard");
    in.decision = (Docbridge__V1__ResolveSyncIssueRequest__Decision)decision;
    in.etag = arena_strdup(&arena, etag);
    return call("ResolveSyncIssue", &in, out, reterr);
}

enum { APPLY = 1, DISMISS = 2 };

// Records 1 to 30, of which a guard holds 1 to 20; 7 changed since.
static void hold_twenty(void)
{
    (void)run_sync("");
    end_runs();
    (void)test_postgres_value(
        database->admin_dsn,
        "INSERT INTO record_sequence (tenant, connection_id, sequence) VALUES ('t1', 'c1', 5)"
        " ON CONFLICT (tenant, connection_id) DO UPDATE SET sequence = 5;"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
        "  body, content_hash, create_sequence, change_sequence)"
        " SELECT 't1', 'c1', 9, n, 41, 'x', '{}', '', 5, CASE n WHEN 7 THEN 6 ELSE 5 END"
        " FROM generate_series(1, 30) AS n;"
        "INSERT INTO search_entry SELECT tenant, connection_id, kind, id, 41, NULL, '', '', ''"
        " FROM record;"
        "INSERT INTO sync_issue (tenant, connection_id, id, kind, state, run_id, task_kind,"
        "  subject, message, held_deletion_count, scope_record_count, create_time, held_kind,"
        "  held_ids, held_sequence)"
        " SELECT 't1', 'c1', 'guard', 2, 1, id, 3, 'passwords', 'many', 20, 30, now(), 9,"
        "  ARRAY(SELECT generate_series(1, 20)), 5 FROM sync_run");
}

static void held_deletions_are_applied_when_confirmed(void **state)
{
    (void)state;
    Docbridge__V1__SyncIssue out = DOCBRIDGE__V1__SYNC_ISSUE__INIT;
    struct err err = {0};
    hold_twenty();
    assert_int_equal(resolve(APPLY, "", &out, &err), ERR_DELETION_GUARD);
    assert_string_equal(err.text, "20 of 30 records would be deleted: confirm it with the etag of "
                                  "the issue");
    ASSERT_CODE(resolve(APPLY, "stale", &out, reterr), ERR_ETAG_MISMATCH);
    ASSERT_CODE(resolve(0, "", &out, reterr), ERR_FIELD_INVALID);
    static const char left[] = "SELECT count(*) || ':' || min(id) FROM record";
    assert_string_equal(test_postgres_value(database->admin_dsn, left), "30:1");
    Docbridge__V1__ListSyncIssuesRequest list = DOCBRIDGE__V1__LIST_SYNC_ISSUES_REQUEST__INIT;
    Docbridge__V1__ListSyncIssuesResponse seen = DOCBRIDGE__V1__LIST_SYNC_ISSUES_RESPONSE__INIT;
    list.parent = arena_strdup(&arena, "connections/c1");
    ASSERT_CODE(call("ListSyncIssues", &list, &seen, reterr), ERR_OK);
    const char *etag = seen.sync_issues[0]->etag;
    caller.tenant = "t2";
    ASSERT_CODE(resolve(APPLY, etag, &out, reterr), ERR_RESOURCE_NOT_FOUND);
    caller.tenant = "t1";
    ASSERT_CODE(resolve(APPLY, etag, &out, reterr), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__SYNC_ISSUE__STATE__STATE_RESOLVED);
    assert_string_not_equal(out.etag, etag);
    // All but the one that changed since it was held.
    assert_string_equal(test_postgres_value(database->admin_dsn, left), "11:7");
    assert_string_equal(test_postgres_value(database->admin_dsn,
                                            "SELECT count(*) || ':' || min(id) FROM search_entry"),
                        "11:7");
    assert_string_equal(test_postgres_value(database->admin_dsn,
                                            "SELECT changes::jsonb -> 1 ->> 'new' FROM audit_event"
                                            " ORDER BY sequence DESC LIMIT 1"),
                        "19");
    ASSERT_CODE(resolve(APPLY, out.etag, &out, reterr), ERR_INVALID_STATE_TRANSITION);
}

static void a_dismissed_issue_deletes_nothing(void **state)
{
    (void)state;
    Docbridge__V1__SyncIssue out = DOCBRIDGE__V1__SYNC_ISSUE__INIT;
    hold_twenty();
    ASSERT_CODE(resolve(DISMISS, "", &out, reterr), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__SYNC_ISSUE__STATE__STATE_DISMISSED);
    assert_string_equal(test_postgres_value(database->admin_dsn, "SELECT count(*) FROM record"),
                        "30");
    (void)test_postgres_value(database->admin_dsn, "UPDATE sync_issue SET state = 1, kind = 1");
    ASSERT_CODE(resolve(APPLY, "", &out, reterr), ERR_FIELD_INVALID);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fresh, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_is_queued_once),
        TEST(what_is_asked_is_checked),
        TEST(runs_are_listed_in_pages),
        TEST(a_run_is_read_and_cancelled),
        TEST(issues_are_filtered),
        TEST(held_deletions_are_applied_when_confirmed),
        TEST(a_dismissed_issue_deletes_nothing),
        TEST(a_watch_is_told_in_messages),
        TEST(a_limited_caller_sees_no_other_company),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
