// Commands that their row of the table describes wholly: lists, and records shown.
#pragma once

#include "client/session.h"

// Fetches all pages, up to --limit, and prints them as one list. Returns an exit class.
int listing_run(struct session *session);
// As listing_run, of a request that the caller made.
int listing_pages(struct session *session, ProtobufCMessage *request);
// Sets `filter` of the request: --filter, and the options that become terms. Returns an exit class.
int listing_filter(struct session *session, const struct filter_term *terms,
                   ProtobufCMessage *request);
// Gets the resource of the row's pattern and prints it. Returns an exit class.
int listing_show(struct session *session);
