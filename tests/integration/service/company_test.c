// CompanyService: batches all or none, pages, filters, and who sees what.
#include "tests/integration/service/fixture.h"

#include <pthread.h>
#include <stdio.h>

#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/company_set.pb-c.h"

enum { BATCH = 4 };

struct batch {
    Docbridge__V1__BatchUpsertCompaniesRequest in;
    Docbridge__V1__Company *list[BATCH];
    Docbridge__V1__Company companies[BATCH];
    Docbridge__V1__PsaIdentity psa;
    char names[BATCH][32];
    char display_names[BATCH][32];
};

static char external_id[] = "250";

static void batch_init(struct batch *batch)
{
    static const char *const display_names[BATCH] = {"Acme GmbH", "Beta AG", "ÉCLAIR  SARL",
                                                     "acme holding"};
    docbridge__v1__batch_upsert_companies_request__init(&batch->in);
    batch->in.companies = batch->list;
    batch->in.n_companies = BATCH;
    for (int i = 0; i < BATCH; i++) {
        (void)snprintf(batch->names[i], sizeof(batch->names[i]), "companies/co-%d", i);
        (void)snprintf(batch->display_names[i], sizeof(batch->display_names[i]), "%s",
                       display_names[i]);
        docbridge__v1__company__init(&batch->companies[i]);
        batch->companies[i].name = batch->names[i];
        batch->companies[i].display_name = batch->display_names[i];
        batch->list[i] = &batch->companies[i];
    }
    docbridge__v1__psa_identity__init(&batch->psa);
    batch->psa.type = DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_AUTOTASK;
    batch->psa.external_id = external_id;
    batch->companies[0].psa = &batch->psa;
}

static enum err_code push(struct fixture *fixture, struct batch *batch,
                          Docbridge__V1__BatchUpsertCompaniesResponse *out)
{
    return fixture_call(fixture, &company_service, "BatchUpsertCompanies", &batch->in, out);
}

static void upserts(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse out;
    batch_init(&batch);
    assert_int_equal(push(fixture, &batch, &out), ERR_OK);
    assert_int_equal(out.created_count, BATCH);
    assert_int_equal(out.n_companies, BATCH);
    assert_string_equal(out.companies[2]->display_name, "ÉCLAIR  SARL");
    assert_string_equal(out.companies[0]->psa->external_id, "250");
    assert_null(out.companies[1]->psa);
    assert_non_null(strstr(fixture_changes(fixture, 8), "created_count"));
    // The same again writes nothing, and tells nothing.
    char xmin[32];
    (void)snprintf(xmin, sizeof(xmin), "%s",
                   fixture_sql(fixture, "SELECT max(xmin::text::bigint) FROM company"));
    assert_int_equal(push(fixture, &batch, &out), ERR_OK);
    assert_int_equal(out.created_count + out.updated_count, 0);
    assert_string_equal(xmin, fixture_sql(fixture, "SELECT max(xmin::text::bigint) FROM company"));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
    batch.companies[0].psa = NULL;
    assert_int_equal(push(fixture, &batch, &out), ERR_OK);
    assert_int_equal(out.updated_count, 1);
    assert_null(out.companies[0]->psa);
    assert_string_equal(out.companies[0]->etag, "r2");
    // What it was before stands in the trail, where whoever looks at the company finds it.
    (void)snprintf(batch.display_names[1], sizeof(batch.display_names[1]), "Gamma AG");
    assert_int_equal(push(fixture, &batch, &out), ERR_OK);
    assert_string_equal(
        fixture_sql(fixture,
                    "SELECT string_agg(concat_ws(' ', company_id, company_display_name, resource,"
                    " changes), E'\\n' ORDER BY sequence) FROM audit_event WHERE company_id <> ''"),
        "co-0 Acme GmbH companies/co-0 "
        "[{\"field\":\"psa.type\",\"old\":\"AUTOTASK\",\"new\":null},"
        "{\"field\":\"psa.external_id\",\"old\":\"250\",\"new\":null}]\n"
        "co-1 Gamma AG companies/co-1 "
        "[{\"field\":\"display_name\",\"old\":\"Beta AG\",\"new\":\"Gamma AG\"}]");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 5);
}

