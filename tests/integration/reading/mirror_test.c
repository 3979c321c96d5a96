// Whoever lists a company once and then follows its feed knows what the lists show. A random walk
// over what decides on it, the same one each time; the feed is left and taken up again at any of
// its events.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/changes.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"

#define ACTION_REMOVED DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__CHANGE__ACTION__ACTION_REMOVED
#define EVENT(name) DOCBRIDGE__V1__WATCH_COMPANY_CHANGES_RESPONSE__EVENT_##name

enum { STEPS = 250, OPEN_EVERY = 8, RECORDS_MAX = 64, NAME_BYTES = 80, KINDS = 3 };

static void ignore_wake(void *context)
{
    (void)context;
}

static const struct stream_waker waker = {ignore_wake, NULL};
static struct err err;

// What a client holds of a company, by kind.
struct mirror {
    const char *company; // resource name
    char names[KINDS][RECORDS_MAX][NAME_BYTES];
    size_t counts[KINDS];
    void *feed;
    char token[1024];
};

static size_t find(const struct mirror *mirror, size_t kind, const char *name)
{
    size_t i = 0;
    while (i < mirror->counts[kind] && strcmp(mirror->names[kind][i], name) != 0)
        i++;
    return i;
}

static void add(struct mirror *mirror, size_t kind, const char *name)
{
    size_t i = find(mirror, kind, name);
    assert_in_range(i, 0, RECORDS_MAX - 1);
    (void)snprintf(mirror->names[kind][i], NAME_BYTES, "%s", name);
    mirror->counts[kind] += i == mirror->counts[kind];
}

static void take_out(struct mirror *mirror, size_t kind, const char *name)
{
    size_t i = find(mirror, kind, name);
    if (i == mirror->counts[kind])
        return;
    mirror->counts[kind]--;
    (void)memmove(mirror->names[kind][i], mirror->names[kind][mirror->counts[kind]], NAME_BYTES);
}

static void call(struct fixture *fixture, const char *method, const void *in, void *out)
{
    size_t i = 0;
    while (strcmp(documentation_service.methods[i].name, method) != 0)
        i++;
    fixture->request.deadline = deadline_in(60000);
    assert_int_equal(documentation_service.methods[i].unary(&fixture->request, in, out, &err),
                     ERR_OK);
}

#define LIST(Type, type, kind)                                              \
    static void list_##type(struct fixture *fixture, struct mirror *mirror) \
    {                                                                       \
        Docbridge__V1__List##Type##Request in;                              \
        Docbridge__V1__List##Type##Response out;                            \
        docbridge__v1__list_##type##_request__init(&in);                    \
        docbridge__v1__list_##type##_response__init(&out);                  \
        in.parent = arena_strdup(&fixture->arena, mirror->company);         \
        call(fixture, "List" #Type, &in, &out);                             \
        mirror->counts[kind] = 0;                                           \
        for (size_t i = 0; i < out.n_##type; i++)                           \
            add(mirror, kind, out.type[i]->name);                           \
    }
LIST(Documents, documents, 0)
LIST(FlexibleAssets, flexible_assets, 1)
LIST(Checklists, checklists, 2)

static void (*const lists[KINDS])(struct fixture *, struct mirror *) = {
    list_documents, list_flexible_assets, list_checklists};

static void open_feed(struct fixture *fixture, struct mirror *mirror)
{
    Docbridge__V1__WatchCompanyChangesRequest in;
    docbridge__v1__watch_company_changes_request__init(&in);
    in.parent = arena_strdup(&fixture->arena, mirror->company);
    in.resume_token = arena_strdup(&fixture->arena, mirror->token);
    fixture->request.deadline = deadline_in(60000);
    assert_int_equal(
        changes_watch_handler.open(&fixture->request, &in, &waker, &mirror->feed, &err), ERR_OK);
}

static void heed(struct fixture *fixture, struct mirror *mirror,
                 const Docbridge__V1__WatchCompanyChangesResponse *event)
{
    for (size_t kind = 0; kind < KINDS && event->event_case == EVENT(START); kind++)
        lists[kind](fixture, mirror);
    for (size_t i = 0; event->event_case == EVENT(SIGHT_CHANGE) && i < event->sight_change->n_kinds;
         i++)
        if ((int)event->sight_change->kinds[i] <= KINDS)
            lists[event->sight_change->kinds[i] - 1](fixture, mirror);
    if (event->event_case != EVENT(CHANGE) || (int)event->change->kind > KINDS)
        return;
    size_t kind = (size_t)event->change->kind - 1;
    if (event->change->action == ACTION_REMOVED)
        take_out(mirror, kind, event->change->resource);
    else
        add(mirror, kind, event->change->resource);
}

// From 0 to below `most`.
static size_t pick(size_t most)
{
    static uint64_t walk = 3;
    walk = walk * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(walk >> 33) % most;
}

// Heeds all that is to be told now, perhaps over more than one feed.
static void follow(struct fixture *fixture, struct mirror *mirror)
{
    enum stream_step step;
    do {
        Docbridge__V1__WatchCompanyChangesResponse event;
        struct arena arena;
        docbridge__v1__watch_company_changes_response__init(&event);
        arena_init(&arena, 8 << 20);
        fixture->request.deadline = deadline_in(60000);
        assert_int_equal(changes_watch_handler.next(&fixture->request, mirror->feed, &arena, &event,
                                                    &step, &err),
                         ERR_OK);
        if (step == STREAM_MESSAGE) {
            (void)snprintf(mirror->token, sizeof(mirror->token), "%s", event.resume_token);
            heed(fixture, mirror, &event);
        }
        arena_done(&arena);
        if (step == STREAM_MESSAGE && pick(3) == 0) {
            changes_watch_handler.close(mirror->feed);
            open_feed(fixture, mirror);
        }
    } while (step == STREAM_MESSAGE);
}

static void assert_same(const struct mirror *mirror, const struct mirror *listed)
{
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < mirror->counts[kind]; i++)
            if (find(listed, kind, mirror->names[kind][i]) == listed->counts[kind])
                fail_msg("the feed did not say that %s went", mirror->names[kind][i]);
        for (size_t i = 0; i < listed->counts[kind]; i++)
            if (find(mirror, kind, listed->names[kind][i]) == mirror->counts[kind])
                fail_msg("the feed did not say that %s came", listed->names[kind][i]);
    }
}

