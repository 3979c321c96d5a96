// What IT Glue says of an image, where its link may lead, and what its first bytes are.
//
// Known of `GET /document_images/:id` is its attribute `original-src`. What kind of link that is,
// no public source says; links of rendered documents are signed ones to S3, which need no key and
// expire. Where else links are followed is a setting (source_settings).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/source/source.h"

enum { ITGLUE_LINK_MAX_BYTES = 4096 };

struct itglue_image {
    int64_t document_id, organization_id; // 0: not given
    char link[ITGLUE_LINK_MAX_BYTES];     // "": none
};
// Reads the record `image_id`. False: the answer is no such record.
bool itglue_image_parse(const char *json, size_t len, int64_t image_id,
                        struct itglue_image *ret_image);

// How a link is to be opened.
enum itglue_link_way {
    ITGLUE_LINK_CLOSED,  // not at all
    ITGLUE_LINK_KEYLESS, // as it is, without the key
    ITGLUE_LINK_OWN,     // as a path of the API, with the key
};
// `base_url` is the API's, `official` whether it is IT Glue's own. `ret_host` (256 bytes) is where
// a closed link leads, "" if it is no link.
enum itglue_link_way itglue_link_judge(const struct source_settings *settings, const char *base_url,
                                       bool official, const char *link, char *ret_host);

// "image/png", "image/jpeg", "image/gif" or "image/webp"; NULL for whatever else it is.
const char *itglue_image_type(const char *bytes, size_t len);
