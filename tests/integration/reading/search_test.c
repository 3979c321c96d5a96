// What a search finds: words of what is in sight, and not a trace of anything else.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/search.h"
#include "server/store/record_sight.h"
#include "tests/integration/reading/fixture.h"

static struct err err;
static Docbridge__V1__SearchDocumentationResponse found;

// Records with their entries as the indexer makes them. "acme" has organization 41, "beta" 42.
static const char SEED[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash,"
    "  enabled, chosen, discover_time) VALUES ('t1','c1',7,'Router','{}','',true,true,now());"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, web_url,"
    "  type_id, folder_id, restricted, archived, publish_time, update_time, body, content_hash)"
    " VALUES"
    " ('t1','c1',3,30,41,'Closed','',0,0,true,false,NULL,NULL,'{\"ancestor_ids\":[]}',''),"
    " ('t1','c1',4,1,41,'Backup plan','https://x/1',0,0,false,false,now(),now(),'{}',''),"
    " ('t1','c1',4,2,41,'Network','',0,0,false,false,now(),now(),'{}',''),"
    " ('t1','c1',4,3,41,'Restricted','',0,0,true,false,now(),now(),'{}',''),"
    " ('t1','c1',4,4,41,'Archived','',0,0,false,true,now(),now(),'{}',''),"
    " ('t1','c1',4,5,41,'Draft','',0,0,false,false,NULL,now(),'{}',''),"
    " ('t1','c1',4,6,41,'In closed','',0,30,false,false,now(),now(),'{}',''),"
    " ('t1','c1',4,7,41,'In unknown','',0,31,false,false,now(),now(),'{}',''),"
    " ('t1','c1',4,8,42,'Of beta','',0,0,false,false,now(),now(),'{}',''),"
    " ('t1','c1',4,9,43,'Unmapped','',0,0,false,false,now(),now(),'{}',''),"
    " ('t1','c1',5,1,41,'srv-dc01.acme.local','',7,0,false,false,NULL,now(),'{}',''),"
    " ('t1','c1',6,1,41,'Onboarding','',0,0,false,false,NULL,now(),'{}',''),"
    " ('t1','c1',7,1,0,'Template','',0,0,false,false,NULL,now(),'{}','');"
    "INSERT INTO search_entry SELECT tenant, connection_id, kind, id, organization_id, update_time,"
    "  c.content, fold(display_name || ' 10.20.30.40'), search_words(display_name, c.content)"
    " FROM record CROSS JOIN LATERAL (SELECT 'The tapes of M\u00fcller rotate, ' || display_name"
    "  || ' ' || repeat('filling words that say nothing. ', 40) || 'Zebra' AS content) c"
    " WHERE kind IN (4, 5, 6, 7)";

static int fresh(void **state)
{
    (void)fixture_fresh(state);
    (void)fixture_sql(*state, SEED);
    return 0;
}

static enum err_code ask(struct fixture *fixture, const char *company, const char *query, int kind,
                         int size, const char *token)
{
    Docbridge__V1__SearchDocumentationRequest in;
    Docbridge__V1__DocumentationKind kinds[] = {(Docbridge__V1__DocumentationKind)kind};
    docbridge__v1__search_documentation_request__init(&in);
    docbridge__v1__search_documentation_response__init(&found);
    in.parent = arena_printf(&fixture->arena, "companies/%s", company);
    in.query = arena_strdup(&fixture->arena, query);
    in.kinds = kinds;
    in.n_kinds = kind == 0 ? 0 : 1;
    in.page_size = size;
    in.page_token = arena_strdup(&fixture->arena, token);
    err = (struct err){0};
    // From now, not from before the records were made.
    fixture->request.deadline = deadline_in(10000);
    return search_documentation_handler(&fixture->request, &in, &found, &err);
}

static int by_title(const void *a, const void *b)
{
    const Docbridge__V1__SearchDocumentationResponse__Hit *const *left = a, *const *right = b;
    return strcmp((*left)->display_name, (*right)->display_name);
}

// The titles found, joined by commas: in the order of the alphabet, that of ranks is the
// database's.
static const char *titles(struct fixture *fixture, const char *company, const char *query)
{
    static char text[1024];
    assert_int_equal(ask(fixture, company, query, 0, 0, ""), ERR_OK);
    assert_int_equal(found.total_size, found.n_hits);
    text[0] = '\0';
    if (found.n_hits > 0)
        qsort(found.hits, found.n_hits, sizeof(*found.hits), by_title);
    for (size_t i = 0; i < found.n_hits; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%s", i == 0 ? "" : ",",
                       found.hits[i]->display_name);
    }
    return text;
}

