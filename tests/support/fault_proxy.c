#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/fault_proxy.h"

enum { PAIRS_MAX = 128, PIECE_BYTES = 16384, TICK_MS = 2 };

enum { CLIENT, SERVER };

struct pair {
    int fds[2];
    int answered; // bytes carried to the client
};

struct fault_proxy {
    struct sockaddr_un target;
    int listener, port;
    pthread_t thread;
    atomic_int delay_ms, cut_bytes, connections;
    atomic_bool stalled, stands, resets, stops;
    struct pair pairs[PAIRS_MAX]; // the thread's alone
    int count;
};

_Noreturn static void die(const char *text)
{
    (void)fprintf(stderr, "fault proxy: %s\n", text);
    exit(1);
}

static void drop(struct fault_proxy *proxy, int i, bool reset)
{
    struct pair *pair = &proxy->pairs[i];
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(pair->fds[CLIENT], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(pair->fds[CLIENT]);
    (void)close(pair->fds[SERVER]);
    *pair = proxy->pairs[--proxy->count];
    atomic_store(&proxy->connections, proxy->count);
}

// A server that is not there is a client that is hung up.
static void admit(struct fault_proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Nobody can hold the thread by not reading.
    const struct timeval patience = {.tv_sec = 1};
    (void)setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (proxy->count == PAIRS_MAX ||
        connect(server, (const struct sockaddr *)&proxy->target, sizeof(proxy->target)) != 0) {
        (void)close(client);
        (void)close(server);
        return;
    }
    proxy->pairs[proxy->count++] = (struct pair){.fds = {client, server}};
    atomic_store(&proxy->connections, proxy->count);
}

// Carries one piece from `from` to the other end. False: the connection is over.
static bool carry(struct fault_proxy *proxy, struct pair *pair, int from)
{
    char piece[PIECE_BYTES];
    ssize_t len = recv(pair->fds[from], piece, sizeof(piece), 0);
    if (len <= 0)
        return false;
    int delay_ms = atomic_load(&proxy->delay_ms), cut = atomic_load(&proxy->cut_bytes);
    if (delay_ms > 0)
        (void)usleep((useconds_t)delay_ms * 1000);
    bool cuts = from == SERVER && cut >= 0 && pair->answered + len >= cut;
    if (cuts)
        len = cut > pair->answered ? cut - pair->answered : 0;
    if (from == SERVER)
        pair->answered += (int)len;
    return send(pair->fds[1 - from], piece, (size_t)len, MSG_NOSIGNAL) == len && !cuts;
}

static void turn(struct fault_proxy *proxy)
{
    struct pollfd fds[1 + 2 * PAIRS_MAX];
    fds[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    int count = proxy->count;
    for (int i = 0; i < count; i++) {
        fds[1 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].fds[CLIENT], .events = POLLIN};
        fds[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].fds[SERVER], .events = POLLIN};
    }
    if (poll(fds, 1 + 2 * (nfds_t)count, TICK_MS) <= 0)
        return;
    // From the last, as a dropped one is replaced by the last.
    for (int i = count - 1; i >= 0; i--) {
        bool stands = true;
        for (int end = CLIENT; end <= SERVER && stands; end++)
            if (fds[1 + 2 * i + end].revents != 0)
                stands = carry(proxy, &proxy->pairs[i], end);
        if (!stands)
            drop(proxy, i, /* reset= */ false);
    }
    if (fds[0].revents != 0)
        admit(proxy);
}

static void *work(void *context)
{
    struct fault_proxy *proxy = context;
    while (!atomic_load(&proxy->stops)) {
        if (atomic_exchange(&proxy->resets, false)) {
            while (proxy->count > 0)
                drop(proxy, proxy->count - 1, /* reset= */ true);
        }
        bool stands = atomic_load(&proxy->stalled);
        atomic_store(&proxy->stands, stands);
        if (stands)
            (void)usleep(TICK_MS * 1000);
        else
            turn(proxy);
    }
    while (proxy->count > 0)
        drop(proxy, proxy->count - 1, /* reset= */ false);
    return NULL;
}

struct fault_proxy *fault_proxy_start(const char *socket_path)
{
    struct fault_proxy *proxy = calloc(1, sizeof(*proxy));
    if (proxy == NULL || strlen(socket_path) >= sizeof(proxy->target.sun_path))
        die("no memory, or too long a path");
    proxy->target.sun_family = AF_UNIX;
    (void)snprintf(proxy->target.sun_path, sizeof(proxy->target.sun_path), "%s", socket_path);
    atomic_init(&proxy->cut_bytes, -1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (proxy->listener < 0 ||
        bind(proxy->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(proxy->listener, 64) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&proxy->thread, NULL, work, proxy) != 0)
        die("cannot listen");
    proxy->port = ntohs(address.sin_port);
    return proxy;
}

void fault_proxy_stop(struct fault_proxy *proxy)
{
    if (proxy == NULL)
        return;
    atomic_store(&proxy->stops, true);
    (void)pthread_join(proxy->thread, NULL);
    (void)close(proxy->listener);
    free(proxy);
}

int fault_proxy_port(const struct fault_proxy *proxy)
{
    return proxy->port;
}

int fault_proxy_connections(const struct fault_proxy *proxy)
{
    return atomic_load(&proxy->connections);
}

void fault_proxy_delay(struct fault_proxy *proxy, int ms)
{
    atomic_store(&proxy->delay_ms, ms);
}

void fault_proxy_stall(struct fault_proxy *proxy, bool on)
{
    atomic_store(&proxy->stalled, on);
    // Else a turn that has begun would carry something more.
    while (atomic_load(&proxy->stands) != on)
        (void)usleep(TICK_MS * 1000);
}

void fault_proxy_cut(struct fault_proxy *proxy, int bytes)
{
    atomic_store(&proxy->cut_bytes, bytes);
}

void fault_proxy_reset(struct fault_proxy *proxy)
{
    atomic_store(&proxy->resets, true);
}
