#include "server/sync/psa_type.h"

#include "server/base/log.h"

// Whether the answer is the organization and no other.
static bool is_exactly(const struct fetch *fetch, int64_t organization_id)
{
    const struct page *page = fetch->page;
    return page->record_count == 1 && page->records[0].id == organization_id &&
           page->bad_count == 0 && fetch->answer.total_count <= 1 && fetch->answer.next_page == 0;
}

// Asks for the organization by its id in one kind of PSA. A refusal is an answer, too: this kind is
// not the one.
static enum err_code ask(struct run *run, const struct sync_psa_witness *witness,
                         enum source_psa_type type, bool *ret_answered, bool *ret_found,
                         struct err *reterr)
{
    // A row more than is expected tells that the filter is ignored.
    const struct source_query query = {
        .kind = SOURCE_ORGANIZATIONS,
        .page_number = 1,
        .page_size = 2,
        .psa_id = witness->psa_id,
        .psa_type = type,
    };
    struct page page;
    page_init(&page);
    page.any_organization = true;
    struct fetch fetch = {.query = &query, .page = &page, .once = true};
    enum err_code code = run_fetch(run, &fetch, reterr);
    *ret_found = code == ERR_OK && is_exactly(&fetch, witness->organization_id);
    *ret_answered = code == ERR_OK || fetch.http_status == 400 || fetch.http_status == 404 ||
                    fetch.http_status == 422;
    page_done(&page);
    return code == ERR_CANCELLED ? code : ERR_OK;
}

static enum err_code load(struct run *run, struct sync_psa_witness *ret_witness, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    return sync_connection_psa_witness(tx, run->lease.connection_id, &run->arena, ret_witness,
                                       reterr);
}

static enum err_code note(struct run *run, int psa_type, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_connection_set_learned_psa_type(tx, run->lease.connection_id, psa_type,
                                              clock_wall_us(), reterr));
    return tx_commit(&tx, reterr);
}

enum err_code psa_type_learn(struct run *run, struct err *reterr)
{
    struct sync_psa_witness witness;
    int found_count = 0, learned = 0;
    try_(load(run, &witness, reterr));
    if (witness.organization_id == 0)
        return ERR_OK;
    for (int type = 1; type < SOURCE_PSA_TYPE_END; type++) {
        struct err err = {0};
        bool answered, found;
        enum err_code code =
            ask(run, &witness, (enum source_psa_type)type, &answered, &found, &err);
        if (code != ERR_OK) {
            *reterr = err;
            return code;
        }
        if (!answered) {
            log_event(LOG_WARN, "the kind of PSA was not found out", LOG_ERR(&err));
            return ERR_OK;
        }
        found_count += found;
        learned = found ? type : learned;
    }
    return note(run, found_count == 1 ? learned : 0, reterr);
}
