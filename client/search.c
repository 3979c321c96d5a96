#include "client/field.h"
#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/documentation.pb-c.h"

enum { HITS_MAX = 100 };

static void note(struct session *session, const ProtobufCMessage *message)
{
    const Docbridge__V1__SearchDocumentationResponse *found = (const void *)message;
    if (found->matched_fragment)
        session_note(session, "no record has these words: these have them as a piece of a title or "
                              "a short field");
    session_note(session, "%d found%s", found->total_size,
                 found->total_is_lower_bound ? " among the newest; there are more" : "");
    if (found->search_as_of_time == NULL)
        session_note(session, "nothing is indexed yet");
    if (found->next_page_token[0] != '\0')
        session_note(session, "the next: --page-token %s", found->next_page_token);
}

int search_run(struct session *session)
{
    Docbridge__V1__SearchDocumentationRequest request =
        DOCBRIDGE__V1__SEARCH_DOCUMENTATION_REQUEST__INIT;
    const char *company = parse_text(session->arguments, "company");
    const char *parent = "companies/-";
    const ProtobufCMessage *answer;
    int class = EXIT_OK;
    if (company != NULL)
        class = session_name(session, "companies/{company}", company, &parent);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    field_set_text(&request.base, "query", session->arguments->words[0]);
    Docbridge__V1__DocumentationKind kind =
        (Docbridge__V1__DocumentationKind)parse_enum(session->arguments, "kind");
    request.kinds = &kind;
    request.n_kinds = kind == 0 ? 0 : 1;
    int64_t limit = session->options.limit;
    request.page_size = limit <= 0 ? 0 : limit > HITS_MAX ? HITS_MAX : (int32_t)limit;
    const char *token = parse_text(session->arguments, "page-token");
    if (token != NULL)
        field_set_text(&request.base, "page_token", token);
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    class = output_items(session, answer, "hits", session->command->columns);
    if (session->options.format == OUTPUT_TABLE)
        note(session, answer);
    return class;
}
