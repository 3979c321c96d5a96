#include <string.h>

#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/prompt.h"
#include "docbridge/v1/connection.pb-c.h"

int connection_update_run(struct session *session)
{
    Docbridge__V1__UpdateConnectionRequest request = DOCBRIDGE__V1__UPDATE_CONNECTION_REQUEST__INIT;
    Docbridge__V1__Connection connection = DOCBRIDGE__V1__CONNECTION__INIT;
    const struct arguments *arguments = session->arguments;
    struct mask mask;
    mask_init(&mask);
    if (parse_has(arguments, "display-name")) {
        field_set_text(&connection.base, "display_name", parse_text(arguments, "display-name"));
        mask_add(&mask, "display_name");
    }
    if (parse_has(arguments, "psa-type")) {
        connection.psa_type = (Docbridge__V1__PsaType)parse_enum(arguments, "psa-type");
        mask_add(&mask, "psa_type");
    }
    if (parse_has(arguments, "several-organizations")) {
        connection.several_organizations_allowed = parse_on(arguments, "several-organizations");
        mask_add(&mask, "several_organizations_allowed");
    }
    if (mask.message.n_paths == 0)
        return session_usage(session, "give --display-name, --psa-type, --several-organizations "
                                      "or some of them");
    const char *name;
    int class = session_argument(session, 0, "connections/{connection}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&connection.base, "name", name);
    mask_set_etag(session, &connection.base);
    request.connection = &connection;
    request.update_mask = &mask.message;
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}

static int fill_in(struct session *session, ProtobufCMessage *request)
{
    const char *name;
    const char *reason = parse_text(session->arguments, "reason");
    int class = session_argument(session, 0, "connections/{connection}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(request, "name", name);
    if (reason != NULL)
        field_set_text(request, "reason", reason);
    return EXIT_OK;
}

// Fills in name and reason, calls, and leaves the answer to the caller.
static int call(struct session *session, ProtobufCMessage *request,
                const Docbridge__V1__Connection **ret_connection)
{
    const ProtobufCMessage *answer;
    int class = fill_in(session, request);
    if (class == EXIT_OK)
        class = session_call_own(session, request, &answer);
    if (class == EXIT_OK)
        *ret_connection = (const void *)answer;
    return class;
}

// The scope of --scope; all without it.
static Docbridge__V1__PauseScope scope_of(const struct session *session)
{
    int scope = parse_enum(session->arguments, "scope");
    return scope == 0 ? DOCBRIDGE__V1__PAUSE_SCOPE__PAUSE_SCOPE_ALL
                      : (Docbridge__V1__PauseScope)scope;
}

static int print_paused(struct session *session, const Docbridge__V1__Connection *connection)
{
    session_note(session, "syncs %s, reveals %s",
                 connection->sync_paused ? "are paused; a live run waits where it is" : "go on",
                 connection->reveals_paused ? "are refused from now on" : "go on");
    if (connection->sync_paused || connection->reveals_paused)
        session_note(session, "to go on: docbridge connection resume %s", connection->name);
    return output_message(session, &connection->base);
}

int connection_pause_run(struct session *session)
{
    Docbridge__V1__PauseConnectionRequest request = DOCBRIDGE__V1__PAUSE_CONNECTION_REQUEST__INIT;
    const Docbridge__V1__Connection *connection;
    request.scope = scope_of(session);
    int class = call(session, &request.base, &connection);
    return class == EXIT_OK ? print_paused(session, connection) : class;
}

int connection_resume_run(struct session *session)
{
    Docbridge__V1__ResumeConnectionRequest request = DOCBRIDGE__V1__RESUME_CONNECTION_REQUEST__INIT;
    const Docbridge__V1__Connection *connection;
    request.scope = scope_of(session);
    int class = call(session, &request.base, &connection);
    return class == EXIT_OK ? print_paused(session, connection) : class;
}

// No key is handed out again: who lost it here needs a new one of IT Glue.
static int confirm(struct session *session, const char *name)
{
    session_note(session, "%s: the stored key cannot be brought back", name);
    return prompt_confirm(session, "Destroy it?", "the key is as it was");
}

int connection_disconnect_run(struct session *session)
{
    Docbridge__V1__DisconnectConnectionRequest request =
        DOCBRIDGE__V1__DISCONNECT_CONNECTION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    mask_set_etag(session, &request.base);
    int class = fill_in(session, &request.base);
    if (class == EXIT_OK && !parse_has(session->arguments, "force"))
        class = confirm(session, request.name);
    if (class == EXIT_OK)
        class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    session_note(session, "the key is destroyed here; revoke it in IT Glue too if it leaked");
    session_note(session, "mappings and what was synced stay and can be read; nothing is synced or "
                          "revealed");
    return output_message(session, answer);
}
