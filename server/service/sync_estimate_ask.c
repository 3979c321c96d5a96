// What an estimate asks of upstream: of each list one row, and what its page says of the whole.
#include "server/service/begin.h"
#include "server/service/sync_estimate_private.h"
#include "server/store/record.h"

// What came.
struct answer {
    bool refused; // upstream does not give it, or not so
    int64_t total_count;
    bool has_row;
    int64_t id, update_time_us;
    bool completed;
};

static bool note_record(void *context, const struct source_record *record)
{
    struct answer *answer = context;
    answer->has_row = true;
    answer->id = record->id;
    answer->update_time_us = record->update_time_us;
    answer->completed = record->completed;
    return true;
}

static bool ignore_quarantine(void *context, const struct source_quarantine *quarantine)
{
    (void)context;
    (void)quarantine;
    return true;
}

enum err_code sync_estimate_ask(struct estimate *estimate, const struct source_query *query,
                                const struct source_sink *sink, struct estimate_answer *ret_answer,
                                struct err *reterr)
{
    const struct request *request = estimate->request;
    const char *tenant = request->caller->tenant;
    struct sync *sync = request->backend->sync;
    struct source_page page = {.total_count = -1};
    struct source_attempt attempt = {0};
    try_(sync_admit_request(sync, tenant, estimate->connection_id, estimate->credential_version,
                            reterr));
    enum err_code code = source_fetch_page(estimate->source, query, sink, request->deadline,
                                           request->cancelled, &page, &attempt, reterr);
    sync_note_attempt(sync, tenant, estimate->connection_id, estimate->credential_version,
                      &attempt);
    estimate->requests += attempt.request_count;
    estimate->latency_us += attempt.latency_us;
    *ret_answer = (struct estimate_answer){
        .page = page,
        .refused = code == ERR_UPSTREAM_ACCESS_DENIED || code == ERR_UPSTREAM_RECORD_GONE ||
                   attempt.http_status == 400 || attempt.http_status == 422,
        .http_status = attempt.http_status,
    };
    return ret_answer->refused ? ERR_OK : code;
}

static enum err_code ask(struct estimate *estimate, const struct source_query *query,
                         struct answer *ret_answer, struct err *reterr)
{
    const struct source_sink sink = {note_record, ignore_quarantine, ret_answer};
    struct estimate_answer answer;
    *ret_answer = (struct answer){0};
    try_(sync_estimate_ask(estimate, query, &sink, &answer, reterr));
    ret_answer->refused = answer.refused;
    ret_answer->total_count = answer.refused ? -1 : answer.page.total_count;
    return ERR_OK;
}

enum err_code sync_estimate_count_of(struct estimate *estimate, enum source_kind kind,
                                     int64_t type_id, int64_t organization_id, int64_t *ret_rows,
                                     struct err *reterr)
{
    const struct source_query query = {
        .kind = kind,
        .type_id = type_id,
        .organization_id = organization_id,
        .page_number = 1,
        .page_size = 1,
    };
    struct answer answer;
    try_(ask(estimate, &query, &answer, reterr));
    *ret_rows = answer.total_count;
    return ERR_OK;
}

// The organization whose lists are read, if there is but one: else 0, the account's.
static int64_t only_organization(const struct estimate *estimate, enum source_kind kind)
{
    bool only = estimate->organization_count == 1 && kind != SOURCE_ORGANIZATIONS;
    return only ? estimate->organizations[0] : 0;
}

enum err_code sync_estimate_count(struct estimate *estimate, enum source_kind kind, int64_t type_id,
                                  int64_t *ret_rows, struct err *reterr)
{
    return sync_estimate_count_of(estimate, kind, type_id, only_organization(estimate, kind),
                                  ret_rows, reterr);
}

// The row at a place of a list, from 1, what changed last first.
static enum err_code ask_row(struct estimate *estimate, const struct estimate_list *list,
                             const int64_t *type_ids, size_t type_count, int64_t place,
                             struct answer *ret_answer, struct err *reterr)
{
    // Which traits are secret is not looked up: none is read.
    static const char *const no_traits[] = {""};
    const struct source_query query = {
        .kind = list->kind,
        .type_id = list->type_id,
        .type_ids = type_ids,
        .type_count = type_count,
        .organization_id = only_organization(estimate, list->kind),
        .page_number = (int)place,
        .page_size = 1,
        .known_traits = no_traits,
        .known_trait_count = 1,
        .newest_first = true,
    };
    return ask(estimate, &query, ret_answer, reterr);
}

