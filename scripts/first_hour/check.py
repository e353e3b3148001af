"""A check: a statement about AWS, and what confirms or refutes it."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from account import Account


class Change(enum.Enum):
    """Changes that checks make. Each is described to the operator before it is made."""

    GROUP = "make one security group, which no network interface uses, give it rules for documentation addresses, and delete it"
    EXECUTION = "start the stack's document that closes, in dry run, for that group"
    DOCUMENT = "make a document of Systems Manager Automation, start it for that group in dry run, and delete it"
    EXCEPTION = "ask AWS Config for a remediation exception for that group, and delete it"
    OPEN = "open a blocked port of that group to the internet, several times, and leave it to automatic mode to close it"


class Verdict(str, enum.Enum):
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNOBSERVED = "not observed"


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    seen: str


class Unobserved(Exception):
    """The statement can be neither confirmed nor refuted, and why."""


@dataclass(frozen=True)
class Check:
    name: str
    # True of AWS if confirmed.
    statement: str
    # The way to observe it.
    how: str
    # Settings of the local cloud, and decisions, that depend on the answer.
    depends: str
    # Whether the statement holds, and what was seen. None if the script cannot observe it; `how` then says why.
    observe: Callable[["Account"], tuple[bool, str]] | None = None
    changes: frozenset[Change] = frozenset()
    # Longest wait.
    seconds: int = 120
    # Runs only when asked for.
    asked_for: bool = False
    # Runs when the group is gone.
    after_deletion: bool = False


def answer(holds: bool, seen: str) -> Answer:
    return Answer(Verdict.CONFIRMED if holds else Verdict.REFUTED, seen)
