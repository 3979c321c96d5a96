// What reaches a terminal: tables, failures with their remedies, the picture of a run.

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/failure.h"
#include "client/field.h"
#include "client/progress.h"
#include "client/remedy.h"
#include "client/table.h"
#include "client/text.h"
#include "docbridge/v1/error_reason.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

static void every_reason_has_a_remedy(void **state)
{
    (void)state;
#define X(reason, status)                      \
    if (!remedy_has(#reason))                  \
        fail_msg("no remedy for %s", #reason); \
    assert_int_not_equal(remedy_find(#reason, STATUS_OK)->class, EXIT_OK);
    ERR_TABLE(X)
#undef X
    const ProtobufCEnumDescriptor *reasons = &docbridge__v1__error_reason__descriptor;
    for (unsigned i = 0; i < reasons->n_values; i++)
        if (reasons->values[i].value != 0)
            assert_true(remedy_has(reasons->values[i].name + strlen("ERROR_REASON_")));
    assert_int_equal(remedy_find("NEW_REASON", STATUS_PERMISSION_DENIED)->class, EXIT_DENIED);
    assert_int_equal(remedy_find("", (enum status)99)->class, EXIT_OTHER);
}

static void classes_follow_the_reason(void **state)
{
    (void)state;
    assert_int_equal(remedy_find("TOKEN_EXPIRED", STATUS_OK)->class, EXIT_UNAUTHENTICATED);
    assert_int_equal(remedy_find("UPSTREAM_KEY_REJECTED", STATUS_OK)->class, EXIT_UPSTREAM);
    assert_int_equal(remedy_find("PASSWORD_SHARING_DISABLED", STATUS_OK)->class, EXIT_PRECONDITION);
    assert_int_equal(remedy_find("AUDIT_UNAVAILABLE", STATUS_OK)->class, EXIT_AUDIT);
    assert_int_equal(remedy_find("UPSTREAM_RATE_LIMITED", STATUS_OK)->class, EXIT_QUOTA);
    assert_int_equal(remedy_find("RESOURCE_NOT_FOUND", STATUS_OK)->class, EXIT_NOT_FOUND);
}

static void table_escapes_and_aligns(void **state)
{
    (void)state;
    char text[512] = "";
    FILE *stream = fmemopen(text, sizeof(text), "w");
    struct table *table = table_new(&(struct table_settings){.stream = stream, .header = true});
    assert_true(table_column(table, "NAME", TABLE_CUT));
    assert_true(table_column(table, "N", TABLE_RIGHT));
    assert_true(table_row(table,
                          (const char *[]){"a\x1b[31m\xe2\x80\xae"
                                           "b\t\xff",
                                           "7"},
                          2));
    assert_true(table_row(table, (const char *[]){"B\xc3\xbcro", "1234"}, 2));
    assert_true(table_print(table));
    table_free(table);
    (void)fclose(stream);
    assert_string_equal(text, "NAME                          N\n"
                              "a\\u001b[31m\\u202eb\\u0009\xef\xbf\xbd     7\n"
                              "B\xc3\xbcro                       1234\n");
}

static void table_does_not_cut_off_a_terminal(void **state)
{
    (void)state;
    char wide[400], text[1024] = "";
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    FILE *stream = fmemopen(text, sizeof(text), "w");
    struct table *table = table_new(&(struct table_settings){.stream = stream, .color = true});
    assert_true(table_column(table, "NAME", TABLE_CUT));
    assert_true(table_column(table, "STATE", TABLE_KEEP));
    assert_true(table_row(table, (const char *[]){wide, "FAILED"}, 2));
    assert_true(table_print(table));
    table_free(table);
    (void)fclose(stream);
    assert_non_null(strstr(text, wide));
    assert_non_null(strstr(text, "\x1b[31mFAILED"));
}

#define CUT "\xe2\x80\xa6"

static void print_for(char text[1024], const struct table_settings *settings)
{
    memset(text, 0, 1024);
    FILE *stream = fmemopen(text, 1024, "w");
    struct table_settings chosen = *settings;
    chosen.stream = stream;
    chosen.header = true;
    chosen.terminal = true;
    struct table *table = table_new(&chosen);
    assert_true(table_column(table, "RECORD", TABLE_KEEP));
    assert_true(table_column_cut(table, "TITLE", 20));
    assert_true(table_column(table, "TEXT", TABLE_CUT));
    assert_true(table_column(table, "STATE", TABLE_KEEP));
    assert_true(table_row(table,
                          (const char *[]){"2443034390564237", "B\xc3\xbcro mailbox migration 316",
                                           "network before before window wait", "OPEN"},
                          4));
    assert_true(table_row(table, (const char *[]){"1605621268607587", "Firewall", "x", "OPEN"}, 4));
    assert_true(table_print(table));
    (void)fflush(stream);
    const char *left_out = table_left_out(table);
    (void)fprintf(stream, "without %s\n", left_out == NULL ? "none" : left_out);
    table_free(table);
    (void)fclose(stream);
}

static void a_narrow_terminal_leaves_titles(void **state)
{
    (void)state;
    char text[1024];
    print_for(text, &(struct table_settings){.width = 100});
    assert_null(strstr(text, CUT));
    print_for(text, &(struct table_settings){.width = 80});
    assert_string_equal(
        text, "RECORD            TITLE                       TEXT                         STATE\n"
              "2443034390564237  B\xc3\xbcro mailbox migration 316  network before before wind" CUT
              "  OPEN\n"
              "1605621268607587  Firewall                    x                            OPEN\n"
              "without none\n");
    // What is at the end goes before a title does.
    print_for(text, &(struct table_settings){.width = 50});
    assert_string_equal(text,
                        "RECORD            TITLE                 TEXT\n"
                        "2443034390564237  B\xc3\xbcro mailbox migrat" CUT "  network b" CUT "\n"
                        "1605621268607587  Firewall              x\n"
                        "without STATE\n");
    print_for(text, &(struct table_settings){.width = 30});
    assert_string_equal(text, "RECORD            TITLE\n"
                              "2443034390564237  B\xc3\xbcro mailbo" CUT "\n"
                              "1605621268607587  Firewall\n"
                              "without TEXT, STATE\n");
    // A report is longer than its line rather than less than whole.
    print_for(text, &(struct table_settings){.width = 30, .every_column = true});
    assert_string_equal(text, "RECORD            TITLE                 TEXT      STATE\n"
                              "2443034390564237  B\xc3\xbcro mailbox migrat" CUT "  network" CUT
                              "  OPEN\n"
                              "1605621268607587  Firewall              x         OPEN\n"
                              "without none\n");
}

static void a_report_that_is_too_wide_loses_what_is_empty(void **state)
{
    (void)state;
    char text[256];
    for (size_t width = 20; width <= 40; width += 20) {
        FILE *stream = fmemopen(text, sizeof(text), "w");
        assert_non_null(stream);
        struct table *table = table_new(&(struct table_settings){.stream = stream,
                                                                 .header = true,
                                                                 .terminal = true,
                                                                 .width = width,
                                                                 .every_column = true});
        assert_true(table_column(table, "ORG", TABLE_KEEP));
        assert_true(table_column(table, "COMPANY", TABLE_KEEP));
        assert_true(table_column(table, "CANDIDATES", TABLE_KEEP));
        assert_true(table_row(table, (const char *[]){"1", "", "c1008"}, 3));
        assert_true(table_row(table, (const char *[]){"2", "", "c9"}, 3));
        assert_true(table_print(table));
        assert_null(table_left_out(table));
        table_free(table);
        (void)fclose(stream);
        assert_string_equal(text, width == 20 ? "ORG  CANDIDATES\n"
                                                "1    c1008\n"
                                                "2    c9\n"
                                              : "ORG  COMPANY  CANDIDATES\n"
                                                "1             c1008\n"
                                                "2             c9\n");
    }
}

static void a_cut_counts_columns(void **state)
{
    (void)state;
    size_t len;
    assert_int_equal(text_width("B\xc3\xbcro", SIZE_MAX, NULL), 4);
    // Two wide letters, one combining accent.
    assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"
                                "e\xcc\x81",
                                SIZE_MAX, &len),
                     5);
    assert_int_equal(len, 9);
    assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac", 3, &len), 2);
    assert_int_equal(len, 3);
    assert_int_equal(text_width("", 0, &len), 0);
}

static void fields_are_read_by_path(void **state)
{
    (void)state;
    Docbridge__V1__Organization organization = DOCBRIDGE__V1__ORGANIZATION__INIT;
    Docbridge__V1__Mapping mapping = DOCBRIDGE__V1__MAPPING__INIT;
    char company[] = "companies/acme";
    mapping.company = company;
    mapping.source = DOCBRIDGE__V1__MAPPING__SOURCE__SOURCE_PSA_ID;
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 1024);
    assert_true(field_text(&text, &organization.base, "mapping.company", FIELD_SHORT));
    assert_int_equal(text.len, 0);
    organization.mapping = &mapping;
    field_text(&text, &organization.base, "mapping.company", FIELD_SHORT);
    buffer_text(&text, " ");
    field_text(&text, &organization.base, "mapping.company", FIELD_FULL);
    buffer_text(&text, " ");
    field_text(&text, &organization.base, "mapping.source", FIELD_FULL);
    assert_string_equal(text.data, "acme companies/acme PSA_ID");
    static const char *const names[][2] = {
        {"companies/acme", "acme"},
        {"companies/acme/documents/9", "acme/9"},
        {"connections/main/checklistTemplates/9", "9"},
        {"companies/acme/passwordAccess", "companies/acme/passwordAccess"},
        {"revealPolicy", "revealPolicy"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s", names[i][0]);
        mapping.company = name;
        buffer_reset(&text);
        buffer_text(&text, "=");
        field_text(&text, &organization.base, "mapping.company", FIELD_IDS);
        assert_string_equal(text.data + 1, names[i][1]);
    }
    assert_false(field_text(&text, &organization.base, "mapping.none", FIELD_FULL));
    assert_false(field_text(&text, &organization.base, "displayNam", FIELD_FULL));
    assert_true(field_text(&text, &organization.base, "displayName", FIELD_FULL));
}

// Packs one detail of a status.
static Google__Protobuf__Any *detail(const ProtobufCMessage *message, uint8_t *bytes, char *url,
                                     Google__Protobuf__Any *any)
{
    google__protobuf__any__init(any);
    (void)snprintf(url, 128, "type.googleapis.com/%s", message->descriptor->name);
    any->type_url = url;
    any->value = (ProtobufCBinaryData){protobuf_c_message_pack(message, bytes), bytes};
    return any;
}

static void failures_are_told_in_full(void **state)
{
    (void)state;
    char reason[] = "COMPANY_NO_ACCESS", key[] = "company", value[] = "companies/a\x1b[2J";
    char words[] = "the company's level\r is NO_ACCESS";
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
    Google__Rpc__ErrorInfo__MetadataEntry *entries[] = {&entry};
    entry.key = key;
    entry.value = value;
    info.reason = reason;
    info.metadata = entries;
    info.n_metadata = 1;
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    delay.seconds = 2;
    delay.nanos = 1000000;
    Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
    retry.retry_delay = &delay;
    uint8_t bytes[2][256], packed[1024];
    char urls[2][128];
    Google__Protobuf__Any any[2];
    Google__Protobuf__Any *details[] = {detail(&info.base, bytes[0], urls[0], &any[0]),
                                        detail(&retry.base, bytes[1], urls[1], &any[1])};
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    status.code = STATUS_FAILED_PRECONDITION;
    status.message = words;
    status.details = details;
    status.n_details = 2;
    size_t len = google__rpc__status__pack(&status, packed);
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 64 * 1024);
    struct failure failure;
    failure_read(STATUS_FAILED_PRECONDITION, "short", packed, len, &arena, &failure);
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 64 * 1024);
    assert_true(failure_write(&text, &failure, NULL, NULL));
    assert_string_equal(text.data,
                        "error: the company's level\\u000d is NO_ACCESS\n"
                        "reason: COMPANY_NO_ACCESS (FAILED_PRECONDITION)\n"
                        "retry: in 3 s\n"
                        "resource: companies/a\\u001b[2J\n"
                        "remedy: raise the company's level: docbridge config access set COMPANY "
                        "--level selected|all\n");
    failure_read(STATUS_NOT_FOUND, "gone", packed, 7, &arena, &failure);
    assert_string_equal(failure.message, "gone");
    assert_string_equal(failure.reason, "");
}

// What is written of an error about `field`.
static void of_field(struct buffer *text, const char *message, const char *field, const char *what)
{
    struct failure failure = {.status = STATUS_INVALID_ARGUMENT,
                              .message = message,
                              .reason = "FIELD_INVALID",
                              .resource = "",
                              .request_id = "",
                              .meta = {{"field", "filter"}},
                              .meta_count = 1,
                              .fields = {{field, what}},
                              .field_count = 1};
    buffer_reset(text);
    assert_true(failure_write(text, &failure, NULL, NULL));
}

static void a_field_at_fault_is_named_once(void **state)
{
    (void)state;
    static const char rest[] = "reason: FIELD_INVALID (INVALID_ARGUMENT)\n";
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 64 * 1024);
    of_field(&text, "filter: has no field x", "filter", "filter: has no field x");
    assert_null(strstr(text.data, "field filter"));
    assert_null(strstr(text.data, "field: filter"));
    assert_int_equal(strncmp(text.data, "error: filter: has no field x\n", 30), 0);
    of_field(&text, "the request is bad", "filter", "filter: has no field x");
    assert_non_null(strstr(text.data, rest));
    assert_non_null(strstr(text.data, "\nfield filter: has no field x\n"));
    assert_null(strstr(text.data, "field: filter"));
    of_field(&text, "has no field x", "filter", "has no field x");
    assert_non_null(strstr(text.data, "\nfield: filter\n"));
    assert_null(strstr(text.data, "field filter"));
    // Of another field than the one that the metadata name.
    of_field(&text, "name: is odd", "name", "name: is odd");
    assert_non_null(strstr(text.data, "\n  field: filter\n"));
}