// "acme" has organization 41, "beta" 42.
static const char SEED[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash,"
    "  enabled, discover_time) VALUES ('t1', 'c1', 1, 'Router', '{}', '', true, now()),"
    "  ('t1', 'c1', 2, 'Licence', '{}', '', false, now());"
    "INSERT INTO company_documentation_access VALUES ('t1', 'beta', false, false, 1, now());"
    "INSERT INTO record_sequence (tenant, connection_id, sequence) VALUES ('t1', 'c1', 1)"
    "  ON CONFLICT DO NOTHING;"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    "  folder_id, publish_time, body, content_hash) VALUES"
    "  ('t1', 'c1', 3, 1, 41, 'Top', 0, 0, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 3, 2, 41, 'Below', 0, 1, NULL, '{\"ancestor_ids\": [1]}', ''),"
    "  ('t1', 'c1', 3, 4, 42, 'Of beta', 0, 0, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 4, 10, 41, 'Plan', 0, 0, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 11, 41, 'In top', 0, 1, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 12, 41, 'In below', 0, 2, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 13, 42, 'Of beta', 0, 4, now(), '{}', ''),"
    "  ('t1', 'c1', 5, 20, 41, 'Edge', 1, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 21, 42, 'Core', 1, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 30, 41, 'Onboarding', 0, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 31, 42, 'Offboarding', 0, 0, NULL, '{}', '');";

// What upstream says of records, as a sync stores it; the first of each shows more.
static const struct {
    int kind;
    const char *set[2], *where;
} marks[] = {
    {3, {"restricted = false", "restricted = true"}, "id IN (1, 4)"},
    {3, {"organization_id = 41", "organization_id = 42"}, "id = 1"},
    {4, {"folder_id = 0", "folder_id = 4"}, "id = 10"},
    {4, {"folder_id = 1", "folder_id = 77"}, "id = 11"},
    {4, {"restricted = false", "restricted = true"}, "id IN (10, 13)"},
    {4, {"archived = false", "archived = true"}, "id IN (10, 12)"},
    {4, {"publish_time = now()", "publish_time = NULL"}, "id IN (11, 13)"},
    {4, {"organization_id = 41", "organization_id = 42"}, "id IN (10, 12)"},
    {4, {"organization_id = 42", "organization_id = 43"}, "id = 13"},
    {4, {"display_name = 'One'", "display_name = 'Other'"}, "id = 12"},
    {5, {"restricted = false", "restricted = true"}, "id = 20"},
    {5, {"archived = false", "archived = true"}, "id = 21"},
    {5, {"organization_id = 41", "organization_id = 42"}, "id = 20"},
    {5, {"type_id = 1", "type_id = 2"}, "id = 21"},
    {6, {"restricted = false", "restricted = true"}, "id = 30"},
    {6, {"archived = false", "archived = true"}, "id = 31"},
    {6, {"organization_id = 41", "organization_id = 42"}, "id = 30"},
};

static void mark(struct fixture *fixture, size_t i, size_t way)
{
    print_message("# kind %d %s where %s\n", marks[i].kind, marks[i].set[way], marks[i].where);
    (void)fixture_sql(
        fixture, arena_printf(&fixture->arena,
                              "WITH n AS (UPDATE record_sequence SET sequence = sequence + 1"
                              "  RETURNING sequence), u AS (UPDATE record SET %s,"
                              "  change_sequence = n.sequence FROM n WHERE kind = %d AND %s"
                              "  RETURNING kind, id, organization_id, change_sequence)"
                              " INSERT INTO record_change SELECT 't1', 'c1', change_sequence, kind,"
                              "  array_agg(id), array_agg(DISTINCT organization_id) FROM u"
                              "  GROUP BY change_sequence, kind",
                              marks[i].set[way], marks[i].kind, marks[i].where));
}

// What administrators change, and upstream of whole types.
static const char *const settings[][2] = {
    {"UPDATE connection_config SET documents_enabled = true",
     "UPDATE connection_config SET documents_enabled = false"},
    {"UPDATE connection_config SET checklists_enabled = true",
     "UPDATE connection_config SET checklists_enabled = false"},
    {"UPDATE connection_config SET restricted_shown = true",
     "UPDATE connection_config SET restricted_shown = false"},
    {"UPDATE connection_config SET unpublished_shown = true",
     "UPDATE connection_config SET unpublished_shown = false"},
    {"UPDATE connection_config SET archived_shown = true",
     "UPDATE connection_config SET archived_shown = false"},
    {"UPDATE flexible_asset_type SET enabled = true WHERE id = 1",
     "UPDATE flexible_asset_type SET enabled = false WHERE id = 1"},
    {"UPDATE flexible_asset_type SET upstream_state = 1 WHERE id = 1",
     "UPDATE flexible_asset_type SET upstream_state = 3 WHERE id = 1"},
    {"UPDATE company_documentation_access SET documents_hidden = false, checklists_hidden = false",
     "UPDATE company_documentation_access SET documents_hidden = true, checklists_hidden = true"},
    {"DELETE FROM company_hidden_type",
     "INSERT INTO company_hidden_type VALUES ('t1', 'beta', 'c1', 1) ON CONFLICT DO NOTHING"},
    {"INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
     "  actor_subject, actor_display_name, actor_kind, create_time) VALUES ('t1', 'c1', 41,"
     "  'acme', 1, 'ada', 'Ada', 1, now()) ON CONFLICT DO NOTHING",
     "DELETE FROM mapping WHERE organization_id = 41"},
};

static void change(struct fixture *fixture)
{
    size_t way = pick(3) > 0, i = pick(ARRAY_LEN(marks) + ARRAY_LEN(settings));
    if (i < ARRAY_LEN(marks)) {
        mark(fixture, i, way);
        return;
    }
    const char *sql = settings[i - ARRAY_LEN(marks)][way];
    print_message("# %s\n", sql);
    (void)fixture_sql(fixture, sql);
}

static void open_all(struct fixture *fixture)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        mark(fixture, i, 0);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        (void)fixture_sql(fixture, settings[i][0]);
}

