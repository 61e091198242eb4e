/*
 * coord_answer.h - answers to operators, shared by the files that make them.
 */
#ifndef COORD_ANSWER_H
#define COORD_ANSWER_H

#include <jansson.h>

#include "txcoord/coord.h"

/* --- coord_answer.c */

/* Sends an answer.  Takes it over. */
void coord_answer (coord_t *self, uint64_t route, json_t *answer);

/* Sends it once everything proposed so far is chosen and applied; or (until_ms) once another replica leads,
 * and an error if none does by then.  Takes it over. */
void coord_answer_hold (coord_t *self, uint64_t route, uint64_t until_ms, json_t *answer);

/* False: too many operators wait already. */
bool coord_answer_may_hold (const coord_t *self);

json_t *coord_answer_error (int code, const char *text);
json_t *coord_answer_busy (void);
/* Sends whoever asks to the leader, if it is known. */
json_t *coord_answer_not_leader (const txc_replica_status_t *status);

json_t *coord_answer_hex (uint64_t number);
json_t *coord_answer_u64 (uint64_t number);

/* --- coord_group.c */

const char *coord_group_state (const txc_replica_status_t *status);
/* Who leads, or null. */
json_t *coord_group_leader (const txc_replica_status_t *status);
json_t *coord_group_members (const coord_t *self, const txc_replica_status_t *status);
/* Answers member-list. */
json_t *coord_group_list (const coord_t *self);
/* Carries out leader-transfer or a member-... command, and answers it. */
void coord_group_change (coord_t *self, uint64_t route, const json_t *request, uint8_t type);

#endif
