// Passwords in commands, scripts and configurations, where no sign stands behind the label.
#include <string.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret_private.h"

enum { OPTION_MAX = 40, CONTEXT_MAX = 64, WIFI_MAX = 256, LINE_MAX_BYTES = 256 };

static bool take_unlike_words(const struct text *text, size_t value, struct embedded_secret *secret)
{
    size_t end = embedded_value_end(text, &value, '\0');
    return end - value >= VALUE_MIN && embedded_is_unlike_words(text, value, end) &&
           !embedded_is_no_value(text, value, end) && take(secret, EMBEDDED_PASSWORD, value, end);
}

static bool begins_word(const struct text *text, size_t at)
{
    return at == 0 || (unsigned char)text->data[at - 1] <= ' ' ||
           memchr("\"'(`", text->data[at - 1], 4) != NULL || (at > 1 && blank(text, at - 2) == 2);
}

// "-AdminPassword x", "--db-password 'x'".
static bool find_option(const struct text *text, size_t at, size_t behind,
                        struct embedded_secret *secret)
{
    size_t begin = at, value = skip_blanks(text, behind);
    while (begin > 0 && at - begin < OPTION_MAX &&
           (is_alnum(text->data[begin - 1]) || memchr("-_", text->data[begin - 1], 2) != NULL))
        begin--;
    // Of credentials it is rather the name of who has them.
    if (begin == at || text->data[begin] != '-' || value == behind || value >= text->len ||
        (text->data[at] | 0x20) == 'c' || !begins_word(text, begin))
        return false;
    char quote = text->data[value];
    if (quote != '"' && quote != '\'')
        return quote != '-' && take_unlike_words(text, value, secret);
    size_t end = embedded_value_end(text, &value, '\0');
    return end - value >= VALUE_MIN && !embedded_is_no_value(text, value, end) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

// "enable secret x", "snmp-server community x RO", "username joe privilege 15 password x",
// "set psksecret x", "pre-shared-key x": of network devices, all of a line.
static bool find_of_device(const struct text *text, size_t at, size_t behind,
                           struct embedded_secret *secret)
{
    static const char *const beginnings[] = {"enable ", "username ", "snmp-server ", "set "};
    static const char *const forms[] = {"ENC ", "ascii-text "};
    size_t line = at, value = skip_blanks(text, behind), end = value;
    while (line > 0 && at - line < CONTEXT_MAX && !ends_line(text, line - 1))
        line--;
    line = skip_blanks(text, line);
    bool begins = at >= 4 && starts(text, at - 4, "pre-", true);
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        begins = begins || starts(text, line, beginnings[i], true);
    if (!begins || value == behind)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (starts(text, value, forms[i], false))
            end = value = skip_blanks(text, value + strlen(forms[i]));
    while (end < text->len && !ends_line(text, end) && blank(text, end) == 0 &&
           end - value < VALUE_MAX)
        end++;
    size_t rest = skip_blanks(text, end); // may say who may write
    rest += starts(text, rest, "ro", true) || starts(text, rest, "rw", true) ? 2 : 0;
    return ends_line(text, rest) && take_unlike_words(text, value, secret);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

// "enable secret 5 $1$x", "password 7 0822455D": of network devices, with the kind of its hash.
static bool find_typed(const struct text *text, size_t behind, struct embedded_secret *secret)
{
    enum { HEX_MIN = 6 };
    size_t type = skip_blanks(text, behind);
    if (type == behind || type >= text->len || !is_digit(text->data[type]) ||
        blank(text, type + 1) == 0)
        return false;
    size_t value = skip_blanks(text, type + 1), end = embedded_value_end(text, &value, '\0');
    size_t hex = run(text, value, is_hex, end - value);
    bool good = false;
    switch (text->data[type]) {
    case '0':
        good = embedded_is_unlike_words(text, value, end);
        break;
    case '5':
    case '8':
    case '9':
        good = starts(text, value, "$", false);
        break;
    case '7':
        good = hex >= HEX_MIN && value + hex == end && is_digit(text->data[value]);
        break;
    default:
        break;
    }
    return good && end - value >= VALUE_MIN && take(secret, EMBEDDED_PASSWORD, value, end);
}

// "<password>x</password>", "<add key="password" value="x"/>".
static bool find_in_element(const struct text *text, size_t at, size_t behind,
                            struct embedded_secret *secret)
{
    static const char attribute[] = "\" value=";
    size_t begin = at, end = behind + 1, value = behind + sizeof(attribute) - 1;
    if (starts(text, behind, attribute, true) && starts(text, value, "\"", false)) {
        end = embedded_value_end(text, &value, '\0');
        return end - value >= VALUE_MIN && !embedded_is_no_value(text, value, end) &&
               take(secret, EMBEDDED_PASSWORD, value, end);
    }
    while (begin > 0 && at - begin < OPTION_MAX && is_alnum(text->data[begin - 1]))
        begin--;
    if (begin == 0 || text->data[begin - 1] != '<' || !starts(text, behind, ">", false))
        return false;
    while (end < text->len && end - behind <= VALUE_MAX && text->data[end] != '<' &&
           !ends_line(text, end))
        end++;
    return starts(text, end, "</", false) && end - behind - 1 >= VALUE_MIN &&
           !embedded_is_no_value(text, behind + 1, end) &&
           take(secret, EMBEDDED_PASSWORD, behind + 1, end);
}

bool embedded_find_in_command(const struct text *text, size_t at, size_t behind,
                              struct embedded_secret *secret)
{
    return find_option(text, at, behind, secret) || find_typed(text, behind, secret) ||
           find_of_device(text, at, behind, secret) || find_in_element(text, at, behind, secret);
}

bool embedded_find_secure_string(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const char name[] = "convertto-securestring";
    if (!starts(text, at, name, true))
        return false;
    size_t value = at + sizeof(name) - 1, most = value + CONTEXT_MAX;
    while (value < most && !ends_line(text, value) &&
           memchr("\"'();|$", text->data[value], 7) == NULL)
        value++;
    if (value == most || ends_line(text, value) || memchr("\"'", text->data[value], 2) == NULL)
        return false;
    size_t end = embedded_value_end(text, &value, '\0');
    return end - value >= VALUE_MIN && !embedded_is_no_value(text, value, end) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

bool embedded_find_wifi(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t value = at + sizeof("WIFI:") - 1, most = at + WIFI_MAX;
    if (!starts(text, at, "WIFI:", false))
        return false;
    while (value < most && !ends_line(text, value) &&
           !(memchr(":;", text->data[value - 1], 2) != NULL && starts(text, value, "P:", false)))
        value++;
    if (!starts(text, value, "P:", false))
        return false;
    size_t end = value += 2;
    while (end < most && !ends_line(text, end) && text->data[end] != ';')
        end += text->data[end] == '\\' && !ends_line(text, end + 1) ? 2 : 1;
    return end < most && starts(text, end, ";", false) && end - value >= VALUE_MIN &&
           !starts(text, value, EMBEDDED_SECRET_MASK, false) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

// Behind the words of a command, whatever blanks are between; 0: it is another one.
static size_t words_end(const struct text *text, size_t at, const char *words)
{
    for (; *words != '\0'; words++) {
        const char letter[] = {*words, '\0'};
        size_t next = *words == ' ' ? skip_blanks(text, at) : at + starts(text, at, letter, true);
        if (next == at)
            return 0;
        at = next;
    }
    return at;
}

// An argument at `*value`, which is moved behind a quote; returns where what follows begins.
static size_t argument(const struct text *text, size_t *value, size_t *ret_end)
{
    const size_t begin = *value;
    *ret_end = embedded_value_end(text, value, '\0');
    bool quoted = *value > begin && *ret_end < text->len && !ends_line(text, *ret_end);
    return skip_blanks(text, *ret_end + quoted);
}

// Here a word is one too, although other words follow.
static bool take_argument(const struct text *text, size_t value, size_t end,
                          struct embedded_secret *secret)
{
    bool word = run(text, value, is_letter, end - value) == end - value;
    const struct text part = {text->data, word ? end : text->len};
    return end - value >= VALUE_MIN && !embedded_is_no_value(&part, value, end) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

static bool find_of_curl(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t option = words_end(text, at, "curl "), most = option + LINE_MAX_BYTES, value = 0, end;
    for (; option > 0 && value == 0 && option < most; option++) {
        if (option >= text->len ||
            (ends_line(text, option) && text->data[option - 1] != '\\')) // it goes on
            return false;
        if (text->data[option] != '-' || !begins_word(text, option))
            continue;
        if (starts(text, option, "-u", false))
            value = skip_blanks(text, option + 2);
        else if (starts(text, option, "--user ", false) || starts(text, option, "--user=", false))
            value = skip_blanks(text, option + 7);
    }
    if (value == 0 || value >= text->len)
        return false;
    (void)argument(text, &value, &end);
    const char *colon = memchr(text->data + value, ':', end - value);
    return colon != NULL && take_argument(text, (size_t)(colon + 1 - text->data), end, secret);
}

static bool find_of_sshpass(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const char *const commands[] = {"ssh", "scp", "sftp", "rsync"};
    size_t value = words_end(text, at, "sshpass -p"), end;
    if (value == 0)
        return false;
    const size_t begin = value = skip_blanks(text, value);
    size_t rest = argument(text, &value, &end);
    bool sure = value > begin || embedded_is_unlike_words(text, value, end);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        sure = sure || starts(text, rest, commands[i], false);
    return sure && take_argument(text, value, end, secret);
}

static bool find_of_net_user(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t name = words_end(text, at, "net user "), end;
    if (name == 0)
        return false;
    size_t value = argument(text, &name, &end);
    if (value <= end || starts(text, value, "/", false))
        return false;
    size_t rest = argument(text, &value, &end);
    bool option =
        starts(text, rest, "/", false) && rest + 1 < text->len && is_letter(text->data[rest + 1]);
    bool alone = ends_line(text, rest) && embedded_is_unlike_words(text, value, end);
    return (option || alone) && take_argument(text, value, end, secret);
}

static bool find_of_isakmp(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t value = words_end(text, at, "crypto isakmp key "), end;
    if (value == 0)
        return false;
    if (value < text->len && is_digit(text->data[value]) && blank(text, value + 1) > 0)
        value = skip_blanks(text, value + 1);
    size_t rest = argument(text, &value, &end);
    bool known = starts(text, rest, "address ", true) || starts(text, rest, "hostname ", true);
    bool alone = ends_line(text, rest) && embedded_is_unlike_words(text, value, end);
    return (known || alone) && take_argument(text, value, end, secret);
}

bool embedded_find_argument(const struct text *text, size_t at, struct embedded_secret *secret)
{
    return find_of_curl(text, at, secret) || find_of_sshpass(text, at, secret) ||
           find_of_net_user(text, at, secret) || find_of_isakmp(text, at, secret);
}

bool embedded_is_command(const struct text *text, size_t at, size_t value, size_t end)
{
    size_t begin = at;
    while (begin > 0 && at - begin < OPTION_MAX &&
           (is_alnum(text->data[begin - 1]) || memchr("_:", text->data[begin - 1], 2) != NULL))
        begin--;
    if (begin == 0 || text->data[begin - 1] != '$')
        return false;
    size_t verb = run(text, value, is_letter, end - value), noun = value + verb + 1;
    return verb > 0 && noun < end && is_upper(text->data[value]) && text->data[noun - 1] == '-' &&
           is_upper(text->data[noun]) && noun + run(text, noun, is_letter, end - noun) == end;
}
