#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "client/terminal.h"
#include "docbridge/v1/password.pb-c.h"

#define PASSWORD "companies/{company}/passwords/{password}"
#define HANDOFF "/handoffs/"

enum {
    REVEAL_MS = 10000,
    SHOW_DEFAULT_MS = 30000,
    SHOW_MAX_MS = 600000,
    REVEAL_ARENA_BYTES = 1024 * 1024,
};

// Where the value goes: a descriptor, or the terminal if it is -1.
static int check_way(struct session *session, int *ret_fd)
{
    *ret_fd = (int)parse_number(session->arguments, "fd", -1);
    if (*ret_fd >= 0) {
        int flags = fcntl(*ret_fd, F_GETFL);
        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
            return session_usage(session, "--fd %d: not open for writing", *ret_fd);
        return EXIT_OK;
    }
    if (isatty(STDOUT_FILENO) != 1)
        return session_usage(session, "a value goes to a terminal only: standard output is "
                                      "redirected; name a descriptor with --fd N");
    // What cannot be cleared would stay, in the buffer of an editor for example.
    const char *term = getenv("TERM");
    if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0)
        return session_usage(session, "by $TERM this terminal cannot clear a value away: name a "
                                      "descriptor with --fd N");
    int fd _cleanup_(closep) = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return session_usage(session, "there is no terminal: name a descriptor with --fd N");
    return EXIT_OK;
}

static int write_value(struct session *session, int fd, const struct secret *value)
{
    const char *bytes = secret_bytes(value);
    size_t len = secret_len(value);
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return session_error(session, EXIT_OTHER, "descriptor %d: %m", fd);
        bytes += put;
        len -= (size_t)put;
    }
    return EXIT_OK;
}

static int64_t show_ms(const Docbridge__V1__RevealPasswordResponse *response)
{
    const Google__Protobuf__Duration *ttl = response->display_ttl;
    if (ttl == NULL || ttl->seconds < 0 || ttl->nanos < 0)
        return SHOW_DEFAULT_MS;
    int64_t ms = ttl->seconds < SHOW_MAX_MS / 1000 ? ttl->seconds * 1000 + ttl->nanos / 1000000
                                                   : SHOW_MAX_MS;
    return ms > 0 ? ms : SHOW_DEFAULT_MS;
}

// What the value is sealed to: made for one call, its secret half in guarded memory.
struct recipient {
    unsigned char public_key[crypto_box_PUBLICKEYBYTES];
    struct secret *secret_key;
};

static bool recipient_make(struct recipient *recipient)
{
    recipient->secret_key = secret_new(crypto_box_SECRETKEYBYTES);
    return recipient->secret_key != NULL &&
           crypto_box_keypair(recipient->public_key, secret_bytes_mut(recipient->secret_key)) == 0;
}

static void recipient_done(struct recipient *recipient)
{
    recipient->secret_key = secret_free(recipient->secret_key);
}

// Opens the value into guarded memory. NULL: there is none that is sealed to the recipient. What
// came in the clear is not taken: somebody has changed the request or the answer.
static struct secret *open_value(const Docbridge__V1__RevealPasswordResponse *response,
                                 const struct recipient *recipient)
{
    const ProtobufCBinaryData *sealed = &response->sealed;
    if (response->value_case != DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_SEALED ||
        sealed->len < crypto_box_SEALBYTES)
        return NULL;
    struct secret *value _cleanup_(secret_freep) = secret_new(sealed->len - crypto_box_SEALBYTES);
    if (value == NULL ||
        crypto_box_seal_open(secret_bytes_mut(value), sealed->data, sealed->len,
                             recipient->public_key,
                             (const unsigned char *)secret_bytes(recipient->secret_key)) != 0)
        return NULL;
    return steal(value);
}

// The message without its value, for printing.
static void drop_value(const ProtobufCMessage *message)
{
    Docbridge__V1__RevealPasswordResponse *response =
        (Docbridge__V1__RevealPasswordResponse *)(uintptr_t)message;
    if (response->value_case == DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_PLAINTEXT)
        sodium_memzero(response->plaintext, strlen(response->plaintext));
    response->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE__NOT_SET;
}

