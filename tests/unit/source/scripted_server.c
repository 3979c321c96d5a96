#include "tests/unit/source/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool ready(const struct scripted_server *server, int fd, int wait_ms)
{
    for (int waited = 0; waited < wait_ms && !atomic_load(&server->_stop); waited += 5) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (poll(&poller, 1, 5) > 0)
            return true;
    }
    return false;
}

// Reads the head of a request. NULL when the client left.
static char *read_head(const struct scripted_server *server, int fd)
{
    char head[8192];
    size_t len = 0;
    while (len < sizeof(head) - 1 && ready(server, fd, 5000)) {
        ssize_t got = recv(fd, head + len, sizeof(head) - 1 - len, 0);
        if (got <= 0)
            return NULL;
        len += (size_t)got;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            return strdup(head);
    }
    return NULL;
}

static void send_answer(const struct scripted_server *server, int fd,
                        const struct scripted_answer *answer)
{
    size_t len = answer->len > 0 ? answer->len : strlen(answer->bytes);
    size_t piece = answer->piece_bytes > 0 ? (size_t)answer->piece_bytes : len;
    for (int waited = 0; waited < answer->delay_ms && !atomic_load(&server->_stop); waited += 5)
        usleep(5000);
    for (size_t sent = 0; sent < len && !atomic_load(&server->_stop);) {
        size_t now = len - sent < piece ? len - sent : piece;
        ssize_t done = send(fd, answer->bytes + sent, now, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        sent += (size_t)done;
        if (answer->piece_bytes > 0)
            usleep(5000);
    }
    if (answer->hang)
        (void)ready(server, fd, 60000);
}

// Takes a request and answers. Whether the connection waits for another one.
static bool serve_request(struct scripted_server *server, int fd, bool first)
{
    char *head = read_head(server, fd);
    size_t index = atomic_load(&server->request_count);
    if (head == NULL || index == SCRIPTED_REQUESTS_MAX) {
        free(head);
        return false;
    }
    size_t which = index < server->answer_count ? index : server->answer_count - 1;
    server->requests[index] = head;
    atomic_fetch_add(&server->connection_count, first);
    atomic_store(&server->request_count, index + 1);
    send_answer(server, fd, &server->answers[which]);
    return server->answers[which].keep;
}

static void *serve(void *context)
{
    struct scripted_server *server = context;
    while (!atomic_load(&server->_stop)) {
        if (!ready(server, server->_listener, 1000))
            continue;
        int fd = accept(server->_listener, NULL, NULL);
        if (fd < 0)
            continue;
        for (bool first = true; serve_request(server, fd, first); first = false)
            ;
        (void)shutdown(fd, SHUT_WR);
        close(fd);
        atomic_fetch_add(&server->closed_count, 1);
    }
    return NULL;
}

void scripted_server_start(struct scripted_server *server, const struct scripted_answer *answers,
                           size_t answer_count)
{
    memset(server, 0, sizeof(*server));
    server->answers = answers;
    server->answer_count = answer_count;
    server->_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    if (server->_listener < 0 ||
        bind(server->_listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server->_listener, 16) != 0 ||
        getsockname(server->_listener, (struct sockaddr *)&address, &len) != 0)
        abort();
    server->port = ntohs(address.sin_port);
    (void)snprintf(server->base_url, sizeof(server->base_url), "http://127.0.0.1:%d", server->port);
    if (pthread_create(&server->_thread, NULL, serve, server) != 0)
        abort();
}

void scripted_server_stop(struct scripted_server *server)
{
    atomic_store(&server->_stop, true);
    pthread_join(server->_thread, NULL);
    close(server->_listener);
    for (size_t i = 0; i < atomic_load(&server->request_count); i++)
        free(server->requests[i]);
}
