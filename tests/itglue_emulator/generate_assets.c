/*
 * Flexible assets with their traits. Empty fields come both as null and as missing keys, some names
 * are null or blank, and the shapes that nobody has published (Upload, Password) are guesses that
 * the README lists.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "generator.h"
#include "memory.h"
#include "moment.h"
#include "words.h"

struct draft { /* the asset being made */
    struct generator *generator;
    struct random *random;
    const struct row *organization;
    int64_t id;
    int64_t password_id; /* of its Password-kind field; 0 without one */
    const char *title;
};

static void put_tag(const struct draft *draft, const struct asset_field *field, struct text *traits)
{
    struct random *random = draft->random;
    bool own_type = field->tag_type[0] == 'F';
    struct text value = {0};
    text_format(&value, "{\"type\":\"%s\",\"values\":[",
                own_type ? "FlexibleAssetTypes" : field->tag_type);
    size_t count = random_below(random, 4);
    for (size_t i = 0; i < count; i++) {
        int64_t id = random_between(random, 800000, 899999);
        text_comma(&value);
        text_put(&value, "{");
        attr_int(&value, "id", own_type ? draft->id : id);
        attr_text(&value, "name",
                  strcmp(field->tag_type, "Contacts") == 0 ? words_pick(&words_last_name, random)
                                                           : words_pick(&words_system, random));
        if (own_type)
            attr_text(&value, "resource-url", account_web_host(draft->generator->account));
        else
            attr_text(&value, "organization-name", draft->organization->name);
        if (strcmp(field->tag_type, "Configurations") == 0) {
            attr_text(&value, "hostname", "srv-01");
            attr_text(&value, "configuration-type-name", "Server");
        }
        text_put(&value, "}");
    }
    text_put(&value, "]}");
    attr_raw(traits, field->key, value.data);
    text_done(&value);
}

static void put_notes(const struct draft *draft, const struct asset_field *field,
                      struct text *traits)
{
    struct text html = {0};
    text_put(&html, "<div>");
    generator_sentence(draft->random, &html);
    text_put(&html, "<b>");
    generator_sentence(draft->random, &html);
    text_put(&html, "</b></div>");
    if (random_chance(draft->random, 3))
        text_put(&html, "<img src=x onerror=\"alert(1)\"><script>alert(document.cookie)</script>");
    attr_text(traits, field->key, html.data);
    text_done(&html);
}

static void put_password(const struct draft *draft, const struct asset_field *field,
                         struct text *traits)
{
    const char *shape = draft->generator->plan->password_trait;
    struct text value = {0};
    if (strcmp(shape, "absent") == 0)
        return;
    if (!draft->password_id) {
        attr_raw(traits, field->key, "null");
    } else if (strcmp(shape, "value") == 0) {
        generator_secret(draft->random, &value);
        attr_text(traits, field->key, value.data);
    } else {
        text_put(&value, "{\"type\":\"Passwords\",\"values\":[{");
        attr_int(&value, "id", draft->password_id);
        attr_text(&value, "name", field->name);
        text_put(&value, "}]}");
        attr_raw(traits, field->key, value.data);
    }
    text_done(&value);
}

static void put_trait(const struct draft *draft, const struct asset_field *field,
                      struct text *traits)
{
    static const char *const levels[] = {"Low", "Medium", "High"};
    struct random *random = draft->random;
    switch (field->kind) {
    case FIELD_TEXT:
        attr_text(traits, field->key, draft->title);
        return;
    case FIELD_TEXTBOX:
        put_notes(draft, field, traits);
        return;
    case FIELD_CHECKBOX:
        attr_bool(traits, field->key, random_chance(random, 50));
        return;
    case FIELD_NUMBER:
    case FIELD_PERCENT:
        attr_int(traits, field->key, random_between(random, 0, 100));
        return;
    case FIELD_DATE:
        attr_date(traits, field->key,
                  draft->generator->plan->as_of_ms + random_between(random, 1, 400) * DAY_MS);
        return;
    case FIELD_SELECT:
        attr_text(traits, field->key, levels[random_below(random, 3)]);
        return;
    case FIELD_PASSWORD:
        put_password(draft, field, traits);
        return;
    case FIELD_TAG:
        put_tag(draft, field, traits);
        return;
    case FIELD_UPLOAD:
        attr_raw(
            traits, field->key,
            "[{\"name\":\"diagram.png\",\"url\":\"https://files.itglue.example/diagram.png\"}]");
        return;
    case FIELD_HEADER:
        return;
    }
}