static void refuses_all_for_one(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse out;
    char blank[] = "  ";
    char bad_bytes[] = "a\xff";
    char nothing[] = "";
    batch_init(&batch);
    batch.companies[3].display_name = blank;
    assert_int_equal(push(fixture, &batch, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "companies[3].display_name");
    batch.companies[3].display_name = bad_bytes;
    assert_int_equal(push(fixture, &batch, &out), ERR_FIELD_INVALID);
    batch_init(&batch);
    batch.companies[1].name = batch.names[0];
    assert_int_equal(push(fixture, &batch, &out), ERR_FIELD_INVALID);
    assert_non_null(strstr(fixture->err.text, "companies/co-0"));
    batch_init(&batch);
    batch.psa.external_id = nothing;
    assert_int_equal(push(fixture, &batch, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "companies[0].psa.external_id");
    batch_init(&batch);
    batch.psa.type = 0;
    assert_int_equal(push(fixture, &batch, &out), ERR_FIELD_INVALID);
    batch_init(&batch);
    batch.in.n_companies = 0;
    assert_int_equal(push(fixture, &batch, &out), ERR_FIELD_INVALID);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), 0);
}

struct pusher {
    const struct request *request;
    int own; // the company that it renames each time
    enum err_code code;
};

static void *push_often(void *context)
{
    struct pusher *pusher = context;
    for (int i = 0; i < 50 && pusher->code == ERR_OK; i++) {
        struct request request = *pusher->request;
        struct arena arena _cleanup_(arena_done);
        struct batch batch;
        Docbridge__V1__BatchUpsertCompaniesResponse out;
        struct err err = {0};
        arena_init(&arena, 1 << 20);
        request.arena = &arena;
        batch_init(&batch);
        docbridge__v1__batch_upsert_companies_response__init(&out);
        (void)snprintf(batch.display_names[pusher->own], sizeof(batch.display_names[0]), "%d", i);
        pusher->code = company_service.methods[0].unary(&request, &batch.in, &out, &err);
    }
    return NULL;
}

// Each has another company to rename than the others, and names theirs too.
static void pushes_at_once_do_not_wait_in_a_circle(void **state)
{
    struct fixture *fixture = *state;
    struct pusher pushers[BATCH];
    pthread_t threads[BATCH];
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse out;
    batch_init(&batch);
    assert_int_equal(push(fixture, &batch, &out), ERR_OK);
    for (int i = 0; i < BATCH; i++) {
        pushers[i] = (struct pusher){&fixture->request, i, ERR_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, push_often, &pushers[i]), 0);
    }
    for (int i = 0; i < BATCH; i++)
        (void)pthread_join(threads[i], NULL);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(pushers[i].code, ERR_OK);
    // Each change was told with what stood there before it.
    assert_string_equal(
        fixture_sql(fixture,
                    "SELECT count(*) FROM (SELECT c->>'old' AS old, lag(c->>'new') OVER"
                    "  (PARTITION BY company_id ORDER BY sequence) AS before FROM audit_event e,"
                    "  json_array_elements(e.changes::json) c WHERE c->>'field' = 'display_name') x"
                    " WHERE before <> old"),
        "0");
}

// Tens of thousands come in batches of 1,000: one is stored whole, one more is refused whole.
static void bounds_a_batch(void **state)
{
    enum { MANY = 1000 };
    struct fixture *fixture = *state;
    Docbridge__V1__BatchUpsertCompaniesRequest in =
        DOCBRIDGE__V1__BATCH_UPSERT_COMPANIES_REQUEST__INIT;
    Docbridge__V1__BatchUpsertCompaniesResponse out;
    Docbridge__V1__Company *list[MANY + 1], *companies;
    companies = arena_calloc(&fixture->arena, MANY + 1, sizeof(*companies));
    assert_non_null(companies);
    for (int i = 0; i <= MANY; i++) {
        docbridge__v1__company__init(&companies[i]);
        companies[i].name = arena_printf(&fixture->arena, "companies/co-%d", i);
        companies[i].display_name = arena_printf(&fixture->arena, "Company %d", i);
        list[i] = &companies[i];
    }
    in.companies = list;
    in.n_companies = MANY + 1;
    assert_int_equal(fixture_call(fixture, &company_service, "BatchUpsertCompanies", &in, &out),
                     ERR_FIELD_INVALID);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), 0);
    in.n_companies = MANY;
    assert_int_equal(fixture_call(fixture, &company_service, "BatchUpsertCompanies", &in, &out),
                     ERR_OK);
    assert_int_equal(out.created_count, MANY);
    assert_int_equal(out.n_companies, MANY);
    assert_string_equal(out.companies[MANY - 1]->name, "companies/co-999");
}