static void who_follows_the_feed_knows_the_lists(void **state)
{
    struct fixture *fixture = *state;
    static struct mirror mirrors[2], listed;
    static const char *const companies[] = {"companies/acme", "companies/beta"};
    (void)fixture_sql(fixture, SEED);
    fixture->backend.token_key_count = 1;
    for (size_t i = 0; i < ARRAY_LEN(mirrors); i++) {
        mirrors[i] = (struct mirror){.company = companies[i]};
        open_feed(fixture, &mirrors[i]);
        follow(fixture, &mirrors[i]);
        assert_in_range(mirrors[i].counts[0], 1, 3);
    }
    for (int step = 0; step < STEPS; step++) {
        arena_done(&fixture->arena);
        arena_init(&fixture->arena, 16 << 20);
        if (step % OPEN_EVERY == 0)
            open_all(fixture);
        for (size_t changed = 0; changed <= pick(3); changed++)
            change(fixture);
        for (size_t i = 0; i < ARRAY_LEN(mirrors); i++) {
            follow(fixture, &mirrors[i]);
            listed.company = companies[i];
            for (size_t kind = 0; kind < KINDS; kind++)
                lists[kind](fixture, &listed);
            assert_same(&mirrors[i], &listed);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(mirrors); i++)
        changes_watch_handler.close(mirrors[i].feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_follows_the_feed_knows_the_lists, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
