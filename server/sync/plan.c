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

enum plan_folder_question plan_folder_question(const struct plan_folder_counts *counts,
                                               bool not_null_asked, bool folders_asked)
{
    if (counts->null > counts->none)
        return PLAN_ASK_NOTHING;
    // Nothing on the root level tells whether a form is ignored: whether there are folders says
    // more.
    if (counts->none <= 0 && !folders_asked)
        return PLAN_ASK_FOLDERS;
    if (!not_null_asked)
        return counts->listed && counts->to_ask == 0 ? PLAN_ASK_NOTHING : PLAN_ASK_NOT_NULL;
    bool ignored = counts->not_null < 0 || counts->not_null == counts->none;
    return ignored && !folders_asked ? PLAN_ASK_FOLDERS : PLAN_ASK_NOTHING;
}

enum plan_folders plan_folders(const struct plan_folder_counts *counts, bool *ret_certain,
                               bool *ret_doubt)
{
    *ret_certain = true;
    *ret_doubt = false;
    if (counts->null > counts->none)
        return PLAN_FOLDERS_NULL;
    // Ignored, the form would show the root level.
    bool honoured = counts->not_null >= 0 && counts->not_null != counts->none;
    if (counts->not_null > 0 && honoured)
        return PLAN_FOLDERS_UNION;
    if (counts->listed && counts->to_ask > 0) {
        // As many in folders as on the root level look like a form that is ignored.
        *ret_certain =
            counts->foldered > 0 && (counts->not_null <= 0 || counts->foldered != counts->not_null);
        return PLAN_FOLDERS_EACH;
    }
    *ret_certain = honoured && counts->null < counts->none;
    *ret_doubt = !counts->listed && !honoured;
    if (counts->null >= 0 && counts->null >= counts->none)
        return PLAN_FOLDERS_NULL;
    return honoured ? PLAN_FOLDERS_UNION : PLAN_FOLDERS_EACH;
}

int64_t plan_since(int64_t update_time_us)
{
    static const int64_t overlap_us = 10 * 60 * INT64_C(1000000);
    return update_time_us > overlap_us ? update_time_us - overlap_us : 1;
}

static const int64_t DAY_US = 24 * 3600 * INT64_C(1000000);

bool plan_trusts(int64_t distrust_time_us, int64_t now_us)
{
    return distrust_time_us == 0 || now_us - distrust_time_us >= 7 * DAY_US;
}

bool plan_proof_holds(int64_t order_time_us, int64_t now_us)
{
    return order_time_us != 0 && order_time_us <= now_us && now_us - order_time_us < DAY_US;
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
