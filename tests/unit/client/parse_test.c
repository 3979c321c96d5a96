// The command line: the table itself, options in any place, errors, suggestions, names.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/channel.h"
#include "client/help.h"
#include "client/parse.h"
#include "client/resource.h"
#include "client/text.h"

static struct arguments arguments;

// Parses words cut at spaces.
static const char *parse(const char *line)
{
    static char copy[512];
    static struct err err;
    char *argv[32] = {copy};
    int argc = 1;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *at = copy, *end = at; at != NULL && *at != '\0'; at = end) {
        end = strchr(at, ' ');
        if (end != NULL)
            *end++ = '\0';
        argv[argc++] = at;
    }
    memset(&err, 0, sizeof(err));
    return parse_line(argc, argv, &arguments, &err) == ERR_OK ? "" : err.text;
}

static void table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &command_table[i];
        assert_ptr_equal(command_find(command->words), command);
        // A word behind it would be an argument or a longer command.
        if (command_is_group(command->words))
            assert_null(command->arguments);
        assert_non_null(command->summary);
        assert_true(command->run != NULL || command->listing != NULL || command->pattern != NULL);
        const ProtobufCMethodDescriptor *method =
            command->service == NULL ? NULL
                                     : protobuf_c_service_descriptor_get_method_by_name(
                                           command->service, command->method);
        if (command->service != NULL)
            assert_non_null(method);
        if (command->listing != NULL) {
            const ProtobufCFieldDescriptor *items =
                field_find(method->output, command->listing->items);
            assert_non_null(items);
            for (const struct column *column = command->columns; column->title != NULL; column++)
                if (field_at(items->descriptor, column->path) == NULL)
                    fail_msg("%s: no field %s", command->words, column->path);
            assert_non_null(field_find(method->input, "page_size"));
            assert_non_null(field_find(method->output, "next_page_token"));
            const struct filter_term *term = command->listing->terms;
            for (; term != NULL && term->flag != NULL; term++) {
                bool declared = false;
                for (const struct flag *flag = command->flags; flag->name != NULL; flag++)
                    declared = declared || strcmp(flag->name, term->flag) == 0;
                assert_true(declared);
            }
        }
        for (const struct flag *flag = command->flags; flag != NULL && flag->name != NULL; flag++) {
            assert_non_null(flag->help);
            for (const struct flag *other = command_global_flags; other->name != NULL; other++)
                assert_string_not_equal(flag->name, other->name);
        }
        struct buffer help _cleanup_(buffer_done);
        buffer_init(&help, 64 * 1024);
        struct arguments about = {.command = command};
        assert_true(help_write(&help, &about));
    }
}

static bool has_command(const char *service, const char *method)
{
    for (size_t i = 0; i < command_count; i++)
        if (command_table[i].service != NULL &&
            strcmp(command_table[i].service->short_name, service) == 0 &&
            strcmp(command_table[i].method, method) == 0)
            return true;
    return false;
}

// By the list of all methods of the contract, which another test holds against the contract itself.
static void every_method_has_a_command(void **state)
{
    (void)state;
    char service[64], method[64];
    int count = 0;
    FILE *methods = fopen("tests/unit/contract/policy.golden", "r");
    assert_non_null(methods);
    for (; fscanf(methods, "%63s %63s %*[^\n]", service, method) == 2; count++)
        if (!has_command(service, method))
            fail_msg("%s.%s has no command", service, method);
    (void)fclose(methods);
    assert_true(count > 50);
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    assert_string_equal(parse("-ojson map --server=a:1 set 4102 --etag x acme --timeout 5"), "");
    assert_string_equal(arguments.command->words, "map set");
    assert_string_equal(arguments.words[0], "4102");
    assert_string_equal(arguments.words[1], "acme");
    assert_string_equal(parse_text(&arguments, "output"), "json");
    assert_string_equal(parse_text(&arguments, "server"), "a:1");
    assert_string_equal(parse_text(&arguments, "etag"), "x");
    assert_int_equal(parse_number(&arguments, "timeout", 0), 5);
    assert_string_equal(parse("org list --search= --limit 3"), "");
    assert_string_equal(parse_text(&arguments, "search"), "");
    assert_string_equal(parse("company push -"), "");
    assert_string_equal(arguments.words[0], "-");
    assert_string_equal(parse("company show -- --odd"), "");
    assert_string_equal(arguments.words[0], "--odd");
    assert_string_equal(parse("sync run --task documents --task flexible-assets --org 1"), "");
    assert_string_equal(parse_each(&arguments, "task", 1), "flexible-assets");
    assert_null(parse_each(&arguments, "task", 2));
    assert_string_equal(parse("connection show"), "");
    assert_int_equal(arguments.word_count, 0);
    assert_string_equal(parse("--server=a:1 setup --documents on"), "");
    assert_string_equal(arguments.command->words, "setup");
    assert_string_equal(parse("--server=a:1 setup status"), "");
    assert_string_equal(arguments.command->words, "setup status");
    assert_string_equal(parse("setup stat"), "too many arguments: stat");
}

