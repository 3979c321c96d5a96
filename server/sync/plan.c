#include "server/sync/plan.h"

enum { GUARD_ROWS = 10, GUARD_PERCENT = 20 };

bool plan_too_many_gone(int64_t gone, int64_t of)
{
    return gone >= GUARD_ROWS && gone * 100 >= of * GUARD_PERCENT;
}

int64_t plan_pages(int64_t rows, int page_size)
{
    return rows <= page_size ? 1 : (rows + page_size - 1) / page_size;
}

int64_t plan_windows(int64_t requests, int64_t left, int64_t share)
{
    if (left < 0)
        left = 0;
    if (requests <= left)
        return 1;
    return 1 + (share < 1 ? requests - left : (requests - left + share - 1) / share);
}

int64_t plan_requests(int64_t made, int64_t done, int64_t left)
{
    if (left <= 0)
        return made;
    return done <= 0 ? made + 1 : made + (left * made + done - 1) / done;
}

enum plan_mode plan_begin(size_t organizations)
{
    return organizations <= 1 ? PLAN_ORGANIZATIONS : PLAN_UNDECIDED;
}

enum plan_mode plan_choose(int64_t total_count, int page_size, size_t organizations,
                           int64_t inventory)
{
    if (total_count < 0)
        return PLAN_ORGANIZATIONS;
    double share =
        inventory > (int64_t)organizations ? (double)organizations / (double)inventory : 1;
    double theirs = (double)total_count * share / page_size + (double)organizations / 2;
    if (theirs < (double)organizations)
        theirs = (double)organizations;
    // Of the account's pages one is read already.
    return (double)(plan_pages(total_count, page_size) - 1) <= theirs ? PLAN_ACCOUNT
                                                                      : PLAN_ORGANIZATIONS;
}

enum plan_folders plan_folders(int64_t null_count, int64_t none_count, int64_t not_null_count,
                               bool *ret_certain)
{
    *ret_certain = true;
    if (null_count > none_count)
        return PLAN_FOLDERS_NULL;
    if (null_count < 0 || null_count < none_count)
        return PLAN_FOLDERS_UNION;
    // Both forms gave the same: either nothing is foldered, or "null" means the root level here.
    if (not_null_count > 0)
        return PLAN_FOLDERS_UNION;
    *ret_certain = false;
    return PLAN_FOLDERS_NULL;
}

bool plan_glance_add(struct plan_glance *plan, int64_t total_count)
{
    if (total_count < 0 || plan->lists == PLAN_GLANCE_LISTS)
        return false;
    plan->lists++;
    plan->filled += total_count > 0;
    plan->rows += total_count;
    if (total_count > plan->most)
        plan->most = total_count;
    return true;
}

bool plan_glance_pays(const struct plan_glance *plan)
{
    return plan->filled > 1;
}

enum plan_glanced plan_glance_judge(const struct plan_glance *plan, int64_t total_count,
                                    int64_t new_count)
{
    if (total_count < 0)
        return PLAN_GLANCE_DOUBTFUL;
    // One list alone would be as long as all only with so many new rows.
    if (total_count >= plan->rows)
        return new_count < plan->rows - plan->most ? PLAN_GLANCE_OF_ALL : PLAN_GLANCE_DOUBTFUL;
    return total_count <= plan->most + new_count ? PLAN_GLANCE_IGNORED : PLAN_GLANCE_DOUBTFUL;
}
