#include "client/command.h"

#include <string.h>

#include "client/text.h"

// The words of `row` behind the group that the first `len` bytes of `words` name; NULL: another.
static const char *behind(const char *row, const char *words, size_t len)
{
    if (len == 0)
        return row;
    return strncmp(row, words, len) == 0 && row[len] == ' ' ? row + len + 1 : NULL;
}

const struct command *command_find(const char *words)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(command_table[i].words, words) == 0)
            return &command_table[i];
    return NULL;
}

bool command_is_group(const char *group)
{
    for (size_t i = 0; i < command_count; i++)
        if (behind(command_table[i].words, group, strlen(group)) != NULL)
            return true;
    return false;
}

const char *command_suggest(const char *words, size_t *ret_len)
{
    const char *last = strrchr(words, ' ');
    size_t group_len = last == NULL ? 0 : (size_t)(last - words);
    last = last == NULL ? words : last + 1;
    size_t best = 3;
    const char *meant = NULL;
    for (size_t i = 0; i < command_count; i++) {
        const char *rest = behind(command_table[i].words, words, group_len);
        if (rest == NULL)
            continue;
        char word[64];
        size_t len = strcspn(rest, " ");
        memcpy(word, rest, len);
        word[len] = '\0';
        size_t distance = text_distance(word, last);
        // What was typed in part is meant more likely than what was typed wrong.
        if (strlen(last) >= 2 && strncmp(word, last, strlen(last)) == 0)
            distance = 0;
        if (distance < best && distance < strlen(last)) {
            best = distance;
            meant = command_table[i].words;
            *ret_len = (size_t)(rest - meant) + len;
        }
    }
    return meant;
}

static size_t count_words(const char *text, bool optional_too)
{
    size_t count = 0;
    while (text != NULL && *text != '\0') {
        count += optional_too || *text != '[';
        text += strcspn(text, " ");
        text += *text == ' ';
    }
    return count;
}

size_t command_argument_most(const struct command *command)
{
    return count_words(command->arguments, true);
}

size_t command_argument_least(const struct command *command)
{
    return count_words(command->arguments, false);
}
