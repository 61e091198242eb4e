/*
 * twopc.pml - two-phase commit with presumed abort over an agreed log, through a change of leader.
 *
 * One transaction with two branches, each with an agent; two leaders, of epochs 1 and 2.  The first may die, or go on
 * without knowing that it was deposed.  doc/model.md says what is left out, and which functions these actions stand for.
 *
 * The log is atomic here; that it may be, log.pml shows.  What a leader proposed is chosen in any order, at any time, also
 * when it is dead or deposed.  The first leader applies what was chosen when it comes to it, in order.  Messages are sets
 * that only grow: what was sent may be taken at any time, never, or again; so what can be said is said at once.  Every
 * option of a process is one atomic step; what a timer, a question or a failure sets off is left to chance.
 *
 * Properties
 *   - the branches never end differently;
 *   - nobody is told commit if anybody is told rolled back, before or after; rolled back is for ever;
 *   - commit is never asked of a branch that is not prepared, nor of one that committed when nothing proves it any more;
 *   - when faults have stopped and there is nothing left to do, no branch is in doubt, and what was decided is done.
 *
 * Each of these macros takes one rule away, and must be found out:
 *
 *   PRESUMES               a leader that finds nothing on record says rolled back, without an Abort record
 *   STALE_PRESUMES         so does one that was deposed and has not noticed
 *   TIMEOUT_NOT_LOGGED     a time-out rolls back without an Abort record
 *   COMMIT_BEFORE_APPLIED  commit is said when its record is proposed
 *   CLOSED_BEFORE_APPLIED  rolled back is said when SessionClose is proposed
 *   ENDED_BEFORE_APPLIED   an agent is told to forget when End is proposed
 *   END_BEFORE_ACKS        End is proposed when one branch has acknowledged
 *   SERVES_BEFORE_BARRIER  a new leader serves before its barrier is applied (with SMALL, or the search is long)
 *   COMMIT_AFTER_CLOSE     a Commit behind its SessionClose is valid
 *   MARK_PASSES_COMMITTED  a mark passes a transaction that is committed and has not ended
 *   STALE_COUNTS           a value of an epoch below a barrier before it counts
 *   VOID_IS_ROLLED_BACK    a record that is void because of its epoch is taken for one that came too late
 *   DEPOSED_GOES_ON        a leader that has applied a higher barrier goes on, and does the same
 *   ONE_YES                one yes is enough
 *   ABSENT_IS_FINAL_NO     an agent that does not know a branch says a final no
 *   LOST_IS_FINAL_NO       so does one that lost its connection during PREPARE and found nothing
 *   PREPARED_IS_FINAL_NO   so does one whose branch is prepared
 *   TIMER_ENDS_PREPARED    an agent rolls back on a timer what voted yes
 *   UNFENCED               agents obey leaders of earlier epochs
 *   NEVER_ASKS             agents do not ask about branches in doubt
 *   CLIENT_GIVES_UP        a client that waited for its commit too long says rolled back
 *
 * Each of these takes away a rule that others back up; alone it does no harm here, which is checked too:
 *
 *   OLD_VOTES              votes of an earlier epoch count
 *   COMMIT_BELOW_MARK      a Commit below its session's low-water mark is valid
 *   LAST_OUTCOME_WINS      of several outcome records the last one counts
 *   UNFENCED HAZARD_ALLOWED  the branches do not differ without fencing either: it saves from false alarms
 *
 * SMALL leaves out hints, closes and marks.
 */
#define AGENTS  2
#define LEADERS 2
#define FROM(l, i) ((l) * AGENTS + (i))

/* The client, as far as others can tell. */
mtype:client = { WORKING, HINTED, ASKED, GONE_BACK };
mtype:client client = WORKING;

/* A branch in its resource manager; ROLLED: it is not there any more. */
mtype:rm = { ACTIVE, PREPARED, COMMITTED, ROLLED };
mtype:rm rm[AGENTS] = ACTIVE;
bool preparing[AGENTS]; /* PREPARE is on its way, or running; nobody can call it back */

