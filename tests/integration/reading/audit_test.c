// AuditService: who reads what of the trail, in pages and by filter.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/audit.pb-c.h"
#include "server/audit/audit.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"

static struct err err;
static Docbridge__V1__ListAuditEventsResponse events;
static Docbridge__V1__AuditEvent event;

static enum err_code call(struct fixture *fixture, const char *method, const void *in, void *out)
{
    err = (struct err){0};
    for (size_t i = 0; i < audit_service.method_count; i++)
        if (strcmp(audit_service.methods[i].name, method) == 0)
            return audit_service.methods[i].unary(&fixture->request, in, out, &err);
    fail_msg("no method %s", method);
    return ERR_INTERNAL;
}

static enum err_code list(struct fixture *fixture, const char *filter, int size, const char *token)
{
    Docbridge__V1__ListAuditEventsRequest in;
    docbridge__v1__list_audit_events_request__init(&in);
    docbridge__v1__list_audit_events_response__init(&events);
    in.filter = arena_strdup(&fixture->arena, filter);
    in.page_size = size;
    in.page_token = arena_strdup(&fixture->arena, token);
    return call(fixture, "ListAuditEvents", &in, &events);
}

static enum err_code get(struct fixture *fixture, const char *name)
{
    Docbridge__V1__GetAuditEventRequest in;
    docbridge__v1__get_audit_event_request__init(&in);
    docbridge__v1__audit_event__init(&event);
    in.name = arena_strdup(&fixture->arena, name);
    return call(fixture, "GetAuditEvent", &in, &event);
}