static void only_what_is_in_sight_is_found_and_counted(void **state)
{
    struct fixture *fixture = *state;
    // All have the word; counting tells no more than listing.
    assert_string_equal(titles(fixture, "acme", "zebra"),
                        "Backup plan,Network,Onboarding,Template,srv-dc01.acme.local");
    assert_string_equal(titles(fixture, "beta", "zebra"), "Of beta,Template");
    assert_string_equal(titles(fixture, "-", "zebra -template -onboarding -network"),
                        "Backup plan,Of beta,srv-dc01.acme.local");
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = false");
    assert_string_equal(titles(fixture, "acme", "zebra"),
                        "Onboarding,Template,srv-dc01.acme.local");
    (void)fixture_sql(fixture, "UPDATE connection_config SET checklists_enabled = false;"
                               "UPDATE flexible_asset_type SET enabled = false");
    assert_string_equal(titles(fixture, "acme", "zebra"), "");
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = true;"
                               "DELETE FROM mapping WHERE company_id = 'acme'");
    assert_string_equal(titles(fixture, "acme", "zebra"), "");
    assert_string_equal(titles(fixture, "-", "zebra"), "Of beta");
}

// Signs within a word part it for people, if not for Postgres.
static void a_part_of_a_compound_finds_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const found_by[] = {
        "firewall",         "vpn/firewall", "srv-dc-01", "srv-dc-01.corp.local", "corp",
        "sshd_config",      "sshd",         "acme",      "ops@acme.example",     "ops",
        "portal",           "login",        "Temp",      "setup_new.exe",        "setup",
        "\"vpn firewall\"", "M\u00fcller"};
    static const char *const found_by_none[] = {"srv-dc-02", "firew", "dc-01.corp", "exe.setup"};
    (void)fixture_sql(
        fixture,
        "UPDATE search_entry SET words = search_words('Notes', 'VPN/Firewall on"
        " srv-dc-01.corp.local, see /etc/ssh/sshd_config; mail ops@acme.example,"
        " https://portal.example.com/login?next=1, C:\\Temp\\setup_new.exe, (Router/M\u00fcller)')"
        " WHERE kind = 4 AND id = 1");
    for (size_t i = 0; i < ARRAY_LEN(found_by); i++) {
        (void)titles(fixture, "acme", found_by[i]);
        bool seen = false;
        for (size_t k = 0; k < found.n_hits; k++)
            seen |= strcmp(found.hits[k]->display_name, "Backup plan") == 0;
        if (!seen)
            fail_msg("not found by %s", found_by[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(found_by_none); i++)
        assert_string_equal(titles(fixture, "acme", found_by_none[i]), "");
}

static void a_word_within_a_run_without_spaces_finds_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const found_by[] = {
        "接続",     "接続設定", "VPN接続",         "一覧 ファイアウォール", "服务器", "서버",
        "備份計劃", "計劃",     "接続設定 rotate", "rotate -覧一覧",        "佐々木", "ｻｰﾊﾞｰ"};
    static const char *const found_by_none[] = {"接定", "設定接続", "接続設定 nowhere",
                                                "\"接続設定\" 接定"};
    (void)fixture_sql(fixture,
                      "UPDATE search_entry SET words = search_words('備份計劃書', 'tapes rotate"
                      " VPN接続設定一覧とファイアウォール。"
                      "我们的服务器在这里 메일서버에서 担当佐々木様のｻｰﾊﾞｰ室')"
                      " WHERE kind = 4 AND id = 1");
    for (size_t i = 0; i < ARRAY_LEN(found_by); i++)
        if (strstr(titles(fixture, "acme", found_by[i]), "Backup plan") == NULL)
            fail_msg("not found by %s", found_by[i]);
    for (size_t i = 0; i < ARRAY_LEN(found_by_none); i++)
        assert_string_equal(titles(fixture, "acme", found_by_none[i]), "");
}

