#include "client/resource.h"

#include <string.h>

enum { SEGMENTS_MAX = 6 };

struct segments {
    const char *at[SEGMENTS_MAX];
    size_t count;
};

// Cuts at slashes in a copy. False: too many.
static bool split(const char *text, struct arena *arena, struct segments *ret_segments)
{
    char *copy = arena_strdup(arena, text);
    if (copy == NULL)
        return false;
    ret_segments->count = 0;
    for (char *at = copy; at != NULL;) {
        if (ret_segments->count == SEGMENTS_MAX)
            return false;
        char *slash = strchr(at, '/');
        if (slash != NULL)
            *slash++ = '\0';
        ret_segments->at[ret_segments->count++] = at;
        at = slash;
    }
    return true;
}

static bool is_id(const char *segment)
{
    return segment[0] == '{';
}

bool resource_id_valid(const char *id)
{
    size_t len = strlen(id);
    return len >= 1 && len <= 128 && strcmp(id, "-") != 0 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-") == len;
}

static bool match_full(const struct segments *pattern, const struct segments *text,
                       struct resource *ret_resource)
{
    // A singleton may be named by its parent: the fixed word at the end can be left out.
    bool parent = pattern->count % 2 == 1 && text->count > 1 && text->count == pattern->count - 1;
    if (pattern->count != text->count && !parent)
        return false;
    size_t ids = 0;
    for (size_t i = 0; i < text->count; i++) {
        if (is_id(pattern->at[i]))
            ret_resource->ids[ids++] = text->at[i];
        else if (strcmp(pattern->at[i], text->at[i]) != 0)
            return false;
    }
    return true;
}

// A word of names is no id where it stands first: `companies/acme` is no organization.
static bool is_collection(const char *segment)
{
    static const char *const words[] = {
        "companies",        "connections",        "organizations",      "flexibleAssetTypes",
        "syncRuns",         "passwordCategories", "syncIssues",         "documents",
        "checklists",       "flexibleAssets",     "passwords",          "auditEvents",
        "deletionReceipts", "revealFreezes",      "checklistTemplates", "exposures",
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], segment) == 0)
            return true;
    return false;
}

// The text without the pattern's fixed words: all ids, or only the last.
static bool match_short(const struct segments *pattern, const struct segments *text,
                        struct resource *ret_resource)
{
    size_t ids = 0;
    for (size_t i = 0; i < pattern->count; i++)
        ids += is_id(pattern->at[i]);
    bool full = text->count > 1 && is_collection(text->at[0]);
    if (ids > RESOURCE_IDS_MAX || full || (text->count != ids && text->count != 1))
        return false;
    for (size_t i = 0; i < text->count; i++)
        ret_resource->ids[ids - text->count + i] = text->at[i];
    return true;
}

enum err_code resource_read(const char *pattern, const char *text, struct arena *arena,
                            struct resource *ret_resource, struct err *reterr)
{
    *ret_resource = (struct resource){0};
    if (text == NULL)
        return ERR_OK;
    struct segments wanted, given;
    if (!split(pattern, arena, &wanted))
        return err_no_memory(reterr);
    struct resource found = {0};
    bool good = split(text, arena, &given) &&
                (match_full(&wanted, &given, &found) || match_short(&wanted, &given, &found));
    for (size_t i = 0; i < RESOURCE_IDS_MAX && good; i++)
        good = found.ids[i] == NULL || resource_id_valid(found.ids[i]);
    if (!good)
        return err_set(reterr, ERR_FIELD_INVALID, "%s is no name like %s", text, pattern);
    *ret_resource = found;
    return ERR_OK;
}

const char *resource_write(const char *pattern, const struct resource *resource,
                           struct arena *arena)
{
    struct segments segments;
    if (!split(pattern, arena, &segments))
        return NULL;
    const char *name = "";
    size_t ids = 0;
    for (size_t i = 0; i < segments.count && name != NULL; i++) {
        const char *part = is_id(segments.at[i]) ? resource->ids[ids++] : segments.at[i];
        name = arena_printf(arena, "%s%s%s", name, i == 0 ? "" : "/", part);
    }
    return name;
}
