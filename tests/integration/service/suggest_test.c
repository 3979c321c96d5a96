// SuggestMatches: likely companies with source and confidence, never applied; and names with every
// trap of Unicode.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "server/base/name_key.h"
#include "server/store/organization_sync.h"

#define SOURCE(name) DOCBRIDGE__V1__MATCH_CANDIDATE__SOURCE__SOURCE_##name
#define OUTCOME(name) DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_##name

static char parent[] = "connections/c1";

// Pushes a company as the portal would.
static void push(struct fixture *fixture, const char *id, const char *name, int psa_type,
                 const char *psa_id)
{
    Docbridge__V1__BatchUpsertCompaniesRequest in =
        DOCBRIDGE__V1__BATCH_UPSERT_COMPANIES_REQUEST__INIT;
    Docbridge__V1__BatchUpsertCompaniesResponse out;
    Docbridge__V1__Company company = DOCBRIDGE__V1__COMPANY__INIT;
    Docbridge__V1__Company *companies[] = {&company};
    Docbridge__V1__PsaIdentity psa = DOCBRIDGE__V1__PSA_IDENTITY__INIT;
    company.name = arena_printf(&fixture->arena, "companies/%s", id);
    company.display_name = arena_strdup(&fixture->arena, name);
    if (psa_type != 0) {
        psa.type = (Docbridge__V1__PsaType)psa_type;
        psa.external_id = arena_strdup(&fixture->arena, psa_id);
        company.psa = &psa;
    }
    in.companies = companies;
    in.n_companies = 1;
    assert_int_equal(fixture_call(fixture, &company_service, "BatchUpsertCompanies", &in, &out),
                     ERR_OK);
}

// Stores an organization as the sync would.
static void add(struct fixture *fixture, int64_t id, const char *name, const char *body)
{
    struct tx *tx = NULL;
    const char *key = name_key(&fixture->arena, name), *url = "";
    const unsigned char hash[32] = {(unsigned char)id};
    const struct bytes hashes = {hash, sizeof(hash)};
    assert_non_null(key);
    const struct record_batch batch = {.count = 1,
                                       .ids = &id,
                                       .names = &name,
                                       .name_keys = &key,
                                       .web_urls = &url,
                                       .bodies = &body,
                                       .hashes = &hashes};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &fixture->err),
                     ERR_OK);
    assert_int_equal(organization_put(tx, "c1", &batch, 1000000, &fixture->err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &fixture->err), ERR_OK);
}

static enum err_code suggest(struct fixture *fixture, const char *organization, int min_confidence,
                             Docbridge__V1__SuggestMatchesResponse *out)
{
    Docbridge__V1__SuggestMatchesRequest in = DOCBRIDGE__V1__SUGGEST_MATCHES_REQUEST__INIT;
    char *name = arena_printf(&fixture->arena, "connections/c1/organizations/%s",
                              organization == NULL ? "" : organization);
    in.parent = parent;
    in.min_confidence = min_confidence;
    in.organizations = &name;
    in.n_organizations = organization != NULL;
    return fixture_call(fixture, &mapping_service, "SuggestMatches", &in, out);
}

// The candidates of one organization, as "acme 3 95,".
static const char *candidates(struct fixture *fixture, const char *organization)
{
    static char text[400];
    Docbridge__V1__SuggestMatchesResponse out;
    size_t len = 0;
    assert_int_equal(suggest(fixture, organization, 0, &out), ERR_OK);
    assert_int_equal(out.n_suggestions, 1);
    text[0] = '\0';
    for (size_t i = 0; i < out.suggestions[0]->n_candidates; i++) {
        const Docbridge__V1__MatchCandidate *one = out.suggestions[0]->candidates[i];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %d %d,",
                                one->company + strlen("companies/"), (int)one->source,
                                (int)one->confidence);
    }
    return text;
}

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    push(fixture, "acme", "Acme Holding GmbH", 0, "");
    push(fixture, "micro", "Microsoft", 0, "");
    push(fixture, "twin-a", "Twin", 0, "");
    push(fixture, "twin-b", "Twin", 0, "");
    push(fixture, "psa-a", "Northwind", 1, "77");
    push(fixture, "psa-b", "Contoso", 1, "77");
    push(fixture, "taken", "Fabrikam", 0, "");
    add(fixture, 1, "ACME Holding, Inc.", "{}");
    add(fixture, 2, "Mircosoft", "{}");
    add(fixture, 3, "TWIN", "{}");
    add(fixture, 4, "Quite different", "{\"psa_ids\": [\"77\"]}");
    add(fixture, 5, "Fabrikam Ltd", "{}");
    add(fixture, 6, "Holding Acme", "{}");
    add(fixture, 7, "Fabrikam", "{}");
    (void)fixture_sql(fixture, "INSERT INTO mapping VALUES ('t1', 'c1', 7, 'taken', 1, 'x', 'X', 1,"
                               " now())");
}

