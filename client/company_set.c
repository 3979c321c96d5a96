#include <string.h>

#include "client/group.h"
#include "client/input.h"
#include "client/output.h"
#include "docbridge/v1/company_set.pb-c.h"

enum { FILE_MAX_BYTES = 4 * 1024 * 1024, COMPANIES_MAX = 10000 };

// The companies of a file, one a line; empty lines are passed over.
static int read_companies(struct session *session, char *text, Docbridge__V1__CompanySet *set)
{
    set->companies = arena_calloc(&session->arena, COMPANIES_MAX, sizeof(*set->companies));
    if (set->companies == NULL)
        return session_no_memory(session);
    for (char *rest = text, *line; (line = strsep(&rest, "\r\n")) != NULL;) {
        const char *name;
        if (line[strspn(line, " \t")] == '\0')
            continue;
        if (set->n_companies == COMPANIES_MAX)
            return session_usage(session, "a set has at most %d companies", COMPANIES_MAX);
        int class = session_name(session, "companies/{company}", line, &name);
        if (class != EXIT_OK)
            return class;
        set->companies[set->n_companies++] = (char *)(uintptr_t)name;
    }
    return EXIT_OK;
}

int company_set_push_run(struct session *session)
{
    Docbridge__V1__UpsertCompanySetRequest request =
        DOCBRIDGE__V1__UPSERT_COMPANY_SET_REQUEST__INIT;
    Docbridge__V1__CompanySet set = DOCBRIDGE__V1__COMPANY_SET__INIT;
    struct buffer text _cleanup_(buffer_done);
    const ProtobufCMessage *answer;
    const char *name;
    buffer_init(&text, FILE_MAX_BYTES);
    buffer_text(&text, "");
    int class = session_argument(session, 0, "companySets/{company_set}", &name);
    if (class == EXIT_OK)
        class = input_read(session, session->arguments->words[1], &text);
    if (class == EXIT_OK)
        class = read_companies(session, text.data, &set);
    if (class != EXIT_OK)
        return class;
    field_set_text(&set.base, "name", name);
    const char *etag = parse_text(session->arguments, "etag");
    if (etag != NULL)
        field_set_text(&set.base, "etag", etag);
    request.company_set = &set;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK || session->options.format != OUTPUT_TABLE)
        return class == EXIT_OK ? output_message(session, answer) : class;
    session_note(session, "%s has %zu companies", name, set.n_companies);
    return EXIT_OK;
}

int company_set_delete_run(struct session *session)
{
    Docbridge__V1__DeleteCompanySetRequest request =
        DOCBRIDGE__V1__DELETE_COMPANY_SET_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, "companySets/{company_set}", &name);
    if (class != EXIT_OK)
        return class;
    const char *etag = parse_text(session->arguments, "etag");
    field_set_text(&request.base, "name", name);
    if (etag != NULL)
        field_set_text(&request.base, "etag", etag);
    class = session_call_own(session, &request.base, &answer);
    if (class == EXIT_OK)
        session_note(session, "%s is deleted", name);
    return class == EXIT_OK && session->options.format != OUTPUT_TABLE
               ? output_message(session, answer)
               : class;
}
