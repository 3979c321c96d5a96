// Lines of an export are read as the server writes them and in no other form.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/audit/line.h"
#include "server/base/cleanup.h"

static bool read_first(const char *number, int64_t *ret_number)
{
    char text[160];
    struct audit_line line;
    int len = snprintf(text, sizeof(text),
                       "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"t\","
                       "\"first\":%s,\"last\":9}",
                       number);
    bool good = audit_line_read(text, (size_t)len, &line);
    *ret_number = good ? line.first : 0;
    return good;
}

// A program of somebody else may take another number out of another form, or none.
static void a_number_has_one_form(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, -1, 10, -10, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char text[32];
        int64_t number;
        (void)snprintf(text, sizeof(text), "%" PRId64, numbers[i]);
        assert_true(read_first(text, &number));
        assert_int_equal(number, numbers[i]);
    }
    static const char *const others[] = {
        "",   "-",    "01",  "010", "00",    "-0",    "-01",
        "--", "1-",   "+1",  " 1",  "1 ",    "1.0",   "1e0",
        "\"", "null", "0x1", "1,",  "\"1\"", "1\x01", "9223372036854775808"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        int64_t number;
        if (read_first(others[i], &number))
            fail_msg("%s is taken", others[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_number_has_one_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
