#include "tests/unit/settings/loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern char **environ;

static char path[512];

int loading_start(void **state)
{
    static struct loading loading;
    for (char **entry = environ; *entry != NULL;) {
        char name[128];
        size_t len = strcspn(*entry, "=");
        if (strncmp(*entry, "DOCBRIDGE_", 10) != 0 || len >= sizeof(name)) {
            entry++;
            continue;
        }
        memcpy(name, *entry, len);
        name[len] = '\0';
        assert_int_equal(unsetenv(name), 0);
    }
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    loading = (struct loading){0};
    *state = &loading;
    return 0;
}

int loading_stop(void **state)
{
    struct loading *loading = *state;
    settings_done(&loading->settings);
    if (path[0] != '\0')
        (void)remove(path);
    return 0;
}

char *loading_file_bytes(const void *bytes, size_t len)
{
    const char *folder = getenv("TEST_TMPDIR");
    (void)snprintf(path, sizeof(path), "%s/docbridged-%d.conf", folder == NULL ? "/tmp" : folder,
                   (int)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return path;
}

char *loading_file(const char *text)
{
    return loading_file_bytes(text, strlen(text));
}

enum err_code loading_load(struct loading *loading, char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    settings_done(&loading->settings);
    *loading = (struct loading){0};
    return settings_load(argc, argv, &loading->settings, &loading->command, &loading->err);
}

void loading_refuse(const char *field, const char *says, char **argv)
{
    struct loading loading = {0};
    if (loading_load(&loading, argv) == ERR_OK) {
        settings_done(&loading.settings);
        fail_msg("accepted: %s", argv[1] == NULL ? "" : argv[1]);
    }
    assert_int_equal(loading.err.code, ERR_FIELD_INVALID);
    assert_string_equal(loading.err.field, field);
    if (strstr(loading.err.text, says) == NULL)
        fail_msg("says \"%s\", not \"%s\"", loading.err.text, says);
    assert_null(strchr(loading.err.text, '\n'));
}
