#include "server/service/page.h"

#include <sodium.h>
#include <string.h>

#include "server/base/encoding.h"

enum {
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    SCOPE_BYTES = 32,
};

// What a token is good for: this caller and this list. Each text is preceded by its length, so that
// no two lists have the same bytes.
static void page_scope(const struct request *request, const struct page_list *list,
                       unsigned char ret_scope[SCOPE_BYTES])
{
    const char *parts[] = {request->caller->tenant,
                           request->caller->subject,
                           list->method,
                           list->parent ? list->parent : "",
                           list->filter ? list->filter : "",
                           list->order_by ? list->order_by : ""};
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, SCOPE_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        uint64_t len = strlen(parts[i]);
        (void)crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
        (void)crypto_generichash_update(&state, (const unsigned char *)parts[i], len);
    }
    (void)crypto_generichash_final(&state, ret_scope, SCOPE_BYTES);
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
    unsigned char bytes[NONCE_BYTES + PAGE_CURSOR_MAX + TAG_BYTES], scope[SCOPE_BYTES];
    unsigned char cursor[PAGE_CURSOR_MAX];
    unsigned long long cursor_len = 0;
    size_t len;
    if (token[0] == '\0') {
        *ret_cursor = "";
        return ERR_OK;
    }
    bool whole = encoding_base64url_decode(token, strlen(token), bytes, sizeof(bytes), &len) &&
                 len > NONCE_BYTES + TAG_BYTES;
    bool good = false;
    page_scope(request, list, scope);
    for (size_t key = 0; whole && !good && key < request->backend->token_key_count; key++)
        good = crypto_aead_xchacha20poly1305_ietf_decrypt(
                   cursor, &cursor_len, NULL, bytes + NONCE_BYTES, len - NONCE_BYTES, scope,
                   sizeof(scope), bytes, request->backend->token_keys[key]) == 0;
    if (!good) {
        (void)err_set(reterr, ERR_PAGE_TOKEN_INVALID,
                      "the page token is not one of this caller, list, filter and order");
        err_field(reterr, "page_token");
        return ERR_PAGE_TOKEN_INVALID;
    }
    *ret_cursor = arena_strndup(request->arena, (const char *)cursor, cursor_len);
    return *ret_cursor == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code page_resume(const struct request *request, const struct page_list *list,
                          const char *token, const char **ret_cursor, struct err *reterr)
{
    enum err_code code = page_open(request, list, token, ret_cursor, reterr);
    if (code != ERR_PAGE_TOKEN_INVALID)
        return code;
    (void)err_set(reterr, code, "the resume token is not one of this caller, stream and filter");
    err_field(reterr, "resume_token");
    return code;
}

enum err_code page_make(const struct request *request, const struct page_list *list,
                        const char *cursor, char **ret_token, struct err *reterr)
{
    unsigned char bytes[NONCE_BYTES + PAGE_CURSOR_MAX + TAG_BYTES], scope[SCOPE_BYTES];
    unsigned long long sealed_len;
    size_t len = strlen(cursor);
    if (len == 0 || len > PAGE_CURSOR_MAX)
        return err_set(reterr, ERR_INTERNAL, "a page cursor of %zu bytes", len);
    page_scope(request, list, scope);
    randombytes_buf(bytes, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        bytes + NONCE_BYTES, &sealed_len, (const unsigned char *)cursor, len, scope, sizeof(scope),
        NULL, bytes, request->backend->token_keys[0]);
    char *token = arena_alloc(request->arena, ENCODING_BASE64_BYTES(NONCE_BYTES + sealed_len));
    if (token == NULL)
        return err_no_memory(reterr);
    encoding_base64url(bytes, NONCE_BYTES + sealed_len, token);
    *ret_token = token;
    return ERR_OK;
}
