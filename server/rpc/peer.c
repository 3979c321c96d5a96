#include "server/rpc/peer.h"

#include <grpc/grpc_security.h>
#include <string.h>

#include "server/rpc/state.h"

static const char SEPARATORS[] = ", ";

// Whether a name is one of a list. A name that would be cut by the list is in none.
static bool is_listed(const char *list, const char *name, size_t len)
{
    if (len == 0 || memchr(name, ',', len) != NULL || memchr(name, ' ', len) != NULL)
        return false;
    for (const char *at = list + strspn(list, SEPARATORS); *at != '\0';) {
        size_t item = strcspn(at, SEPARATORS);
        if (item == len && memcmp(at, name, len) == 0)
            return true;
        at += item;
        at += strspn(at, SEPARATORS);
    }
    return false;
}

static bool has_listed(const grpc_auth_context *context, const char *property, const char *list)
{
    grpc_auth_property_iterator names =
        grpc_auth_context_find_properties_by_name(context, property);
    const grpc_auth_property *name;
    while ((name = grpc_auth_property_iterator_next(&names)) != NULL)
        if (is_listed(list, name->value, name->value_length))
            return true;
    return false;
}

static bool certificate_is_listed(const struct call *call, const char *list)
{
    grpc_auth_context *context = grpc_call_auth_context(call->call);
    bool listed = context != NULL && grpc_auth_context_peer_is_authenticated(context) != 0 &&
                  (has_listed(context, GRPC_X509_SAN_PROPERTY_NAME, list) ||
                   has_listed(context, GRPC_X509_CN_PROPERTY_NAME, list));
    grpc_auth_context_release(context);
    return listed;
}

static bool proxy_says_listed(const struct call *call, const char *header, const char *list)
{
    const char *name;
    size_t len;
    bool many;
    return header != NULL && call_metadata(call, header, &name, &len, &many) && !many &&
           is_listed(list, name, len);
}

enum err_code peer_check(const struct call *call, struct err *reterr)
{
    const struct rpc_settings *settings = &call->server->settings;
    if (settings->client_names == NULL)
        return ERR_OK;
    bool listed =
        address_is_unix(call->peer)
            ? proxy_says_listed(call, settings->client_name_header, settings->client_names)
            : certificate_is_listed(call, settings->client_names);
    return listed ? ERR_OK
                  : err_set(reterr, ERR_PEER_NOT_ALLOWED, "this client may not connect here");
}

enum err_code peer_check_settings(const struct rpc_settings *settings, struct err *reterr)
{
    const char *header = settings->client_name_header;
    if (settings->client_names == NULL)
        return header == NULL ? ERR_OK
                              : err_invalid(reterr, "proxy_client_name_header",
                                            "is for a list of names: set tls_client_names");
    if (settings->client_names[strspn(settings->client_names, SEPARATORS)] == '\0')
        return err_invalid(reterr, "tls_client_names", "must name a client");
    if (header != NULL && (header[0] == '\0' ||
                           header[strspn(header, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0'))
        return err_invalid(reterr, "proxy_client_name_header",
                           "must be of lower-case letters, digits and -");
    for (size_t i = 0; i < settings->listener_count; i++) {
        const struct rpc_listener *listener = &settings->listeners[i];
        if (address_is_unix(listener->address) && header == NULL)
            return err_invalid(reterr, "tls_client_names",
                               "%s has no certificates: set proxy_client_name_header too",
                               listener->address);
        if (!address_is_unix(listener->address) && listener->client_ca_file == NULL)
            return err_invalid(reterr, "tls_client_names",
                               "%s asks for no certificates: set tls_client_ca_file too",
                               listener->address);
    }
    return ERR_OK;
}
