#include "base/txc_mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void s_out_of_memory (size_t size)
{
    fprintf (stderr, "txcoord: out of memory (%zu bytes): the process stops; its log is intact\n", size);
    abort();
}

void *txc_malloc (size_t size)
{
    void *memory = malloc (size ? size : 1);
    if (!memory)
        s_out_of_memory (size);
    return memory;
}

void *txc_calloc (size_t count, size_t size)
{
    void *memory = calloc (count ? count : 1, size ? size : 1);
    if (!memory)
        s_out_of_memory (size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
    return memory;
}

void *txc_realloc (void *memory, size_t size)
{
    void *grown = realloc (memory, size ? size : 1);
    if (!grown)
        s_out_of_memory (size);
    return grown;
}

char *txc_strdup (const char *text)
{
    size_t size = strlen (text) + 1;
    return memcpy (txc_malloc (size), text, size);
}

void txc_copy_text (char *target, size_t size, const char *text)
{
    size_t length = 0;
    if (text)
        while (length + 1 < size && text[length])
            length++;
    if (length)
        memcpy (target, text, length);
    target[length] = '\0';
}
