/*
 * threepc.pml - three-phase commit: E3PC (Keidar and Dolev) over two branches and the coordinator's group.
 *
 * One transaction.  Member 0 is the group, whose state is in its log; members 1 and 2 are branches, whose state is in
 * their agents' journals.  Two leaders of the group; the first may be deposed and not know it.  The leader for which both
 * branches voted is terminator 1; the group draws number 2, a branch number 3, in any order and at any time; the highest
 * number is drawn by any member that lives, once faults have stopped.  One member is lost for good at most,
 * or one journal.  doc/model.md says what is left out, and what these actions stand for.
 *
 * Messages are sets that only grow: what was sent may be taken at any time, never, or again.  What rests on a write to a
 * log or a journal is one step with it; that it is sent before it is durable is a step that sends and does not write.
 * What nobody will look at again is forgotten, to keep states few.
 *
 * Properties
 *   - whoever comes to an outcome, by acks of a majority, alone, or by asking, comes to the same one;
 *   - with one member or one journal lost for good, all members that live come to know it.
 *
 * Each of these macros takes one rule away, and must be found out:
 *
 *   LOWER_NUMBER_GRANTED  a member grants a number below one that it granted
 *   GRANT_NOT_FORCED      a member tells its state before its grant is durable
 *   ANY_NUMBER_ATTEMPTS   a member takes an attempt under a number that it did not grant last
 *   ATTEMPT_NOT_FORCED    it acknowledges PreCommit or PreAbort before it is durable
 *   LAST_ATTEMPT_IGNORED  an elected terminator pre-commits if any member is pre-committed, under whatever number
 *   MINORITY_ELECTS       one state is enough for a terminator
 *   ONE_ACK_DECIDES       one ack is enough for it
 *   NUMBER_TWICE          two leaders act under the group's number, which no log record granted to one of them
 *   VOTE_NOT_FORCED       a yes-vote is sent before it is durable; a branch found prepared without it is rolled back
 *   ASKED_MAY_VOTE        a member that was asked before it voted grants, and may vote yes later
 *   LOST_JOURNAL_ANSWERS  a member that lost its journal answers as one that has just voted
 *   LOST_JOURNAL_IS_NO    it takes its prepared branch for one that never voted
 *   ABORTS_AFTER_PRECOMMIT terminator 1 aborts alone though it sent PreCommit
 *   LOG_ALONE_ABORTS      a new leader for which nobody voted aborts alone
 *   OLD_VOTES             a new leader takes votes for an earlier one as cast for itself
 *   CLOSE_ENDS            SessionClose rolls back
 *   LEARNED_IS_VOID       a Commit that the log learns behind SessionClose is void: rolled back
 *   PENDING_IS_ROLLBACK   the leader answers rollback where nothing is on record
 *   FINAL_NOT_TOLD        a member that knows the outcome tells nobody (somebody stays in doubt)
 *   NO_TERMINATOR         only the leader ends transactions (somebody stays in doubt)
 *
 * That any final state wins is needed to end, not to agree; a member that knows the outcome may go on to answer like others:
 *
 *   FINAL_GOES_ON
 *
 * TIMEOUT is the other rule, for study: a branch aborts on a timer before PreCommit, and commits on one after it.
 *
 *   TIMEOUT                         loses atomicity: timers run where a link is cut or slow
 *   TIMEOUT CONNECTED               loses it also where timers run only when the leader is dead and all that it sent has
 *                                   come: it may die between two PreCommits
 *   TIMEOUT CONNECTED WHOLE_SENDS   does not: it sends both or none
 */
#define GROUP   0
#define MEMBERS 3
#define NOBODY  MEMBERS
#define FIRST   1
#define LAST    4 /* drawn by whoever lives, when faults have stopped */
#define AT(t, m) ((t) * MEMBERS + (m))

#define NONE   0
#define ABORT  1
#define COMMIT 2

