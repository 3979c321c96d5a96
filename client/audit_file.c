#include "client/audit_file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"

// No line of an export is longer: an event has a megabyte of changes at most.
enum { LINE_MAX_BYTES = 4 * 1024 * 1024 };

// The file in pieces of whole lines.
struct lines {
    FILE *file;
    char *data;
    size_t at, len;
    bool ended;
};

_printf_(2, 3) static bool fault(struct audit_file *verified, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(verified->fault, sizeof(verified->fault), format, args);
    va_end(args);
    return false;
}

static void fill(struct lines *lines)
{
    memmove(lines->data, lines->data + lines->at, lines->len - lines->at);
    lines->len -= lines->at;
    lines->at = 0;
    size_t got = fread(lines->data + lines->len, 1, LINE_MAX_BYTES - lines->len, lines->file);
    lines->len += got;
    lines->ended = got == 0;
}

// The next line without its newline; NULL: there is none, or it has no end.
static char *next_line(struct lines *lines, size_t *ret_len)
{
    for (;;) {
        char *start = lines->data + lines->at;
        char *end = memchr(start, '\n', lines->len - lines->at);
        if (end != NULL) {
            *ret_len = (size_t)(end - start);
            lines->at += *ret_len + 1;
            return start;
        }
        if (lines->ended || (lines->at == 0 && lines->len == LINE_MAX_BYTES))
            return NULL;
        fill(lines);
    }
}

static bool signed_by_known(const struct audit_file *verified, const struct audit_mark *mark)
{
    for (size_t i = 0; i < verified->key_count; i++)
        if (audit_mark_verify(mark, verified->tenant, verified->keys[i]))
            return true;
    return false;
}

// `*ret_bare`: it holds what it says, and nobody signed it, as before a server had a key.
static bool check_signature(struct audit_file *verified, const struct audit_line *line,
                            bool *ret_bare)
{
    if (strcmp(line->tenant, verified->tenant) != 0)
        return fault(verified, "it is of another tenant");
    *ret_bare = verified->key_count > 0 && line->mark.key_id[0] == '\0';
    if (verified->key_count == 0 || *ret_bare || signed_by_known(verified, &line->mark))
        return true;
    return fault(verified,
                 "the signature of the statement about event %" PRId64
                 " is not of a key that was given (it names key %.32s)",
                 line->mark.sequence, line->mark.key_id);
}

static bool check_export(struct audit_file *verified, const struct audit_line *line)
{
    if (verified->line != 1)
        return fault(verified, "another export begins here");
    if (strlen(line->tenant) >= sizeof(verified->tenant) || line->first < 1 ||
        line->first == INT64_MAX || line->last == INT64_MAX)
        return fault(verified, "it is no line of an export");
    // Of two chains each event differs: that would be told as if one had been written anew.
    if (verified->known_tenant != NULL && strcmp(verified->known_tenant, line->tenant) != 0)
        return fault(verified, "it is of another tenant than the earlier export");
    (void)snprintf(verified->tenant, sizeof(verified->tenant), "%s", line->tenant);
    verified->first = verified->next = line->first;
    verified->last = line->last;
    // The first of all events follows zeroes.
    verified->linked = line->first == 1;
    return true;
}

static bool check_retained(struct audit_file *verified, const struct audit_line *line)
{
    if (verified->line != 2)
        return fault(verified, "a statement of retention stands in the middle");
    if (line->mark.sequence != verified->first - 1)
        return fault(verified, "retention reached event %" PRId64 ", the file begins with %" PRId64,
                     line->mark.sequence, verified->first);
    memcpy(verified->hash, line->mark.hash, sizeof(verified->hash));
    verified->linked = true;
    verified->retained = line->mark.sequence;
    return check_signature(verified, line, &verified->retained_bare);
}

// Of the event that the earlier export ends with, or the one behind it.
static bool check_known(struct audit_file *verified, const struct audit_event_row *event)
{
    const unsigned char *hash = event->sequence == verified->known_sequence ? event->hash
                                : event->sequence == verified->known_sequence + 1
                                    ? event->previous_hash
                                    : NULL;
    if (verified->known_sequence == 0 || hash == NULL ||
        memcmp(hash, verified->known_hash, sizeof(event->hash)) == 0)
        return true;
    return fault(verified, "event %" PRId64 " is another than in the earlier export",
                 verified->known_sequence);
}

