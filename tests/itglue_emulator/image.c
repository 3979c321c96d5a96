#include "image.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static const char stored[] = "/stored_images/", developer[] = "/developer/images/";

/* One grey pixel. */
static const char png[] = "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00"
                          "\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00"
                          "\x0a\x49\x44\x41\x54\x78\xda\x63\x68\x00\x00\x00\x82\x00\x81\xda\x45\x08"
                          "\x3b\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
static const char gif[] =
    "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00"
    "\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00;";
/* Of these the first bytes are right, which is all that is looked at. */
static const char jpeg[] =
    "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";
static const char webp[] = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00";
static const char svg[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>steal()</script></svg>";

static uint64_t signature_of(int64_t id)
{
    struct random hash = {(uint64_t)id * 31 + 7};
    return random_next(&hash);
}

void image_bend(struct call *call, const struct row *row, struct text *attributes)
{
    const char *way = switch_text(call->switches, SWITCH_IMAGE_LINK);
    struct text link = {0}, json = {0};
    if (strcmp(way, "elsewhere") == 0)
        return; /* as it was generated */
    if (strcmp(way, "signed") == 0)
        text_format(&link, "%s%s%" PRId64 "?X-Amz-Expires=900&X-Amz-Signature=%016" PRIx64,
                    call->base_url, stored, row->id, signature_of(row->id));
    else
        text_format(&link, "%s%s%" PRId64, call->base_url, developer, row->id);
    if (strcmp(way, "absent") == 0)
        text_put(&json, "null");
    else
        text_json(&json, link.data);
    row_edit_text(attributes, "original-src", json.data);
    text_done(&link);
    text_done(&json);
}

bool image_is_link(const char *path)
{
    return strncmp(path, stored, sizeof stored - 1) == 0 ||
           strncmp(path, developer, sizeof developer - 1) == 0;
}

/* `tail`: stands behind the image, where what shows images does not look; or NULL. */
static void put_image(const struct switches *switches, const char *tail, struct answer *answer)
{
    static const struct {
        const char *name, *type, *bytes;
        size_t length;
    } contents[] = {
        {"png", "image/png", png, sizeof png - 1},
        {"gif", "image/gif", gif, sizeof gif - 1},
        {"jpeg", "image/jpeg", jpeg, sizeof jpeg - 1},
        {"webp", "image/webp", webp, sizeof webp - 1},
        {"svg", "image/svg+xml", svg, sizeof svg - 1},
    };
    if (switch_is(switches, SWITCH_IMAGE_CONTENT, "html")) {
        answer_html(answer, 200, "Please sign in");
        return;
    }
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        if (!switch_is(switches, SWITCH_IMAGE_CONTENT, contents[i].name))
            continue;
        answer_reset(answer, 200, contents[i].type);
        text_append(&answer->body, contents[i].bytes, contents[i].length);
    }
    if (tail)
        text_put(&answer->body, tail);
    static const char zeroes[4096];
    size_t wanted = (size_t)switch_int(switches, SWITCH_IMAGE_BYTES);
    while (answer->body.length < wanted) {
        size_t left = wanted - answer->body.length;
        text_append(&answer->body, zeroes, left < sizeof zeroes ? left : sizeof zeroes);
    }
}

void image_answer(const struct image_request *request, struct answer *answer)
{
    const struct switches *switches = request->switches;
    bool is_signed = strncmp(request->path, stored, sizeof stored - 1) == 0;
    int64_t id = strtoll(strrchr(request->path, '/') + 1, NULL, 10);
    const char *signature = query_get(request->query, "X-Amz-Signature");
    char wanted[20];
    snprintf(wanted, sizeof wanted, "%016" PRIx64, signature_of(id));
    if (is_signed && (!signature || strcmp(signature, wanted) != 0))
        answer_gateway(answer, 403, "empty", "");
    else if (!is_signed && !(request->with_key && switch_is(switches, SWITCH_IMAGE_LINK, "key")))
        answer_html(answer, 200, "Please sign in");
    else if (!account_find(request->account, COLLECTION_DOCUMENT_IMAGES, id))
        answer_gateway(answer, 404, "empty", "");
    else
        put_image(switches, query_get(request->query, "tail"), answer);
}
