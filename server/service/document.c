// GetDocument and ReadDocumentBody: a document with its content, made safe at read time.
#include "server/service/documentation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/trail.h"
#include "server/base/log.h"
#include "server/base/utf8.h"
#include "server/html/html.h"
#include "server/service/content.h"
#include "server/service/field.h"

#define KIND(name) DOCBRIDGE__V1__DOCUMENT__SECTION__KIND__KIND_##name
#define RAW DOCBRIDGE__V1__CONTENT_VIEW__CONTENT_VIEW_RAW

enum { PIECE_MAX_BYTES = 1024 * 1024 };

PUBLIC_HANDLER(get_document, GetDocumentRequest, Document)

const struct documentation_kind documentation_documents = {
    "companies/{company}/documents/{record}",
    DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_DOCUMENTS,
    documentation_get_document,
};

enum err_code documentation_fill_document(struct arena *arena, const char *parent,
                                          const struct documentation_row *row,
                                          Docbridge__V1__Document *document, struct err *reterr)
{
    docbridge__v1__document__init(document);
    document->name = arena_printf(arena, "%s/documents/%" PRId64, parent, row->id);
    document->display_name = content_title(arena, row->display_name);
    document->upstream_uri = arena_strdup(arena, row->web_url);
    document->uploaded_file = row->uploaded_file;
    document->create_time = field_time(arena, row->create_time);
    document->update_time = field_time(arena, row->update_time);
    document->publish_time = field_time(arena, row->publish_time);
    document->archived = row->archived;
    document->n_folder_path = row->folder_count;
    document->folder_path = arena_calloc(arena, row->folder_count + 1, sizeof(char *));
    if (document->name == NULL || document->display_name == NULL ||
        document->upstream_uri == NULL || document->folder_path == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < row->folder_count; i++) {
        document->folder_path[i] = content_title(arena, row->folder_path[i]);
        if (document->folder_path[i] == NULL)
            return err_no_memory(reterr);
    }
    return ERR_OK;
}

// "Document::Heading", or its last word alone.
static Docbridge__V1__Document__Section__Kind kind_of(const char *word)
{
    static const struct {
        const char *word;
        Docbridge__V1__Document__Section__Kind kind;
    } kinds[] = {
        {"Text", KIND(TEXT)},
        {"Heading", KIND(HEADING)},
        {"Gallery", KIND(GALLERY)},
        {"Step", KIND(STEP)},
    };
    const char *colon = strrchr(word, ':'), *last = colon == NULL ? word : colon + 1;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].word, last) == 0)
            return kinds[i].kind;
    return KIND(UNSPECIFIED);
}

static int32_t level_of(const struct documentation_section *section)
{
    return section->level >= 1 && section->level <= 6 ? (int32_t)section->level : 0;
}

// Who asks for a document as upstream has it must be trusted with its secrets.
static enum err_code check_view(const struct request *request, Docbridge__V1__ContentView view,
                                struct err *reterr)
{
    if (view != RAW || principal_may(request->caller, PERMISSION_MANAGE_INTEGRATIONS))
        return ERR_OK;
    enum err_code code = err_set(reterr, ERR_MISSING_PERMISSION,
                                 "content as upstream has it needs manage_integrations");
    err_meta(reterr, "permission", "%s", permission_text(PERMISSION_MANAGE_INTEGRATIONS));
    return code;
}

// Credentials that are pasted into a document go out with it in the clear: as with those of
// passwords, no durable event, no content.
static enum err_code record_raw(const struct request *request, const char *name,
                                const struct documentation_reading *reading, struct err *reterr)
{
    const char *title = content_title(request->arena, reading->row.display_name);
    if (title == NULL)
        return err_no_memory(reterr);
    const struct audit_event event = {
        .type = AUDIT_RAW_READ,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = name,
        .resource_display_name = title,
        .company_id = reading->company_id,
        .company_display_name = reading->sight.company_display_name,
    };
    struct err cause;
    if (trail_write(request->backend->trail, request, &event, request->deadline, NULL, &cause) ==
        ERR_OK)
        return ERR_OK;
    log_event(LOG_ERROR, "a raw read was not audited and therefore not served", LOG_ERR(&cause));
    (void)err_set(reterr, ERR_AUDIT_UNAVAILABLE,
                  "the audit trail cannot be written, so no raw content is given");
    err_retry_after(reterr, 1000);
    return ERR_AUDIT_UNAVAILABLE;
}

