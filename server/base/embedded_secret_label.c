// Passwords that a label tells: "password: x", the cell behind or below it, "das Passwort ist x".
#include <string.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret_private.h"

// Labels only behind a word that says what for.
static const char key[] = "key", seed[] = "seed", schluessel[] = "schl\xC3\xBCssel";
// With the a as an escape too, or the one before it would go on with it.
static const char contrasena[] = "contrase\xC3\xB1\x61";

// The labels that begin with a letter, in lower case; NULL behind the last.
static const char *const *labels_of(char first)
{
    static const char *const
        of_a[] = {"api key",    "api_key",   "api-key",    "apikey",      "access key",
                  "access_key", "accesskey", "accountkey", "adgangskode", NULL},
        *const of_c[] = {"credential", "cred", "community string", contrasena, "contrasena", NULL},
        *const of_k[] = {"kennwort", key, NULL},
        *const of_m[] = {"mot de passe", "mots de passe", "mdp", NULL},
        *const of_p[] = {"password",    "passwd", "passphrase",    "passcode",
                         "passwort",    "pass",   "pwd",           "psk",
                         "private key", "pw",     "preshared key", "passw\xC3\xB6rter",
                         "psksecret",   "parola", "palavra passe", "passord",
                         NULL},
        *const of_s[] = {"secret key",
                         "secret_key",
                         "secretkey",
                         "secret",
                         "shared key",
                         "sharedkey",
                         "shared secret",
                         "snmp community",
                         "snmp server community",
                         schluessel,
                         "senha",
                         "senhas",
                         seed,
                         NULL},
        *const of_t[] = {"token", NULL}, *const of_w[] = {"wachtwoord", "wachtwoorden", NULL},
        *const of_z[] = {"zugangsdaten", NULL}, *const none[] = {NULL};
    switch (first) {
    case 'a':
        return of_a;
    case 'c':
        return of_c;
    case 'k':
        return of_k;
    case 'm':
        return of_m;
    case 'p':
        return of_p;
    case 's':
        return of_s;
    case 't':
        return of_t;
    case 'w':
        return of_w;
    case 'z':
        return of_z;
    default:
        return none;
    }
}

// Which letters the labels have behind their first, both by their number in the alphabet.
#define LETTER(letter) (1u << ((letter)&0x1F))
static const unsigned seconds_of[32] = {
    ['a' & 0x1F] = LETTER('p') | LETTER('c') | LETTER('d'),
    ['c' & 0x1F] = LETTER('r') | LETTER('o'),
    ['k' & 0x1F] = LETTER('e'),
    ['m' & 0x1F] = LETTER('o') | LETTER('d'),
    ['p' & 0x1F] = LETTER('a') | LETTER('w') | LETTER('s') | LETTER('r'),
    ['s' & 0x1F] = LETTER('e') | LETTER('h') | LETTER('n') | LETTER('c'),
    ['t' & 0x1F] = LETTER('o'),
    ['w' & 0x1F] = LETTER('a'),
    ['z' & 0x1F] = LETTER('u'),
};

// The length of a character that is not seen: a soft hyphen, or one without a width.
static size_t unseen(const struct text *text, size_t at)
{
    static const char *const characters[] = {"\xC2\xAD",     "\xE2\x80\x8B", "\xE2\x80\x8C",
                                             "\xE2\x80\x8D", "\xE2\x81\xA0", "\xEF\xBB\xBF"};
    if (at >= text->len || ((unsigned char)text->data[at] & 0x80) == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(characters); i++)
        if (starts(text, at, characters[i], false))
            return strlen(characters[i]);
    return 0;
}

// As starts(), but what is not seen counts for nothing within, and words are joined by '-' too;
// returns the length, or 0.
static size_t spells(const struct text *text, size_t at, const char *word)
{
    const size_t begin = at;
    for (; *word != '\0'; word++, at++) {
        for (size_t step; (step = unseen(text, at)) > 0;)
            at += step;
        const char letter[] = {*word, '\0'};
        if (!starts(text, at, letter, true) && !(*word == ' ' && starts(text, at, "-", false)))
            return 0;
    }
    return at - begin;
}

