// Where gRPC takes connections that somebody else accepted, with any credentials.
//
// What the C++ library of gRPC calls ExternalConnectionAcceptor is in the C core underneath: a port
// whose name begins with "external:" writes, to where the channel argument of that name points, an
// object of a class of gRPC's own (src/core/lib/iomgr/tcp_server.h in 1.51):
//
//     class TcpServerFdHandler {
//         virtual ~TcpServerFdHandler();
//         virtual void Handle(int listener_fd, int fd, grpc_byte_buffer *pending_read) = 0;
//     };
//
// No header of it is installed, so its method is found here as the C++ ABI of the platform lays it
// out. The object is gRPC's and lives until the server is shut down.
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

struct intake_handler;

// Must not move while the server lives.
struct intake {
    struct intake_handler *handler;
    char name[24];
};

// Names the intake and returns the argument that grpc_server_create() must be given for it.
grpc_arg intake_init(struct intake *intake, size_t index);
// Opens it on a server that has not been started. False: gRPC does not want the credentials.
bool intake_open(struct intake *intake, grpc_server *server, grpc_server_credentials *credentials);
// Gives it a connection, non-blocking; the descriptor is gRPC's from then on. Between the start and
// the shutdown of the server. Thread-safe.
void intake_take(const struct intake *intake, int fd);
