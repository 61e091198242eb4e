/*
 * paxoscommit.pml - Paxos Commit (Gray and Lamport, "Consensus on Transaction Commit") for two resource managers and F = 1.
 *
 * One transaction; three acceptors, one of which may stop for good; LEADERS leaders, of epochs 1, 2, 3, each of which may
 * be deposed and not know it.  A resource manager's vote is an instance of Paxos of its own, with ballot (epoch, 0); the
 * acceptors' promises are those of the log.  doc/model.md says what is left out, and which functions these actions stand for.
 *
 * The log is atomic here; that it may be, log.pml shows.  What a leader proposed is chosen at any time until a later
 * leader's barrier is, also when it is dead.  Messages are sets that only grow: what was sent may be taken at any time,
 * never, or again.  What rests on a write is one step with it; that it is sent before it is durable is a step that sends
 * and does not write.  What a record allows to say is said at once.
 *
 * Properties
 *   - nobody is told commit if anybody is told rolled back, before or after, and the branches end as was told;
 *   - when nothing is left to do, no branch is in doubt.
 *
 * Each of these macros takes one rule away, and must be found out:
 *
 *   VOTE_BELOW_PROMISE   an acceptor takes a vote below its promise, of an instance of which it had not heard
 *   VOTE_TOLD_EARLY      it says that it holds a vote before the vote is durable
 *   VOTES_NOT_PROMISED   a promise does not carry the votes that the acceptor holds
 *   ANY_BALLOT_COUNTS    a leader counts what is held under other ballots
 *   ONE_HOLDER           a vote counts that one acceptor holds
 *   READ_ONLY_NOT_HELD   a read-only vote, here the second branch's, counts when it is cast
 *   ABORT_OVERRULED      votes decide though the leader has proposed Abort
 *   ABORT_NOT_APPLIED    a leader says rolled back when it proposes Abort
 *   CLOSE_NOT_AWAITED    SessionClose is proposed while votes are open, and they decide
 *   VOTES_FIRST          a new leader goes by votes before its barrier is applied, without the outcomes before it
 *   FOUND_VOTES_IGNORED  a new leader aborts although it found all votes
 *   FOUND_VOTES_DECIDE   found votes decide before Commit is applied (with LEADERS=3 SMALL)
 *   SNAPSHOT_DROPS_VOTES an acceptor that installs a snapshot forgets the votes that it holds
 *   CHANGES_ITS_VOTE     a branch that voted yes is rolled back on a timer, with a final no
 *   NOBODY_ASKS          a new leader neither asks again nor aborts (somebody stays in doubt)
 *
 * Each of these takes away what is not needed to agree:
 *
 *   NO_IS_NOT_LOGGED     a final no is not followed by an Abort record
 *
 * SMALL leaves out SessionClose, the acceptor that stops, and the second branch's vote: all have it from the start.
 */
#ifndef LEADERS
#define LEADERS 2
#endif
#define ACCEPTORS 3
#define BRANCHES  2
#define OF(l, i)      ((l) * BRANCHES + (i))
#define HELD(a, i)    held[(a) * BRANCHES + (i)]
#define TOLD(l, i, a) told[OF (l, i) * ACCEPTORS + (a)]
#define FOUND(l, i)   found[OF (l, i)]

mtype:rm = { ACTIVE, PREPARED, COMMITTED, ROLLED };
mtype:rm rm[BRANCHES] = ACTIVE;
bool no[BRANCHES]; /* it said a final one */

/* Votes: cast for a leader; held by an acceptor, durable; told to a leader. */
bool cast[(LEADERS + 1) * BRANCHES];
bool held[ACCEPTORS * BRANCHES];
bool told[(LEADERS + 1) * BRANCHES * ACCEPTORS];

byte promised[ACCEPTORS] = 1;
bool promise[(LEADERS + 1) * ACCEPTORS]; /* until a leader is elected */
#define PROMISED(l, a) promise[(l) * ACCEPTORS + (a)]
bool stopped; /* the last acceptor is, for good; they are all alike */
#define IS_STOPPED(a) (stopped && (a) == ACCEPTORS - 1)

