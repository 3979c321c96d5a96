// AccessService: tokens that are ended before their time.
#include "docbridge/v1/access.pb-c.h"

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/services.h"
#include "server/store/password_handoff.h"
#include "server/store/revocation.h"

HANDLER(revoke_subject, RevokeSubjectRequest, RevokeSubjectResponse)

static const struct method methods[] = {
    UNARY(RevokeSubject, revoke_subject, LANE_STORE),
};

const struct service access_service = {
    &docbridge__v1__access_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

static enum err_code audit_revoked(struct tx *tx, const struct request *request,
                                   const char *subject, int64_t time_us, struct err *reterr)
{
    char time[CLOCK_TEXT_BYTES];
    clock_text(time_us, time);
    const struct audit_change changes[] = {{"subject", NULL, subject}, {"revoke_time", NULL, time}};
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_REVOCATION,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .changes = changes,
                                              .change_count = ARRAY_LEN(changes)},
                        NULL, reterr);
}

static enum err_code revoke_subject(struct request *request,
                                    const Docbridge__V1__RevokeSubjectRequest *in,
                                    Docbridge__V1__RevokeSubjectResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t time_us = clock_wall_us();
    try_(field_subject(in->subject, "subject", reterr));
    // The caller's token shows how far the issuer's clock has come.
    if (time_us < request->caller->issue_time_us)
        time_us = request->caller->issue_time_us;
    try_(request_begin(request, &tx, reterr));
    // The revocation ends what the subject handed on, if it is committed by then.
    try_(password_handoff_hold(tx, in->subject, reterr));
    try_(revocation_put(tx, in->subject, time_us, &time_us, reterr));
    try_(audit_revoked(tx, request, in->subject, time_us, reterr));
    out->revoke_time = field_time(request->arena, time_us);
    if (out->revoke_time == NULL)
        return err_no_memory(reterr);
    return tx_commit(&tx, reterr);
}
