// GetDocumentImage: an image of a document that the caller sees, from upstream now, never stored.
#include "server/service/documentation.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/log.h"
#include "server/service/begin.h"
#include "server/service/credential.h"
#include "server/service/name.h"
#include "server/store/connection_finding.h"
#include "server/sync/sync.h"

enum {
    PIECE_MAX_BYTES = 256 * 1024,
    // Each holds an image in memory, until its reader has it.
    IMAGES_AT_ONCE = 16,
    BUSY_RETRY_MS = 1000,
    NOTE_MS = 1000,
};

static atomic_int images_held;

// An image on its way out.
struct state {
    const char *name;
    struct source_image image;
    size_t sent;
};

static void image_close(void *context)
{
    struct state *state = context;
    source_image_done(&state->image);
    free(state);
    (void)atomic_fetch_sub(&images_held, 1);
}

static void image_closep(struct state **state)
{
    if (*state != NULL)
        image_close(*state);
}

static enum err_code hold_one(struct state **ret_state, struct err *reterr)
{
    if (atomic_fetch_add(&images_held, 1) < IMAGES_AT_ONCE) {
        *ret_state = calloc(1, sizeof(**ret_state));
        if (*ret_state != NULL)
            return ERR_OK;
    }
    (void)atomic_fetch_sub(&images_held, 1);
    (void)err_set(reterr, ERR_SERVER_BUSY, "too many images are being fetched");
    err_retry_after(reterr, BUSY_RETRY_MS);
    return ERR_SERVER_BUSY;
}

// Reads the image's document by the gates of every reader. Not found is also an image that the
// document does not show: ids of images are those of the whole account.
static enum err_code find(struct request *request, const char *text, struct name *ret_name,
                          const char **ret_connection_id, struct err *reterr)
{
    struct documentation_reading reading _cleanup_(documentation_done) = {0};
    bool shown;
    try_(name_parse(text, "companies/{company}/documents/{record}/images/{image}", "name",
                    request->arena, ret_name, reterr));
    const char *document = arena_printf(request->arena, "companies/%s/documents/%" PRId64,
                                        ret_name->company, ret_name->record);
    if (document == NULL)
        return err_no_memory(reterr);
    enum err_code code =
        documentation_open(request, document, &documentation_documents, &reading, reterr);
    if (code == ERR_RESOURCE_NOT_FOUND)
        return err_not_found(reterr, text);
    try_(code);
    *ret_connection_id = reading.sight.connection_id;
    const char *prefix = documentation_image_prefix(request->arena, &reading);
    if (prefix == NULL)
        return err_no_memory(reterr);
    try_(documentation_shows_image(&reading, prefix, ret_name->image, &shown, reterr));
    return shown ? ERR_OK : err_not_found(reterr, text);
}

// Whether an error tells that this key opens no image at all.
static bool opens_none(enum err_code code, const struct err *err)
{
    const char *cause = err_meta_get(err, "cause");
    return code == ERR_UPSTREAM_ACCESS_DENIED ||
           (code == ERR_UPSTREAM_IMAGE_UNAVAILABLE && cause != NULL &&
            strcmp(cause, "TOO_LARGE") != 0 && strcmp(cause, "NOT_AN_IMAGE") != 0);
}

// Notes whether this key can fetch images. Nothing of the answer depends on it.
static void note(const struct request *request, const struct connection *connection,
                 enum err_code code, const struct err *why)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct err err;
    bool denied = code != ERR_OK && opens_none(code, why);
    if (code != ERR_OK && !denied)
        return;
    enum err_code noted = request_begin_outcome(
        request, deadline_at_most(request->deadline, NOTE_MS), NULL, &tx, &err);
    if (noted == ERR_OK) {
        tx_commit_with_next(tx);
        noted = connection_note_images(tx, connection->id, connection->credential_version, !denied,
                                       &err);
    }
    if (noted != ERR_OK)
        log_event(LOG_WARN, "what a key may do was not noted", LOG_ERR(&err));
}

static enum err_code fetch(struct request *request, const char *connection_id, int64_t image_id,
                           struct source_image *ret_image, struct err *reterr)
{
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct source *source _cleanup_(source_closep) = NULL;
    struct connection *connection;
    struct source_attempt attempt;
    struct sync *sync = request->backend->sync;
    const char *tenant = request->caller->tenant;
    try_(credential_open(request, connection_id, connection_id, CONNECTION_FOR_READ, &connection,
                         &key, reterr));
    try_(source_open(request->backend->source, (enum source_provider)connection->provider,
                     (enum source_region)connection->region, key, &source, reterr));
    try_(sync_admit_request(sync, tenant, connection->id, connection->credential_version, reterr));
    enum err_code code = source_fetch_image(source, image_id, request->deadline, request->cancelled,
                                            ret_image, &attempt, reterr);
    sync_note_attempt(sync, tenant, connection->id, connection->credential_version, &attempt);
    note(request, connection, code, reterr);
    return code;
}

static enum err_code image_open(struct request *request, const void *message,
                                const struct stream_waker *waker, void **ret_state,
                                struct err *reterr)
{
    const Docbridge__V1__GetDocumentImageRequest *in = message;
    struct state *state _cleanup_(image_closep) = NULL;
    const char *connection_id = NULL;
    struct name name = {0};
    (void)waker; // there is always something
    try_(find(request, in->name, &name, &connection_id, reterr));
    try_(hold_one(&state, reterr));
    try_(fetch(request, connection_id, name.image, &state->image, reterr));
    // Upstream need not say whose image it is; if it does, it decides.
    if (state->image.document_id != 0 && state->image.document_id != name.record)
        return err_not_found(reterr, in->name);
    state->name = arena_strdup(request->arena, in->name);
    if (state->name == NULL)
        return err_no_memory(reterr);
    *ret_state = steal(state);
    return ERR_OK;
}

static enum err_code describe(const struct source_image *image, const char *name,
                              struct arena *arena, Docbridge__V1__DocumentImage **ret_image,
                              struct err *reterr)
{
    *ret_image = arena_alloc(arena, sizeof(**ret_image));
    if (*ret_image == NULL)
        return err_no_memory(reterr);
    docbridge__v1__document_image__init(*ret_image);
    (*ret_image)->name = arena_strdup(arena, name);
    (*ret_image)->media_type = arena_strdup(arena, image->media_type);
    (*ret_image)->size_bytes = (int64_t)image->bytes.len;
    return (*ret_image)->name == NULL || (*ret_image)->media_type == NULL ? err_no_memory(reterr)
                                                                          : ERR_OK;
}

static enum err_code image_next(struct request *request, void *context, struct arena *arena,
                                void *message, enum stream_step *ret_step, struct err *reterr)
{
    Docbridge__V1__GetDocumentImageResponse *out = message;
    struct state *state = context;
    struct buffer *bytes = &state->image.bytes;
    size_t left = bytes->len - state->sent;
    (void)request;
    *ret_step = left == 0 ? STREAM_END : STREAM_MESSAGE;
    if (state->sent == 0)
        try_(describe(&state->image, state->name, arena, &out->image, reterr));
    // Borrowed: a message is encoded before the next one is asked for.
    out->content.data = (uint8_t *)bytes->data + state->sent;
    out->content.len = left < PIECE_MAX_BYTES ? left : PIECE_MAX_BYTES;
    state->sent += out->content.len;
    return ERR_OK;
}

const struct stream_handler get_document_image = {image_open, image_next, image_close};