// Reads a document in the form that was asked for, and records it if that is raw.
static enum err_code open_document(struct request *request, const char *name,
                                   Docbridge__V1__ContentView view,
                                   struct documentation_reading *reading, struct err *reterr)
{
    try_(check_view(request, view, reterr));
    try_(documentation_open(request, name, &documentation_documents, reading, reterr));
    return view == RAW ? record_raw(request, name, reading, reterr) : ERR_OK;
}

static enum err_code fill_section(struct content *content,
                                  const struct documentation_section *section, bool raw,
                                  Docbridge__V1__Document__Section *out, struct err *reterr)
{
    docbridge__v1__document__section__init(out);
    out->kind = kind_of(section->kind);
    out->level = level_of(section);
    if (!raw)
        return content_html(content, section->html, section->html_len, &out->sanitized_html,
                            reterr);
    if (section->html_len > CONTENT_MAX_BYTES - content->used_bytes) {
        content->full = true;
        return ERR_OK;
    }
    content->used_bytes += section->html_len;
    out->raw_html = arena_strndup(content->arena, section->html, section->html_len);
    return out->raw_html == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code fill_sections(struct content *content, const struct documentation_row *row,
                                   bool raw, Docbridge__V1__Document *out, struct err *reterr)
{
    size_t count = row->section_count;
    out->sections = arena_calloc(content->arena, count + 1, sizeof(*out->sections));
    Docbridge__V1__Document__Section *all = arena_calloc(content->arena, count + 1, sizeof(*all));
    if (out->sections == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        try_(fill_section(content, &row->sections[i], raw, &all[i], reterr));
        if (content->full)
            break;
        out->sections[out->n_sections++] = &all[i];
    }
    out->content_truncated = content->full;
    out->content_altered = content->altered;
    out->masked_count = content->secret_count;
    return ERR_OK;
}

static enum err_code get_document(struct request *request,
                                  const Docbridge__V1__GetDocumentRequest *in,
                                  Docbridge__V1__Document *out, struct err *reterr)
{
    struct documentation_reading reading _cleanup_(documentation_done) = {0};
    struct embedded_secret_line line = {.len = 0};
    struct content content = {.arena = request->arena, .line = &line};
    try_(open_document(request, in->name, in->view, &reading, reterr));
    content.image_prefix = documentation_image_prefix(request->arena, &reading);
    if (content.image_prefix == NULL)
        return err_no_memory(reterr);
    content.base = content_base(request->arena, reading.row.web_url);
    try_(documentation_fill_document(request->arena, reading.parent, &reading.row, out, reterr));
    out->freshness = reading.freshness;
    return fill_sections(&content, &reading.row, in->view == RAW, out, reterr);
}

// The section's content, made safe, in a buffer that is initialised here.
static enum err_code make_safe(const struct documentation_section *section,
                               const char *image_prefix, const char *base,
                               struct embedded_secret_line *line, struct buffer *ret_safe,
                               struct err *reterr)
{
    const struct html_options options = {image_prefix, base, .line = line};
    struct html_result result;
    size_t most = 16 * section->html_len + 4096; // escaping and the names of images make more of it
    buffer_init(ret_safe, most);
    return html_sanitize(section->html, section->html_len, &options, most, ret_safe, &result)
               ? ERR_OK
               : err_no_memory(reterr);
}

const char *documentation_image_prefix(struct arena *arena,
                                       const struct documentation_reading *reading)
{
    return arena_printf(arena, "%s/documents/%" PRId64 "/images/", reading->parent,
                        reading->row.id);
}

// Text has its quotes escaped: what looks like the attribute is it.
static enum err_code shows_image(const struct documentation_section *section,
                                 const char *image_prefix, int64_t image_id, bool *ret_shown,
                                 struct err *reterr)
{
    struct buffer safe _cleanup_(buffer_done) = {0};
    char id[32], *attribute _cleanup_(freep) = NULL;
    *ret_shown = false;
    (void)snprintf(id, sizeof(id), "%" PRId64, image_id);
    // Most sections do not even have the number.
    if (memmem(section->html, section->html_len, id, strlen(id)) == NULL)
        return ERR_OK;
    try_(make_safe(section, image_prefix, NULL, NULL, &safe, reterr));
    if (asprintf(&attribute, "<img data-image=\"%s%s\"", image_prefix, id) < 0)
        return err_no_memory(reterr);
    *ret_shown = safe.len > 0 && strstr(safe.data, attribute) != NULL;
    return ERR_OK;
}

enum err_code documentation_shows_image(const struct documentation_reading *reading,
                                        const char *image_prefix, int64_t image_id, bool *ret_shown,
                                        struct err *reterr)
{
    const struct documentation_row *row = &reading->row;
    *ret_shown = false;
    for (size_t i = 0; !*ret_shown && i < row->section_count; i++)
        try_(shows_image(&row->sections[i], image_prefix, image_id, ret_shown, reterr));
    return ERR_OK;
}

// A body on its way out: one section at a time is made safe.
struct state {
    struct documentation_reading reading;
    const char *image_prefix, *base;  // html_options
    struct embedded_secret_line line; // html_options
    bool raw;
    size_t next;        // the section after the current one
    struct buffer safe; // the current section's content, made safe
    const char *content;
    size_t len, sent;
};

static void read_close(void *context)
{
    struct state *state = context;
    documentation_done(&state->reading);
    buffer_done(&state->safe);
    free(state);
}

static enum err_code read_open(struct request *request, const void *request_in,
                               const struct stream_waker *waker, void **ret_state,
                               struct err *reterr)
{
    const Docbridge__V1__ReadDocumentBodyRequest *in = request_in;
    (void)waker; // there is always something
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return err_no_memory(reterr);
    state->raw = in->view == RAW;
    buffer_init(&state->safe, 0);
    enum err_code code = open_document(request, in->name, in->view, &state->reading, reterr);
    if (code == ERR_OK) {
        state->image_prefix = documentation_image_prefix(request->arena, &state->reading);
        state->base = content_base(request->arena, state->reading.row.web_url);
        code = state->image_prefix == NULL ? err_no_memory(reterr) : ERR_OK;
    }
    if (code != ERR_OK) {
        read_close(state);
        return code;
    }
    *ret_state = state;
    return ERR_OK;
}

static enum err_code next_section(struct state *state, struct err *reterr)
{
    const struct documentation_section *section = &state->reading.row.sections[state->next++];
    state->sent = 0;
    state->content = section->html;
    state->len = section->html_len;
    if (state->raw)
        return ERR_OK;
    buffer_done(&state->safe);
    try_(make_safe(section, state->image_prefix, state->base, &state->line, &state->safe, reterr));
    state->content = state->safe.data;
    state->len = state->safe.len;
    return ERR_OK;
}

// The longest piece of whole characters.
static size_t piece_len(const struct state *state)
{
    size_t left = state->len - state->sent;
    return left == 0 ? 0 : utf8_cut(state->content + state->sent, left, PIECE_MAX_BYTES);
}

static enum err_code read_next(struct request *request, void *context, struct arena *arena,
                               void *message, enum stream_step *ret_step, struct err *reterr)
{
    Docbridge__V1__ReadDocumentBodyResponse *out = message;
    struct state *state = context;
    const struct documentation_row *row = &state->reading.row;
    (void)request;
    *ret_step = STREAM_END;
    if (state->sent == state->len) {
        if (state->next == row->section_count)
            return ERR_OK;
        try_(next_section(state, reterr));
    }
    size_t len = piece_len(state);
    out->section = (int32_t)(state->next - 1);
    out->kind = kind_of(row->sections[state->next - 1].kind);
    out->level = level_of(&row->sections[state->next - 1]);
    out->content = arena_strndup(arena, len == 0 ? "" : state->content + state->sent, len);
    state->sent += len;
    out->section_end = state->sent == state->len;
    *ret_step = STREAM_MESSAGE;
    return out->content == NULL ? err_no_memory(reterr) : ERR_OK;
}

const struct stream_handler read_document_body = {read_open, read_next, read_close};
