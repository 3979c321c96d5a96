#include "server/source/source.h"

#include <ctype.h>
#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/source/itglue/http.h"
#include "server/source/itglue/itglue.h"

enum {
    KEY_MAX_BYTES = 512,
    REGION_TEXT_MAX_LEN = 512,
};

struct source {
    struct source_settings settings;
    const struct source_region_info *region;
    struct itglue *itglue;
};

static const struct source_region_info regions[] = {
    {SOURCE_REGION_US, "US", "United States", "app.itglue.com", "api.itglue.com"},
    {SOURCE_REGION_EU, "EU", "European Union", "app.eu.itglue.com", "api.eu.itglue.com"},
    {SOURCE_REGION_AU, "AU", "Australia", "app.au.itglue.com", "api.au.itglue.com"},
};

const struct source_region_info *source_regions(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(regions);
    return regions;
}

const struct source_region_info *source_region_find(enum source_region region)
{
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        if (regions[i].region == region)
            return &regions[i];
    }
    return NULL;
}

static enum err_code unknown_region(struct err *reterr)
{
    enum err_code code = err_set(reterr, ERR_UNKNOWN_REGION,
                                 "the region is none of US, EU and AU, nor a URL of IT Glue");
    err_meta(reterr, "allowed", "US,EU,AU");
    err_field(reterr, "region");
    return code;
}

// The host of `text`, a URL or a bare host with whatever follows it. False if there is none.
static bool host_of(const char *text, char *host, size_t host_size)
{
    const char *scheme_end = strstr(text, "://");
    if (scheme_end != NULL) {
        size_t scheme_len = (size_t)(scheme_end - text);
        if (!(scheme_len == 5 && strncasecmp(text, "https", 5) == 0) &&
            !(scheme_len == 4 && strncasecmp(text, "http", 4) == 0))
            return false;
        text = scheme_end + 3;
    }
    size_t len = strcspn(text, ":/?#");
    // What stands before an @ is no host, however much it looks like one.
    if (len == 0 || len >= host_size || memchr(text, '@', strcspn(text, "/?#")) != NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        host[i] = (char)tolower((unsigned char)text[i]);
    host[len] = '\0';
    return true;
}

// Whether `host` is one of this region's: "app", "api" or an account's own name, and the suffix.
static bool host_in(const char *host, const struct source_region_info *region)
{
    const char *suffix = strchr(region->ui_host, '.'); // ".eu.itglue.com"
    size_t len = strlen(host), suffix_len = strlen(suffix);
    if (len <= suffix_len || strcmp(host + len - suffix_len, suffix) != 0)
        return false;
    // One label more, so that the United States do not take the other regions' hosts; nor the name
    // of a region alone.
    size_t label_len = len - suffix_len;
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        if (label_len == strlen(regions[i].code) &&
            strncasecmp(host, regions[i].code, label_len) == 0)
            return false;
    }
    return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-_") == label_len;
}

enum err_code source_region_parse(const char *text, enum source_region *ret_region,
                                  struct err *reterr)
{
    char trimmed[REGION_TEXT_MAX_LEN + 1], host[256];
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (len == 0 || len > REGION_TEXT_MAX_LEN)
        return unknown_region(reterr);
    memcpy(trimmed, text, len);
    trimmed[len] = '\0';
    bool has_host = host_of(trimmed, host, sizeof(host));
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        if (strcasecmp(trimmed, regions[i].code) != 0 && !(has_host && host_in(host, &regions[i])))
            continue;
        *ret_region = regions[i].region;
        return ERR_OK;
    }
    return unknown_region(reterr);
}