/* What its agent knows of it, and what the agent's journal holds. */
mtype:known = { OWN, PREPARE_SENT, YES, FINAL_NO, NOTHING };
mtype:known known[AGENTS] = OWN;
bool proof[AGENTS];   /* it was told to commit, and nobody said yet that this may be forgotten */
bool fenced[AGENTS];  /* it obeys epoch 2 */

/* What a log comes to when it is applied. */
#define NONE    0
#define BARRIER 1
#define COMMIT  2
#define ABORT   3
#define CLOSE   4
#define END     5
#define MARK    6
#define VOID    7
#define RECORDS 8
typedef registry_t {
    byte outcome; /* NONE, COMMIT, ABORT */
    bool ended, closed, marked
};
registry_t agreed; /* all that was chosen */
bool barrier;      /* that of epoch 2 was chosen */
bool decided;      /* a Commit was chosen and valid */

/* A leader. */
mtype:gtx = { ABSENT, VOTING, LOGGING, COMMITTING, ENDING, ABORTED };
bool elected;              /* the second one; the first is from the start */
bool serving[LEADERS];
registry_t registry[LEADERS];
mtype:gtx gtx[LEADERS] = ABSENT;
bool closing[LEADERS], marking[LEADERS]; /* it proposed that */
bool proposed[LEADERS * RECORDS];        /* and not chosen */
chan unapplied[LEADERS] = [8] of { byte }; /* chosen, and not applied yet */

/* Messages: from leaders to both agents, and from agents to leaders. */
bool commit[LEADERS], rollback[LEADERS];
bool yes[LEADERS * AGENTS], no[LEADERS * AGENTS], done[LEADERS * AGENTS];

bool said_rolled_back; /* to anyone */

/* --- what must stay true ---------------------------------------------------------------------------------------------------- */

inline check ()
{
    assert (!said_rolled_back || !(decided || commit[0] || commit[1]));
    assert (!(rm[0] == COMMITTED && rm[1] == ROLLED) && !(rm[0] == ROLLED && rm[1] == COMMITTED))
}

/* --- applied state ---------------------------------------------------------------------------------------------------------- */

#ifdef COMMIT_AFTER_CLOSE
#define IS_CLOSED(r) false
#else
#define IS_CLOSED(r) r.closed
#endif
#ifdef COMMIT_BELOW_MARK
#define IS_MARKED(r) false
#else
#define IS_MARKED(r) r.marked
#endif
#ifdef LAST_OUTCOME_WINS
#define HAS_OUTCOME(r) false
#else
#define HAS_OUTCOME(r) (r.outcome != NONE)
#endif
#define IS_OWED(r) (r.outcome == COMMIT && !r.ended)
#ifdef MARK_PASSES_COMMITTED
#define HOLDS_MARK(r) false
#else
#define HOLDS_MARK(r) IS_OWED (r)
#endif
#define NOTHING_ON(r) (r.outcome == NONE && !r.closed && !r.marked)

inline apply (r, what)
{
    if
    :: (what == COMMIT || what == ABORT) && !HAS_OUTCOME (r) && !IS_CLOSED (r) && !IS_MARKED (r) ->
        r.outcome = what
    :: what == CLOSE -> r.closed = true
    :: what == END && r.outcome == COMMIT -> r.ended = true
    :: what == MARK && !HOLDS_MARK (r) ->
        r.marked = true;
        r.outcome = NONE; /* off the record */
        r.ended = false
    :: else
    fi
}

inline copy_registry (to, from)
{
    to.outcome = from.outcome;
    to.ended = from.ended;
    to.closed = from.closed;
    to.marked = from.marked
}

inline clear_registry (r)
{
    r.outcome = NONE;
    r.ended = false;
    r.closed = false;
    r.marked = false
}

/* --- what a leader does ----------------------------------------------------------------------------------------------------- */

