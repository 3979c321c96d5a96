// What the order of documents' changes makes of a run's requests: the looks and proofs that it is
// going to make (sync/document_order.h) are made now.
#include "server/service/begin.h"
#include "server/service/sync_estimate_private.h"
#include "server/sync/document_end.h"

enum { ASKED_MAX = 100 }; // requests that an estimate may take for it

// How the run stands when it comes to a list.
struct course {
    bool used, proven;
    int asked;
    int64_t requests;
    size_t spared;
};

static enum err_code fetch(struct estimate *estimate, struct course *course,
                           const int64_t *organization_id, bool newest, struct document_end *end,
                           struct err *reterr)
{
    const struct source_query query = document_end_query(*organization_id, newest);
    struct estimate_answer answer;
    document_end_init(end, organization_id);
    const struct source_sink sink = page_sink(&end->page);
    try_(sync_estimate_ask(estimate, &query, &sink, &answer, reterr));
    document_end_note(end, &answer.page, !answer.refused, answer.http_status);
    course->asked++;
    course->requests++;
    return ERR_OK;
}

static enum err_code is_stored(struct estimate *estimate, struct document_end *end,
                               bool *ret_stored, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(estimate->request, &tx, reterr));
    return document_end_is_stored(tx, estimate->connection_id, end, ret_stored, reterr);
}

static enum err_code look(struct estimate *estimate, struct course *course,
                          const struct record_extent *list, struct err *reterr)
{
    int page_size = estimate->limit.document_page_size;
    struct document_end end _cleanup_(document_end_done);
    bool unchanged = false;
    try_(fetch(estimate, course, &list->organization_id, true, &end, reterr));
    enum document_end_told told = document_end_judge(&end, list);
    if (told == DOCUMENT_END_DISORDERED)
        course->used = course->proven = false;
    if (told == DOCUMENT_END_SAME)
        try_(is_stored(estimate, &end, &unchanged, reterr));
    int64_t pages = end.answer.total_count < 0 ? plan_pages(list->count, page_size)
                                               : plan_pages(end.answer.total_count, page_size);
    course->requests += (unchanged ? 0 : pages) - plan_pages(list->count, page_size);
    course->spared += unchanged;
    return ERR_OK;
}

// The list is going to be read whole before: what an end shows is what is stored then.
static void read_on(struct record_extent *list, const struct document_end *end)
{
    if (!end->good)
        return;
    list->count = end->answer.total_count;
    if (end->page.newest_us > list->newest_us)
        list->newest_us = end->page.newest_us;
    if (end->page.oldest_us != 0 && end->page.oldest_us < list->oldest_us)
        list->oldest_us = end->page.oldest_us;
}

static enum err_code prove(struct estimate *estimate, struct course *course,
                           const struct record_extent *stored, struct err *reterr)
{
    struct record_extent list = *stored;
    for (int newest = 1; newest >= 0; newest--) {
        struct document_end end _cleanup_(document_end_done);
        try_(fetch(estimate, course, &list.organization_id, newest == 1, &end, reterr));
        read_on(&list, &end);
        if (document_end_is_other(&end, &list))
            return ERR_OK;
        course->used = document_end_is_kept(&end, newest == 1, &list);
        if (!course->used)
            return ERR_OK;
    }
    course->proven = true;
    return ERR_OK;
}

enum err_code sync_estimate_order(struct estimate *estimate, int64_t *ret_requests,
                                  size_t *ret_spared, bool *ret_most, struct err *reterr)
{
    struct course course = {estimate->order_used, estimate->order_proven, 0, 0, 0};
    *ret_most = false;
    for (size_t i = 0; i < estimate->long_list_count && course.used; i++) {
        const struct record_extent *list = &estimate->long_lists[i];
        *ret_most = course.asked >= ASKED_MAX;
        if (*ret_most)
            course.requests += course.proven ? 1 : 2;
        else if (course.proven)
            try_(look(estimate, &course, list, reterr));
        else
            try_(prove(estimate, &course, list, reterr));
    }
    *ret_requests = course.requests;
    *ret_spared = course.spared;
    return ERR_OK;
}
