#include "client/mask.h"

#include "client/field.h"

void mask_init(struct mask *mask)
{
    google__protobuf__field_mask__init(&mask->message);
    mask->message.paths = mask->paths;
}

void mask_add(struct mask *mask, const char *path)
{
    mask->paths[mask->message.n_paths++] = (char *)(uintptr_t)path;
}

void mask_set_etag(const struct session *session, ProtobufCMessage *message)
{
    const char *etag = parse_text(session->arguments, "etag");
    if (etag != NULL)
        field_set_text(message, "etag", etag);
}
