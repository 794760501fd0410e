"""How much a body may hold, and what can be wrong with one."""

from enum import Enum

from attrs import frozen


@frozen(kw_only=True)
class BodyLimits:
    """How much a body may hold.

    Args:
        decoded: bytes of one picture.
        skeleton: bytes of all that is not pictures.
        pictures: how many; drafts and long thought signatures count too (upstreams §2.4).
        window: bytes a string needs to be a picture; 8 at least.
        depth: arrays and objects within each other.

    """

    decoded: int = 48 * 1024**2
    skeleton: int = 8 * 1024**2
    pictures: int = 32
    window: int = 4096
    depth: int = 100


class BodyFault(Enum):
    """What is wrong with a body."""

    NOT_JSON = "not_json"
    INCOMPLETE = "incomplete"
    DECODED_LIMIT = "decoded_limit"
    SKELETON_LIMIT = "skeleton_limit"
    TOO_MANY = "too_many"


class BodyError(ValueError):
    """A body that cannot be decoded; the message says what is wrong and where, and quotes nothing of it."""

    def __init__(self, fault: BodyFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
