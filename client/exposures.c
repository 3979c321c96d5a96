#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/exposure.pb-c.h"

int exposures_resolve_run(struct session *session)
{
    Docbridge__V1__ResolveExposureRequest request = DOCBRIDGE__V1__RESOLVE_EXPOSURE_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, "exposures/{exposure}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    field_set_text(&request.base, "note", parse_text(session->arguments, "note"));
    mask_set_etag(session, &request.base);
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}
