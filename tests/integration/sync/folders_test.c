// Accounts that show documents in folders only folder by folder.

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

enum { DOCUMENTS_TASK = 1u << 2, PASSWORDS_TASK = 1u << 3 };

#define ISSUES "SELECT string_agg(subject, ',' ORDER BY subject) FROM sync_issue WHERE state = 1"
#define STORED "SELECT string_agg(id::text, ',' ORDER BY id) FROM record WHERE kind = 4"

static enum err_code no_folders(const struct source_query *query, const atomic_bool *cancelled,
                                struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    if (query->kind != SOURCE_DOCUMENT_FOLDERS)
        return ERR_OK;
    attempt->http_status = 401;
    return err_set(reterr, ERR_UPSTREAM_ACCESS_DENIED, "made so by the test");
}

static void put(enum source_kind kind, int64_t id, int64_t folder_id, int64_t document_count)
{
    fake_put(&(struct fake_record){.kind = kind,
                                   .id = id,
                                   .organization_id = 3,
                                   .folder_id = folder_id,
                                   .document_count = document_count,
                                   .name = "Made"});
}

// Organization 3: documents 1 to 3 on the root level, 11 in folder 10, 12 and 13 in 20, which lies
// in 10; 30 is empty.
static void begin(struct fixture *fixture)
{
    fake_set_folders(FAKE_FOLDERS_ALL_IGNORED);
    fake_put(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = 3, .name = "Org"});
    fixture_map(fixture, 3);
    put(SOURCE_DOCUMENTS, 1, 0, 0);
    put(SOURCE_DOCUMENTS, 2, 0, 0);
    put(SOURCE_DOCUMENTS, 3, 0, 0);
    put(SOURCE_DOCUMENTS, 11, 10, 0);
    put(SOURCE_DOCUMENTS, 12, 20, 0);
    put(SOURCE_DOCUMENTS, 13, 20, 0);
    put(SOURCE_DOCUMENT_FOLDERS, 10, 0, 1);
    put(SOURCE_DOCUMENT_FOLDERS, 20, 10, 2);
    put(SOURCE_DOCUMENT_FOLDERS, 30, 0, 0);
    fixture_start_sync(fixture);
}

static void run_of(struct fixture *fixture, enum sync_mode mode, unsigned task)
{
    fake_forget_requests();
    fixture->mode = mode;
    fixture_ask(fixture, task);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
}

static void run(struct fixture *fixture)
{
    run_of(fixture, SYNC_MODE_FULL, DOCUMENTS_TASK);
}

static void each_folder_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3,11,12,13");
    assert_sql(fixture, ISSUES, "");
    assert_sql(fixture, "SELECT folder_filter FROM connection", "3");
    // Three counts; then the root level and two folders, of which one is not asked: it is empty.
    assert_int_equal(fake_request_count(SOURCE_DOCUMENTS), 3 + 3);
    assert_int_equal(fake_request_count(SOURCE_DOCUMENT_FOLDERS), 2);
    fake_remove(SOURCE_DOCUMENTS, 2);
    fake_remove(SOURCE_DOCUMENTS, 13);
    put(SOURCE_DOCUMENT_FOLDERS, 20, 10, 1);
    run(fixture);
    assert_sql(fixture, STORED, "1,3,11,12");
    assert_int_equal(fake_request_count(SOURCE_DOCUMENTS), 3);
}

static void counts_may_include_subfolders(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put(SOURCE_DOCUMENT_FOLDERS, 10, 0, 3);
    put(SOURCE_DOCUMENT_FOLDERS, 30, 0, -1);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3,11,12,13");
    assert_sql(fixture, ISSUES, "");
    // A folder that does not say is asked for.
    assert_int_equal(fake_request_count(SOURCE_DOCUMENTS), 3 + 4);
}

static void a_folder_that_says_more_is_an_issue(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    run(fixture);
    fake_remove(SOURCE_DOCUMENTS, 1);
    fake_remove(SOURCE_DOCUMENTS, 13);
    run(fixture);
    assert_sql(fixture, ISSUES, "organizations/3/documents");
    assert_sql(fixture, STORED, "1,2,3,11,12,13"); // nothing is deleted meanwhile
    put(SOURCE_DOCUMENT_FOLDERS, 20, 10, 1);
    run(fixture);
    assert_sql(fixture, ISSUES, "");
    assert_sql(fixture, STORED, "2,3,11,12");
}

