#include "render.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "memory.h"

#define NOTES_LIMIT 250 /* characters of quick notes in a list */

/* About every n-th row, the same ones each time. */
static bool is_chosen(const struct row *row, int64_t every)
{
    struct random hash = {(uint64_t)row->id};
    return every > 0 && random_next(&hash) % (uint64_t)every == 0;
}

static bool has_bendable_name(enum collection_id collection)
{
    return collection == COLLECTION_ORGANIZATIONS || collection == COLLECTION_FLEXIBLE_ASSETS ||
           collection == COLLECTION_DOCUMENTS || collection == COLLECTION_CHECKLISTS ||
           collection == COLLECTION_PASSWORDS;
}

static void bend_name(struct call *call, const struct row *row, struct text *attributes)
{
    if (is_chosen(row, switch_int(call->switches, SWITCH_NULL_NAMES))) {
        row_edit_text(attributes, "name", "null");
    } else if (is_chosen(row, switch_int(call->switches, SWITCH_NUL_IN_NAMES)) && row->name) {
        struct text name = {0};
        text_json(&name, row->name);
        name.data[--name.length] = '\0';
        text_put(&name, "\\u0000hidden\"");
        row_edit_text(attributes, "name", name.data);
        text_done(&name);
    }
}

static void cut_notes(const struct row *row, struct text *attributes)
{
    char *notes = row_scalar(row, "quick-notes");
    size_t characters = 0, end = 0;
    for (; notes && notes[end]; end++) {
        if (((unsigned char)notes[end] & 0xc0) != 0x80 && ++characters > NOTES_LIMIT)
            break;
    }
    struct text json = {0};
    text_json_n(&json, notes ? notes : "", end);
    row_edit_text(attributes, "quick-notes", json.data);
    text_done(&json);
    free(notes);
}

static void put_big_content(int64_t bytes, const struct row *row, struct text *content)
{
    static const char line[] = "<p>lorem ipsum dolor sit amet, consetetur sadipscing elitr</p>";
    text_format(content,
                "[{\"id\":1,\"document_id\":%" PRId64
                ",\"sort\":1,\"ancestry\":null,\"resource_id\":900001,"
                "\"resource_type\":\"Document::Text\",\"lock_version\":0",
                row->id);
    attr_time(content, "created_at", row->updated_ms);
    attr_time(content, "updated_at", row->updated_ms);
    text_put(content, ",\"resource\":{\"id\":900001,\"content\":\"");
    for (int64_t written = 0; written < bytes; written += (int64_t)sizeof line - 1)
        text_append(content, line, sizeof line - 1);
    text_put(content, "\"");
    attr_time(content, "created_at", row->updated_ms);
    attr_time(content, "updated_at", row->updated_ms);
    text_put(content, "}}]");
}

static bool has_big_content(struct call *call, const struct row *row)
{
    struct collection *documents = &call->account->collections[COLLECTION_DOCUMENTS];
    return switch_int(call->switches, SWITCH_BIG_BODY) > 0 && documents->count &&
           documents->rows[0]->id == row->id;
}

static void put_content(struct call *call, const struct row *row, struct text *content)
{
    struct span span;
    if (has_big_content(call, row))
        put_big_content(switch_int(call->switches, SWITCH_BIG_BODY), row, content);
    else if (row_attribute(row->attributes, row->attributes_length, "content", &span))
        text_append(content, span.start, span.length);
    else
        text_put(content, "[]");
}

static void bend_document(struct call *call, const struct row *row, enum render_place place,
                          struct text *attributes)
{
    bool plain = place == RENDER_LIST || switch_is(call->switches, SWITCH_DOCUMENT_SHOW, "content");
    if (plain && !has_big_content(call, row))
        return;
    struct text content = {0};
    put_content(call, row, &content);
    row_edit_text(attributes, "content", plain ? content.data : "null");
    if (!plain && switch_is(call->switches, SWITCH_DOCUMENT_SHOW, "sections"))
        row_edit_text(attributes, "sections", content.data);
    text_done(&content);
}

static void put_secret(struct text *attributes, const char *form, const char *value)
{
    struct text json = {0};
    if (strcmp(form, "value") == 0)
        text_json(&json, value);
    else if (strcmp(form, "ciphertext") == 0)
        text_put(&json, "\"U2FsdGVkX19lbXVsYXRvci1jaXBoZXJ0ZXh0LW9ubHk=\"");
    else if (strcmp(form, "null") == 0)
        text_put(&json, "null");
    if (json.length)
        row_edit_text(attributes, "password", json.data);
    text_done(&json);
}

/* Decides what the one attribute that matters says. */
static void bend_password(struct call *call, const struct row *row, enum render_place place,
                          struct text *attributes)
{
    const struct switches *switches = call->switches;
    if (place == RENDER_LIST) {
        const char *form = switch_text(switches, SWITCH_LIST_PASSWORD);
        call->password_returned |= strcmp(form, "value") == 0 && row->secret && !row->vaulted;
        put_secret(attributes, row->vaulted ? "null" : form, row->secret);
        return;
    }
    row_edit_text(attributes, "is-live", "true");
    const char *asked = query_get(call->query, "show_password");
    bool shown = asked ? strcmp(asked, "true") == 0 || strcmp(asked, "1") == 0
                       : switch_on(switches, SWITCH_SHOW_PASSWORD_DEFAULT);
    if (!shown || !call->password_access) {
        put_secret(attributes, switch_text(switches, SWITCH_HIDDEN_VALUE), NULL);
    } else if (row->vaulted) {
        put_secret(attributes, switch_text(switches, SWITCH_VAULTED_VALUE), NULL);
    } else if (!row->secret) {
        put_secret(attributes, switch_text(switches, SWITCH_EMPTY_VALUE), NULL);
    } else {
        put_secret(attributes, "value", row->secret);
        call->password_returned = true;
    }
}

