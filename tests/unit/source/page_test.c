// Pages of every kind, in every chunking.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// cmocka wants the others first.
#include <cmocka.h>

#include "tests/unit/source/collector.h"

#define META(next, total)                                                                       \
    "\"meta\":{\"current-page\":1,\"next-page\":" next ",\"prev-page\":null,\"total-pages\":1," \
    "\"total-count\":" total ",\"filters\":{}},\"links\":{}"

enum { RECORD_MAX = 1 << 20 };

static const char organizations[] =
    "{\"data\":[{\"id\":\"4102\",\"type\":\"organizations\",\"attributes\":{"
    "\"name\":\"Nordlicht B\xc3\xa4"
    "ckerei GmbH\",\"alert\":null,\"description\":null,"
    "\"organization-type-id\":31,\"organization-type-name\":\"Customer\","
    "\"organization-status-id\":12,\"organization-status-name\":\"Active\",\"primary\":false,"
    "\"logo\":\"\",\"quick-notes\":\"<p>Call Jana first</p>\",\"short-name\":\"nordl\","
    "\"parent-id\":null,\"ancestor-ids\":\"[1,6]\",\"created-at\":\"2021-03-02T09:15:44.000Z\","
    "\"updated-at\":\"2026-05-11T07:02:10.000Z\"},\"relationships\":{\"adapters-resources\":"
    "{\"data\":[{\"id\":\"90011\",\"type\":\"adapters-resources\"},{\"id\":90012,"
    "\"type\":\"adapters-resources\"}]}}},"
    "{\"id\":4103,\"type\":\"organizations\",\"attributes\":{\"name\":null,\"primary\":true},"
    "\"relationships\":{\"adapters-resources\":{\"data\":{\"id\":\"90013\"}}}}],"
    "\"included\":[{\"id\":\"90012\",\"type\":\"adapters-resources\",\"attributes\":"
    "{\"remote-id\":31111}},{\"id\":\"90011\",\"type\":\"adapters-resources\",\"attributes\":"
    "{\"remote-id\":\"29771\"}},{\"id\":90013,\"type\":\"adapters_resources\",\"attributes\":"
    "{\"remote_id\":\"7\"}},{\"id\":90014,\"type\":\"attachments\",\"attributes\":{}}]," META(
        "null", "2") "}";

// The same, with the included records first.
static const char organizations_turned[] =
    "{ \"included\" : [{\"type\":\"adapters-resources\",\"attributes\":{\"remote-id\":\"29771\"},"
    "\"id\":\"90011\"},{\"id\":\"90012\",\"type\":\"adapters-resources\",\"attributes\":"
    "{\"remote-id\":\"31111\"}},{\"id\":90013,\"type\":\"adapters-resources\",\"attributes\":"
    "{\"remote-id\":\"7\"}}],\n"
    "\"data\":[{\"relationships\":{\"adapters-resources\":{\"data\":[{\"id\":90012},{\"id\":90011}]"
    "}},"
    "\"attributes\":{\"updated-at\":\"2026-05-11T07:02:10Z\",\"primary\":0,"
    "\"organization-status-name\":\"Active\",\"organization-type-name\":\"Customer\","
    "\"short-name\":\"nordl\",\"created-at\":\"2021-03-02T10:15:44+01:00\","
    "\"name\":\"Nordlicht B\\u00e4"
    "ckerei GmbH\"},\"type\":\"organizations\",\"id\":4102},"
    "{\"id\":4103,\"type\":\"organizations\",\"attributes\":{\"primary\":true},"
    "\"relationships\":{\"adapters-resources\":{\"data\":[{\"id\":\"90013\"}]}}}]," META("null",
                                                                                         "2") "}";

