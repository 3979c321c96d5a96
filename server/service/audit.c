// AuditService: the tenant's trail, read.
#include "docbridge/v1/audit.pb-c.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/trail.h"
#include "server/base/encoding.h"
#include "server/service/audit_message.h"
#include "server/service/begin.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/services.h"
#include "server/store/audit_event.h"

// A page ends with the event that fills so many bytes: an answer has three megabytes, an event one
// at most, and quick matches of many organizations come near to that.
enum { PAGE_BYTES = 3 * 512 * 1024 };

HANDLER(list_audit_events, ListAuditEventsRequest, ListAuditEventsResponse)
HANDLER(get_audit_event, GetAuditEventRequest, AuditEvent)
HANDLER(get_audit_signing_key, GetAuditSigningKeyRequest, AuditSigningKey)
HANDLER(verify_audit_chain, VerifyAuditChainRequest, VerifyAuditChainResponse)

static const struct method methods[] = {
    UNARY(ListAuditEvents, list_audit_events, LANE_STORE),
    UNARY(GetAuditEvent, get_audit_event, LANE_STORE),
    STREAM(ExportAuditEvents, audit_export_handler, LANE_STORE),
    STREAM(WatchAuditEvents, audit_watch_handler, LANE_STORE),
    UNARY(VerifyAuditChain, verify_audit_chain, LANE_STORE),
    UNARY(GetAuditSigningKey, get_audit_signing_key, LANE_NONE),
};

const struct service audit_service = {
    &docbridge__v1__audit_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

static enum err_code list_audit_events(struct request *request,
                                       const Docbridge__V1__ListAuditEventsRequest *in,
                                       Docbridge__V1__ListAuditEventsResponse *out,
                                       struct err *reterr)
{
    const struct page_list list = {"ListAuditEvents", NULL, in->filter};
    struct arena *arena = request->arena;
    struct audit_event_filter filter = {0};
    struct audit_event_row *rows;
    const char *cursor;
    int64_t before = 0;
    size_t count;
    int size;
    try_(audit_filter_parse(request, in->filter, &filter, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    if (cursor[0] != '\0' && !encoding_int64(cursor, strlen(cursor), &before))
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is of another version");

    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    try_(audit_event_list(tx, &filter, before, size + 1, AUDIT_UNRESOLVED_SECONDS, arena, &rows,
                          &count, reterr));
    try_(tx_commit(&tx, reterr));

    size_t shown = count > (size_t)size ? (size_t)size : count;
    out->audit_events = arena_calloc(arena, shown + 1, sizeof(*out->audit_events));
    Docbridge__V1__AuditEvent *all = arena_calloc(arena, shown + 1, sizeof(*all));
    if (out->audit_events == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t bytes = 0; out->n_audit_events < shown && bytes < PAGE_BYTES;) {
        size_t i = out->n_audit_events++;
        out->audit_events[i] = &all[i];
        docbridge__v1__audit_event__init(&all[i]);
        try_(audit_message_fill(arena, &rows[i], &all[i], reterr));
        bytes += protobuf_c_message_get_packed_size(&all[i].base);
    }
    if (count > out->n_audit_events) {
        const char *next = arena_printf(arena, "%" PRId64, rows[out->n_audit_events - 1].sequence);
        if (next == NULL)
            return err_no_memory(reterr);
        try_(page_make(request, &list, next, &out->next_page_token, reterr));
    }
    return ERR_OK;
}

static enum err_code get_audit_event(struct request *request,
                                     const Docbridge__V1__GetAuditEventRequest *in,
                                     Docbridge__V1__AuditEvent *out, struct err *reterr)
{
    struct audit_event_row *row;
    struct name name;
    try_(name_parse(in->name, "auditEvents/{audit_event}", "name", request->arena, &name, reterr));

    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    enum err_code code = audit_event_get(tx, name.audit_event, AUDIT_UNRESOLVED_SECONDS,
                                         request->arena, &row, reterr);
    // What is of no company is for those who see them all.
    if (code == ERR_RESOURCE_NOT_FOUND ||
        (code == ERR_OK && !request->caller->all_companies && row->company_id[0] == '\0'))
        return err_not_found(reterr, in->name);
    try_(code);
    try_(request_check_sight(tx, request, row->company_id, in->name, reterr));
    try_(tx_commit(&tx, reterr));
    return audit_message_fill(request->arena, row, out, reterr);
}

static enum err_code verify_audit_chain(struct request *request,
                                        const Docbridge__V1__VerifyAuditChainRequest *in,
                                        Docbridge__V1__VerifyAuditChainResponse *out,
                                        struct err *reterr)
{
    return audit_verify(request, in, out, reterr);
}

static enum err_code get_audit_signing_key(struct request *request,
                                           const Docbridge__V1__GetAuditSigningKeyRequest *in,
                                           Docbridge__V1__AuditSigningKey *out, struct err *reterr)
{
    unsigned char key[AUDIT_KEY_BYTES];
    char id[AUDIT_KEY_ID_BYTES];
    if (strcmp(in->name, "auditSigningKey") != 0)
        return err_invalid(reterr, "name", "must be auditSigningKey");
    out->name = arena_strdup(request->arena, in->name);
    if (out->name == NULL)
        return err_no_memory(reterr);
    if (!trail_public_key(request->backend->trail, key))
        return ERR_OK;
    audit_key_id(key, id);
    out->key_id = arena_strdup(request->arena, id);
    out->public_key.data = arena_alloc(request->arena, sizeof(key));
    if (out->key_id == NULL || out->public_key.data == NULL)
        return err_no_memory(reterr);
    memcpy(out->public_key.data, key, sizeof(key));
    out->public_key.len = sizeof(key);
    return ERR_OK;
}