// Where the companies have very many records beside the hits, hits are looked up one by one.
static void among_very_many_records_no_other_is_found(void **state)
{
    (void)fixture_sql(*state, "INSERT INTO record (tenant, connection_id, kind, id,"
                              " organization_id, display_name, publish_time, body, content_hash)"
                              " SELECT 't1', 'c1', 4, 1000 + i, 41 + i % 2, 'Filling', now(), '{}',"
                              " '' FROM generate_series(1, 500) i");
    only_what_is_in_sight_is_found_and_counted(state);
}

static void what_decides_on_sight_is_in_the_indexes(void **state)
{
    (void)fixture_sql(*state, "SET enable_seqscan = off; SET enable_bitmapscan = off");
    const char *plan = fixture_sql(
        *state, "EXPLAIN (FORMAT JSON) SELECT " RECORD_SIGHT_COLUMNS " FROM record r WHERE"
                " tenant = 't1' AND connection_id = 'c1' AND kind IN (4, 5, 6, 7)"
                " AND organization_id = 41");
    assert_non_null(strstr(plan, "\"Index Only Scan\""));
    assert_null(strstr(plan, "\"Index Scan\""));
    (void)fixture_sql(*state, "RESET enable_seqscan; RESET enable_bitmapscan");
}

static void what_a_company_hides_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "INSERT INTO company_documentation_access (tenant, company_id,"
                               " documents_hidden, checklists_hidden, update_time)"
                               " VALUES ('t1', 'acme', true, true, now());"
                               "INSERT INTO company_hidden_type VALUES ('t1', 'acme', 'c1', 7)");
    assert_string_equal(titles(fixture, "acme", "zebra"), "");
    assert_string_equal(titles(fixture, "-", "zebra"), "Of beta,Template");
}

static void a_caller_of_some_companies_finds_only_theirs(void **state)
{
    struct fixture *fixture = *state;
    static const char *const companies[] = {"beta"};
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
    assert_string_equal(titles(fixture, "-", "zebra"), "Of beta,Template");
    assert_int_equal(ask(fixture, "acme", "zebra", 0, 0, ""), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(ask(fixture, "nobody", "zebra", 0, 0, ""), ERR_RESOURCE_NOT_FOUND);
    fixture->caller.companies = NULL;
    fixture->caller.company_count = 0;
    fixture->caller.company_set = "set";
    assert_string_equal(titles(fixture, "-", "zebra"), "");
    (void)fixture_sql(fixture, "INSERT INTO company_set VALUES ('t1', 'set', 1, 1, now());"
                               "INSERT INTO company_set_member VALUES ('t1', 'set', 'acme')");
    assert_string_equal(titles(fixture, "-", "zebra network"), "Network");
    fixture->caller.tenant = "t2";
    fixture->caller.company_set = NULL;
    fixture->caller.all_companies = true;
    assert_string_equal(titles(fixture, "-", "zebra"), "");
}

static void words_are_found_in_any_case_and_accent(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(titles(fixture, "acme", "BACKUP muller"), "Backup plan");
    assert_string_equal(titles(fixture, "acme", "\"tapes of M\u00dcLLER\" network"), "Network");
    assert_string_equal(titles(fixture, "acme", "\"muller tapes\""), "");
    assert_string_equal(titles(fixture, "acme", "onboarding or network"), "Network,Onboarding");
    assert_int_equal(ask(fixture, "acme", "zebra", 2, 0, ""), ERR_OK);
    assert_int_equal(found.n_hits, 1);
    assert_string_equal(found.hits[0]->resource, "companies/acme/flexibleAssets/1");
    assert_int_equal(ask(fixture, "acme", "zebra", 9, 0, ""), ERR_FIELD_INVALID);
    // A title counts more than a text.
    (void)fixture_sql(fixture, "UPDATE record SET update_time = '2020-01-01' WHERE id = 2");
    assert_int_equal(ask(fixture, "acme", "network or tapes", 0, 0, ""), ERR_OK);
    assert_string_equal(found.hits[0]->display_name, "Network");
}

// Where there are many organizations hits are ranked in another place, and the same.
static void titles_come_first_also_among_many_organizations(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " SELECT 't1', 'more' || n, 'More', 'more', now(), now() FROM generate_series(50, 55) n;"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) SELECT 't1', 'c1', n, 'More', 'more', '{}', '',"
        " now(), now() FROM generate_series(50, 55) n;"
        "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
        " actor_subject, actor_display_name, actor_kind, create_time)"
        " SELECT 't1', 'c1', n, 'more' || n, 1, '', '', 1, now() FROM generate_series(50, 55) n;"
        "UPDATE record SET update_time = '2020-01-01' WHERE id IN (1, 2);"
        "UPDATE search_entry SET update_time = '2020-01-01' WHERE id IN (1, 2)");
    static const char *const parents[] = {"acme", "-"};
    for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
        assert_int_equal(ask(fixture, parents[i], "network or tapes", 0, 0, ""), ERR_OK);
        assert_true(found.n_hits > 4);
        assert_string_equal(found.hits[0]->display_name, "Network");
        assert_int_equal(ask(fixture, parents[i], "rv-dc", 0, 0, ""), ERR_OK);
        assert_string_equal(found.hits[0]->display_name, "srv-dc01.acme.local");
    }
}

