#include "tests/fakes/source_fake.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 8192, REQUESTS_MAX = 8192, TEXT_MAX = 512 };

struct row {
    struct fake_record record;
    char name[TEXT_MAX], body[TEXT_MAX];
};

struct source {
    size_t record_max_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct row rows[RECORDS_MAX];
static int row_count;
static struct source_query requests[REQUESTS_MAX];
static int request_count;
static enum fake_folders folder_mode;
static fake_hook *hook;
static enum err_code probe_code;
static int probe_count;
static enum source_kind stuck;
static bool order_ignored, filters_ignored, first_type_alone;
static enum source_psa_type psa_type;
static bool psa_ignored; // filters by another kind

void fake_reset(void)
{
    (void)pthread_mutex_lock(&lock);
    row_count = request_count = probe_count = 0;
    folder_mode = FAKE_FOLDERS_NULL_IS_ALL;
    hook = NULL;
    probe_code = ERR_OK;
    stuck = SOURCE_KIND_COUNT;
    order_ignored = psa_ignored = first_type_alone = false;
    psa_type = SOURCE_PSA_TYPE_END;
    (void)pthread_mutex_unlock(&lock);
}

void fake_ignore_order(void)
{
    (void)pthread_mutex_lock(&lock);
    order_ignored = true;
    (void)pthread_mutex_unlock(&lock);
}

void fake_take_first_type_alone(void)
{
    (void)pthread_mutex_lock(&lock);
    first_type_alone = true;
    (void)pthread_mutex_unlock(&lock);
}

void fake_set_psa(enum source_psa_type type, bool others_ignored)
{
    (void)pthread_mutex_lock(&lock);
    psa_type = type;
    psa_ignored = others_ignored;
    (void)pthread_mutex_unlock(&lock);
}

void fake_ignore_filters(bool ignored)
{
    (void)pthread_mutex_lock(&lock);
    filters_ignored = ignored;
    (void)pthread_mutex_unlock(&lock);
}

void fake_set_folders(enum fake_folders folders)
{
    (void)pthread_mutex_lock(&lock);
    folder_mode = folders;
    (void)pthread_mutex_unlock(&lock);
}

static int find(enum source_kind kind, int64_t id)
{
    int i = 0;
    while (i < row_count && (rows[i].record.kind != kind || rows[i].record.id != id))
        i++;
    return i;
}

void fake_put(const struct fake_record *record)
{
    (void)pthread_mutex_lock(&lock);
    int i = find(record->kind, record->id);
    if (i == RECORDS_MAX)
        abort();
    if (i == row_count)
        row_count++;
    rows[i].record = *record;
    (void)snprintf(rows[i].name, TEXT_MAX, "%s", record->name == NULL ? "" : record->name);
    (void)snprintf(rows[i].body, TEXT_MAX, "%s", record->body == NULL ? "{}" : record->body);
    (void)pthread_mutex_unlock(&lock);
}

void fake_put_many(const struct fake_record *first, int count)
{
    for (int i = 0; i < count; i++) {
        struct fake_record record = *first;
        char name[TEXT_MAX];
        record.id += i;
        (void)snprintf(name, sizeof(name), "%s %lld", first->name, (long long)record.id);
        record.name = name;
        fake_put(&record);
    }
}

void fake_remove(enum source_kind kind, int64_t id)
{
    (void)pthread_mutex_lock(&lock);
    int i = find(kind, id);
    if (i < row_count) {
        memmove(&rows[i], &rows[i + 1], (size_t)(row_count - i - 1) * sizeof(rows[0]));
        row_count--;
    }
    (void)pthread_mutex_unlock(&lock);
}

void fake_set_hook(fake_hook *new_hook)
{
    (void)pthread_mutex_lock(&lock);
    hook = new_hook;
    (void)pthread_mutex_unlock(&lock);
}

void fake_set_stuck(enum source_kind kind)
{
    (void)pthread_mutex_lock(&lock);
    stuck = kind;
    (void)pthread_mutex_unlock(&lock);
}

void fake_set_probe(enum err_code code)
{
    (void)pthread_mutex_lock(&lock);
    probe_code = code;
    (void)pthread_mutex_unlock(&lock);
}

int fake_probe_count(void)
{
    (void)pthread_mutex_lock(&lock);
    int count = probe_count;
    (void)pthread_mutex_unlock(&lock);
    return count;
}

int fake_request_count(enum source_kind kind)
{
    (void)pthread_mutex_lock(&lock);
    int count = 0;
    for (int i = 0; i < request_count; i++)
        count += kind == SOURCE_KIND_COUNT || requests[i].kind == kind;
    (void)pthread_mutex_unlock(&lock);
    return count;
}

bool fake_request(int n, struct source_query *ret_query)
{
    (void)pthread_mutex_lock(&lock);
    bool found = n < request_count;
    if (found)
        *ret_query = requests[n];
    (void)pthread_mutex_unlock(&lock);
    return found;
}

void fake_forget_requests(void)
{
    (void)pthread_mutex_lock(&lock);
    request_count = 0;
    (void)pthread_mutex_unlock(&lock);
}

static bool folder_fits(const struct source_query *query, int64_t folder_id)
{
    switch (query->folder_filter) {
    case SOURCE_FOLDER_NULL:
        return folder_mode == FAKE_FOLDERS_NULL_IS_ALL || folder_id == 0;
    case SOURCE_FOLDER_NONE:
        return folder_id == 0;
    case SOURCE_FOLDER_NOT_NULL:
        return folder_mode == FAKE_FOLDERS_ALL_IGNORED ? folder_id == 0 : folder_id != 0;
    case SOURCE_FOLDER_ID:
        return folder_id == query->folder_id;
    }
    return false;
}

static bool is_refused(enum source_folder_filter filter)
{
    return folder_mode == FAKE_FOLDERS_ALL_REFUSED
               ? filter == SOURCE_FOLDER_NULL || filter == SOURCE_FOLDER_NOT_NULL
               : folder_mode == FAKE_FOLDERS_NULL_REFUSED && filter == SOURCE_FOLDER_NULL;
}

static bool psa_fits(const struct source_query *query, const struct row *row)
{
    char id[TEXT_MAX];
    if (query->psa_id == NULL || (query->psa_type != psa_type && psa_ignored))
        return true;
    (void)snprintf(id, sizeof(id), "\"%s\"", query->psa_id);
    return query->psa_type == psa_type && strstr(row->body, id) != NULL;
}

static bool type_fits(const struct source_query *query, int64_t type_id)
{
    if (query->type_count == 0)
        return query->type_id == 0 || query->type_id == type_id;
    size_t count = first_type_alone ? 1 : query->type_count;
    for (size_t i = 0; i < count; i++)
        if (query->type_ids[i] == type_id)
            return true;
    return false;
}

static bool fits(const struct source_query *query, const struct row *row)
{
    if (!psa_fits(query, row))
        return false;
    const struct fake_record *record = &row->record;
    if (record->kind != query->kind || !type_fits(query, record->type_id))
        return false;
    // Of flexible assets the organization is a filter, of the others a part of the path.
    bool ignored = filters_ignored && query->kind == SOURCE_FLEXIBLE_ASSETS;
    if (query->organization_id != 0 && !ignored &&
        record->organization_id != query->organization_id &&
        record->listed_under != query->organization_id)
        return false;
    return record->kind != SOURCE_DOCUMENTS || folder_fits(query, record->folder_id);
}

// Everything of the record that can change.
static void hash(struct source_record *record)
{
    crypto_generichash_state state;
    const int64_t numbers[] = {record->organization_id, record->type_id, record->folder_id};
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(record->content_hash));
    (void)crypto_generichash_update(&state, (const unsigned char *)numbers, sizeof(numbers));
    (void)crypto_generichash_update(&state, (const unsigned char *)record->name,
                                    strlen(record->name) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)record->body, record->body_len);
    (void)crypto_generichash_final(&state, record->content_hash, sizeof(record->content_hash));
}

