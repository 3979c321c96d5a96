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
    const struct html_options options = {content->image_prefix, content->origin, content->labelled,
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

const char *content_origin(struct arena *arena, const char *web_url)
{
    size_t len = html_origin(web_url);
    return len == 0 ? NULL : arena_strndup(arena, web_url, len);
}

char *content_title(struct arena *arena, const char *title)
{
    char *copy = arena_strdup(arena, title);
    if (copy != NULL)
        copy[embedded_secret_mask(copy, strlen(copy))] = '\0';
    return copy;
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
    if (content->line != NULL)
        embedded_secret_line_follow(content->line, text, len);
    content->used_bytes += len;
    line[embedded_secret_mask_behind(line, begin + len, begin, &count)] = '\0';
    content->secret_count += (int)count;
    *ret_text = line + begin;
    return ERR_OK;
}