static void lists(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse pushed;
    Docbridge__V1__ListCompaniesRequest in = DOCBRIDGE__V1__LIST_COMPANIES_REQUEST__INIT;
    Docbridge__V1__ListCompaniesResponse out;
    batch_init(&batch);
    assert_int_equal(push(fixture, &batch, &pushed), ERR_OK);
    // Names that a page token must cut still come once each.
    (void)fixture_sql(fixture,
                      "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
                      " update_time) SELECT 't1', 'long-' || n, repeat('ü', 250) || n, 'l', now(),"
                      " now() FROM generate_series(1, 7) n");
    in.page_size = 2;
    size_t seen = 0;
    do {
        assert_int_equal(fixture_call(fixture, &company_service, "ListCompanies", &in, &out),
                         ERR_OK);
        assert_int_equal(out.total_size, BATCH + 7);
        seen += out.n_companies;
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && seen < 100);
    assert_int_equal(seen, BATCH + 7);
    static const struct {
        const char *filter;
        int total;
    } cases[] = {
        {"display_name : \"ACME\"", 2},
        {"display_name : \"éclair sarl\"", 1},
        {"psa.external_id = \"250\"", 1},
        {"psa.type = AUTOTASK AND psa.external_id = \"250\"", 1},
        {"psa.type = HALO", 0},
        {"mapped = true", 0},
        {"mapped = false AND display_name : \"beta\"", 1},
    };
    docbridge__v1__list_companies_request__init(&in);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char filter[64];
        (void)snprintf(filter, sizeof(filter), "%s", cases[i].filter);
        in.filter = filter;
        assert_int_equal(fixture_call(fixture, &company_service, "ListCompanies", &in, &out),
                         ERR_OK);
        assert_int_equal(out.total_size, cases[i].total);
    }
    char unknown[] = "colour = red";
    in.filter = unknown;
    assert_int_equal(fixture_call(fixture, &company_service, "ListCompanies", &in, &out),
                     ERR_FIELD_INVALID);
}

static void hides_what_is_out_of_scope(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse pushed;
    Docbridge__V1__ListCompaniesRequest list = DOCBRIDGE__V1__LIST_COMPANIES_REQUEST__INIT;
    Docbridge__V1__ListCompaniesResponse page;
    Docbridge__V1__GetCompanyRequest get = DOCBRIDGE__V1__GET_COMPANY_REQUEST__INIT;
    Docbridge__V1__Company out;
    static const char *const scope[] = {"co-1"};
    struct principal limited = fixture->caller;
    struct principal other = fixture->caller;
    batch_init(&batch);
    assert_int_equal(push(fixture, &batch, &pushed), ERR_OK);
    limited.all_companies = false;
    limited.companies = scope;
    limited.company_count = 1;
    other.tenant = "t2";
    get.name = batch.names[1];
    assert_int_equal(fixture_call_as(fixture, &limited, &company_service, "GetCompany", &get, &out),
                     ERR_OK);
    assert_int_equal(fixture_call_as(fixture, &other, &company_service, "GetCompany", &get, &out),
                     ERR_RESOURCE_NOT_FOUND);
    get.name = batch.names[0];
    assert_int_equal(fixture_call_as(fixture, &limited, &company_service, "GetCompany", &get, &out),
                     ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(
        fixture_call_as(fixture, &limited, &company_service, "ListCompanies", &list, &page),
        ERR_OK);
    assert_int_equal(page.total_size, 1);
    assert_int_equal(fixture_call_as(fixture, &limited, &company_service, "BatchUpsertCompanies",
                                     &batch.in, &pushed),
                     ERR_RESOURCE_NOT_FOUND);
}

static enum err_code delete_company(struct fixture *fixture, const char *name, const char *etag)
{
    Docbridge__V1__DeleteCompanyRequest in = DOCBRIDGE__V1__DELETE_COMPANY_REQUEST__INIT;
    Docbridge__V1__DeleteCompanyResponse out;
    in.name = arena_strdup(&fixture->arena, name);
    in.etag = arena_strdup(&fixture->arena, etag);
    return fixture_call(fixture, &company_service, "DeleteCompany", &in, &out);
}

static void deletes_what_is_not_mapped(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse pushed;
    batch_init(&batch);
    assert_int_equal(push(fixture, &batch, &pushed), ERR_OK);
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) VALUES ('t1', 'c1', 41, 'A', 'a', '{}', '',"
        " now(), now());"
        "INSERT INTO mapping VALUES ('t1', 'c1', 41, 'co-1', 1, 'x', 'X', 1, now());"
        "INSERT INTO company_password_access (tenant, company_id, level, update_time)"
        " VALUES ('t1', 'co-0', 3, now())");
    assert_int_equal(delete_company(fixture, "companies/co-1", ""), ERR_COMPANY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "organization"), "connections/c1/organizations/41");
    assert_int_equal(delete_company(fixture, "companies/co-0", "r7"), ERR_ETAG_MISMATCH);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), BATCH);
    assert_int_equal(delete_company(fixture, "companies/co-0", "r1"), ERR_OK);
    assert_non_null(strstr(fixture_changes(fixture, 8), "companies/co-0"));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company_password_access"), 0);
    assert_int_equal(delete_company(fixture, "companies/co-0", ""), ERR_RESOURCE_NOT_FOUND);
    // Pushed again, it is new.
    assert_int_equal(push(fixture, &batch, &pushed), ERR_OK);
    assert_int_equal(pushed.created_count, 1);
    static const char *const scope[] = {"co-1"};
    fixture->caller.all_companies = false;
    fixture->caller.companies = scope;
    fixture->caller.company_count = 1;
    assert_int_equal(delete_company(fixture, "companies/co-0", ""), ERR_RESOURCE_NOT_FOUND);
}

