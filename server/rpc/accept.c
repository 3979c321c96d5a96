#include "server/rpc/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"

enum {
    EVENTS_MAX = 64,
    BURST_MAX = 64, // accepted in a row, so that others come to their turn
    PAUSE_US = 10000,
    TICK_MS = 100,
    COMPLAIN_MS = 10000,
    FRAME_HEAD_BYTES = 9,
    BEGIN_MAX_BYTES = 64,
};

// What each kind of connection begins with, and how much must be there: of HTTP/2 the head of its
// first frame too. A TLS record of a handshake, whatever its version.
static const struct beginning {
    const char *bytes;
    size_t len, least;
} HTTP2 = {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, 24 + FRAME_HEAD_BYTES}, TLS = {"\x16\x03", 2, 2};

// What an epoll event is about stands first in it.
enum kind { LISTENER, CONNECTION, WAKE };

struct listening {
    enum kind kind;
    int fd;
    char *address; // NULL: another socket of the address before it
    const struct intake *intake;
    const struct beginning *beginning;
};

struct connection {
    enum kind kind;
    int fd; // ours; gRPC has another of its own
    const struct listening *listening;
    bool begun;
    int64_t begin_by_ms;
    uint64_t peer; // by which it is found in the table of corks
    struct cork cork;
    struct connection *next, **previous;
};

struct acceptor {
    size_t connections_max;
    int64_t handshake_ms;
    struct cork_table *corks;
    int epoll, wake, spare;
    enum kind wake_kind;
    struct listening listeners[ACCEPT_LISTENERS_MAX];
    size_t listener_count;
    pthread_t thread;
    bool running;
    atomic_bool ending;
    int64_t complained_ms;
    // The thread's own while it runs.
    struct connection *connections;
    atomic_size_t count; // told to other threads
    size_t unbegun;
};

static bool watch(const struct acceptor *acceptor, int fd, uint32_t events, void *what)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(acceptor->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

enum err_code acceptor_new(size_t connections_max, int64_t handshake_ms, struct cork_table *corks,
                           struct acceptor **ret_acceptor, struct err *reterr)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (acceptor == NULL)
        return err_no_memory(reterr);
    *acceptor = (struct acceptor){.connections_max = connections_max,
                                  .handshake_ms = handshake_ms,
                                  .corks = corks,
                                  .wake_kind = WAKE,
                                  .complained_ms = -COMPLAIN_MS};
    acceptor->epoll = epoll_create1(EPOLL_CLOEXEC);
    acceptor->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    acceptor->spare = open_spare();
    if (acceptor->epoll < 0 || acceptor->wake < 0 || acceptor->spare < 0 ||
        !watch(acceptor, acceptor->wake, EPOLLIN, &acceptor->wake_kind)) {
        enum err_code code = err_set(reterr, ERR_INTERNAL, "cannot listen: %s", strerror(errno));
        (void)acceptor_free(acceptor);
        return code;
    }
    *ret_acceptor = acceptor;
    return ERR_OK;
}

enum err_code acceptor_listen(struct acceptor *acceptor, const char *address, bool tls,
                              const struct intake *intake, int *ret_port, struct err *reterr)
{
    int sockets[ADDRESS_SOCKETS_MAX];
    size_t count;
    if (acceptor->listener_count + ADDRESS_SOCKETS_MAX > ACCEPT_LISTENERS_MAX)
        return err_invalid(reterr, "listen", "too many addresses to listen on");
    try_(address_listen(address, sockets, &count, ret_port, reterr));
    for (size_t i = 0; i < count; i++)
        acceptor->listeners[acceptor->listener_count++] =
            (struct listening){.kind = LISTENER,
                               .fd = sockets[i],
                               .address = i == 0 ? strdup(address) : NULL,
                               .intake = intake,
                               .beginning = tls ? &TLS : &HTTP2};
    return ERR_OK;
}

