/* The parameters of a request, percent-decoded, in their order. */
#ifndef ITGLUE_EMULATOR_QUERY_H
#define ITGLUE_EMULATOR_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define QUERY_MAX 64

struct parameter {
    char *key;
    char *value;
};

struct query {
    struct parameter items[QUERY_MAX];
    size_t count;
};

/* `raw` is what follows the question mark; NULL is an empty query. */
void query_parse(struct query *query, const char *raw);
void query_done(struct query *query);
/* Percent-decoded in place, `+` becomes a blank when `form` is set. */
void query_decode(char *text, bool form);
void query_encode(struct text *text, const char *value);
const char *query_get(const struct query *query, const char *key);
/* `name` is what follows "filter", such as "[id]"; hyphens count as underscores. */
const char *query_filter(const struct query *query, const char *name);
int64_t query_int(const struct query *query, const char *key, int64_t missing);
/* Splits at commas that no backslash escapes; returns the count. Free each and the list. */
size_t query_split(const char *value, char ***list);
void query_free_list(char **list, size_t count);

#endif