static bool needs_bending(struct call *call, enum collection_id collection, const struct row *row,
                          enum render_place place)
{
    const struct switches *switches = call->switches;
    if (has_bendable_name(collection) &&
        (switch_int(switches, SWITCH_NULL_NAMES) || switch_int(switches, SWITCH_NUL_IN_NAMES)))
        return true;
    if (collection == COLLECTION_ORGANIZATIONS)
        return row->long_notes && place == RENDER_LIST;
    if (collection == COLLECTION_DOCUMENTS)
        return place == RENDER_SHOW || has_big_content(call, row);
    if (collection == COLLECTION_DOCUMENT_IMAGES)
        return place == RENDER_SHOW;
    if (collection == COLLECTION_PASSWORDS)
        return place == RENDER_SHOW || !switch_is(switches, SWITCH_LIST_PASSWORD, "absent");
    return false;
}

static void put_attributes(struct call *call, enum collection_id collection, const struct row *row,
                           enum render_place place, struct text *out)
{
    if (place == RENDER_INCLUDED || !needs_bending(call, collection, row, place)) {
        text_append(out, row->attributes, row->attributes_length);
        return;
    }
    struct text copy = {0};
    text_append(&copy, row->attributes, row->attributes_length);
    if (has_bendable_name(collection))
        bend_name(call, row, &copy);
    if (collection == COLLECTION_ORGANIZATIONS && row->long_notes && place == RENDER_LIST)
        cut_notes(row, &copy);
    if (collection == COLLECTION_DOCUMENTS)
        bend_document(call, row, place, &copy);
    if (collection == COLLECTION_DOCUMENT_IMAGES)
        image_bend(call, row, &copy);
    if (collection == COLLECTION_PASSWORDS)
        bend_password(call, row, place, &copy);
    text_append(out, copy.data, copy.length);
    text_done(&copy);
}

void render_row(struct call *call, enum collection_id collection, const struct row *row,
                enum render_place place, const char *relationships, struct text *out)
{
    const char *type = collection_type(collection);
    if (place == RENDER_LIST && is_chosen(row, switch_int(call->switches, SWITCH_MALFORMED_ROWS))) {
        text_format(out, "{\"id\":{},\"type\":\"%s\"}", type);
        return;
    }
    bool integer_id =
        place == RENDER_INCLUDED && switch_is(call->switches, SWITCH_INCLUDED_ID, "integer");
    text_put(out, integer_id ? "{\"id\":" : "{\"id\":\"");
    text_int(out, row->id);
    text_put(out, integer_id ? ",\"type\":\"" : "\",\"type\":\"");
    text_put(out, type);
    text_put(out, "\",\"attributes\":");
    put_attributes(call, collection, row, place, out);
    if (place != RENDER_INCLUDED) {
        text_put(out, ",\"relationships\":{");
        text_put(out, relationships ? relationships : "");
        text_put(out, "}");
    }
    text_put(out, "}");
}

static struct row *section_row(const struct row *document, const json_t *section)
{
    const json_t *resource = json_object_get(section, "resource");
    const char *type = json_string_value(json_object_get(section, "resource_type"));
    const char *html = json_string_value(json_object_get(resource, "content"));
    bool heading = type && strcmp(type, "Document::Heading") == 0;
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_int(&attributes, "document-id", document->id);
    attr_int(&attributes, "resource-id",
             json_integer_value(json_object_get(section, "resource_id")));
    attr_text(&attributes, "resource-type", type);
    attr_text(&attributes, "content", html);
    attr_text(&attributes, "rendered-content", html);
    attr_raw(&attributes, "level", heading ? "2" : "null");
    attr_int(&attributes, "sort", json_integer_value(json_object_get(section, "sort")));
    attr_raw(&attributes, "duration", "null");
    attr_raw(&attributes, "reset-count", "null");
    attr_raw(&attributes, "document-images", "[]");
    attr_time(&attributes, "created-at", document->updated_ms);
    attr_time(&attributes, "updated-at", document->updated_ms);
    text_put(&attributes, "}");
    struct row *row =
        row_new(json_integer_value(json_object_get(section, "id")), NULL, &attributes);
    row->organization_id = document->organization_id;
    row->created_ms = row->updated_ms = document->updated_ms;
    return row;
}

struct row **render_sections(struct call *call, const struct row *document, size_t *count)
{
    struct text content = {0};
    put_content(call, document, &content);
    json_t *list = json_loadb(content.data, content.length, JSON_ALLOW_NUL, NULL);
    *count = json_array_size(list);
    struct row **rows = memory_get(*count, sizeof *rows);
    for (size_t i = 0; i < *count; i++)
        rows[i] = section_row(document, json_array_get(list, i));
    json_decref(list);
    text_done(&content);
    return rows;
}