static void folders_that_are_not_given_are_an_issue(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_set_hook(no_folders);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3");
    assert_sql(fixture, ISSUES, "documentFolders");
    assert_sql(fixture, "SELECT folder_filter FROM connection", "0");
    fake_set_hook(NULL);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3,11,12,13");
    assert_sql(fixture, ISSUES, "");
    // Not given any more: what is stored stays, and that is said.
    fake_set_hook(no_folders);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3,11,12,13");
    assert_sql(fixture, ISSUES, "documentFolders");
}

static void nothing_is_doubted_once_another_organization_told(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_set_folders(FAKE_FOLDERS_NULL_IS_ALL);
    fake_put(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = 1, .name = "Empty"});
    fixture_map(fixture, 1);
    fake_set_hook(no_folders);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3,11,12,13");
    assert_sql(fixture, ISSUES, "documentFolders");
}

#define LOST                                                                                 \
    "SELECT string_agg(subject || ' ' || state || ': ' || split_part(message, ' ', 1), ', '" \
    " ORDER BY create_time) FROM sync_issue WHERE kind = 6"

// Accounts that give what lies in folders, and not the folders: all of it is hidden.
static void what_lies_in_unknown_folders_is_an_issue(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_set_folders(FAKE_FOLDERS_NULL_IS_ALL);
    fake_set_hook(no_folders);
    run(fixture);
    assert_sql(fixture, STORED, "1,2,3,11,12,13");
    assert_sql(fixture, LOST, "documentFolders 1: 3");
    put(SOURCE_DOCUMENTS, 14, 20, 0);
    run(fixture);
    assert_sql(fixture, LOST, "documentFolders 1: 4");
    // Put aside, it is for full runs to tell again.
    (void)fixture_sql(fixture, "UPDATE sync_issue SET state = 3 WHERE kind = 6");
    run_of(fixture, SYNC_MODE_QUICK, DOCUMENTS_TASK);
    assert_sql(fixture, LOST, "documentFolders 3: 4");
    run(fixture);
    assert_sql(fixture, LOST, "documentFolders 3: 4, documentFolders 1: 4");
    fake_set_hook(NULL);
    run(fixture);
    assert_sql(fixture, LOST, "documentFolders 3: 4, documentFolders 2: 4");
}

static void a_password_in_an_unknown_folder_is_an_issue(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put(SOURCE_PASSWORDS, 3001, 50, 0);
    put(SOURCE_PASSWORDS, 3002, 51, 0);
    put(SOURCE_PASSWORD_FOLDERS, 51, 0, 0);
    run_of(fixture, SYNC_MODE_QUICK, PASSWORDS_TASK);
    assert_sql(fixture, LOST, "passwordFolders 1: 1");
    // One of another organization is not known: its name and its rights are of that.
    (void)fixture_sql(fixture, "INSERT INTO record (tenant, connection_id, kind, id,"
                               " organization_id, display_name, body, content_hash)"
                               " SELECT tenant, id, 8, 50, 4, '', '{}', '' FROM connection");
    run_of(fixture, SYNC_MODE_QUICK, PASSWORDS_TASK);
    assert_sql(fixture, LOST, "passwordFolders 1: 1");
    put(SOURCE_PASSWORD_FOLDERS, 50, 0, 0);
    run_of(fixture, SYNC_MODE_FULL, PASSWORDS_TASK);
    assert_sql(fixture, LOST, "passwordFolders 2: 1");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_folder_is_asked_for),
        TEST(counts_may_include_subfolders),
        TEST(a_folder_that_says_more_is_an_issue),
        TEST(folders_that_are_not_given_are_an_issue),
        TEST(nothing_is_doubted_once_another_organization_told),
        TEST(what_lies_in_unknown_folders_is_an_issue),
        TEST(a_password_in_an_unknown_folder_is_an_issue),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