/* A member's state, durable.  The group needs no vote. */
byte voted_for[MEMBERS]; /* the leader, 1 or 2; 0: it did not vote */
byte elected[MEMBERS] = FIRST;
byte attempt[MEMBERS]; /* number, and whether it is a pre-commit */
#define ATTEMPT(t, kind) ((t) * 2 + ((kind) == COMMIT))
bool knows[MEMBERS]; /* the outcome */
byte lost = NOBODY;  /* its journal is */
byte dead = NOBODY;

byte outcome; /* that anyone ever came to */

/* Messages. */
bool started[LAST + 1];                 /* a terminator asks for states */
byte told[(LAST + 1) * MEMBERS];        /* a state, and 1; forgotten when nobody waits for it */
bool precommit[LAST + 1], preabort[LAST + 1];
bool committing[(LAST + 1) * MEMBERS], aborting[(LAST + 1) * MEMBERS]; /* acks */

/* Leaders. */
bool deposed; /* the first one; the second leads */
bool gave_up; /* the first one did: it aborted alone */
byte first;   /* who sent PreCommit as terminator 1 */

hidden byte hi, lo, k;

/* Nobody asks it any more. */
inline forget (m)
{
#ifndef FINAL_GOES_ON
    elected[m] = 0;
    attempt[m] = 0
#else
    skip
#endif
}

inline conclude (kind)
{
    assert (outcome == NONE || outcome == kind);
    outcome = kind
}

#define IS_BRANCH(m)  ((m) != GROUP)
#define IS_UP(m)      (dead != (m) && lost != (m))
#define HAS_VOTED(m)  (!IS_BRANCH (m) || voted_for[m] != 0)
#ifdef FINAL_GOES_ON
#define IN_DOUBT(m)   true
#else
#define IN_DOUBT(m)   !knows[m]
#endif
#define ANSWERS(m)    (IS_UP (m) && HAS_VOTED (m) && IN_DOUBT (m))

/* --- terminators ---------------------------------------------------------------------------------------------------------- */

#define SENT(t)     (precommit[t] || preabort[t])
#define TOLD(t, m)  told[AT (t, m)]
#define HI(x, y)    ((x) > (y) -> (x) : (y))
#define LO(x, y)    ((x) > (y) -> (y) : (x))

/* A majority told its states.  Pre-commit iff there are members at the highest attempt, and all of those pre-committed. */
inline begin_attempt (t, x, y)
{
    hi = HI (TOLD (t, x), TOLD (t, y)) - 1;
    lo = LO (TOLD (t, x), TOLD (t, y)) - 1;
    if
#ifdef LAST_ATTEMPT_IGNORED
    :: hi % 2 == 1 || lo % 2 == 1 -> precommit[t] = true
#endif
    :: hi % 2 == 1 && (hi / 2 != lo / 2 || lo % 2 == 1) -> precommit[t] = true
    :: else -> preabort[t] = true
    fi;
#ifndef NUMBER_TWICE
    for (k : 0 .. MEMBERS - 1) {
        told[AT (t, k)] = 0
    }
#endif
}

#ifdef NUMBER_TWICE
#define MAY_ATTEMPT(t) (!SENT (t) || ((t) == 2 && !(precommit[t] && preabort[t])))
#else
#define MAY_ATTEMPT(t) (!SENT (t))
#endif
#define IS_ELECTED(t, x, y) (MAY_ATTEMPT (t) && TOLD (t, x) && TOLD (t, y))

#define VOTES(who, t) (who[AT (t, 0)] + who[AT (t, 1)] + who[AT (t, 2)])
#ifdef ONE_ACK_DECIDES
#define MAJORITY 1
#else
#define MAJORITY 2
#endif

inline acknowledge (t, m, kind)
{
    if
    :: kind == COMMIT -> committing[AT (t, m)] = true
    :: else -> aborting[AT (t, m)] = true
    fi;
    if
    :: VOTES (committing, t) >= MAJORITY -> conclude (COMMIT)
    :: else
    fi;
    if
    :: VOTES (aborting, t) >= MAJORITY -> conclude (ABORT)
    :: else
    fi
}

