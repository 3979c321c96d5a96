#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "server/auth/auth.h"

enum { LIST_MAX = 100, LIFETIME_DEFAULT_S = 900 };

// All values of a repeated option, the last part of each.
static size_t each(const struct arguments *arguments, const char *name,
                   const char *ret_values[LIST_MAX])
{
    size_t count = 0;
    const char *value;
    while (count < LIST_MAX && (value = parse_each(arguments, name, count)) != NULL) {
        const char *slash = strrchr(value, '/');
        ret_values[count++] = slash == NULL ? value : slash + 1;
    }
    return count;
}

// Writes beside the file and renames, so that no reader meets half a token.
static int write_token(struct session *session, const char *path, const char *token)
{
    const char *draft = arena_printf(&session->arena, "%s.new", path);
    if (draft == NULL)
        return session_no_memory(session);
    (void)unlink(draft);
    int fd _cleanup_(closep) =
        open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    size_t len = strlen(token);
    if (fd < 0 || write(fd, token, len) != (ssize_t)len || write(fd, "\n", 1) != 1 ||
        rename(draft, path) < 0)
        return session_error(session, EXIT_OTHER, "%s: %m", path);
    return EXIT_OK;
}

int token_mint_run(struct session *session)
{
    const struct arguments *arguments = session->arguments;
    const char *permissions[LIST_MAX], *companies[LIST_MAX];
    const char *actor = parse_text(arguments, "actor");
    struct auth_claims claims = {
        .issuer = parse_text(arguments, "issuer"),
        .audience = parse_text(arguments, "audience"),
        .tenant = parse_text(arguments, "tenant"),
        .subject = parse_text(arguments, "subject"),
        .name = parse_text(arguments, "name"),
        .email = parse_text(arguments, "email"),
        .actor = actor == NULL ? "human" : actor,
        .permissions = permissions,
        .permission_count = each(arguments, "permission", permissions),
        .companies = companies,
        .company_count = each(arguments, "company", companies),
        .lifetime_s = parse_number(arguments, "lifetime", LIFETIME_DEFAULT_S),
    };
    if (claims.company_count == 0)
        claims.companies = NULL;
    const char *token;
    struct err err = {0};
    if (auth_mint(parse_text(arguments, "private-key"), &claims, &session->arena, &token, &err) !=
        ERR_OK)
        return session_usage(session, "%s%s%s", err.field, err.field[0] == '\0' ? "" : ": ",
                             err.text);
    const char *path = parse_text(arguments, "out");
    if (path != NULL)
        return write_token(session, path, token);
    (void)printf("%s\n", token);
    return output_flush(session);
}

int token_keys_run(struct session *session)
{
    const char *private_file = parse_text(session->arguments, "private-key");
    const char *jwks_file = parse_text(session->arguments, "jwks");
    struct err err = {0};
    if (auth_mint_keys(private_file, jwks_file, &err) != ERR_OK)
        return session_usage(session, "%s%s%s", err.field, err.field[0] == '\0' ? "" : ": ",
                             err.text);
    session_note(session, "wrote %s and %s", private_file, jwks_file);
    return EXIT_OK;
}
