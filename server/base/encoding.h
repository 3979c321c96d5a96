// Numbers, hexadecimal, base64 and random ids as text.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A decimal number with an optional minus and nothing around it. False on anything else or
// overflow.
bool encoding_int64(const char *text, size_t len, int64_t *ret_value);

// Lower-case hexadecimal of `len` bytes into `ret_text`, which holds 2 * len + 1.
void encoding_hex(const void *bytes, size_t len, char *ret_text);

// base64url without padding (RFC 4648, section 5). `ret_text` holds ENCODING_BASE64_BYTES(len).
#define ENCODING_BASE64_BYTES(len) (((len) + 2) / 3 * 4 + 1)
void encoding_base64url(const void *bytes, size_t len, char *ret_text);
// False if `text` is not base64url or longer than `max_bytes` decoded.
bool encoding_base64url_decode(const char *text, size_t len, void *ret_bytes, size_t max_bytes,
                               size_t *ret_len);

// A random id of 26 characters [a-z2-7] (130 bits): the last part of a resource name.
enum { ENCODING_ID_BYTES = 27 };
void encoding_random_id(char ret_text[ENCODING_ID_BYTES]);
