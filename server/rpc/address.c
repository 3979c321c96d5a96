#include "server/rpc/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/encoding.h"

enum { HOST_MAX_BYTES = 256, BACKLOG = 1024 };

static const char UNIX[] = "unix:", ABSTRACT[] = "unix-abstract:";

static bool is_abstract(const char *address)
{
    return strncmp(address, ABSTRACT, sizeof(ABSTRACT) - 1) == 0;
}

bool address_is_unix(const char *address)
{
    return strncmp(address, UNIX, sizeof(UNIX) - 1) == 0 || is_abstract(address);
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ip;
        memcpy(&ip, address, sizeof(ip));
        return ntohl(ip.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 ip;
    memcpy(&ip, address, sizeof(ip));
    return IN6_IS_ADDR_LOOPBACK(&ip.sin6_addr);
}

// getaddrinfo() would take 65536 more for the same port. A port may be the name of a service.
static bool is_port(const char *text)
{
    size_t len = strlen(text);
    int64_t number;
    if (len == 0 || strspn(text, "0123456789") != len)
        return len > 0;
    return encoding_int64(text, len, &number) && number <= UINT16_MAX;
}

// What "host:port" or "[host]:port" resolves to; the caller frees it.
static enum err_code resolve(const char *address, struct addrinfo **ret_found, struct err *reterr)
{
    char host[HOST_MAX_BYTES];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || (size_t)(colon - address) >= HOST_MAX_BYTES)
        return err_invalid(reterr, "listen", "the address %s is not host:port", address);
    if (!is_port(colon + 1))
        return err_invalid(reterr, "listen", "the address %s has no port from 0 to 65535", address);
    const char *start = address;
    size_t len = (size_t)(colon - address);
    if (start[0] == '[' && start[len - 1] == ']') {
        start++;
        len -= 2;
    } else if (memchr(start, ':', len) != NULL) {
        return err_invalid(reterr, "listen", "the address %s lacks brackets around its host",
                           address);
    }
    memcpy(host, start, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(host, colon + 1, &hints, ret_found);
    if (error != 0)
        return err_invalid(reterr, "listen", "the address %s cannot be resolved: %s", address,
                           gai_strerror(error));
    return ERR_OK;
}

enum err_code address_is_local(const char *address, bool *ret_local, struct err *reterr)
{
    *ret_local = address_is_unix(address);
    if (*ret_local)
        return ERR_OK;
    struct addrinfo *found;
    try_(resolve(address, &found, reterr));
    *ret_local = true;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        *ret_local = *ret_local && is_loopback(at->ai_addr);
    freeaddrinfo(found);
    return ERR_OK;
}

static enum err_code cannot_listen(const char *address, const char *why, struct err *reterr)
{
    return err_invalid(reterr, "listen", "cannot listen on %s: %s", address, why);
}

static bool unix_address(const char *address, struct sockaddr_un *ret_name, socklen_t *ret_len)
{
    bool abstract = is_abstract(address);
    const char *path = address + (abstract ? sizeof(ABSTRACT) : sizeof(UNIX)) - 1;
    size_t len = strlen(path);
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len + 1 > sizeof(ret_name->sun_path))
        return false;
    // An abstract name begins with a zero, a path ends with one.
    memcpy(ret_name->sun_path + (abstract ? 1 : 0), path, len);
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return true;
}

static bool try_listen(int fd, const struct sockaddr *name, socklen_t len)
{
    return bind(fd, name, len) == 0 && listen(fd, BACKLOG) == 0;
}

// Whether a file is what a server left behind that is gone.
static bool is_stale(const struct sockaddr_un *name, socklen_t len)
{
    struct stat file;
    if (name->sun_path[0] == '\0' || lstat(name->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return false;
    int fd _cleanup_(closep) = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)name, len) != 0 && errno == ECONNREFUSED;
}

static enum err_code listen_unix(const char *address, int *ret_socket, struct err *reterr)
{
    struct sockaddr_un name;
    socklen_t len;
    if (!unix_address(address, &name, &len))
        return cannot_listen(address, "a path of a socket has 1 to 107 bytes", reterr);
    if (is_stale(&name, len))
        (void)unlink(name.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !try_listen(fd, (const struct sockaddr *)&name, len)) {
        enum err_code code = cannot_listen(address, strerror(errno), reterr);
        closep(&fd);
        return code;
    }
    *ret_socket = fd;
    return ERR_OK;
}

static int port_of(const struct sockaddr_storage *name)
{
    struct sockaddr_in ip;
    // The port stands at the same place for both families.
    memcpy(&ip, name, sizeof(ip));
    return ntohs(ip.sin_port);
}

// One of the addresses of a host, on `*port`, or on any and then says which.
static int listen_ip(const struct addrinfo *at, int *port)
{
    struct sockaddr_storage name = {0};
    socklen_t len = at->ai_addrlen;
    const int on = 1;
    memcpy(&name, at->ai_addr, len);
    if (*port != 0) {
        struct sockaddr_in ip;
        memcpy(&ip, &name, sizeof(ip));
        ip.sin_port = htons((uint16_t)*port);
        memcpy(&name, &ip, offsetof(struct sockaddr_in, sin_addr));
    }
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    // No SO_REUSEPORT: two servers on one port would both seem to work.
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (!try_listen(fd, (const struct sockaddr *)&name, len) ||
        getsockname(fd, (struct sockaddr *)&name, &len) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    *port = port_of(&name);
    return fd;
}

enum err_code address_listen(const char *address, int ret_sockets[ADDRESS_SOCKETS_MAX],
                             size_t *ret_count, int *ret_port, struct err *reterr)
{
    *ret_port = 0;
    *ret_count = 0;
    if (address_is_unix(address)) {
        try_(listen_unix(address, &ret_sockets[0], reterr));
        *ret_count = 1;
        return ERR_OK;
    }
    struct addrinfo *found;
    try_(resolve(address, &found, reterr));
    int error = 0;
    for (const struct addrinfo *at = found; at != NULL && *ret_count < ADDRESS_SOCKETS_MAX;
         at = at->ai_next) {
        int fd = listen_ip(at, ret_port);
        if (fd >= 0)
            ret_sockets[(*ret_count)++] = fd;
        else if (error == 0 || errno == EADDRINUSE)
            error = errno;
    }
    freeaddrinfo(found);
    // A family that this machine does not have is no error; a port that is taken is.
    if (*ret_count > 0 && error != EADDRINUSE)
        return ERR_OK;
    for (; *ret_count > 0; --*ret_count)
        (void)close(ret_sockets[*ret_count - 1]);
    return cannot_listen(address, strerror(error), reterr);
}

void address_remove(const char *address)
{
    struct sockaddr_un name;
    socklen_t len;
    if (address_is_unix(address) && !is_abstract(address) && unix_address(address, &name, &len))
        (void)unlink(name.sun_path);
}