static int hand_out(struct session *session, int fd, const struct secret *value, int64_t ms)
{
    if (fd >= 0)
        return write_value(session, fd, value);
    struct terminal terminal;
    if (!terminal_open(&terminal, true))
        return session_error(session, EXIT_OTHER, "the terminal is gone");
    terminal_show(&terminal, value, ms);
    terminal_close(&terminal);
    return EXIT_OK;
}

static int64_t reveal_timeout_ms(const struct session *session)
{
    int64_t ms = session->options.timeout_s * 1000;
    return ms <= 0 || ms > REVEAL_MS ? REVEAL_MS : ms;
}

// Whether the policy wants a reason and a ticket of this reveal. Where that cannot be learned the
// server's refusal will say it.
static void learn_wants(struct session *session, const char *name, bool *ret_reason,
                        bool *ret_ticket)
{
    Docbridge__V1__ExplainPasswordAccessRequest request =
        DOCBRIDGE__V1__EXPLAIN_PASSWORD_ACCESS_REQUEST__INIT;
    const ProtobufCMessage *message;
    field_set_text(&request.base, "name", name);
    const struct session_call call = {.service = session->command->service,
                                      .method = "ExplainPasswordAccess",
                                      .request = &request.base,
                                      .timeout_ms = reveal_timeout_ms(session)};
    *ret_reason = *ret_ticket = false;
    if (!session_try(session, &call, &message))
        return;
    const Docbridge__V1__ExplainPasswordAccessResponse *answer = (const void *)message;
    // Of what is refused anyway nothing is asked.
    *ret_reason = answer->allowed && answer->reason_required;
    *ret_ticket = answer->allowed && answer->ticket_required;
}

// The reason and the ticket of the command line, or, where the policy wants one, of the terminal.
static int read_reason_and_ticket(struct session *session, const char *name,
                                  const char **ret_reason, const char **ret_ticket)
{
    bool reason, ticket;
    *ret_reason = parse_text(session->arguments, "reason");
    *ret_ticket = parse_text(session->arguments, "ticket");
    int class = session_connect(session);
    if (class != EXIT_OK || (*ret_reason != NULL && *ret_ticket != NULL))
        return class;
    learn_wants(session, name, &reason, &ticket);
    struct asker asker;
    ask_open(&asker, session, "stopped; nothing was revealed");
    if (reason)
        class = ask_text(&asker, "reason", "--reason TEXT", "Reason", NULL, ret_reason);
    if (class == EXIT_OK && ticket)
        class = ask_text(&asker, "ticket", "--ticket TICKET", "Ticket", NULL, ret_ticket);
    ask_close(&asker);
    return class;
}

// A hand-off's name holds that of its password. NULL: no memory.
static const char *password_of(struct session *session, const char *name)
{
    const char *handoff = strstr(name, HANDOFF);
    return arena_strndup(&session->arena, name,
                         handoff == NULL ? strlen(name) : (size_t)(handoff - name));
}

// `handoff` "": none.
static int call_reveal(struct session *session, const char *password, const char *handoff,
                       const struct recipient *recipient, struct arena *arena,
                       const ProtobufCMessage **ret_message)
{
    Docbridge__V1__RevealPasswordRequest request = DOCBRIDGE__V1__REVEAL_PASSWORD_REQUEST__INIT;
    const char *reason, *ticket;
    int class = read_reason_and_ticket(session, password, &reason, &ticket);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", password);
    field_set_text(&request.base, "handoff", handoff);
    field_set_text(&request.base, "reason", reason == NULL ? "" : reason);
    field_set_text(&request.base, "ticket", ticket == NULL ? "" : ticket);
    request.recipient_public_key.data = (uint8_t *)(uintptr_t)recipient->public_key;
    request.recipient_public_key.len = sizeof(recipient->public_key);
    class = session_call(session,
                         &(struct session_call){.service = session->command->service,
                                                .method = session->command->method,
                                                .request = &request.base,
                                                .secret_response = true,
                                                .timeout_ms = reveal_timeout_ms(session),
                                                .arena = arena},
                         ret_message);
    // A call that broke off may have been served; trying again blindly would be a second reveal.
    if (class == EXIT_OTHER || class == EXIT_UPSTREAM)
        session_note(session, "the audit trail knows whether it was revealed: docbridge audit list "
                              "--type password-reveal --limit 5");
    return class;
}

