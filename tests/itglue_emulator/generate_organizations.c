/*
 * Organizations with their types and statuses, and the PSA links (adapters-resources). About nine
 * in ten are linked. The remote ids are unique; which PSA they belong to is the account's, no row
 * says it, as in the real thing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "generator.h"
#include "words.h"

static const char *const type_names[] = {"Customer", "Vendor", "Prospect", "Internal"};
static const char *const status_names[] = {"Active", "Inactive", "Onboarding"};

static void add_names(struct generator *generator, enum collection_id collection,
                      const char *const *names, size_t count)
{
    struct random random = generator_stream(generator, collection);
    for (size_t i = 0; i < count; i++) {
        int64_t created, updated;
        generator_dates(generator, &random, &created, &updated);
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_text(&attributes, "name", names[i]);
        attr_bool(&attributes, "synced", false);
        generator_add(generator, collection, generator_id(generator, collection, i, count),
                      names[i], &attributes, created, updated);
    }
}

static void put_name(const struct generator *generator, struct random *random, size_t index,
                     struct text *name)
{
    if (index == 0) {
        text_put(name, "Leuchtturm IT Services");
    } else if (index <= words_odd_names.count) {
        text_put(name, words_odd_names.list[index - 1]);
    } else {
        const char *form = words_pick(&words_legal_form, random);
        text_format(name, "%s %s", words_pick(&words_company, random),
                    words_pick(&words_branch, random));
        if (*form)
            text_format(name, " %s", form);
        if (generator->plan->organizations > 200)
            text_format(name, " %zu", index);
    }
    if (index && index <= generator->plan->long_names) {
        while (name->length < 4096)
            text_put(name, " und Söhne");
    }
}

static void put_notes(struct random *random, struct text *attributes)
{
    if (random_chance(random, 70)) {
        attr_raw(attributes, "quick-notes", "null");
        return;
    }
    struct text notes = {0};
    text_put(&notes, "<p>");
    size_t sentences = 1 + random_below(random, 8);
    for (size_t i = 0; i < sentences; i++)
        generator_sentence(random, &notes);
    text_put(&notes, "</p>");
    attr_text(attributes, "quick-notes", notes.data);
    text_done(&notes);
}

static void put_parent(const struct generator *generator, struct random *random, size_t index,
                       struct text *attributes)
{
    struct collection *all = &generator->account->collections[COLLECTION_ORGANIZATIONS];
    if (index < 20 || !random_chance(random, 5)) {
        attr_raw(attributes, "parent-id", "null");
        attr_raw(attributes, "ancestor-ids", "null");
        return;
    }
    char text[32];
    int64_t parent = all->rows[1 + random_below(random, 10)]->id;
    snprintf(text, sizeof text, "%" PRId64, parent);
    attr_text(attributes, "parent-id", text);
    snprintf(text, sizeof text, "[%" PRId64 "]", parent);
    attr_text(attributes, "ancestor-ids", text);
}

static void add_link(struct generator *generator, struct random *random, const struct row *owner,
                     size_t index)
{
    char remote[32];
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    snprintf(remote, sizeof remote, "%zu", 250 + index * 17 + random_below(random, 16));
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_text(&attributes, "remote-id", remote);
    struct row *row = generator_add(generator, COLLECTION_ADAPTERS_RESOURCES,
                                    generator_id(generator, COLLECTION_ADAPTERS_RESOURCES, index,
                                                 generator->plan->organizations),
                                    remote, &attributes, created, updated);
    row->parent_id = owner->id;
    row->organization_id = owner->id;
}

static struct row *add_organization(struct generator *generator, struct random *random,
                                    size_t index)
{
    struct collection *collections = generator->account->collections;
    const struct row *type =
        collections[COLLECTION_ORGANIZATION_TYPES].rows[index == 0 ? 3 : random_skewed(random, 3)];
    const struct row *status =
        collections[COLLECTION_ORGANIZATION_STATUSES].rows[random_skewed(random, 3)];
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    struct text name = {0}, attributes = {0};
    put_name(generator, random, index, &name);
    text_put(&attributes, "{");
    attr_text(&attributes, "name", name.data);
    attr_text(&attributes, "alert", random_chance(random, 5) ? "Call before any change" : NULL);
    attr_raw(&attributes, "description", "null");
    attr_id(&attributes, "organization-type-id", type->id);
    attr_text(&attributes, "organization-type-name", type->name);
    attr_id(&attributes, "organization-status-id", status->id);
    attr_text(&attributes, "organization-status-name", status->name);
    attr_bool(&attributes, "my-glue", false);
    attr_raw(&attributes, "my-glue-account-id", "null");
    attr_bool(&attributes, "primary", index == 0);
    attr_text(&attributes, "logo", "");
    put_notes(random, &attributes);
    char short_name[32];
    snprintf(short_name, sizeof short_name, "c%zu", index);
    attr_text(&attributes, "short-name", random_chance(random, 60) ? short_name : NULL);
    put_parent(generator, random, index, &attributes);
    int64_t id =
        generator_id(generator, COLLECTION_ORGANIZATIONS, index, generator->plan->organizations);
    struct row *row = generator_add(generator, COLLECTION_ORGANIZATIONS, id, name.data, &attributes,
                                    created, updated);
    struct span notes;
    row->long_notes =
        row_attribute(row->attributes, row->attributes_length, "quick-notes", &notes) &&
        notes.length > 250;
    text_done(&name);
    return row;
}

void generate_organizations(struct generator *generator)
{
    add_names(generator, COLLECTION_ORGANIZATION_TYPES, type_names, 4);
    add_names(generator, COLLECTION_ORGANIZATION_STATUSES, status_names, 3);
    struct random random = generator_stream(generator, COLLECTION_ORGANIZATIONS);
    struct random links = generator_stream(generator, COLLECTION_ADAPTERS_RESOURCES);
    for (size_t i = 0; i < generator->plan->organizations; i++) {
        struct row *row = add_organization(generator, &random, i);
        row->organization_id = row->id;
        if (i > 0 && random_chance(&links, 90))
            add_link(generator, &links, row, i);
    }
}
