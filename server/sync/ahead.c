#include "server/sync/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/frugal.h"
#include "server/sync/sync_private.h"

enum {
    READERS_MAX = 16,
    STACK_BYTES = 256 * 1024,
    LOOK_MS = 50,
    // Of what is larger the run's thread holds one at a time, all readers together none.
    RECORD_MAX_BYTES = 8 * 1024 * 1024,
};

enum reader_state {
    READER_IDLE,
    READER_READING,
    READER_DONE, // its page waits to be taken
};

struct reader {
    struct ahead *ahead;
    pthread_t thread;
    struct source *source;
    enum reader_state state;
    atomic_bool cancelled;
    struct source_query query;
    struct page page;
    struct ahead_result result;
};

struct ahead {
    struct run *run;
    pthread_mutex_t lock;
    pthread_cond_t wake; // a state changed
    bool ending;
    int reader_max, reader_count;
    struct reader readers[];
};

struct ahead *ahead_new(struct run *run, int readers)
{
    if (readers > READERS_MAX)
        readers = READERS_MAX;
    struct ahead *ahead = calloc(1, sizeof(*ahead) + (size_t)readers * sizeof(ahead->readers[0]));
    if (ahead == NULL)
        return NULL;
    ahead->run = run;
    ahead->reader_max = readers;
    (void)pthread_mutex_init(&ahead->lock, NULL);
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&ahead->wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    return ahead;
}

static void read_page(struct reader *reader)
{
    struct ahead_result *result = &reader->result;
    struct source_sink sink = page_sink(&reader->page);
    *result = (struct ahead_result){.answer.total_count = -1};
    result->code =
        source_fetch_page(reader->source, &reader->query, &sink, deadline_in(RUN_FETCH_MS),
                          &reader->cancelled, &result->answer, &result->attempt, &result->err);
}

