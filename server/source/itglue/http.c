#include "server/source/itglue/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "server/source/itglue/memory.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    REQUEST_TIMEOUT_MS = 60 * 1000,
    LOW_SPEED_BYTES = 16,
    RETRY_AFTER_MAX_MS = 300 * 1000,
    ERROR_BODY_MAX_BYTES = 16 * 1024,
    REQUEST_BUFFER_BYTES = 16 * 1024, // the least that curl takes
    VALUE_BUFFER_BYTES = 4 * 1024,
    PAGE_BUFFER_BYTES = 16 * 1024,
    // How often a transfer looks at its deadline and whether it is cancelled.
    LOOK_MS = 15,
};

// Which addresses a connection may reach. A name that resolves elsewhere is not followed.
enum reach {
    REACH_ANY,      // a proxy, or an https URL of the development setting
    REACH_PUBLIC,   // IT Glue
    REACH_LOOPBACK, // plain http
};

struct itglue_http {
    const struct source_settings *settings;
    char *base_url;
    struct secret *key;
    enum reach reach;
    CURLM *multi;
    CURLSH *share; // TLS sessions, so that a new connection is a short one
    CURL *kept;    // of a request for a value that went well, for the next one; NULL: none
};

struct transfer {
    const struct itglue_http *http;
    CURL *easy;
    struct itglue_exchange *exchange;
    size_t body_bytes;
    bool repeats;              // curl wanted to send once more what may be sent once
    enum itglue_http_end stop; // why the write callback ended it; ANSWERED: it did not
};

enum err_code itglue_http_global_init(struct err *reterr)
{
    CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, itglue_malloc, itglue_free,
                                         itglue_realloc, itglue_strdup, itglue_calloc);
    if (code != CURLE_OK)
        return err_set(reterr, ERR_INTERNAL, "curl: %s", curl_easy_strerror(code));
    return ERR_OK;
}

void itglue_http_global_done(void)
{
    curl_global_cleanup();
}

struct itglue_http *itglue_http_close(struct itglue_http *http)
{
    if (http == NULL)
        return NULL;
    curl_easy_cleanup(http->kept);
    if (http->multi != NULL)
        curl_multi_cleanup(http->multi);
    if (http->share != NULL)
        curl_share_cleanup(http->share);
    secret_free(http->key);
    free(http->base_url);
    free(http);
    return NULL;
}

void itglue_http_set_key(struct itglue_http *http, const struct secret *key)
{
    http->key = secret_free(http->key);
    if (key != NULL)
        http->key = secret_share(key);
}

const struct secret *itglue_http_key(const struct itglue_http *http)
{
    return http->key;
}

static void closep_http(struct itglue_http **http)
{
    *http = itglue_http_close(*http);
}

enum err_code itglue_http_open(const struct source_settings *settings, const char *base_url,
                               bool official, const struct secret *key,
                               struct itglue_http **ret_http, struct err *reterr)
{
    struct itglue_http *http _cleanup_(closep_http) = calloc(1, sizeof(*http));
    if (http == NULL)
        return err_no_memory(reterr);
    http->settings = settings;
    http->base_url = strdup(base_url);
    http->key = secret_share(key);
    http->multi = curl_multi_init();
    http->share = curl_share_init();
    if (http->base_url == NULL || http->multi == NULL || http->share == NULL)
        return err_no_memory(reterr);
    http->reach = REACH_ANY;
    if (strncmp(base_url, "http:", 5) == 0)
        http->reach = REACH_LOOPBACK;
    else if (official && settings->proxy == NULL)
        http->reach = REACH_PUBLIC;
    // With one there is no other idle connection on which curl could repeat a request.
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L);
    (void)curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    *ret_http = steal(http);
    return ERR_OK;
}

static bool ipv4_is_loopback(uint32_t address)
{
    return address >> 24 == 127;
}

