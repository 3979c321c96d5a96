#include <string.h>

#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/reveal_policy.pb-c.h"
#include "server/base/encoding.h"

// A switch, number or word of the command line as a field of the policy, left alone if not given.
static void take_switch(struct mask *mask, const struct session *session, const char *flag,
                        const char *path, protobuf_c_boolean *ret_value)
{
    if (!parse_has(session->arguments, flag))
        return;
    *ret_value = parse_on(session->arguments, flag);
    mask_add(mask, path);
}

// Reads digits up to `end`, which must be there; leaves `*text` behind it.
static bool read_number(const char **text, const char *ends, int64_t *ret_number)
{
    size_t len = strcspn(*text, ends);
    if ((*text)[len] == '\0' || !encoding_int64(*text, len, ret_number) || *ret_number < 1 ||
        *ret_number > INT32_MAX)
        return false;
    *text += len;
    return true;
}

// Reads "N/WINDOW" such as 20/1h, with "/freeze" behind it if need be, or "none".
static bool read_budget(const char *text, Docbridge__V1__RevealBudget *budget,
                        Google__Protobuf__Duration *window)
{
    static const char units[] = "smhd";
    static const int seconds[] = {1, 60, 3600, 86400};
    int64_t limit, count;
    if (strcmp(text, "none") == 0)
        return true;
    if (!read_number(&text, "/", &limit))
        return false;
    text++;
    if (!read_number(&text, units, &count))
        return false;
    window->seconds = count * seconds[strchr(units, *text) - units];
    budget->limit = (int32_t)limit;
    budget->window = window;
    budget->freezes = strcmp(text + 1, "/freeze") == 0;
    return budget->freezes || text[1] == '\0';
}

// Room for the budgets that the command line names.
struct budgets {
    Docbridge__V1__RevealBudget all[3];
    Google__Protobuf__Duration windows[3];
};

static int take_budgets(struct session *session, struct budgets *budgets,
                        Docbridge__V1__RevealPolicy *policy, struct mask *mask)
{
    const struct {
        const char *flag, *path;
        Docbridge__V1__RevealBudget **field;
    } rows[] = {{"user-budget", "user_budget", &policy->user_budget},
                {"company-budget", "company_budget", &policy->company_budget},
                {"tenant-budget", "tenant_budget", &policy->tenant_budget}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *text = parse_text(session->arguments, rows[i].flag);
        if (text == NULL)
            continue;
        docbridge__v1__reveal_budget__init(&budgets->all[i]);
        google__protobuf__duration__init(&budgets->windows[i]);
        if (!read_budget(text, &budgets->all[i], &budgets->windows[i]))
            return session_usage(session,
                                 "--%s: write N/WINDOW such as 20/1h, 20/1h/freeze, or "
                                 "none",
                                 rows[i].flag);
        *rows[i].field = &budgets->all[i];
        mask_add(mask, rows[i].path);
    }
    return EXIT_OK;
}

static void take_policy(const struct session *session, Docbridge__V1__RevealPolicy *policy,
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
}

static int take_handoffs(struct session *session, Google__Protobuf__Duration *most,
                         Docbridge__V1__RevealPolicy *policy, struct mask *mask)
{
    const char *text = parse_text(session->arguments, "handoffs");
    if (text == NULL)
        return EXIT_OK;
    google__protobuf__duration__init(most);
    if (strcmp(text, "none") != 0) {
        if (!parse_seconds(text, &most->seconds))
            return session_usage(session, "--handoffs: write a time such as 15m or 2h, or none");
        policy->handoff_max_ttl = most;
    }
    mask_add(mask, "handoff_max_ttl");
    return EXIT_OK;
}

int reveal_policy_set_run(struct session *session)
{
    Docbridge__V1__UpdateRevealPolicyRequest request =
        DOCBRIDGE__V1__UPDATE_REVEAL_POLICY_REQUEST__INIT;
    Docbridge__V1__RevealPolicy policy = DOCBRIDGE__V1__REVEAL_POLICY__INIT;
    const ProtobufCMessage *answer;
    struct mask mask;
    struct budgets budgets;
    mask_init(&mask);
    take_policy(session, &policy, &mask);
    Google__Protobuf__Duration handoffs;
    int class = take_budgets(session, &budgets, &policy, &mask);
    if (class == EXIT_OK)
        class = take_handoffs(session, &handoffs, &policy, &mask);
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

int reveal_policy_unfreeze_run(struct session *session)
{
    Docbridge__V1__UnfreezeRevealsRequest request = DOCBRIDGE__V1__UNFREEZE_REVEALS_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, "revealFreezes/{reveal_freeze}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    field_set_text(&request.base, "reason", parse_text(session->arguments, "reason"));
    class = session_call_own(session, &request.base, &answer);
    if (class == EXIT_OK)
        session_note(session, "%s is ended; its budget begins anew", name);
    return class;
}
