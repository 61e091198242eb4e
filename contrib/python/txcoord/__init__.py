"""Distributed transactions over several databases, on top of libtxcoord.

    import txcoord

    with txcoord.Client("tcp://127.0.0.1:7400") as client:
        with client.begin(timeout=5) as tx:
            tx.execute("bank_pg", "UPDATE acct SET bal = bal - $1 WHERE id = $2", (5, 1))
            tx.execute("bank_my", "UPDATE acct SET bal = bal + ? WHERE id = ?", (5, 1))

The end of the inner block commits; an exception that leaves it rolls back.  What does not end as "committed" is raised:
RolledBack, Mixed, Hazard, OutcomeUnknown.

The library is found as the system's loader finds libtxcoord.so.0, or where TXCOORD_LIBRARY says.
"""
from .client import Client
from .codes import Code, CommitReturn, Isolation, Mode
from .enlist import MARIADB, POSTGRESQL, Driver, Reply
from .errors import Error, Hazard, Mixed, OutcomeError, OutcomeUnknown, RolledBack
from .result import Column, Result, Value
from .transaction import Parameter, Transaction

__all__ = ["Client", "Code", "Column", "CommitReturn", "Driver", "Error", "Hazard", "Isolation", "MARIADB", "Mixed", "Mode",
           "OutcomeError", "OutcomeUnknown", "POSTGRESQL", "Parameter", "Reply", "Result", "RolledBack", "Transaction",
           "Value"]