static bool check_event(struct audit_file *verified, const struct audit_event_row *event)
{
    unsigned char hash[AUDIT_HASH_BYTES];
    if (strcmp(event->tenant, verified->tenant) != 0)
        return fault(verified, "event %" PRId64 " is of another tenant", event->sequence);
    if (event->sequence != verified->next)
        return fault(verified, "event %" PRId64 " is missing: %" PRId64 " stands in its place",
                     verified->next, event->sequence);
    audit_hash(event, hash);
    if (memcmp(hash, event->hash, sizeof(hash)) != 0)
        return fault(verified, "event %" PRId64 " was changed: it has not the hash that it had",
                     event->sequence);
    if (verified->linked && memcmp(verified->hash, event->previous_hash, sizeof(hash)) != 0)
        return fault(verified, "event %" PRId64 " does not follow the one before it",
                     event->sequence);
    memcpy(verified->hash, hash, sizeof(hash));
    verified->linked = true;
    verified->next++;
    verified->event_count++;
    return check_known(verified, event);
}

static bool check_head(struct audit_file *verified, const struct audit_line *line)
{
    if (line->mark.sequence != verified->next - 1 || verified->event_count == 0)
        return fault(verified, "a head of event %" PRId64 " does not stand behind it",
                     line->mark.sequence);
    if (memcmp(line->mark.hash, verified->hash, sizeof(verified->hash)) != 0)
        return fault(verified, "the head says another hash of event %" PRId64, line->mark.sequence);
    bool bare = false;
    if (!check_signature(verified, line, &bare))
        return false;
    if (bare) {
        verified->bare_count++;
        return true;
    }
    verified->head = line->mark.sequence;
    verified->head_count++;
    return true;
}

static bool check_line(struct audit_file *verified, char *text, size_t len)
{
    struct audit_line line;
    if (!audit_line_read(text, len, &line))
        return fault(verified, "it is no line of an export");
    if (line.kind != AUDIT_LINE_EXPORT && verified->line == 1)
        return fault(verified, "an export does not begin like this");
    switch (line.kind) {
    case AUDIT_LINE_EXPORT:
        return check_export(verified, &line);
    case AUDIT_LINE_RETAINED:
        return check_retained(verified, &line);
    case AUDIT_LINE_EVENT:
        return check_event(verified, &line.event);
    case AUDIT_LINE_HEAD:
        return check_head(verified, &line);
    }
    return false;
}

// What only the end shows.
static bool check_end(struct audit_file *verified, const struct lines *lines)
{
    if (ferror(lines->file))
        return fault(verified, "the file cannot be read on");
    if (lines->len > lines->at) {
        verified->line++;
        return fault(verified, "the file breaks off here");
    }
    if (verified->line == 0)
        return fault(verified, "the file is empty");
    if (verified->next != verified->last + 1)
        return fault(verified,
                     "the file ends with event %" PRId64 " although it was to hold %" PRId64,
                     verified->next - 1, verified->last);
    if (verified->known_sequence >= verified->next)
        return fault(verified,
                     "the chain ends with event %" PRId64
                     " although an earlier export holds event %" PRId64,
                     verified->next - 1, verified->known_sequence);
    if (verified->known_sequence != 0 && verified->known_sequence < verified->first - 1)
        return fault(verified,
                     "the file begins with event %" PRId64
                     " although the earlier export ends with event %" PRId64
                     ": nothing shows that it goes on from there",
                     verified->first, verified->known_sequence);
    if (verified->event_count == 0)
        return fault(verified, "it holds no event, so there is nothing to verify");
    if (verified->key_count > 0 && verified->head_count == 0)
        return fault(verified,
                     "no head in it is signed by a key that was given, so nothing of it is proven");
    return true;
}

bool audit_file_verify(struct audit_file *verified, FILE *file)
{
    char *data _cleanup_(freep) = malloc(LINE_MAX_BYTES);
    struct lines lines = {.file = file, .data = data};
    char *text;
    size_t len;
    if (data == NULL)
        return fault(verified, "no memory");
    while ((text = next_line(&lines, &len)) != NULL) {
        verified->line++;
        if (!check_line(verified, text, len))
            return false;
    }
    return check_end(verified, &lines);
}
