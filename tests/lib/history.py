"""What the bank's clients called and were told, and whether all of it can be true.

A history is what bank_load writes (tests/integration/bank_history.h), in any number of files:

    THREAD NS begin GTRID KIND FROM TO AMOUNT
    THREAD NS call OPERATION GTRID DETAIL
    THREAD NS ret OPERATION GTRID CODE

    commit     detail: completed (it returns when every branch has applied the decision) or logged
    rollback   detail: logged (the decision to roll back is on record before it is told) or presumed (nothing is)
    query      the outcome, asked for by anybody
    read       detail: a ledger; the code is how many rows of the gtrid it has, -1 if it could not be read

An operation takes effect at one moment between its call and its return; without a return (its process was killed) at
any moment after its call, or never.  To every transaction belong moments of its own:

    asked <= decided <= applied, at each of the two banks          asked: when its commit was called, or later
    ended <= forgotten, decided <= forgotten                       ended: when its commit or rollback was called, or later

Being told an outcome says that it was decided by then, and "pending" that it was not; reading its row says that it was
applied, and reading none that it was not.  A history is right if such moments exist: if for no two of them what must
come first happened wholly after what must come last.  That is linearizability; a transaction's outcome is a register
that is written once.  Of two outcomes one is false whenever they were told.

What the library promises less of, and is not asked for: "unknown", and errors, say nothing.  A rollback that was
presumed is on no record, so that "pending" may be said after it; so it is with what one branch alone, or none, wrote.
Where a transaction only read, both outcomes are true.  "Forgotten" is said as soon as whoever ran the transaction has
ended it; who remembers may go on to say what became of it.  What its owner left open may be forgotten after HORIZON.
"""

COMMITTED, ROLLED_BACK, MIXED, HAZARD, UNKNOWN, PENDING, FORGOTTEN, FOREIGN = 0, 1, 2, 3, 4, 5, 6, -28
NAMES = {COMMITTED: "committed", ROLLED_BACK: "rolled back", MIXED: "mixed", HAZARD: "hazard", UNKNOWN: "unknown",
         PENDING: "pending", FORGOTTEN: "forgotten", FOREIGN: "not of this group"}
OUTCOMES = (COMMITTED, ROLLED_BACK, MIXED, HAZARD)

HORIZON = 600 * 10**9  # session/horizon, ns

# Kinds of transactions: what they write.
TRANSFER, WRITES, ONE_BRANCH, READS = "t", "w", "1", "r"
BANKS = ("bank_pg", "bank_my")
DETAILS = {"commit": ("completed", "logged"), "rollback": ("logged", "presumed"), "query": ("-",), "read": BANKS}


class Violation:
    """Something that cannot be.  kind: one of the words below."""

    def __init__(self, kind, gtrid, text):
        self.kind, self.gtrid, self.text = kind, gtrid, text

    def __str__(self):
        return f"{self.kind}: {self.gtrid}: {self.text}"


class Operation:
    """One call of a client.  returned and code are None if it never came back."""
    __slots__ = ("name", "thread", "called", "returned", "detail", "code", "source", "line")

    def __init__(self, name, thread, called, detail, source, line):
        self.name, self.thread, self.called, self.detail, self.source, self.line = name, thread, called, detail, source, line
        self.returned = self.code = None

    def __str__(self):
        said = "never returned"
        if self.returned is not None:
            what = self.code if self.name == "read" or self.code not in NAMES else NAMES[self.code]
            said = f"returned at {self.returned / 1e9:.6f}: {what}"
        detail = "" if self.detail == "-" else f" {self.detail}"
        return (f"{self.source.name}:{self.line} {self.name}{detail} by {self.thread}, "
                f"called at {self.called / 1e9:.6f}, {said}")


class Transaction:
    """A gtrid, and all that was done about it."""
    __slots__ = ("gtrid", "began", "kind", "order", "owner", "line", "operations",
                 "committed", "rolled_back", "seen", "asked")

    def __init__(self, gtrid):
        self.gtrid = gtrid
        self.began = self.kind = self.order = self.owner = self.line = None  # owner: (source, thread)
        self.operations = []
        # The first operation that told so; asked: the first commit.
        self.committed = self.rolled_back = self.seen = self.asked = None

    def told_owner(self):
        """The outcome that whoever ran it was told; None: none, or it was not told yet."""
        for operation in self.operations:
            if operation.code in (COMMITTED, ROLLED_BACK) and operation.name != "read" and \
                    (operation.source, operation.thread) == self.owner:
                return operation.code
        return None

    def ended(self):
        """Whether whoever ran it has got an answer from commit or rollback."""
        return any(operation.returned is not None and operation.name in ("commit", "rollback")
                   for operation in self.operations)


