#include "client/field.h"
#include "client/group.h"
#include "client/listing.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/documentation.pb-c.h"

void search_note(struct session *session, const ProtobufCMessage *response)
{
    const Docbridge__V1__SearchDocumentationResponse *found = (const void *)response;
    if (found->matched_fragment)
        session_note(session, "no record has these words: these have them as a piece of a title or "
                              "a short field");
    session_note(session, "%d found%s", found->total_size,
                 found->total_is_lower_bound ? " among the newest; there are more" : "");
    if (found->search_as_of_time == NULL)
        session_note(session, "nothing is indexed yet");
}

int search_run(struct session *session)
{
    Docbridge__V1__SearchDocumentationRequest request =
        DOCBRIDGE__V1__SEARCH_DOCUMENTATION_REQUEST__INIT;
    const char *company = parse_text(session->arguments, "company");
    const char *parent = "companies/-";
    int class =
        output_check_columns(session, session->command->columns,
                             &docbridge__v1__search_documentation_response__hit__descriptor);
    if (class == EXIT_OK && company != NULL)
        class = session_name(session, "companies/{company}", company, &parent);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    field_set_text(&request.base, "query", session->arguments->words[0]);
    Docbridge__V1__DocumentationKind kind =
        (Docbridge__V1__DocumentationKind)parse_enum(session->arguments, "kind");
    request.kinds = &kind;
    request.n_kinds = kind == 0 ? 0 : 1;
    return listing_pages(session, &request.base);
}
