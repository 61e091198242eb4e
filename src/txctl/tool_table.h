/*
 * tool_table.h - text tables of the tools.
 *
 * Aligned by the width that a terminal gives the text, which the process's
 * locale decides.
 */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stdbool.h>
#include <stdio.h>

typedef enum tool_format {
    TOOL_ALIGNED, /* with a header, for people */
    TOOL_CSV,     /* RFC 4180 with a header; NULL is an empty field, an empty text "" */
    TOOL_TUPLES   /* values only, separated by tabs; \t \n \r \\ escaped, NULL is \N */
} tool_format_t;

typedef struct tool_table tool_table_t;

tool_table_t *tool_table_new (int n_columns);
void tool_table_destroy (tool_table_t **self_p);

/* Adds a cell, row by row from the left; the first row is the header.  Copies the text; NULL is SQL's NULL.
 */
void tool_table_add (tool_table_t *self, const char *text);
void tool_table_addf (tool_table_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* Prints it; null is what ALIGNED shows for NULL. */
void tool_table_print (const tool_table_t *self, tool_format_t format, const char *null, FILE *out);

#endif
