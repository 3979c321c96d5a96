// Which of two snapshots saw less.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/store/gate_change.h"

// Each behind those that saw more.
static void the_older_saw_less(void **state)
{
    (void)state;
    static const char *const snapshots[] = {"1000:1002:",   "999:1002:999",
                                            "998:1002:998", "998:1002:998,999",
                                            "998:1001:998", "998:999:998",
                                            "99:99:",       "98:99:98",
                                            "9:98:9,10,97", "9:97:9,10,11,12,13,14,15",
                                            "7:8:7"};
    for (size_t i = 0; i < ARRAY_LEN(snapshots); i++) {
        for (size_t j = i; j < ARRAY_LEN(snapshots); j++) {
            assert_string_equal(gate_snapshot_older(snapshots[i], snapshots[j]), snapshots[j]);
            assert_string_equal(gate_snapshot_older(snapshots[j], snapshots[i]), snapshots[j]);
        }
        assert_string_equal(gate_snapshot_older(snapshots[i], NULL), snapshots[i]);
        assert_string_equal(gate_snapshot_older(NULL, snapshots[i]), snapshots[i]);
    }
    assert_null(gate_snapshot_older(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_older_saw_less)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
