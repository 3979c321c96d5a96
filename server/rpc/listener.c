#include "server/rpc/listener.h"

#include <arpa/inet.h>
#include <grpc/grpc_security.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "server/base/log.h"
#include "server/base/secret.h"

enum { PEM_MAX_BYTES = 60 * 1024, HOST_MAX_BYTES = 256, FILE_COUNT = 3 };

enum { CERTIFICATE, KEY, CLIENT_CA };

// The PEM files of a listener. They are looked at before each handshake, so that a renewed
// certificate is used without a restart.
struct listener_files {
    pthread_mutex_t mutex; // pollers handshake at the same time
    char *paths[FILE_COUNT];
    struct timespec changed[FILE_COUNT];
    ino_t inodes[FILE_COUNT];
};

static bool is_unix(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 || strncmp(address, "unix-abstract:", 14) == 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ip;
        memcpy(&ip, address, sizeof(ip));
        return ntohl(ip.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 ip;
    memcpy(&ip, address, sizeof(ip));
    return IN6_IS_ADDR_LOOPBACK(&ip.sin6_addr);
}

// The host of "host:port" or "[host]:port" into `host`.
static enum err_code split_host(const char *address, char host[HOST_MAX_BYTES], struct err *reterr)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || (size_t)(colon - address) >= HOST_MAX_BYTES)
        return err_invalid(reterr, "address", "the address %s is not host:port", address);
    size_t len = (size_t)(colon - address);
    if (address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    } else if (memchr(address, ':', len) != NULL) {
        return err_invalid(reterr, "address", "the address %s lacks brackets around its host",
                           address);
    }
    memcpy(host, address, len);
    host[len] = '\0';
    return ERR_OK;
}

static enum err_code check_local(const char *address, bool *ret_local, struct err *reterr)
{
    *ret_local = is_unix(address);
    if (*ret_local)
        return ERR_OK;
    char host[HOST_MAX_BYTES];
    try_(split_host(address, host, reterr));
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error != 0)
        return err_invalid(reterr, "address", "the host of %s cannot be resolved: %s", address,
                           gai_strerror(error));
    *ret_local = true;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        *ret_local = *ret_local && is_loopback(at->ai_addr);
    freeaddrinfo(found);
    return ERR_OK;
}

static enum err_code check_wanted(const struct rpc_listener *wanted, struct err *reterr)
{
    bool local;
    try_(check_local(wanted->address, &local, reterr));
    bool tls = wanted->certificate_file != NULL;
    if (tls != (wanted->key_file != NULL))
        return err_invalid(reterr, "key_file", "%s needs a certificate and its key, or neither",
                           wanted->address);
    if (!tls && wanted->client_ca_file != NULL)
        return err_invalid(reterr, "client_ca_file",
                           "%s asks for client certificates but has none of its own",
                           wanted->address);
    if (!local && wanted->client_ca_file == NULL)
        return err_invalid(reterr, "client_ca_file",
                           "%s is not a loopback address or Unix socket: it needs TLS with client "
                           "certificates (a certificate, its key and a client CA)",
                           wanted->address);
    return ERR_OK;
}

static struct listener_files *files_free(struct listener_files *files)
{
    if (files == NULL)
        return NULL;
    for (size_t i = 0; i < FILE_COUNT; i++)
        free(files->paths[i]);
    (void)pthread_mutex_destroy(&files->mutex);
    free(files);
    return NULL;
}

static enum err_code files_new(const struct rpc_listener *wanted, struct listener_files **ret_files,
                               struct err *reterr)
{
    struct listener_files *files = calloc(1, sizeof(*files));
    if (files == NULL)
        return err_no_memory(reterr);
    (void)pthread_mutex_init(&files->mutex, NULL);
    files->paths[CERTIFICATE] = strdup(wanted->certificate_file);
    files->paths[KEY] = strdup(wanted->key_file);
    if (wanted->client_ca_file != NULL)
        files->paths[CLIENT_CA] = strdup(wanted->client_ca_file);
    if (files->paths[CERTIFICATE] == NULL || files->paths[KEY] == NULL ||
        (wanted->client_ca_file != NULL && files->paths[CLIENT_CA] == NULL)) {
        files_free(files);
        return err_no_memory(reterr);
    }
    *ret_files = files;
    return ERR_OK;
}