static void pieces_are_found_when_words_are_not(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(titles(fixture, "acme", "RV-DC0"), "srv-dc01.acme.local");
    assert_true(found.matched_fragment);
    assert_string_equal(titles(fixture, "acme", "20.30"),
                        "Backup plan,Network,Onboarding,Template,srv-dc01.acme.local");
    assert_string_equal(titles(fixture, "acme", "zebra network"), "Network");
    assert_false(found.matched_fragment);
    // Nothing in it means anything, and two characters are no piece.
    static const char *const nothing[] = {"c_1", "c%1", "dc\\1", "dc", "...", "!!!", "((("};
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
        assert_string_equal(titles(fixture, "acme", nothing[i]), "");
}

static void snippets_are_plain_text_with_ranges(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(titles(fixture, "acme", "backup muller"), "Backup plan");
    const Docbridge__V1__SearchDocumentationResponse__Hit *hit = found.hits[0];
    assert_string_equal(hit->resource, "companies/acme/documents/1");
    assert_string_equal(hit->company, "companies/acme");
    assert_string_equal(hit->upstream_uri, "https://x/1");
    assert_non_null(hit->update_time);
    assert_memory_equal(hit->snippet, "M\u00fcller rotate, Backup", 22);
    assert_int_equal(hit->n_highlights, 2);
    // In characters, not bytes.
    assert_int_equal(hit->highlights[0]->start, 0);
    assert_int_equal(hit->highlights[0]->end, 6);
    assert_int_equal(hit->highlights[1]->start, 15);
    assert_int_equal(hit->highlights[1]->end, 21);
    // Found late in the text, shown there.
    assert_string_equal(titles(fixture, "beta", "zebra -template"), "Of beta");
    assert_non_null(strstr(found.hits[0]->snippet, "Zebra"));
    assert_string_equal(titles(fixture, "-", "template"), "Template");
    assert_string_equal(found.hits[0]->resource, "connections/c1/checklistTemplates/1");
    assert_string_equal(found.hits[0]->company, "");
}

// Of a long text only a part is looked at, in which the words are.
static void snippets_show_words_where_they_are_what_was_asked(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture,
                      "UPDATE search_entry SET content = c, words = search_words('Network', c)"
                      " FROM (SELECT 'A red door. The green house. '"
                      "  || repeat('filling words that say nothing. ', 40)"
                      "  || 'One red house stands, m\u00fcrbe.' AS c) x WHERE kind = 4 AND id = 2");
    static const struct {
        const char *query, *snippet;
        size_t highlights;
    } rows[] = {
        {"red", "red door", 1},
        {"\"red house\"", "red house stands", 2},
        {"stands", "red house stands", 1},
        {"green stands", "green house", 1},
        {"house murbe", "m\u00fcrbe", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(titles(fixture, "acme", rows[i].query), "Network");
        assert_non_null(strstr(found.hits[0]->snippet, rows[i].snippet));
        assert_int_equal(found.hits[0]->n_highlights, rows[i].highlights);
    }
}

