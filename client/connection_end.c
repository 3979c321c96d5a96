// `connection rotate` and `connection delete`: what ends a credential, or all of it.
#include <stdio.h>
#include <string.h>

#include "client/candidate.h"
#include "client/group.h"
#include "client/output.h"
#include "client/prompt.h"
#include "docbridge/v1/connection.pb-c.h"

enum { WAIT_STEP_MS = 500 };

// A string of a message is not const, though it is only read.
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)(text == NULL ? "" : text);
}

static int get_connection(struct session *session, const char *name,
                          const Docbridge__V1__Connection **ret_connection)
{
    Docbridge__V1__GetConnectionRequest request = DOCBRIDGE__V1__GET_CONNECTION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.name = text_of(name);
    int class = session_call(session,
                             &(struct session_call){.service = session->command->service,
                                                    .method = "GetConnection",
                                                    .request = &request.base},
                             &answer);
    if (class == EXIT_OK)
        *ret_connection = (const void *)answer;
    return class;
}

int connection_rotate_run(struct session *session)
{
    Docbridge__V1__RotateCredentialRequest request = DOCBRIDGE__V1__ROTATE_CREDENTIAL_REQUEST__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    struct secret *key _cleanup_(secret_freep) = NULL;
    const Docbridge__V1__Connection *before;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, "connections/{connection}", &name);
    if (class == EXIT_OK)
        class = get_connection(session, name, &before);
    if (class == EXIT_OK)
        class = candidate_fill(session, before->region, &candidate, &key);
    if (class != EXIT_OK)
        return class;
    request.name = text_of(name);
    request.candidate = &candidate;
    request.etag = text_of(parse_text(session->arguments, "etag"));
    request.allow_account_change = parse_has(session->arguments, "allow-account-change");
    request.validate_only = parse_has(session->arguments, "dry-run");
    class = session_call(session,
                         &(struct session_call){.service = session->command->service,
                                                .method = session->command->method,
                                                .request = &request.base,
                                                .secret_request = true},
                         &answer);
    if (class != EXIT_OK)
        return class;
    session_note(session,
                 request.validate_only ? "the key is good; %s was not changed"
                                       : "the key of %s was replaced",
                 name);
    return output_message(session, answer);
}

static const char *meta(const struct failure *failure, const char *key)
{
    for (size_t i = 0; i < failure->meta_count; i++)
        if (strcmp(failure->meta[i].key, key) == 0)
            return failure->meta[i].value;
    return "0";
}

// Asks the server what would be removed, and tells it. Nothing is removed.
static int tell_scale(struct session *session, const Docbridge__V1__Connection *connection)
{
    Docbridge__V1__DeleteConnectionRequest request = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    struct failure failure;
    request.name = connection->name;
    request.validate_only = true;
    const struct channel_call call = {.service = session->command->service,
                                      .method = session->command->method,
                                      .request = &request.base,
                                      .timeout_ms = INT64_C(1000) * 60,
                                      .arena = &session->arena};
    if (channel_call(session->channel, &call, &answer, &failure)) {
        session_note(session, "%s (%s) has neither mappings nor content", connection->name,
                     connection->display_name);
        return EXIT_OK;
    }
    if (strcmp(failure.reason, "CONNECTION_NOT_EMPTY") != 0)
        return session_fail(session, &failure);
    session_note(session, "%s (%s) has %s mappings, %s organizations and %s records",
                 connection->name, connection->display_name, meta(&failure, "mapping_count"),
                 meta(&failure, "organization_count"), meta(&failure, "record_count"));
    return EXIT_OK;
}

// Follows a deletion to its end, and shows its receipt.
static int await_receipt(struct session *session, const char *id)
{
    Docbridge__V1__GetDeletionReceiptRequest request =
        DOCBRIDGE__V1__GET_DELETION_RECEIPT_REQUEST__INIT;
    request.name = arena_printf(&session->arena, "deletionReceipts/%s", id);
    if (request.name == NULL)
        return session_no_memory(session);
    for (;;) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1 << 20);
        const ProtobufCMessage *answer;
        int class = session_call(session,
                                 &(struct session_call){.service = session->command->service,
                                                        .method = "GetDeletionReceipt",
                                                        .request = &request.base,
                                                        .arena = &arena},
                                 &answer);
        if (class != EXIT_OK)
            return class;
        const Docbridge__V1__DeletionReceipt *receipt = (const void *)answer;
        if (receipt->end_time != NULL)
            return output_message(session, answer);
        channel_pause(session->channel, WAIT_STEP_MS);
    }
}

int connection_delete_run(struct session *session)
{
    Docbridge__V1__DeleteConnectionRequest request = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    const Docbridge__V1__Connection *connection;
    const ProtobufCMessage *answer;
    const char *name;
    bool force = parse_has(session->arguments, "force");
    bool dry_run = parse_has(session->arguments, "dry-run");
    int class = session_argument(session, 0, "connections/{connection}", &name);
    if (class == EXIT_OK)
        class = get_connection(session, name, &connection);
    if (class == EXIT_OK && (!force || dry_run))
        class = tell_scale(session, connection);
    if (class != EXIT_OK || dry_run)
        return class;
    if (!force)
        class = prompt_confirm(session, "Delete all of it?", "nothing was deleted");
    if (class != EXIT_OK)
        return class;
    request.name = text_of(name);
    request.force = force;
    // What was confirmed is what was seen.
    request.etag = force ? text_of("") : connection->etag;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    const char *id = strrchr(name, '/') + 1;
    if (parse_has(session->arguments, "wait"))
        return await_receipt(session, id);
    session_note(session, "what is removed is told by: docbridge connection receipt %s", id);
    return output_message(session, answer);
}