/* A leader. */
bool elected[LEADERS + 1];
bool open[LEADERS + 1];  /* it serves, and when it began nothing was on record */
bool found[(LEADERS + 1) * BRANCHES]; /* by its phase 1 */
bool asked[LEADERS + 1]; /* it sent prepare */
bool decides_commit[LEADERS + 1], decides_abort[LEADERS + 1], closes[LEADERS + 1]; /* it proposed that */

/* The log. */
#define NONE   0
#define COMMIT 1
#define ABORT  2
byte outcome;
bool closed;
byte barrier = 1; /* the epoch of the last one */

bool said_commit, said_rolled_back; /* to anyone */

hidden byte k; /* for the inside of one step */

inline check ()
{
    assert (!(said_commit && said_rolled_back));
    assert (!(rm[0] == COMMITTED && rm[1] == ROLLED) && !(rm[0] == ROLLED && rm[1] == COMMITTED))
}

#define IS_UNDECIDED(l) (open[l] && !decides_commit[l] && !decides_abort[l] && !closes[l])
#ifdef ABORT_OVERRULED
#define MAY_COMMIT(l) (open[l] && !decides_commit[l] && !closes[l])
#elif defined (CLOSE_NOT_AWAITED)
#define MAY_COMMIT(l) (open[l] && !decides_commit[l] && !decides_abort[l])
#else
#define MAY_COMMIT(l) IS_UNDECIDED (l)
#endif

/* --- an acceptor ------------------------------------------------------------------------------------------------------------ */

#ifdef VOTE_BELOW_PROMISE
#define MAY_TAKE(a, l) true
#else
#define MAY_TAKE(a, l) (promised[a] <= (l))
#endif
/* Nobody listens any more to what is told to a leader that has decided. */
#define LISTENS(l) (open[l] && MAY_COMMIT (l))
#define VOTE_COMES(a, l, i) \
    (!IS_STOPPED (a) && cast[OF (l, i)] && MAY_TAKE (a, l) && (!HELD (a, i) || (LISTENS (l) && !TOLD (l, i, a))))

#define TAKES(l, i) \
    :: d_step { VOTE_COMES (a, l, i) -> \
        HELD (a, i) = true; \
        TOLD (l, i, a) = LISTENS (l) \
       } \
    VOTE_IS_LOST (l, i)
#ifdef VOTE_TOLD_EARLY
#define VOTE_IS_LOST(l, i) :: d_step { VOTE_COMES (a, l, i) && LISTENS (l) && !TOLD (l, i, a) -> TOLD (l, i, a) = true }
#else
#define VOTE_IS_LOST(l, i)
#endif

#ifdef VOTES_NOT_PROMISED
#define CARRIES(a, i) false
#else
#define CARRIES(a, i) HELD (a, i)
#endif
/* A promise that comes when the leader is elected is not needed any more. */
#define PROMISES(l) \
    :: d_step { !IS_STOPPED (a) && promised[a] < l -> \
        promised[a] = l; \
        PROMISED (l, a) = !elected[l]; \
        FOUND (l, 0) = FOUND (l, 0) || (!elected[l] && CARRIES (a, 0)); \
        FOUND (l, 1) = FOUND (l, 1) || (!elected[l] && CARRIES (a, 1)) \
       }

#if LEADERS == 2
#define EACH_LEADER(DO) DO (1) DO (2)
#define EACH_NEW(DO)    DO (2)
#else
#define EACH_LEADER(DO) DO (1) DO (2) DO (3)
#define EACH_NEW(DO)    DO (2) DO (3)
#endif
#define TAKES_BOTH(l) TAKES (l, 0) TAKES (l, 1)

proctype acceptor (byte a)
{
end:
    do
    EACH_LEADER (TAKES_BOTH)
    EACH_NEW (PROMISES)
#ifndef SMALL
    :: d_step { a == ACCEPTORS - 1 && !stopped ->
        stopped = true;
        HELD (a, 0) = false;
        HELD (a, 1) = false
       }
#endif
#ifdef SNAPSHOT_DROPS_VOTES
    :: d_step { outcome == NONE && (HELD (a, 0) || HELD (a, 1)) -> HELD (a, 0) = false; HELD (a, 1) = false }
#endif
    od
}