static void says_what_speaks_for_each(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SuggestMatchesResponse out;
    seed(fixture);
    assert_string_equal(candidates(fixture, "1"), "acme 3 95,");
    assert_string_equal(candidates(fixture, "2"), "micro 4 39,"); // 6 of 14 trigrams
    assert_string_equal(candidates(fixture, "3"), "twin-a 2 100,twin-b 2 100,");
    assert_string_equal(candidates(fixture, "4"), "psa-a 1 100,psa-b 1 100,");
    assert_string_equal(candidates(fixture, "5"), ""); // who has an organization needs none
    assert_string_equal(candidates(fixture, "6"), "acme 4 90,"); // the same words
    assert_int_equal(suggest(fixture, "1", 96, &out), ERR_OK);
    assert_int_equal(out.suggestions[0]->n_candidates, 0);
    assert_int_equal(suggest(fixture, "1", 95, &out), ERR_OK);
    assert_int_equal(out.suggestions[0]->n_candidates, 1);
    // Nothing was applied, and what is mapped needs no suggestion.
    assert_int_equal(suggest(fixture, "7", 0, &out), ERR_OK);
    assert_int_equal(out.n_suggestions, 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM mapping"), 1);
    assert_int_equal(suggest(fixture, "99", 0, &out), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), "connections/c1/organizations/99");
    assert_int_equal(suggest(fixture, "1", 101, &out), ERR_FIELD_INVALID);
    assert_int_equal(suggest(fixture, "1", -1, &out), ERR_FIELD_INVALID);
    // A company that was renamed is found by its new name at once.
    push(fixture, "acme", "Umbrella", 0, "");
    assert_string_equal(candidates(fixture, "1"), "");
}

static void pages_through_what_needs_attention(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SuggestMatchesRequest in = DOCBRIDGE__V1__SUGGEST_MATCHES_REQUEST__INIT;
    Docbridge__V1__SuggestMatchesResponse out;
    size_t seen = 0, pages = 0;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE organization SET ignored = true WHERE id = 2");
    in.parent = parent;
    in.page_size = 2;
    do {
        assert_int_equal(fixture_call(fixture, &mapping_service, "SuggestMatches", &in, &out),
                         ERR_OK);
        seen += out.n_suggestions;
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && ++pages < 10);
    assert_int_equal(seen, 5); // neither the one set aside nor the mapped one
}

// Another tenant's companies are never offered.
static void keeps_to_the_tenant(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SuggestMatchesResponse out;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE company SET tenant = 't2' WHERE id = 'acme'");
    assert_string_equal(candidates(fixture, "1"), "");
    (void)fixture_sql(fixture, "UPDATE company SET tenant = 't1' WHERE id = 'acme'");
    assert_int_equal(suggest(fixture, NULL, 0, &out), ERR_OK);
    assert_true(out.n_suggestions > 0);
}

static const Docbridge__V1__QuickMatchResponse__Result *
match_one(struct fixture *fixture, int organization, bool skip_nearest)
{
    static Docbridge__V1__QuickMatchResponse out;
    Docbridge__V1__QuickMatchRequest in = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    char name[64];
    in.parent = parent;
    in.validate_only = true;
    in.skip_nearest = skip_nearest;
    assert_int_equal(fixture_call(fixture, &mapping_service, "QuickMatch", &in, &out), ERR_OK);
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    for (size_t i = 0; i < out.n_results; i++)
        if (strcmp(out.results[i]->organization, name) == 0)
            return out.results[i];
    fail_msg("no result of %s", name);
    return NULL;
}