#define PROPOSED(l, what) proposed[(l) * RECORDS + what]

inline propose_outcome (l, what)
{
    PROPOSED (l, what) = true;
    gtx[l] = LOGGING
}

inline go_on_with_commit (l)
{
    gtx[l] = COMMITTING;
    commit[l] = true
}

inline say_rolled_back (l)
{
    rollback[l] = true;
    said_rolled_back = true
}

inline abort_now (l)
{
    gtx[l] = ABORTED;
    say_rolled_back (l)
}

/* Whoever asks is told what is on record.  Below the mark a branch that is still prepared is rolled back; one that was
 * committed and forgotten is not there any more. */
inline answer (l)
{
    if
    :: gtx[l] == ABSENT && IS_OWED (registry[l]) -> go_on_with_commit (l)
#ifndef NEVER_ASKS
    :: gtx[l] == ABSENT && registry[l].marked -> rollback[l] = true
    :: gtx[l] == ABSENT && !registry[l].marked &&
       (registry[l].outcome == ABORT || (registry[l].outcome == NONE && registry[l].closed)) ->
        say_rolled_back (l)
#endif
    :: else
    fi
}

/* All that rests on a record happens here. */
inline applied (l, what)
{
    if
    :: (what == COMMIT || what == ABORT) && gtx[l] == LOGGING && registry[l].outcome == COMMIT -> go_on_with_commit (l)
    :: (what == COMMIT || what == ABORT) && gtx[l] == LOGGING && registry[l].outcome != COMMIT -> abort_now (l)
    :: what == VOID && gtx[l] == LOGGING -> abort_now (l)
    :: what == CLOSE && gtx[l] == VOTING -> abort_now (l)
    /* The client is told that its session is closed: whatever is not decided is rolled back. */
    :: what == CLOSE && gtx[l] != VOTING && registry[l].outcome == NONE && !registry[l].marked -> said_rolled_back = true
    :: what == END && gtx[l] == ENDING -> gtx[l] = ABSENT
    :: else
    fi;
    answer (l)
}

/* It died, or learnt that it was deposed: it never says anything again. */
inline stop_leading (l)
{
    serving[l] = false;
    gtx[l] = ABSENT;
    closing[l] = false;
    marking[l] = false;
    clear_registry (registry[l]);
    do
    :: nempty (unapplied[l]) -> unapplied[l] ? record
    :: empty (unapplied[l]) -> break
    od;
    record = NONE
}

inline take_applied (l)
{
    unapplied[l] ? record;
    if
#ifndef DEPOSED_GOES_ON
    :: record == BARRIER && l == 0 -> stop_leading (0)
#endif
    :: else ->
        apply (registry[l], record);
        applied (l, record)
    fi;
    record = NONE;
    check ()
}

/* --- the log ---------------------------------------------------------------------------------------------------------------- */

/* The first leader is deposed by the barrier of the second, and what lies behind it is nothing to it; the second has
 * applied everything before its barrier when it begins to serve. */
#ifdef DEPOSED_GOES_ON
#define HEARS(l, what) serving[l]
#elif defined (SERVES_BEFORE_BARRIER)
#define HEARS(l, what) (l == 1 || (serving[0] && !barrier))
#else
#define HEARS(l, what) (serving[l] && (l == 1 || !barrier))
#endif

inline tell_leader (l, what)
{
    if
    :: HEARS (l, what) -> unapplied[l] ! what
    :: else
    fi
}

inline choose_barrier ()
{
    PROPOSED (1, BARRIER) = false;
    tell_leader (0, BARRIER);
    barrier = true;
#ifndef SERVES_BEFORE_BARRIER
    serving[1] = true;
    copy_registry (registry[1], agreed);
    answer (1);
#endif
    check ()
}

/* A value of an epoch below that of a barrier before it is void. */
#ifdef STALE_COUNTS
#define IS_VOID(l) false
#else
#define IS_VOID(l) (l == 0 && barrier)
#endif