// A mapping made between the look and the deletion wins.
static void a_mapping_in_the_middle_wins(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    Docbridge__V1__BatchUpsertCompaniesResponse pushed;
    batch_init(&batch);
    assert_int_equal(push(fixture, &batch, &pushed), ERR_OK);
    fixture_seed_connection(fixture);
    // What the look does not see yet: the trigger maps as the deletion begins.
    (void)fixture_sql(
        fixture,
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) VALUES ('t1', 'c1', 41, 'A', 'a', '{}', '',"
        " now(), now());"
        "CREATE FUNCTION map() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.mapping VALUES ('t1', 'c1', 41, OLD.id, 1, 'x', 'X', 1, now());"
        " RETURN OLD; END $$;"
        "CREATE TRIGGER map BEFORE DELETE ON company FOR EACH ROW EXECUTE FUNCTION map()");
    assert_int_equal(delete_company(fixture, "companies/co-0", ""), ERR_CONFLICT);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), BATCH);
}

// A set of the companies a to z that are named, by a letter each.
static void put_set(struct fixture *fixture, const char *letters)
{
    static char names[26][16], *list[26];
    static char name[] = "companySets/team";
    Docbridge__V1__UpsertCompanySetRequest in = DOCBRIDGE__V1__UPSERT_COMPANY_SET_REQUEST__INIT;
    Docbridge__V1__CompanySet set = DOCBRIDGE__V1__COMPANY_SET__INIT, out;
    in.company_set = &set;
    set.name = name;
    set.companies = list;
    for (; letters[set.n_companies] != '\0'; set.n_companies++) {
        list[set.n_companies] = names[set.n_companies];
        (void)snprintf(names[set.n_companies], sizeof(names[0]), "companies/%c",
                       letters[set.n_companies]);
    }
    assert_int_equal(fixture_call(fixture, &company_set_service, "UpsertCompanySet", &in, &out),
                     ERR_OK);
}

// What the latest event tells, each as field:old>new.
static const char *told(struct fixture *fixture)
{
    return fixture_sql(
        fixture, "SELECT string_agg(concat(c->>'field', ':', c->>'old', '>', c->>'new'), ' ')"
                 " FROM (SELECT changes::json FROM audit_event ORDER BY sequence DESC LIMIT 1) e,"
                 " json_array_elements(e.changes) c");
}

// One company in another's place, and back again, would be seen by nobody in the numbers.
static void a_set_tells_who_comes_and_goes(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companySets/team";
    Docbridge__V1__DeleteCompanySetRequest in = DOCBRIDGE__V1__DELETE_COMPANY_SET_REQUEST__INIT;
    Docbridge__V1__DeleteCompanySetResponse out;
    put_set(fixture, "bZ");
    assert_string_equal(told(fixture),
                        "company_count:>2 companies:>companies/Z companies:>companies/b");
    put_set(fixture, "acZ");
    assert_string_equal(told(fixture), "company_count:2>3 companies:>companies/a"
                                       " companies:companies/b> companies:>companies/c");
    put_set(fixture, "acY");
    assert_string_equal(told(fixture), "company_count:3>3 companies:>companies/Y"
                                       " companies:companies/Z>");
    in.name = name;
    assert_int_equal(fixture_call(fixture, &company_set_service, "DeleteCompanySet", &in, &out),
                     ERR_OK);
    assert_string_equal(told(fixture), "company_count:3> companies:companies/Y>"
                                       " companies:companies/a> companies:companies/c>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(upserts),
        TEST(pushes_at_once_do_not_wait_in_a_circle),
        TEST(refuses_all_for_one),
        TEST(bounds_a_batch),
        TEST(lists),
        TEST(hides_what_is_out_of_scope),
        TEST(deletes_what_is_not_mapped),
        TEST(a_mapping_in_the_middle_wins),
        TEST(a_set_tells_who_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