class Source:
    """A file, and how far it was read."""

    def __init__(self, name):
        self.name = name
        self.offset = self.line = 0
        self.open = {}  # thread -> the operation that it is in
        self.clock = {}  # thread -> its latest time
        self.begun = []
        self.commits = 0  # transfers whose owner was told that they are committed


class History:
    def __init__(self, early=()):
        """early: banks that are last resources, where readers see a transfer before its decision is on record."""
        self.early = early
        self.sources = {}
        self.transactions = {}
        self.touched = set()  # gtrids of which something new was read since the last check
        self.damage = []
        self.operations = 0  # that returned; begin counts

    # --- reading

    def read(self, path, name=None):
        """Reads on in a file, to the end of its last whole line.  Returns its Source."""
        name = name or path.rsplit("/", 1)[-1]
        source = self.sources.setdefault(name, Source(name))
        with open(path, "rb") as file:
            file.seek(source.offset)
            text = file.read()
        whole = text.rfind(b"\n") + 1  # whoever was killed may have left half a line
        source.offset += whole
        self.feed(source, text[:whole].decode("ascii", "replace").splitlines())
        return source

    def feed(self, source, lines):
        for line in lines:
            source.line += 1
            words = line.split()
            try:
                thread, when, what = int(words[0]), int(words[1]), words[2]
                if when < source.clock.get(thread, 0):
                    raise ValueError("time goes backwards")
                source.clock[thread] = when
                {"begin": self._begin, "call": self._call, "ret": self._return}[what](source, thread, when, *words[3:])
            except (ValueError, IndexError, TypeError, KeyError) as error:
                self.damage.append(Violation("damaged", "-", f"{source.name}:{source.line} {line!r}: {error}"))

    def _transaction(self, gtrid):
        found = self.transactions.get(gtrid)
        if found is None:
            found = self.transactions[gtrid] = Transaction(gtrid)
        self.touched.add(gtrid)
        return found

    def _begin(self, source, thread, when, gtrid, kind, *order):
        found = self._transaction(gtrid)
        if found.began is not None:
            raise ValueError(f"it began before, at {found.owner[0].name}:{found.line}")
        if kind not in (TRANSFER, WRITES, ONE_BRANCH, READS):
            raise ValueError(f"there is no kind {kind}")
        found.began, found.kind, found.owner, found.line = when, kind, (source, thread), source.line
        found.order = tuple(int(word) for word in order)
        source.begun.append(found)
        self.operations += 1

    def _call(self, source, thread, when, name, gtrid, detail):
        if thread in source.open:
            raise ValueError(f"the call of line {source.open[thread][1].line} has not returned")
        if detail not in DETAILS.get(name, ()):
            raise ValueError("there is no such operation")
        operation = Operation(name, thread, when, detail, source, source.line)
        self._transaction(gtrid).operations.append(operation)
        source.open[thread] = (gtrid, operation)

    def _return(self, source, thread, when, name, gtrid, code):
        called, operation = source.open.pop(thread, (None, None))
        if operation is None or called != gtrid or operation.name != name:
            raise ValueError("it was not called")
        operation.returned, operation.code = when, int(code)
        self.operations += 1
        found = self._transaction(gtrid)
        if name in ("commit", "query") and operation.code == COMMITTED and found.kind == TRANSFER and \
                found.owner == (source, thread):
            source.commits += 1

    def count(self, source):
        """Of the transfers that the clients of this file ran: committed and rolled back as they were told, and those that
        they ended without being told how."""
        codes = [found.told_owner() for found in source.begun if found.kind == TRANSFER and found.ended()]
        return {"committed": codes.count(COMMITTED), "rolled_back": codes.count(ROLLED_BACK), "unknown": codes.count(None)}

    def unfinished(self):
        """Transactions of which their owner was told nothing."""
        return [found for found in self.transactions.values()
                if found.began is not None and found.kind == TRANSFER and found.told_owner() is None]

    # --- judging

    def check(self, ledgers):
        """ledgers: for each bank the rows (gtrid, from, to, amount) of its ledger when everything had ended, as text or
        numbers.  Returns the violations; those in what was said are looked for in what is new since the last time."""
        violations, self.damage = self.damage, []
        for gtrid in sorted(self.touched):
            violations += judge_told(self.transactions[gtrid], self.early)
        self.touched.clear()
        rows = [{row[0]: tuple(int(word) for word in row[1:]) for row in ledgers[bank]} for bank in BANKS]
        for bank, of_bank in zip(BANKS, rows):
            if len(of_bank) != len(ledgers[bank]):
                violations.append(Violation("applied-twice", "-", f"a gtrid has several rows in {bank}"))
        return violations + self._judge_ledgers(*rows)

    def _judge_ledgers(self, pg, my):
        violations = []
        for gtrid in sorted(pg.keys() ^ my.keys()):
            violations.append(Violation("torn", gtrid, f"only {BANKS[gtrid in my]} has it; {self._described(gtrid)}"))
        for gtrid, row in pg.items():
            found = self.transactions.get(gtrid)
            if found is None or found.began is None:
                violations.append(Violation("unknown-row", gtrid, "in the ledgers, but nobody began it"))
            elif gtrid in my and (row != my[gtrid] or row != found.order):
                violations.append(Violation("altered", gtrid, f"{found.order} was asked for, {row} and {my[gtrid]} written"))
        for gtrid, found in self.transactions.items():
            if gtrid in pg or gtrid in my:
                if found.rolled_back:
                    violations.append(Violation("rolled-back-is-committed", gtrid,
                                                f"{found.rolled_back}; the ledgers have it"))
                if found.began is not None and (found.asked is None or found.kind != TRANSFER):
                    violations.append(Violation("unasked", gtrid, f"in the ledgers, though {self._described(gtrid)}"))
            elif found.kind == TRANSFER and not found.rolled_back and (found.committed or found.seen):
                violations.append(Violation("lost", gtrid, f"{found.committed or found.seen}; no ledger has it"))
        return violations

    def _described(self, gtrid):
        found = self.transactions.get(gtrid)
        if found is None or found.began is None:
            return "nobody began it"
        return f"of kind {found.kind}, " + (f"{found.asked}" if found.asked else "no commit was called")


