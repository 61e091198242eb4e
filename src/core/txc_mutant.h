/*
 * txc_mutant.h - rules that the simulator's tests can switch off.
 *
 * TXC_MUTANT (NAME) is the constant 0 in every build of the product.  The
 * simulator builds this folder a second time with TXC_MUTANTS defined; there
 * it is true while that mutant is chosen, so that a test can show that the
 * simulator notices when the rule at that place is missing.
 */
#ifndef TXC_MUTANT_H
#define TXC_MUTANT_H

#ifdef TXC_MUTANTS

/* clang-format off */
#define TXC_MUTANT_MAP(X)                                                                                            \
    X (SESSION_NOT_LOGGED, "a session is told to its client before SessionOpen is durable")                          \
    X (CLOSE_NOT_LOGGED, "a session is told closed before SessionClose is durable")                                  \
    X (COMMIT_BEFORE_DURABLE, "phase 2 begins before the Commit record is durable")                                  \
    X (DECISION_TOLD_EARLY, "decision_logged is answered before the Commit record is durable")                       \
    X (COMPLETED_TOLD_EARLY, "completed is answered when the decision is durable")                                   \
    X (TIMEOUT_WITHOUT_RECORD, "a time-out rolls back without an Abort record")                                      \
    X (ANY_NO_IS_FINAL, "a no that is not final is taken for a final one")                                           \
    X (COMMIT_AFTER_CLOSE, "a Commit behind its SessionClose is valid")                                              \
    X (MARK_PASSES_UNENDED, "a low-water mark passes transactions that are committed and not ended")                 \
    X (HEURISTIC_LET_GO, "an agent may forget a heuristic that is not on record")                                    \
    X (FORGOTTEN_IS_ROLLED_BACK, "what is off the record is answered rolled back")                                   \
    X (ONE_YES_IS_ENOUGH, "a transaction commits when one branch voted yes")                                         \
    X (LAST_ASKED_BEFORE_INTENT, "the last resource is asked before Intent is durable")                              \
    X (INTENT_NOT_RESUMED, "a new leader does not know whose last resource was asked")                               \
    X (LAST_TIMES_OUT, "a time-out rolls back although the last resource was asked")                                 \
    X (LAST_NOT_LAST, "a last resource is asked together with all others")                                           \
    X (LAST_ABSENT_IS_NO, "an agent takes a last resource's branch that it does not know for one that never commits") \
    X (END_BEFORE_ACKS, "End is logged when one branch has acknowledged")                                            \
    X (ENDED_TOLD_EARLY, "agents are told that a transaction ended before End is durable")                           \
    X (NOT_RESUMED, "a new leader does not go on with phase 2")                                                      \
    X (PENDING_IS_ROLLBACK, "an inquiry about an open transaction is answered rolled back")                          \
    X (OLD_BRANCH_PRESUMED, "an old branch of an open session is presumed rolled back, without an Abort record")     \
    X (UNKNOWN_SESSION_PRESUMED, "a branch of a session that the log never opened is rolled back")                   \
    X (ONE_BRANCH_PRESUMED, "a closed session answers for one-branch transactions")                                  \
    X (RECORD_ONLY_IGNORED, "presumption goes on although the RM is another copy of its data")                       \
    X (GUARD_NOT_AWAITED, "the next guard is logged before the agent holds the last one")                            \
    X (FOREIGN_CLUSTER_TOUCHED, "branches of another cluster are taken for ours")                                    \
    X (SCAN_ONCE, "an agent scans at its start only")                                                                \
    X (NEVER_ASKS, "an agent does not ask about branches in doubt")                                                  \
    X (STALE_LEADER_OBEYED, "an agent obeys the leader of an older epoch")                                           \
    X (LOG_LOSS_IGNORED, "a log that was restored from an old copy is accepted")                                     \
    X (OVERTAKEN_WELCOME_LATCHES, "a welcome that was overtaken is taken for a lost log")                            \
    X (OTHER_INCARNATION_ACCEPTED, "a first statement addressed to another incarnation begins a branch")             \
    X (REPEATED_RUNS_AGAIN, "a repeated statement is run again")                                                     \
    X (FAILED_STATEMENT_FORGIVEN, "a branch stays good after a failed statement")                                    \
    X (COUNT_IGNORED, "a branch whose statements are not those the commit names votes yes (and failed ones are forgiven)")                                                    \
    X (ABSENT_IS_FINAL_NO, "a branch that is not known here is a final no")                                          \
    X (VOTE_BEFORE_PREPARED, "the vote is sent when PREPARE is sent")                                                \
    X (READ_ONLY_ENDS_EARLY, "a read-only branch ends with its vote")                                                \
    X (LOST_PREPARE_IS_FINAL_NO, "a connection lost during PREPARE is a final no, without a look")                   \
    X (LOST_PREPARE_IS_YES, "a connection lost during PREPARE is a yes")                                             \
    X (TIMER_ENDS_PREPARED, "a branch that voted yes is rolled back on a timer")                                     \
    X (COMMITTING_NOT_JOURNALED, "phase 2 begins without the journal saying so")                                     \
    X (LOST_COMMIT_IS_DONE, "a commit whose answer was lost counts as done")                                         \
    X (LOST_ROLLBACK_IS_DONE, "a rollback whose answer was lost counts as done")                                     \
    X (UNPROVED_IS_DONE, "a branch that is not listed counts as committed, without a proof")                         \
    X (EVIDENCE_IGNORED, "a branch that the RM says it rolled back counts as committed")                             \
    X (ONE_PHASE_INTENT_IS_PROOF, "a one-phase commit that was asked for counts as done")                            \
    X (ONE_PHASE_UNKNOWN_IS_NO, "a one-phase commit without evidence is answered rolled back")                       \
    X (PROOF_FORGOTTEN_AT_ACK, "the journal forgets a commit when it was acknowledged, not when it ended")           \
    X (PHASE2_NOT_REPEATED, "phase 2 is not tried again when the RM was busy")                                       \
    X (WAIT_OVER_IS_ROLLED_BACK, "an application that has waited long enough is told rolled back")                   \
    X (SILENT_OWNER_IS_NO, "an enlisted branch whose owner is silent is a final no, without a look")                 \
    X (SILENT_OWNER_OVERRULED, "an enlisted branch whose owner is silent is rolled back though it is prepared")      \
    X (OWNER_OBEYS_A_TIMER, "the application rolls a prepared branch back because its agent's time is over")         \
    X (OWNER_OBEYS_THE_LEADER, "the application rolls prepared branches back as the leader says, whatever log it has") \
    X (OWNER_COMMITS_EARLY, "the application commits its enlisted branches when they are prepared")                   \
    X (OWNER_FAILURE_IS_YES, "an enlisted branch that the resource manager refused to prepare is told prepared")     \
    X (ATTACHED_IGNORED, "a transaction commits while another process is attached")                                  \
    X (SHARED_ONE_PHASE, "a transaction of several branches commits its first in one phase")                         \
    X (ORIGIN_IS_SESSION, "statements carry the number of the session that is open now")                             \
    X (COMMIT_GIVEN_UP, "a commit that was not answered is given up after a while and rolled back")              \
    X (PROMISE_NOT_FORCED, "a promise is sent before it is durable")                                                 \
    X (ACCEPT_BELOW_PROMISE, "a value is accepted below the promise")                                                \
    X (LEADER_COUNTS_EARLY, "acceptances are counted before they are durable")                                      \
    X (LOWEST_BALLOT_WINS, "a gap is filled with the value of the lowest ballot")                                    \
    X (FOUND_IGNORED, "values that only others accepted are not proposed again")                                     \
    X (LEARNER_IGNORES_BALLOT, "a commit index is taken for values that were accepted under another ballot")        \
    X (LEASE_RESTART_SKIPPED, "a replica that was restarted promises at once")                                       \
    X (LEASE_NOT_KEPT, "a replica promises although it granted somebody a lease")                                    \
    X (LEASE_WITHOUT_MARGIN, "the leader counts on its lease for longer than it was granted")                        \
    X (LEASE_PRESUMED, "a leader answers without a lease")                                                           \
    X (CONFIRMED_BEFORE_ASKED, "an answer without a lease rests on a majority that was asked before the question came") \
    X (STAMPS_NOT_MERGED, "stamps do not heed what other processes have sent") \
    X (JOINS_WITHOUT_DISK, "a replica asks to join before its disk's number is durable") \
    X (JOINER_NOT_CAUGHT_UP, "a replica becomes a member before it was heard of") \
    X (MEMBERS_NOT_AWAITED, "values are proposed behind a membership that is not chosen yet") \
    X (FOUND_MEMBERS_NOT_ASKED, "a candidate passes over the memberships that it finds in phase 1") \
    X (VOID_MEMBERS_GOVERN, "a membership that is void governs") \
    X (SNAPSHOT_SLOT_HIDDEN, "a promise does not say up to where a snapshot took the values' place") \
    X (SNAPSHOT_LOWERS_PROMISE, "installing a snapshot forgets the promise") \
    X (BOUND_BEFORE_NAMED, "a majority is enough for the first value, which names the group") \
    X (SNAPSHOT_WITHOUT_BARRIER, "a snapshot does not say which barrier was applied last") \
    X (AMNESIA_VOTES, "a member whose disk is a new one votes")                                                      \
    X (OLD_ORIGIN_VALID, "a value of an earlier leadership behind a barrier is valid")                               \
    X (SERVES_BEFORE_BARRIER, "a new leader serves before its barrier is applied")                                   \
    X (VOTE_BELOW_PROMISE, "an acceptor takes votes below its promise, of instances that it had not heard of")       \
    X (VOTE_TOLD_EARLY, "a vote is told to be held before it is durable")                                            \
    X (VOTES_NOT_PROMISED, "a promise does not carry the votes that are held")                                       \
    X (ONE_ACCEPTOR_IS_ENOUGH, "a vote that one acceptor holds counts")                                              \
    X (READ_ONLY_NOT_HELD, "a read-only vote counts before a majority holds it")                                     \
    X (VOTES_OVERRULE_ABORT, "votes decide although Abort is proposed")                                              \
    X (CLOSE_NOT_AWAITED, "SessionClose is proposed while votes are open, and they decide nevertheless")             \
    X (FOUND_VOTES_DECIDE, "votes that a new leader found decide, before Commit is applied")                         \
    X (FOUND_VOTES_IGNORED, "a new leader does not look at votes that were cast")                                    \
    X (SNAPSHOT_DROPS_VOTES, "installing a snapshot forgets the votes that are held")                                \
    X (MEMBERS_CHANGE_OPEN_VOTES, "members change while votes are open")                                             \
    X (CLOSED_VOTES_TAKEN, "votes for decided or closed transactions are taken")                                     \
    X (LAST_ATTEMPT_IGNORED, "an elected terminator pre-commits if any member is pre-committed, under whatever number") \
    X (ONE_ACK_DECIDES, "one member's pre-commit decides a three-phase commit") \
    X (LOWER_NUMBER_GRANTED, "a member grants a terminator's number below one that it granted") \
    X (GRANT_NOT_FORCED, "a member tells its state to a terminator before its grant is durable") \
    X (ANY_NUMBER_ATTEMPTS, "a member pre-commits under a number that it did not grant last") \
    X (PRECOMMIT_ACKED_EARLY, "a pre-commit is acknowledged before it is durable") \
    X (VOTE_NOT_FORCED, "the yes-vote of a three-phase commit is sent before the journal has it") \
    X (LOST_JOURNAL_VOTES, "a member whose journal is lost takes a prepared branch for one that never voted") \
    X (LOST_JOURNAL_IS_NO, "a member whose journal is lost refuses for branches that it may have voted for") \
    X (PEER_UNKNOWN_IS_ABORT, "a participant that does not know what became of a transaction tells its peers that it is aborted") \
    X (LOG_ALONE_ABORTS, "a leader that may not be the first aborts a three-phase commit by itself") \
    X (CLOSE_ENDS_3PC, "the session's end rolls three-phase commits back") \
    X (LEARNED_IS_VOID, "a final state that the log learns behind the session's end is void") \
    X (PENDING_3PC_IS_ROLLBACK, "an inquiry about a three-phase commit of which nothing is on record is answered rolled back") \
    X (FORGOTTEN_IS_GRANTED, "the group grants a number for a three-phase commit of which it has forgotten what it knew") \
    X (CHECKPOINT_KEEPS_OLD_END, "a checkpoint keeps a member's older pre-decision as its end, though the outcome came meanwhile") \
    X (CHECKPOINT_KEEPS_OLD_GUARD, "a checkpoint of an agent's journal drops the guard and the epoch that are on their way to the disk") \
    X (TOKEN_BEFORE_BIRTH, "a token of a three-phase commit is given out before the journal has its number") \
    X (ABSTAINING_PRESUMED, "a branch of a lost journal is ended by presumption") \
    X (LISTED_MAY_BE_COMMITTED, "the journal proves the commit of a branch that was listed after it was written") \
    X (WINDOW_PASSED, "what lies beyond its session's window is settled and rolled back on record") \
    X (SYNC_SKIPPED, "shell: what was only written is reported durable")                                             \
    X (DURABLE_TOLD_EARLY, "shell: entries are reported durable when they are written")                              \
    X (WORK_BEFORE_JOURNAL, "shell: work begins before entries are written to the journal")                          \
    X (LISTED_IS_DONE, "plugin: phase 2 that was refused although the branch is listed counts as done")              \
    X (NO_FENCE, "plugin: a lost session is not ended before its branch is looked up, and absence is a final no")    \
    X (ABSENT_IS_OK, "plugin: ending a branch that is not listed counts as done")                                    \
    X (LOST_IS_ROLLED_BACK, "plugin: a connection lost during PREPARE is reported as rolled back")
/* clang-format on */

#define TXC_MUTANT_ENUM(name, text) TXC_MUTANT_##name,
enum { TXC_MUTANT_NONE, TXC_MUTANT_MAP (TXC_MUTANT_ENUM) TXC_MUTANT_COUNT };
#undef TXC_MUTANT_ENUM

extern int txc_mutant; /* the one that is chosen */
#define TXC_MUTANT(name) (txc_mutant == TXC_MUTANT_##name)

#else
#define TXC_MUTANT(name) 0
#endif

#endif