static const char types[] =
    "{\"data\":[{\"id\":\"77\",\"type\":\"flexible-asset-types\",\"attributes\":{\"name\":"
    "\"Backup\","
    "\"description\":\"Backup jobs\",\"icon\":\"database\",\"show-in-menu\":true,\"enabled\":true,"
    "\"created-at\":\"2020-01-05T10:00:00.000Z\",\"updated-at\":\"2025-11-20T13:30:00.000Z\"},"
    "\"relationships\":{\"flexible-asset-fields\":{\"data\":[{\"id\":\"801\",\"type\":"
    "\"flexible-asset-fields\"},{\"id\":\"803\",\"type\":\"flexible-asset-fields\"}]}}}],"
    "\"included\":[{\"id\":\"802\",\"type\":\"flexible-asset-fields\",\"attributes\":"
    "{\"flexible-asset-type-id\":77,\"order\":2,\"name\":\"Secret\",\"kind\":\"Password\","
    "\"decimals\":2,\"default-value\":\"CANARY-9\",\"tag-type\":\"Configurations\",\"required\":"
    "false,"
    "\"use-for-title\":false,\"name-key\":\"secret\"}},"
    "{\"id\":\"801\",\"type\":\"flexible-asset-fields\",\"attributes\":{\"flexible-asset-type-id\":"
    "77,"
    "\"order\":1,\"name\":\"Job name\",\"kind\":\"Text\",\"hint\":null,\"decimals\":null,"
    "\"default-value\":null,\"tag-type\":null,\"required\":true,\"use-for-title\":true,"
    "\"expiration\":false,\"show-in-list\":true,\"name-key\":\"job-name\"}},"
    "{\"id\":\"803\",\"type\":\"flexible-asset-fields\",\"attributes\":{\"flexible-asset-type-id\":"
    "78,"
    "\"order\":1,\"name\":\"Of another type\",\"kind\":\"Text\",\"name-key\":\"other\"}}]," META(
        "null", "1") "}";

static const char assets[] =
    "{\"data\":[{\"id\":\"550123\",\"type\":\"flexible-assets\",\"attributes\":{\"organization-"
    "id\":4102,"
    "\"organization-name\":\"Nordlicht\",\"resource-url\":"
    "\"https://msp.itglue.com/4102/assets/77-backup/records/550123\",\"restricted\":false,"
    "\"my-glue\":false,\"flexible-asset-type-id\":77,\"flexible-asset-type-name\":\"Backup\","
    "\"name\":\"Nightly NAS\",\"archived\":false,\"traits\":{\"job-name\":\"Nightly NAS\","
    "\"notes\":\"<div>Runs <b>01:00</b></div>\",\"verified\":true,\"retention-days\":30,"
    "\"ratio\":2.50,\"empty\":null,\"list\":[],\"next-test\":\"2026-09-01\","
    "\"admin-login\":{\"type\":\"Passwords\",\"values\":[{\"id\":1,\"value\":\"CANARY-1\"}]},"
    "\"servers\":{\"type\":\"Configurations\",\"values\":[{\"id\":3183713165001122,"
    "\"name\":\"NB-NAS01\",\"updated-at\":\"2026-01-01T00:00:00Z\",\"installed\":[1,{},[\"x\"]]}]}}"
    ","
    "\"created-at\":\"2022-02-01T08:00:00.000Z\",\"updated-at\":\"2026-06-30T22:10:05.000Z\"}}]"
    "," META("2", "120") "}";

static const char documents[] =
    "{\"data\":[{\"id\":\"3183713165001122\",\"type\":\"documents\",\"attributes\":{"
    "\"organization-id\":4102,\"resource-url\":\"https://msp.eu.itglue.com/4102/docs/1\","
    "\"name\":\"VPN onboarding\",\"restricted\":false,\"public\":false,\"archived\":false,"
    "\"is-uploaded\":false,\"document-folder-id\":66012,\"published-at\":\"2026-04-01T12:00:00."
    "000Z\","
    "\"content\":[{\"id\":72,\"sort\":2,\"resource_type\":\"Document::Heading\",\"content\":"
    "\"Steps\","
    "\"rendered-content\":\"https://s3/"
    "CANARY-2\",\"level\":3,\"updated_at\":\"2026-04-01T12:00:00Z\"},"
    "{\"id\":71,\"document_id\":3183713165001122,\"sort\":1,\"ancestry\":null,\"resource_id\":9001,"
    "\"resource_type\":\"Document::Text\",\"lock_version\":0,\"resource\":{\"id\":9001,"
    "\"content\":\"<p>Install the "
    "client\\u2026</p>\",\"created_at\":\"2026-03-30T12:00:00.000Z\"}}],"
    "\"created-at\":\"2026-03-30T11:59:00.000Z\",\"updated-at\":\"2026-04-01T12:00:00.000Z\"},"
    "\"relationships\":{}},"
    "{\"id\":5,\"type\":\"documents\",\"attributes\":{\"organization-id\":4102,\"name\":\"Text\","
    "\"content\":\"<p>all</p>\",\"published-at\":null,\"document-folder-id\":null}},"
    "{\"id\":6,\"type\":\"documents\",\"attributes\":{\"organization-id\":\"4102\",\"name\":"
    "\"New\","
    "\"content\":[],\"sections\":[{\"id\":\"1\",\"type\":\"document-sections\",\"attributes\":"
    "{\"resource-type\":\"Document::Step\",\"content\":\"Do\",\"sort\":1}}]}}]," META("null",
                                                                                      "3") "}";

