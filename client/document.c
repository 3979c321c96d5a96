#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "client/text.h"
#include "docbridge/v1/documentation.pb-c.h"
#include "server/base/utf8.h"

#define DOCUMENT "companies/{company}/documents/{document}"

enum { WAIT_MS = 1000, PIECE_MAX_BYTES = 8 * 1024 * 1024 };

static Docbridge__V1__ContentView view_of(const struct session *session)
{
    return parse_has(session->arguments, "raw")
               ? DOCBRIDGE__V1__CONTENT_VIEW__CONTENT_VIEW_RAW
               : DOCBRIDGE__V1__CONTENT_VIEW__CONTENT_VIEW_SANITIZED;
}

int docs_show_run(struct session *session)
{
    Docbridge__V1__GetDocumentRequest request = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = session_argument(session, 0, DOCUMENT, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    request.view = view_of(session);
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    class = output_message(session, answer);
    if (((const Docbridge__V1__Document *)(const void *)answer)->content_truncated)
        session_note(session, "there is more of it: docbridge docs read %s", name);
    return class;
}

// A line break stays; what could steer a terminal is shown as HTML has it, so that a file is read
// as the same text. The references of C1 controls mean other characters.
static bool write_piece(const char *text)
{
    struct buffer out _cleanup_(buffer_done);
    buffer_init(&out, PIECE_MAX_BYTES);
    for (size_t left = strlen(text), len; left > 0; text += len, left -= len) {
        uint32_t point = 0;
        len = utf8_decode(text, left, &point);
        bool c1 = point >= 0x7f && point < 0xa0, stays = *text == '\n' || *text == '\t';
        bool has_reference = len > 0 && utf8_is_unprintable(point) && !c1;
        len += len == 0; // no UTF-8
        if (stays)
            (void)buffer_append(&out, text, len);
        else if (has_reference)
            (void)buffer_printf(&out, "&#x%x;", point);
        else
            (void)text_escape(&out, text, len);
    }
    return !out.failed && fwrite(out.data == NULL ? "" : out.data, 1, out.len, stdout) == out.len;
}

// Writes a message of a stream to standard output. False: that failed.
typedef bool write_message(void *context, const ProtobufCMessage *message);

struct body {
    bool raw;
    bool within; // a section
};

// A heading is told by its section alone: its content has no tag that says so.
static bool write_body(void *context, const ProtobufCMessage *message)
{
    const Docbridge__V1__ReadDocumentBodyResponse *piece = (const void *)message;
    struct body *body = context;
    bool heading =
        !body->raw && piece->kind == DOCBRIDGE__V1__DOCUMENT__SECTION__KIND__KIND_HEADING;
    int level = piece->level < 1 ? 1 : piece->level > 6 ? 6 : piece->level;
    if (heading && !body->within)
        (void)printf("<h%d>", level);
    bool good = write_piece(piece->content);
    if (heading && piece->section_end)
        (void)printf("</h%d>", level);
    body->within = !piece->section_end;
    return good && (!piece->section_end || fputc('\n', stdout) != EOF);
}

static bool write_image(void *context, const ProtobufCMessage *message)
{
    (void)context;
    const Docbridge__V1__GetDocumentImageResponse *piece = (const void *)message;
    return fwrite(piece->content.data, 1, piece->content.len, stdout) == piece->content.len;
}

static int write_all(struct session *session, struct stream *stream, write_message *write,
                     void *context)
{
    for (;;) {
        struct arena arena _cleanup_(arena_done);
        struct failure failure = {.message = "", .reason = "", .resource = "", .request_id = ""};
        const ProtobufCMessage *message;
        arena_init(&arena, PIECE_MAX_BYTES);
        enum stream_result result = stream_next(stream, WAIT_MS, &arena, &message, &failure);
        if (result == STREAM_IDLE)
            continue;
        if (result == STREAM_ENDED)
            return failure.status == STATUS_OK ? output_flush(session)
                                               : session_fail(session, &failure);
        if (!write(context, message))
            return output_flush(session);
    }
}

static int write_stream(struct session *session, const ProtobufCMessage *request,
                        write_message *write, void *context)
{
    struct stream *stream = stream_open(
        session->channel, &(struct channel_call){.service = session->command->service,
                                                 .method = session->command->method,
                                                 .request = request,
                                                 .timeout_ms = session->options.timeout_s * 1000,
                                                 .arena = &session->arena});
    if (stream == NULL)
        return session_no_memory(session);
    int class = write_all(session, stream, write, context);
    (void)stream_close(stream);
    return class;
}

int docs_read_run(struct session *session)
{
    Docbridge__V1__ReadDocumentBodyRequest request =
        DOCBRIDGE__V1__READ_DOCUMENT_BODY_REQUEST__INIT;
    const char *name;
    int class = session_argument(session, 0, DOCUMENT, &name);
    if (class == EXIT_OK)
        class = session_connect(session);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    request.view = view_of(session);
    struct body body = {.raw = parse_has(session->arguments, "raw")};
    return write_stream(session, &request.base, write_body, &body);
}

int docs_image_run(struct session *session)
{
    Docbridge__V1__GetDocumentImageRequest request =
        DOCBRIDGE__V1__GET_DOCUMENT_IMAGE_REQUEST__INIT;
    const char *name;
    int class = session_argument(session, 0, DOCUMENT "/images/{image}", &name);
    if (class == EXIT_OK && isatty(STDOUT_FILENO) == 1)
        class = session_usage(session, "an image is no text: send standard output to a file");
    if (class == EXIT_OK)
        class = session_connect(session);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    return write_stream(session, &request.base, write_image, NULL);
}
