/* The two answers of a resource: a page of a list with meta and links, and one record. */
#ifndef ITGLUE_EMULATOR_LISTING_H
#define ITGLUE_EMULATOR_LISTING_H

#include "call.h"

void listing_page(struct call *call, struct row **rows, size_t count);
void listing_show(struct call *call, const struct row *row);

#endif