static const char checklists[] =
    "{\"data\":{\"id\":\"20155\",\"type\":\"checklists\",\"attributes\":{\"organization-id\":4102,"
    "\"name\":\"New "
    "employee\",\"description\":null,\"checklist-template-id\":300,\"completed\":false,"
    "\"completed-at\":null,\"due-date\":\"2026-09-15\",\"assignee-id\":501,\"restricted\":true,"
    "\"archived\":false},\"relationships\":{\"checklist-tasks\":{\"data\":[{\"id\":\"9901\"},"
    "{\"id\":\"9901\"},{\"id\":9903},{\"id\":404}]}}},"
    "\"included\":[{\"id\":\"9903\",\"type\":\"checklist-tasks\",\"attributes\":{\"name\":"
    "\"Third\","
    "\"position\":3}},{\"id\":\"9901\",\"type\":\"checklist_tasks\",\"attributes\":{\"checklist-"
    "id\":20155,"
    "\"name\":\"Create mailbox\",\"description\":null,\"completed\":true,"
    "\"completed-at\":\"2026-08-02T06:00:00.000Z\",\"position\":1,\"assignee-id\":501,"
    "\"due-date\":null}},{\"id\":9902,\"type\":\"checklist-tasks\",\"attributes\":"
    "{\"checklist_id\":\"20155\",\"name\":\"By attribute\",\"position\":2}},"
    "{\"id\":9904,\"type\":\"checklist-tasks\",\"attributes\":{\"checklist-id\":9,\"name\":\"Not "
    "ours\"}}]}";

static const char passwords[] =
    "{\"data\":[{\"id\":\"778201\",\"type\":\"passwords\",\"attributes\":{\"organization-id\":4102,"
    "\"resource-url\":\"https://msp.itglue.com/4102/passwords/778201\",\"restricted\":true,"
    "\"name\":\"Firewall admin\",\"autofill-selectors\":null,\"username\":\"admin\","
    "\"url\":\"https://10.20.0.1\",\"notes\":\"pin CANARY-3\",\"password\":\"CANARY-4\","
    "\"password-updated-at\":\"2026-02-02T02:02:02.000Z\",\"resource-id\":881234,"
    "\"resource-type\":\"Configuration\",\"cached-resource-name\":\"NB-FW01\","
    "\"password-category-id\":9,\"password-category-name\":\"Infrastructure\","
    "\"password-folder-id\":12,\"otp-enabled\":true,\"vault-id\":null,\"archived\":false,"
    "\"personal\":false,\"updated-at\":\"2026-02-02T02:02:02.000Z\"},\"relationships\":{}},"
    "{\"id\":\"778202\",\"type\":\"passwords\",\"attributes\":{\"organization-id\":4102,"
    "\"name\":\"Vaulted\",\"vault-id\":3,\"personal\":true,\"archived\":\"1\"}}]," META("null",
                                                                                        "2") "}";

static const char folders[] =
    "{\"data\":[{\"id\":\"66012\",\"type\":\"document-folders\",\"attributes\":{\"organization-"
    "id\":4102,"
    "\"name\":\"Network\",\"parent-id\":66000,\"ancestor-ids\":[66000,\"66001\"],"
    "\"documents-count\":14,\"restricted\":true}}]," META("null", "1") "}";