static void *reader_main(void *context)
{
    struct reader *reader = context;
    struct ahead *ahead = reader->ahead;
    frugal_thread();
    (void)pthread_mutex_lock(&ahead->lock);
    for (;;) {
        while (reader->state != READER_READING && !ahead->ending)
            (void)pthread_cond_wait(&ahead->wake, &ahead->lock);
        if (reader->state != READER_READING)
            break;
        (void)pthread_mutex_unlock(&ahead->lock);
        read_page(reader);
        (void)pthread_mutex_lock(&ahead->lock);
        reader->state = READER_DONE;
        (void)pthread_cond_broadcast(&ahead->wake);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

// A reader more; NULL if there are enough, or the machine has no more.
static struct reader *start_reader(struct ahead *ahead)
{
    if (ahead->reader_count == ahead->reader_max)
        return NULL;
    struct reader *reader = &ahead->readers[ahead->reader_count];
    *reader = (struct reader){.ahead = ahead};
    struct err err;
    if (source_open_again(ahead->run->source, &reader->source, &err) != ERR_OK)
        return NULL;
    source_limit_records(reader->source, RECORD_MAX_BYTES);
    page_init(&reader->page);
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&reader->thread, &attributes, reader_main, reader) == 0;
    (void)pthread_attr_destroy(&attributes);
    if (!started) {
        source_closep(&reader->source);
        return NULL;
    }
    ahead->reader_count++;
    return reader;
}

static struct reader *find(struct ahead *ahead, enum reader_state state,
                           const struct source_query *query)
{
    for (int i = 0; i < ahead->reader_count; i++) {
        struct reader *reader = &ahead->readers[i];
        if (reader->state == state && (query == NULL || source_query_same(&reader->query, query)))
            return reader;
    }
    return NULL;
}

bool ahead_hint(struct ahead *ahead, const struct source_query *query, const struct page *scope)
{
    if (ahead == NULL)
        return false;
    (void)pthread_mutex_lock(&ahead->lock);
    bool known =
        find(ahead, READER_READING, query) != NULL || find(ahead, READER_DONE, query) != NULL;
    bool wanted = !known && !run_gives_way(ahead->run);
    struct reader *reader = wanted ? find(ahead, READER_IDLE, NULL) : NULL;
    if (wanted && reader == NULL)
        reader = start_reader(ahead);
    (void)pthread_mutex_unlock(&ahead->lock);
    if (reader == NULL || !run_may_take(ahead->run))
        return known;
    page_scope(&reader->page, scope);
    reader->query = *query;
    atomic_store(&reader->cancelled, false);
    (void)pthread_mutex_lock(&ahead->lock);
    reader->state = READER_READING;
    (void)pthread_cond_broadcast(&ahead->wake);
    (void)pthread_mutex_unlock(&ahead->lock);
    return true;
}

bool ahead_take(struct ahead *ahead, const struct source_query *query, struct page *page,
                struct ahead_result *ret_result)
{
    if (ahead == NULL)
        return false;
    (void)pthread_mutex_lock(&ahead->lock);
    struct reader *reader;
    while ((reader = find(ahead, READER_DONE, query)) == NULL &&
           find(ahead, READER_READING, query) != NULL && !atomic_load(&ahead->run->stop))
        sync_cond_wait(&ahead->wake, &ahead->lock, LOOK_MS);
    if (reader != NULL)
        reader->state = READER_IDLE;
    (void)pthread_mutex_unlock(&ahead->lock);
    if (reader == NULL)
        return false;
    struct page empty = *page;
    *page = reader->page;
    reader->page = empty;
    *ret_result = reader->result;
    return true;
}

static bool is_of_list(const struct reader *reader, const struct source_query *list)
{
    if (reader->state == READER_IDLE || list == NULL)
        return reader->state != READER_IDLE;
    struct source_query page = *list;
    page.page_number = reader->query.page_number;
    page.page_size = reader->query.page_size;
    return source_query_same(&page, &reader->query);
}

void ahead_make_room(struct ahead *ahead)
{
    if (ahead == NULL)
        return;
    (void)pthread_mutex_lock(&ahead->lock);
    for (;;) {
        int reading = 0;
        for (int i = 0; i < ahead->reader_count; i++)
            reading += ahead->readers[i].state == READER_READING;
        if (reading < ahead->reader_max || atomic_load(&ahead->run->stop))
            break;
        sync_cond_wait(&ahead->wake, &ahead->lock, LOOK_MS);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
}

void ahead_forget(struct ahead *ahead, const struct source_query *query)
{
    if (ahead == NULL)
        return;
    (void)pthread_mutex_lock(&ahead->lock);
    for (int i = 0; i < ahead->reader_count; i++)
        if (is_of_list(&ahead->readers[i], query))
            atomic_store(&ahead->readers[i].cancelled, true);
    for (int i = 0; i < ahead->reader_count; i++) {
        struct reader *reader = &ahead->readers[i];
        if (!is_of_list(reader, query))
            continue;
        while (reader->state == READER_READING)
            (void)pthread_cond_wait(&ahead->wake, &ahead->lock);
        run_count(ahead->run, &reader->result.attempt);
        reader->state = READER_IDLE;
        page_reset(&reader->page);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
}

struct ahead *ahead_free(struct ahead *ahead)
{
    if (ahead == NULL)
        return NULL;
    ahead_forget(ahead, NULL);
    (void)pthread_mutex_lock(&ahead->lock);
    ahead->ending = true;
    (void)pthread_cond_broadcast(&ahead->wake);
    (void)pthread_mutex_unlock(&ahead->lock);
    for (int i = 0; i < ahead->reader_count; i++) {
        struct reader *reader = &ahead->readers[i];
        (void)pthread_join(reader->thread, NULL);
        page_done(&reader->page);
        source_closep(&reader->source);
    }
    (void)pthread_cond_destroy(&ahead->wake);
    (void)pthread_mutex_destroy(&ahead->lock);
    free(ahead);
    return NULL;
}
