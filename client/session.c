#include "client/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/remedy.h"
#include "client/resource.h"
#include "client/text.h"
#include "docbridge/v1/connection.pb-c.h"

enum { SAY_MAX_BYTES = 16 * 1024, TIMEOUT_DEFAULT_S = 30 };

static void say(const char *label, const char *color, bool colored, const char *format,
                va_list args)
{
    struct buffer raw _cleanup_(buffer_done);
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&raw, SAY_MAX_BYTES);
    buffer_init(&line, 8 * SAY_MAX_BYTES);
    char text[2048];
    (void)vsnprintf(text, sizeof(text), format, args);
    if (colored)
        buffer_printf(&line, "\x1b[%sm%s:\x1b[0m ", color, label);
    else
        buffer_printf(&line, "%s: ", label);
    text_escape(&line, text, strlen(text));
    (void)fprintf(stderr, "%s\n", line.failed ? label : line.data);
}

int session_error(struct session *session, enum exit_class class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("error", "31", session->options.color_err, format, args);
    va_end(args);
    return class;
}

int session_usage(struct session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("error", "31", session->options.color_err, format, args);
    va_end(args);
    (void)fprintf(stderr, "See `docbridge %s --help`.\n", session->command->words);
    return EXIT_USAGE;
}

void session_note(struct session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("note", "36", session->options.color_err, format, args);
    va_end(args);
}

int session_no_memory(struct session *session)
{
    return session_error(session, EXIT_OTHER, "out of memory");
}

int session_fail(struct session *session, const struct failure *failure)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 256 * 1024);
    if (!failure_write(&text, failure, session->command->method, session->options.server))
        return session_no_memory(session);
    if (session->options.color_err)
        (void)fprintf(stderr, "\x1b[31merror:\x1b[0m%s", text.data + strlen("error:"));
    else
        (void)fputs(text.data, stderr);
    return (int)remedy_find(failure->reason, failure->status)->class;
}

int session_connect(struct session *session)
{
    if (session->channel != NULL)
        return EXIT_OK;
    if (session->options.server == NULL)
        return session_usage(
            session,
            "no server: give --server ADDRESS, DOCBRIDGE_SERVER or a context of config.ini");
    struct err err = {0};
    if (channel_open(&session->options, &session->channel, &err) != ERR_OK)
        return session_error(session, EXIT_USAGE, "%s", err.text);
    return EXIT_OK;
}

bool session_renew_token(struct session *session, const struct failure *failure)
{
    bool renewed;
    struct err err = {0};
    if (strcmp(failure->reason, "TOKEN_EXPIRED") != 0)
        return false;
    if (channel_renew_token(session->channel, session->options.token_file, &renewed, &err) ==
        ERR_OK)
        return renewed;
    session_note(session, "the token file cannot be read anew: %s", err.text);
    return false;
}

static bool call_channel(struct session *session, const struct session_call *call,
                         const ProtobufCMessage **ret_response, struct failure *ret_failure)
{
    int64_t seconds =
        session->options.timeout_s > 0 ? session->options.timeout_s : TIMEOUT_DEFAULT_S;
    struct channel_call full = {
        .service = call->service,
        .method = call->method,
        .request = call->request,
        .secret_request = call->secret_request,
        .secret_response = call->secret_response,
        .timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : seconds * 1000,
        .arena = call->arena != NULL ? call->arena : &session->arena,
    };
    return channel_call(session->channel, &full, ret_response, ret_failure);
}

int session_call(struct session *session, const struct session_call *call,
                 const ProtobufCMessage **ret_response)
{
    struct failure failure;
    int class = session_connect(session);
    if (class != EXIT_OK)
        return class;
    return call_channel(session, call, ret_response, &failure) ? EXIT_OK
                                                               : session_fail(session, &failure);
}

bool session_try(struct session *session, const struct session_call *call,
                 const ProtobufCMessage **ret_response)
{
    struct failure failure;
    return session->channel != NULL && call_channel(session, call, ret_response, &failure);
}

int session_call_own(struct session *session, const ProtobufCMessage *request,
                     const ProtobufCMessage **ret_response)
{
    return session_call(session,
                        &(struct session_call){.service = session->command->service,
                                               .method = session->command->method,
                                               .request = request},
                        ret_response);
}

