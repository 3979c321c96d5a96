#include "client/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "client/call.h"
#include "server/base/encoding.h"
#include "server/rpc/certificate.h"

enum { TOKEN_MAX_BYTES = 16 * 1024, KEY_MAX_BYTES = 60 * 1024, PEM_MAX_BYTES = 4 * 1024 * 1024 };

static const char system_authorities[] = "/etc/ssl/certs/ca-certificates.crt";

bool channel_is_local(const char *server)
{
    if (strncmp(server, "unix:", 5) == 0 || strncmp(server, "unix-abstract:", 14) == 0)
        return true;
    char host[64];
    const char *colon = strrchr(server, ':');
    bool bracket = server[0] == '[';
    size_t len = colon == NULL ? strlen(server) : (size_t)(colon - server);
    if (bracket && (len < 2 || server[len - 1] != ']'))
        return false;
    if (bracket) {
        server++;
        len -= 2;
    }
    if (len >= sizeof(host))
        return false;
    memcpy(host, server, len);
    host[len] = '\0';
    struct in_addr four;
    struct in6_addr six;
    if (bracket)
        return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    return strcmp(host, "localhost") == 0;
}

// gRPC logs each failed connection attempt; the failure says it better.
static void drop_log(gpr_log_func_args *args)
{
    (void)args;
}

static enum err_code read_pem(const char *path, char **ret_text, struct err *reterr)
{
    int fd _cleanup_(closep) = open(path, O_RDONLY | O_CLOEXEC);
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, PEM_MAX_BYTES);
    char block[8192];
    ssize_t got = fd < 0 ? -1 : 1;
    // A device or a pipe may have no end.
    while (got > 0 && !text.failed) {
        got = read(fd, block, sizeof(block));
        if (got > 0)
            buffer_append(&text, block, (size_t)got);
    }
    if (got < 0)
        return err_set(reterr, ERR_FIELD_INVALID, "%s: %s", path, strerror(errno));
    if (text.failed)
        return err_set(reterr, ERR_FIELD_INVALID, "%s is longer than %d bytes", path,
                       PEM_MAX_BYTES);
    *ret_text = buffer_steal(&text, NULL);
    return *ret_text == NULL ? err_no_memory(reterr) : ERR_OK;
}

// gRPC would look up a URL as a name, and take 65536 more for the same port.
static enum err_code check_server(const char *server, struct err *reterr)
{
    if (strncmp(server, "unix", 4) == 0)
        return ERR_OK;
    const char *colon = strrchr(server, ':');
    size_t len = colon == NULL ? 0 : strlen(colon + 1);
    int64_t port;
    if (strstr(server, "://") != NULL || len == 0 || colon == server ||
        strspn(colon + 1, "0123456789") != len || !encoding_int64(colon + 1, len, &port) ||
        port < 1 || port > UINT16_MAX)
        return err_set(reterr, ERR_FIELD_INVALID, "the server %s is not host:port or unix:/path",
                       server);
    return ERR_OK;
}

static enum err_code make_credentials(const struct options *options,
                                      grpc_channel_credentials **ret_credentials,
                                      struct err *reterr)
{
    if (options->ca == NULL && options->cert == NULL && channel_is_local(options->server)) {
        *ret_credentials = grpc_insecure_credentials_create();
        return ERR_OK;
    }
    char *ca _cleanup_(freep) = NULL;
    char *cert _cleanup_(freep) = NULL;
    struct secret *key _cleanup_(secret_freep) = NULL;
    const char *authorities = options->ca != NULL ? options->ca : system_authorities;
    try_(read_pem(authorities, &ca, reterr));
    if (options->cert != NULL) {
        try_(read_pem(options->cert, &cert, reterr));
        try_(secret_read_file(options->key, KEY_MAX_BYTES, &key, reterr));
    }
    const char *key_pem = key == NULL ? NULL : secret_bytes(key);
    // gRPC would take what it cannot use for an empty list of addresses, and say so.
    try_(certificate_check(&(struct certificate_file){options->cert, cert},
                           &(struct certificate_file){options->key, key_pem},
                           &(struct certificate_file){authorities, ca}, reterr));
    grpc_ssl_pem_key_cert_pair pair = {key_pem, cert};
    *ret_credentials = grpc_ssl_credentials_create(ca, cert == NULL ? NULL : &pair, NULL, NULL);
    if (*ret_credentials == NULL)
        return err_set(reterr, ERR_FIELD_INVALID, "the certificate files cannot be used");
    return ERR_OK;
}