static void errors_are_told(void **state)
{
    (void)state;
    assert_string_equal(parse("map set 4102"), "map set needs ORG COMPANY");
    assert_string_equal(parse("map set 1 2 3"), "too many arguments: 3");
    assert_string_equal(parse("exposures --user a --open --user=b"), "--user was given twice");
    assert_string_equal(parse("company list --mapped on --mapped on"), "--mapped was given twice");
    assert_string_equal(parse("--server a:1 exposures --open --open --server b:1"), "");
    assert_string_equal(parse_text(&arguments, "server"), "b:1");
    assert_string_equal(parse("search new printer"),
                        "too many arguments: printer; several words are one QUERY in quotes");
    assert_string_equal(parse("org list --limit x"), "--limit takes a number, not x");
    assert_string_equal(parse("org list --limit -1"), "--limit takes a number, not -1");
    assert_string_equal(parse("org list --limit 99999999999"),
                        "--limit takes a number, not 99999999999");
    assert_string_equal(parse("org list --limit"), "--limit needs a value");
    assert_string_equal(parse("org list --all=1"), "--all takes no value");
    assert_string_equal(parse("config passwords set"), "config passwords set needs --sharing");
    assert_string_equal(parse("config passwords set --sharing yes"),
                        "--sharing takes on or off, not yes");
    assert_string_equal(parse("config access set a --level some"),
                        "--level takes one of none|selected|all, not some");
    assert_string_equal(parse("org list --state lost"),
                        "--state takes one of mapped, unmapped, ignored, orphaned, not lost");
    assert_string_equal(parse("org list --state mapping-state-unspecified"),
                        "--state takes one of mapped, unmapped, ignored, orphaned, "
                        "not mapping-state-unspecified");
    // More than the text of an error holds.
    assert_string_equal(parse("audit list --type foo"),
                        "--type does not take foo: its help lists what it takes");
    assert_string_equal(parse("-o xml health"), "--output takes one of table|json|jsonl, not xml");
    // A key is never an argument.
    assert_string_equal(parse("connection create --api-key secret"), "unknown option --api-key");
}

static void meant_words_are_suggested(void **state)
{
    (void)state;
    assert_string_equal(parse("conection"), "unknown command: conection; did you mean connection?");
    assert_string_equal(parse("config typs list"),
                        "unknown command: config typs; did you mean config types?");
    assert_string_equal(parse("sync rnu"), "unknown command: sync rnu; did you mean sync run?");
    assert_string_equal(parse("map quick"),
                        "unknown command: map quick; did you mean map quick-match?");
    assert_string_equal(parse("xyzzy"), "unknown command: xyzzy");
    assert_string_equal(parse("org list --sarch a"),
                        "unknown option --sarch; did you mean --search?");
    assert_string_equal(parse("--etag a map set"),
                        "unknown option --etag; options of a command come after its words");
    assert_int_equal(text_distance("ab", "ba"), 1);
    assert_int_equal(text_distance("", "abc"), 3);
}

static void help_needs_nothing(void **state)
{
    (void)state;
    assert_string_equal(parse("map set --help"), "");
    assert_true(arguments.help);
    assert_string_equal(parse("help config"), "");
    assert_true(arguments.help);
    assert_string_equal(arguments.group, "config");
    assert_string_equal(parse(""), "");
    assert_null(arguments.command);
}

// The expanded name, "!" for a refusal, with "?" for ids that are missing.
static const char *expand(const char *pattern, const char *text)
{
    static char name[256];
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 64 * 1024);
    struct resource resource;
    struct err err;
    if (resource_read(pattern, text, &arena, &resource, &err) != ERR_OK)
        return "!";
    for (size_t i = 0; i < RESOURCE_IDS_MAX; i++)
        if (resource.ids[i] == NULL)
            resource.ids[i] = "?";
    (void)snprintf(name, sizeof(name), "%s", resource_write(pattern, &resource, &arena));
    return name;
}

static void names_are_expanded(void **state)
{
    (void)state;
    static const char company[] = "companies/{company}";
    static const char org[] = "connections/{connection}/organizations/{organization}";
    static const char access[] = "companies/{company}/passwordAccess";
    assert_string_equal(expand(company, "acme"), "companies/acme");
    assert_string_equal(expand(company, "companies/acme"), "companies/acme");
    assert_string_equal(expand(org, "4102"), "connections/?/organizations/4102");
    assert_string_equal(expand(org, "main/4102"), "connections/main/organizations/4102");
    assert_string_equal(expand(org, "connections/x/organizations/4102"),
                        "connections/x/organizations/4102");
    assert_string_equal(expand(access, "acme"), "companies/acme/passwordAccess");
    assert_string_equal(expand(access, "companies/acme"), "companies/acme/passwordAccess");
    assert_string_equal(expand(access, "companies/acme/passwordAccess"),
                        "companies/acme/passwordAccess");
    static const char *const wrong[] = {"",        "-",     "a b",    "companies/acme",
                                        "a/b/c",   "/",     "a/",     "connections/x",
                                        "../../x", "a%2fb", "\x1b[2J"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_string_equal(expand(org, wrong[i]), "!");
    assert_string_equal(expand(company, "organizations/7"), "!");
}

static void local_servers(void **state)
{
    (void)state;
    static const char *const local[] = {"unix:/run/x", "127.0.0.1:80", "127.8.9.1:80",
                                        "[::1]:80",    "localhost:80", "localhost"};
    static const char *const remote[] = {"10.0.0.1:80",
                                         "127.0.0.1.evil.example:80",
                                         "[2001:db8::1]:80",
                                         "localhost.example:1",
                                         "dns:///localhost",
                                         "127.evil:1",
                                         "",
                                         "[::1",
                                         "example.com:443"};
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        assert_true(channel_is_local(local[i]));
    for (size_t i = 0; i < ARRAY_LEN(remote); i++)
        assert_false(channel_is_local(remote[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(every_method_has_a_command),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(errors_are_told),
        cmocka_unit_test(meant_words_are_suggested),
        cmocka_unit_test(help_needs_nothing),
        cmocka_unit_test(names_are_expanded),
        cmocka_unit_test(local_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