inline choose (l, what)
{
    PROPOSED (l, what) = false;
    if
    :: IS_VOID (l) ->
#ifdef VOID_IS_ROLLED_BACK
        tell_leader (1, VOID);
#endif
#ifdef DEPOSED_GOES_ON
        tell_leader (0, VOID);
#endif
        skip
    :: else ->
        apply (agreed, what);
        decided = decided || agreed.outcome == COMMIT;
        tell_leader (0, what);
        tell_leader (1, what)
    fi;
    check ()
}

#define CHOOSES(l, what) :: d_step { PROPOSED (l, what) -> choose (l, what); skip }

proctype log ()
{
end:
    do
    :: d_step { PROPOSED (1, BARRIER) -> choose_barrier (); skip }
    CHOOSES (0, COMMIT)
    CHOOSES (0, ABORT)
    CHOOSES (0, CLOSE)
    CHOOSES (0, END)
    CHOOSES (0, MARK)
    CHOOSES (1, COMMIT)
    CHOOSES (1, ABORT)
    CHOOSES (1, CLOSE)
    CHOOSES (1, END)
    CHOOSES (1, MARK)
    od
}

/* --- a leader ---------------------------------------------------------------------------------------------------------------- */

#ifdef OLD_VOTES
#define SAYS_YES(l, i) (yes[FROM (l, i)] || yes[FROM (0, i)])
#else
#define SAYS_YES(l, i) yes[FROM (l, i)]
#endif
#ifdef ONE_YES
#define IS_AGREED(l) (SAYS_YES (l, 0) || SAYS_YES (l, 1))
#else
#define IS_AGREED(l) (SAYS_YES (l, 0) && SAYS_YES (l, 1))
#endif
#ifdef END_BEFORE_ACKS
#define IS_DONE(l) (done[FROM (l, 0)] || done[FROM (l, 1)])
#else
#define IS_DONE(l) (done[FROM (l, 0)] && done[FROM (l, 1)])
#endif

proctype leader (byte l)
{
    byte record;

end:
    do
    /* A new one takes over; it serves nobody before its barrier is applied. */
    :: d_step { l == 1 && !elected ->
        elected = true;
        PROPOSED (1, BARRIER) = true;
#ifdef SERVES_BEFORE_BARRIER
        serving[1] = true
#endif
       }
    :: d_step { l == 0 && serving[0] -> stop_leading (0); skip }
    :: d_step { serving[l] && nempty (unapplied[l]) -> take_applied (l); skip }

    /* The client asks for a commit, or asks again. */
    :: d_step { serving[l] && client == ASKED && gtx[l] == ABSENT && NOTHING_ON (registry[l]) -> gtx[l] = VOTING }

    :: d_step { gtx[l] == VOTING && IS_AGREED (l) ->
        propose_outcome (l, COMMIT);
#ifdef COMMIT_BEFORE_APPLIED
        go_on_with_commit (l);
#endif
        check ();
        skip
       }
    :: d_step { gtx[l] == VOTING && (no[FROM (l, 0)] || no[FROM (l, 1)]) -> abort_now (l); check (); skip }

    /* A time-out, or a no that is not final. */
    :: d_step { gtx[l] == VOTING ->
#ifdef TIMEOUT_NOT_LOGGED
        abort_now (l);
#else
        propose_outcome (l, ABORT);
#endif
        check ();
        skip
       }

#ifndef NEVER_ASKS
    /* Somebody asks about a transaction of which nothing is on record, and which is older than its time-out. */
    :: d_step { serving[l] && gtx[l] == ABSENT && NOTHING_ON (registry[l]) ->
#ifdef PRESUMES
        say_rolled_back (l);
#endif
        propose_outcome (l, ABORT);
        check ();
        skip
       }
#endif
#ifdef STALE_PRESUMES
    :: d_step { l == 0 && barrier && serving[l] && gtx[l] == ABSENT && NOTHING_ON (registry[l]) && !rollback[l] ->
        say_rolled_back (l);
        check ();
        skip
       }
#endif

    :: d_step { gtx[l] == COMMITTING && IS_DONE (l) ->
        gtx[l] = ENDING;
        PROPOSED (l, END) = true
       }

#ifndef SMALL
    /* The session's lease lapses, or its client closes it. */
    :: d_step { serving[l] && !closing[l] && !registry[l].closed ->
        closing[l] = true;
        PROPOSED (l, CLOSE) = true;
#ifdef CLOSED_BEFORE_APPLIED
        say_rolled_back (l);
#endif
        check ();
        skip
       }
    /* The client's low-water mark passes the transaction. */
    :: d_step { serving[l] && !marking[l] && !registry[l].marked && (gtx[l] == ABSENT || gtx[l] == ABORTED) &&
                !HOLDS_MARK (registry[l]) ->
        marking[l] = true;
        PROPOSED (l, MARK) = true
       }
#endif
    od
}

