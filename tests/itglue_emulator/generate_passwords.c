/*
 * Password categories, folders, entries with their secrets, and who may see the restricted ones.
 * The first entries are the ones embedded in assets (links made by generate_assets.c). The secret
 * itself lives beside the attributes, never in them.
 */
#include <inttypes.h>
#include <string.h>

#include "generator.h"
#include "memory.h"
#include "moment.h"
#include "words.h"

static const char *const category_names[] = {"Infrastructure", "Application",   "Email", "Cloud",
                                             "Remote access",  "Vendor Portal", "Wi-Fi", "Büro"};
#define CATEGORY_COUNT (sizeof category_names / sizeof *category_names)

struct password_draft {
    struct generator *generator;
    struct random *random;
    const struct row *organization;
    const struct row *asset; /* of an embedded entry */
    const struct row *category;
    size_t index;
    int64_t id;
    bool restricted, archived, vaulted, personal;
};

static void add_categories(struct generator *generator)
{
    struct random random = generator_stream(generator, COLLECTION_PASSWORD_CATEGORIES);
    for (size_t i = 0; i < CATEGORY_COUNT; i++) {
        int64_t created, updated;
        generator_dates(generator, &random, &created, &updated);
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_text(&attributes, "name", category_names[i]);
        attr_int(&attributes, "passwords-count", 0);
        int64_t id = generator_id(generator, COLLECTION_PASSWORD_CATEGORIES, i, CATEGORY_COUNT);
        generator_add(generator, COLLECTION_PASSWORD_CATEGORIES, id, category_names[i], &attributes,
                      created, updated);
    }
}

static void add_folders(struct generator *generator)
{
    struct random random = generator_stream(generator, COLLECTION_PASSWORD_FOLDERS);
    size_t count = generator->plan->organizations / 2;
    for (size_t i = 0; i < count; i++) {
        int64_t created, updated;
        generator_dates(generator, &random, &created, &updated);
        const struct row *owner = generator_organization(generator, &random);
        const char *name = words_pick(&words_folder, &random);
        int64_t id = generator_id(generator, COLLECTION_PASSWORD_FOLDERS, i, count);
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_id(&attributes, "organization-id", owner->id);
        attr_text(&attributes, "name", name);
        attr_raw(&attributes, "parent-id", "null");
        attr_raw(&attributes, "ancestor-ids", "[]");
        attr_bool(&attributes, "restricted", random_chance(&random, 10));
        struct row *row = generator_add(generator, COLLECTION_PASSWORD_FOLDERS, id, name,
                                        &attributes, created, updated);
        row->organization_id = owner->id;
    }
}

static void add_accesses(struct generator *generator, struct random *random,
                         const struct row *password)
{
    struct collection *all = &generator->account->collections[COLLECTION_USER_RESOURCE_ACCESSES];
    struct collection *users = &generator->account->collections[COLLECTION_USERS];
    size_t count = 1 + random_below(random, 3), first = random_below(random, users->count);
    for (size_t i = 0; i < count; i++) {
        const struct row *user = users->rows[(first + i) % users->count];
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_id(&attributes, "user-id", user->id);
        attr_id(&attributes, "resource-id", password->id);
        attr_text(&attributes, "resource-type", "Password");
        struct row *row =
            generator_add(generator, COLLECTION_USER_RESOURCE_ACCESSES, (int64_t)all->count + 5001,
                          NULL, &attributes, password->created_ms, password->created_ms);
        row->parent_id = password->id;
        row->organization_id = user->id; /* the second key of an access is its user */
    }
}

static void put_place(const struct password_draft *draft, struct text *attributes)
{
    struct generator *generator = draft->generator;
    struct collection *folders = &generator->account->collections[COLLECTION_PASSWORD_FOLDERS];
    bool configuration = !draft->asset && random_chance(draft->random, 10);
    /* Both spellings of an embedded entry's type have been seen. */
    const char *asset_type = draft->index % 2 ? "flexible-asset-traits" : "flexible-asset-trait";
    int64_t parent = draft->asset ? draft->asset->id : 0;
    if (configuration)
        parent = random_between(draft->random, 800000, 899999);
    attr_id(attributes, "resource-id", parent);
    attr_text(attributes, "resource-type",
              draft->asset    ? asset_type
              : configuration ? "Configuration"
                              : NULL);
    attr_text(attributes, "cached-resource-type-name",
              draft->asset    ? "Flexible Asset"
              : configuration ? "Configuration"
                              : NULL);
    attr_text(attributes, "cached-resource-name",
              draft->asset    ? draft->asset->name
              : configuration ? "srv-01"
                              : NULL);
    attr_id(attributes, "password-category-id", draft->category ? draft->category->id : 0);
    attr_text(attributes, "password-category-name", draft->category ? draft->category->name : NULL);
    size_t count = 0;
    struct row **own =
        collection_range(folders, ROW_KEY_ORGANIZATION, draft->organization->id, &count);
    int64_t folder = 0;
    if (count && random_chance(draft->random, 30))
        folder = own[random_below(draft->random, count)]->id;
    attr_id(attributes, "password-folder-id", folder);
    attr_raw(attributes, "parent-url", "null");
}

