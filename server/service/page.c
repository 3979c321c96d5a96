#include "server/service/page.h"

#include <sodium.h>
#include <string.h>

#include "server/base/encoding.h"

enum { MAC_BYTES = 16 };

// The MAC of a cursor for this caller and this list, under one of the keys. Each text is preceded
// by its length, so that no two lists have the same bytes.
static void page_mac(const struct request *request, size_t key, const struct page_list *list,
                     const char *cursor, size_t cursor_len, unsigned char ret_mac[MAC_BYTES])
{
    const char *parts[] = {request->caller->tenant,
                           request->caller->subject,
                           list->method,
                           list->parent ? list->parent : "",
                           list->filter ? list->filter : "",
                           list->order_by ? list->order_by : ""};
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, request->backend->token_keys[key], 32, MAC_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        uint64_t len = strlen(parts[i]);
        (void)crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
        (void)crypto_generichash_update(&state, (const unsigned char *)parts[i], len);
    }
    (void)crypto_generichash_update(&state, (const unsigned char *)cursor, cursor_len);
    (void)crypto_generichash_final(&state, ret_mac, MAC_BYTES);
}

enum err_code page_size(int32_t asked, int *ret_size, struct err *reterr)
{
    if (asked < 0)
        return err_invalid(reterr, "page_size", "must not be negative");
    *ret_size = asked == 0 ? PAGE_SIZE_DEFAULT : asked > PAGE_SIZE_MAX ? PAGE_SIZE_MAX : asked;
    return ERR_OK;
}

enum err_code page_open(const struct request *request, const struct page_list *list,
                        const char *token, const char **ret_cursor, struct err *reterr)
{
    unsigned char bytes[MAC_BYTES + PAGE_CURSOR_MAX];
    unsigned char mac[MAC_BYTES];
    size_t len;
    if (token[0] == '\0') {
        *ret_cursor = "";
        return ERR_OK;
    }
    const char *cursor = (const char *)bytes + MAC_BYTES;
    bool whole = encoding_base64url_decode(token, strlen(token), bytes, sizeof(bytes), &len) &&
                 len > MAC_BYTES;
    bool good = false;
    for (size_t key = 0; whole && !good && key < request->backend->token_key_count; key++) {
        page_mac(request, key, list, cursor, len - MAC_BYTES, mac);
        good = sodium_memcmp(mac, bytes, MAC_BYTES) == 0;
    }
    if (!good) {
        (void)err_set(reterr, ERR_PAGE_TOKEN_INVALID,
                      "the page token is not one of this caller, list, filter and order");
        err_field(reterr, "page_token");
        return ERR_PAGE_TOKEN_INVALID;
    }
    *ret_cursor = arena_strndup(request->arena, cursor, len - MAC_BYTES);
    return *ret_cursor == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code page_make(const struct request *request, const struct page_list *list,
                        const char *cursor, char **ret_token, struct err *reterr)
{
    unsigned char bytes[MAC_BYTES + PAGE_CURSOR_MAX];
    size_t len = strlen(cursor);
    if (len == 0 || len > PAGE_CURSOR_MAX)
        return err_set(reterr, ERR_INTERNAL, "a page cursor of %zu bytes", len);
    page_mac(request, 0, list, cursor, len, bytes);
    memcpy(bytes + MAC_BYTES, cursor, len);
    char *token = arena_alloc(request->arena, ENCODING_BASE64_BYTES(MAC_BYTES + len));
    if (token == NULL)
        return err_no_memory(reterr);
    encoding_base64url(bytes, MAC_BYTES + len, token);
    *ret_token = token;
    return ERR_OK;
}