static Docbridge__V1__SyncTask task(Docbridge__V1__SyncTaskKind kind,
                                    Docbridge__V1__SyncTask__State how, int64_t done, int64_t total)
{
    Docbridge__V1__SyncTask made = DOCBRIDGE__V1__SYNC_TASK__INIT;
    made.kind = kind;
    made.state = how;
    made.done_count = done;
    made.total_count = total;
    return made;
}

static void picture_fits_its_columns(void **state)
{
    (void)state;
    struct progress progress;
    progress_init(&progress, "connections/main/syncRuns/run7");
    Docbridge__V1__SyncRun run = DOCBRIDGE__V1__SYNC_RUN__INIT;
    Docbridge__V1__SyncTask one = task(DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_ORGANIZATIONS,
                                       DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_SUCCEEDED, 120, 120);
    Docbridge__V1__SyncTask two =
        task(DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_FLEXIBLE_ASSETS,
             DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_RUNNING, 100, 400);
    Docbridge__V1__SyncTask *tasks[] = {&one, &two};
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    start.seconds = 1000;
    run.tasks = tasks;
    run.n_tasks = 2;
    run.state = DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_RUNNING;
    run.request_count = 31;
    run.start_time = &start;
    Docbridge__V1__WatchSyncRunResponse event = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__INIT;
    event.event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_SNAPSHOT;
    event.snapshot = &run;
    progress_apply(&progress, &event, 5000);
    two.done_count = 200;
    event.event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_TASK;
    event.task = &two;
    event.request_count = 34;
    progress_apply(&progress, &event, 7000);
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 64 * 1024);
    struct progress_view view = {.columns = 80, .now_us = 1065 * 1000000LL, .now_ms = 7000};
    assert_int_equal(progress_draw(&text, &progress, &view), 3);
    assert_string_equal(
        text.data,
        "run run7  RUNNING  00:01:05  requests 34\n"
        "  organizations    [####################]       120/120 100% SUCCEEDED\n"
        "  flexible assets  [##########..........]       200/400  50%    50/s 0:05 left\n");
    // Having all of a total that still grows says nothing of how much is left.
    two.done_count = 400;
    progress_apply(&progress, &event, 9000);
    buffer_reset(&text);
    progress_draw(&text, &progress, &view);
    assert_non_null(strstr(text.data, "  flexible assets  [....................]           400 "));
    // A run that was queued when it was first seen began with its first task.
    progress_init(&progress, "connections/main/syncRuns/run7");
    event.time = &start;
    progress_apply(&progress, &event, 5000);
    buffer_reset(&text);
    progress_draw(&text, &progress, &view);
    assert_non_null(strstr(text.data, "run run7  RUNNING  00:01:05  requests 34\n"));
    for (view.columns = 1; view.columns < 120; view.columns++) {
        buffer_reset(&text);
        progress_draw(&text, &progress, &view);
        for (const char *at = text.data; *at != '\0'; at += strcspn(at, "\n") + 1)
            assert_true(strcspn(at, "\n") < (size_t)view.columns + (view.columns == 1));
    }
}