enum err_code sync_estimate_changes(struct estimate *estimate, const struct estimate_list *list,
                                    int64_t from, int64_t *ret_pages, struct err *reterr)
{
    enum { ROWS_MAX = 1 << 30 };
    int64_t size = estimate->limit.page_size;
    int64_t pages = from;
    // It would have to double, and all of it to change.
    bool over = list->total_count >= 0 && list->total_count * 2 <= size;
    while (!over) {
        struct answer answer;
        try_(ask_row(estimate, list, NULL, 0, pages * size, &answer, reterr));
        bool reaches = answer.update_time_us < list->since_us &&
                       (list->kind != SOURCE_CHECKLISTS || answer.completed);
        over = answer.refused || !answer.has_row || reaches || pages * size >= ROWS_MAX / 2;
        if (!over)
            pages *= 2;
    }
    *ret_pages = pages;
    return ERR_OK;
}

// Whether a flexible asset is not stored as it came.
static enum err_code is_new(const struct estimate *estimate, const struct answer *asset,
                            bool *ret_new, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    const int64_t *ids;
    size_t count;
    try_(request_begin(estimate->request, &tx, reterr));
    try_(record_new(tx, estimate->connection_id, SOURCE_FLEXIBLE_ASSETS, &asset->id,
                    &asset->update_time_us, 1, estimate->request->arena, &ids, &count, reterr));
    *ret_new = count > 0;
    return ERR_OK;
}

// Which of the types a glance at all of them would leave to be read.
struct sight {
    enum plan_glanced told;
    bool unchanged;   // nothing of what its page goes back to
    int64_t until_us; // and to when that is
};

static enum err_code look(struct estimate *estimate, struct sight *ret_sight, struct err *reterr)
{
    const struct estimate_list all = {.kind = SOURCE_FLEXIBLE_ASSETS};
    struct answer first, last = {0};
    int64_t size = estimate->limit.page_size;
    size_t count = 0;
    int64_t *ids = arena_calloc(estimate->request->arena, estimate->type_count + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < estimate->type_count && count < estimate->glance.lists; i++)
        if (estimate->type_changes[i].since_us != 0 && estimate->type_changes[i].total_count >= 0)
            ids[count++] = estimate->types[i].id;
    try_(ask_row(estimate, &all, ids, count, 1, &first, reterr));
    bool changed = false;
    if (first.has_row)
        try_(is_new(estimate, &first, &changed, reterr));
    *ret_sight = (struct sight){
        .told = first.refused
                    ? PLAN_GLANCE_IGNORED
                    : plan_glance_judge(&estimate->glance, first.total_count, changed ? 1 : 0),
        .unchanged = !changed,
    };
    if (ret_sight->told != PLAN_GLANCE_OF_ALL || first.total_count <= size)
        return ERR_OK;
    try_(ask_row(estimate, &all, ids, count, size, &last, reterr));
    ret_sight->until_us = last.update_time_us;
    return ERR_OK;
}

enum err_code sync_estimate_types(struct estimate *estimate, int64_t *ret_pages, bool *ret_most,
                                  struct err *reterr)
{
    struct sight sight = {.told = PLAN_GLANCE_IGNORED};
    bool glances = plan_glance_pays(&estimate->glance);
    if (glances)
        try_(look(estimate, &sight, reterr));
    *ret_pages = glances;
    *ret_most = false;
    for (size_t i = 0; i < estimate->type_count; i++) {
        const struct estimate_list *list = &estimate->type_changes[i];
        if (list->since_us == 0)
            continue;
        bool seen = sight.told == PLAN_GLANCE_OF_ALL && list->total_count >= 0 &&
                    sight.until_us < list->since_us;
        int64_t pages = seen && sight.unchanged ? 0 : 1;
        // Of what the glance's page goes back to there is no second page.
        if (!seen)
            try_(sync_estimate_changes(estimate, list, 1, &pages, reterr));
        *ret_pages += pages;
        *ret_most = *ret_most || pages > 1 || (glances && pages > 0);
    }
    return ERR_OK;
}
