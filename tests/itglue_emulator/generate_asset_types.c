/*
 * Flexible asset types and their fields. The first type carries a field of every kind; the others
 * take a share of the same fields, so that every kind stays common in the account.
 */
#include <inttypes.h>
#include <stdio.h>

#include "generator.h"
#include "memory.h"
#include "words.h"

struct field_template {
    enum field_kind kind;
    const char *kind_name;
    const char *name;
    const char *key;
    const char *tag_type;
    const char *choices;
};

static const struct field_template templates[] = {
    {FIELD_TEXT, "Text", "Title", "title", NULL, NULL},
    {FIELD_TEXTBOX, "Textbox", "Notes", "notes", NULL, NULL},
    {FIELD_CHECKBOX, "Checkbox", "Verified", "verified", NULL, NULL},
    {FIELD_NUMBER, "Number", "Retention (days)", "retention-days", NULL, NULL},
    {FIELD_PERCENT, "Percent", "Utilisation", "utilisation", NULL, NULL},
    {FIELD_DATE, "Date", "Next test", "next-test", NULL, NULL},
    {FIELD_SELECT, "Select", "Criticality", "criticality", NULL, "Low\nMedium\nHigh"},
    {FIELD_PASSWORD, "Password", "Admin password", "admin-password", NULL, NULL},
    {FIELD_TAG, "Tag", "Servers", "servers", "Configurations", NULL},
    {FIELD_TAG, "Tag", "Contact", "contact", "Contacts", NULL},
    {FIELD_TAG, "Tag", "Related", "related", "FlexibleAssetType", NULL},
    {FIELD_UPLOAD, "Upload", "Diagram", "diagram", NULL, NULL},
    {FIELD_HEADER, "Header", "Details", "details", NULL, NULL},
};

#define TEMPLATE_COUNT (sizeof templates / sizeof *templates)

static void add_field(struct generator *generator, struct random *random, const struct row *type,
                      const struct field_template *field, size_t order, size_t index)
{
    char tag_type[48];
    struct text attributes = {0};
    if (field->tag_type && field->kind == FIELD_TAG)
        snprintf(tag_type, sizeof tag_type, "%s", field->tag_type);
    if (field->tag_type && field->tag_type[0] == 'F')
        snprintf(tag_type, sizeof tag_type, "FlexibleAssetType: %" PRId64, type->id);
    text_put(&attributes, "{");
    attr_id(&attributes, "flexible-asset-type-id", type->id);
    attr_int(&attributes, "order", (int64_t)order);
    attr_text(&attributes, "name", field->name);
    attr_text(&attributes, "kind", field->kind_name);
    attr_text(&attributes, "hint", random_chance(random, 20) ? "Ask the owner" : NULL);
    attr_raw(&attributes, "decimals", field->kind == FIELD_NUMBER ? "0" : "null");
    attr_text(&attributes, "default-value", field->choices);
    attr_text(&attributes, "tag-type", field->tag_type ? tag_type : NULL);
    attr_bool(&attributes, "required", order == 1);
    attr_bool(&attributes, "use-for-title", order == 1);
    attr_bool(&attributes, "expiration", field->kind == FIELD_DATE);
    attr_bool(&attributes, "show-in-list", order < 5);
    attr_text(&attributes, "name-key", field->key);
    size_t total = generator->plan->flexible_asset_types * TEMPLATE_COUNT;
    struct row *row =
        generator_add(generator, COLLECTION_FLEXIBLE_ASSET_FIELDS,
                      generator_id(generator, COLLECTION_FLEXIBLE_ASSET_FIELDS, index, total),
                      field->name, &attributes, type->created_ms, type->updated_ms);
    row->parent_id = type->id;
    generator->fields[generator->field_count++] =
        (struct asset_field){type->id, field->kind, field->name, field->key, field->tag_type};
}

static const struct row *add_type(struct generator *generator, struct random *random, size_t index)
{
    static const char *const icons[] = {"database", "sitemap", "users", "envelope", "print"};
    size_t total = generator->plan->flexible_asset_types;
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    struct text name = {0}, attributes = {0};
    text_put(&name, words_topic.list[index % words_topic.count]);
    if (index >= words_topic.count)
        text_format(&name, " %zu", index / words_topic.count + 1);
    bool enabled = total < 4 || index != total - 1;
    text_put(&attributes, "{");
    attr_text(&attributes, "name", name.data);
    attr_text(&attributes, "description", index % 3 ? name.data : NULL);
    attr_text(&attributes, "icon", icons[index % 5]);
    attr_bool(&attributes, "show-in-menu", enabled);
    attr_bool(&attributes, "enabled", enabled);
    const struct row *row =
        generator_add(generator, COLLECTION_FLEXIBLE_ASSET_TYPES,
                      generator_id(generator, COLLECTION_FLEXIBLE_ASSET_TYPES, index, total),
                      name.data, &attributes, created, updated);
    text_done(&name);
    return row;
}

void generate_asset_types(struct generator *generator)
{
    struct random random = generator_stream(generator, COLLECTION_FLEXIBLE_ASSET_TYPES);
    size_t types = generator->plan->flexible_asset_types, index = 0;
    generator->fields = memory_get(types * TEMPLATE_COUNT, sizeof *generator->fields);
    for (size_t i = 0; i < types; i++) {
        const struct row *type = add_type(generator, &random, i);
        size_t order = 1;
        for (size_t t = 0; t < TEMPLATE_COUNT; t++) {
            if (i == 0 || t == 0 || random_chance(&random, 60))
                add_field(generator, &random, type, &templates[t], order++, index++);
        }
    }
}