// What Quick Match leaves is told with the nearest, and not applied.
static void quick_match_names_the_nearest(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE company SET psa_type = 0, psa_external_id = ''");
    const Docbridge__V1__QuickMatchResponse__Result *result = match_one(fixture, 1, false);
    assert_int_equal(result->outcome, OUTCOME(NAME_DIFFERS));
    assert_int_equal(result->n_nearest, 1);
    assert_string_equal(result->nearest[0]->company, "companies/acme");
    assert_string_equal(result->nearest[0]->company_display_name, "Acme Holding GmbH");
    assert_int_equal(result->nearest[0]->source, SOURCE(NAME_WITHOUT_LEGAL_FORM));
    assert_int_equal(match_one(fixture, 1, true)->n_nearest, 0);
    assert_int_equal(match_one(fixture, 3, false)->n_nearest, 0); // it has its candidates
    assert_int_equal(match_one(fixture, 7, false)->n_nearest, 0);
}

// Two spellings of one name match; what only looks alike does not.
static void names_with_every_trap(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *company, *organization;
        bool same;
    } names[] = {
        {"A\u00a0B Dental", "a b  dental", true},            // no-break space
        {"Stra\u00dfe 7", "STRASSE 7", true},                // sharp s
        {"\uff21\uff23\uff2d\uff25", "acme", true},          // full width
        {"I\u0307stanbul", "\u0130STANBUL", true},           // dotted capital i
        {"D\u0131yar", "Diyar", false},                      // dotless i is a letter of its own
        {"\ufb01nance", "Finance", true},                    // a ligature
        {"Cafe\u0301", "CAF\u00c9", true},                   // an accent apart
        {"\u05d0\u05d1\u05d2", "\u05d2\u05d1\u05d0", false}, // right to left, and backwards
        {"\u202eemca", "emca", false},                       // an override does count
        {"\U0001f600 Toys", "\U0001f600  toys", true},       // emoji
        {"\u0440\u0430\u0443pal", "paypal", false},          // Cyrillic look-alikes
        {"O'Brien; DROP", "o'brien; drop", true},
        {"100% \"A\\B\"", "100% \"a\\b\"", true},
        {"--", "\u2014", false},
    };
    fixture_seed_connection(fixture);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "c%zu", i);
        push(fixture, id, names[i].company, 0, "");
        add(fixture, 100 + (int64_t)i, names[i].organization, "{}");
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const Docbridge__V1__QuickMatchResponse__Result *result =
            match_one(fixture, 100 + (int)i, false);
        if ((result->outcome == OUTCOME(MATCHED_NAME)) != names[i].same)
            fail_msg("%s and %s: outcome %d", names[i].company, names[i].organization,
                     (int)result->outcome);
        assert_string_equal(result->organization_display_name, names[i].organization);
    }
}

// The longest of names, and those without a letter, are no trouble to anything.
static void names_of_four_kilobytes_and_of_none(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    char name[NAME_KEY_MAX_BYTES + 1];
    seed(fixture);
    // Each of these three bytes becomes 33 by NFKC: the longest keys there are.
    for (size_t i = 0; i + 3 <= NAME_KEY_MAX_BYTES; i += 3)
        memcpy(name + i, "\uFDFA", 3);
    name[NAME_KEY_MAX_BYTES - 1] = '\0';
    add(fixture, 201, name, "{}");
    // And what no compression makes shorter.
    unsigned random = 1;
    for (size_t i = 0; i < NAME_KEY_MAX_BYTES; i++) {
        random = random * 1103515245u + 12345u;
        name[i] = (char)('0' + (random >> 16) % 75);
    }
    name[NAME_KEY_MAX_BYTES] = '\0';
    add(fixture, 202, name, "{}");
    add(fixture, 203, "\u00a0 \u3000", "{}");
    add(fixture, 204, ", & co. Inc", "{}");
    for (int id = 201; id <= 204; id++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", id);
        assert_string_equal(candidates(fixture, text), "");
        assert_int_not_equal(match_one(fixture, id, false)->outcome, OUTCOME(MATCHED_NAME));
    }
    size_t seen = 0;
    in.parent = parent;
    in.page_size = 1;
    do {
        assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                         ERR_OK);
        seen += out.n_organizations;
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && seen < 100);
    assert_int_equal(seen, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(says_what_speaks_for_each), TEST(pages_through_what_needs_attention),
        TEST(keeps_to_the_tenant),       TEST(quick_match_names_the_nearest),
        TEST(names_with_every_trap),     TEST(names_of_four_kilobytes_and_of_none),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