// Whether a file is another one than last time; remembers what it is now.
static bool files_changed(struct listener_files *files)
{
    bool changed = false;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct stat now;
        if (files->paths[i] == NULL || stat(files->paths[i], &now) != 0)
            continue;
        changed = changed || now.st_ino != files->inodes[i] ||
                  now.st_mtim.tv_sec != files->changed[i].tv_sec ||
                  now.st_mtim.tv_nsec != files->changed[i].tv_nsec;
        files->inodes[i] = now.st_ino;
        files->changed[i] = now.st_mtim;
    }
    return changed;
}

static enum err_code read_config(const struct listener_files *files,
                                 grpc_ssl_server_certificate_config **ret_config,
                                 struct err *reterr)
{
    _cleanup_(secret_freep) struct secret *certificate = NULL;
    _cleanup_(secret_freep) struct secret *key = NULL;
    _cleanup_(secret_freep) struct secret *authority = NULL;
    try_(secret_read_file(files->paths[CERTIFICATE], PEM_MAX_BYTES, &certificate, reterr));
    try_(secret_read_file(files->paths[KEY], PEM_MAX_BYTES, &key, reterr));
    if (files->paths[CLIENT_CA] != NULL)
        try_(secret_read_file(files->paths[CLIENT_CA], PEM_MAX_BYTES, &authority, reterr));
    grpc_ssl_pem_key_cert_pair pair = {secret_bytes(key), secret_bytes(certificate)};
    // gRPC's fetcher aborts without authorities, also where no client is asked for a certificate.
    *ret_config = grpc_ssl_server_certificate_config_create(
        secret_bytes(authority == NULL ? certificate : authority), &pair, 1);
    return ERR_OK;
}

static grpc_ssl_certificate_config_reload_status
fetch_config(void *context, grpc_ssl_server_certificate_config **config)
{
    struct listener_files *files = context;
    struct err err;
    grpc_ssl_certificate_config_reload_status status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    pthread_mutex_lock(&files->mutex);
    if (files_changed(files)) {
        if (read_config(files, config, &err) == ERR_OK) {
            status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
        } else {
            status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
            log_event(LOG_ERROR, "certificate not loaded", LOG_ERR(&err));
        }
    }
    pthread_mutex_unlock(&files->mutex);
    return status;
}

static grpc_server_credentials *new_credentials(struct listener_files *files)
{
    grpc_ssl_client_certificate_request_type request =
        files->paths[CLIENT_CA] == NULL
            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, fetch_config,
                                                                        files));
}

enum err_code listener_add(struct listener *listener, grpc_server *server,
                           const struct rpc_listener *wanted, struct err *reterr)
{
    try_(check_wanted(wanted, reterr));
    grpc_server_credentials *credentials;
    if (wanted->certificate_file != NULL) {
        try_(files_new(wanted, &listener->files, reterr));
        // Once by ourselves, for an error that names the file.
        grpc_ssl_server_certificate_config *config = NULL;
        try_(read_config(listener->files, &config, reterr));
        grpc_ssl_server_certificate_config_destroy(config);
        credentials = new_credentials(listener->files);
    } else {
        credentials = grpc_insecure_server_credentials_create();
    }
    int port = grpc_server_add_http2_port(server, wanted->address, credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0)
        return err_invalid(reterr, "address",
                           "cannot listen on %s: the address is taken or not ours, or the "
                           "certificate and key are not valid",
                           wanted->address);
    listener->port = is_unix(wanted->address) ? 0 : port;
    return ERR_OK;
}

void listener_done(struct listener *listener)
{
    listener->files = files_free(listener->files);
}