// Private, link-local (cloud metadata), carrier, loopback, multicast and reserved ranges.
static bool ipv4_is_public(uint32_t address)
{
    static const struct {
        uint32_t net;
        int bits;
    } closed[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
                  {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3}};
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        if (address >> (32 - closed[i].bits) == closed[i].net >> (32 - closed[i].bits))
            return false;
    }
    return true;
}

static uint32_t ipv4_inside(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Global unicast, and what a translator or a relay takes to a public IPv4 address.
static bool ipv6_is_public(const unsigned char *bytes)
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b}; // 64:ff9b::/96
    static const unsigned char to4[2] = {0x20, 0x02};                // 2002::/16
    static const unsigned char teredo[4] = {0x20, 0x01};             // 2001::/32, out of use
    if (memcmp(bytes, nat64, sizeof(nat64)) == 0)
        return ipv4_is_public(ipv4_inside(bytes + 12));
    if (memcmp(bytes, to4, sizeof(to4)) == 0)
        return ipv4_is_public(ipv4_inside(bytes + 2));
    return (bytes[0] & 0xe0) == 0x20 && memcmp(bytes, teredo, sizeof(teredo)) != 0;
}

static bool may_reach(enum reach reach, const struct sockaddr *address)
{
    if (reach == REACH_ANY)
        return true;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        uint32_t host = ntohl(in->sin_addr.s_addr);
        return reach == REACH_LOOPBACK ? ipv4_is_loopback(host) : ipv4_is_public(host);
    }
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        uint32_t host = ipv4_inside(in6->s6_addr + 12);
        return reach == REACH_LOOPBACK ? ipv4_is_loopback(host) : ipv4_is_public(host);
    }
    return reach == REACH_LOOPBACK ? IN6_IS_ADDR_LOOPBACK(in6) : ipv6_is_public(in6->s6_addr);
}

bool itglue_http_is_public(const struct sockaddr *address)
{
    return may_reach(REACH_PUBLIC, address);
}

static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    long sent_bytes = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    // curl repeats a request by itself when a connection that it used before turns out dead.
    transfer->repeats |= transfer->exchange->once && sent_bytes > 0;
    if (purpose != CURLSOCKTYPE_IPCXN || transfer->repeats ||
        !may_reach(transfer->http->reach, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_write(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct itglue_exchange *exchange = transfer->exchange;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        // Only its beginning is looked at; the rest is read so that the connection stays usable.
        size_t room = ERROR_BODY_MAX_BYTES - exchange->error_body.len;
        (void)buffer_append(&exchange->error_body, bytes, len < room ? len : room);
        transfer->body_bytes += len;
        return transfer->body_bytes > 16 * ERROR_BODY_MAX_BYTES ? 0 : len;
    }
    transfer->body_bytes += len;
    if (transfer->body_bytes > exchange->body_max_bytes) {
        transfer->stop = ITGLUE_HTTP_TOO_LARGE;
        return 0;
    }
    if (!exchange->on_body(exchange->context, bytes, len)) {
        transfer->stop = ITGLUE_HTTP_STOPPED;
        return 0;
    }
    return len;
}

static struct curl_slist *make_headers(const struct itglue_exchange *exchange)
{
    const char *accept = exchange->accept;
    return curl_slist_append(NULL, accept == NULL ? "Accept: application/vnd.api+json" : accept);
}

// Adds the header with the key, which is written into its place in the list: so the copy there,
// wiped when the list is freed, is the only one. False: no memory.
static bool add_key(struct curl_slist *list, const struct secret *key)
{
    static const char name[] = "x-api-key: ";
    size_t name_len = sizeof(name) - 1;
    size_t len = name_len + secret_len(key);
    char *blank _cleanup_(freep) = malloc(len + 1);
    if (blank == NULL)
        return false;
    memset(blank, ' ', len);
    blank[len] = '\0';
    if (curl_slist_append(list, blank) == NULL)
        return false;
    struct curl_slist *last = list;
    while (last->next != NULL)
        last = last->next;
    memcpy(last->data, name, name_len);
    memcpy(last->data + name_len, secret_bytes(key), secret_len(key));
    return true;
}

static void set_limits(CURL *easy, const struct source_settings *settings)
{
    int64_t connect_ms = settings->connect_timeout_ms;
    int64_t request_ms = settings->request_timeout_ms;
    connect_ms = connect_ms > 0 ? connect_ms : CONNECT_TIMEOUT_MS;
    request_ms = request_ms > 0 ? request_ms : REQUEST_TIMEOUT_MS;
    // A slow query is silent before it answers, so silence alone may last most of the time.
    int64_t silent_s = request_ms * 3 / 4 / 1000;
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request_ms);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)LOW_SPEED_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)(silent_s > 0 ? silent_s : 1));
}