// Whether a word before "key" says that it is a secret one.
static bool is_of_secret(const struct text *text, size_t at)
{
    static const char *const words[] = {
        "wifi",     "wi-fi",    "wireless",   "wlan", "wpa", "wpa2", "wpa3", "network",
        "netzwerk", "recovery", "encryption", "2fa",  "mfa", "otp",  "totp", "authenticator"};
    if (at == 0 || (text->data[at - 1] != ' ' && text->data[at - 1] != '-'))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        if (at > len && starts(text, at - 1 - len, words[i], true) &&
            word_begins(text, at - 1 - len))
            return true;
    }
    return false;
}

// Whether it is told how many there may be: "max_token: 4096".
static bool is_counted(const struct text *text, size_t at)
{
    size_t end = at - (at > 0 && memchr("_- ", text->data[at - 1], 3) != NULL);
    return end >= 3 && starts(text, end - 3, "max", true) && word_begins(text, end - 3);
}

// The length of a label at `at`, 0 if there is none. Of those that are written so too, `plural`.
static size_t label(const struct text *text, size_t at, bool plural)
{
    if (text->len - at < LABEL_MIN)
        return 0;
    // Most words are none by their first two letters.
    if ((seconds_of[text->data[at] & 0x1F] >> (text->data[at + 1] & 0x1F) & 1) == 0)
        return 0;
    char second = (char)(text->data[at + 1] | 0x20);
    char third = at + 2 < text->len ? (char)(text->data[at + 2] | 0x20) : '\0';
    bool odd = ((unsigned char)third & 0x80) != 0;
    for (const char *const *labels = labels_of((char)(text->data[at] | 0x20)); *labels != NULL;
         labels++) {
        bool same =
            (*labels)[1] == second && ((*labels)[2] == third || (*labels)[2] == '\0' || odd);
        size_t len = same ? spells(text, at, *labels) : 0;
        if (len == 0 ||
            ((*labels == key || *labels == seed || *labels == schluessel) &&
             !is_of_secret(text, at)) ||
            (**labels == 't' && is_counted(text, at)))
            continue;
        plural = plural && strchr("pc", **labels) != NULL;
        len += plural && starts(text, at + len, "s", true);
        if (at + len == text->len || !is_alnum(text->data[at + len]))
            return len;
    }
    return 0;
}

// The length of one behind the name of an account: "rootpw", "dbpass". Other words end so too.
static size_t label_of_account(const struct text *text, size_t end)
{
    static const char *const names[] = {"root", "admin", "user", "db",  "sql",
                                        "ftp",  "smtp",  "ldap", "bind"};
    size_t len = end >= 2 && starts(text, end - 2, "pw", true) ? 2 : 4;
    if (end < len || (len == 4 && !starts(text, end - len, "pass", true)))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t name = strlen(names[i]);
        if (end >= len + name && starts(text, end - len - name, names[i], true) &&
            (end == len + name || !is_alnum(text->data[end - len - name - 1])))
            return len;
    }
    return 0;
}

// The length of a label that is the end of a longer word, which ends at `end`; 0: there is none.
static size_t compound(const struct text *text, size_t end)
{
    static const char *const words[] = {"password",
                                        "passwort",
                                        "kennwort",
                                        "wachtwoord",
                                        "netzwerkschl\xC3\xBCssel",
                                        "sicherheitsschl\xC3\xBCssel"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        bool whole = strchr("ns", words[i][0]) != NULL; // no label but so
        if (end >= len && starts(text, end - len, words[i], true) &&
            (whole || (end > len && is_alnum(text->data[end - len - 1]))))
            return len;
    }
    return label_of_account(text, end);
}

// The value of a label that ends its line: what stands alone on the next one, if it is no word, no
// address, and no next step.
static size_t next_line_value(const struct text *text, size_t at)
{
    size_t line = at + starts(text, at, "\r", false);
    if (!starts(text, line, "\n", false))
        return at;
    size_t value = skip_blanks(text, line + 1), end = value;
    bool letters = true;
    for (; end < text->len && end - value < VALUE_MAX && !embedded_ends_value(text, end, '\0');
         end++)
        letters = letters && is_letter(text->data[end]);
    size_t rest = skip_blanks(text, end);
    bool alone = rest == text->len || text->data[rest] == '\n' || text->data[rest] == '\r';
    return alone && !letters && !embedded_is_next_step(text, value, end) ? value : at;
}