static bool is_space(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

enum err_code source_key_clean(const char *pasted, size_t len, struct secret **ret_key,
                               struct err *reterr)
{
    while (len > 0 && is_space((unsigned char)pasted[0])) {
        pasted++;
        len--;
    }
    while (len > 0 && is_space((unsigned char)pasted[len - 1]))
        len--;
    const char *wrong = NULL;
    if (len == 0)
        wrong = "the key is empty";
    else if (len > KEY_MAX_BYTES)
        wrong = "the key is longer than 512 bytes";
    for (size_t i = 0; i < len && wrong == NULL; i++) {
        unsigned char byte = (unsigned char)pasted[i];
        if (is_space(byte))
            wrong = "the key has white space inside";
        else if (byte < 0x20 || byte == 0x7f)
            wrong = "the key has a control character inside";
    }
    if (wrong != NULL) {
        enum err_code code = err_set(reterr, ERR_API_KEY_MALFORMED, "%s", wrong);
        err_field(reterr, "api_key");
        return code;
    }
    *ret_key = secret_copy(pasted, len);
    return *ret_key == NULL ? err_no_memory(reterr) : ERR_OK;
}

bool source_key_usual(const struct secret *key)
{
    return secret_len(key) > 4 && memcmp(secret_bytes(key), "ITG.", 4) == 0;
}

static bool is_loopback(const char *host)
{
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    int parts[4], end = 0;
    return sscanf(host, "%3d.%3d.%3d.%3d%n", &parts[0], &parts[1], &parts[2], &parts[3], &end) ==
               4 &&
           host[end] == '\0' && parts[0] == 127;
}

// A part of a URL; NULL when it has none. Released by curl_free().
static char *url_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static void curl_freep(char **text)
{
    curl_free(*text);
}

static void curl_url_cleanupp(CURLU **url)
{
    curl_url_cleanup(*url);
}

static enum err_code check_url(const char *field, const char *text, bool proxy, struct err *reterr)
{
    CURLU *url _cleanup_(curl_url_cleanupp) = curl_url();
    if (url == NULL)
        return err_no_memory(reterr);
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return err_invalid(reterr, field, "is no URL");
    char *scheme _cleanup_(curl_freep) = url_part(url, CURLUPART_SCHEME);
    char *host _cleanup_(curl_freep) = url_part(url, CURLUPART_HOST);
    char *user _cleanup_(curl_freep) = url_part(url, CURLUPART_USER);
    char *password _cleanup_(curl_freep) = url_part(url, CURLUPART_PASSWORD);
    char *path _cleanup_(curl_freep) = url_part(url, CURLUPART_PATH);
    char *query _cleanup_(curl_freep) = url_part(url, CURLUPART_QUERY);
    char *fragment _cleanup_(curl_freep) = url_part(url, CURLUPART_FRAGMENT);
    bool https = scheme != NULL && strcmp(scheme, "https") == 0;
    bool http = scheme != NULL && strcmp(scheme, "http") == 0;
    if (host == NULL || (!https && !http))
        return err_invalid(reterr, field, "must be an https URL");
    if (query != NULL || fragment != NULL || (path != NULL && strcmp(path, "/") != 0) ||
        (!proxy && text[strlen(text) - 1] == '/'))
        return err_invalid(reterr, field, "must end with the host or its port");
    if (proxy)
        return ERR_OK;
    if (user != NULL || password != NULL)
        return err_invalid(reterr, field, "must not hold a user name");
    if (http && !is_loopback(host))
        return err_invalid(reterr, field, "must be https unless its host is a loopback address");
    return ERR_OK;
}

// Names of hosts, comma-separated; `.x` stands for those below x.
static enum err_code check_hosts(const char *hosts, struct err *reterr)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    for (const char *host = hosts; host != NULL && *host != '\0';) {
        size_t len = strcspn(host, ",");
        if (len == 0 || strspn(host, letters) < len || (len == 1 && host[0] == '.'))
            return err_invalid(reterr, "upstream_image_hosts",
                               "must be names of hosts, comma-separated");
        host += len + (host[len] == ',');
    }
    return ERR_OK;
}

