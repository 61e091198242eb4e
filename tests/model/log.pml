/*
 * log.pml - the replicated log: Multi-Paxos, with the words of "Paxos Made Simple".
 *
 * Three replicas, each of them an acceptor and a learner; replica n-1 leads under ballot n, n = 1..BALLOTS.  SLOTS slots.
 * doc/model.md says what is left out, and which functions these actions stand for.
 *
 * Messages are sets that only grow: what was sent may be taken at any time, never, or again, so loss, overtaking and
 * repetition need no actions of their own.  For the same reason a replica that stops needs none: it takes no step.
 * Every option of a process is one atomic step.
 *
 * A replica writes to its log first and forces it later; a crash takes what was not forced.  What rests on a write is
 * sent when it is forced.
 *
 * Properties: no slot is ever chosen with two values, whoever counts the acceptances; and no learner applies anything
 * but the value that was chosen.
 *
 * KNOWN_CHOSEN adds that a replica which knows a slot to be chosen acknowledges its value without accepting it once more.
 *
 * Each of these macros takes one rule away, and must be found out:
 *
 *   PROMISE_NOT_FORCED   a promise is sent when it is written
 *   ACCEPT_NOT_FORCED    so is an acceptance
 *   OWN_VOTE_EARLY       a leader counts its own acceptance when it is written
 *   BELOW_PROMISE        an acceptor accepts below its promise
 *   MINORITY             a new leader is content with one promise
 *   GAP_IS_NO_OP         a new leader puts a no-op where one of its majority holds nothing, though another does
 *   LOWEST_BALLOT        a new leader proposes again what it found at the lowest ballot (needs three ballots)
 *   BALLOT_NOT_FORCED    a replica leads under its old ballot again after a crash
 *   SLOT_ONLY            a learner applies what it accepted in a chosen slot, at whatever ballot that was
 */
#ifndef BALLOTS
#define BALLOTS 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#define REPLICAS 3

/* A value is named after the ballot that proposed it first. */
#define NONE  0
#define NO_OP (BALLOTS + 1)
#define OTHER (BALLOTS + 2) /* what a second life proposes under its old ballot */

/* Places in arrays; Promela's have one dimension. */
#define HERE(a, s)         ((a) * SLOTS + (s))
#define OF(n, s)           ((n) * SLOTS + (s))
#define FROM(n, a)         ((n) * REPLICAS + (a))
#define FROM_ABOUT(n, a, s) (FROM (n, a) * SLOTS + (s))

/* What a replica has written, and what of it was forced. */
byte promised[REPLICAS], forced_promised[REPLICAS];
byte ballot[REPLICAS * SLOTS], forced_ballot[REPLICAS * SLOTS];
byte value[REPLICAS * SLOTS], forced_value[REPLICAS * SLOTS];

/* Messages.  A promise tells ballot and value of every slot. */
bool prepare[BALLOTS + 1];
bool promise[(BALLOTS + 1) * REPLICAS];
byte told_ballot[(BALLOTS + 1) * REPLICAS * SLOTS];
byte told_value[(BALLOTS + 1) * REPLICAS * SLOTS];
byte accept[(BALLOTS + 1) * SLOTS];              /* the value; NONE: not sent */
byte accepted[(BALLOTS + 1) * REPLICAS * SLOTS]; /* likewise */

bool leading[BALLOTS + 1];
#ifdef BALLOT_NOT_FORCED
bool second_life[BALLOTS + 1];
#endif

byte chosen[SLOTS];

hidden byte slot, v, at, each; /* for the inside of one step */

/* --- acceptor ----------------------------------------------------------------------------------------------------------- */

inline send_promise (a, n)
{
    promise[FROM (n, a)] = true;
    for (slot : 0 .. SLOTS - 1) {
        told_ballot[FROM_ABOUT (n, a, slot)] = ballot[HERE (a, slot)];
        told_value[FROM_ABOUT (n, a, slot)] = value[HERE (a, slot)]
    }
}

/* A value is chosen when a majority accepted it at one ballot; whoever gets these messages knows it. */
#define VOTES(n, s, v) \
    ((accepted[FROM_ABOUT (n, 0, s)] == v) + (accepted[FROM_ABOUT (n, 1, s)] == v) + (accepted[FROM_ABOUT (n, 2, s)] == v))

