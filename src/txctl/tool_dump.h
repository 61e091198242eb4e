/*
 * tool_dump.h - records of a log and entries of a journal, as JSON for operators.
 */
#ifndef TOOL_DUMP_H
#define TOOL_DUMP_H

#include <jansson.h>
#include <stddef.h>

#include "core/txc_record.h"

/* What an entry of a coordinator's log holds: slot, epoch, and the record with the members that its type
 * uses.  The caller's; NULL if it cannot be read. */
json_t *tool_dump_record (const void *bytes, size_t size);

/* A value of the log. */
json_t *tool_dump_value (uint64_t slot, const txc_rec_t *record);

/* The same for an entry of an agent's journal. */
json_t *tool_dump_journal (const void *bytes, size_t size);

#endif
