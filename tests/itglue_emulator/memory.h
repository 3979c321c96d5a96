/*
 * Allocation for a test tool: running out of memory ends the process with a message, because an
 * emulator that answers half a page would make the tested product look wrong.
 */
#ifndef ITGLUE_EMULATOR_MEMORY_H
#define ITGLUE_EMULATOR_MEMORY_H

#include <stddef.h>

void *memory_get(size_t count, size_t size);
void *memory_grow(void *old, size_t count, size_t size);
char *memory_text(const char *text);
char *memory_text_n(const char *text, size_t length);

#endif