inline send_accepted (a, n, s, what)
{
    v = what;
    accepted[FROM_ABOUT (n, a, s)] = v;
    if
    :: VOTES (n, s, v) >= 2 ->
        assert (chosen[s] == NONE || chosen[s] == v);
        chosen[s] = v
    :: else
    fi
}

#define CAN_PROMISE(a, n) (prepare[n] && promised[a] < n)

#ifdef BELOW_PROMISE
#define MAY_ACCEPT(a, n) true
#else
#define MAY_ACCEPT(a, n) (promised[a] <= n)
#endif

#define CAN_ACCEPT(a, n, s) \
    (accept[OF (n, s)] != NONE && MAY_ACCEPT (a, n) && \
     (ballot[HERE (a, s)] != n || value[HERE (a, s)] != accept[OF (n, s)]))

inline take_prepare (a, n)
{
    promised[a] = n;
#ifdef PROMISE_NOT_FORCED
    send_promise (a, n)
#endif
}

inline take_accept (a, n, s)
{
    if
    :: promised[a] < n -> promised[a] = n
    :: else
    fi;
    ballot[HERE (a, s)] = n;
    value[HERE (a, s)] = accept[OF (n, s)];
#ifdef ACCEPT_NOT_FORCED
    send_accepted (a, n, s, value[HERE (a, s)])
#endif
#ifdef OWN_VOTE_EARLY
    if
    :: a + 1 == n -> send_accepted (a, n, s, value[HERE (a, s)])
    :: else
    fi
#endif
}

#define IS_FORCED(a, s) \
    (forced_ballot[HERE (a, s)] == ballot[HERE (a, s)] && forced_value[HERE (a, s)] == value[HERE (a, s)])
#if SLOTS == 1
#define ALL_FORCED(a) (forced_promised[a] == promised[a] && IS_FORCED (a, 0))
#else
#define ALL_FORCED(a) (forced_promised[a] == promised[a] && IS_FORCED (a, 0) && IS_FORCED (a, 1))
#endif

/* Everything that was written is forced, and what waited for it leaves. */
inline force (a)
{
    if
    :: forced_promised[a] != promised[a] && prepare[promised[a]] && !promise[FROM (promised[a], a)] ->
        send_promise (a, promised[a])
    :: else
    fi;
    forced_promised[a] = promised[a];
    for (at : 0 .. SLOTS - 1) {
        if
        :: !IS_FORCED (a, at) ->
            forced_ballot[HERE (a, at)] = ballot[HERE (a, at)];
            forced_value[HERE (a, at)] = value[HERE (a, at)];
            send_accepted (a, ballot[HERE (a, at)], at, value[HERE (a, at)])
        :: else
        fi
    }
}

inline crash (a)
{
    promised[a] = forced_promised[a];
    for (slot : 0 .. SLOTS - 1) {
        ballot[HERE (a, slot)] = forced_ballot[HERE (a, slot)];
        value[HERE (a, slot)] = forced_value[HERE (a, slot)]
    }
}

/* A learner applies what it holds at the very ballot at which the slot was chosen. */
#ifdef SLOT_ONLY
#define HOLDS(a, n, s) (ballot[HERE (a, s)] != 0)
#else
#define HOLDS(a, n, s) (ballot[HERE (a, s)] == n)
#endif
#define MISLEARNT(a, n, s) \
    (chosen[s] != NONE && VOTES (n, s, chosen[s]) >= 2 && HOLDS (a, n, s) && value[HERE (a, s)] != chosen[s])

#if SLOTS == 1
#define EACH_SLOT(DO, n) DO (n, 0)
#else
#define EACH_SLOT(DO, n) DO (n, 0) DO (n, 1)
#endif
#if BALLOTS == 2
#define EACH_BALLOT(DO) DO (1) DO (2)
#define EACH(DO)        EACH_SLOT (DO, 1) EACH_SLOT (DO, 2)
#else
#define EACH_BALLOT(DO) DO (1) DO (2) DO (3)
#define EACH(DO)        EACH_SLOT (DO, 1) EACH_SLOT (DO, 2) EACH_SLOT (DO, 3)
#endif

