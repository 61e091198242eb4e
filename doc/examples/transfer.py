#!/usr/bin/env python3
"""Moves 5 from an account in PostgreSQL to one in MariaDB, wholly or not at all.

usage: transfer.py [ENDPOINTS]      with contrib/python in PYTHONPATH, or installed
"""
import sys

import txcoord


def transfer(client, amount, account):
    """One transfer; its gtrid."""
    with client.begin(timeout=10) as tx:
        tx.execute("bank_pg", "UPDATE acct SET bal = bal - $1 WHERE id = $2", (amount, account))
        tx.execute("bank_my", "UPDATE acct SET bal = bal + ? WHERE id = ?", (amount, account))
    return tx.gtrid


def main():
    with txcoord.Client(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:7400") as client:
        for _ in range(5):
            try:
                print(f"{transfer(client, 5, 1)}: committed")
                return 0
            except txcoord.Error as error:
                print(f"{error.gtrid}: {error}")
                if not error.retryable:  # a deadlock is, say
                    return 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
