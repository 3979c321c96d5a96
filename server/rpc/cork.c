#include "server/rpc/cork.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_BYTES = 96 };

enum err_code cork_table_init(struct cork_table *table, size_t connections_max, struct err *reterr)
{
    size_t size = 1;
    while (size < connections_max)
        size *= 2;
    struct cork **chains = calloc(size, sizeof(*chains));
    if (chains == NULL)
        return err_no_memory(reterr);
    *table = (struct cork_table){.chains = chains, .mask = size - 1};
    (void)pthread_mutex_init(&table->mutex, NULL);
    return ERR_OK;
}

void cork_table_done(struct cork_table *table)
{
    if (table->chains == NULL)
        return;
    free(table->chains);
    (void)pthread_mutex_destroy(&table->mutex);
    *table = (struct cork_table){0};
}

// FNV-1a. Two peers of one key would cork each other's connections, and no harm done.
uint64_t cork_key(const char *peer)
{
    uint64_t key = 0xcbf29ce484222325U;
    for (; *peer != '\0'; peer++)
        key = (key ^ (unsigned char)*peer) * 0x100000001b3U;
    return key;
}

uint64_t cork_key_of_address(const struct sockaddr_storage *peer)
{
    char host[INET6_ADDRSTRLEN], text[PEER_BYTES];
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *of = (const struct sockaddr_in *)peer;
        (void)inet_ntop(AF_INET, &of->sin_addr, host, sizeof(host));
        (void)snprintf(text, sizeof(text), "ipv4:%s:%d", host, ntohs(of->sin_port));
        return cork_key(text);
    }
    if (peer->ss_family != AF_INET6)
        return 0;
    const struct sockaddr_in6 *of = (const struct sockaddr_in6 *)peer;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&of->sin6_addr);
    const void *address = mapped ? (const void *)&of->sin6_addr.s6_addr[12] : &of->sin6_addr;
    (void)inet_ntop(mapped ? AF_INET : AF_INET6, address, host, sizeof(host));
    (void)snprintf(text, sizeof(text), mapped ? "ipv4:%s:%d" : "ipv6:%%5B%s%%5D:%d", host,
                   ntohs(of->sin6_port));
    return cork_key(text);
}

static struct cork **find(const struct cork_table *table, uint64_t key)
{
    struct cork **at = &table->chains[key & table->mask];
    while (*at != NULL && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

void cork_add(struct cork_table *table, struct cork *cork, uint64_t key, int fd)
{
    if (key == 0)
        return;
    pthread_mutex_lock(&table->mutex);
    struct cork **chain = &table->chains[key & table->mask];
    *cork = (struct cork){key, fd, *chain};
    *chain = cork;
    pthread_mutex_unlock(&table->mutex);
}

void cork_remove(struct cork_table *table, struct cork *cork)
{
    if (cork->key == 0)
        return;
    pthread_mutex_lock(&table->mutex);
    struct cork **at = &table->chains[cork->key & table->mask];
    while (*at != cork)
        at = &(*at)->next;
    *at = cork->next;
    pthread_mutex_unlock(&table->mutex);
    *cork = (struct cork){0};
}

// Under the lock, so that the descriptor is not closed, and another's, meanwhile. False: not found.
static bool set(struct cork_table *table, uint64_t key, int on)
{
    pthread_mutex_lock(&table->mutex);
    const struct cork *cork = *find(table, key);
    bool done = cork != NULL && setsockopt(cork->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) == 0;
    pthread_mutex_unlock(&table->mutex);
    return done;
}

void turn_answer(struct turn *turn, uint64_t key)
{
    for (size_t i = 0; i < turn->count; i++) {
        if (turn->connections[i].key != key)
            continue;
        if (turn->connections[i].state == TURN_ANSWERED)
            turn->connections[i].state = set(turn->table, key, 1) ? TURN_CORKED : TURN_UNKNOWN;
        return;
    }
    if (turn->count == TURN_CONNECTIONS_MAX)
        turn_end(turn);
    turn->connections[turn->count].key = key;
    turn->connections[turn->count++].state = TURN_ANSWERED;
}

void turn_end(struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++)
        if (turn->connections[i].state == TURN_CORKED)
            (void)set(turn->table, turn->connections[i].key, 0);
    turn->count = 0;
}
