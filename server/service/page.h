// Pages of a list: sizes, and tokens that only the same caller can use for the same list.
//
// A token is base64url of a sealed position (XChaCha20-Poly1305), bound to tenant, subject, method,
// parent, filter and order. So it can neither be made up nor be used elsewhere, nor be read: a
// position is the beginning of a name, and there may be a credential in it that lists mask.
#pragma once

#include <stdint.h>

#include "server/service/request.h"

enum { PAGE_SIZE_DEFAULT = 50, PAGE_SIZE_MAX = 1000, PAGE_CURSOR_MAX = 600 };

// What the token must belong to. `parent`, `filter` and `order_by` as the client sent them; NULL:
// the list has none.
struct page_list {
    const char *method;
    const char *parent;
    const char *filter;
    const char *order_by;
};

// The size to serve: 0 gives the default, above the maximum the maximum. Errors: FIELD_INVALID
// below 0.
enum err_code page_size(int32_t asked, int *ret_size, struct err *reterr) _must_check_;
// Opens a token into the cursor it was made of; "" gives "". Errors: PAGE_TOKEN_INVALID.
enum err_code page_open(const struct request *request, const struct page_list *list,
                        const char *token, const char **ret_cursor,
                        struct err *reterr) _must_check_;
// The same of a stream's resume token, which the error speaks of.
enum err_code page_resume(const struct request *request, const struct page_list *list,
                          const char *token, const char **ret_cursor,
                          struct err *reterr) _must_check_;
// Makes the token of the page after `cursor`, the caller's own words for a position of at most
// PAGE_CURSOR_MAX bytes.
enum err_code page_make(const struct request *request, const struct page_list *list,
                        const char *cursor, char **ret_token, struct err *reterr) _must_check_;