proctype terminator (byte t)
{
end:
    do
    :: d_step { IS_ELECTED (t, 0, 1) -> begin_attempt (t, 0, 1); skip }
    :: d_step { IS_ELECTED (t, 0, 2) -> begin_attempt (t, 0, 2); skip }
    :: d_step { IS_ELECTED (t, 1, 2) -> begin_attempt (t, 1, 2); skip }
#ifdef MINORITY_ELECTS
    :: d_step { IS_ELECTED (t, 0, 0) -> begin_attempt (t, 0, 0); skip }
    :: d_step { IS_ELECTED (t, 1, 1) -> begin_attempt (t, 1, 1); skip }
    :: d_step { IS_ELECTED (t, 2, 2) -> begin_attempt (t, 2, 2); skip }
#endif
    od
}

/* --- a member -------------------------------------------------------------------------------------------------------------- */

/* The state goes to who waits for it. */
inline tell_state (m, t)
{
    if
    :: MAY_ATTEMPT (t) -> told[AT (t, m)] = attempt[m] + 1
    :: else
    fi
}

inline say_no (m)
{
    knows[m] = true;
    voted_for[m] = 0;
    forget (m);
    conclude (ABORT)
}

/* It draws its number: its own grant comes first. */
#define MAY_DRAW(m, t) (ANSWERS (m) && !knows[m] && !started[t] && elected[m] < (t))
#ifdef NO_TERMINATOR
#define DRAWS(m, t) false
#else
#define DRAWS(m, t) (MAY_DRAW (m, t) && ((t) == LAST || (t) == (m) + 2))
#endif

#ifdef LOWER_NUMBER_GRANTED
#define MAY_GRANT(m, t) (elected[m] != (t))
#else
#define MAY_GRANT(m, t) (elected[m] < (t))
#endif
#define IS_ASKED(m, t) (started[t] && MAY_GRANT (m, t))

#ifdef GRANT_NOT_FORCED
#define GRANT_IS_LOST(t) :: d_step { ANSWERS (m) && IS_ASKED (m, t) && !TOLD (t, m) -> tell_state (m, t); skip }
#else
#define GRANT_IS_LOST(t)
#endif

#define EACH_NUMBER(DO) DO (2) DO (3) DO (LAST)

#define STARTS(t) \
    :: d_step { DRAWS (m, t) -> \
        started[t] = true; \
        elected[m] = t; \
        tell_state (m, t); \
        skip \
       }
#define GRANTS(t) \
    :: d_step { ANSWERS (m) && IS_ASKED (m, t) -> \
        elected[m] = t; \
        tell_state (m, t); \
        skip \
       } \
    GRANT_IS_LOST (t)

/* Asked before it voted: it never will. */
#ifdef ASKED_MAY_VOTE
#define REFUSES(t) :: d_step { IS_UP (m) && !HAS_VOTED (m) && !knows[m] && started[t] && !TOLD (t, m) -> tell_state (m, t); skip }
#else
#define REFUSES(t) :: d_step { IS_UP (m) && !HAS_VOTED (m) && !knows[m] && started[t] -> say_no (m); skip }
#endif

#ifdef ANY_NUMBER_ATTEMPTS
#define MAY_TAKE(m, t) true
#else
#define MAY_TAKE(m, t) (elected[m] == (t))
#endif
#define TAKES_ONE(t, sent, kind, acks) \
    :: d_step { ANSWERS (m) && sent[t] && MAY_TAKE (m, t) && !acks[AT (t, m)] -> \
        attempt[m] = ATTEMPT (t, kind); \
        acknowledge (t, m, kind); \
        skip \
       }
#ifdef ATTEMPT_NOT_FORCED
#define ATTEMPT_IS_LOST(t, sent, kind, acks) \
    :: d_step { ANSWERS (m) && sent[t] && MAY_TAKE (m, t) && !acks[AT (t, m)] -> acknowledge (t, m, kind); skip }
#else
#define ATTEMPT_IS_LOST(t, sent, kind, acks)
#endif
#define TAKES(t) \
    TAKES_ONE (t, precommit, COMMIT, committing) \
    TAKES_ONE (t, preabort, ABORT, aborting) \
    ATTEMPT_IS_LOST (t, precommit, COMMIT, committing) \
    ATTEMPT_IS_LOST (t, preabort, ABORT, aborting)