static void events_are_lines(void **state)
{
    (void)state;
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 64 * 1024);
    Docbridge__V1__WatchSyncRunResponse event = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__INIT;
    Docbridge__V1__WatchSyncRunResponse__Heartbeat beat =
        DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__HEARTBEAT__INIT;
    event.event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_HEARTBEAT;
    event.heartbeat = &beat;
    progress_line(&text, &event);
    assert_int_equal(text.len, 0);
    Docbridge__V1__SyncIssue issue = DOCBRIDGE__V1__SYNC_ISSUE__INIT;
    char subject[] = "documents/9\n", message[] = "cannot be read";
    issue.kind = DOCBRIDGE__V1__SYNC_ISSUE__KIND__KIND_RECORD_QUARANTINED;
    issue.subject = subject;
    issue.message = message;
    event.sequence = 4;
    event.event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_ISSUE;
    event.issue = &issue;
    progress_line(&text, &event);
    assert_string_equal(text.data,
                        "4 issue RECORD_QUARANTINED documents/9\\u000a: cannot be read\n");
}

int main(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_remedy),
        cmocka_unit_test(classes_follow_the_reason),
        cmocka_unit_test(table_escapes_and_aligns),
        cmocka_unit_test(table_does_not_cut_off_a_terminal),
        cmocka_unit_test(a_report_that_is_too_wide_loses_what_is_empty),
        cmocka_unit_test(a_narrow_terminal_leaves_titles),
        cmocka_unit_test(a_cut_counts_columns),
        cmocka_unit_test(fields_are_read_by_path),
        cmocka_unit_test(failures_are_told_in_full),
        cmocka_unit_test(a_field_at_fault_is_named_once),
        cmocka_unit_test(picture_fits_its_columns),
        cmocka_unit_test(events_are_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
