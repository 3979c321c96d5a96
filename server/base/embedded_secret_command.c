// Passwords in commands, scripts and configurations, where no sign stands behind the label.
#include <string.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret_private.h"

enum { OPTION_MAX = 40, CONTEXT_MAX = 64, WIFI_MAX = 256 };

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

// "enable secret x", "snmp-server community x RO", "username joe privilege 15 password x": of
// network devices, all of a line.
static bool find_of_device(const struct text *text, size_t at, size_t behind,
                           struct embedded_secret *secret)
{
    static const char *const beginnings[] = {"enable ", "username ", "snmp-server "};
    size_t line = at, value = skip_blanks(text, behind), end = value;
    while (line > 0 && at - line < CONTEXT_MAX && !ends_line(text, line - 1))
        line--;
    line = skip_blanks(text, line);
    bool begins = false;
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        begins = begins || starts(text, line, beginnings[i], true);
    if (!begins || value == behind)
        return false;
    while (end < text->len && !ends_line(text, end) && blank(text, end) == 0 &&
           end - value < VALUE_MAX)
        end++;
    size_t rest = skip_blanks(text, end); // may say who may write
    rest += starts(text, rest, "ro", true) || starts(text, rest, "rw", true) ? 2 : 0;
    return ends_line(text, rest) && take_unlike_words(text, value, secret);
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
    return find_option(text, at, behind, secret) || find_of_device(text, at, behind, secret) ||
           find_in_element(text, at, behind, secret);
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