# --- one transaction: what was said about it --------------------------------------------------------------------------


def judge_told(transaction, early=()):
    """The violations in what was told about one transaction, by whomever.  Notes the first of each kind in it."""
    returned = [operation for operation in transaction.operations if operation.returned is not None]
    told = [operation for operation in returned if operation.name != "read"]
    reads = [operation for operation in returned if operation.name == "read"]
    ends = [operation for operation in transaction.operations if operation.name in ("commit", "rollback")]
    asked = [operation for operation in ends if operation.name == "commit"]
    committed = [operation for operation in told if operation.code == COMMITTED]
    rolled_back = [operation for operation in told if operation.code == ROLLED_BACK]
    forgotten = [operation for operation in told if operation.code == FORGOTTEN]
    pending = [operation for operation in told if operation.code == PENDING]
    seen = [operation for operation in reads if operation.code > 0]

    transaction.committed, transaction.rolled_back = _first(committed), _first(rolled_back)
    transaction.seen, transaction.asked = _first(seen), _first(asked)
    if transaction.began is None:
        return _judge_invented(transaction, told, seen)

    violations = []

    def violate(kind, *operations):
        violations.append(Violation(kind, transaction.gtrid, "; ".join(str(operation) for operation in operations)))

    def order(kind, earlier, later):
        """Each moment of the first has to be before each of the second; finds the worst pair."""
        if earlier and later:
            last, first = max(earlier, key=lambda one: one.called), min(later, key=lambda one: one.returned)
            if last.called > first.returned:
                violate(kind, first, last)

    for operation in told:
        if operation.code in (MIXED, HAZARD):
            violate("heuristic", operation)
        if operation.code == FOREIGN:
            violate("disowned", operation)
    if committed and rolled_back and transaction.kind != READS:
        violate("contradiction", committed[0], rolled_back[0])
    if seen and rolled_back:
        violate("dirty-read", seen[0], rolled_back[0])

    if not asked:
        for operation in (committed + seen)[:1]:
            violate("unasked", operation)
    order("unasked", asked[:1], committed + seen)
    if not ends:
        for operation in forgotten:
            if operation.returned - transaction.began < HORIZON:
                violate("forgotten-early", operation)
    order("forgotten-early", ends[:1], forgotten)

    on_record = [operation for operation in rolled_back if operation.name == "rollback" and operation.detail == "logged"]
    if transaction.kind in (TRANSFER, WRITES):
        on_record += committed
    order("stale-pending", pending, on_record + forgotten + [one for one in seen if one.detail not in early])
    if transaction.kind == TRANSFER:
        for bank in BANKS:
            order("stale-read", [one for one in reads if one.code == 0 and one.detail == bank],
                  [one for one in seen if one.detail == bank] +
                  [one for one in committed if one.name == "commit" and one.detail == "completed"])
    return violations


def _first(operations):
    return min(operations, key=lambda operation: operation.returned or operation.called) if operations else None


def _judge_invented(transaction, told, seen):
    """Of what nobody began nothing can be known but that it is not known."""
    return [Violation("invented", transaction.gtrid, f"{operation}; nobody began it")
            for operation in told + seen if operation.name == "read" or operation.code in OUTCOMES]
