/* The word lists that the account is made of: invented companies, people, topics, no real ones. */
#ifndef ITGLUE_EMULATOR_WORDS_H
#define ITGLUE_EMULATOR_WORDS_H

#include <stddef.h>

#include "random.h"

struct words {
    const char *const *list;
    size_t count;
};

extern const struct words words_odd_names; /* umlauts, emoji, right-to-left, full width, twins */
extern const struct words words_company;
extern const struct words words_branch;
extern const struct words words_legal_form;
extern const struct words words_first_name;
extern const struct words words_last_name;
extern const struct words words_topic;
extern const struct words words_document;
extern const struct words words_folder;
extern const struct words words_system;
extern const struct words words_checklist;
extern const struct words words_task;
extern const struct words words_plain;

const char *words_pick(const struct words *words, struct random *random);

#endif