/* A terminator hears of the acks; any member that knows tells those who ask. */
#define ENDED(t) (VOTES (committing, t) >= MAJORITY || VOTES (aborting, t) >= MAJORITY)
#ifdef FINAL_NOT_TOLD
#define TELLS(k) false
#else
#define TELLS(k) (knows[k] && dead != (k))
#endif
#define HEARS(m) \
    (TELLS (0) || TELLS (1) || TELLS (2) || ENDED (LAST) || \
     ((m) == GROUP && (ENDED (FIRST) || ENDED (2))) || ((m) == 1 && ENDED (3)))

proctype member (byte m)
{
end:
    do
    /* A branch votes, for any leader. */
    :: d_step { IS_BRANCH (m) && IS_UP (m) && !HAS_VOTED (m) && !knows[m] -> voted_for[m] = 1 }
    :: d_step { IS_BRANCH (m) && IS_UP (m) && !HAS_VOTED (m) && !knows[m] && deposed -> voted_for[m] = 2 }
    :: d_step { IS_BRANCH (m) && IS_UP (m) && !HAS_VOTED (m) && !knows[m] -> say_no (m); skip }
#ifdef VOTE_NOT_FORCED
    :: d_step { IS_BRANCH (m) && IS_UP (m) && HAS_VOTED (m) && !knows[m] && attempt[m] == 0 -> k = voted_for[m]; say_no (m); voted_for[m] = k; k = 0 }
#endif

    EACH_NUMBER (STARTS)
    EACH_NUMBER (GRANTS)
    EACH_NUMBER (REFUSES)
    TAKES (FIRST)
    EACH_NUMBER (TAKES)

    :: d_step { dead != m && outcome != NONE && !knows[m] && HEARS (m) ->
        knows[m] = true;
        forget (m);
#ifdef LEARNED_IS_VOID
        if
        :: m == GROUP && outcome == COMMIT && !ENDED (FIRST) && !ENDED (2) -> conclude (ABORT)
        :: else
        fi;
#endif
        skip
       }
#ifdef PENDING_IS_ROLLBACK
    :: d_step { IS_BRANCH (m) && dead != m && HAS_VOTED (m) && !knows[m] && !knows[GROUP] -> knows[m] = true; conclude (ABORT); skip }
#endif
#ifdef CLOSE_ENDS
    :: d_step { m == GROUP && !knows[m] -> knows[m] = true; conclude (ABORT); skip }
#endif

    /* Its journal is lost, or all that it is. */
    :: d_step { IS_BRANCH (m) && dead == NOBODY && lost == NOBODY && !started[LAST] && !knows[m] ->
#ifdef LOST_JOURNAL_ANSWERS
        elected[m] = FIRST;
        attempt[m] = 0
#elif defined (LOST_JOURNAL_IS_NO)
        say_no (m);
        lost = m
#else
        lost = m;
        forget (m)
#endif
       }
    :: d_step { dead == NOBODY && lost == NOBODY && !started[LAST] ->
        dead = m;
        forget (m)
       }
    od
}

/* --- leaders: terminator 1 -------------------------------------------------------------------------------------------------- */

#ifdef OLD_VOTES
#define COUNTS(l, m) (voted_for[m] == (l) || ((l) == 2 && voted_for[m] == 1))
#else
#define COUNTS(l, m) (voted_for[m] == (l))
#endif
#define AGREED(l) (COUNTS (l, 1) && COUNTS (l, 2))

/* The second leader knows what is on record; the first what it did itself. */
#define LEADS(l) (dead != GROUP && ((l) == 1 || (deposed && !knows[GROUP])))

/* Nobody else can have all votes: the transaction began under it, or a branch voted for it, and votes once. */
#ifdef LOG_ALONE_ABORTS
#define IS_FIRST(l) true
#else
#define IS_FIRST(l) ((l) == 1 || COUNTS (l, 1) || COUNTS (l, 2))
#endif
#ifdef ABORTS_AFTER_PRECOMMIT
#define MAY_ABORT(l) IS_FIRST (l)
#else
#define MAY_ABORT(l) (IS_FIRST (l) && first != (l))
#endif