#define PREPARE_COMES(n)    :: d_step { CAN_PROMISE (a, n) -> take_prepare (a, n); skip }
#define ACCEPT_COMES(n, s)  :: d_step { CAN_ACCEPT (a, n, s) -> take_accept (a, n, s); skip }
#define CHOSEN_ACCEPTED(n, s) \
    :: d_step { chosen[s] != NONE && accept[OF (n, s)] != NONE && promised[a] <= n && accepted[FROM_ABOUT (n, a, s)] == NONE -> \
        send_accepted (a, n, s, accept[OF (n, s)]); \
        skip \
       }
#define LEARNER_ERRS(n, s)  :: d_step { MISLEARNT (a, n, s) -> assert (false) }

proctype replica (byte a)
{
end:
    do
    EACH_BALLOT (PREPARE_COMES)
    EACH (ACCEPT_COMES)
#ifdef KNOWN_CHOSEN
    EACH (CHOSEN_ACCEPTED)
#endif
    EACH (LEARNER_ERRS)
    :: d_step { !ALL_FORCED (a) -> force (a); skip }
    :: d_step { !ALL_FORCED (a) -> crash (a); skip }
    od
}

/* --- proposer ----------------------------------------------------------------------------------------------------------- */

/* What the promises of the majority x, y say of a slot. */
#define TOLD(n, a, s) told_value[FROM_ABOUT (n, a, s)]
#define TOLD_AT(n, a, s) told_ballot[FROM_ABOUT (n, a, s)]
#ifdef LOWEST_BALLOT
#define WINS(n, x, y, s) (TOLD_AT (n, x, s) != 0 && (TOLD_AT (n, y, s) == 0 || TOLD_AT (n, x, s) < TOLD_AT (n, y, s)))
#else
#define WINS(n, x, y, s) (TOLD_AT (n, x, s) > TOLD_AT (n, y, s))
#endif

inline found (n, x, y, s)
{
    if
    :: WINS (n, x, y, s) -> v = TOLD (n, x, s)
    :: else -> v = TOLD (n, y, s)
    fi;
#ifdef GAP_IS_NO_OP
    if
    :: TOLD (n, x, s) == NONE || TOLD (n, y, s) == NONE -> v = NONE
    :: else
    fi
#endif
}

/* Phase 1 is over: what was found is proposed again, gaps below it get no-ops, what lies behind is free.  All slots are
 * proposed at once; that one was not proposed is the same as that nobody takes it. */
inline lead (n, x, y)
{
    leading[n] = true;
#ifdef BALLOT_NOT_FORCED
    at = (second_life[n] -> OTHER : n);
#else
    at = n;
#endif
    slot = SLOTS;
    do
    :: slot > 0 ->
        slot--;
        found (n, x, y, slot);
        if
        :: v != NONE -> at = NO_OP
        :: else -> v = at
        fi;
        accept[OF (n, slot)] = v
    :: else -> break
    od
}

#define PROMISED(n, a) promise[FROM (n, a)]

proctype proposer (byte n)
{
end:
    do
    :: d_step { !prepare[n] -> prepare[n] = true }
    :: d_step { !leading[n] && PROMISED (n, 0) && PROMISED (n, 1) -> lead (n, 0, 1); skip }
    :: d_step { !leading[n] && PROMISED (n, 0) && PROMISED (n, 2) -> lead (n, 0, 2); skip }
    :: d_step { !leading[n] && PROMISED (n, 1) && PROMISED (n, 2) -> lead (n, 1, 2); skip }
#ifdef MINORITY
    :: d_step { !leading[n] && PROMISED (n, n - 1) -> lead (n, n - 1, n - 1); skip }
#endif
#ifdef BALLOT_NOT_FORCED
    :: d_step { leading[n] && !second_life[n] -> leading[n] = false; second_life[n] = true }
#endif
    od
}

init
{
    atomic {
        for (each : 0 .. REPLICAS - 1) {
            run replica (each)
        }
        for (each : 1 .. BALLOTS) {
            run proposer (each)
        }
    }
}
