/*
 * Everything one running emulator holds: accounts, keys, switches, faults and the recorder, under
 * one lock. Answers are built whole under the lock; waiting (latency, hangs) happens outside it.
 */
#ifndef ITGLUE_EMULATOR_EMULATOR_H
#define ITGLUE_EMULATOR_EMULATOR_H

#include <pthread.h>

#include "account.h"
#include "fault.h"
#include "limiter.h"
#include "random.h"
#include "recorder.h"
#include "switches.h"

#define KEYS_MAX 64
#define KEY_SIZE 200

enum port { PORT_US, PORT_EU, PORT_AU, PORT_ADMIN, PORT_COUNT };

struct api_key {
    char text[KEY_SIZE];
    struct account *account;
    struct limiter limiter;
    bool revoked;
    bool password_access;
};

struct emulator {
    pthread_mutex_t lock;
    struct account *account;
    struct account *second; /* another customer's account, made when a key for it is added */
    struct limiter account_limiters[2];
    struct switches switches;
    struct faults faults;
    struct recorder recorder;
    struct api_key keys[KEYS_MAX];
    size_t key_count;
    struct random jitter;
    unsigned ports[PORT_COUNT];
};

void emulator_init(struct emulator *emulator, const struct account_plan *plan, const char *key);
void emulator_done(struct emulator *emulator);
struct api_key *emulator_find_key(struct emulator *emulator, const char *text);
struct api_key *emulator_add_key(struct emulator *emulator, const char *text,
                                 struct account *account, bool password_access);
/* Forgets all requests of the windows, as if the last one were long ago. */
void emulator_reset_budget(struct emulator *emulator);
/* The second account, made on first use. */
struct account *emulator_second(struct emulator *emulator);
/* "ITG." and 64 hex digits, from a seed. */
void emulator_make_key(uint64_t seed, char text[KEY_SIZE]);
const char *port_name(enum port port);

#endif