static const char categories[] =
    "{\"data\":[{\"id\":\"9\",\"type\":\"password-categories\",\"attributes\":{\"name\":\"Infra\","
    "\"passwords-count\":3}}],\"links\":{\"next\":\"https://api.itglue.com/x\"}}";

static const char *const secret_traits[] = {"admin-login"};

static const struct source_query query_of[SOURCE_KIND_COUNT] = {
    [SOURCE_ORGANIZATIONS] = {SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = 50},
    [SOURCE_FLEXIBLE_ASSET_TYPES] = {SOURCE_FLEXIBLE_ASSET_TYPES, .page_number = 1,
                                     .page_size = 50},
    [SOURCE_PASSWORD_CATEGORIES] = {SOURCE_PASSWORD_CATEGORIES, .page_number = 1, .page_size = 50},
    [SOURCE_DOCUMENT_FOLDERS] = {SOURCE_DOCUMENT_FOLDERS, .organization_id = 4102, .page_number = 1,
                                 .page_size = 50},
    [SOURCE_DOCUMENTS] = {SOURCE_DOCUMENTS, .organization_id = 4102, .page_number = 1,
                          .page_size = 50},
    [SOURCE_FLEXIBLE_ASSETS] = {SOURCE_FLEXIBLE_ASSETS, .type_id = 77, .page_number = 1,
                                .page_size = 50, .secret_traits = secret_traits,
                                .secret_trait_count = 1},
    [SOURCE_CHECKLISTS] = {SOURCE_CHECKLISTS, .page_number = 1, .page_size = 50},
    [SOURCE_PASSWORD_FOLDERS] = {SOURCE_PASSWORD_FOLDERS, .organization_id = 4102, .page_number = 1,
                                 .page_size = 50},
    [SOURCE_PASSWORDS] = {SOURCE_PASSWORDS, .page_number = 1, .page_size = 50},
};

static void parse(struct collector *collector, enum source_kind kind, const char *text,
                  size_t piece, struct source_page *page)
{
    struct err err;
    collector_init(collector);
    enum err_code code = collector_parse(collector, &query_of[kind], text, strlen(text), piece,
                                         RECORD_MAX, page, &err);
    assert_int_equal(code, ERR_OK);
    assert_int_equal(collector->quarantine_count, 0);
    assert_false(collector_holds(collector, "CANARY"));
}

static void test_organizations(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_ORGANIZATIONS, organizations, 0, &page);
    assert_int_equal(got.record_count, 2);
    assert_int_equal(page.record_count, 2);
    assert_int_equal(page.total_count, 2);
    assert_int_equal(page.next_page, 0);
    const struct source_record *one = &got.records[0];
    assert_int_equal(one->id, 4102);
    assert_int_equal(one->organization_id, 0);
    assert_string_equal(one->name, "Nordlicht B\xc3\xa4"
                                   "ckerei GmbH");
    assert_null(one->web_url);
    assert_int_equal(one->create_time_us, INT64_C(1614676544000000));
    assert_string_equal(one->body,
                        "{\"short_name\":\"nordl\",\"type_name\":\"Customer\",\"status_name\":"
                        "\"Active\",\"primary\":false,\"psa_ids\":[\"29771\",\"31111\"]}");
    assert_string_equal(got.records[1].name, "");
    assert_string_equal(got.records[1].body,
                        "{\"short_name\":null,\"type_name\":null,\"status_name\":null,"
                        "\"primary\":true,\"psa_ids\":[\"7\"]}");
    collector_done(&got);
}

static void test_types_have_their_fields_in_order(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_FLEXIBLE_ASSET_TYPES, types, 0, &page);
    assert_int_equal(got.record_count, 1);
    assert_string_equal(
        got.records[0].body,
        "{\"description\":\"Backup jobs\",\"icon\":\"database\",\"enabled\":true,\"fields\":["
        "{\"id\":801,\"key\":\"job-name\",\"name\":\"Job name\",\"kind\":\"Text\",\"order\":1,"
        "\"required\":true,\"use_for_title\":true,\"decimals\":null,\"tag_type\":null,"
        "\"default_value\":null},"
        "{\"id\":802,\"key\":\"secret\",\"name\":\"Secret\",\"kind\":\"Password\",\"order\":2,"
        "\"required\":false,\"use_for_title\":false,\"decimals\":2,\"tag_type\":\"Configurations\","
        "\"default_value\":null}]}");
    collector_done(&got);
}

