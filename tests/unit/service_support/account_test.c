// Whether two keys belong to one account, by what is known of each.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/service/account.h"

struct row {
    struct account_facts old, new;
    bool known_here, listed, shared;
    enum account_verdict verdict;
};

static const struct account_facts none = {1, "", 0}, none_eu = {2, "", 0}, msp = {1, "msp", 42},
                                  msp_eu = {2, "msp", 0}, other = {1, "other", 77},
                                  renamed = {1, "other", 42}, bare = {1, "msp", 0};

static void compares(void **state)
{
    (void)state;
    const struct row rows[] = {
        // Before the first fetch there is nothing that could be taken for something else.
        {none, msp, false, true, false, ACCOUNT_SAME},
        {none, none_eu, false, false, false, ACCOUNT_SAME},
        // Ids tell.
        {msp, msp, true, true, true, ACCOUNT_SAME},
        {none, none, true, true, true, ACCOUNT_SAME},
        {msp, renamed, true, true, true, ACCOUNT_SAME},
        {msp, other, true, true, false, ACCOUNT_OTHER},
        {none, none, true, true, false, ACCOUNT_OTHER},
        {msp, other, true, true, true, ACCOUNT_OTHER}, // another account that shares a number
        // Without them the subdomain does.
        {bare, bare, false, false, false, ACCOUNT_SAME},
        {bare, other, false, true, false, ACCOUNT_OTHER},
        // Between regions the same number says nothing by itself.
        {msp, msp_eu, true, true, true, ACCOUNT_SAME},
        {none, none_eu, true, true, true, ACCOUNT_UNPROVEN},
        {msp, msp_eu, true, true, false, ACCOUNT_OTHER},
        // What cannot be compared is not taken for the same.
        {msp, none, true, false, false, ACCOUNT_UNPROVEN},
        {none, none, true, false, false, ACCOUNT_UNPROVEN},
        {bare, none, false, true, false, ACCOUNT_UNPROVEN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (account_compare(&rows[i].old, &rows[i].new, rows[i].known_here, rows[i].listed,
                            rows[i].shared) != rows[i].verdict)
            fail_msg("row %zu is judged wrongly", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