static void put_notes(struct random *random, struct text *attributes)
{
    struct text notes = {0};
    if (random_chance(random, 25)) {
        generator_sentence(random, &notes);
        if (random_chance(random, 40)) {
            text_put(&notes, " Recovery code: ");
            generator_secret(random, &notes);
        }
    }
    attr_text(attributes, "notes", notes.data);
    text_done(&notes);
}

static void put_flags(const struct password_draft *draft, struct text *attributes)
{
    attr_bool(attributes, "otp-enabled", random_chance(draft->random, 15));
    attr_id(attributes, "vault-id", draft->vaulted ? 61 : 0);
    attr_bool(attributes, "archived", draft->archived);
    attr_bool(attributes, "personal", draft->personal);
    attr_bool(attributes, "shareable", true);
    attr_bool(attributes, "rotation-permitted", false);
}

static struct row *add_password(const struct password_draft *draft)
{
    struct generator *generator = draft->generator;
    struct random *random = draft->random;
    struct collection *users = &generator->account->collections[COLLECTION_USERS];
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    struct text name = {0}, url = {0}, attributes = {0};
    text_format(&name, "%s admin %zu", words_pick(&words_system, random), draft->index);
    text_format(&url, "https://10.%zu.%zu.1", draft->index / 250 % 250, draft->index % 250);
    text_put(&attributes, "{");
    generator_owner(generator, &attributes, draft->organization, "passwords", draft->id);
    attr_bool(&attributes, "restricted", draft->restricted);
    attr_bool(&attributes, "my-glue", false);
    attr_text(&attributes, "name", name.data);
    attr_raw(&attributes, "autofill-selectors", "null");
    attr_text(&attributes, "username", random_chance(random, 85) ? "admin" : NULL);
    attr_text(&attributes, "url", random_chance(random, 70) ? url.data : NULL);
    put_notes(random, &attributes);
    attr_time(&attributes, "password-updated-at", random_between(random, created, updated));
    attr_id(&attributes, "updated-by", users->rows[random_below(random, users->count)]->id);
    attr_text(&attributes, "updated-by-type", "User");
    put_place(draft, &attributes);
    put_flags(draft, &attributes);
    struct row *row = generator_add(generator, COLLECTION_PASSWORDS, draft->id, name.data,
                                    &attributes, created, updated);
    row->organization_id = draft->organization->id;
    row->parent_id = draft->category ? draft->category->id : 0;
    row->restricted = draft->restricted;
    row->archived = draft->archived;
    row->vaulted = draft->vaulted;
    row->personal = draft->personal;
    text_done(&name);
    text_done(&url);
    return row;
}

static void put_secret(struct random *random, struct row *row)
{
    struct text secret = {0};
    size_t dice = random_below(random, 100);
    if (dice == 0)
        return; /* an entry that never had a value */
    if (dice > 2)
        generator_secret(random, &secret);
    if (dice == 3)
        text_put(&secret, " Größe\"\\\xf0\x9f\x94\x91");
    row->secret = secret.data ? text_take(&secret) : memory_text("");
}

static void draw_password(struct generator *generator, struct random *random, size_t index)
{
    struct collection *categories =
        &generator->account->collections[COLLECTION_PASSWORD_CATEGORIES];
    struct password_draft draft = {.generator = generator, .random = random, .index = index};
    draft.id = generator_id(generator, COLLECTION_PASSWORDS, index, generator->plan->passwords);
    draft.organization = generator_organization(generator, random);
    if (index < generator->link_count) {
        draft.asset = generator->links[index].asset;
        draft.organization = account_find(generator->account, COLLECTION_ORGANIZATIONS,
                                          draft.asset->organization_id);
    }
    if (random_chance(random, 80))
        draft.category = categories->rows[random_skewed(random, CATEGORY_COUNT)];
    draft.restricted = random_chance(random, 8);
    draft.archived = random_chance(random, 4);
    draft.vaulted = random_chance(random, 2);
    draft.personal = !draft.asset && random_chance(random, 1);
    struct row *row = add_password(&draft);
    put_secret(random, row);
    if (row->restricted)
        add_accesses(generator, random, row);
}

static void count_categories(struct generator *generator)
{
    struct collection *collections = generator->account->collections;
    struct collection *categories = &collections[COLLECTION_PASSWORD_CATEGORIES];
    for (size_t i = 0; i < categories->count; i++) {
        size_t count = 0;
        collection_range(&collections[COLLECTION_PASSWORDS], ROW_KEY_PARENT,
                         categories->rows[i]->id, &count);
        struct text json = {0};
        text_int(&json, (int64_t)count);
        row_edit(categories->rows[i], "passwords-count", json.data);
        text_done(&json);
    }
}

void generate_passwords(struct generator *generator)
{
    add_categories(generator);
    if (!generator->plan->organizations)
        return;
    add_folders(generator);
    struct random random = generator_stream(generator, COLLECTION_PASSWORDS);
    for (size_t i = 0; i < generator->plan->passwords; i++)
        draw_password(generator, &random, i);
    count_categories(generator);
}
