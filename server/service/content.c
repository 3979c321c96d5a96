#include "server/service/content.h"

#include <string.h>

#include "server/html/html.h"

static bool fits(struct content *content, size_t len)
{
    if (len <= CONTENT_MAX_BYTES - content->used_bytes)
        return true;
    content->full = true;
    return false;
}

enum err_code content_html(struct content *content, const char *html, size_t len, char **ret_html,
                           struct err *reterr)
{
    const struct html_options options = {content->image_prefix, content->base, content->labelled,
                                         content->line};
    struct buffer safe _cleanup_(buffer_done);
    struct html_result result;
    // Escaping and the names of images make more of it.
    size_t most = 16 * len + 4096;
    buffer_init(&safe, most);
    if (html != NULL && !html_sanitize(html, len, &options, most, &safe, &result))
        return err_no_memory(reterr);
    bool shown = fits(content, safe.len);
    *ret_html =
        arena_strndup(content->arena, shown && safe.len > 0 ? safe.data : "", shown ? safe.len : 0);
    if (*ret_html == NULL)
        return err_no_memory(reterr);
    if (html == NULL || !shown)
        return ERR_OK;
    content->used_bytes += safe.len;
    content->altered |= result.altered || result.cut;
    content->secret_count += (int)result.secret_count;
    return ERR_OK;
}

const char *content_base(struct arena *arena, const char *web_url)
{
    size_t len = html_base(web_url);
    return len == 0 ? NULL : arena_strndup(arena, web_url, len);
}

char *content_title(struct arena *arena, const char *title)
{
    char *copy = arena_strdup(arena, title);
    if (copy != NULL)
        copy[embedded_secret_mask(copy, strlen(copy))] = '\0';
    return copy;
}

// Whether `masked`, of which so many credentials were masked, still shows one that is seen in the
// text once its tags are gone. Before the text is what it stands behind, as in `masked`; `line`,
// unless it is NULL, goes on to the last line without tags. False: no memory.
static bool look_without_tags(const struct buffer *masked, size_t begin, size_t count,
                              const char *text, size_t len, struct embedded_secret_line *line,
                              bool *ret_shown)
{
    enum { LOOKED_FOR_MAX = 32 }; // of more the number has to do
    struct buffer plain _cleanup_(buffer_done);
    struct embedded_secret secret;
    size_t seen = 0;
    buffer_init(&plain, begin + 4 * len + 4096);
    if (!buffer_append(&plain, masked->data, begin) || !html_text(text, len, &plain))
        return false;
    if (line != NULL)
        embedded_secret_line_follow(line, plain.data, plain.len);
    *ret_shown = false;
    for (size_t from = 0; embedded_secret_next_behind(plain.data, plain.len, begin, from, &secret);
         from = secret.offset + secret.len)
        *ret_shown |= ++seen > count || (seen <= LOOKED_FOR_MAX &&
                                         memmem(masked->data + begin, masked->len - begin,
                                                plain.data + secret.offset, secret.len) != NULL);
    return true;
}

enum err_code content_text(struct content *content, const char *text, size_t len, char **ret_text,
                           struct err *reterr)
{
    const struct embedded_secret_line none = {.len = 0};
    const struct embedded_secret_line *before = content->line == NULL ? &none : content->line;
    bool shown = text != NULL && fits(content, len);
    len = shown ? len : 0;
    // Before it is what a label of it stands behind or in, which no mask covers.
    const size_t begin = before->len + 1;
    size_t count;
    char *line = arena_alloc(content->arena, begin + len + 1);
    if (line == NULL)
        return err_no_memory(reterr);
    memcpy(line, before->text, before->len);
    line[before->len] = content->labelled ? EMBEDDED_SECRET_CELL : '\n';
    if (len > 0)
        memcpy(line + begin, text, len);
    content->used_bytes += len;
    bool has_tags = len > 0 && memchr(text, '<', len) != NULL, shows_more = false;
    if (!has_tags && content->line != NULL)
        embedded_secret_line_follow(content->line, text, len);
    const struct buffer masked = {
        .data = line, .len = embedded_secret_mask_behind(line, begin + len, begin, &count)};
    line[masked.len] = '\0';
    // Somebody may have written HTML here too: a tag that stands between a label and its value
    // parts them. Which part of the text it is then is not known.
    if (has_tags &&
        !look_without_tags(&masked, begin, count, text, len, content->line, &shows_more))
        return err_no_memory(reterr);
    if (shows_more)
        memcpy(line + begin, EMBEDDED_SECRET_MASK, sizeof(EMBEDDED_SECRET_MASK));
    content->secret_count += (int)count + shows_more;
    *ret_text = line + begin;
    return ERR_OK;
}
