// Texts, and what the scan for pasted credentials leaves of them.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/embedded_secret.h"

struct masked_row {
    const char *text, *masked; // NULL: nothing is
};

// What was masked holds nothing more.
static inline void assert_masked(const struct masked_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct embedded_secret secret;
        const char *wanted = rows[i].masked == NULL ? rows[i].text : rows[i].masked;
        char text[256];
        size_t len = strlen(rows[i].text);
        memcpy(text, rows[i].text, len);
        len = embedded_secret_mask(text, len);
        text[len] = '\0';
        if (strcmp(text, wanted) != 0)
            fail_msg("%s: %s", rows[i].text, text);
        assert_false(embedded_secret_next(text, len, 0, &secret));
    }
}
