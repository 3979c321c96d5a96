#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "client/terminal.h"
#include "docbridge/v1/password.pb-c.h"

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

// Takes the value out of the message and leaves none in it. NULL: it has none, or no memory.
static struct secret *take_value(const ProtobufCMessage *message)
{
    Docbridge__V1__RevealPasswordResponse *response =
        (Docbridge__V1__RevealPasswordResponse *)(uintptr_t)message;
    if (response->value_case != DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_PLAINTEXT)
        return response->empty ? secret_new(0) : NULL;
    size_t len = strlen(response->plaintext);
    struct secret *value = secret_copy(response->plaintext, len);
    sodium_memzero(response->plaintext, len);
    response->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE__NOT_SET;
    return value;
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

static int reveal(struct session *session, const char *name, int fd, struct arena *arena)
{
    Docbridge__V1__RevealPasswordRequest request = DOCBRIDGE__V1__REVEAL_PASSWORD_REQUEST__INIT;
    field_set_text(&request.base, "name", name);
    const char *reason = parse_text(session->arguments, "reason");
    const char *ticket = parse_text(session->arguments, "ticket");
    field_set_text(&request.base, "reason", reason == NULL ? "" : reason);
    field_set_text(&request.base, "ticket", ticket == NULL ? "" : ticket);
    int64_t timeout_ms = session->options.timeout_s * 1000;
    if (timeout_ms <= 0 || timeout_ms > REVEAL_MS)
        timeout_ms = REVEAL_MS;
    const ProtobufCMessage *message;
    int class = session_call(session,
                             &(struct session_call){.service = session->command->service,
                                                    .method = session->command->method,
                                                    .request = &request.base,
                                                    .secret_response = true,
                                                    .timeout_ms = timeout_ms,
                                                    .arena = arena},
                             &message);
    // A call that broke off may have been served; trying again blindly would be a second reveal.
    if (class == EXIT_OTHER || class == EXIT_UPSTREAM)
        session_note(session, "the audit trail knows whether it was revealed: docbridge audit list "
                              "--type password-reveal --limit 5");
    if (class != EXIT_OK)
        return class;
    struct secret *value _cleanup_(secret_freep) = take_value(message);
    if (value == NULL)
        return session_error(session, EXIT_OTHER, "the server sent no value");
    const Docbridge__V1__RevealPasswordResponse *response = (const void *)message;
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
    if (class == EXIT_OK)
        class = session_argument(session, 0, "companies/{company}/passwords/{password}", &name);
    if (class != EXIT_OK)
        return class;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, REVEAL_ARENA_BYTES);
    arena_wipe_on_done(&arena);
    return reveal(session, name, fd, &arena);
}