static int64_t time_of(const struct row *row)
{
    return row->record.update_time_us == 0 ? 2000000 : row->record.update_time_us;
}

static bool is_completed(const struct row *row)
{
    return strstr(row->body, "\"completed\":true") != NULL;
}

// Of checklists those that are not completed first.
static int compare_times(const void *a, const void *b)
{
    const struct row *one = &rows[*(const int *)a], *other = &rows[*(const int *)b];
    if (is_completed(one) != is_completed(other) && one->record.kind == SOURCE_CHECKLISTS)
        return is_completed(one) ? 1 : -1;
    int64_t left = time_of(&rows[*(const int *)a]), right = time_of(&rows[*(const int *)b]);
    // Of the same time as they lie.
    return left == right ? *(const int *)a - *(const int *)b : left > right ? -1 : 1;
}

static int compare_times_reversed(const void *a, const void *b)
{
    return compare_times(b, a);
}

static bool deliver(const struct source *source, const struct row *row,
                    const struct source_sink *sink)
{
    if (row->record.large && source->record_max_bytes != 0) {
        struct source_quarantine large = {row->record.id, "RECORD_TOO_LARGE", "for this source"};
        return sink->on_quarantine(sink->context, &large);
    }
    if (row->record.bad) {
        struct source_quarantine bad = {row->record.nameless ? 0 : row->record.id,
                                        "RECORD_MALFORMED", "made so by the test"};
        return sink->on_quarantine(sink->context, &bad);
    }
    struct source_record record = {
        .kind = row->record.kind,
        .id = row->record.id,
        .organization_id = row->record.organization_id,
        .name = row->name,
        .type_id = row->record.type_id,
        .folder_id = row->record.folder_id,
        .document_count = row->record.document_count,
        .create_time_us = 1000000,
        .update_time_us = time_of(row),
        .completed = row->record.kind == SOURCE_CHECKLISTS && is_completed(row),
        .body = row->body,
        .body_len = strlen(row->body),
    };
    hash(&record);
    return sink->on_record(sink->context, &record);
}

