// The table of corks and a poller's turn, on real sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/rpc/cork.h"

enum { SOCKETS = TURN_CONNECTIONS_MAX + 1 };

struct sockets {
    struct cork_table table;
    struct turn turn;
    struct cork corks[SOCKETS];
    int fds[SOCKETS];
    uint64_t keys[SOCKETS];
};

static bool is_corked(int fd)
{
    int on = -1;
    socklen_t len = sizeof(on);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, &len), 0);
    return on == 1;
}

static void open_all(struct sockets *sockets)
{
    struct err err;
    *sockets = (struct sockets){.turn = {.table = &sockets->table}};
    // Fewer chains than sockets, so that some share one.
    assert_int_equal(cork_table_init(&sockets->table, SOCKETS / 4, &err), ERR_OK);
    for (int i = 0; i < SOCKETS; i++) {
        char peer[64];
        (void)snprintf(peer, sizeof(peer), "ipv4:192.0.2.1:%d", 1000 + i);
        sockets->keys[i] = cork_key(peer);
        sockets->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(sockets->fds[i] >= 0);
        cork_add(&sockets->table, &sockets->corks[i], sockets->keys[i], sockets->fds[i]);
    }
}

static void close_all(struct sockets *sockets)
{
    for (int i = 0; i < SOCKETS; i++) {
        cork_remove(&sockets->table, &sockets->corks[i]);
        // Once more is fine.
        cork_remove(&sockets->table, &sockets->corks[i]);
        assert_int_equal(close(sockets->fds[i]), 0);
    }
    cork_table_done(&sockets->table);
    cork_table_done(&sockets->table);
}

static int corked(const struct sockets *sockets)
{
    int count = 0;
    for (int i = 0; i < SOCKETS; i++)
        count += is_corked(sockets->fds[i]);
    return count;
}

static void test_second_answer_corks_until_the_end(void **state)
{
    (void)state;
    struct sockets sockets;
    open_all(&sockets);
    turn_answer(&sockets.turn, sockets.keys[3]);
    turn_answer(&sockets.turn, sockets.keys[4]);
    assert_int_equal(corked(&sockets), 0);
    turn_answer(&sockets.turn, sockets.keys[3]);
    turn_answer(&sockets.turn, sockets.keys[3]);
    assert_true(is_corked(sockets.fds[3]));
    assert_int_equal(corked(&sockets), 1);
    turn_end(&sockets.turn);
    assert_int_equal(corked(&sockets), 0);
    // The next turn begins anew.
    turn_answer(&sockets.turn, sockets.keys[3]);
    assert_int_equal(corked(&sockets), 0);
    turn_end(&sockets.turn);
    close_all(&sockets);
}

static void test_many_connections_end_the_turn(void **state)
{
    (void)state;
    struct sockets sockets;
    open_all(&sockets);
    for (int i = 0; i < TURN_CONNECTIONS_MAX; i++)
        for (int twice = 0; twice < 2; twice++)
            turn_answer(&sockets.turn, sockets.keys[i]);
    assert_int_equal(corked(&sockets), TURN_CONNECTIONS_MAX);
    turn_answer(&sockets.turn, sockets.keys[TURN_CONNECTIONS_MAX]);
    assert_int_equal(corked(&sockets), 0);
    turn_end(&sockets.turn);
    close_all(&sockets);
}

static void test_closed_connection_is_left_alone(void **state)
{
    (void)state;
    struct sockets sockets;
    open_all(&sockets);
    for (int answers = 0; answers < 2; answers++)
        turn_answer(&sockets.turn, sockets.keys[5]);
    cork_remove(&sockets.table, &sockets.corks[5]);
    // The descriptor may be another's by now: it must not be touched.
    turn_end(&sockets.turn);
    assert_true(is_corked(sockets.fds[5]));
    for (int answers = 0; answers < 3; answers++)
        turn_answer(&sockets.turn, cork_key("unix:"));
    turn_end(&sockets.turn);
    close_all(&sockets);
}

static uint64_t key_of(int family, const char *host, in_port_t port)
{
    struct sockaddr_storage peer = {.ss_family = (sa_family_t)family};
    if (family == AF_INET) {
        struct sockaddr_in *of = (struct sockaddr_in *)&peer;
        of->sin_port = htons(port);
        assert_int_equal(inet_pton(family, host, &of->sin_addr), 1);
    } else if (family == AF_INET6) {
        struct sockaddr_in6 *of = (struct sockaddr_in6 *)&peer;
        of->sin6_port = htons(port);
        assert_int_equal(inet_pton(family, host, &of->sin6_addr), 1);
    }
    return cork_key_of_address(&peer);
}

// The texts that gRPC has for its peers; accept_test sees them in the log.
static void test_key_of_an_address(void **state)
{
    (void)state;
    assert_true(key_of(AF_INET, "192.0.2.1", 4711) == cork_key("ipv4:192.0.2.1:4711"));
    assert_true(key_of(AF_INET6, "2001:db8::1", 80) == cork_key("ipv6:%5B2001:db8::1%5D:80"));
    assert_true(key_of(AF_INET6, "::ffff:192.0.2.1", 80) == cork_key("ipv4:192.0.2.1:80"));
    assert_true(key_of(AF_UNIX, NULL, 0) == 0);
    assert_true(cork_key("ipv4:192.0.2.1:4711") != cork_key("ipv4:192.0.2.1:4712"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_answer_corks_until_the_end),
        cmocka_unit_test(test_many_connections_end_the_turn),
        cmocka_unit_test(test_closed_connection_is_left_alone),
        cmocka_unit_test(test_key_of_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
