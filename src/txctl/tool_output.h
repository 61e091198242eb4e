/*
 * tool_output.h - whether what a tool said has arrived.
 */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdbool.h>

/* Flushes standard output.  False: not all of it could be written (a full disk, say); that was told on
 * standard error in program's name. */
bool tool_output_end (const char *program);

#endif