proctype leader (byte l)
{
end:
    do
    :: d_step { l == 2 && !deposed -> deposed = true }
    :: d_step { LEADS (l) && !(l == 1 && gave_up) && first == 0 && AGREED (l) ->
        first = l;
        precommit[FIRST] = true
       }
    /* What a deposed leader proposes is void. */
    :: d_step { LEADS (l) && !(l == 1 && deposed) && !knows[GROUP] && MAY_ABORT (l) ->
        gave_up = gave_up || l == 1;
        knows[GROUP] = true;
        conclude (ABORT);
        skip
       }
    od
}

/* --- the other rule: timers ----------------------------------------------------------------------------------------------------- */

#ifdef TIMEOUT

bool sent_to[MEMBERS], done[MEMBERS]; /* PreCommit; it ended */

#ifdef CONNECTED
/* A timer runs out at one that waits for the dead, and when all that was sent to it has come. */
#define TIME_IS_UP(m) (dead == GROUP && !(sent_to[m] && attempt[m] == 0))
#define BRANCH_DIED   (dead == 1 || dead == 2)
#else
#define TIME_IS_UP(m) true
#define BRANCH_DIED   true
#endif
#define WAITS(m) (dead != (m) && voted_for[m] == 1 && !done[m])

inline end_branch (m, kind)
{
    done[m] = true;
    conclude (kind)
}

proctype branch (byte m)
{
end:
    do
    :: d_step { dead != m && voted_for[m] == 0 && !done[m] -> voted_for[m] = 1 }
    :: d_step { dead != m && voted_for[m] == 0 && !done[m] -> end_branch (m, ABORT); skip }
    :: d_step { WAITS (m) && sent_to[m] && attempt[m] == 0 -> attempt[m] = ATTEMPT (FIRST, COMMIT) }
    :: d_step { WAITS (m) && attempt[m] == 0 && TIME_IS_UP (m) -> end_branch (m, ABORT); skip }
    :: d_step { WAITS (m) && attempt[m] != 0 && TIME_IS_UP (m) -> end_branch (m, COMMIT); skip }
    :: d_step { WAITS (m) && done[GROUP] -> done[m] = true } /* it hears the outcome */
    :: d_step { dead == NOBODY -> dead = m }
    od
}

proctype coordinator ()
{
end:
    do
    :: d_step { dead != GROUP && !done[GROUP] && AGREED (1) && !sent_to[1] && !sent_to[2] ->
        sent_to[1] = true;
#ifdef WHOLE_SENDS
        sent_to[2] = true
#endif
       }
    :: d_step { dead != GROUP && !done[GROUP] && AGREED (1) && sent_to[1] && !sent_to[2] -> sent_to[2] = true }
    /* A no, or a time-out. */
    :: d_step { dead != GROUP && !done[GROUP] && !sent_to[1] -> end_branch (GROUP, ABORT); skip }
    /* All acks, or a time-out. */
    :: d_step { dead != GROUP && !done[GROUP] && sent_to[2] && ((attempt[1] != 0 && attempt[2] != 0) || BRANCH_DIED) ->
        end_branch (GROUP, COMMIT);
        skip
       }
    :: d_step { dead == NOBODY -> dead = GROUP }
    od
}

/* It never blocks. */
#define IS_OVER(m) (dead == (m) || done[m])

#else

#define IS_OVER(m) (dead == (m) || knows[m])

#endif

/* timeout: no process can do anything any more. */
proctype world ()
{
    timeout ->
    d_step { assert (IS_OVER (0) && IS_OVER (1) && IS_OVER (2)) }
}

init
{
    atomic {
#ifdef TIMEOUT
        run branch (1);
        run branch (2);
        run coordinator ();
#else
        run member (0);
        run member (1);
        run member (2);
        run terminator (2);
        run terminator (3);
        run terminator (LAST);
        run leader (1);
        run leader (2);
#endif
        run world ()
    }
}
