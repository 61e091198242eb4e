/*
 * txc_mem.h - memory that cannot fail quietly.
 *
 * Small bookkeeping objects come from these: when the system has no memory for
 * them the process stops with a message, before anything else was changed.
 * What a peer can make large (frames, statements, results) is bounded and
 * comes from malloc with its result checked.
 */
#ifndef TXC_MEM_H
#define TXC_MEM_H

#include <stddef.h>

void *txc_malloc (size_t size);
void *txc_calloc (size_t count, size_t size); /* zeroed */
void *txc_realloc (void *memory, size_t size);
char *txc_strdup (const char *text);

/* Copies at most size - 1 bytes of text and ends them with NUL; NULL is "". */
void txc_copy_text (char *target, size_t size, const char *text);

#endif
