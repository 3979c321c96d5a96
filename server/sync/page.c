#include "server/sync/page.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/name_key.h"

void page_init(struct page *page)
{
    *page = (struct page){0};
    arena_init(&page->arena, PAGE_MAX_BYTES);
}

void page_done(struct page *page)
{
    arena_done(&page->arena);
}

void page_reset(struct page *page)
{
    struct page scope = *page;
    page_scope(page, &scope);
}

void page_scope(struct page *page, const struct page *other)
{
    arena_done(&page->arena);
    page_init(page);
    page->organizations = other->organizations;
    page->organization_count = other->organization_count;
    page->asked_organization = other->asked_organization;
    page->open_first = other->open_first;
    page->any_organization = other->any_organization;
    page->asked_type = other->asked_type;
}

static bool grow(struct page *page, void **items, size_t *capacity, size_t count, size_t item_bytes)
{
    if (count < *capacity)
        return true;
    size_t more = *capacity == 0 ? 64 : *capacity * 2;
    void *larger = arena_calloc(&page->arena, more, item_bytes);
    if (larger == NULL) {
        page->overflow = true;
        return false;
    }
    if (count > 0)
        memcpy(larger, *items, count * item_bytes);
    *items = larger;
    *capacity = more;
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static bool in_scope(const struct page *page, int64_t organization_id)
{
    if (page->any_organization)
        return true;
    if (page->asked_organization != 0)
        return organization_id == page->asked_organization;
    return bsearch(&organization_id, page->organizations, page->organization_count,
                   sizeof(organization_id), compare_ids) != NULL;
}

// A row that does not say when it changed is in no order.
static void note_time(struct page *page, const struct source_record *record)
{
    int64_t time_us = record->update_time_us;
    bool open = page->open_first && !record->completed;
    int64_t *oldest_us = open ? &page->oldest_open_us : &page->oldest_us;
    if (time_us == 0 || (*oldest_us != 0 && time_us > *oldest_us) || (open && page->oldest_us != 0))
        page->out_of_order = true;
    if (time_us > page->newest_us)
        page->newest_us = time_us;
    if (*oldest_us == 0 || time_us < *oldest_us)
        *oldest_us = time_us;
}

static bool on_record(void *context, const struct source_record *record)
{
    struct page *page = context;
    bool other_type = page->asked_type != 0 && record->type_id != page->asked_type;
    note_time(page, record);
    if (other_type || !in_scope(page, record->organization_id)) {
        if (page->asked_organization == 0 && !other_type) {
            page->passed_over++;
            return true;
        }
        if (!grow(page, (void **)&page->violations, &page->violation_capacity,
                  page->violation_count, sizeof(*page->violations)))
            return false;
        page->violations[page->violation_count++] = record->id;
        return true;
    }
    if (!grow(page, (void **)&page->records, &page->record_capacity, page->record_count,
              sizeof(*page->records)))
        return false;
    struct source_record copy = *record;
    copy.name = arena_strdup(&page->arena, record->name);
    copy.web_url = arena_strdup(&page->arena, record->web_url);
    copy.body = arena_strndup(&page->arena, record->body, record->body_len);
    if (copy.name == NULL || copy.body == NULL ||
        (record->web_url != NULL && copy.web_url == NULL)) {
        page->overflow = true;
        return false;
    }
    page->records[page->record_count++] = copy;
    return true;
}

static bool add_bad(struct page *page, int64_t id, const char *reason, const char *detail)
{
    if (!grow(page, (void **)&page->bad, &page->bad_capacity, page->bad_count, sizeof(*page->bad)))
        return false;
    page->bad[page->bad_count] = (struct page_bad){
        .id = id,
        .reason = arena_strdup(&page->arena, reason),
        .detail = arena_strdup(&page->arena, detail == NULL ? "" : detail),
    };
    if (page->bad[page->bad_count].reason == NULL || page->bad[page->bad_count].detail == NULL) {
        page->overflow = true;
        return false;
    }
    page->bad_count++;
    return true;
}

static bool on_quarantine(void *context, const struct source_quarantine *quarantine)
{
    return add_bad(context, quarantine->id, quarantine->reason, quarantine->detail);
}

struct source_sink page_sink(struct page *page)
{
    return (struct source_sink){on_record, on_quarantine, page};
}

static int compare_records(const void *a, const void *b)
{
    return compare_ids(&((const struct source_record *)a)->id,
                       &((const struct source_record *)b)->id);
}

void page_sort(struct page *page)
{
    if (page->record_count < 2)
        return;
    qsort(page->records, page->record_count, sizeof(*page->records), compare_records);
    size_t kept = 1;
    for (size_t i = 1; i < page->record_count; i++)
        if (page->records[i].id != page->records[kept - 1].id)
            page->records[kept++] = page->records[i];
    page->record_count = kept;
}

bool page_has_large(const struct page *page)
{
    for (size_t i = 0; i < page->bad_count; i++)
        if (strcmp(page->bad[i].reason, "RECORD_TOO_LARGE") == 0)
            return true;
    return false;
}

bool page_set_aside(struct page *page, size_t record, const char *reason, const char *detail)
{
    if (!add_bad(page, page->records[record].id, reason, detail))
        return false;
    page->record_count--;
    memmove(&page->records[record], &page->records[record + 1],
            (page->record_count - record) * sizeof(*page->records));
    return true;
}

bool page_ids(struct page *page, int64_t **ret_ids, size_t *ret_id_count, struct bytes **ret_hashes)
{
    size_t count = page->record_count + page->bad_count;
    int64_t *ids = arena_calloc(&page->arena, count + 1, sizeof(*ids));
    struct bytes *hashes = arena_calloc(&page->arena, count + 1, sizeof(*hashes));
    if (ids == NULL || hashes == NULL)
        return false;
    for (size_t i = 0; i < page->record_count; i++) {
        ids[i] = page->records[i].id;
        hashes[i] =
            (struct bytes){page->records[i].content_hash, sizeof(page->records[i].content_hash)};
    }
    size_t at = page->record_count;
    for (size_t i = 0; i < page->bad_count; i++)
        if (page->bad[i].id != 0)
            ids[at++] = page->bad[i].id;
    *ret_ids = ids;
    *ret_id_count = at;
    *ret_hashes = hashes;
    return true;
}

bool page_batch(const struct page *page, const size_t *picks, size_t count, bool with_keys,
                struct arena *arena, struct record_batch *ret_batch)
{
    int64_t *numbers = arena_calloc(arena, count * 9 + 1, sizeof(*numbers));
    bool *flags = arena_calloc(arena, count * 4 + 1, sizeof(*flags));
    const char **texts = arena_calloc(arena, count * 4 + 1, sizeof(*texts));
    struct bytes *hashes = arena_calloc(arena, count + 1, sizeof(*hashes));
    if (numbers == NULL || flags == NULL || texts == NULL || hashes == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct source_record *r = &page->records[picks[i]];
        const int64_t row[] = {r->id,
                               r->organization_id,
                               r->type_id,
                               r->folder_id,
                               r->category_id,
                               r->create_time_us,
                               r->update_time_us,
                               r->publish_time_us,
                               r->password_update_time_us};
        for (size_t k = 0; k < ARRAY_LEN(row); k++)
            numbers[k * count + i] = row[k];
        flags[i] = r->restricted;
        flags[count + i] = r->archived;
        flags[2 * count + i] = r->vaulted;
        flags[3 * count + i] = r->personal;
        texts[i] = r->name;
        texts[count + i] = r->web_url;
        texts[2 * count + i] = r->body;
        // A name too long for a key is like no other.
        texts[3 * count + i] = !with_keys                             ? NULL
                               : strlen(r->name) > NAME_KEY_MAX_BYTES ? ""
                                                                      : name_key(arena, r->name);
        hashes[i] = (struct bytes){r->content_hash, sizeof(r->content_hash)};
        if (with_keys && texts[3 * count + i] == NULL)
            return false;
    }
    *ret_batch = (struct record_batch){
        .count = count,
        .ids = numbers,
        .organization_ids = numbers + count,
        .type_ids = numbers + 2 * count,
        .folder_ids = numbers + 3 * count,
        .category_ids = numbers + 4 * count,
        .create_times = numbers + 5 * count,
        .update_times = numbers + 6 * count,
        .publish_times = numbers + 7 * count,
        .password_update_times = numbers + 8 * count,
        .restricted = flags,
        .archived = flags + count,
        .vaulted = flags + 2 * count,
        .personal = flags + 3 * count,
        .names = texts,
        .web_urls = texts + count,
        .bodies = texts + 2 * count,
        .name_keys = texts + 3 * count,
        .hashes = hashes,
    };
    return true;
}
