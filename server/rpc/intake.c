#include "server/rpc/intake.h"

#include <stdint.h>
#include <stdio.h>

// As the Itanium C++ ABI has it: the object begins with a pointer to its methods, of which a
// virtual destructor takes two.
struct intake_methods {
    void (*destroy)(struct intake_handler *handler);
    void (*delete)(struct intake_handler *handler);
    void (*handle)(struct intake_handler *handler, int listener_fd, int fd,
                   grpc_byte_buffer *pending_read);
};

struct intake_handler {
    const struct intake_methods *methods;
};

// The argument is copied with the server's; what it points to stays ours.
static void *copy(void *pointer)
{
    return pointer;
}

static void destroy(void *pointer)
{
    (void)pointer;
}

static int compare(void *a, void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

grpc_arg intake_init(struct intake *intake, size_t index)
{
    static const grpc_arg_pointer_vtable ours = {copy, destroy, compare};
    intake->handler = NULL;
    (void)snprintf(intake->name, sizeof(intake->name), "external:%zu", index);
    return (grpc_arg){.type = GRPC_ARG_POINTER,
                      .key = intake->name,
                      .value.pointer = {.p = &intake->handler, .vtable = &ours}};
}

bool intake_open(struct intake *intake, grpc_server *server, grpc_server_credentials *credentials)
{
    (void)grpc_server_add_http2_port(server, intake->name, credentials);
    return intake->handler != NULL;
}

void intake_take(const struct intake *intake, int fd)
{
    // No listener of gRPC's accepted it, and nothing was read of it.
    intake->handler->methods->handle(intake->handler, -1, fd, NULL);
}