// Of several connections, those that hold the tenant's one slot.
static bool is_live(const Docbridge__V1__Connection *connection)
{
    return connection->state == DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE ||
           connection->state == DOCBRIDGE__V1__CONNECTION__STATE__STATE_ERROR;
}

static int only_connection(struct session *session, const char **ret_name)
{
    Docbridge__V1__ListConnectionsRequest request = DOCBRIDGE__V1__LIST_CONNECTIONS_REQUEST__INIT;
    request.page_size = 1000;
    const ProtobufCMessage *answer;
    int class = session_call(
        session,
        &(struct session_call){.service = &docbridge__v1__connection_service__descriptor,
                               .method = "ListConnections",
                               .request = &request.base},
        &answer);
    // Who reads documentation need not see connections, but may name one.
    if (class == EXIT_DENIED)
        session_note(session, "only to find the connection: with --connection CONNECTION it is not "
                              "needed");
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__ListConnectionsResponse *list = (const void *)answer;
    if (list->n_connections == 0)
        return session_error(session, EXIT_NOT_FOUND,
                             "there is no connection yet: docbridge connection create");
    const char *live = NULL;
    size_t count = 0;
    for (size_t i = 0; i < list->n_connections; i++) {
        if (is_live(list->connections[i])) {
            live = list->connections[i]->name;
            count++;
        }
    }
    if (list->n_connections == 1)
        live = list->connections[0]->name;
    if (live != NULL && (count == 1 || list->n_connections == 1)) {
        *ret_name = live;
        return EXIT_OK;
    }
    return session_usage(session,
                         "there are %zu connections: choose one with --connection, such "
                         "as %s; docbridge connection list shows them",
                         list->n_connections, list->connections[0]->name);
}

int session_connection(struct session *session, const char **ret_name)
{
    static const char pattern[] = "connections/{connection}";
    if (session->options.connection == NULL) {
        int class = only_connection(session, ret_name);
        // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): EXIT_OK comes with a name
        session->options.connection = class == EXIT_OK ? *ret_name : NULL;
        return class;
    }
    struct resource resource;
    struct err err = {0};
    if (resource_read(pattern, session->options.connection, &session->arena, &resource, &err) !=
        ERR_OK)
        return session_usage(session, "--connection: %s", err.text);
    *ret_name = resource_write(pattern, &resource, &session->arena);
    return *ret_name == NULL ? session_no_memory(session) : EXIT_OK;
}

// How many ids a pattern has.
static size_t id_count(const char *pattern)
{
    size_t count = 0;
    for (; *pattern != '\0'; pattern++)
        count += *pattern == '{';
    return count;
}

int session_name(struct session *session, const char *pattern, const char *text,
                 const char **ret_name)
{
    struct resource resource;
    struct err err = {0};
    if (resource_read(pattern, text, &session->arena, &resource, &err) != ERR_OK)
        return session_usage(session, "%s", err.text);
    bool of_connection = strncmp(pattern, "connections/", strlen("connections/")) == 0;
    if (resource.ids[0] == NULL && of_connection && (id_count(pattern) > 1 || text == NULL)) {
        const char *name;
        int class = session_connection(session, &name);
        if (class != EXIT_OK)
            return class;
        // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): EXIT_OK comes with a name
        resource.ids[0] = strrchr(name, '/') + 1;
    }
    const char *company = parse_text(session->arguments, "company");
    if (resource.ids[0] == NULL && !of_connection && company != NULL) {
        struct resource parent;
        if (resource_read("companies/{company}", company, &session->arena, &parent, &err) != ERR_OK)
            return session_usage(session, "--company: %s", err.text);
        resource.ids[0] = parent.ids[0];
    }
    for (size_t i = 0; i < id_count(pattern); i++)
        if (resource.ids[i] == NULL)
            return session_usage(session, "%s: write it as %s, or as COMPANY/ID",
                                 text == NULL ? "the name" : text, pattern);
    *ret_name = resource_write(pattern, &resource, &session->arena);
    return *ret_name == NULL ? session_no_memory(session) : EXIT_OK;
}

int session_argument(struct session *session, size_t i, const char *pattern, const char **ret_name)
{
    return session_name(session, pattern, session->arguments->words[i], ret_name);
}
