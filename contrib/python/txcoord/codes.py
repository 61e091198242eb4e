"""Results and errors of the library, as txc_codes.h numbers them, and the choices of a transaction."""
import enum


class Code(enum.IntEnum):
    """Zero is success, positive an outcome that is not plainly "committed", negative an error."""

    OK = 0
    ROLLED_BACK = 1
    MIXED = 2
    HAZARD = 3
    UNKNOWN = 4
    PENDING = 5
    FORGOTTEN = 6
    READ_ONLY = 7
    EINVAL = -1
    ENOMEM = -2
    ETIMEDOUT = -3
    ECONN = -4
    ENOTA = -5
    EPROTO = -6
    EOVERLOAD = -7
    ELIMIT = -8
    ERM = -9
    EBRANCH = -10
    ENORM = -11
    ERMFAIL = -12
    ESESSION = -13
    EATTACHED = -14
    EREFUSED = -15
    ENOSPACE = -16
    ESTALE = -17
    ENOTLEADER = -18
    ECORRUPT = -19
    EIO = -20
    ELOCKED = -21
    ECONFIG = -22
    EFORKED = -23
    EVERSION = -24
    ECANCELED = -25
    ELOGLOSS = -26
    ENOTREADY = -27
    EFOREIGN = -28
    ECOUNT = -29
    EPERM = -30
    EMODE = -31

    @classmethod
    def _missing_(cls, value: object) -> "Code":
        # A newer library may have codes that this package does not know: the number is kept.
        if not isinstance(value, int):
            raise ValueError(f"{value!r} is no code")
        code = int.__new__(cls, value)
        code._name_ = f"CODE_{value}"
        code._value_ = value
        return code


class Isolation(enum.IntEnum):
    """Of a transaction, at every resource manager."""

    DEFAULT = 0  # the resource manager's own
    READ_COMMITTED = 1
    REPEATABLE_READ = 2
    SERIALIZABLE = 3


class CommitReturn(enum.IntEnum):
    """When commit returns."""

    COMPLETED = 0  # every branch has applied the decision
    DECISION_LOGGED = 1  # the decision is durable


class Mode(enum.Enum):
    """The protocol that ends a transaction.  Which are served depends on the library: EMODE."""

    TWO_PHASE = "2pc"
    THREE_PHASE = "3pc"
    PAXOS = "paxos"
