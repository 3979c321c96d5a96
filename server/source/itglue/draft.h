// A record while it is being parsed, and its making into a struct source_record.
//
// A draft holds the kept attributes only, cleaned, in one scratch buffer; it is reused from record
// to record. Whatever is wrong with a record is remembered as its fault, first one wins, and the
// record ends in quarantine.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/source/itglue/kind.h"
#include "server/source/itglue/out.h"

// A scalar as the parser met it. `text` is borrowed for the call and not closed by NUL.
struct itglue_scalar {
    enum itglue_scalar_type {
        ITGLUE_NULL,
        ITGLUE_TRUE,
        ITGLUE_FALSE,
        ITGLUE_NUMBER,
        ITGLUE_STRING,
    } type;
    const char *text;
    size_t len;
};

// A piece of the scratch buffer.
struct itglue_span {
    size_t offset;
    size_t len;
};

struct itglue_value {
    enum {
        ITGLUE_ABSENT,
        ITGLUE_IS_NULL,
        ITGLUE_IS_TRUE,
        ITGLUE_IS_FALSE,
        ITGLUE_IS_NUMBER, // text in the scratch, closed by NUL
        ITGLUE_IS_STRING, // likewise
        ITGLUE_IS_JSON,   // finished JSON in the scratch
        ITGLUE_IS_LIST,   // the draft's sections or traits
        ITGLUE_IS_OTHER,  // an object or array where none is expected
    } is;
    struct itglue_span text;
};

struct itglue_section {
    size_t attribute; // the row it came under
    size_t order;     // of arrival
    int64_t sort;
    int64_t level;
    struct itglue_span kind; // JSON strings; len 0: none
    struct itglue_span html;
};

struct itglue_trait {
    struct itglue_span key;    // a JSON string
    struct itglue_span member; // "key":value
    size_t order;
};

// The key that came at a place among the attributes of the record before, and its row. A page has
// the same keys in the same order in each record, so that the next one need not be searched for.
struct itglue_guess {
    const struct itglue_type *type;
    unsigned char len;
    unsigned char row;
    char key[30];
};

enum { ITGLUE_GUESSES = 48 };

struct itglue_draft {
    const struct itglue_type *type;
    struct itglue_guess guesses[ITGLUE_GUESSES];
    size_t attributes_seen;
    int64_t id; // 0: none yet
    bool type_differs;
    const char *fault_reason; // NULL: none
    const char *fault_detail;
    struct itglue_value values[ITGLUE_ATTRIBUTES_MAX];
    struct itglue_out scratch;
    struct itglue_section *sections;
    size_t section_count, section_capacity;
    struct itglue_trait *traits;
    size_t trait_count, trait_capacity;
    int64_t *related_ids; // that relationships name
    size_t related_count, related_capacity;
};

void itglue_draft_init(struct itglue_draft *draft, size_t max_bytes);
void itglue_draft_done(struct itglue_draft *draft);
// Begins a record of `type`, forgetting the one before.
void itglue_draft_start(struct itglue_draft *draft, const struct itglue_type *type);

// Remembers what is wrong, unless something was before, and drops the content.
void itglue_draft_fault(struct itglue_draft *draft, const char *reason, const char *detail);

// Sets id and type from their members.
void itglue_draft_set_id(struct itglue_draft *draft, const struct itglue_scalar *scalar);
void itglue_draft_set_type(struct itglue_draft *draft, const struct itglue_scalar *scalar);
// The row of the next attribute; ITGLUE_ATTRIBUTES_MAX if it is not kept.
size_t itglue_draft_find(struct itglue_draft *draft, const char *key, size_t len);
// Sets a kept attribute to a scalar.
void itglue_draft_set(struct itglue_draft *draft, size_t attribute,
                      const struct itglue_scalar *scalar);
// Adds a related id; whatever is no id is passed over.
void itglue_draft_relate(struct itglue_draft *draft, const struct itglue_scalar *scalar);
// A new section under `attribute`; NULL with a fault when there is no memory.
struct itglue_section *itglue_draft_section(struct itglue_draft *draft, size_t attribute);
// Keeps `text` as a JSON string.
struct itglue_span itglue_draft_json(struct itglue_draft *draft, const char *text, size_t len);

// An id as a number or as text; 0 if it is neither.
int64_t itglue_scalar_id(const struct itglue_scalar *scalar);

// The first integer of a row with `target`; 0: none.
int64_t itglue_draft_integer(const struct itglue_draft *draft, enum itglue_target target);
// Whether a row with `target` has a value other than null and empty text; true without such a row.
bool itglue_draft_has(const struct itglue_draft *draft, enum itglue_target target);
// Writes the attributes of the body as a JSON object, left open if `open`.
bool itglue_draft_body(const struct itglue_draft *draft, bool open, struct itglue_out *body);
// Fills the fields of `record` but body and hash; its strings point into the draft. A value that
// cannot be understood becomes the draft's fault, and the result false.
bool itglue_draft_record(struct itglue_draft *draft, const struct itglue_kind *kind,
                         const struct source_query *query, struct source_record *record);
// Fills content_hash from everything else, with XXH3. It tells whether a record changed, not who
// changed it: whoever could forge a collision upstream can write there what they like anyway.
void itglue_record_hash(struct source_record *record);

// Makes room for one item more in a growing array. False: no memory.
bool itglue_grow(void *items, size_t *capacity, size_t count, size_t item_bytes);
