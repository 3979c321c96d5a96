// The words of a connection test: all there, within their bounds, and never the key.
#include "server/service/diagnosis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define VERDICT(name) DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_##name

typedef Docbridge__V1__TestConnectionResponse Answer;

static void report_init(struct probe_report *report, int verdict)
{
    *report =
        (struct probe_report){.verdict = (Docbridge__V1__TestConnectionResponse__Diagnosis)verdict,
                              .http_status = 403,
                              .region = SOURCE_REGION_EU};
    (void)err_set(&report->failure, ERR_UPSTREAM_ERROR, "it failed");
    for (int i = 0; i < PROBE_CAPABILITIES; i++)
        report->capabilities[i] = (struct probe_capability){
            .kind = (Docbridge__V1__Capability__Kind)(i + 1), .grant = 3, .detail = "a \"word\""};
}

static void has_words_for_each(void **state)
{
    (void)state;
    for (int verdict = VERDICT(OK); verdict <= VERDICT(UPSTREAM_ERROR); verdict++) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1 << 16);
        struct probe_report report;
        struct err err = {0};
        Answer out;
        docbridge__v1__test_connection_response__init(&out);
        report_init(&report, verdict);
        assert_int_equal(diagnosis_fill(&arena, &report, NULL, &out, NULL), ERR_OK);
        assert_int_equal(out.diagnosis, verdict);
        assert_true(out.remedy[0] != '\0');
        assert_int_equal(out.n_capabilities, PROBE_CAPABILITIES);
        enum err_code code = diagnosis_error(&report, &err);
        assert_int_equal(code == ERR_OK, verdict == VERDICT(OK));
        assert_int_equal(code, err.code);
        assert_true(strlen(err.text) < ERR_TEXT_BYTES - 1); // nothing was cut off
    }
}

static void shows_little_of_what_was_pasted(void **state)
{
    (void)state;
    static const struct {
        const char *pasted;
        const char *warning;
    } cases[] = {
        {"", "What was pasted has 0 bytes."},
        {"ITG.short key", "What was pasted has 13 bytes."},
        {"ITG.0123456789 0123456789abcdefWXYZ", "What was pasted has 35 bytes and ends in WXYZ."},
        {"ITG.0123456789 0123456789abcdefWX\x01Z", "What was pasted has 35 bytes."},
        {"ITG.0123456789 0123456789abcdefW\xc3\xbcZ", "What was pasted has 35 bytes."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1 << 16);
        Answer out;
        docbridge__v1__test_connection_response__init(&out);
        assert_int_equal(
            diagnosis_fill_malformed(&arena, cases[i].pasted, SOURCE_REGION_US, &out, NULL),
            ERR_OK);
        assert_int_equal(out.diagnosis, VERDICT(API_KEY_MALFORMED));
        assert_int_equal(out.n_warnings, 1);
        assert_string_equal(out.warnings[0], cases[i].warning);
    }
}

static void warns_of_unusual_keys(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    struct secret *key _cleanup_(secret_freep) = secret_copy("unusual-key", 11);
    struct probe_report report;
    Answer out;
    docbridge__v1__test_connection_response__init(&out);
    report_init(&report, VERDICT(OK));
    report.organizations_denied = report.filters_ignored = true;
    assert_int_equal(diagnosis_fill(&arena, &report, key, &out, NULL), ERR_OK);
    assert_int_equal(out.n_warnings, 3);
    for (size_t i = 0; i < out.n_warnings; i++)
        assert_null(strstr(out.warnings[i], "unusual-key"));
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct probe_report report;
    report_init(&report, VERDICT(KEY_OR_REGION_REJECTED));
    enum err_code code = ERR_INTERNAL;
    for (size_t bytes = 0; code != ERR_OK; bytes += 64) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, bytes);
        Answer out;
        docbridge__v1__test_connection_response__init(&out);
        code = diagnosis_fill(&arena, &report, NULL, &out, NULL);
        assert_true(code == ERR_OK || code == ERR_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_words_for_each),
        cmocka_unit_test(shows_little_of_what_was_pasted),
        cmocka_unit_test(warns_of_unusual_keys),
        cmocka_unit_test(says_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
