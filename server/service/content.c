#include "server/service/content.h"

#include <string.h>

#include "server/base/embedded_secret.h"
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
    const struct html_options options = {content->image_prefix, content->origin, content->labelled};
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
    struct embedded_secret secret;
    bool shown = text != NULL && fits(content, len);
    len = shown ? len : 0;
    // Before it is what a label of it stands behind, which no mask covers.
    char *line = arena_alloc(content->arena, len + 2);
    if (line == NULL)
        return err_no_memory(reterr);
    line[0] = content->labelled ? EMBEDDED_SECRET_CELL : '\n';
    if (len > 0)
        memcpy(line + 1, text, len);
    content->used_bytes += len;
    for (size_t at = 0; embedded_secret_next(line, len + 1, at, &secret);
         at = secret.offset + secret.len)
        content->secret_count++;
    line[embedded_secret_mask(line, len + 1)] = '\0';
    *ret_text = line + 1;
    return ERR_OK;
}
