#include "server/source/itglue/authorized.h"

#include <string.h>

#include "server/source/itglue/text.h"

enum {
    KEY_OTHER,
    KEY_INCLUDED,
    KEY_DATA,
    KEY_RELATIONSHIPS,
    KEY_USERS,
    KEY_ATTRIBUTES,
    KEY_ID,
    KEY_TYPE,
    KEY_EMAIL,
};

static const struct {
    const char *name;
    int key;
} keys[] = {
    {"included", KEY_INCLUDED},      {"data", KEY_DATA},   {"relationships", KEY_RELATIONSHIPS},
    {"authorized-users", KEY_USERS}, {"id", KEY_ID},       {"type", KEY_TYPE},
    {"attributes", KEY_ATTRIBUTES},  {"email", KEY_EMAIL},
};

// path[d] is the key under which the container at depth d + 1 stands; of what stands in an array,
// that of the array.
static bool in_rows(const struct itglue_authorized *authorized)
{
    return authorized->path[1] == KEY_INCLUDED;
}

static bool in_links(const struct itglue_authorized *authorized, int depth)
{
    return depth == 6 && authorized->path[1] == KEY_DATA &&
           authorized->path[2] == KEY_RELATIONSHIPS && authorized->path[3] == KEY_USERS &&
           authorized->path[4] == KEY_DATA;
}

void itglue_authorized_start(struct itglue_authorized *authorized, int depth)
{
    if (depth >= 2 && depth - 1 < (int)ARRAY_LEN(authorized->path))
        authorized->path[depth - 1] = authorized->key;
    authorized->key = KEY_OTHER;
    if (depth == 3 && in_rows(authorized)) {
        authorized->row_id = 0;
        authorized->row_is_user = false;
        authorized->row_matches = false;
    }
    if (depth == 4 && authorized->path[1] == KEY_DATA && authorized->path[2] == KEY_RELATIONSHIPS &&
        authorized->path[3] == KEY_USERS)
        authorized->links_given = true;
}

static void end_row(struct itglue_authorized *authorized)
{
    if (!authorized->row_is_user || !authorized->row_matches || authorized->row_id == 0)
        return;
    if (authorized->match_count == ITGLUE_AUTHORIZED_MATCHES_MAX)
        authorized->too_many = true;
    else
        authorized->matches[authorized->match_count++] = authorized->row_id;
}

void itglue_authorized_end(struct itglue_authorized *authorized, int depth)
{
    if (depth == 3 && in_rows(authorized))
        end_row(authorized);
    authorized->key = KEY_OTHER;
}

void itglue_authorized_key(struct itglue_authorized *authorized, int depth, const char *key,
                           size_t len)
{
    authorized->key = KEY_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(keys) && depth < (int)ARRAY_LEN(authorized->path); i++) {
        if (itglue_text_key_is(key, len, keys[i].name))
            authorized->key = keys[i].key;
    }
}

// E-mails are the same but for the case of their ASCII letters. Nothing else is folded: what looks
// alike in Unicode need not be the same mailbox.
static bool same_email(const char *wanted, const char *text, size_t len)
{
    if (strlen(wanted) != len || len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char a = (unsigned char)wanted[i], b = (unsigned char)text[i];
        a = a >= 'A' && a <= 'Z' ? (unsigned char)(a - 'A' + 'a') : a;
        b = b >= 'A' && b <= 'Z' ? (unsigned char)(b - 'A' + 'a') : b;
        if (a != b)
            return false;
    }
    return true;
}

static bool is_user_type(const struct itglue_scalar *scalar)
{
    return scalar->type == ITGLUE_STRING &&
           (itglue_text_key_is(scalar->text, scalar->len, "users") ||
            itglue_text_key_is(scalar->text, scalar->len, "authorized-users"));
}

void itglue_authorized_scalar(struct itglue_authorized *authorized, int depth,
                              const struct itglue_scalar *scalar)
{
    int key = authorized->key;
    authorized->key = KEY_OTHER;
    if (authorized->email == NULL)
        return;
    if (in_links(authorized, depth) && key == KEY_ID) {
        if (authorized->link_count == ITGLUE_AUTHORIZED_MAX)
            authorized->too_many = true;
        else
            authorized->links[authorized->link_count++] = itglue_scalar_id(scalar);
    }
    if (!in_rows(authorized))
        return;
    if (depth == 3 && key == KEY_ID)
        authorized->row_id = itglue_scalar_id(scalar);
    if (depth == 3 && key == KEY_TYPE)
        authorized->row_is_user = is_user_type(scalar);
    if (depth == 4 && authorized->path[3] == KEY_ATTRIBUTES && key == KEY_EMAIL)
        authorized->row_matches = scalar->type == ITGLUE_STRING &&
                                  same_email(authorized->email, scalar->text, scalar->len);
}

bool itglue_authorized_found(const struct itglue_authorized *authorized)
{
    if (authorized->email == NULL || authorized->too_many)
        return false;
    for (size_t i = 0; i < authorized->match_count; i++) {
        if (!authorized->links_given)
            return true;
        for (size_t j = 0; j < authorized->link_count; j++) {
            if (authorized->links[j] == authorized->matches[i])
                return true;
        }
    }
    return false;
}
