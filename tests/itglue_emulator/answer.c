#include "answer.h"

#include <string.h>

const char answer_json_api[] = "application/vnd.api+json; charset=utf-8";

void answer_done(struct answer *answer)
{
    text_done(&answer->body);
}

void answer_reset(struct answer *answer, unsigned status, const char *content_type)
{
    text_clear(&answer->body);
    answer->status = status;
    answer->content_type = content_type;
}

void answer_error(struct answer *answer, unsigned status, const char *title, const char *detail,
                  const char *pointer)
{
    answer_reset(answer, status, answer_json_api);
    text_put(&answer->body, "{\"errors\":[{");
    attr_int(&answer->body, "status", status);
    if (title)
        attr_text(&answer->body, "title", title);
    if (detail)
        attr_text(&answer->body, "detail", detail);
    if (pointer) {
        text_put(&answer->body, ",\"source\":{");
        attr_text(&answer->body, "pointer", pointer);
        text_put(&answer->body, "}");
    }
    text_put(&answer->body, "}]}");
}

void answer_unauthorized(struct answer *answer)
{
    answer_error(answer, 401, "Unauthorized", "Unauthorized resource access", "id");
}

void answer_sessions_only(struct answer *answer)
{
    answer_error(answer, 401, "Only supported for JWT requests", "Unauthorized resource access",
                 "id");
}

void answer_not_found(struct answer *answer)
{
    answer_error(answer, 404, "Record not found", "Record not found", NULL);
}

void answer_html(struct answer *answer, unsigned status, const char *headline)
{
    answer_reset(answer, status, "text/html; charset=utf-8");
    text_format(&answer->body,
                "<!DOCTYPE html>\n<html><head><title>%s (%u)</title></head>\n"
                "<body><div class=\"dialog\"><h1>%s</h1></div></body></html>\n",
                headline, status, headline);
}

void answer_gateway(struct answer *answer, unsigned status, const char *form, const char *message)
{
    if (strcmp(form, "html") == 0) {
        answer_html(answer, status, message);
    } else if (strcmp(form, "json") == 0) {
        answer_reset(answer, status, "application/json");
        text_put(&answer->body, "{");
        attr_text(&answer->body, "message", message);
        text_put(&answer->body, "}");
    } else {
        answer_reset(answer, status, NULL);
    }
}