/* --- an agent and its resource manager ---------------------------------------------------------------------------------------- */

#ifdef UNFENCED
#define OBEYS(i, l) (l == 0 || fenced[i])
#else
#define OBEYS(i, l) (fenced[i] == (l == 1))
#endif

#ifdef ABSENT_IS_FINAL_NO
#define SAYS_NO(i) (known[i] == FINAL_NO || known[i] == NOTHING)
#elif defined (PREPARED_IS_FINAL_NO)
#define SAYS_NO(i) (known[i] == FINAL_NO || known[i] == YES)
#else
#define SAYS_NO(i) (known[i] == FINAL_NO)
#endif

inline tell_to (i, l)
{
    yes[FROM (l, i)] = yes[FROM (l, i)] || (OBEYS (i, l) && known[i] == YES);
    no[FROM (l, i)] = no[FROM (l, i)] || (OBEYS (i, l) && SAYS_NO (i));
    done[FROM (l, i)] = done[FROM (l, i)] || (OBEYS (i, l) && commit[l] && rm[i] == COMMITTED && proof[i])
}

/* Votes and acknowledgements, to every leader that it obeys. */
inline tell (i)
{
    tell_to (i, 0);
    tell_to (i, 1);
    check ()
}

inline become (i, as, knowing)
{
    rm[i] = as;
    known[i] = knowing;
    tell (i)
}

#define IS_TOLD(what, i, l) (what[l] && OBEYS (i, l))

#define COMMITS(l) \
    :: d_step { IS_TOLD (commit, i, l) && rm[i] != COMMITTED -> \
        assert (rm[i] == PREPARED); \
        proof[i] = true; \
        become (i, COMMITTED, NOTHING); \
        skip \
       } \
    :: d_step { IS_TOLD (commit, i, l) && rm[i] == COMMITTED && proof[i] && !done[FROM (l, i)] -> tell (i); skip }

#ifdef HAZARD_ALLOWED
#define IS_HAZARD_ALLOWED true
#else
#define IS_HAZARD_ALLOWED false
#endif
/* It asks its leader, and the leader still waits for it: nobody can tell any more what became of the branch. */
#define LACKS_PROOF(l) \
    :: d_step { gtx[l] == COMMITTING && IS_TOLD (commit, i, l) && rm[i] == COMMITTED && !proof[i] && !done[FROM (l, i)] && \
                !IS_HAZARD_ALLOWED -> \
        assert (false) \
       }

#define ROLLS_BACK(l) \
    :: d_step { IS_TOLD (rollback, i, l) && known[i] == OWN -> become (i, ROLLED, FINAL_NO); skip } \
    :: d_step { IS_TOLD (rollback, i, l) && rm[i] == PREPARED -> become (i, ROLLED, NOTHING); skip }