// What TLS decrypted is wiped from its buffer as soon as it was handed over. So the buffers may
// stay for the next answer.
static CURLcode on_tls(CURL *easy, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    (void)SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return CURLE_OK;
}

// What all requests of a kind have in common. False: an option that security rests on was refused.
static bool set_options(const struct itglue_http *http, CURL *easy, bool once)
{
    const struct source_settings *settings = http->settings;
    bool plain = http->reach == REACH_LOOPBACK;
    const char *proxy = settings->proxy == NULL || plain ? "" : settings->proxy;
    if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https") != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PROXY, proxy) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "") != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK)
        return false;
    if (settings->ca_file != NULL &&
        (curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file) != CURLE_OK ||
         curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK))
        return false;
    set_limits(easy, settings);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "docbridge/1.0");
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SHARE, http->share);
    // Each is wiped with the transfer, so a small answer shall not pay for large ones.
    (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)REQUEST_BUFFER_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
                           (long)(once ? VALUE_BUFFER_BYTES : PAGE_BUFFER_BYTES));
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                           (long)(once ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    return true;
}

static CURL *take_easy(struct itglue_http *http, bool once)
{
    if (once && http->kept != NULL)
        return steal(http->kept);
    CURL *easy = curl_easy_init();
    if (easy == NULL || set_options(http, easy, once))
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

// One that went well keeps nothing of what was sent or received: curl has freed, and so wiped, the
// buffers with the transfer.
static void give_easy(struct itglue_http *http, const struct transfer *transfer)
{
    const struct itglue_exchange *exchange = transfer->exchange;
    if (!exchange->once || exchange->end != ITGLUE_HTTP_ANSWERED || exchange->status != 200) {
        curl_easy_cleanup(transfer->easy);
        return;
    }
    (void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
    http->kept = transfer->easy;
}

// The class of a failure, for people; NULL for those with an end of their own.
static const char *curl_class(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "dns";
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return "proxy";
    case CURLE_COULDNT_CONNECT:
        return "connect";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return "tls";
    case CURLE_OPERATION_TIMEDOUT:
        return "timeout";
    default:
        return "cut";
    }
}

static void finish(const struct transfer *transfer, CURLcode code)
{
    struct itglue_exchange *exchange = transfer->exchange;
    exchange->end = ITGLUE_HTTP_UNREACHABLE;
    if (code == CURLE_OK)
        exchange->end = ITGLUE_HTTP_ANSWERED;
    else if (code == CURLE_WRITE_ERROR && transfer->stop != ITGLUE_HTTP_ANSWERED)
        exchange->end = transfer->stop;
    else if (exchange->status != 0 && exchange->status != 200)
        exchange->end = ITGLUE_HTTP_ANSWERED; // the status is the answer, however its body ends
    else if (code == CURLE_BAD_CONTENT_ENCODING || code == CURLE_WRITE_ERROR)
        exchange->end = ITGLUE_HTTP_GARBLED;
    else if (code == CURLE_OUT_OF_MEMORY)
        exchange->end = ITGLUE_HTTP_NO_MEMORY;
    else if (code == CURLE_OPERATION_TIMEDOUT && exchange->request_count > 0)
        exchange->end = ITGLUE_HTTP_TIMED_OUT;
    if (exchange->end == ITGLUE_HTTP_UNREACHABLE || exchange->end == ITGLUE_HTTP_TIMED_OUT)
        exchange->curl_class = transfer->repeats ? "cut" : curl_class(code);
}

static void read_info(const struct transfer *transfer)
{
    struct itglue_exchange *exchange = transfer->exchange;
    long status = 0, request_bytes = 0;
    curl_off_t retry_after_s = 0;
    const char *type = NULL;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    exchange->status = (int)status;
    exchange->request_count = status != 0 || request_bytes > 0 || transfer->repeats;
    exchange->html = type != NULL && strncasecmp(type, "text/html", 9) == 0;
    if (retry_after_s > RETRY_AFTER_MAX_MS / 1000)
        retry_after_s = RETRY_AFTER_MAX_MS / 1000;
    exchange->retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
}

// True when curl is done with it; `*ret_code` says how.
static bool run(CURLM *multi, CURLcode *ret_code)
{
    int running = 0, left;
    if (curl_multi_perform(multi, &running) != CURLM_OK) {
        *ret_code = CURLE_OUT_OF_MEMORY;
        return true;
    }
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    if (message == NULL || message->msg != CURLMSG_DONE)
        return false;
    *ret_code = message->data.result;
    return true;
}

static void drive(struct itglue_http *http, struct transfer *transfer)
{
    struct itglue_exchange *exchange = transfer->exchange;
    for (;;) {
        CURLcode code = CURLE_OK;
        bool done = run(http->multi, &code);
        read_info(transfer);
        if (done) {
            finish(transfer, code);
            return;
        }
        if (exchange->cancelled != NULL && atomic_load(exchange->cancelled)) {
            exchange->end = ITGLUE_HTTP_CANCELLED;
            return;
        }
        int64_t left_ms = deadline_left_ms(exchange->deadline);
        if (left_ms == 0) {
            exchange->end = ITGLUE_HTTP_DEADLINE;
            return;
        }
        (void)curl_multi_poll(http->multi, NULL, 0, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS,
                              NULL);
    }
}

// Milliseconds of the steady clock are too coarse for a latency, and the wall clock jumps.
static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool aim(const struct itglue_http *http, const struct transfer *transfer,
                struct curl_slist *headers)
{
    const struct itglue_exchange *exchange = transfer->exchange;
    const char *host = exchange->link == NULL ? http->base_url : "";
    const char *target = exchange->link == NULL ? exchange->target : exchange->link;
    size_t url_len = strlen(host) + strlen(target);
    char *url _cleanup_(freep) = malloc(url_len + 1);
    if (url == NULL || (exchange->link == NULL && !add_key(headers, http->key)))
        return false;
    (void)snprintf(url, url_len + 1, "%s%s", host, target);
    return curl_easy_setopt(transfer->easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

void itglue_http_get(struct itglue_http *http, struct itglue_exchange *exchange)
{
    struct transfer transfer = {
        .http = http, .easy = take_easy(http, exchange->once), .exchange = exchange};
    struct curl_slist *headers = make_headers(exchange);
    int64_t start_us = now_us();
    exchange->end = ITGLUE_HTTP_NO_MEMORY;
    buffer_init(&exchange->error_body, ERROR_BODY_MAX_BYTES);
    if (transfer.easy != NULL && headers != NULL && aim(http, &transfer, headers) &&
        curl_multi_add_handle(http->multi, transfer.easy) == CURLM_OK) {
        drive(http, &transfer);
        (void)curl_multi_remove_handle(http->multi, transfer.easy);
    }
    give_easy(http, &transfer);
    curl_slist_free_all(headers);
    exchange->latency_us = now_us() - start_us;
}