static void append(struct fixture *fixture, const struct audit_event *added)
{
    struct tx *tx = NULL;
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(audit_append(tx, &fixture->request, added, NULL, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
}

// 1: a setting without a value before; 2: an intent; 3: a denial of company "beta".
static void append_three(struct fixture *fixture)
{
    const struct audit_change changes[] = {{"level", NULL, "ALL_CATEGORIES"}, {"note", "a", NULL}};
    append(fixture, &(struct audit_event){.type = AUDIT_CONFIG,
                                          .phase = AUDIT_SINGLE,
                                          .outcome = AUDIT_SUCCEEDED,
                                          .company_id = "acme",
                                          .company_display_name = "Acme GmbH",
                                          .resource = "companies/acme/passwordAccess",
                                          .changes = changes,
                                          .change_count = ARRAY_LEN(changes)});
    append(fixture, &(struct audit_event){.type = AUDIT_PASSWORD_REVEAL,
                                          .phase = AUDIT_INTENT,
                                          .company_id = "acme",
                                          .resource = "companies/acme/passwords/9001"});
    append(fixture, &(struct audit_event){.type = AUDIT_PASSWORD_REVEAL,
                                          .phase = AUDIT_SINGLE,
                                          .outcome = AUDIT_DENIED,
                                          .error = ERR_COMPANY_NO_ACCESS,
                                          .policy_version = 7,
                                          .company_id = "beta"});
}

static void shows_an_event_whole(void **state)
{
    struct fixture *fixture = *state;
    append_three(fixture);
    assert_int_equal(get(fixture, "auditEvents/1"), ERR_OK);
    assert_int_equal(event.sequence, 1);
    assert_string_equal(event.actor->display_name, "Tom Technician");
    assert_int_equal(event.actor->kind, DOCBRIDGE__V1__ACTOR__KIND__KIND_HUMAN);
    assert_string_equal(event.subject->company, "companies/acme");
    assert_string_equal(event.subject->company_display_name, "Acme GmbH");
    assert_string_equal(event.request_id, "req-1");
    assert_int_equal(event.n_changes, 2);
    assert_string_equal(event.changes[0]->field, "level");
    assert_string_equal(event.changes[0]->old_value, "");
    assert_string_equal(event.changes[0]->new_value, "ALL_CATEGORIES");
    assert_string_equal(event.changes[1]->old_value, "a");
    assert_string_equal(event.changes[1]->new_value, "");
    assert_int_equal(event.hash.len, 32);
    assert_int_equal(get(fixture, "auditEvents/3"), ERR_OK);
    assert_string_equal(event.error_reason, "COMPANY_NO_ACCESS");
    assert_int_equal(event.policy_version, 7);
}

static void lists_the_latest_first_in_pages(void **state)
{
    struct fixture *fixture = *state;
    append_three(fixture);
    assert_int_equal(list(fixture, "", 2, ""), ERR_OK);
    assert_int_equal(events.n_audit_events, 2);
    assert_int_equal(events.audit_events[0]->sequence, 3);
    const char *token = events.next_page_token;
    assert_int_equal(list(fixture, "", 2, token), ERR_OK);
    assert_int_equal(events.n_audit_events, 1);
    assert_int_equal(events.audit_events[0]->sequence, 1);
    assert_string_equal(events.next_page_token, "");
    assert_int_equal(list(fixture, "outcome = DENIED", 2, token), ERR_PAGE_TOKEN_INVALID);
}

// What does not fit into an answer comes with the next page.
static void a_page_fits_into_an_answer(void **state)
{
    enum { COUNT = 9, VALUE_BYTES = 400 * 1024, ANSWER_BYTES = 3 * 1024 * 1024 };
    struct fixture *fixture = *state;
    static char value[VALUE_BYTES + 1];
    memset(value, 'v', VALUE_BYTES);
    const struct audit_change change = {"field", NULL, value};
    const char *token = "";
    int64_t wanted = COUNT;
    for (int i = 0; i < COUNT; i++)
        append(fixture, &(struct audit_event){.type = AUDIT_QUICK_MATCH,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .changes = &change,
                                              .change_count = 1});
    do {
        assert_int_equal(list(fixture, "", 0, token), ERR_OK);
        assert_true(protobuf_c_message_get_packed_size(&events.base) <= ANSWER_BYTES);
        assert_true(events.n_audit_events > 0);
        for (size_t i = 0; i < events.n_audit_events; i++)
            assert_int_equal(events.audit_events[i]->sequence, wanted--);
        token = events.next_page_token;
    } while (token[0] != '\0');
    assert_int_equal(wanted, 0);
}

// The longest name of a page from upstream, in two-byte letters that no limit meets the end of.
static void a_name_of_megabytes_keeps_nobody_from_the_trail(void **state)
{
    enum { BYTES = 4 * 1024 * 1024 };
    struct fixture *fixture = *state;
    static char name[BYTES + 1];
    name[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof(name); i += 2)
        memcpy(&name[i], "\u00e9", 2);
    append(fixture, &(struct audit_event){.type = AUDIT_PASSWORD_REVEAL,
                                          .phase = AUDIT_SINGLE,
                                          .outcome = AUDIT_SUCCEEDED,
                                          .resource_display_name = name,
                                          .company_display_name = "Acme",
                                          .password_category_display_name = name});
    assert_int_equal(list(fixture, "", 0, ""), ERR_OK);
    const Docbridge__V1__AuditEvent__Subject *subject = events.audit_events[0]->subject;
    assert_int_equal(strlen(subject->display_name), 4095);
    assert_memory_equal(subject->display_name, name, 4095);
    assert_string_equal(subject->password_category_display_name, subject->display_name);
    assert_string_equal(subject->company_display_name, "Acme");
    assert_int_equal(events.audit_events[0]->n_changes, 0);
}

static void filters(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *filter;
        size_t count;
    } rows[] = {
        {"type = PASSWORD_REVEAL", 2},
        {"type = PASSWORD_REVEAL AND outcome = DENIED", 1},
        {"actor.subject = tom", 3},
        {"actor.subject = \"eve\"", 0},
        {"subject.resource = \"companies/acme/passwords/9001\"", 1},
        {"subject.company = \"companies/beta\"", 1},
        {"event_time >= \"2020-01-01T00:00:00Z\" AND event_time < \"2020-01-02T00:00:00Z\"", 0},
        {"event_time >= \"2020-01-01T00:00:00Z\"", 3},
        {"event_time < \"1970-01-01T00:00:00Z\"", 0},
    };
    append_three(fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(list(fixture, rows[i].filter, 0, ""), ERR_OK);
        assert_int_equal(events.n_audit_events, rows[i].count);
    }
    assert_int_equal(list(fixture, "type = NOTHING", 0, ""), ERR_FIELD_INVALID);
    assert_int_equal(list(fixture, "event_time >= yesterday", 0, ""), ERR_FIELD_INVALID);
}

static void an_old_intent_without_an_outcome_is_unresolved(void **state)
{
    struct fixture *fixture = *state;
    append_three(fixture);
    assert_int_equal(get(fixture, "auditEvents/2"), ERR_OK);
    assert_int_equal(event.outcome, DOCBRIDGE__V1__AUDIT_EVENT__OUTCOME__OUTCOME_UNSPECIFIED);
    (void)fixture_sql(fixture, "UPDATE audit_event SET event_time = now() - interval '2 minutes'"
                               " WHERE sequence = 2");
    assert_int_equal(get(fixture, "auditEvents/2"), ERR_OK);
    assert_int_equal(event.outcome, DOCBRIDGE__V1__AUDIT_EVENT__OUTCOME__OUTCOME_UNRESOLVED);
    assert_int_equal(list(fixture, "outcome = UNRESOLVED", 0, ""), ERR_OK);
    assert_int_equal(events.n_audit_events, 1);
}

static void a_scoped_caller_reads_of_its_companies_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const mine[] = {"beta"};
    append_three(fixture);
    fixture->caller.all_companies = false;
    fixture->caller.companies = mine;
    fixture->caller.company_count = 1;
    assert_int_equal(list(fixture, "", 0, ""), ERR_OK);
    assert_int_equal(events.n_audit_events, 1);
    assert_int_equal(events.audit_events[0]->sequence, 3);
    assert_int_equal(get(fixture, "auditEvents/1"), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(get(fixture, "auditEvents/99"), ERR_RESOURCE_NOT_FOUND);
    fixture->caller.company_count = 0;
    assert_int_equal(list(fixture, "", 0, ""), ERR_OK);
    assert_int_equal(events.n_audit_events, 0);
    // Another tenant has a trail of its own.
    fixture->caller.all_companies = true;
    fixture->caller.tenant = "t2";
    assert_int_equal(list(fixture, "", 0, ""), ERR_OK);
    assert_int_equal(events.n_audit_events, 0);
    assert_int_equal(get(fixture, "auditEvents/1"), ERR_RESOURCE_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_an_event_whole),
        TEST(lists_the_latest_first_in_pages),
        TEST(a_page_fits_into_an_answer),
        TEST(a_name_of_megabytes_keeps_nobody_from_the_trail),
        TEST(filters),
        TEST(an_old_intent_without_an_outcome_is_unresolved),
        TEST(a_scoped_caller_reads_of_its_companies_alone),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
