// The lines of an export: one JSON object each, closed by a newline. audit/README.md says what they
// hold and how to verify them.
//
// The reader takes what the writer writes: keys in the order of the canonical form, no space
// between. Whatever else is JSON all the same is refused.
#pragma once

#include "server/audit/canonical.h"
#include "server/base/buffer.h"

enum audit_line_kind {
    AUDIT_LINE_EXPORT,   // the first: what the file holds
    AUDIT_LINE_RETAINED, // what stands for events that retention removed
    AUDIT_LINE_EVENT,
    AUDIT_LINE_HEAD,
};

struct audit_line {
    enum audit_line_kind kind;
    const char *tenant;           // of all but an event, which has its own
    int64_t first, last;          // of EXPORT: the sequences that follow; last 0: none
    struct audit_event_row event; // of EVENT
    struct audit_mark mark;       // of HEAD and RETAINED
};

void audit_line_write_export(struct buffer *buffer, const char *tenant, int64_t first,
                             int64_t last);
void audit_line_write_event(struct buffer *buffer, const struct audit_event_row *row);
void audit_line_write_mark(struct buffer *buffer, const char *tenant,
                           const struct audit_mark *mark);

// Reads a line without its newline. Decodes in place: what is read points into `text`, which is
// writable and has a byte to spare behind `len`. False: it is no line of an export.
bool audit_line_read(char *text, size_t len, struct audit_line *ret_line);
