#include "client/parse.h"

#include <stdio.h>
#include <string.h>

#include "client/text.h"
#include "server/base/encoding.h"

static const struct flag *by_name(const struct flag *flags, const char *name, size_t len)
{
    for (; flags != NULL && flags->name != NULL; flags++)
        if (strlen(flags->name) == len && strncmp(flags->name, name, len) == 0)
            return flags;
    return NULL;
}

static const struct flag *by_letter(const struct flag *flags, char letter)
{
    for (; flags != NULL && flags->name != NULL; flags++)
        if (flags->letter == letter)
            return flags;
    return NULL;
}

static void nearest(const struct flag *flags, const char *name, size_t *best, const char **ret_name)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        size_t distance = text_distance(flags->name, name);
        if (distance < *best) {
            *best = distance;
            *ret_name = flags->name;
        }
    }
}

static enum err_code unknown_flag(const struct arguments *arguments, const char *option,
                                  struct err *reterr)
{
    char name[64];
    size_t len = strcspn(option, "=");
    (void)snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), option);
    size_t best = 3;
    const char *meant = NULL;
    if (arguments->command != NULL)
        nearest(arguments->command->flags, name + (name[1] == '-' ? 2 : 1), &best, &meant);
    nearest(command_global_flags, name + (name[1] == '-' ? 2 : 1), &best, &meant);
    if (meant != NULL)
        return err_set(reterr, ERR_FIELD_INVALID, "unknown option %s; did you mean --%s?", name,
                       meant);
    if (arguments->command == NULL)
        return err_set(reterr, ERR_FIELD_INVALID,
                       "unknown option %s; options of a command come after its words", name);
    return err_set(reterr, ERR_FIELD_INVALID, "unknown option %s", name);
}

static bool in_choices(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (; *choices != '\0'; choices += strcspn(choices, "|")) {
        choices += *choices == '|';
        size_t word = strcspn(choices, "|");
        if (word == len && strncmp(choices, value, len) == 0)
            return true;
    }
    return false;
}

static enum err_code check_value(const struct flag *flag, const char *value, struct err *reterr)
{
    int number;
    int64_t wide;
    switch (flag->kind) {
    case FLAG_SET:
    case FLAG_TEXT:
        return ERR_OK;
    case FLAG_NUMBER:
        if (encoding_int64(value, strlen(value), &wide) && wide >= 0 && wide <= INT32_MAX)
            return ERR_OK;
        return err_set(reterr, ERR_FIELD_INVALID, "--%s takes a number, not %s", flag->name, value);
    case FLAG_SWITCH:
        if (in_choices("on|off", value))
            return ERR_OK;
        return err_set(reterr, ERR_FIELD_INVALID, "--%s takes on or off, not %s", flag->name,
                       value);
    case FLAG_WORD:
        if (in_choices(flag->choices, value))
            return ERR_OK;
        return err_set(reterr, ERR_FIELD_INVALID, "--%s takes one of %s, not %s", flag->name,
                       flag->choices, value);
    case FLAG_ENUM:
        if (field_enum_number(flag->type, value, &number))
            return ERR_OK;
        break;
    }
    struct buffer words _cleanup_(buffer_done);
    buffer_init(&words, 4096);
    field_enum_words(&words, flag->type, ", ");
    // An error's text has an end: half a list would pass for a whole one.
    if (words.len > ERR_TEXT_BYTES / 2)
        return err_set(reterr, ERR_FIELD_INVALID,
                       "--%s does not take %s: its help lists what it takes", flag->name, value);
    return err_set(reterr, ERR_FIELD_INVALID, "--%s takes one of %s, not %s", flag->name,
                   words.failed ? "?" : words.data, value);
}

static enum err_code add_flag(struct arguments *arguments, const struct flag *flag,
                              const char *value, struct err *reterr)
{
    if (strcmp(flag->name, "help") == 0)
        arguments->help = true;
    if (strcmp(flag->name, "version") == 0)
        arguments->version = true;
    try_(check_value(flag, value, reterr));
    // One of two filters would be left out unseen. A global option may stand in an alias before it.
    const struct flag *own = arguments->command == NULL ? NULL : arguments->command->flags;
    if (!flag->repeated && flag->kind != FLAG_SET && parse_has(arguments, flag->name) &&
        by_name(own, flag->name, strlen(flag->name)) == flag)
        return err_set(reterr, ERR_FIELD_INVALID, "--%s was given twice", flag->name);
    if (arguments->flag_count == PARSE_FLAGS_MAX)
        return err_set(reterr, ERR_FIELD_INVALID, "more than %d options", PARSE_FLAGS_MAX);
    arguments->flags[arguments->flag_count].flag = flag;
    arguments->flags[arguments->flag_count].value = value;
    arguments->flag_count++;
    return ERR_OK;
}

// Reads the option at argv[*i] and its value, which may be the next word.
static enum err_code read_flag(struct arguments *arguments, int argc, char *const *argv, int *i,
                               struct err *reterr)
{
    const char *option = argv[*i];
    bool is_long = option[1] == '-';
    size_t len = is_long ? strcspn(option + 2, "=") : 1;
    const struct flag *own = arguments->command == NULL ? NULL : arguments->command->flags;
    const struct flag *flag = is_long ? by_name(own, option + 2, len) : by_letter(own, option[1]);
    if (flag == NULL)
        flag = is_long ? by_name(command_global_flags, option + 2, len)
                       : by_letter(command_global_flags, option[1]);
    if (flag == NULL)
        return unknown_flag(arguments, option, reterr);
    const char *rest = option + (is_long ? 2 + len : 2);
    if (flag->kind == FLAG_SET) {
        if (*rest != '\0')
            return err_set(reterr, ERR_FIELD_INVALID, "--%s takes no value", flag->name);
        return add_flag(arguments, flag, "", reterr);
    }
    if (*rest != '\0')
        return add_flag(arguments, flag, rest + (*rest == '=' ? 1 : 0), reterr);
    if (*i + 1 >= argc)
        return err_set(reterr, ERR_FIELD_INVALID, "--%s needs a value", flag->name);
    return add_flag(arguments, flag, argv[++*i], reterr);
}

