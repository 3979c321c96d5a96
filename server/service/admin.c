// AdminService: the service itself, over all tenants.
//
// An operator is of some tenant as every caller is, but acts on all. What to do is found under the
// janitor's role, which sees across tenants and no sealed byte; it is done record by record under
// the serving role, in a transaction of the record's tenant, with that tenant's audit event.
#include "docbridge/v1/admin.pb-c.h"

#include <string.h>

#include "server/audit/audit.h"
#include "server/base/log.h"
#include "server/service/begin.h"
#include "server/service/services.h"
#include "server/store/vault_record.h"

HANDLER(rewrap_vault, RewrapVaultRequest, RewrapVaultResponse)

static const struct method methods[] = {
    UNARY(RewrapVault, rewrap_vault, LANE_STORE),
};

const struct service admin_service = {
    &docbridge__v1__admin_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

enum {
    PAGE_RECORDS = 100,
    PAGE_BYTES = 256 * 1024,
    RECORD_BYTES = 512 * 1024,
    RECORD_MS = 2000, // then a record that somebody holds is left for another call
    REPORT_MS = 1000, // kept of the deadline for the answer
};

// One call.
struct rewrap {
    struct request *request;
    const char *key_id; // that seals
    Docbridge__V1__RewrapVaultResponse *out;
    int64_t unreadable_count;
};

static enum err_code count_unreadable(struct rewrap *rewrap, const char *key_id, struct err *reterr)
{
    Docbridge__V1__RewrapVaultResponse *out = rewrap->out;
    struct arena *arena = rewrap->request->arena;
    rewrap->unreadable_count++;
    for (size_t i = 0; i < out->n_unreadable; i++)
        if (strcmp(out->unreadable[i]->master_key_id, key_id) == 0) {
            out->unreadable[i]->record_count++;
            return ERR_OK;
        }
    Docbridge__V1__RewrapVaultResponse__Unreadable **all =
        arena_calloc(arena, out->n_unreadable + 1, sizeof(*all));
    Docbridge__V1__RewrapVaultResponse__Unreadable *one = arena_alloc(arena, sizeof(*one));
    if (all == NULL || one == NULL)
        return err_no_memory(reterr);
    docbridge__v1__rewrap_vault_response__unreadable__init(one);
    one->master_key_id = arena_strdup(arena, key_id);
    one->record_count = 1;
    if (one->master_key_id == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < out->n_unreadable; i++)
        all[i] = out->unreadable[i];
    all[out->n_unreadable++] = one;
    out->unreadable = all;
    return ERR_OK;
}

// `fresh` NULL: it does not open.
static enum err_code append_event(struct tx *tx, const struct rewrap *rewrap,
                                  const struct vault_place *place,
                                  const struct vault_record *record, const struct sealed *fresh,
                                  const char *fingerprint, struct arena *arena, struct err *reterr)
{
    const char *resource = arena_printf(arena, "connections/%s", place->connection_id);
    if (resource == NULL)
        return err_no_memory(reterr);
    const struct sealed *old = &record->sealed;
    const struct audit_change changes[] = {
        {"credential.master_key_id", old->master_key_id, fresh == NULL ? "" : fresh->master_key_id},
        {"credential.scheme", old->scheme, fresh == NULL ? "" : fresh->scheme},
        {"credential.fingerprint", record->key_fingerprint, fingerprint},
    };
    size_t change_count = record->key_fingerprint == NULL ? 2 : 3;
    const struct audit_event event = {
        .type = AUDIT_VAULT_REWRAP,
        .phase = AUDIT_SINGLE,
        .outcome = fresh == NULL ? AUDIT_FAILED : AUDIT_SUCCEEDED,
        .error = fresh == NULL ? ERR_VAULT_RECORD_UNREADABLE : ERR_OK,
        .resource = resource,
        .resource_display_name = record->display_name,
        .changes = changes,
        .change_count = fresh == NULL ? 0 : change_count,
    };
    return audit_append_operator(tx, rewrap->request, &event, NULL, reterr);
}

// One record, in a transaction of its tenant: wrapped anew, or counted as unreadable.
static enum err_code rewrap_record(struct rewrap *rewrap, const struct vault_place *place,
                                   struct arena *arena, struct err *reterr)
{
    const struct backend *backend = rewrap->request->backend;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct vault_record record;
    struct sealed fresh;
    char fingerprint[VAULT_FINGERPRINT_BYTES];
    bool found;
    try_(request_begin_of(rewrap->request, place->tenant,
                          deadline_at_most(rewrap->request->deadline, RECORD_MS), &tx, reterr));
    try_(vault_record_lock(tx, place->connection_id, place->version, arena, &record, &found,
                           reterr));
    // Rotated, deleted or wrapped by somebody else since it was found.
    if (!found || vault_is_current(backend->vault, &record.sealed))
        return ERR_OK;
    const struct vault_context context = {
        .tenant = place->tenant,
        .connection = place->connection_id,
        .purpose = "api-key",
        .version = place->version,
    };
    struct err why = {0};
    enum err_code code =
        vault_rewrap(backend->vault, &context, &record.sealed, arena, &fresh, fingerprint, &why);
    if (code == ERR_VAULT_RECORD_UNREADABLE) {
        log_event(LOG_ERROR, "a sealed record cannot be wrapped anew",
                  LOG_STR("tenant", place->tenant), LOG_ERR(&why));
        try_(append_event(tx, rewrap, place, &record, NULL, NULL, arena, reterr));
        try_(tx_commit(&tx, reterr));
        return count_unreadable(rewrap, record.sealed.master_key_id, reterr);
    }
    if (code != ERR_OK) {
        if (reterr != NULL)
            *reterr = why;
        return code;
    }
    try_(vault_record_replace(tx, place->connection_id, place->version, &fresh, fingerprint,
                              reterr));
    try_(append_event(tx, rewrap, place, &record, &fresh, fingerprint, arena, reterr));
    try_(tx_commit(&tx, reterr));
    rewrap->out->rewrapped_count++;
    return ERR_OK;
}

static bool goes_on(const struct rewrap *rewrap, int32_t max_records)
{
    return deadline_left_ms(rewrap->request->deadline) > REPORT_MS &&
           !atomic_load(rewrap->request->cancelled) &&
           (max_records == 0 || rewrap->out->rewrapped_count < max_records);
}

// The next page of records that are sealed otherwise. `*place` moves to the last that was tried;
// `*ret_more` is false after the last page.
static enum err_code rewrap_page(struct rewrap *rewrap, int32_t max_records,
                                 struct vault_place *place, bool *ret_more, struct err *reterr)
{
    const struct request *request = rewrap->request;
    struct arena page _cleanup_(arena_done);
    arena_init(&page, PAGE_BYTES);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct vault_place *places, last = *place;
    size_t count;
    // An operator whose token is revoked gets no further.
    try_(request_check(request, reterr));
    try_(request_begin_janitor(request, &tx, reterr));
    try_(vault_record_find_stale(tx, rewrap->key_id, VAULT_SCHEME, place, PAGE_RECORDS, &page,
                                 &places, &count, reterr));
    try_(tx_commit(&tx, reterr));
    *ret_more = count == PAGE_RECORDS;
    for (size_t i = 0; i < count && goes_on(rewrap, max_records); i++) {
        struct arena memory _cleanup_(arena_done);
        arena_init(&memory, RECORD_BYTES);
        enum err_code code = rewrap_record(rewrap, &places[i], &memory, reterr);
        // Held by another transaction: it is counted as remaining.
        if (code != ERR_OK && code != ERR_CONFLICT && code != ERR_DEADLINE_EXCEEDED)
            return code;
        last = places[i];
    }
    if (last.tenant == NULL)
        return ERR_OK;
    place->tenant = arena_strdup(request->arena, last.tenant);
    place->connection_id = arena_strdup(request->arena, last.connection_id);
    place->version = last.version;
    return place->tenant == NULL || place->connection_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code survey(const struct rewrap *rewrap, struct vault_survey *ret_survey,
                            struct err *reterr)
{
    const struct request *request = rewrap->request;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin_janitor(request, &tx, reterr));
    try_(vault_record_survey(tx, rewrap->key_id, VAULT_SCHEME, ret_survey, reterr));
    return tx_commit(&tx, reterr);
}

static int32_t to_count(int64_t number)
{
    return number < 0 ? 0 : number > INT32_MAX ? INT32_MAX : (int32_t)number;
}

static enum err_code rewrap_vault(struct request *request,
                                  const Docbridge__V1__RewrapVaultRequest *in,
                                  Docbridge__V1__RewrapVaultResponse *out, struct err *reterr)
{
    const char *ids[VAULT_KEYS_MAX];
    struct vault_survey before, after;
    if (in->max_records < 0)
        return err_invalid(reterr, "max_records", "must not be negative");
    try_(request_check(request, reterr));
    (void)vault_key_ids(request->backend->vault, ids);
    struct rewrap rewrap = {.request = request, .key_id = ids[0], .out = out};
    try_(survey(&rewrap, &before, reterr));
    struct vault_place place = {0};
    for (bool more = before.stale_count > 0; more && goes_on(&rewrap, in->max_records);)
        try_(rewrap_page(&rewrap, in->max_records, &place, &more, reterr));
    try_(survey(&rewrap, &after, reterr));
    out->master_key_id = arena_strdup(request->arena, rewrap.key_id);
    out->current_count = to_count(before.current_count);
    out->remaining_count = to_count(after.stale_count - rewrap.unreadable_count);
    return out->master_key_id == NULL ? err_no_memory(reterr) : ERR_OK;
}
