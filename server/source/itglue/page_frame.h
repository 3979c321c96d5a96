// What page.c and page_frame.c share: the parser's state.
//
// page.c deals with bytes, yajl and the ends of a page; page_frame.c with keys and with what opens
// and closes; page_scalar.c with values.
#pragma once

#include <yajl/yajl_parse.h>

#include "server/source/itglue/draft.h"
#include "server/source/itglue/join.h"
#include "server/source/itglue/out.h"
#include "server/source/itglue/page.h"

// What an open object or array is.
enum itglue_frame {
    FRAME_ROOT,
    FRAME_DATA, // an array of records
    FRAME_RECORD,
    FRAME_ATTRIBUTES,
    FRAME_RELATIONSHIPS,
    FRAME_RELATION, // holds `data`
    FRAME_RELATION_LIST,
    FRAME_RELATION_ITEM,
    FRAME_META,
    FRAME_LINKS,
    FRAME_IDS,
    FRAME_SECTIONS,
    FRAME_SECTION,
    FRAME_TRAITS,
    FRAME_TRAIT_MAP,
    FRAME_TRAIT_LIST,
    FRAME_REFERENCES, // the value of a trait of which only ids are kept
    FRAME_REFERENCE_LIST,
    FRAME_REFERENCE,
    FRAME_SKIPPED,
};

// The meaning of the last key, for those that have one.
enum itglue_key {
    KEY_NONE,
    KEY_DATA,
    KEY_INCLUDED,
    KEY_META,
    KEY_LINKS,
    KEY_ID,
    KEY_TYPE,
    KEY_ATTRIBUTES,
    KEY_RELATIONSHIPS,
    KEY_RELATION,
    KEY_TOTAL_COUNT,
    KEY_NEXT_PAGE,
    KEY_NEXT,
    KEY_ATTRIBUTE, // `attribute` says which
    KEY_SORT,
    KEY_LEVEL,
    KEY_SECTION_KIND,
    KEY_CONTENT,
    KEY_SECTION_INSIDE, // an object whose members count as the section's own
    KEY_TRAIT,
    KEY_REFERENCES, // a trait of which only ids are kept
};

struct itglue_page {
    const struct source_query *query;
    const struct source_sink *sink;
    const struct itglue_kind *kind;
    size_t record_max_bytes;
    yajl_handle yajl;

    // Where we are. `frames` reaches to ITGLUE_DEPTH_MAX; what is deeper is skipped.
    int depth;
    int skipping; // the depth of the container that is skipped, with all inside; 0: none
    enum itglue_frame frames[ITGLUE_DEPTH_MAX + 1];
    enum itglue_key key;
    size_t attribute;
    int record_depth; // of the record's object; 0: between records
    bool included;    // the record is an included one
    int section_depth;
    int trait_depth;
    size_t section; // index

    // Bytes: before the current piece, and at the last opening or closing inside it.
    size_t fed;
    size_t event_offset;
    size_t record_start;

    struct itglue_draft draft;
    struct itglue_out body;
    struct itglue_join join;

    // What the page says.
    bool has_data;
    int record_count;
    int64_t total_count;
    int64_t next_page; // -1: not said, 0: none
    bool links_next, has_links;

    // Why it ended early.
    bool stopped, no_memory;
    const char *refusal;

    // The string in which the last piece ended; see page.c.
    bool in_string;
    int escape_left;
    size_t string_len;
    bool swallowing;
    char *held; // pieces of it that wait, from itglue_malloc
    size_t held_len, held_capacity;

    char too_large[80]; // what is said of a record that is
};

// What opens and closes begins here: notes where it is and checks the record's size. Keys and
// scalars need not: follow() in page.c finds its way among them.
void itglue_page_event(struct itglue_page *page);
// Something is wrong with the record: from here on only its id is of interest.
void itglue_page_fault(struct itglue_page *page, const char *reason, const char *detail);
void itglue_page_drop_rest(struct itglue_page *page);
// False when the sink wants no more.
bool itglue_page_quarantine(struct itglue_page *page, int64_t id, const char *reason,
                            const char *detail);

int itglue_page_on_null(void *context);
int itglue_page_on_boolean(void *context, int flag);
int itglue_page_on_number(void *context, const char *text, size_t len);
int itglue_page_on_string(void *context, const unsigned char *text, size_t len);

extern const yajl_callbacks itglue_page_callbacks;
