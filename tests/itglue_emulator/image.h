/*
 * Images of documents: where an image's record says that it lies, and what lies there. What kind of
 * link the real service gives is unknown, so it is a switch.
 */
#ifndef ITGLUE_EMULATOR_IMAGE_H
#define ITGLUE_EMULATOR_IMAGE_H

#include "call.h"

/* Replaces the record's link by the one that the switch image_link asks for. */
void image_bend(struct call *call, const struct row *row, struct text *attributes);

/* Whether the path is that of such a link, which is no part of the API. */
bool image_is_link(const char *path);
struct image_request {
    struct account *account;
    const struct switches *switches;
    const struct query *query;
    const char *path;
    bool with_key; /* a good one */
};
void image_answer(const struct image_request *request, struct answer *answer);

#endif
