// How to fetch what is asked for with the fewest requests. Pure.
#pragma once

#include "server/sync/checkpoint.h"

// Which list to begin with for `organizations` mapped ones. UNDECIDED: the first page of the
// account's list must say how many there are; it is used if the plan becomes ACCOUNT.
enum plan_mode plan_begin(size_t organizations);
// The choice, once the first page of the account's list has told that it has `total_count` rows
// (-1: not given), in pages of `page_size`. `organizations` of the account's `inventory` are asked
// for (0: not known, as if these were all). Their own lists cost a request each at least, and their
// last pages are half empty.
enum plan_mode plan_choose(int64_t total_count, int page_size, size_t organizations,
                           int64_t inventory);

// Requests for so many rows: an empty list takes one too. -1 rows: not known, at least one.
int64_t plan_pages(int64_t rows, int page_size);
// Quota windows for `requests`, if `left` may be made in the present one and `share` in each.
int64_t plan_windows(int64_t requests, int64_t left, int64_t share);
// Requests that a run takes in all if the rows that are left cost as many as those that are done.
int64_t plan_requests(int64_t made, int64_t done, int64_t left);

// From when on changes are read again, if those until then are stored: a change may become visible
// later than its time says.
int64_t plan_since(int64_t update_time_us);
// Whether upstream is trusted with an order or filter that it was seen to ignore then (0: never):
// after a week it is tried again.
bool plan_trusts(int64_t distrust_time_us, int64_t now_us);
// Whether an undocumented order still holds that was last seen to be kept then (0: never).
bool plan_proof_holds(int64_t order_time_us, int64_t now_us);

// Lists to be glanced at by one request (glance.h).
struct plan_glance {
    size_t lists, filled; // of them with rows
    int64_t rows, most;   // of all together; of the longest
};
enum { PLAN_GLANCE_LISTS = 100 }; // their ids stand in the address
// Adds a list that has so many rows. False: it cannot be glanced at.
bool plan_glance_add(struct plan_glance *plan, int64_t total_count);
// Whether a glance may spare requests and can show that it is one at all the lists.
bool plan_glance_pays(const struct plan_glance *plan);
// What the length of the answer tells, whose first page has so many new rows: it is of all the
// lists; of one alone; or rows went meanwhile, and nothing is certain.
enum plan_glanced { PLAN_GLANCE_OF_ALL, PLAN_GLANCE_IGNORED, PLAN_GLANCE_DOUBTFUL };
enum plan_glanced plan_glance_judge(const struct plan_glance *plan, int64_t total_count,
                                    int64_t new_count);

// Whether so many gone of so many are doubtful: rather a fault upstream than somebody's work.
bool plan_too_many_gone(int64_t gone, int64_t of);

// Which forms of the document filter give all documents of an organization.
enum plan_folders {
    PLAN_FOLDERS_UNKNOWN = 0, // these numbers stand in connection.folder_filter
    PLAN_FOLDERS_NULL = 1,    // the filter "null" does
    PLAN_FOLDERS_UNION = 2,   // root level and foldered ones, asked for one after the other
    PLAN_FOLDERS_EACH = 3,    // root level and each folder, one after the other
};
enum { PLAN_FOLDERS_LAST = PLAN_FOLDERS_EACH };
// What an organization answers.
struct plan_folder_counts {
    // Documents under each form of the filter; -1: refused, or not asked.
    int64_t null, none, not_null;
    bool listed;      // its folders could be listed
    size_t to_ask;    // of them that have documents, or do not say
    int64_t foldered; // documents that they say they have, at least
};
// Judges by them. `*ret_certain`: the answer holds for other organizations too; without foldered
// documents all forms look alike. `*ret_doubt`: nothing tells whether there are any here.
enum plan_folders plan_folders(const struct plan_folder_counts *counts, bool *ret_certain,
                               bool *ret_doubt);
// What is still worth asking before that; each at most once.
enum plan_folder_question { PLAN_ASK_NOTHING, PLAN_ASK_NOT_NULL, PLAN_ASK_FOLDERS };
enum plan_folder_question plan_folder_question(const struct plan_folder_counts *counts,
                                               bool not_null_asked, bool folders_asked);