// Tells of what peers may bring about, at most every ten seconds.
static void complain(struct acceptor *acceptor, const char *why)
{
    int64_t now_ms = clock_steady_ms();
    if (now_ms - acceptor->complained_ms < COMPLAIN_MS)
        return;
    acceptor->complained_ms = now_ms;
    log_event(LOG_WARN, "connections turned away", LOG_STR("reason", why),
              LOG_INT("open", acceptor->count));
}

static struct connection *add(struct acceptor *acceptor, const struct listening *listening, int fd,
                              uint64_t peer)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    *connection = (struct connection){.kind = CONNECTION,
                                      .fd = fd,
                                      .listening = listening,
                                      .peer = peer,
                                      .begin_by_ms = clock_steady_ms() + acceptor->handshake_ms,
                                      .previous = &acceptor->connections};
    connection->next = acceptor->connections;
    if (connection->next != NULL)
        connection->next->previous = &connection->next;
    acceptor->connections = connection;
    acceptor->count++;
    acceptor->unbegun++;
    return connection;
}

static void forget(struct acceptor *acceptor, struct connection *connection)
{
    *connection->previous = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    acceptor->count--;
    if (!connection->begun)
        acceptor->unbegun--;
    cork_remove(acceptor->corks, &connection->cork);
    // The description stays open as long as gRPC has it, and epoll would go on telling of it.
    (void)epoll_ctl(acceptor->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    (void)close(connection->fd);
    free(connection);
}

// No descriptor is left: takes the connection by the spare one and closes it, so that the peer
// knows, and the listener is not told of it for ever. False if not even that works.
static bool turn_away_by_spare(struct acceptor *acceptor, int listener)
{
    complain(acceptor, "no descriptor is left");
    if (acceptor->spare >= 0)
        (void)close(acceptor->spare);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        (void)close(fd);
    acceptor->spare = open_spare();
    return fd >= 0;
}

static void accept_one(struct acceptor *acceptor, const struct listening *listening, int fd,
                       const struct sockaddr_storage *peer)
{
    const int on = 1;
    if (acceptor->count >= acceptor->connections_max) {
        complain(acceptor, "too many connections");
        (void)close(fd);
        return;
    }
    if (peer->ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct connection *connection = add(acceptor, listening, fd, cork_key_of_address(peer));
    if (connection == NULL)
        (void)close(fd);
    else if (!watch(acceptor, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, connection))
        forget(acceptor, connection);
}

static void accept_some(struct acceptor *acceptor, const struct listening *listening)
{
    for (int i = 0; i < BURST_MAX; i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNIX};
        socklen_t len = sizeof(peer);
        int fd =
            accept4(listening->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accept_one(acceptor, listening, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE) {
            if (!turn_away_by_spare(acceptor, listening->fd)) {
                usleep(PAUSE_US);
                return;
            }
        } else if (errno != EINTR && errno != ECONNABORTED) {
            // Nothing more, or a want that a while may mend (ENOBUFS, ENOMEM).
            if (errno != EAGAIN)
                usleep(PAUSE_US);
            return;
        }
    }
}

// Gives a connection to gRPC. We keep ours to learn of its end.
static bool hand_over(struct acceptor *acceptor, struct connection *connection)
{
    struct epoll_event end_alone = {.events = 0, .data.ptr = connection};
    int fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        complain(acceptor, "no descriptor is left");
        return false;
    }
    (void)epoll_ctl(acceptor->epoll, EPOLL_CTL_MOD, connection->fd, &end_alone);
    connection->begun = true;
    acceptor->unbegun--;
    cork_add(acceptor->corks, &connection->cork, connection->peer, connection->fd);
    intake_take(connection->listening->intake, fd);
    return true;
}

// Looks at what a connection begins with. True if it may stay.
static bool begin(struct acceptor *acceptor, struct connection *connection)
{
    const struct beginning *wanted = connection->listening->beginning;
    unsigned char head[BEGIN_MAX_BYTES];
    ssize_t got = recv(connection->fd, head, sizeof(head), MSG_PEEK);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t len = (size_t)got;
    if (len == 0 || memcmp(head, wanted->bytes, len < wanted->len ? len : wanted->len) != 0)
        return false;
    if (len < wanted->least)
        return true;
    return hand_over(acceptor, connection);
}

static void run_event(struct acceptor *acceptor, const struct epoll_event *event)
{
    const enum kind *kind = event->data.ptr;
    struct connection *connection = event->data.ptr;
    if (*kind == LISTENER)
        accept_some(acceptor, event->data.ptr);
    else if (*kind == CONNECTION &&
             (connection->begun || (event->events & (EPOLLHUP | EPOLLERR)) != 0 ||
              !begin(acceptor, connection)))
        forget(acceptor, connection);
}

// Those that took too long to begin.
static void close_late(struct acceptor *acceptor, int64_t now_ms)
{
    for (struct connection *at = acceptor->connections, *next; at != NULL; at = next) {
        next = at->next;
        if (!at->begun && at->begin_by_ms <= now_ms)
            forget(acceptor, at);
    }
}

static void *acceptor_main(void *context)
{
    struct acceptor *acceptor = context;
    struct epoll_event events[EVENTS_MAX];
    int64_t next_look_ms = 0;
    while (!atomic_load(&acceptor->ending)) {
        int count =
            epoll_wait(acceptor->epoll, events, EVENTS_MAX, acceptor->unbegun > 0 ? TICK_MS : -1);
        for (int i = 0; i < count; i++)
            run_event(acceptor, &events[i]);
        int64_t now_ms = clock_steady_ms();
        if (acceptor->unbegun > 0 && now_ms >= next_look_ms) {
            close_late(acceptor, now_ms);
            next_look_ms = now_ms + TICK_MS;
        }
    }
    return NULL;
}

enum err_code acceptor_start(struct acceptor *acceptor, struct err *reterr)
{
    if (acceptor->listener_count == 0)
        return ERR_OK;
    for (size_t i = 0; i < acceptor->listener_count; i++)
        if (!watch(acceptor, acceptor->listeners[i].fd, EPOLLIN, &acceptor->listeners[i]))
            return err_set(reterr, ERR_INTERNAL, "cannot listen: %s", strerror(errno));
    int error = pthread_create(&acceptor->thread, NULL, acceptor_main, acceptor);
    if (error != 0)
        return err_set(reterr, ERR_INTERNAL, "cannot start a thread: %s", strerror(error));
    (void)pthread_setname_np(acceptor->thread, "rpc-accept");
    acceptor->running = true;
    return ERR_OK;
}

void acceptor_stop(struct acceptor *acceptor)
{
    const uint64_t one = 1;
    atomic_store(&acceptor->ending, true);
    (void)!write(acceptor->wake, &one, sizeof(one));
    if (acceptor->running)
        (void)pthread_join(acceptor->thread, NULL);
    acceptor->running = false;
    for (size_t i = 0; i < acceptor->listener_count; i++) {
        (void)close(acceptor->listeners[i].fd);
        if (acceptor->listeners[i].address != NULL)
            address_remove(acceptor->listeners[i].address);
        free(acceptor->listeners[i].address);
    }
    acceptor->listener_count = 0;
    close_late(acceptor, INT64_MAX);
}

void acceptor_hang_up(struct acceptor *acceptor)
{
    for (const struct connection *at = acceptor->connections; at != NULL; at = at->next)
        (void)shutdown(at->fd, SHUT_RDWR);
}

size_t acceptor_count(const struct acceptor *acceptor)
{
    return acceptor->count;
}

struct acceptor *acceptor_free(struct acceptor *acceptor)
{
    if (acceptor == NULL)
        return NULL;
    acceptor_stop(acceptor);
    while (acceptor->connections != NULL)
        forget(acceptor, acceptor->connections);
    closep(&acceptor->epoll);
    closep(&acceptor->wake);
    closep(&acceptor->spare);
    free(acceptor);
    return NULL;
}
