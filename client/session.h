// One run of the program: what was asked, where to, and what is said about it.
//
// Everything that is printed goes through here, through output.h or through progress.h; each
// escapes what came from elsewhere. Single-threaded.
#pragma once

#include "client/channel.h"
#include "client/command.h"
#include "client/failure.h"
#include "client/options.h"
#include "client/parse.h"
#include "server/base/arena.h"

struct session {
    const struct command *command;
    const struct arguments *arguments;
    struct options options;
    struct arena arena;      // until the end of the program
    struct channel *channel; // opened by the first call
};

// A method and how to call it.
struct session_call {
    const ProtobufCServiceDescriptor *service;
    const char *method;
    const ProtobufCMessage *request;
    bool secret_request;  // pack into a secret that is wiped once sent
    bool secret_response; // wipe what was received after unpacking
    int64_t timeout_ms;   // 0: --timeout, or 30 s
    struct arena *arena;  // for the response; NULL: the session's
};

// Calls and unpacks. On failure prints it and returns its class; EXIT_OK otherwise.
int session_call(struct session *session, const struct session_call *call,
                 const ProtobufCMessage **ret_response);
// As session_call, but says nothing of a failure. False: it failed, or there is no server to call.
bool session_try(struct session *session, const struct session_call *call,
                 const ProtobufCMessage **ret_response);
// As session_call with the method of the command itself.
int session_call_own(struct session *session, const ProtobufCMessage *request,
                     const ProtobufCMessage **ret_response);
// Opens the channel if it is not open.
int session_connect(struct session *session);
// Whether a call that failed may be made again with another token: the old one has expired, and the
// file has a new one, which is used from now on.
bool session_renew_token(struct session *session, const struct failure *failure);

// The name of the connection: --connection, the context's, or the only one there is.
int session_connection(struct session *session, const char **ret_name);
// Expands what the user typed by `pattern`, with the connection filled in where it is missing.
// NULL text is for patterns without an id but the connection's.
int session_name(struct session *session, const char *pattern, const char *text,
                 const char **ret_name);
// Argument `i` of the command, expanded.
int session_argument(struct session *session, size_t i, const char *pattern, const char **ret_name);

// "error: ..." on standard error; returns `class`. What is printed is escaped as a whole.
int session_error(struct session *session, enum exit_class class, const char *format, ...)
    _printf_(3, 4);
// A usage error: names the command whose help to read. Returns EXIT_USAGE.
int session_usage(struct session *session, const char *format, ...) _printf_(2, 3);
// "note: ..." on standard error.
void session_note(struct session *session, const char *format, ...) _printf_(2, 3);
// Prints a failure in full; returns its class.
int session_fail(struct session *session, const struct failure *failure);
// No memory.
int session_no_memory(struct session *session);