// The choices of a list are kept; any other default could be a secret, also of a kind that is not
// known and whatever comes first in the answer.
static void test_defaults_are_kept_of_lists_only(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *wanted;
    } rows[] = {
        {"\"kind\":\"Select\"", "\"default_value\":\"Summer\\nb\""},
        {"\"kind\":\"Password\"", "\"default_value\":null"},
        {"\"kind\":\"Text\"", "\"default_value\":null"},
        {"\"kind\":\"Unheard\"", "\"default_value\":null"},
        {"\"kind\":null", "\"default_value\":null"},
        {"\"hint\":1", "\"default_value\":null"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int before = 0; before < 2; before++) {
            char text[1024];
            struct collector got;
            struct source_page page;
            const char *value = "\"default-value\":\"Summer\\nb\"";
            (void)snprintf(
                text, sizeof(text),
                "{\"data\":[{\"id\":\"77\",\"type\":\"flexible-asset-types\",\"attributes\":{"
                "\"name\":\"T\"},\"relationships\":{\"flexible-asset-fields\":{\"data\":[{\"id\":"
                "\"801\",\"type\":\"flexible-asset-fields\"}]}}}],\"included\":[{\"id\":\"801\","
                "\"type\":\"flexible-asset-fields\",\"attributes\":{\"flexible-asset-type-id\":77,"
                "\"name-key\":\"k\",\"name\":\"K\",%s,%s}}],\"meta\":{\"total-count\":1}}",
                before ? value : rows[i].kind, before ? rows[i].kind : value);
            parse(&got, SOURCE_FLEXIBLE_ASSET_TYPES, text, 0, &page);
            assert_int_equal(got.record_count, 1);
            assert_non_null(strstr(got.records[0].body, rows[i].wanted));
            assert_int_equal(strstr(got.records[0].body, "Summer") != NULL, i == 0);
            collector_done(&got);
        }
    }
}

static void test_assets_keep_their_traits_but_secrets(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_FLEXIBLE_ASSETS, assets, 0, &page);
    assert_int_equal(got.record_count, 1);
    assert_int_equal(page.next_page, 2);
    assert_int_equal(page.total_count, 120);
    const struct source_record *one = &got.records[0];
    assert_int_equal(one->organization_id, 4102);
    assert_int_equal(one->type_id, 77);
    assert_string_equal(one->web_url,
                        "https://msp.itglue.com/4102/assets/77-backup/records/550123");
    assert_string_equal(
        one->body,
        "{\"type_name\":\"Backup\",\"traits\":{\"admin-login\":{\"values\":[{\"id\":1}]},"
        "\"empty\":null,\"job-name\":\"Nightly "
        "NAS\",\"list\":[],\"next-test\":\"2026-09-01\",\"notes\":\"<div>Runs <b>01:00</b></div>\","
        "\"ratio\":2.50,\"retention-days\":30,\"servers\":{\"type\":\"Configurations\",\"values\":["
        "{\"id\":3183713165001122,\"name\":\"NB-NAS01\",\"installed\":[1,{},[\"x\"]]}]},"
        "\"verified\":true}}");
    collector_done(&got);
}

static void test_documents_have_sections_in_order(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_DOCUMENTS, documents, 0, &page);
    assert_int_equal(got.record_count, 3);
    const struct source_record *one = &got.records[0];
    assert_int_equal(one->id, INT64_C(3183713165001122));
    assert_int_equal(one->folder_id, 66012);
    assert_int_equal(one->publish_time_us, INT64_C(1775044800000000));
    assert_string_equal(one->body,
                        "{\"sections\":[{\"kind\":\"Text\",\"level\":0,\"html\":"
                        "\"<p>Install the client\xe2\x80\xa6</p>\",\"sort\":1},"
                        "{\"kind\":\"Heading\",\"level\":3,\"html\":\"Steps\",\"sort\":2}],"
                        "\"is_uploaded\":false}");
    assert_string_equal(got.records[1].body,
                        "{\"sections\":[{\"kind\":\"Text\",\"level\":0,\"html\":\"<p>all</p>\","
                        "\"sort\":0}],\"is_uploaded\":null}");
    assert_int_equal(got.records[1].publish_time_us, 0);
    assert_string_equal(got.records[2].body,
                        "{\"sections\":[{\"kind\":\"Step\",\"level\":0,\"html\":\"Do\","
                        "\"sort\":1}],\"is_uploaded\":null}");
    collector_done(&got);
}

