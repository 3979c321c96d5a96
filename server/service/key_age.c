#include "server/service/key_age.h"

#include "server/base/clock.h"

enum { REVOKED_AFTER_DAYS = 90, WARN_AFTER_DAYS = 75, DATE_LEN = 10 };

static const int64_t day_us = INT64_C(24) * 3600 * 1000000;

int64_t key_age_revocation_us(int64_t used_us)
{
    return used_us == 0 ? 0 : used_us + REVOKED_AFTER_DAYS * day_us;
}

enum err_code key_age_warning(struct arena *arena, int64_t used_us, int64_t now_us, char **ret_text,
                              struct err *reterr)
{
    char used[CLOCK_TEXT_BYTES], revoked[CLOCK_TEXT_BYTES];
    *ret_text = NULL;
    if (used_us == 0 || now_us - used_us < WARN_AFTER_DAYS * day_us)
        return ERR_OK;
    clock_text(used_us, used);
    clock_text(key_age_revocation_us(used_us), revoked);
    *ret_text = arena_printf(arena,
                             "The key was last accepted on %.*s: IT Glue revokes a key that is not "
                             "used for %d days, this one on %.*s.",
                             DATE_LEN, used, REVOKED_AFTER_DAYS, DATE_LEN, revoked);
    return *ret_text == NULL ? err_no_memory(reterr) : ERR_OK;
}
