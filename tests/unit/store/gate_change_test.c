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

// What another server has seen, nobody knows: neither is given.
static void of_two_servers_none_is_older(void **state)
{
    (void)state;
    static const char *const snapshots[] = {"9:9:@1.5", "9:9:@1.50", "9:9:@", "9:9:"};
    for (size_t i = 0; i < ARRAY_LEN(snapshots); i++) {
        const char *first = snapshots[i];
        assert_string_equal(gate_snapshot_older(first, "7:7:@2.5"), "1:1:@none");
        assert_string_equal(gate_snapshot_older("7:7:@2.5", first), "1:1:@none");
        assert_string_equal(gate_snapshot_older("1:1:@none", first), "1:1:@none");
    }
    assert_string_equal(gate_snapshot_older("9:9:@2.5", "7:7:@2.5"), "7:7:@2.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_older_saw_less),
                                       cmocka_unit_test(of_two_servers_none_is_older)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
