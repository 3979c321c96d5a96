/* Changes of the account while it is served: what technicians would do between two requests. */
#ifndef ITGLUE_EMULATOR_MUTATION_H
#define ITGLUE_EMULATOR_MUTATION_H

#include <jansson.h>

#include "emulator.h"

/* `object` is one operation or an array of them, done in order; `reply` gets a new array with one
 * object an operation. False: `problem` says why; the operations before it stay done. */
bool mutation_apply(struct emulator *emulator, struct account *account, const json_t *object,
                    json_t **reply, char *problem, size_t size);

#endif