static int reveal(struct session *session, const char *name, int fd, struct arena *arena)
{
    struct recipient recipient _cleanup_(recipient_done) = {.secret_key = NULL};
    const ProtobufCMessage *message;
    const char *password = password_of(session, name);
    if (password == NULL || !recipient_make(&recipient))
        return session_no_memory(session);
    const char *handoff = strcmp(name, password) == 0 ? "" : name;
    int class = call_reveal(session, password, handoff, &recipient, arena, &message);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__RevealPasswordResponse *response = (const void *)message;
    struct secret *value _cleanup_(secret_freep) = open_value(response, &recipient);
    drop_value(message);
    if (value == NULL)
        return session_error(session, EXIT_OTHER,
                             "the server sent no value that is sealed for this call");
    session_note(session, "%srecorded as %s", secret_len(value) == 0 ? "the value is empty; " : "",
                 response->audit_event);
    if (secret_len(value) > 0 || fd >= 0)
        class = hand_out(session, fd, value, show_ms(response));
    if (class == EXIT_OK && session->options.format != OUTPUT_TABLE && fd != STDOUT_FILENO)
        class = output_message(session, message);
    return class;
}

int passwords_reveal_run(struct session *session)
{
    int fd;
    const char *name;
    int class = check_way(session, &fd);
    bool handed = strstr(session->arguments->words[0], HANDOFF) != NULL;
    if (class == EXIT_OK)
        class =
            session_argument(session, 0, handed ? PASSWORD HANDOFF "{handoff}" : PASSWORD, &name);
    if (class != EXIT_OK)
        return class;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, REVEAL_ARENA_BYTES);
    arena_wipe_on_done(&arena);
    return reveal(session, name, fd, &arena);
}

int passwords_hand_off_run(struct session *session)
{
    Docbridge__V1__CreatePasswordHandoffRequest request =
        DOCBRIDGE__V1__CREATE_PASSWORD_HANDOFF_REQUEST__INIT;
    Docbridge__V1__PasswordHandoff handoff = DOCBRIDGE__V1__PASSWORD_HANDOFF__INIT;
    Google__Protobuf__Duration ttl = GOOGLE__PROTOBUF__DURATION__INIT;
    const char *name, *reason, *ticket, *for_time = parse_text(session->arguments, "for");
    const ProtobufCMessage *answer;
    int class = session_argument(session, 0, PASSWORD, &name);
    if (class == EXIT_OK && for_time != NULL) {
        if (!parse_seconds(for_time, &ttl.seconds))
            class = session_usage(session, "--for: write a time such as 15m or 2h");
        handoff.ttl = &ttl;
    }
    if (class == EXIT_OK)
        class = read_reason_and_ticket(session, name, &reason, &ticket);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", name);
    field_set_text(&request.base, "reason", reason == NULL ? "" : reason);
    field_set_text(&request.base, "ticket", ticket == NULL ? "" : ticket);
    field_set_text(&handoff.base, "recipient", parse_text(session->arguments, "to"));
    request.password_handoff = &handoff;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    session_note(session, "opens once, for %s alone: docbridge passwords reveal %s",
                 handoff.recipient, field_get_text(answer, "name"));
    return output_message(session, answer);
}

int passwords_withdraw_run(struct session *session)
{
    Docbridge__V1__DeletePasswordHandoffRequest request =
        DOCBRIDGE__V1__DELETE_PASSWORD_HANDOFF_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, PASSWORD HANDOFF "{handoff}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    class = session_call_own(session, &request.base, &answer);
    if (class == EXIT_OK)
        session_note(session, "it opens for nobody any more");
    return class;
}
