// VerifyAuditChain: the chain as it is stored, hashed again.
#include <string.h>

#include "server/audit/trail.h"
#include "server/service/audit_message.h"
#include "server/service/begin.h"
#include "server/store/audit_mark.h"

enum {
    EVENTS_DEFAULT = 20000,
    EVENTS_MAX = 100000,
    EVENTS_EACH = 500,
    CHANGES_BYTES = 1024 * 1024,
    MARKS_EACH = 1000,
    ARENA_BYTES = 16 * 1024 * 1024,
};

#define PROBLEM(name) DOCBRIDGE__V1__VERIFY_AUDIT_CHAIN_RESPONSE__PROBLEM__PROBLEM_##name

// How far the chain was followed.
struct pass {
    struct request *request;
    struct tx *tx;
    Docbridge__V1__VerifyAuditChainResponse *out;
    unsigned char public_key[AUDIT_KEY_BYTES];
    bool signs;
    struct audit_head head; // the end of the chain
    int64_t next;
    unsigned char previous[AUDIT_HASH_BYTES];
    bool linked; // `previous` is known
};

static bool broken(struct pass *pass, int64_t sequence,
                   Docbridge__V1__VerifyAuditChainResponse__Problem problem)
{
    pass->out->broken_sequence = sequence;
    pass->out->problem = problem;
    return false;
}

static bool check_event(struct pass *pass, const struct audit_event_row *row)
{
    unsigned char hash[AUDIT_HASH_BYTES];
    if (row->sequence != pass->next)
        return broken(pass, pass->next, PROBLEM(MISSING));
    audit_hash(row, hash);
    if (memcmp(hash, row->hash, sizeof(hash)) != 0)
        return broken(pass, row->sequence, PROBLEM(EDITED));
    if (pass->linked && memcmp(pass->previous, row->previous_hash, sizeof(hash)) != 0)
        return broken(pass, row->sequence, PROBLEM(UNLINKED));
    memcpy(pass->previous, hash, sizeof(hash));
    pass->linked = true;
    pass->next++;
    pass->out->verified_event_count++;
    return true;
}

// Whether it says that it is signed by the key in use.
static bool is_ours(const struct pass *pass, const struct audit_mark *mark)
{
    char id[AUDIT_KEY_ID_BYTES] = "";
    if (pass->signs)
        audit_key_id(pass->public_key, id);
    return pass->signs && strcmp(id, mark->key_id) == 0;
}

// What the key in use is to have signed must be; of another key the hash alone is compared here.
static bool check_signature(struct pass *pass, const struct audit_mark *mark)
{
    return !is_ours(pass, mark) || audit_mark_verify(mark, tx_tenant(pass->tx), pass->public_key) ||
           broken(pass, mark->sequence, PROBLEM(HEAD_DIFFERS));
}

static bool check_mark(struct pass *pass, const struct audit_mark *mark,
                       const struct audit_event_row *row)
{
    if (memcmp(mark->hash, row->hash, sizeof(mark->hash)) != 0)
        return broken(pass, mark->sequence, PROBLEM(HEAD_DIFFERS));
    if (!check_signature(pass, mark))
        return false;
    pass->out->verified_head_count += is_ours(pass, mark);
    return true;
}

static bool check_batch(struct pass *pass, const struct audit_event_row *rows, size_t count,
                        const struct audit_mark *marks, size_t mark_count)
{
    size_t mark = 0;
    for (size_t i = 0; i < count; i++) {
        if (!check_event(pass, &rows[i]))
            return false;
        for (; mark < mark_count && marks[mark].sequence == rows[i].sequence; mark++)
            if (!check_mark(pass, &marks[mark], &rows[i]))
                return false;
    }
    return true;
}

// Goes on behind what retention removed. False: nobody who may say so said that.
static bool pass_over(struct pass *pass, const struct audit_mark *retained)
{
    pass->out->retained_sequence = retained->sequence;
    pass->next = retained->sequence + 1;
    pass->linked = true;
    memcpy(pass->previous, retained->hash, sizeof(pass->previous));
    return check_signature(pass, retained);
}

// Each statement sees what was committed when it began: what is missing now may have been removed
// by retention since the last look. `*ret_holds`: it was.
static enum err_code look_again(struct pass *pass, bool *ret_holds, struct err *reterr)
{
    struct audit_mark retained;
    try_(audit_retained_get(pass->tx, pass->request->arena, &retained, reterr));
    *ret_holds = retained.sequence >= pass->next;
    if (!*ret_holds)
        return ERR_OK;
    pass->out->broken_sequence = 0;
    pass->out->problem = PROBLEM(UNSPECIFIED);
    *ret_holds = pass_over(pass, &retained);
    return ERR_OK;
}