// "user / password: joe / x": the value behind the first one, where the label is a second one too.
static size_t second_value(const struct text *text, size_t label_at, size_t value)
{
    size_t before = label_at;
    while (before > 0 && text->data[before - 1] == ' ')
        before--;
    if (before == 0 || text->data[before - 1] != '/')
        return value;
    size_t slash = value;
    while (slash < text->len && slash - value < VALUE_MAX &&
           !embedded_ends_value(text, slash, '\0'))
        slash++;
    slash = skip_blanks(text, slash);
    return slash > value && starts(text, slash, "/ ", false) ? skip_blanks(text, slash + 1) : value;
}

// Of a private key: a path, or a size.
static bool is_key_elsewhere(const struct text *text, size_t value)
{
    size_t size = value + run(text, value, is_digit, VALUE_MIN);
    if (size > value && (starts(text, size, "-bit", true) || starts(text, size, "bit", true) ||
                         starts(text, size, ",", false) || size == text->len ||
                         embedded_ends_value(text, size, '\0')))
        return true;
    bool drive = value < text->len && is_alnum(text->data[value]) &&
                 (starts(text, value + 1, ":\\", false) || starts(text, value + 1, ":/", false));
    return drive || starts(text, value, "/", false) || starts(text, value, "~/", false) ||
           starts(text, value, "\\\\", false);
}

