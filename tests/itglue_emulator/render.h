/*
 * Rows as JSON:API resource objects. Usually that is a copy of the row's finished text; the
 * switches that bend rows (names, cut notes, stray passwords, big bodies) edit a copy here.
 */
#ifndef ITGLUE_EMULATOR_RENDER_H
#define ITGLUE_EMULATOR_RENDER_H

#include "call.h"

enum render_place { RENDER_LIST, RENDER_SHOW, RENDER_INCLUDED };

/* `relationships` is the inside of that object, or NULL for none. */
void render_row(struct call *call, enum collection_id collection, const struct row *row,
                enum render_place place, const char *relationships, struct text *out);
/* The sections of a document as rows of their own; free each and the list. */
struct row **render_sections(struct call *call, const struct row *document, size_t *count);

#endif