// Follows the chain up to `last`. `*ret_holds`: nothing is wrong up to there.
static enum err_code follow(struct pass *pass, int64_t last, bool *ret_holds, struct err *reterr)
{
    *ret_holds = true;
    while (*ret_holds && pass->next <= last) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, ARENA_BYTES);
        struct audit_event_row *rows;
        struct audit_mark *marks;
        size_t count, mark_count;
        try_(audit_event_range(pass->tx, pass->next, last, EVENTS_EACH, CHANGES_BYTES, &arena,
                               &rows, &count, reterr));
        if (count == 0) {
            *ret_holds = broken(pass, pass->next, PROBLEM(MISSING));
        } else {
            try_(audit_mark_list(pass->tx, pass->next, rows[count - 1].sequence, MARKS_EACH, &arena,
                                 &marks, &mark_count, reterr));
            *ret_holds = check_batch(pass, rows, count, marks, mark_count);
        }
        if (!*ret_holds && pass->out->problem == PROBLEM(MISSING))
            try_(look_again(pass, ret_holds, reterr));
    }
    return ERR_OK;
}

// What the end of the chain and the last head say, when all events hold. That head may be of an end
// that came since the end was read: it is read again before anything is said to be missing.
static enum err_code check_end(struct pass *pass, struct err *reterr)
{
    int64_t marked;
    struct audit_head now = pass->head;
    try_(audit_mark_last(pass->tx, &marked, reterr));
    if (marked > pass->head.sequence)
        try_(audit_event_end(pass->tx, &now, reterr));
    // What retention removed beyond the end that was read says nothing of that end.
    bool at_end = pass->linked && pass->next == pass->head.sequence + 1;
    if (marked > now.sequence)
        (void)broken(pass, now.sequence + 1, PROBLEM(MISSING));
    else if (at_end && memcmp(pass->previous, pass->head.hash, sizeof(pass->previous)) != 0)
        (void)broken(pass, pass->head.sequence, PROBLEM(UNLINKED));
    return ERR_OK;
}

// The hash that the first event must follow. `*ret_holds`: what says it may.
static enum err_code find_start(struct pass *pass, int64_t asked, bool *ret_holds,
                                struct err *reterr)
{
    struct audit_mark retained;
    struct audit_event_row *before;
    try_(audit_retained_get(pass->tx, pass->request->arena, &retained, reterr));
    pass->out->retained_sequence = retained.sequence;
    *ret_holds = true;
    if (asked <= retained.sequence + 1) {
        *ret_holds = pass_over(pass, &retained);
        return ERR_OK;
    }
    pass->next = asked;
    enum err_code code = audit_event_get(pass->tx, pass->next - 1, AUDIT_UNRESOLVED_SECONDS,
                                         pass->request->arena, &before, reterr);
    pass->linked = code == ERR_OK;
    if (code == ERR_OK)
        memcpy(pass->previous, before->hash, sizeof(pass->previous));
    return code == ERR_RESOURCE_NOT_FOUND ? ERR_OK : code;
}

enum err_code audit_verify(struct request *request,
                           const Docbridge__V1__VerifyAuditChainRequest *in,
                           Docbridge__V1__VerifyAuditChainResponse *out, struct err *reterr)
{
    struct pass pass = {.request = request, .out = out};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    bool holds;
    if (in->start_sequence < 0)
        return err_invalid(reterr, "start_sequence", "must not be negative");
    if (in->max_event_count < 0)
        return err_invalid(reterr, "max_event_count", "must not be negative");
    int64_t most = in->max_event_count == 0           ? EVENTS_DEFAULT
                   : in->max_event_count < EVENTS_MAX ? in->max_event_count
                                                      : EVENTS_MAX;
    pass.signs = trail_public_key(request->backend->trail, pass.public_key);
    try_(request_begin(request, &tx, reterr));
    pass.tx = tx;
    try_(find_start(&pass, in->start_sequence, &holds, reterr));
    try_(audit_event_end(tx, &pass.head, reterr));
    bool to_end = pass.next > pass.head.sequence || pass.head.sequence - pass.next < most;
    if (holds)
        try_(follow(&pass, to_end ? pass.head.sequence : pass.next - 1 + most, &holds, reterr));
    if (holds && to_end)
        try_(check_end(&pass, reterr));
    if (holds && !to_end)
        out->next_start_sequence = pass.next;
    return tx_commit(&tx, reterr);
}
