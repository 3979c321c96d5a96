#include "server/service/gate_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "server/service/gate_reader.h"
#include "server/store/reveal_budget.h"

enum { KEY_BYTES = 32 };

struct look {
    unsigned char key[KEY_BYTES];
    int64_t until_ms; // steady clock; 0: nothing is here
    struct arena arena;
    struct password_gates gates; // texts from the arena
};

// A look has one place, and costs whoever was there his.
struct gate_memory {
    int64_t keep_ms;
    pthread_mutex_t lock;
    struct look looks[GATE_MEMORY_LOOKS];
    struct look companies[GATE_MEMORY_LOOKS];
};

enum err_code gate_memory_new(int64_t keep_ms, struct gate_memory **ret_memory, struct err *reterr)
{
    struct gate_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL)
        return err_no_memory(reterr);
    memory->keep_ms = keep_ms;
    (void)pthread_mutex_init(&memory->lock, NULL);
    *ret_memory = memory;
    return ERR_OK;
}

struct gate_memory *gate_memory_free(struct gate_memory *memory)
{
    if (memory == NULL)
        return NULL;
    for (size_t i = 0; i < GATE_MEMORY_LOOKS; i++) {
        arena_done(&memory->looks[i].arena);
        arena_done(&memory->companies[i].arena);
    }
    (void)pthread_mutex_destroy(&memory->lock);
    free(memory);
    return NULL;
}

static void add_text(crypto_generichash_state *state, const char *text)
{
    text = text == NULL ? "" : text;
    (void)crypto_generichash_update(state, (const unsigned char *)text, strlen(text) + 1);
}

// Of all that the answer depends on.
static void key_of(const struct request *request, const char *company_id, int64_t password_id,
                   unsigned char ret_key[KEY_BYTES])
{
    const struct principal *caller = request->caller;
    const int64_t numbers[] = {password_id, caller->issue_time_us};
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, KEY_BYTES);
    add_text(&state, caller->tenant);
    add_text(&state, caller->subject);
    add_text(&state, caller->company_set);
    add_text(&state, company_id);
    (void)crypto_generichash_update(&state, (const unsigned char *)numbers, sizeof(numbers));
    (void)crypto_generichash_final(&state, ret_key, KEY_BYTES);
}

static struct look *place_of(struct gate_memory *memory, int64_t password_id,
                             const unsigned char key[KEY_BYTES])
{
    struct look *looks = password_id == 0 ? memory->companies : memory->looks;
    size_t place;
    memcpy(&place, key, sizeof(place));
    return &looks[place % GATE_MEMORY_LOOKS];
}

void gate_memory_keep(const struct request *request, const char *company_id, int64_t password_id,
                      const struct password_gates *gates)
{
    struct gate_memory *memory = request->backend->gate_memory;
    unsigned char key[KEY_BYTES];
    if (memory == NULL || gates->key == NULL || reveal_budget_any(&gates->policy))
        return;
    key_of(request, company_id, password_id, key);
    (void)pthread_mutex_lock(&memory->lock);
    struct look *look = place_of(memory, password_id, key);
    arena_done(&look->arena);
    arena_init(&look->arena, GATE_MEMORY_LOOK_BYTES);
    bool kept = password_gates_copy(gates, &look->arena, &look->gates);
    memcpy(look->key, key, sizeof(key));
    look->until_ms = kept ? clock_steady_ms() + memory->keep_ms : 0;
    (void)pthread_mutex_unlock(&memory->lock);
}

bool gate_memory_find(const struct request *request, const char *company_id, int64_t password_id,
                      struct password_gates *ret_gates)
{
    struct gate_memory *memory = request->backend->gate_memory;
    unsigned char key[KEY_BYTES];
    if (memory == NULL)
        return false;
    key_of(request, company_id, password_id, key);
    (void)pthread_mutex_lock(&memory->lock);
    const struct look *look = place_of(memory, password_id, key);
    bool found = look->until_ms > clock_steady_ms() && memcmp(look->key, key, sizeof(key)) == 0 &&
                 password_gates_copy(&look->gates, request->arena, ret_gates);
    (void)pthread_mutex_unlock(&memory->lock);
    return found;
}

void gate_memory_look_ahead(const struct request *request, const char *company_id,
                            int64_t password_id)
{
    const struct backend *backend = request->backend;
    struct password_gates gates;
    struct err err;
    if (backend->gate_memory == NULL || gate_memory_find(request, company_id, 0, &gates))
        return;
    const struct password_gates_query query = {.company_id = company_id,
                                               .password_id = password_id,
                                               .issue_time_us = request->caller->issue_time_us,
                                               .with_key = true};
    if (gate_reader_read(backend->gate_reader, request, &query, request->deadline,
                         request->cancelled, &gates, &err) != ERR_OK)
        return;
    gate_memory_keep(request, company_id, password_id, &gates);
    gate_memory_keep(request, company_id, 0, &gates);
}