static bool take_value(const struct text *text, size_t value, size_t end,
                       struct embedded_secret *secret)
{
    return end - value >= VALUE_MIN && !embedded_is_no_value(text, value, end) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

// Whether it is no word that a sentence could go on with: it has a digit, or a sign within. That
// "12-stellig", "8-12" and "100%" are measures costs the passwords that begin alike.
bool embedded_is_unlike_words(const struct text *text, size_t value, size_t end)
{
    size_t digits = run(text, value, is_digit, end - value);
    char next = value + digits < end ? text->data[value + digits] : '\0';
    if (digits > 0 && (next == '-' || next == '%' || ((unsigned char)next & 0x80) != 0))
        return false;
    for (size_t i = value; i < end; i++) {
        bool sign = memchr("!#$%&?@^", text->data[i], 8) != NULL;
        if (is_digit(text->data[i]) || (sign && i + 1 < end && is_alnum(text->data[i + 1])))
            return true;
    }
    return false;
}

// What stands between a label and its value.
struct sign {
    size_t end;
    bool cell, dash;
    char joins; // '=' or ':'; '\0': neither
};

// Behind the colon of "(admin):" or "for admin:"; 0: there is no such.
static size_t qualifier_end(const struct text *text, size_t at)
{
    static const char *const words[] = {
        "(",    "for ",  "of ",   "on ",  "f\xC3\xBCr ", "f\xC3\xBCrs ", "des ",
        "der ", "vom ",  "von ",  "zum ", "im ",         "de ",          "du ",
        "del ", "pour ", "para ", "per ", "voor ",       "van ",         "do "};
    bool begins = false;
    for (size_t i = 0; !begins && i < ARRAY_LEN(words); i++)
        begins = starts(text, at, words[i], true);
    for (size_t i = at; begins && i - at < HEADING_MAX && !ends_line(text, i); i++) {
        bool colon = text->data[i] == ':';
        if (colon && text->data[at] == '(' && text->data[i - 1] != ')')
            return 0;
        if (colon && (ends_line(text, i + 1) || blank(text, i + 1) > 0))
            return i + 1;
        if (colon || memchr("\t=?!", text->data[i], 4) != NULL || starts(text, i, ". ", false))
            return 0;
    }
    return 0;
}

static bool find_sign(const struct text *text, size_t behind, struct sign *sign)
{
    static const char *const dashes[] = {"- ", "-> ", "\xE2\x80\x93 ", "\xE2\x80\x94 ",
                                         "\xE2\x86\x92 "};
    size_t at = behind;
    *sign = (struct sign){0};
    for (size_t step; (step = unseen(text, at)) > 0;)
        at += step;
    at += starts(text, at, "\\\"", false);
    if (at < text->len && (text->data[at] == '"' || text->data[at] == '\''))
        at++;
    for (size_t step; (step = blank(text, at)) > 0; at += step)
        sign->cell = sign->cell || text->data[at] == '\t';
    if (starts(text, at, ":", false) || starts(text, at, "=", false)) {
        bool arrow = starts(text, at, "=>", false);
        sign->joins = arrow ? ':' : text->data[at];
        sign->end = at + 1 + arrow;
    } else if (starts(text, at, "\xEF\xBC\x9A", false)) { // a colon of full width
        sign->joins = ':';
        sign->end = at + 3;
    } else if (sign->cell) {
        sign->end = at;
    } else if (at > behind) {
        sign->end = qualifier_end(text, at);
        sign->joins = ':';
        for (size_t i = 0; sign->end == 0 && i < ARRAY_LEN(dashes); i++)
            if (starts(text, at, dashes[i], false))
                *sign = (struct sign){.end = at + strlen(dashes[i]), .dash = true};
    }
    return sign->end > 0;
}

// "password: x", "PWD=x", or the label in the cell before. `behind` the label that is at `at`.
static bool find_marked(const struct text *text, size_t at, size_t behind,
                        struct embedded_secret *secret)
{
    struct sign sign;
    if (!find_sign(text, behind, &sign))
        return false;
    size_t first = skip_blanks(text, sign.end), seed_end;
    if (sign.joins == ':' && embedded_find_in_block(text, at, first, secret))
        return true;
    if ((seed_end = embedded_groups_end(text, skip_space(text, first))) > skip_space(text, first))
        return take(secret, EMBEDDED_PASSWORD, skip_space(text, first), seed_end);
    first = sign.joins == '\0' ? first : next_line_value(text, first);
    // So that what holds many such is not looked through to the end for each of them.
    if (embedded_begins_no_value(text, first) ||
        (starts(text, at, "pri", true) && is_key_elsewhere(text, first)))
        return false;
    size_t value = sign.joins == '\0' ? first : second_value(text, at, first);
    const bool alone = value == first && sign.joins != '\0';
    size_t end = embedded_value_end(text, &value, sign.joins);
    if (end == value || embedded_is_no_value(text, value, end) ||
        (sign.joins == '=' && embedded_is_command(text, at, value, end)))
        return false;
    // Behind a dash a title goes on too.
    if (sign.dash &&
        !(ends_line(text, skip_blanks(text, end)) && embedded_is_unlike_words(text, value, end)))
        return false;
    end = alone ? embedded_pair_end(text, value, end) : end;
    return end - value >= VALUE_MIN && take(secret, EMBEDDED_PASSWORD, value, end);
}

// "the password is x", "das Passwort lautet x". A key or a token is rather told of than told.
static bool find_said(const struct text *text, size_t at, size_t behind,
                      struct embedded_secret *secret)
{
    static const char *const verbs[] = {"is", "ist", "lautet", "est", "es", "\xC3\xA8", "\xC3\xA9"};
    size_t verb = skip_blanks(text, behind), value = 0;
    bool colon = false, plain = true;
    const bool of_person = strchr("pkmw", text->data[at] | 0x20) != NULL ||
                           starts(text, at, "contra", true) || starts(text, at, "senha", true);
    if (!of_person || (text->data[at + 1] | 0x20) == 'r')
        return false;
    for (size_t i = 0; value == 0 && i < ARRAY_LEN(verbs); i++) {
        size_t end = verb + strlen(verbs[i]);
        if (!starts(text, verb, verbs[i], true))
            continue;
        colon = starts(text, end, ":", false);
        plain = verbs[i][0] == 'l' || colon; // a value follows, whatever it looks like
        if (colon || blank(text, end) > 0)
            value = skip_blanks(text, end + colon);
    }
    if (value == 0)
        return false;
    value = colon ? next_line_value(text, value) : value;
    size_t end = embedded_value_end(text, &value, '\0');
    // "lautet folgendermaßen:"
    if (end == value || text->data[end - 1] == ':' ||
        !(plain || embedded_is_unlike_words(text, value, end)))
        return false;
    return take_value(text, value, end, secret);
}

// "| Password | x |" at the beginning of a line.
static bool find_in_row(const struct text *text, size_t at, size_t behind,
                        struct embedded_secret *secret)
{
    size_t bar = skip_blanks(text, behind), line = at;
    while (line > 0 && text->data[line - 1] == ' ')
        line--;
    if (line == 0 || text->data[--line] != '|' || !starts(text, bar, "|", false))
        return false;
    while (line > 0 && text->data[line - 1] == ' ')
        line--;
    if (line > 0 && text->data[line - 1] != '\n')
        return false;
    size_t value = skip_blanks(text, bar + 1), end = embedded_value_end(text, &value, '\0');
    while (end > value && text->data[end - 1] == '|')
        end--;
    return take_value(text, value, end, secret);
}

bool embedded_find_labelled(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t behind = at + label(text, at, true);
    return behind > at &&
           (find_marked(text, at, behind, secret) || find_said(text, at, behind, secret) ||
            find_in_row(text, at, behind, secret) ||
            embedded_find_in_command(text, at, behind, secret) ||
            embedded_find_below(text, at, behind, secret));
}

bool embedded_find_compound(const struct text *text, size_t end, struct embedded_secret *secret)
{
    size_t len = compound(text, end), at = end - len;
    return len > 0 && (find_marked(text, at, end, secret) || find_said(text, at, end, secret) ||
                       embedded_find_in_command(text, at, end, secret) ||
                       embedded_find_below(text, at, end, secret));
}

bool embedded_find_in_cell(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t value = skip_space(text, at + 1), cell_end = embedded_cell_end(text, value);
    size_t end = embedded_value_end(text, &value, '\0'), rest = end;
    // The heading itself, said again, or what is masked already.
    if ((end > value && label(text, value, false) == end - value) ||
        starts(text, value, EMBEDDED_SECRET_MASK, false))
        return false;
    while (rest < cell_end && memchr("\"',.);", text->data[rest], 6) != NULL)
        rest++;
    if (rest >= cell_end)
        return take_value(text, value, end, secret);
    // Of several words or lines it is not known which is the value.
    return cell_end - value >= VALUE_MIN && !embedded_begins_no_value(text, value) &&
           !embedded_is_prose(text, value, cell_end) &&
           take(secret, EMBEDDED_PASSWORD, value, cell_end);
}

// Where the text before "(local)" or "(WPA2)" at its end ends. What is said there of a date or of a
// period is no password's.
static size_t without_note(const struct text *text)
{
    static const char *const others[] = {"chang", "expir", "date",   "day",
                                         "age",   "y/n",   "ablauf", "ge\xC3\xA4ndert"};
    size_t open = text->len;
    if (open == 0 || text->len > 2 * HEADING_MAX || text->data[open - 1] != ')')
        return text->len;
    while (open > 0 && text->data[open - 1] != '(')
        open--;
    for (size_t at = open; at < text->len; at++)
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
            if (starts(text, at, others[i], true))
                return text->len;
    while (open > 0 && strchr("( ", text->data[open - 1]) != NULL)
        open--;
    return open == 0 ? text->len : open;
}

bool embedded_secret_is_label(const char *data, size_t len)
{
    struct text text = {data, len};
    while (text.len > 0 && memchr(" \t\r\n:\xC2\xA0", data[text.len - 1], 7) != NULL)
        text.len--;
    text.len = without_note(&text);
    size_t from = skip_space(&text, 0);
    if (text.len - from > HEADING_MAX)
        return false;
    if (text.len > from && compound(&text, text.len) > 0)
        return true;
    for (size_t at = from; at < text.len; at++)
        if (word_begins(&text, at) && label(&text, at, false) == text.len - at)
            return true;
    return false;
}
