// What each kind of record looks like at IT Glue and which of it is kept: tables, no code.
//
// An attribute without a row is skipped while parsing and never kept: that is how the value and the
// notes of passwords, rendered content and autofill selectors stay out.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/source/source.h"

// Where an attribute goes: a field of struct source_record, or the body under `body_key`.
enum itglue_target {
    ITGLUE_BODY,
    ITGLUE_NAME,
    ITGLUE_WEB_URL,
    ITGLUE_ORGANIZATION,
    ITGLUE_TYPE,
    ITGLUE_FOLDER,
    ITGLUE_DOCUMENT_COUNT, // of a folder; -1: it does not say
    ITGLUE_CATEGORY,
    ITGLUE_RESTRICTED,
    ITGLUE_ARCHIVED,
    ITGLUE_PERSONAL,
    ITGLUE_VAULT,
    ITGLUE_CREATED,
    ITGLUE_UPDATED,
    ITGLUE_PUBLISHED,
    ITGLUE_PASSWORD_UPDATED,
    ITGLUE_COMPLETED,      // in the body too
    ITGLUE_PARENT,         // of an included record: the id of the record it belongs to
    ITGLUE_POSITION,       // of an included record: its place among its like; in the body too
    ITGLUE_FIELD_KEY,      // of a field of a type: what its traits are called; in the body too
    ITGLUE_SECTIONS_AGAIN, // a second name for the sections, used if the first has none
};

// What is expected of a value. Others are tolerated where the meaning stays clear.
enum itglue_form {
    ITGLUE_TEXT,
    ITGLUE_INTEGER, // as a number or as text
    ITGLUE_BOOLEAN, // also 1, 0, "Yes" ...
    ITGLUE_TIME,
    ITGLUE_ANY,      // only whether there is one
    ITGLUE_IDS,      // an array of ids, also as the text of a JSON array
    ITGLUE_TRAITS,   // an object, kept as JSON without secrets
    ITGLUE_SECTIONS, // an array of sections, or the HTML alone
    // The kind of a field of a type. Who stores types takes the traits of kind Password for secret
    // and all others for open, so a kind that is missing or not known is written as Password.
    ITGLUE_FIELD_KIND,
    // The default of a field of a type: the choices of a Select. Of any other kind it is dropped,
    // since a default of kind Password would be a secret.
    ITGLUE_FIELD_DEFAULT,
};

struct itglue_attribute {
    const char *key; // kebab-case
    enum itglue_target target;
    enum itglue_form form;
    const char *body_key; // as it is written: ,"key":
    size_t body_key_len;
};

enum { ITGLUE_ATTRIBUTES_MAX = 24 };

// A JSON:API type: that of a kind, or of records that come along as `included`.
struct itglue_type {
    const char *name; // kebab-case
    const struct itglue_attribute *attributes;
    size_t attribute_count;
};

// What a record without organization-id means.
enum itglue_ownerless {
    ITGLUE_OWNER_NONE,     // the kind belongs to the account
    ITGLUE_OWNER_REQUIRED, // malformed
    ITGLUE_OWNER_OF_PATH,  // the organization whose list was asked for
};

struct itglue_kind {
    struct itglue_type type;
    bool type_certain; // another `type` is malformed; else it is not looked at
    enum itglue_ownerless ownerless;
    const char *resource;      // in paths
    bool nested_only;          // there is no list of the whole account
    const char *sort;          // by a key that does not move while walking; NULL: none documented
    const char *newest_sort;   // the latest changed first; NULL: -updated_at
    const char *include;       // NULL: none
    const char *relationship;  // under which the included records are referred to
    const char *joined_key;    // of the body
    bool joined_scalar;        // the body gets the first attribute alone, not an object
    bool joined_required;      // a record of which an included one is missing is malformed
    struct itglue_type joined; // the included records
};

const struct itglue_kind *itglue_kind(enum source_kind kind);