static void test_checklists_have_their_tasks(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_CHECKLISTS, checklists, 0, &page);
    assert_int_equal(got.record_count, 1);
    assert_int_equal(page.total_count, -1);
    assert_int_equal(page.next_page, 0);
    assert_int_equal(got.records[0].type_id, 300);
    assert_true(got.records[0].restricted);
    assert_string_equal(
        got.records[0].body,
        "{\"description\":null,\"completed\":false,\"completed_at\":null,\"due_date\":"
        "\"2026-09-15\",\"assignee_id\":501,\"assignee_name\":null,\"tasks\":["
        "{\"id\":9901,\"name\":\"Create mailbox\",\"description\":null,\"completed\":true,"
        "\"completed_at\":\"2026-08-02T06:00:00.000Z\",\"position\":1,\"assignee_id\":501,"
        "\"due_date\":null},"
        "{\"id\":9902,\"name\":\"By attribute\",\"description\":null,\"completed\":null,"
        "\"completed_at\":null,\"position\":2,\"assignee_id\":null,\"due_date\":null},"
        "{\"id\":9903,\"name\":\"Third\",\"description\":null,\"completed\":null,"
        "\"completed_at\":null,\"position\":3,\"assignee_id\":null,\"due_date\":null}]}");
    collector_done(&got);
}

static void test_passwords_have_no_secrets(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_PASSWORDS, passwords, 0, &page);
    assert_int_equal(got.record_count, 2);
    const struct source_record *one = &got.records[0];
    assert_int_equal(one->category_id, 9);
    assert_int_equal(one->folder_id, 12);
    assert_true(one->restricted && !one->vaulted && !one->personal && !one->archived);
    assert_int_equal(one->password_update_time_us, INT64_C(1769997722000000));
    assert_string_equal(one->body,
                        "{\"username\":\"admin\",\"url\":\"https://10.20.0.1\",\"category_name\":"
                        "\"Infrastructure\",\"resource_type\":\"Configuration\",\"resource_id\":"
                        "881234,\"resource_name\":\"NB-FW01\",\"otp_enabled\":true}");
    const struct source_record *other = &got.records[1];
    assert_true(other->vaulted && other->personal && other->archived && !other->restricted);
    collector_done(&got);
}

static void test_folders_and_categories(void **state)
{
    (void)state;
    struct collector got;
    struct source_page page;
    parse(&got, SOURCE_DOCUMENT_FOLDERS, folders, 0, &page);
    assert_int_equal(got.records[0].folder_id, 66000);
    assert_string_equal(got.records[0].body, "{\"ancestor_ids\":[66000,66001]}");
    collector_done(&got);
    // Without meta the links say that there is more.
    parse(&got, SOURCE_PASSWORD_CATEGORIES, categories, 0, &page);
    assert_string_equal(got.records[0].body, "{}");
    assert_int_equal(page.next_page, 2);
    assert_int_equal(page.total_count, -1);
    collector_done(&got);
}

static void assert_same(const struct collector *one, const struct collector *other)
{
    assert_int_equal(one->record_count, other->record_count);
    for (size_t i = 0; i < one->record_count; i++) {
        assert_string_equal(one->records[i].name, other->records[i].name);
        assert_string_equal(one->records[i].body, other->records[i].body);
        assert_memory_equal(one->records[i].content_hash, other->records[i].content_hash,
                            sizeof(one->records[i].content_hash));
    }
}

