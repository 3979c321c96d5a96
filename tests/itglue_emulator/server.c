#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "api.h"
#include "delivery.h"
#include "memory.h"

#define UPLOAD_MAX (16u << 20)

struct visit { /* one request on a connection */
    char *target;
    bool started;
    bool answered;
    struct text upload;
    struct answer answer;
};

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    (void)context;
    (void)connection;
    struct visit *visit = memory_get(1, sizeof *visit);
    visit->target = memory_text(uri);
    return visit;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct visit *visit = *state;
    if (!visit)
        return;
    free(visit->target);
    text_done(&visit->upload);
    answer_done(&visit->answer);
    free(visit);
    *state = NULL;
}

static void make_answer(struct listener *listener, struct MHD_Connection *connection,
                        const char *method, struct visit *visit)
{
    struct server *server = listener->server;
    if (listener->port == PORT_ADMIN) {
        struct admin_request request = {
            .method = method,
            .target = visit->target,
            .body = visit->upload.data,
            .body_length = visit->upload.length,
            .had_key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-api-key")};
        admin_handle(server->emulator, &request, &visit->answer);
        pthread_mutex_lock(&server->emulator->lock);
        uint64_t cleared = server->emulator->faults.cleared;
        pthread_mutex_unlock(&server->emulator->lock);
        delay_let_go(&server->delay, cleared);
        return;
    }
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    char base_url[300];
    snprintf(base_url, sizeof base_url, "%s://%s", server->certificate ? "https" : "http",
             host ? host : "127.0.0.1");
    struct api_request request = {
        .port = listener->port,
        .method = method,
        .target = visit->target,
        .key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-api-key"),
        .base_url = base_url};
    api_handle(server->emulator, &request, &visit->answer);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)url;
    (void)version;
    struct listener *listener = context;
    struct visit *visit = *state;
    if (!visit->started) {
        visit->started = true;
        return MHD_YES;
    }
    if (*upload_size) {
        if (visit->upload.length + *upload_size > UPLOAD_MAX)
            return MHD_NO;
        if (listener->port == PORT_ADMIN)
            text_append(&visit->upload, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (!visit->answered) {
        make_answer(listener, connection, method, visit);
        visit->answered = true;
        if (visit->answer.delay_ms > 0 && delay_suspend(&listener->server->delay, connection,
                                                        visit->answer.delay_ms, visit->answer.hold))
            return MHD_YES;
    }
    return delivery_send(&listener->server->delay, connection, &visit->answer);
}

static struct MHD_Daemon *listen_on(struct listener *listener, unsigned port)
{
    const struct server *server = listener->server;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool tls = server->certificate && listener->port != PORT_ADMIN;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &address},
        {MHD_OPTION_THREAD_POOL_SIZE, 2, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, 2000, NULL},
        {MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024, NULL},
        {tls ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, 0,
         (void *)(uintptr_t)server->private_key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)server->certificate},
        {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     (tls ? MHD_USE_TLS : 0u);
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_URI_LOG_CALLBACK,
                            on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

bool server_start(struct server *server, struct emulator *emulator,
                  const unsigned ports[PORT_COUNT])
{
    server->emulator = emulator;
    if (!delay_start(&server->delay))
        return false;
    for (int i = 0; i < PORT_COUNT; i++) {
        struct listener *listener = &server->listeners[i];
        listener->server = server;
        listener->port = (enum port)i;
        listener->daemon = listen_on(listener, ports[i]);
        if (!listener->daemon) {
            fprintf(stderr, "itglue_emulator: cannot listen on port %u (%s)\n", ports[i],
                    port_name((enum port)i));
            server_stop(server);
            return false;
        }
        // The ports before this one answer already.
        pthread_mutex_lock(&emulator->lock);
        emulator->ports[i] = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
        pthread_mutex_unlock(&emulator->lock);
    }
    return true;
}

void server_stop(struct server *server)
{
    delay_release(&server->delay);
    for (int i = 0; i < PORT_COUNT; i++) {
        if (server->listeners[i].daemon)
            MHD_stop_daemon(server->listeners[i].daemon);
        server->listeners[i].daemon = NULL;
    }
    delay_done(&server->delay);
}
