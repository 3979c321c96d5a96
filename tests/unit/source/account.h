// A source that speaks to a scripted server, for tests.
#pragma once

#include "server/source/source.h"
#include "tests/unit/source/scripted_server.h"

#define ACCOUNT_KEY "ITG.CANARYKEY0123456789"

struct account {
    struct scripted_server server;
    struct source_settings settings;
    struct source *source;
    struct source_attempt attempt;
    struct err err;
};

// Starts the server and opens the source. Change `settings` before account_open() if need be.
void account_start(struct account *account, const struct scripted_answer *answers, size_t count);
void account_open(struct account *account);
void account_stop(struct account *account);