enum err_code source_settings_check(const struct source_settings *settings, struct err *reterr)
{
    static const struct {
        enum source_region region;
        const char *name;
    } urls[] = {
        {SOURCE_REGION_US, "itglue_us_url"},
        {SOURCE_REGION_EU, "itglue_eu_url"},
        {SOURCE_REGION_AU, "itglue_au_url"},
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (settings->base_url[urls[i].region] != NULL)
            try_(check_url(urls[i].name, settings->base_url[urls[i].region], false, reterr));
    if (settings->proxy != NULL)
        try_(check_url("upstream_proxy", settings->proxy, true, reterr));
    try_(check_hosts(settings->image_hosts, reterr));
    if (settings->ca_file != NULL && access(settings->ca_file, R_OK) != 0)
        return err_invalid(reterr, "itglue_ca_file", "cannot be read");
    if (settings->connect_timeout_ms < 0 || settings->request_timeout_ms < 0)
        return err_invalid(reterr, "upstream_timeout_ms", "must not be negative");
    return ERR_OK;
}

enum err_code source_global_init(struct err *reterr)
{
    if (sodium_init() < 0)
        return err_set(reterr, ERR_INTERNAL, "libsodium cannot start");
    return itglue_http_global_init(reterr);
}

void source_global_done(void)
{
    itglue_http_global_done();
}

enum err_code source_open(const struct source_settings *settings, enum source_provider provider,
                          enum source_region region, const struct secret *key,
                          struct source **ret_source, struct err *reterr)
{
    const struct source_region_info *info = source_region_find(region);
    if (provider != SOURCE_PROVIDER_IT_GLUE)
        return err_invalid(reterr, "provider", "has no adapter");
    if (info == NULL)
        return unknown_region(reterr);
    struct source *source _cleanup_(source_closep) = calloc(1, sizeof(*source));
    if (source == NULL)
        return err_no_memory(reterr);
    source->settings = *settings;
    source->region = info;
    try_(itglue_open(&source->settings, info, key, &source->itglue, reterr));
    *ret_source = steal(source);
    return ERR_OK;
}

enum err_code source_open_again(const struct source *source, struct source **ret_source,
                                struct err *reterr)
{
    struct source *again _cleanup_(source_closep) = calloc(1, sizeof(*again));
    if (again == NULL)
        return err_no_memory(reterr);
    again->settings = source->settings;
    again->region = source->region;
    try_(itglue_open(&again->settings, again->region, itglue_key(source->itglue), &again->itglue,
                     reterr));
    *ret_source = steal(again);
    return ERR_OK;
}

void source_limit_records(struct source *source, size_t max_bytes)
{
    size_t *most = &source->settings.record_max_bytes;
    if (*most == 0 || *most > max_bytes)
        *most = max_bytes;
}

enum err_code source_set_key(struct source *source, const struct secret *key, struct err *reterr)
{
    (void)reterr;
    itglue_set_key(source->itglue, key);
    return ERR_OK;
}

struct source *source_close(struct source *source)
{
    if (source != NULL)
        itglue_close(source->itglue);
    free(source);
    return NULL;
}

void source_closep(struct source **source)
{
    *source = source_close(*source);
}

void source_password_done(struct source_password *password)
{
    password->value = secret_free(password->value);
}

enum err_code source_fetch_page(struct source *source, const struct source_query *query,
                                const struct source_sink *sink, struct deadline deadline,
                                const atomic_bool *cancelled, struct source_page *ret_page,
                                struct source_attempt *ret_attempt, struct err *reterr)
{
    return itglue_fetch_page(source->itglue, query, sink, deadline, cancelled, ret_page,
                             ret_attempt, reterr);
}

enum err_code source_fetch_password(struct source *source, int64_t organization_id,
                                    int64_t password_id, const char *user_email,
                                    struct deadline deadline, const atomic_bool *cancelled,
                                    struct source_password *ret_password,
                                    struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)organization_id; // IT Glue's password is found by its id alone; the caller compares
    return itglue_fetch_password(source->itglue, password_id, user_email, deadline, cancelled,
                                 ret_password, ret_attempt, reterr);
}

void source_image_done(struct source_image *image)
{
    buffer_done(&image->bytes);
}

enum err_code source_fetch_image(struct source *source, int64_t image_id, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_image *ret_image,
                                 struct source_attempt *ret_attempt, struct err *reterr)
{
    return itglue_fetch_image(source->itglue, image_id, deadline, cancelled, ret_image, ret_attempt,
                              reterr);
}

enum err_code source_probe(struct source *source, struct deadline deadline,
                           const atomic_bool *cancelled, int64_t *ret_organization_count,
                           struct source_attempt *ret_attempt, struct err *reterr)
{
    return itglue_probe(source->itglue, deadline, cancelled, ret_organization_count, ret_attempt,
                        reterr);
}