/* --- the log ---------------------------------------------------------------------------------------------------------------- */

/* A value of an epoch below that of a barrier before it is void; the first outcome counts, and none behind SessionClose.
 * What is void changes nothing, and is not even chosen here. */
#define COUNTS_NOW(l) ((l) >= barrier && outcome == NONE && !closed)

inline apply_outcome (what)
{
    outcome = what;
    said_commit = said_commit || what == COMMIT;
    said_rolled_back = said_rolled_back || what == ABORT;
    check ()
}

inline apply_close ()
{
    closed = true;
    said_rolled_back = true;
    check ()
}

#define CHOOSES(l) \
    :: d_step { decides_commit[l] && COUNTS_NOW (l) -> apply_outcome (COMMIT); skip } \
    :: d_step { decides_abort[l] && COUNTS_NOW (l) -> apply_outcome (ABORT); skip } \
    :: d_step { closes[l] && COUNTS_NOW (l) -> apply_close (); skip }
#ifdef VOTES_FIRST
#define BARS(l) \
    :: d_step { elected[l] && barrier < l -> barrier = l }
#else
#define BARS(l) \
    :: d_step { elected[l] && barrier < l -> \
        barrier = l; \
        open[l] = outcome == NONE && !closed \
       }
#endif

proctype log ()
{
end:
    do
    EACH_LEADER (CHOOSES)
    EACH_NEW (BARS)
    od
}

/* --- a leader ---------------------------------------------------------------------------------------------------------------- */

#ifdef ANY_BALLOT_COUNTS
#if LEADERS == 2
#define IS_TOLD(l, i, a) (TOLD (1, i, a) || TOLD (2, i, a))
#else
#define IS_TOLD(l, i, a) (TOLD (1, i, a) || TOLD (2, i, a) || TOLD (3, i, a))
#endif
#else
#define IS_TOLD(l, i, a) TOLD (l, i, a)
#endif
#ifdef ONE_HOLDER
#define MAJORITY 1
#else
#define MAJORITY 2
#endif
#ifdef READ_ONLY_NOT_HELD
#define COUNTS_AT_ONCE(l, i) ((i) == 1 && cast[OF (l, i)])
#else
#define COUNTS_AT_ONCE(l, i) false
#endif
#define IS_HELD(l, i) (IS_TOLD (l, i, 0) + IS_TOLD (l, i, 1) + IS_TOLD (l, i, 2) >= MAJORITY || COUNTS_AT_ONCE (l, i))
#define VOTED(l, i)   (FOUND (l, i) || IS_HELD (l, i))
#define ALL_HELD(l)   (IS_HELD (l, 0) && IS_HELD (l, 1))
#define ALL_VOTED(l)  (VOTED (l, 0) && VOTED (l, 1))
#define ALL_FOUND(l)  (FOUND (l, 0) && FOUND (l, 1))

#ifdef CLOSE_NOT_AWAITED
#define MAY_CLOSE(l) true
#else
#define MAY_CLOSE(l) (!asked[l] && !FOUND (l, 0) && !FOUND (l, 1))
#endif
#ifdef FOUND_VOTES_IGNORED
#define MAY_ABORT(l) true
#elif defined (NOBODY_ASKS)
#define MAY_ABORT(l) ((l) == 1)
#else
#define MAY_ABORT(l) !ALL_FOUND (l)
#endif
#ifdef NOBODY_ASKS
#define MAY_ASK(l) ((l) == 1)
#else
#define MAY_ASK(l) true
#endif

inline stop_listening (l)
{
    for (k : 0 .. BRANCHES * ACCEPTORS - 1) {
        told[l * BRANCHES * ACCEPTORS + k] = (MAY_COMMIT (l) -> told[l * BRANCHES * ACCEPTORS + k] : false)
    }
    k = 0
}