/* It asks whether it may forget that it committed: yes, if the commit is not on record, or ended. */
#ifdef ENDED_BEFORE_APPLIED
#define MAY_FORGET(l) (gtx[l] == ENDING || (gtx[l] == ABSENT && !IS_OWED (registry[l])))
#else
#define MAY_FORGET(l) (gtx[l] == ABSENT && !IS_OWED (registry[l]))
#endif
#define FORGETS(l) \
    :: d_step { proof[i] && serving[l] && OBEYS (i, l) && MAY_FORGET (l) -> proof[i] = false }

proctype agent (byte i)
{
end:
    do
    /* The new leader welcomes it. */
    :: d_step { serving[1] && !fenced[i] -> fenced[i] = true; tell (i); skip }

    /* A failed statement, an idle timer, the application's own rollback. */
    :: d_step { known[i] == OWN -> become (i, ROLLED, FINAL_NO); skip }

    /* PREPARE, asked for by a leader or with the last statement. */
    :: d_step { known[i] == OWN && (client == HINTED || client == ASKED) ->
        known[i] = PREPARE_SENT;
        preparing[i] = true
       }
    /* It runs; the agent hears so, or finds the branch when it looks, or scans. */
    :: d_step { preparing[i] ->
        preparing[i] = false;
        become (i, PREPARED, (known[i] == FINAL_NO -> FINAL_NO : YES));
        skip
       }
    /* It is refused, and the agent hears so. */
    :: d_step { preparing[i] && known[i] == PREPARE_SENT ->
        preparing[i] = false;
        become (i, ROLLED, FINAL_NO);
        skip
       }
    /* It is lost with its session. */
    :: d_step { preparing[i] ->
        preparing[i] = false;
        become (i, ROLLED, (known[i] == FINAL_NO -> FINAL_NO : NOTHING));
        skip
       }
    /* The connection is lost, and the agent looks before PREPARE has run. */
    :: d_step { preparing[i] && known[i] == PREPARE_SENT ->
#ifdef LOST_IS_FINAL_NO
        become (i, rm[i], FINAL_NO);
#else
        become (i, rm[i], NOTHING);
#endif
        skip
       }
#ifdef TIMER_ENDS_PREPARED
    :: d_step { known[i] == YES -> become (i, ROLLED, FINAL_NO); skip }
#endif

    COMMITS (0)
    COMMITS (1)
    LACKS_PROOF (0)
    LACKS_PROOF (1)
    ROLLS_BACK (0)
    ROLLS_BACK (1)
    FORGETS (0)
    FORGETS (1)

    /* It dies and is started again.  A session with PREPARE in it may live on; what is prepared is found again. */
    :: d_step { known[i] == OWN -> become (i, ROLLED, NOTHING); skip }
    :: d_step { known[i] == PREPARE_SENT || known[i] == FINAL_NO ->
        become (i, rm[i], (rm[i] == PREPARED -> YES : NOTHING));
        skip
       }
    od
}

/* --- the client, and the end ------------------------------------------------------------------------------------------------------ */

proctype application ()
{
end:
    do
#ifndef SMALL
    :: d_step { client == WORKING -> client = HINTED }
#endif
    :: d_step { client == WORKING || client == HINTED -> client = ASKED }
    /* Nothing can be prepared, and no commit was asked for: nobody needs to be asked. */
    :: d_step { client == WORKING -> client = GONE_BACK; said_rolled_back = true; check (); skip }
#ifdef CLIENT_GIVES_UP
    :: d_step { client == ASKED && !said_rolled_back -> said_rolled_back = true; check (); skip }
#endif
    od
}

/* timeout: no process can do anything any more. */
proctype world ()
{
    timeout ->
    d_step {
        assert (rm[0] != PREPARED && rm[1] != PREPARED);
        assert (!decided || (rm[0] == COMMITTED && rm[1] == COMMITTED))
    }
}

init
{
    atomic {
        serving[0] = true;
        run log ();
        run leader (0);
        run leader (1);
        run agent (0);
        run agent (1);
        run application ();
        run world ()
    }
}
