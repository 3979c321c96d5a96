#include "server/rpc/listener.h"

#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/log.h"
#include "server/base/secret.h"
#include "server/rpc/certificate.h"

enum { PEM_MAX_BYTES = 60 * 1024, FILE_COUNT = 3 };

enum { CERTIFICATE, KEY, CLIENT_CA };

// The PEM files of a listener. They are looked at before each handshake, so that a renewed
// certificate is used without a restart.
struct listener_files {
    pthread_mutex_t mutex; // pollers handshake at the same time
    char *paths[FILE_COUNT];
    struct stat seen[FILE_COUNT]; // when they were read last
    bool failed;                  // that time
};

enum err_code rpc_listener_check(const struct rpc_listener *wanted, struct err *reterr)
{
    bool local;
    try_(address_is_local(wanted->address, &local, reterr));
    bool tls = wanted->certificate_file != NULL;
    if (tls != (wanted->key_file != NULL))
        return err_invalid(reterr, "tls_key_file", "%s needs a certificate and its key, or neither",
                           wanted->address);
    if (!tls && wanted->client_ca_file != NULL)
        return err_invalid(reterr, "tls_client_ca_file",
                           "%s asks for client certificates but has none of its own",
                           wanted->address);
    if (!local && wanted->client_ca_file == NULL)
        return err_invalid(reterr, "tls_client_ca_file",
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

// Whether a file is another one than last time; remembers what it is now. One that is gone for a
// moment is none. By the time of the last change of any kind: a copy may bring an old time along.
static bool files_changed(struct listener_files *files)
{
    bool changed = false;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct stat now;
        const struct stat *seen = &files->seen[i];
        if (files->paths[i] == NULL || stat(files->paths[i], &now) != 0)
            continue;
        changed = changed || now.st_dev != seen->st_dev || now.st_ino != seen->st_ino ||
                  now.st_size != seen->st_size || now.st_ctim.tv_sec != seen->st_ctim.tv_sec ||
                  now.st_ctim.tv_nsec != seen->st_ctim.tv_nsec;
        files->seen[i] = now;
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
    const struct certificate_file read[FILE_COUNT] = {
        [CERTIFICATE] = {files->paths[CERTIFICATE], secret_bytes(certificate)},
        [KEY] = {files->paths[KEY], secret_bytes(key)},
        [CLIENT_CA] = {files->paths[CLIENT_CA],
                       authority == NULL ? NULL : secret_bytes(authority)}};
    try_(certificate_check(&read[CERTIFICATE], &read[KEY], &read[CLIENT_CA], reterr));
    grpc_ssl_pem_key_cert_pair pair = {secret_bytes(key), secret_bytes(certificate)};
    // gRPC's fetcher aborts without authorities, also where no client is asked for a certificate.
    *ret_config = grpc_ssl_server_certificate_config_create(
        secret_bytes(authority == NULL ? certificate : authority), &pair, 1);
    return ERR_OK;
}

// Under the mutex. What cannot be read is tried again in each handshake, and logged once.
static grpc_ssl_certificate_config_reload_status
fetch(struct listener_files *files, grpc_ssl_server_certificate_config **ret_config)
{
    struct err err;
    bool changed = files_changed(files);
    if (!changed && !files->failed)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    bool failed = read_config(files, ret_config, &err) != ERR_OK;
    if (failed && (changed || !files->failed))
        log_event(LOG_ERROR, "certificate not loaded", LOG_ERR(&err));
    files->failed = failed;
    if (failed)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    log_event(LOG_INFO, "certificate loaded", LOG_STR("file", files->paths[CERTIFICATE]));
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

static grpc_ssl_certificate_config_reload_status
fetch_config(void *context, grpc_ssl_server_certificate_config **config)
{
    struct listener_files *files = context;
    pthread_mutex_lock(&files->mutex);
    grpc_ssl_certificate_config_reload_status status = fetch(files, config);
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

static enum err_code open_tls(struct listener *listener, grpc_server *server,
                              const struct rpc_listener *wanted, struct err *reterr)
{
    try_(files_new(wanted, &listener->files, reterr));
    // Once by ourselves, for an error that names the file.
    grpc_ssl_server_certificate_config *config = NULL;
    try_(read_config(listener->files, &config, reterr));
    grpc_ssl_server_certificate_config_destroy(config);
    grpc_server_credentials *credentials = new_credentials(listener->files);
    bool opened = intake_open(&listener->intake, server, credentials);
    grpc_server_credentials_release(credentials);
    return opened ? ERR_OK
                  : err_invalid(reterr, "tls_certificate_file",
                                "the certificate and key for %s are not valid", wanted->address);
}

static enum err_code open_plaintext(struct listener *listener, grpc_server *server,
                                    struct err *reterr)
{
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    bool opened = intake_open(&listener->intake, server, credentials);
    grpc_server_credentials_release(credentials);
    return opened ? ERR_OK : err_set(reterr, ERR_INTERNAL, "gRPC takes no connections from us");
}

enum err_code listener_add(struct listener *listener, grpc_server *server,
                           struct acceptor *acceptor, const struct rpc_listener *wanted,
                           struct err *reterr)
{
    bool tls = wanted->certificate_file != NULL;
    try_(rpc_listener_check(wanted, reterr));
    if (tls)
        try_(open_tls(listener, server, wanted, reterr));
    else
        try_(open_plaintext(listener, server, reterr));
    return acceptor_listen(acceptor, wanted->address, tls, &listener->intake, &listener->port,
                           reterr);
}

void listener_done(struct listener *listener)
{
    listener->files = files_free(listener->files);
}