proctype leader (byte l)
{
end:
    do
    :: d_step { l > 1 && !elected[l] && PROMISED (l, 0) + PROMISED (l, 1) + PROMISED (l, 2) >= 2 ->
        elected[l] = true;
        PROMISED (l, 0) = false;
        PROMISED (l, 1) = false;
        PROMISED (l, 2) = false;
#ifdef VOTES_FIRST
        open[l] = outcome == NONE && !closed
#endif
       }
    :: d_step { IS_UNDECIDED (l) && MAY_ASK (l) && !asked[l] -> asked[l] = true }

    /* Votes alone decide; the Commit record follows. */
    :: d_step { MAY_COMMIT (l) && ALL_HELD (l) ->
        decides_commit[l] = true;
        said_commit = true;
        stop_listening (l);
        check ();
        skip
       }
    /* What was found may have been chosen, and what was not is held now: the record decides. */
    :: d_step { IS_UNDECIDED (l) && ALL_VOTED (l) ->
        decides_commit[l] = true;
#ifdef FOUND_VOTES_DECIDE
        said_commit = true;
#endif
        stop_listening (l);
        check ();
        skip
       }
    /* A time-out, a no that is not final, or somebody asked. */
    :: d_step { IS_UNDECIDED (l) && MAY_ABORT (l) ->
        decides_abort[l] = true;
#ifdef ABORT_NOT_APPLIED
        said_rolled_back = true;
#endif
        stop_listening (l);
        check ();
        skip
       }
    /* A final no. */
    :: d_step { IS_UNDECIDED (l) && asked[l] && (no[0] || no[1]) && !said_rolled_back ->
#ifndef NO_IS_NOT_LOGGED
        decides_abort[l] = true;
#endif
        said_rolled_back = true;
        stop_listening (l);
        check ();
        skip
       }
#ifndef SMALL
    /* The session's lease lapses. */
    :: d_step { IS_UNDECIDED (l) && MAY_CLOSE (l) ->
        closes[l] = true;
        stop_listening (l);
        skip
       }
#endif
    od
}

/* --- a branch, with its agent ------------------------------------------------------------------------------------------------- */

#define VOTES(l) \
    :: d_step { asked[l] && rm[i] == ACTIVE -> \
        rm[i] = PREPARED; \
        cast[OF (l, i)] = true \
       } \
    :: d_step { asked[l] && rm[i] == PREPARED && !cast[OF (l, i)] -> cast[OF (l, i)] = true }

inline roll_back (i)
{
    rm[i] = ROLLED;
    check ()
}

proctype branch (byte i)
{
end:
    do
    EACH_LEADER (VOTES)
    :: d_step { rm[i] == ACTIVE -> no[i] = true; roll_back (i); skip }
#ifdef CHANGES_ITS_VOTE
    :: d_step { rm[i] == PREPARED -> no[i] = true; roll_back (i); skip }
#endif
    :: d_step { rm[i] == PREPARED && said_commit -> rm[i] = COMMITTED; check (); skip }
    :: d_step { rm[i] == PREPARED && said_rolled_back -> roll_back (i); skip }
    od
}

/* timeout: no process can do anything any more. */
proctype world ()
{
    timeout ->
    d_step {
        assert (rm[0] != PREPARED && rm[1] != PREPARED);
        assert (!said_commit || (rm[0] == COMMITTED && rm[1] == COMMITTED))
    }
}

init
{
    atomic {
        open[1] = true;
        elected[1] = true;
#ifdef SMALL
        rm[1] = PREPARED;
        for (k : 0 .. ACCEPTORS - 1) {
            HELD (k, 1) = true
        }
        for (k : 1 .. LEADERS) {
            FOUND (k, 1) = k > 1;
            TOLD (k, 1, 0) = true;
            TOLD (k, 1, 1) = true;
            TOLD (k, 1, 2) = true
        }
        k = 0;
#endif
        run acceptor (0);
        run acceptor (1);
        run acceptor (2);
        run log ();
        run leader (1);
        run leader (2);
#if LEADERS == 3
        run leader (3);
#endif
        run branch (0);
        run branch (1);
        run world ()
    }
}
