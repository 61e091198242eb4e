/*
 * txc_zpl.h - a ZPL file as a list of lines with paths.
 *
 * czmq's zconfig reads the file; but it accepts much silently that is hardly
 * ever meant (a line of more than 1,024 bytes is cut, a '#' in a password ends
 * it) and does not tell lines.  So every line is checked before.
 */
#ifndef TXC_ZPL_H
#define TXC_ZPL_H

#include <stddef.h>

#include "core/txc_message.h"

typedef struct txc_zpl_item {
    char *path;  /* "log/folder" */
    char *value; /* "" for a section */
    unsigned line;
    unsigned children;
} txc_zpl_item_t;

typedef struct txc_zpl {
    txc_zpl_item_t *items; /* in the order of the file */
    size_t n_items;
} txc_zpl_t;

/* Reads a file.  TXC_OK, TXC_EIO, TXC_ECONFIG; error names file and line.  After an error self is empty. */
int txc_zpl_read (txc_zpl_t *self, const char *file, txc_error_t *error);

/* A copy of an item at the end. */
void txc_zpl_append (txc_zpl_t *self, const txc_zpl_item_t *item);

void txc_zpl_fini (txc_zpl_t *self);

/* Sets error to "FILE:LINE: " and the text; a long file name is cut at its beginning.  line 0: none.  Returns
 * code. */
int txc_zpl_error (txc_error_t *error, int code, const char *file, unsigned line, const char *format, ...)
    __attribute__ ((format (printf, 5, 6)));

#endif
