#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (!memory) {
        fputs("itglue_emulator: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *memory_get(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

void *memory_grow(void *old, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return checked(NULL);
    return checked(realloc(old, count ? count * size : 1));
}

char *memory_text_n(const char *text, size_t length)
{
    char *copy = memory_get(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

char *memory_text(const char *text)
{
    return memory_text_n(text, strlen(text));
}
