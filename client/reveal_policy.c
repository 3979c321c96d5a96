#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/reveal_policy.pb-c.h"

// A switch, number or word of the command line as a field of the policy, left alone if not given.
static void take_switch(struct mask *mask, const struct session *session, const char *flag,
                        const char *path, protobuf_c_boolean *ret_value)
{
    if (!parse_has(session->arguments, flag))
        return;
    *ret_value = parse_on(session->arguments, flag);
    mask_add(mask, path);
}

static int take_policy(const struct session *session, Docbridge__V1__RevealPolicy *policy,
                       struct mask *mask)
{
    const struct arguments *arguments = session->arguments;
    const char *restricted = parse_text(arguments, "restricted");
    const char *services = parse_text(arguments, "services");
    int number = 0;
    if (restricted != NULL) {
        (void)field_enum_number(&docbridge__v1__reveal_policy__restricted_records__descriptor,
                                restricted, &number);
        policy->restricted_records = (Docbridge__V1__RevealPolicy__RestrictedRecords)number;
        mask_add(mask, "restricted_records");
    }
    if (services != NULL) {
        (void)field_enum_number(&docbridge__v1__reveal_policy__service_callers__descriptor,
                                services, &number);
        policy->service_callers = (Docbridge__V1__RevealPolicy__ServiceCallers)number;
        mask_add(mask, "service_callers");
    }
    if (parse_has(arguments, "reason-min")) {
        int64_t least = parse_number(arguments, "reason-min", 0);
        policy->reason_min_length = least > INT32_MAX ? INT32_MAX : (int32_t)least;
        mask_add(mask, "reason_min_length");
    }
    take_switch(mask, session, "list-restricted", "restricted_passwords_listed",
                &policy->restricted_passwords_listed);
    take_switch(mask, session, "reason", "reason_required", &policy->reason_required);
    take_switch(mask, session, "ticket", "ticket_required", &policy->ticket_required);
    take_switch(mask, session, "sealed", "sealed_required", &policy->sealed_required);
    return EXIT_OK;
}

int reveal_policy_set_run(struct session *session)
{
    Docbridge__V1__UpdateRevealPolicyRequest request =
        DOCBRIDGE__V1__UPDATE_REVEAL_POLICY_REQUEST__INIT;
    Docbridge__V1__RevealPolicy policy = DOCBRIDGE__V1__REVEAL_POLICY__INIT;
    const ProtobufCMessage *answer;
    struct mask mask;
    mask_init(&mask);
    int class = take_policy(session, &policy, &mask);
    if (class == EXIT_OK && mask.message.n_paths == 0)
        class = session_usage(session, "say what to change");
    if (class != EXIT_OK)
        return class;
    field_set_text(&policy.base, "name", "revealPolicy");
    mask_set_etag(session, &policy.base);
    request.reveal_policy = &policy;
    request.update_mask = &mask.message;
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}