static void pages_follow_one_another_and_tokens_belong_to_a_query(void **state)
{
    struct fixture *fixture = *state;
    char expected[5][64];
    const char *token = "";
    assert_int_equal(ask(fixture, "acme", "zebra", 0, 0, ""), ERR_OK);
    assert_int_equal(found.n_hits, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        (void)snprintf(expected[i], sizeof(expected[i]), "%s", found.hits[i]->display_name);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(ask(fixture, "acme", "zebra", 0, 1, token), ERR_OK);
        assert_int_equal(found.n_hits, 1);
        assert_int_equal(found.total_size, 5);
        assert_string_equal(found.hits[0]->display_name, expected[i]);
        token = arena_strdup(&fixture->arena, found.next_page_token);
        if (i > 0)
            continue;
        assert_int_equal(ask(fixture, "acme", "tapes", 0, 1, token), ERR_PAGE_TOKEN_INVALID);
        assert_int_equal(ask(fixture, "acme", "zebra", 1, 1, token), ERR_PAGE_TOKEN_INVALID);
        assert_int_equal(ask(fixture, "beta", "zebra", 0, 1, token), ERR_PAGE_TOKEN_INVALID);
        fixture->caller.subject = "eve";
        assert_int_equal(ask(fixture, "acme", "zebra", 0, 1, token), ERR_PAGE_TOKEN_INVALID);
        fixture->caller.subject = "tom";
    }
    assert_string_equal(token, "");
    // Words that look like the kinds of another query are words.
    assert_int_equal(ask(fixture, "acme", "zebra", 1, 1, ""), ERR_OK);
    token = arena_strdup(&fixture->arena, found.next_page_token);
    assert_int_equal(ask(fixture, "acme", "1,zebra", 0, 1, token), ERR_PAGE_TOKEN_INVALID);
}

static void as_of_follows_the_index(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(titles(fixture, "acme", "nothing-like-it"), "");
    assert_null(found.search_as_of_time);
    (void)fixture_sql(fixture, "UPDATE search_progress SET level_time = '2020-01-01';"
                               "UPDATE record_sequence SET sequence = 5");
    assert_string_equal(titles(fixture, "acme", "zebra onboarding"), "Onboarding");
    assert_int_equal(found.search_as_of_time->seconds, 1577836800);
    (void)fixture_sql(fixture, "UPDATE search_progress SET sequence = 5");
    assert_string_equal(titles(fixture, "acme", "zebra onboarding"), "Onboarding");
    assert_true(found.search_as_of_time->seconds > 1700000000);
    assert_int_equal(ask(fixture, "acme", "", 0, 0, ""), ERR_FIELD_INVALID);
}

static void only_the_newest_of_very_many_are_ranked(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture,
                      "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
                      " display_name, update_time, body, content_hash) SELECT 't1', 'c1', 6,"
                      " 1000 + i, 41, 'Many', now() - i * interval '1 hour', '{}', ''"
                      " FROM generate_series(1, 6050) i;"
                      "INSERT INTO search_entry SELECT tenant, connection_id, kind, id,"
                      " organization_id, update_time, '', 'many', search_words('Many', '')"
                      " FROM record WHERE id > 1000 AND kind = 6");
    assert_int_equal(ask(fixture, "-", "many", 0, 10, ""), ERR_OK);
    assert_int_equal(found.n_hits, 10);
    assert_int_equal(found.total_size, 5000);
    assert_true(found.total_is_lower_bound);
    assert_string_equal(found.hits[0]->resource, "companies/acme/checklists/1001");
    // What is out of sight takes nobody's place.
    (void)fixture_sql(fixture, "UPDATE record SET restricted = true WHERE id > 1000 AND id < 7050"
                               " AND kind = 6");
    assert_int_equal(ask(fixture, "-", "many", 0, 10, ""), ERR_OK);
    assert_int_equal(found.total_size, 1);
    assert_false(found.total_is_lower_bound);
    assert_string_equal(found.hits[0]->resource, "companies/acme/checklists/7050");
    assert_int_equal(ask(fixture, "-", "zebra", 0, 10, ""), ERR_OK);
    assert_false(found.total_is_lower_bound);
}

