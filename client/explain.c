#include "client/group.h"
#include "client/output.h"
#include "client/remedy.h"
#include "client/session.h"
#include "docbridge/v1/password.pb-c.h"

enum { ASSUMED_MAX = 100 };

typedef Docbridge__V1__ExplainPasswordAccessRequest__AssumedSubject Subject;

static int read_permissions(struct session *session, Subject *subject)
{
    const char *value;
    for (size_t i = 0; (value = parse_each(session->arguments, "assume-permission", i)) != NULL;
         i++) {
        int number;
        if (i == ASSUMED_MAX ||
            !field_enum_number(&docbridge__v1__permission__descriptor, value, &number))
            return session_usage(session, "--assume-permission: at most %d permissions",
                                 ASSUMED_MAX);
        subject->permissions[subject->n_permissions++] = (Docbridge__V1__Permission)number;
    }
    return EXIT_OK;
}

static int read_companies(struct session *session, Subject *subject)
{
    const char *value;
    for (size_t i = 0; (value = parse_each(session->arguments, "assume-company", i)) != NULL; i++) {
        const char *name;
        if (i == ASSUMED_MAX)
            return session_usage(session, "--assume-company: at most %d companies", ASSUMED_MAX);
        int class = session_name(session, "companies/{company}", value, &name);
        if (class != EXIT_OK)
            return class;
        subject->companies[subject->n_companies++] = (char *)(uintptr_t)name;
    }
    return EXIT_OK;
}

static int read_subject(struct session *session, Subject *subject)
{
    const char *email = parse_text(session->arguments, "assume-email");
    const char *kind = parse_text(session->arguments, "assume-actor");
    int number = 0;
    if (kind != NULL)
        (void)field_enum_number(&docbridge__v1__actor__kind__descriptor, kind, &number);
    subject->actor_kind = (Docbridge__V1__Actor__Kind)number;
    if (email != NULL)
        field_set_text(&subject->base, "email", email);
    subject->all_companies = parse_has(session->arguments, "assume-all-companies");
    subject->permissions =
        arena_calloc(&session->arena, ASSUMED_MAX, sizeof(subject->permissions[0]));
    subject->companies = arena_calloc(&session->arena, ASSUMED_MAX, sizeof(subject->companies[0]));
    if (subject->permissions == NULL || subject->companies == NULL)
        return session_no_memory(session);
    int class = read_permissions(session, subject);
    return class == EXIT_OK ? read_companies(session, subject) : class;
}

// Ends as the reveal would.
static int print_answer(struct session *session,
                        const Docbridge__V1__ExplainPasswordAccessResponse *answer)
{
    bool table = session->options.format == OUTPUT_TABLE && answer->n_gates > 0;
    int class = table ? output_items(session, &answer->base, "gates", session->command->columns)
                      : output_message(session, &answer->base);
    if (class != EXIT_OK)
        return class;
    const char *who =
        answer->basis == DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_RESPONSE__BASIS__BASIS_ASSUMED
            ? "the assumed subject"
            : "you";
    if (answer->allowed) {
        session_note(session, "for %s a reveal would be let through to IT Glue", who);
        return EXIT_OK;
    }
    const struct remedy *remedy = remedy_find(answer->error_reason, STATUS_UNKNOWN);
    session_note(session, "for %s a reveal would be refused: %s; %s", who, answer->error_reason,
                 remedy->text);
    return remedy->class;
}

int passwords_explain_run(struct session *session)
{
    Docbridge__V1__ExplainPasswordAccessRequest request =
        DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_REQUEST__INIT;
    Subject subject = DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_REQUEST__ASSUMED_SUBJECT__INIT;
    const struct arguments *arguments = session->arguments;
    const ProtobufCMessage *answer;
    const char *name;
    int class = output_check_columns(
        session, session->command->columns,
        &docbridge__v1__explain_password_access_response__gate_result__descriptor);
    if (class == EXIT_OK)
        class = session_argument(session, 0, "companies/{company}/passwords/{password}", &name);
    if (class == EXIT_OK)
        class = read_subject(session, &subject);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    if (parse_has(arguments, "assume-permission") || parse_has(arguments, "assume-company") ||
        subject.all_companies || parse_has(arguments, "assume-email") ||
        parse_has(arguments, "assume-actor"))
        request.assumed_subject = &subject;
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? print_answer(session, (const void *)answer) : class;
}
