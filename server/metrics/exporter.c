#include "server/metrics/exporter.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 8, TIMEOUT_S = 5, CONNECTION_MEMORY_BYTES = 16 * 1024 };

struct exporter {
    struct MHD_Daemon *daemon;
    struct metrics *metrics;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              char *text, size_t len, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status)
{
    static char nothing[1];
    return answer(connection, status, "text/plain", nothing, 0, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *path,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_len, void **state)
{
    struct exporter *exporter = context;
    struct buffer out;
    size_t len;
    (void)version;
    (void)upload;
    (void)upload_len;
    (void)state;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED);
    if (strcmp(path, "/metrics") != 0)
        return refuse(connection, MHD_HTTP_NOT_FOUND);
    buffer_init(&out, METRICS_MAX_BYTES);
    (void)metrics_write(exporter->metrics, &out);
    char *text = buffer_steal(&out, &len);
    if (text == NULL)
        return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE);
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len,
                  MHD_RESPMEM_MUST_FREE);
}

enum err_code exporter_start(int port, struct metrics *metrics, struct exporter **ret_exporter,
                             struct err *reterr)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct exporter *exporter = calloc(1, sizeof(*exporter));
    if (exporter == NULL)
        return err_no_memory(reterr);
    exporter->metrics = metrics;
    exporter->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, (uint16_t)port, NULL, NULL, serve,
        exporter, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
    if (exporter->daemon == NULL) {
        free(exporter);
        return err_invalid(reterr, "metrics_port", "cannot be listened on: 127.0.0.1:%d", port);
    }
    *ret_exporter = exporter;
    return ERR_OK;
}

struct exporter *exporter_stop(struct exporter *exporter)
{
    if (exporter != NULL)
        MHD_stop_daemon(exporter->daemon);
    free(exporter);
    return NULL;
}
