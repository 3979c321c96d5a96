#include "generator.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "words.h"

struct random generator_stream(const struct generator *generator, enum collection_id collection)
{
    return random_stream(generator->plan->seed, (uint64_t)collection + 1);
}

int64_t generator_id(const struct generator *generator, enum collection_id collection, size_t index,
                     size_t total)
{
    if (strcmp(generator->plan->region, "us") == 0)
        return 1000 + 1000 * (int64_t)collection + (int64_t)index * 3;
    struct random random = random_stream(generator->plan->seed ^ index, (uint64_t)collection + 100);
    size_t huge_from = total - total / 16;
    int64_t step = INT64_C(1600000000000000) / (int64_t)(total ? total : 1);
    int64_t jitter = random_between(&random, 0, step / 2);
    if (index < huge_from)
        return INT64_C(1600000000000000) + (int64_t)index * step + jitter;
    return (INT64_C(1) << 53) + 1 + (int64_t)index * step + jitter;
}

void generator_dates(const struct generator *generator, struct random *random, int64_t *created_ms,
                     int64_t *updated_ms)
{
    int64_t now = generator->plan->as_of_ms;
    *created_ms = random_between(random, now - 5 * 365 * DAY_MS, now - DAY_MS);
    int64_t oldest_update = now - 3 * 365 * DAY_MS;
    if (oldest_update < *created_ms)
        oldest_update = *created_ms;
    *updated_ms = random_between(random, oldest_update, now);
}

const struct row *generator_organization(const struct generator *generator, struct random *random)
{
    struct collection *all = &generator->account->collections[COLLECTION_ORGANIZATIONS];
    return all->count ? all->rows[random_skewed(random, all->count)] : NULL;
}

struct row *generator_add(struct generator *generator, enum collection_id collection, int64_t id,
                          const char *name, struct text *attributes, int64_t created_ms,
                          int64_t updated_ms)
{
    attr_time(attributes, "created-at", created_ms);
    attr_time(attributes, "updated-at", updated_ms);
    text_put(attributes, "}");
    struct row *row = row_new(id, name, attributes);
    row->created_ms = created_ms;
    row->updated_ms = updated_ms;
    collection_insert(&generator->account->collections[collection], row);
    return row;
}

void generator_owner(const struct generator *generator, struct text *attributes,
                     const struct row *organization, const char *path, int64_t id)
{
    attr_id(attributes, "organization-id", organization->id);
    attr_text(attributes, "organization-name", organization->name);
    struct text url = {0};
    text_format(&url, "%s/%" PRId64 "/%s/%" PRId64, account_web_host(generator->account),
                organization->id, path, id);
    attr_text(attributes, "resource-url", url.data);
    text_done(&url);
}

void generator_sentence(struct random *random, struct text *text)
{
    size_t words = 6 + random_below(random, 12);
    for (size_t i = 0; i < words; i++) {
        text_put(text, words_pick(&words_plain, random));
        text_put(text, i + 1 < words ? " " : ".");
    }
}

void generator_secret(struct random *random, struct text *text)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    static const char marks[] = "!$%#*+-=?_";
    text_put(text, "Zx");
    for (int i = 0; i < 18; i++) {
        char c = i % 6 == 5 ? marks[random_below(random, sizeof marks - 1)]
                            : letters[random_below(random, sizeof letters - 1)];
        text_append(text, &c, 1);
    }
}

void generator_done(struct generator *generator)
{
    free(generator->links);
    free(generator->fields);
}
