#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "grpc/health/v1/health.pb-c.h"

int health_run(struct session *session)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    if (session->arguments->word_count > 0)
        field_set_text(&request.base, "service", session->arguments->words[0]);
    const ProtobufCMessage *answer;
    int class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    class = output_message(session, answer);
    const Grpc__Health__V1__HealthCheckResponse *response = (const void *)answer;
    bool serving =
        response->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    return class != EXIT_OK || serving ? class : EXIT_OTHER;
}