static void test_every_chunking_is_the_same(void **state)
{
    (void)state;
    static const struct {
        enum source_kind kind;
        const char *text;
    } samples[] = {
        {SOURCE_ORGANIZATIONS, organizations}, {SOURCE_FLEXIBLE_ASSET_TYPES, types},
        {SOURCE_FLEXIBLE_ASSETS, assets},      {SOURCE_DOCUMENTS, documents},
        {SOURCE_CHECKLISTS, checklists},       {SOURCE_PASSWORDS, passwords},
        {SOURCE_DOCUMENT_FOLDERS, folders},    {SOURCE_PASSWORD_CATEGORIES, categories},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct collector whole;
        struct source_page page, other_page;
        parse(&whole, samples[i].kind, samples[i].text, 0, &page);
        for (size_t piece = 1; piece < 40; piece++) {
            struct collector got;
            parse(&got, samples[i].kind, samples[i].text, piece, &other_page);
            assert_int_equal(page.total_count, other_page.total_count);
            assert_int_equal(page.next_page, other_page.next_page);
            assert_same(&whole, &got);
            collector_done(&got);
        }
        collector_done(&whole);
    }
}

static void test_order_and_spelling_do_not_change_the_hash(void **state)
{
    (void)state;
    struct collector one, other;
    struct source_page page;
    parse(&one, SOURCE_ORGANIZATIONS, organizations, 0, &page);
    parse(&other, SOURCE_ORGANIZATIONS, organizations_turned, 3, &page);
    assert_same(&one, &other);
    collector_done(&one);
    collector_done(&other);
}

static void test_each_change_changes_the_hash(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"778201\"", "\"778209\""},
        {"\"organization-id\":4102", "\"organization-id\":4103"},
        {"/4102/passwords", "/4103/passwords"},
        {"\"restricted\":true", "\"restricted\":null"},
        {"Firewall admin", "Firewall Admin"},
        {"\"username\":\"admin\"", "\"username\":\"adm1n\""},
        {"10.20.0.1", "10.20.0.2"},
        {"T02:02:02.000Z\",\"resource", "T02:02:03.000Z\",\"resource"},
        {"\"password-category-id\":9", "\"password-category-id\":8"},
        {"\"password-folder-id\":12", "\"password-folder-id\":13"},
        {"\"otp-enabled\":true", "\"otp-enabled\":null"},
        {"\"vault-id\":null", "\"vault-id\":9999"},
        {"\"updated-at\":\"2026-02-02", "\"updated-at\":\"2026-02-03"},
    };
    struct collector one, other;
    struct source_page page;
    parse(&one, SOURCE_PASSWORDS, passwords, 0, &page);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char text[sizeof(passwords)];
        memcpy(text, passwords, sizeof(text));
        char *at = strstr(text, changes[i][0]);
        assert_non_null(at);
        assert_int_equal(strlen(changes[i][0]), strlen(changes[i][1]));
        memcpy(at, changes[i][1], strlen(changes[i][1]));
        parse(&other, SOURCE_PASSWORDS, text, 0, &page);
        assert_memory_not_equal(one.records[0].content_hash, other.records[0].content_hash,
                                sizeof(one.records[0].content_hash));
        assert_memory_equal(one.records[1].content_hash, other.records[1].content_hash,
                            sizeof(one.records[1].content_hash));
        collector_done(&other);
    }
    // What is not kept does not count.
    char text[sizeof(passwords)];
    memcpy(text, passwords, sizeof(text));
    memcpy(strstr(text, "CANARY-3"), "CANARY-9", 8);
    parse(&other, SOURCE_PASSWORDS, text, 0, &page);
    assert_same(&one, &other);
    collector_done(&other);
    collector_done(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_organizations),
        cmocka_unit_test(test_types_have_their_fields_in_order),
        cmocka_unit_test(test_defaults_are_kept_of_lists_only),
        cmocka_unit_test(test_assets_keep_their_traits_but_secrets),
        cmocka_unit_test(test_documents_have_sections_in_order),
        cmocka_unit_test(test_checklists_have_their_tasks),
        cmocka_unit_test(test_passwords_have_no_secrets),
        cmocka_unit_test(test_folders_and_categories),
        cmocka_unit_test(test_every_chunking_is_the_same),
        cmocka_unit_test(test_order_and_spelling_do_not_change_the_hash),
        cmocka_unit_test(test_each_change_changes_the_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
