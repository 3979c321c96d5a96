/*
 * The four listeners (three regions, one admin port) on libmicrohttpd, all on 127.0.0.1 only. The
 * regions speak TLS when a certificate is given; the admin port is always plain.
 */
#ifndef ITGLUE_EMULATOR_SERVER_H
#define ITGLUE_EMULATOR_SERVER_H

#include "delay.h"
#include "emulator.h"

struct listener {
    struct server *server;
    enum port port;
    struct MHD_Daemon *daemon;
};

struct server {
    struct emulator *emulator;
    struct delay delay;
    struct listener listeners[PORT_COUNT];
    const char *certificate; /* PEM texts, or NULL for plain HTTP */
    const char *private_key;
};

/* `ports` are the wanted ones, 0 for any free one; the real ones go to emulator->ports. */
bool server_start(struct server *server, struct emulator *emulator,
                  const unsigned ports[PORT_COUNT]);
void server_stop(struct server *server);

#endif
