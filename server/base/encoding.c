#include "server/base/encoding.h"

#include <sodium.h>

bool encoding_int64(const char *text, size_t len, int64_t *ret_value)
{
    bool negative = len > 0 && text[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t value = 0;
    if (i == len)
        return false;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? '0' - text[i] : text[i] - '0', &value))
            return false;
    }
    *ret_value = value;
    return true;
}

void encoding_hex(const void *bytes, size_t len, char *ret_text)
{
    (void)sodium_bin2hex(ret_text, 2 * len + 1, bytes, len);
}

void encoding_base64url(const void *bytes, size_t len, char *ret_text)
{
    (void)sodium_bin2base64(ret_text, ENCODING_BASE64_BYTES(len), bytes, len,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool encoding_base64url_decode(const char *text, size_t len, void *ret_bytes, size_t max_bytes,
                               size_t *ret_len)
{
    // libsodium 1.0.18 takes bytes of 0x80 and above for '_': one value would have many spellings.
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    const char *end;
    return sodium_base642bin(ret_bytes, max_bytes, text, len, NULL, ret_len, &end,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           end == text + len;
}

void encoding_random_id(char ret_text[ENCODING_ID_BYTES])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[ENCODING_ID_BYTES - 1];
    randombytes_buf(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        ret_text[i] = alphabet[random[i] & 31];
    ret_text[sizeof(random)] = '\0';
}
