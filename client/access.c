#include "client/field.h"
#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/access.pb-c.h"

int access_revoke_run(struct session *session)
{
    Docbridge__V1__RevokeSubjectRequest request = DOCBRIDGE__V1__REVOKE_SUBJECT_REQUEST__INIT;
    const ProtobufCMessage *answer;
    field_set_text(&request.base, "subject", session->arguments->words[0]);
    int class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}
