#include "server/source/itglue/image.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/source/itglue/text.h"

enum { HOST_BYTES = 256 };

// An id, as a number or as text. 0: neither.
static int64_t id_of(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value);
    char *end = NULL;
    const char *text = json_string_value(value);
    long long id = text == NULL || text[0] == '\0' ? 0 : strtoll(text, &end, 10);
    return end != NULL && *end == '\0' && id > 0 ? id : 0;
}

static void read_attribute(struct itglue_image *image, const char *key, const json_t *value)
{
    size_t len = strlen(key);
    if (itglue_text_key_is(key, len, "document-id"))
        image->document_id = id_of(value);
    else if (itglue_text_key_is(key, len, "organization-id"))
        image->organization_id = id_of(value);
    else if (itglue_text_key_is(key, len, "original-src") && json_is_string(value) &&
             json_string_length(value) < sizeof(image->link))
        (void)snprintf(image->link, sizeof(image->link), "%s", json_string_value(value));
}

bool itglue_image_parse(const char *json, size_t len, int64_t image_id,
                        struct itglue_image *ret_image)
{
    *ret_image = (struct itglue_image){0};
    json_t *root = len == 0 ? NULL : json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *data = json_object_get(root, "data");
    bool good = id_of(json_object_get(data, "id")) == image_id;
    void *place = json_object_iter(json_object_get(data, "attributes"));
    for (; good && place != NULL;
         place = json_object_iter_next(json_object_get(data, "attributes"), place))
        read_attribute(ret_image, json_object_iter_key(place), json_object_iter_value(place));
    json_decref(root);
    return good;
}

static bool is_listed(const char *hosts, const char *host)
{
    size_t host_len = strlen(host);
    while (hosts != NULL && *hosts != '\0') {
        size_t len = strcspn(hosts, ",");
        bool below = hosts[0] == '.' && host_len > len;
        if ((below || host_len == len) && len > 0 &&
            strncasecmp(host + host_len - len, hosts, len) == 0)
            return true;
        hosts += len + (hosts[len] == ',');
    }
    return false;
}

// A part of the address as curl itself reads it, so that both mean the same host. NULL: none.
static char *part(CURLU *url, CURLUPart which)
{
    char *text = NULL;
    return curl_url_get(url, which, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool keyless(const struct source_settings *settings, const char *base_url, bool official,
                    CURLU *url, const char *host)
{
    bool plain = strncmp(base_url, "http:", 5) == 0;
    char *scheme = part(url, CURLUPART_SCHEME), *port = part(url, CURLUPART_PORT);
    char *user = part(url, CURLUPART_USER), *password = part(url, CURLUPART_PASSWORD);
    bool allowed = scheme != NULL && strcmp(scheme, plain ? "http" : "https") == 0 &&
                   user == NULL && password == NULL &&
                   (!official || port == NULL || strcmp(port, "443") == 0) &&
                   is_listed(settings->image_hosts, host);
    curl_free(scheme);
    curl_free(port);
    curl_free(user);
    curl_free(password);
    return allowed;
}

enum itglue_link_way itglue_link_judge(const struct source_settings *settings, const char *base_url,
                                       bool official, const char *link, char *ret_host)
{
    size_t base_len = strlen(base_url);
    bool own = strncmp(link, base_url, base_len) == 0 && link[base_len] == '/';
    ret_host[0] = '\0';
    if (settings->image_key && (own || (link[0] == '/' && link[1] != '/')))
        return ITGLUE_LINK_OWN;
    CURLU *url = curl_url();
    char *host = url != NULL && curl_url_set(url, CURLUPART_URL, link, 0) == CURLUE_OK
                     ? part(url, CURLUPART_HOST)
                     : NULL;
    bool allowed = host != NULL && keyless(settings, base_url, official, url, host);
    if (host != NULL)
        (void)snprintf(ret_host, HOST_BYTES, "%s", host);
    curl_free(host);
    curl_url_cleanup(url);
    return allowed ? ITGLUE_LINK_KEYLESS : ITGLUE_LINK_CLOSED;
}

const char *itglue_image_type(const char *bytes, size_t len)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *type;
    } types[] = {
        {"\x89PNG\r\n\x1a\n", 8, "image/png"},
        {"\xff\xd8\xff", 3, "image/jpeg"},
        {"GIF87a", 6, "image/gif"},
        {"GIF89a", 6, "image/gif"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (len > types[i].len && memcmp(bytes, types[i].bytes, types[i].len) == 0)
            return types[i].type;
    bool webp = len > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
    return webp ? "image/webp" : NULL;
}