// As long as a query may be, of operators alone or of words that are everywhere.
static void hostile_queries_are_answered(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *piece;
        size_t words;
    } rows[] = {{"-", 0},      {"\"", 0}, {"or ", 1}, {"-a ", 1}, {"(", 0},
                {"a or -", 2}, {"%", 0},  {"\\", 0},  {"''", 0},  {"\u00e9 ", 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char query[512] = "";
        size_t most = rows[i].words == 0 ? sizeof(query) : 32 / rows[i].words;
        for (size_t at = 0, len = strlen(rows[i].piece); at + len < sizeof(query) && most > 0;
             at += len, most--)
            memcpy(query + at, rows[i].piece, len);
        if (ask(fixture, "-", query, 0, 0, "") != ERR_OK)
            fail_msg("%s: %s", rows[i].piece, err.text);
    }
    assert_int_equal(ask(fixture, "-",
                         "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 "
                         "28 29 30 31 32 33",
                         0, 0, ""),
                     ERR_FIELD_INVALID);
}

// A text may repeat a word, and a query too: its snippet must not take time by the power of that.
static void words_that_repeat_are_shown_at_once(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "UPDATE search_entry SET content = c, words = search_words('N', c)"
                               " FROM (SELECT repeat('no ', 2000) AS c) x WHERE kind = 4"
                               " AND id = 2");
    static const char *const queries[] = {
        "\"no no no no no no no no no no no no no no no no no no no no no no no no\"",
        "no no no no no no no no no no no no no no no no no no no no no no no no no no no no no no",
        "no or no or no or no or no or no or no or no or no or no or no or no or no or no or no",
    };
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        assert_string_equal(titles(fixture, "acme", queries[i]), "Network");
        assert_memory_equal(found.hits[0]->snippet, "no no no", 8);
        assert_true(found.hits[0]->n_highlights > 1);
    }
    // Nothing that is asked for can be shown.
    assert_string_equal(titles(fixture, "acme", "-zebra"), "Network");
    assert_int_equal(found.hits[0]->n_highlights, 0);
}

// The index has no credential of a title; neither has what a hit shows of the record.
static void credentials_in_titles_are_masked(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "UPDATE record SET display_name = 'Zoo password: hunter22'"
                               " WHERE kind = 6 AND id = 1");
    assert_int_equal(ask(fixture, "acme", "Onboarding", 0, 0, ""), ERR_OK);
    assert_true(found.n_hits > 0);
    assert_string_equal(found.hits[0]->display_name, "Zoo password: ****");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(only_what_is_in_sight_is_found_and_counted),
        TEST(a_part_of_a_compound_finds_it),
        TEST(a_word_within_a_run_without_spaces_finds_it),
        TEST(among_very_many_records_no_other_is_found),
        TEST(what_decides_on_sight_is_in_the_indexes),
        TEST(what_a_company_hides_is_not_found),
        TEST(a_caller_of_some_companies_finds_only_theirs),
        TEST(words_are_found_in_any_case_and_accent),
        TEST(titles_come_first_also_among_many_organizations),
        TEST(pieces_are_found_when_words_are_not),
        TEST(snippets_are_plain_text_with_ranges),
        TEST(snippets_show_words_where_they_are_what_was_asked),
        TEST(pages_follow_one_another_and_tokens_belong_to_a_query),
        TEST(credentials_in_titles_are_masked),
        TEST(as_of_follows_the_index),
        TEST(only_the_newest_of_very_many_are_ranked),
        TEST(hostile_queries_are_answered),
        TEST(words_that_repeat_are_shown_at_once),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