static enum err_code unknown_command(const char *words, struct err *reterr)
{
    size_t len;
    const char *meant = command_suggest(words, &len);
    if (meant == NULL)
        return err_set(reterr, ERR_FIELD_INVALID, "unknown command: %s", words);
    return err_set(reterr, ERR_FIELD_INVALID, "unknown command: %s; did you mean %.*s?", words,
                   (int)len, meant);
}

// Whether a command that was found is also the group of a longer one: "setup", "setup status".
static bool goes_on(const struct arguments *arguments, const char *word)
{
    char words[sizeof(arguments->group)];
    int len = snprintf(words, sizeof(words), "%s %s", arguments->group, word);
    return arguments->word_count == 0 && len > 0 && (size_t)len < sizeof(words) &&
           command_find(words) != NULL;
}

static enum err_code too_many(const struct command *command, const char *word, struct err *reterr)
{
    bool query = command->arguments != NULL && strcmp(command->arguments, "QUERY") == 0;
    return err_set(reterr, ERR_FIELD_INVALID, "too many arguments: %s%s", word,
                   query ? "; several words are one QUERY in quotes" : "");
}

static enum err_code read_word(struct arguments *arguments, const char *word, struct err *reterr)
{
    if (arguments->command != NULL && !goes_on(arguments, word)) {
        if (arguments->word_count == command_argument_most(arguments->command))
            return too_many(arguments->command, word, reterr);
        arguments->words[arguments->word_count++] = word;
        return ERR_OK;
    }
    if (arguments->group[0] == '\0' && strcmp(word, "help") == 0) {
        arguments->help = true;
        return ERR_OK;
    }
    char words[sizeof(arguments->group)];
    int len = snprintf(words, sizeof(words), "%s%s%s", arguments->group,
                       arguments->group[0] == '\0' ? "" : " ", word);
    if (len < 0 || (size_t)len >= sizeof(words))
        return err_set(reterr, ERR_FIELD_INVALID, "unknown command: %s", word);
    arguments->command = command_find(words);
    if (arguments->command == NULL && !command_is_group(words))
        return unknown_command(words, reterr);
    memcpy(arguments->group, words, sizeof(words));
    return ERR_OK;
}

static enum err_code check_complete(const struct arguments *arguments, struct err *reterr)
{
    const struct command *command = arguments->command;
    if (command == NULL || arguments->help || arguments->version)
        return ERR_OK;
    if (arguments->word_count < command_argument_least(command))
        return err_set(reterr, ERR_FIELD_INVALID, "%s needs %s", command->words,
                       command->arguments);
    for (const struct flag *flag = command->flags; flag != NULL && flag->name != NULL; flag++)
        if (flag->required && !parse_has(arguments, flag->name))
            return err_set(reterr, ERR_FIELD_INVALID, "%s needs --%s", command->words, flag->name);
    return ERR_OK;
}

enum err_code parse_line(int argc, char *const *argv, struct arguments *ret_arguments,
                         struct err *reterr)
{
    memset(ret_arguments, 0, sizeof(*ret_arguments));
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1] != '\0')
            try_(read_flag(ret_arguments, argc, argv, &i, reterr));
        else
            try_(read_word(ret_arguments, argv[i], reterr));
    }
    return check_complete(ret_arguments, reterr);
}

const char *parse_text(const struct arguments *arguments, const char *name)
{
    for (size_t i = arguments->flag_count; i-- > 0;)
        if (strcmp(arguments->flags[i].flag->name, name) == 0)
            return arguments->flags[i].value;
    return NULL;
}

bool parse_has(const struct arguments *arguments, const char *name)
{
    return parse_text(arguments, name) != NULL;
}

const char *parse_each(const struct arguments *arguments, const char *name, size_t i)
{
    for (size_t j = 0; j < arguments->flag_count; j++)
        if (strcmp(arguments->flags[j].flag->name, name) == 0 && i-- == 0)
            return arguments->flags[j].value;
    return NULL;
}

enum { DAYS_MOST = 36500 };

bool parse_seconds(const char *text, int64_t *ret_seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t len = strlen(text);
    int64_t number;
    if (len < 2 || !encoding_int64(text, len - 1, &number) || number < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (text[len - 1] != units[i].unit)
            continue;
        if (number > DAYS_MOST * INT64_C(86400) / units[i].seconds)
            return false;
        *ret_seconds = number * units[i].seconds;
        return true;
    }
    return false;
}

int64_t parse_number(const struct arguments *arguments, const char *name, int64_t otherwise)
{
    const char *text = parse_text(arguments, name);
    int64_t number;
    return text != NULL && encoding_int64(text, strlen(text), &number) ? number : otherwise;
}

bool parse_on(const struct arguments *arguments, const char *name)
{
    const char *text = parse_text(arguments, name);
    return text != NULL && strcmp(text, "on") == 0;
}

int parse_enum(const struct arguments *arguments, const char *name)
{
    for (size_t i = arguments->flag_count; i-- > 0;) {
        int number;
        const struct flag *flag = arguments->flags[i].flag;
        if (strcmp(flag->name, name) == 0 &&
            field_enum_number(flag->type, arguments->flags[i].value, &number))
            return number;
    }
    return 0;
}
