#include "client/blast_radius.h"

#include <stdio.h>

#include "client/field.h"
#include "client/session.h"
#include "docbridge/v1/common.pb-c.h"

typedef Docbridge__V1__BlastRadius__Counts Counts;

enum { COMPANIES_MAX = 10 };

// Such as "3 documents, 1 password"; empty if nothing is counted.
static void put_counts(struct buffer *text, const Counts *counts)
{
    if (counts == NULL)
        return;
    const struct {
        int32_t count;
        const char *one;
    } parts[] = {{counts->documents, "document"},
                 {counts->flexible_assets, "flexible asset"},
                 {counts->checklists, "checklist"},
                 {counts->passwords, "password"}};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].count > 0)
            buffer_printf(text, "%s%d %s%s", text->len == 0 ? "" : ", ", parts[i].count,
                          parts[i].one, parts[i].count == 1 ? "" : "s");
}

static void note(struct session *session, const char *verb, const Counts *counts, const char *of)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 256);
    put_counts(&text, counts);
    if (text.len > 0)
        session_note(session, "%s %s %s", verb, text.data, of);
}

static void note_effects(struct session *session, const Docbridge__V1__BlastRadius *radius,
                         const char *shows, const char *hides)
{
    if (radius->n_effects > COMPANIES_MAX) {
        note(session, shows, radius->shown, "in all");
        note(session, hides, radius->hidden, "in all");
    }
    for (size_t i = 0; i < radius->n_effects && i < COMPANIES_MAX; i++) {
        const Docbridge__V1__BlastRadius__Effect *effect = radius->effects[i];
        char of[160];
        (void)snprintf(of, sizeof(of), "to readers of %s", effect->company);
        note(session, shows, effect->shown, of);
        (void)snprintf(of, sizeof(of), "from readers of %s", effect->company);
        note(session, hides, effect->hidden, of);
    }
    if (radius->n_effects > COMPANIES_MAX)
        session_note(session, "and so on for %zu more companies; -o json tells of each",
                     radius->n_effects - COMPANIES_MAX);
}

void blast_radius_note(struct session *session, const ProtobufCMessage *answer)
{
    bool dry_run = parse_has(session->arguments, "dry-run");
    const ProtobufCFieldDescriptor *field = field_find(answer->descriptor, "blast_radius");
    if (field == NULL || !field_is_set(answer, field))
        return;
    const Docbridge__V1__BlastRadius *radius =
        *(const Docbridge__V1__BlastRadius *const *)(const void *)((const char *)answer +
                                                                   field->offset);
    note_effects(session, radius, dry_run ? "would show" : "shows",
                 dry_run ? "would hide" : "hides");
    if (radius->unsynced_count > 0)
        session_note(session,
                     "organizations never synced: %d; what they show their first sync tells",
                     radius->unsynced_count);
    if (dry_run)
        session_note(session, "nothing was changed%s%s",
                     radius->etag[0] == '\0' ? "" : "; to go on: --etag ", radius->etag);
}
