/*
 * One change of the account on its way: its JSON, its reply, and the moves that all changes share.
 * A change that fails sets `problem` and leaves the account as it was.
 */
#ifndef ITGLUE_EMULATOR_CHANGE_H
#define ITGLUE_EMULATOR_CHANGE_H

#include <jansson.h>

#include "emulator.h"

struct change {
    struct emulator *emulator;
    struct account *account;
    const json_t *input;
    json_t *reply;
    const char *problem;
};

const char *change_text(const struct change *change, const char *key);
/* An id as a JSON integer or string; 0 when absent. */
int64_t change_id(const struct change *change, const char *key);
bool change_flag(const struct change *change, const char *key, bool missing);
/* The wall clock, but never before the account's own newest date. */
int64_t change_now(const struct change *change);
struct collection *change_collection(const struct change *change, enum collection_id id);
/* The row by "id", or by its "index" in the order of ids; NULL sets the problem. */
struct row *change_row(struct change *change, enum collection_id id);
/* Dates the row (unless "touch" is false), marks the collection, replies with the id. */
void change_finish(struct change *change, enum collection_id id, struct row *row);
/* A new row with the next id; takes `attributes`, an object that is still open. */
struct row *change_insert(struct change *change, enum collection_id id, const char *name,
                          struct text *attributes);
void change_count_folder(struct change *change, int64_t folder_id, int64_t by);
/* Sets an attribute and whatever stands for it beside the text. */
void change_set(struct change *change, enum collection_id id, struct row *row, const char *key,
                json_t *value);

/* The operations that live in files of their own. */
void mutate_rename_organization(struct change *change);
void mutate_delete_organization(struct change *change);
void mutate_insert_organization(struct change *change);
void mutate_add_type(struct change *change);
void mutate_enable_type(struct change *change);
void mutate_delete_type(struct change *change);
void mutate_add_password(struct change *change);
void mutate_set_password_value(struct change *change);
void mutate_set_password_category(struct change *change);
void mutate_move_password(struct change *change);

#endif