// Reads "Bearer <token>" of a file that nobody else can read.
static enum err_code read_token(const char *path, struct secret **ret_header, struct err *reterr)
{
    int fd _cleanup_(closep) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) < 0)
        return err_set(reterr, ERR_FIELD_INVALID, "%s: %s", path, strerror(errno));
    if (S_ISREG(about.st_mode) && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return err_set(reterr, ERR_FIELD_INVALID,
                       "%s can be read by others (mode %04o): chmod 600 it", path,
                       (unsigned)about.st_mode & 07777);
    static const char bearer[] = "Bearer ";
    struct secret *header _cleanup_(secret_freep) = secret_new(TOKEN_MAX_BYTES);
    if (header == NULL)
        return err_no_memory(reterr);
    unsigned char *bytes = secret_bytes_mut(header);
    size_t len = sizeof(bearer) - 1;
    memcpy(bytes, bearer, len);
    ssize_t got = 1;
    while (got > 0 && len < TOKEN_MAX_BYTES) {
        got = read(fd, bytes + len, TOKEN_MAX_BYTES - len);
        len += got > 0 ? (size_t)got : 0;
    }
    while (len > strlen(bearer) && strchr(" \t\r\n", bytes[len - 1]) != NULL)
        len--;
    for (size_t i = strlen(bearer); i < len; i++)
        if (bytes[i] <= ' ' || bytes[i] >= 0x7f)
            got = -1;
    if (got != 0 || len == strlen(bearer))
        return err_set(reterr, ERR_FIELD_INVALID, "%s holds no token", path);
    secret_truncate(header, len);
    *ret_header = steal(header);
    return ERR_OK;
}

static grpc_arg number(const char *key, int value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

enum err_code channel_open(const struct options *options, struct channel **ret_channel,
                           struct err *reterr)
{
    if (getenv("GRPC_VERBOSITY") == NULL)
        gpr_set_log_function(drop_log);
    struct secret *token _cleanup_(secret_freep) = NULL;
    try_(check_server(options->server, reterr));
    if (options->token_file != NULL)
        try_(read_token(options->token_file, &token, reterr));
    grpc_init();
    grpc_channel_credentials *credentials = NULL;
    enum err_code code = make_credentials(options, &credentials, reterr);
    struct channel *channel = code == ERR_OK ? calloc(1, sizeof(*channel)) : NULL;
    if (channel == NULL) {
        if (credentials != NULL)
            grpc_channel_credentials_release(credentials);
        grpc_shutdown_blocking();
        return code == ERR_OK ? err_no_memory(reterr) : code;
    }
    // A proxy of the environment must not come between us and this machine; retries are ours to
    // decide, and a reveal must never be repeated; short back-off, because a person waits. The
    // least back-off is how long a connection may take: a packet that was lost is sent again after
    // one second.
    grpc_arg list[] = {
        number(GRPC_ARG_ENABLE_HTTP_PROXY, channel_is_local(options->server) ? 0 : 1),
        number(GRPC_ARG_ENABLE_RETRIES, 0),
        number(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200),
        number(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000),
        number(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000),
    };
    grpc_channel_args args = {ARRAY_LEN(list), list};
    channel->grpc = grpc_channel_create(options->server, credentials, &args);
    grpc_channel_credentials_release(credentials);
    channel->authorization = steal(token);
    *ret_channel = channel;
    return ERR_OK;
}

enum err_code channel_renew_token(struct channel *channel, const char *token_file,
                                  bool *ret_renewed, struct err *reterr)
{
    struct secret *token _cleanup_(secret_freep) = NULL;
    *ret_renewed = false;
    if (token_file == NULL)
        return ERR_OK;
    try_(read_token(token_file, &token, reterr));
    const struct secret *old = channel->authorization;
    *ret_renewed = old == NULL || secret_len(old) != secret_len(token) ||
                   sodium_memcmp(secret_bytes(old), secret_bytes(token), secret_len(token)) != 0;
    if (!*ret_renewed)
        return ERR_OK;
    secret_free(channel->authorization);
    channel->authorization = steal(token);
    return ERR_OK;
}

void channel_pause(struct channel *channel, int64_t wait_ms)
{
    gpr_timespec until =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(wait_ms, GPR_TIMESPAN));
    grpc_completion_queue *queue = grpc_completion_queue_create_for_next(NULL);
    grpc_connectivity_state state = grpc_channel_check_connectivity_state(channel->grpc, 1);
    grpc_channel_watch_connectivity_state(channel->grpc, state, until, queue, NULL);
    (void)grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_completion_queue_shutdown(queue);
    (void)grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_completion_queue_destroy(queue);
}

struct channel *channel_close(struct channel *channel)
{
    if (channel == NULL)
        return NULL;
    grpc_channel_destroy(channel->grpc);
    secret_free(channel->authorization);
    free(channel);
    grpc_shutdown_blocking();
    return NULL;
}
