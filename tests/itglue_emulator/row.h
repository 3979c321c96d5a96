/*
 * One record of the account. Its attributes are kept as finished JSON text, so that a page is a
 * concatenation; beside it stand the few members that filters and sorts need in a hurry. The text
 * is the truth: an edit changes the text, and whoever edits keeps the members in step.
 */
#ifndef ITGLUE_EMULATOR_ROW_H
#define ITGLUE_EMULATOR_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct row {
    int64_t id;
    int64_t organization_id;
    int64_t parent_id; /* asset: type, document: folder, password: category, task: checklist, ... */
    int64_t created_ms;
    int64_t updated_ms;
    char *attributes;
    size_t attributes_length;
    char *name;   /* decoded; NULL when the record has none */
    char *secret; /* a password's value, never part of `attributes`; NULL when there is none */
    bool archived;
    bool restricted;
    bool vaulted;
    bool personal;
    bool long_notes; /* quick notes that a list cuts off */
};

struct span {
    const char *start;
    size_t length;
};

struct row *row_new(int64_t id, const char *name, struct text *attributes);
void row_free(struct row *row);
/* The JSON text of one top-level member. */
bool row_attribute(const char *attributes, size_t length, const char *key, struct span *value);
/* Decoded text of a scalar attribute for comparing; NULL when absent, null or not scalar. Owned. */
char *row_scalar(const struct row *row, const char *key);
/* Replaces a member of an object text, or adds it at the end. */
void row_edit_text(struct text *object, const char *key, const char *json);
void row_edit(struct row *row, const char *key, const char *json);
void row_edit_string(struct row *row, const char *key, const char *value);
/* Sets updated_ms and the attribute. */
void row_touch(struct row *row, int64_t time_ms);
void row_rename(struct row *row, const char *name);

#endif
