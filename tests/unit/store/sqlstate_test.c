#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/sqlstate.h"

static void each_state_has_its_code(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        enum err_code code;
        bool retires;
    } cases[] = {
        {"23505", ERR_CONFLICT, false},          {"23503", ERR_CONFLICT, false},
        {"23514", ERR_CONFLICT, false},          {"23P01", ERR_CONFLICT, false},
        {"40001", ERR_CONFLICT, false},          {"40P01", ERR_CONFLICT, false},
        {"55P03", ERR_CONFLICT, false},          {"22P02", ERR_FIELD_INVALID, false},
        {"22P05", ERR_FIELD_INVALID, false},     {"22021", ERR_FIELD_INVALID, false},
        {"57014", ERR_DEADLINE_EXCEEDED, false}, {"57P01", ERR_STORE_UNAVAILABLE, true},
        {"57P02", ERR_STORE_UNAVAILABLE, true},  {"57P03", ERR_STORE_UNAVAILABLE, true},
        {"08P01", ERR_STORE_UNAVAILABLE, true}, // whatever PgBouncer has to say
        {"08006", ERR_STORE_UNAVAILABLE, true},  {"25006", ERR_STORE_UNAVAILABLE, true},
        {"25P03", ERR_STORE_UNAVAILABLE, true},  {"26000", ERR_STORE_UNAVAILABLE, true},
        {"53100", ERR_STORE_UNAVAILABLE, false}, {"53300", ERR_STORE_UNAVAILABLE, false},
        {"58030", ERR_STORE_UNAVAILABLE, false}, {"0A000", ERR_INTERNAL, true},
        {"23502", ERR_INTERNAL, false}, // NULL where none may be: a fault of ours
        {"42501", ERR_INTERNAL, false},          {"42P01", ERR_INTERNAL, false},
        {"XX000", ERR_INTERNAL, false},          {"", ERR_INTERNAL, false},
        {NULL, ERR_STORE_UNAVAILABLE, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (sqlstate_code(cases[i].state) != cases[i].code ||
            sqlstate_retires(cases[i].state) != cases[i].retires)
            fail_msg("%s", cases[i].state == NULL ? "(none)" : cases[i].state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_state_has_its_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