static void put_traits(const struct draft *draft, int64_t type_id, struct text *traits)
{
    text_put(traits, "{");
    for (size_t i = 0; i < draft->generator->field_count; i++) {
        const struct asset_field *field = &draft->generator->fields[i];
        if (field->type_id != type_id)
            continue;
        size_t dice = random_below(draft->random, 100);
        if (field->kind != FIELD_TEXT && field->kind != FIELD_PASSWORD && dice < 6)
            continue;
        if (field->kind != FIELD_TEXT && field->kind != FIELD_HEADER && dice < 12 &&
            field->kind != FIELD_PASSWORD)
            attr_raw(traits, field->key, "null");
        else
            put_trait(draft, field, traits);
    }
    text_put(traits, "}");
}

static bool has_password_field(const struct generator *generator, int64_t type_id)
{
    for (size_t i = 0; i < generator->field_count; i++) {
        if (generator->fields[i].type_id == type_id && generator->fields[i].kind == FIELD_PASSWORD)
            return true;
    }
    return false;
}

static const char *name_of(const struct draft *draft)
{
    size_t dice = random_below(draft->random, 100);
    if (dice == 0)
        return NULL;
    return dice == 1 ? "" : draft->title;
}

static struct row *add_asset(struct generator *generator, struct random *random, size_t index,
                             int64_t password_id, const struct row *type)
{
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    int64_t id = generator_id(generator, COLLECTION_FLEXIBLE_ASSETS, index,
                              generator->plan->flexible_assets);
    struct text title = {0}, traits = {0}, path = {0}, attributes = {0};
    text_format(&title, "%s %s %zu", words_pick(&words_company, random),
                words_pick(&words_system, random), index);
    struct draft draft = {generator, random,      generator_organization(generator, random),
                          id,        password_id, title.data};
    const char *name = name_of(&draft);
    bool restricted = random_chance(random, 5), archived = random_chance(random, 4);
    put_traits(&draft, type->id, &traits);
    text_format(&path, "assets/%" PRId64 "/records", type->id);
    text_put(&attributes, "{");
    generator_owner(generator, &attributes, draft.organization, path.data, id);
    attr_bool(&attributes, "restricted", restricted);
    attr_bool(&attributes, "my-glue", false);
    attr_id(&attributes, "flexible-asset-type-id", type->id);
    attr_text(&attributes, "flexible-asset-type-name", type->name);
    attr_text(&attributes, "name", name);
    attr_bool(&attributes, "archived", archived);
    attr_raw(&attributes, "traits", traits.data);
    struct row *row = generator_add(generator, COLLECTION_FLEXIBLE_ASSETS, id, name, &attributes,
                                    created, updated);
    row->organization_id = draft.organization->id;
    row->parent_id = type->id;
    row->restricted = restricted;
    row->archived = archived;
    text_done(&title);
    text_done(&traits);
    text_done(&path);
    return row;
}

void generate_assets(struct generator *generator)
{
    const struct account_plan *plan = generator->plan;
    struct random random = generator_stream(generator, COLLECTION_FLEXIBLE_ASSETS);
    struct collection *types = &generator->account->collections[COLLECTION_FLEXIBLE_ASSET_TYPES];
    size_t limit = plan->passwords / 8;
    generator->links = memory_get(limit, sizeof *generator->links);
    if (!types->count || !plan->organizations)
        return;
    for (size_t i = 0; i < plan->flexible_assets; i++) {
        const struct row *type = types->rows[random_skewed(&random, types->count)];
        struct password_link *link = NULL;
        if (generator->link_count < limit && has_password_field(generator, type->id) &&
            random_chance(&random, 50)) {
            link = &generator->links[generator->link_count];
            link->password_id = generator_id(generator, COLLECTION_PASSWORDS,
                                             generator->link_count++, plan->passwords);
        }
        struct row *row = add_asset(generator, &random, i, link ? link->password_id : 0, type);
        if (link)
            link->asset = row;
    }
}
