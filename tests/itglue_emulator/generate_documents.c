/*
 * Document folders, documents with their inlined sections, and the images that the HTML names. The
 * folders are planned first, the documents counted into them, and the folder rows written last.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "generator.h"
#include "memory.h"
#include "moment.h"
#include "words.h"

struct folder_plan {
    int64_t id;
    const struct row *organization;
    const struct folder_plan *parent;
    const char *name;
    int64_t documents;
    bool restricted;
};

struct document_maker {
    struct generator *generator;
    struct random random;
    struct folder_plan *folders;
    size_t folder_count;
    int64_t next_section;
};

static void plan_folders(struct document_maker *maker)
{
    const struct account_plan *plan = maker->generator->plan;
    size_t count = plan->documents / 8;
    maker->folders = memory_get(count, sizeof *maker->folders);
    for (size_t i = 0; i < count; i++) {
        struct folder_plan *folder = &maker->folders[i];
        folder->id = generator_id(maker->generator, COLLECTION_DOCUMENT_FOLDERS, i, count);
        folder->name = words_pick(&words_folder, &maker->random);
        folder->restricted = random_chance(&maker->random, 6);
        folder->organization = generator_organization(maker->generator, &maker->random);
        if (i && random_chance(&maker->random, 40)) {
            folder->parent = &maker->folders[random_below(&maker->random, i)];
            folder->organization = folder->parent->organization;
        }
    }
    maker->folder_count = count;
}

static void put_ancestors(const struct folder_plan *folder, struct text *list)
{
    if (!folder)
        return;
    put_ancestors(folder->parent, list);
    text_comma(list);
    text_int(list, folder->id);
}

static void add_folder(struct document_maker *maker, const struct folder_plan *folder)
{
    int64_t created, updated;
    struct text attributes = {0}, ancestors = {0};
    generator_dates(maker->generator, &maker->random, &created, &updated);
    text_put(&ancestors, "[");
    put_ancestors(folder->parent, &ancestors);
    text_put(&ancestors, "]");
    text_put(&attributes, "{");
    generator_owner(maker->generator, &attributes, folder->organization, "docs/folder", folder->id);
    attr_text(&attributes, "name", folder->name);
    attr_id(&attributes, "parent-id", folder->parent ? folder->parent->id : 0);
    attr_raw(&attributes, "ancestor-ids", ancestors.data);
    attr_int(&attributes, "documents-count", folder->documents);
    attr_bool(&attributes, "restricted", folder->restricted);
    struct row *row = generator_add(maker->generator, COLLECTION_DOCUMENT_FOLDERS, folder->id,
                                    folder->name, &attributes, created, updated);
    row->organization_id = folder->organization->id;
    row->parent_id = folder->parent ? folder->parent->id : 0;
    row->restricted = folder->restricted;
    text_done(&ancestors);
}

static int64_t add_image(struct document_maker *maker, int64_t document_id, int64_t time)
{
    struct collection *images = &maker->generator->account->collections[COLLECTION_DOCUMENT_IMAGES];
    int64_t id = (int64_t)images->count + 5501;
    struct text attributes = {0}, source = {0};
    text_format(&source, "https://files.itglue.example/document_images/%" PRId64 "/original.png",
                id);
    text_put(&attributes, "{");
    attr_id(&attributes, "document-id", document_id);
    attr_text(&attributes, "original-src", source.data);
    struct row *row = generator_add(maker->generator, COLLECTION_DOCUMENT_IMAGES, id, NULL,
                                    &attributes, time, time);
    row->parent_id = document_id;
    text_done(&source);
    return id;
}

static void put_html(struct document_maker *maker, int64_t document_id, int64_t time, size_t bytes,
                     struct text *html)
{
    struct random *random = &maker->random;
    while (html->length < bytes) {
        text_put(html, "<p>");
        for (int i = 0; i < 3; i++)
            generator_sentence(random, html);
        text_put(html, "</p>");
        size_t dice = random_below(random, 40);
        if (dice == 0)
            text_format(html, "<img src=\"/developer/images/%" PRId64 "\">",
                        add_image(maker, document_id, time));
        else if (dice == 1)
            text_put(html, "<script>alert(document.domain)</script>");
        else if (dice == 2)
            text_put(html, "<a href=\"javascript:alert(1)\" onclick=\"steal()\">link</a>");
        else if (dice < 10)
            text_put(html, "<ul><li>Straße 7</li><li>a &amp; b</li></ul>");
    }
}

static void put_section(struct document_maker *maker, struct text *content, int64_t document_id,
                        int64_t sort, int64_t time)
{
    bool heading = sort % 2 == 0;
    struct text html = {0};
    if (heading)
        text_put(&html, words_pick(&words_topic, &maker->random));
    else
        put_html(maker, document_id, time, maker->generator->plan->document_bytes / 2, &html);
    int64_t id = maker->next_section++;
    text_comma(content);
    text_put(content, "{");
    attr_int(content, "id", id);
    attr_int(content, "document_id", document_id);
    attr_int(content, "sort", sort);
    attr_raw(content, "ancestry", "null");
    attr_int(content, "resource_id", id + 900000);
    attr_text(content, "resource_type", heading ? "Document::Heading" : "Document::Text");
    attr_int(content, "lock_version", 0);
    attr_time(content, "created_at", time);
    attr_time(content, "updated_at", time);
    text_put(content, ",\"resource\":{");
    attr_int(content, "id", id + 900000);
    attr_text(content, "content", html.data ? html.data : "");
    attr_time(content, "created_at", time);
    attr_time(content, "updated_at", time);
    text_put(content, "}}");
    text_done(&html);
}

static void put_place(struct document_maker *maker, const struct row **owner,
                      struct folder_plan **folder)
{
    *owner = generator_organization(maker->generator, &maker->random);
    *folder = NULL;
    if (maker->folder_count && random_chance(&maker->random, 60)) {
        *folder = &maker->folders[random_below(&maker->random, maker->folder_count)];
        *owner = (*folder)->organization;
        (*folder)->documents++;
    }
}

static void add_document(struct document_maker *maker, size_t index)
{
    struct generator *generator = maker->generator;
    struct random *random = &maker->random;
    struct collection *users = &generator->account->collections[COLLECTION_USERS];
    const struct row *owner;
    struct folder_plan *folder;
    int64_t created, updated;
    put_place(maker, &owner, &folder);
    generator_dates(generator, random, &created, &updated);
    int64_t id = generator_id(generator, COLLECTION_DOCUMENTS, index, generator->plan->documents);
    int64_t user = users->rows[random_below(random, users->count)]->id;
    bool restricted = random_chance(random, 6), archived = random_chance(random, 4);
    bool draft = random_chance(random, 5), uploaded = random_chance(random, 6);
    struct text name = {0}, content = {0}, attributes = {0};
    text_format(&name, "%s %zu", words_pick(&words_document, random), index);
    text_put(&content, "[");
    int64_t sections = uploaded ? 0 : random_between(random, 1, 4);
    for (int64_t sort = 1; sort <= sections; sort++)
        put_section(maker, &content, id, sort, updated);
    text_put(&content, "]");
    text_put(&attributes, "{");
    generator_owner(generator, &attributes, owner, "docs", id);
    attr_text(&attributes, "name", name.data);
    attr_bool(&attributes, "restricted", restricted);
    attr_bool(&attributes, "public", false);
    attr_bool(&attributes, "archived", archived);
    attr_bool(&attributes, "is-uploaded", uploaded);
    attr_bool(&attributes, "my-glue", false);
    attr_id(&attributes, "document-folder-id", folder ? folder->id : 0);
    attr_id(&attributes, "user-id", user);
    attr_id(&attributes, "published-by", draft ? 0 : user);
    attr_time(&attributes, "published-at", draft ? 0 : updated);
    attr_raw(&attributes, "content", content.data);
    struct row *row = generator_add(generator, COLLECTION_DOCUMENTS, id, name.data, &attributes,
                                    created, updated);
    row->organization_id = owner->id;
    row->parent_id = folder ? folder->id : 0;
    row->restricted = restricted;
    row->archived = archived;
    text_done(&name);
    text_done(&content);
}

void generate_documents(struct generator *generator)
{
    struct document_maker maker = {.generator = generator, .next_section = 71};
    maker.random = generator_stream(generator, COLLECTION_DOCUMENTS);
    if (!generator->plan->organizations)
        return;
    plan_folders(&maker);
    for (size_t i = 0; i < generator->plan->documents; i++)
        add_document(&maker, i);
    for (size_t i = 0; i < maker.folder_count; i++)
        add_folder(&maker, &maker.folders[i]);
    free(maker.folders);
}