static enum err_code serve(const struct source *source, const struct source_query *query,
                           const struct source_sink *sink, struct source_page *page,
                           struct err *reterr)
{
    bool same = query->kind == stuck;
    int64_t from = same ? 0 : (int64_t)(query->page_number - 1) * query->page_size, place = 0;
    static int order[RECORDS_MAX];
    for (int i = 0; i < row_count; i++)
        if (fits(query, &rows[i]))
            order[place++] = i;
    if ((query->newest_first || query->oldest_first) && !order_ignored)
        qsort(order, (size_t)place, sizeof(order[0]),
              query->newest_first ? compare_times : compare_times_reversed);
    for (int64_t i = from; i < place && i < from + query->page_size; i++) {
        page->record_count++;
        if (!deliver(source, &rows[order[i]], sink))
            return err_set(reterr, ERR_CANCELLED, "the sink wants no more");
    }
    page->total_count = place;
    page->next_page = same || place > from + query->page_size ? query->page_number + 1 : 0;
    return ERR_OK;
}

enum err_code source_fetch_page(struct source *source, const struct source_query *query,
                                const struct source_sink *sink, struct deadline deadline,
                                const atomic_bool *cancelled, struct source_page *ret_page,
                                struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)source;
    (void)deadline;
    *ret_page = (struct source_page){.total_count = -1};
    *ret_attempt = (struct source_attempt){.http_status = 200, .request_count = 1};
    (void)pthread_mutex_lock(&lock);
    if (request_count < REQUESTS_MAX)
        requests[request_count++] = *query;
    fake_hook *now = hook;
    (void)pthread_mutex_unlock(&lock);
    if (now != NULL)
        try_(now(query, cancelled, ret_attempt, reterr));
    if (atomic_load(cancelled))
        return err_set(reterr, ERR_CANCELLED, "cancelled");
    (void)pthread_mutex_lock(&lock);
    enum err_code code;
    if (query->kind == SOURCE_DOCUMENTS && is_refused(query->folder_filter)) {
        ret_attempt->http_status = 422;
        code = err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "upstream answered 422");
    } else {
        code = serve(source, query, sink, ret_page, reterr);
    }
    (void)pthread_mutex_unlock(&lock);
    return code;
}

enum err_code source_probe(struct source *source, struct deadline deadline,
                           const atomic_bool *cancelled, int64_t *ret_organization_count,
                           struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)source;
    (void)deadline;
    (void)cancelled;
    *ret_organization_count = -1;
    *ret_attempt = (struct source_attempt){.request_count = 1};
    (void)pthread_mutex_lock(&lock);
    enum err_code code = probe_code;
    probe_count++;
    (void)pthread_mutex_unlock(&lock);
    return code == ERR_OK ? ERR_OK : err_set(reterr, code, "the probe says no");
}

enum err_code source_open(const struct source_settings *settings, enum source_provider provider,
                          enum source_region region, const struct secret *key,
                          struct source **ret_source, struct err *reterr)
{
    (void)settings;
    (void)provider;
    (void)region;
    (void)key;
    *ret_source = calloc(1, sizeof(**ret_source));
    return *ret_source == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code source_open_again(const struct source *source, struct source **ret_source,
                                struct err *reterr)
{
    (void)source;
    return source_open(NULL, SOURCE_PROVIDER_IT_GLUE, SOURCE_REGION_US, NULL, ret_source, reterr);
}

void source_limit_records(struct source *source, size_t max_bytes)
{
    source->record_max_bytes = max_bytes;
}

enum err_code source_set_key(struct source *source, const struct secret *key, struct err *reterr)
{
    (void)source;
    (void)key;
    (void)reterr;
    return ERR_OK;
}

struct source *source_close(struct source *source)
{
    free(source);
    return NULL;
}

void source_closep(struct source **source)
{
    *source = source_close(*source);
}
