#include "emulator.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *port_name(enum port port)
{
    static const char *const names[PORT_COUNT] = {"us", "eu", "au", "admin"};
    return names[port];
}

void emulator_make_key(uint64_t seed, char text[KEY_SIZE])
{
    struct random random = random_stream(seed, 4711);
    snprintf(text, KEY_SIZE, "ITG.%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
             random_next(&random), random_next(&random), random_next(&random),
             random_next(&random));
}

void emulator_init(struct emulator *emulator, const struct account_plan *plan, const char *key)
{
    *emulator = (struct emulator){0};
    pthread_mutex_init(&emulator->lock, NULL);
    switches_init(&emulator->switches);
    emulator->jitter = random_stream(plan->seed, 99);
    emulator->account = account_new(plan);
    emulator_add_key(emulator, key, emulator->account, true);
}

void emulator_reset_budget(struct emulator *emulator)
{
    for (size_t i = 0; i < emulator->key_count; i++)
        limiter_done(&emulator->keys[i].limiter);
    limiter_done(&emulator->account_limiters[0]);
    limiter_done(&emulator->account_limiters[1]);
}

void emulator_done(struct emulator *emulator)
{
    emulator_reset_budget(emulator);
    account_free(emulator->account);
    account_free(emulator->second);
    switches_done(&emulator->switches);
    faults_done(&emulator->faults);
    recorder_done(&emulator->recorder);
    pthread_mutex_destroy(&emulator->lock);
}

struct api_key *emulator_find_key(struct emulator *emulator, const char *text)
{
    for (size_t i = 0; i < emulator->key_count; i++) {
        if (strcmp(emulator->keys[i].text, text) == 0)
            return &emulator->keys[i];
    }
    return NULL;
}

struct api_key *emulator_add_key(struct emulator *emulator, const char *text,
                                 struct account *account, bool password_access)
{
    if (emulator->key_count == KEYS_MAX || strlen(text) >= KEY_SIZE)
        return NULL;
    struct api_key *key = &emulator->keys[emulator->key_count++];
    *key = (struct api_key){.account = account, .password_access = password_access};
    memcpy(key->text, text, strlen(text) + 1);
    return key;
}

struct account *emulator_second(struct emulator *emulator)
{
    if (!emulator->second) {
        struct account_plan plan = emulator->account->plan;
        plan.seed += 1000003;
        emulator->second = account_new(&plan);
    }
    return emulator->second;
}
