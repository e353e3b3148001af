"""Faults in every AWS call of every function: no rule is lost, no port is opened, and the next run completes the work."""

import os
import random
import time

import pytest
from conftest import LONG, dead_letters, number
from local_cloud import wait_for
from scenarios import NAMES, Scenario, all_scenarios

# Attempts of Lambda per event.
ATTEMPTS = 3
# Longer than the attempt timeout of the functions.
LATE = 6
# Fields of a fault, by kind.
KINDS = {
    "throttled": {},
    "trouble of the service": {"code": "InternalError", "status": 500},
    "connection reset": {"kind": "reset"},
    "connection ends": {"kind": "drop"},
    "access denied": {"kind": "accessDenied"},
    "malformed reply": {"kind": "malformed"},
    "reply lost": {"kind": "lostReply"},
    "killed before": {"kind": "kill", "when": "before"},
    "killed after": {"kind": "kill", "when": "after"},
    "timeout": {"kind": "delay", "seconds": LATE},
    "reply late": {"kind": "slowReply", "seconds": LATE},
}
# Slow kinds, which the short form leaves out.
SLOW = ("timeout", "reply late")
# Selects kinds, such as `SOAK_KINDS='reply lost,malformed reply'`.
if chosen := os.environ.get("SOAK_KINDS"):
    KINDS = {kind: KINDS[kind] for kind in chosen.split(",")}
# Constant in the short form, so that a failure comes from a change of the code, not from chance.
SEED = number("SOAK_SEED", 1, time.time_ns() % 1_000_000)
PAIRS = number("SOAK_PAIRS", 4, 100)


class Case:
    """A scenario, with the calls that its function makes in a new process."""

    def __init__(self, scenario: Scenario):
        self.scenario, self.stack = scenario, scenario.stack
        scenario.begin()
        thing = scenario.prepare()
        scenario.cool()
        mark = self.stack.cloud.mark()
        scenario.act(thing)
        self.calls = [tuple(call["action"].split(":")) for call in self.stack.calls(scenario.role, mark)]
        assert self.calls, f"{scenario.name}: the function {scenario.function} makes calls"
        scenario.good = scenario.state(thing)

    def fault(self, place: int, kind: str, times: int = 1) -> None:
        """Injects a fault into the call at this place."""
        service, action = self.calls[place]
        skip = self.calls[:place].count(self.calls[place])
        members = {"service": service, "action": action, "skip": skip, "times": times, "principal": self.scenario.role}
        self.stack.cloud.fault(**members, **KINDS[kind])

    def places(self) -> list[int]:
        """Every call; in the short form, the first and the last of equal calls."""
        if LONG:
            return list(range(len(self.calls)))
        first = {call: place for place, call in reversed(list(enumerate(self.calls)))}
        last = {call: place for place, call in enumerate(self.calls)}
        return sorted({*first.values(), *last.values()})

    def run(self, *faults: tuple[int, str, int], must_happen: bool = True, recovers: bool = True, to_the_end: bool = True) -> list[str]:
        """Problems after these faults, each with its place, kind, and number of calls in a row."""
        scenario, cloud = self.scenario, self.stack.cloud
        told = ", ".join(f"{kind} at call {place} ({':'.join(self.calls[place])})" for place, kind, _ in faults)
        thing = scenario.prepare()
        before = scenario.state(thing)
        assert (before != scenario.good) == scenario.leaves_another_state, scenario.name
        scenario.cool()
        for fault in faults:
            self.fault(*fault)
        scenario.act(thing)
        injected = sum(fault["injected"] for fault in cloud.control("GET", "/faults"))
        cloud.control("DELETE", "/faults")
        problems = []
        if must_happen and injected == 0:
            problems.append("the call was not made")
        now = scenario.state(thing)
        if trouble := scenario.between(before, now):
            problems.append(f"in between: {trouble}")
        if recovers and scenario.repeats_itself and now != scenario.good:
            problems.append(f"did not recover: {sorted(map(str, now))}")
        if now != scenario.good:
            scenario.again(thing)
        if (now := scenario.state(thing)) != scenario.good:
            problems.append(f"in the end: {sorted(map(str, now ^ scenario.good))}")
        elif to_the_end:
            try:
                scenario.afterwards(thing, before)
            except AssertionError as error:
                problems.append(f"afterwards: {str(error).splitlines()[0] if str(error) else error!r}")
        return [f"{scenario.name}, {told}: {problem}" for problem in problems]


def quick_kinds() -> list[str]:
    return [kind for kind in KINDS if kind not in SLOW] or list(KINDS)


def kinds_of(place: int, offset: int) -> list[str]:
    """All kinds in the long form; one kind per call in the short form, a different one each time."""
    quick = quick_kinds()
    return list(KINDS) if LONG else [quick[(place + offset) % len(quick)]]


# The short form leaves Carve to tests/acceptance, which kills the function at each of its calls, throttles additions and
# loses the replies to them. Replace makes the same calls, and they fail here in the other ways.
IN_TURN = [name for name in NAMES if LONG or name != "close with Carve"]


@pytest.mark.documents
@pytest.mark.timeout(4 * 3600 if LONG else 300)
@pytest.mark.parametrize("name", IN_TURN)
def test_every_call_in_turn(portcullis, name):
    case = Case(all_scenarios(portcullis)[name])
    lost = dead_letters(portcullis)
    problems = []
    for place in case.places():
        for kind in kinds_of(place, NAMES.index(name)):
            problems += case.run((place, kind, 1), to_the_end=LONG or place == case.places()[-1])
    assert problems == []
    assert dead_letters(portcullis) == lost, "one fault is less than an event's three attempts"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("evaluate")])
def test_every_attempt_fails(portcullis, name):
    """The event goes to the dead-letter queue, and the next event does its work."""
    case = Case(all_scenarios(portcullis)[name])
    lost = dead_letters(portcullis)
    assert case.run((len(case.calls) - 1, "killed before", ATTEMPTS), recovers=False) == []
    wait_for("the dead letter", lambda: dead_letters(portcullis) == lost + 1, 60)


@pytest.mark.timeout(4 * 3600 if LONG else 300)
def test_random_pairs(portcullis, capsys):
    with capsys.disabled():
        print(f"\nSOAK_SEED={SEED} SOAK_PAIRS={PAIRS}")
    chance = random.Random(SEED)
    names = sorted(chance.choice(NAMES) for _ in range(PAIRS))
    kinds = list(KINDS) if LONG else quick_kinds()
    problems, scenarios = [], all_scenarios(portcullis)
    for name in dict.fromkeys(names):
        case = Case(scenarios[name])
        for _ in range(names.count(name)):
            faults = [(chance.randrange(len(case.calls)), chance.choice(kinds), chance.choice((1, 1, 2))) for _ in range(2)]
            problems += case.run(*faults, must_happen=False, recovers=False)
    assert problems == [], f"SOAK_SEED={SEED} SOAK_PAIRS={PAIRS}"


@pytest.mark.skipif(not LONG, reason="two minutes for each")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("action", ["PutObject", "RevokeSecurityGroupIngress"])
def test_replies_that_are_late_until_the_deadline(portcullis, action):
    """The function stops before its deadline and reports it, and the next run completes the work."""
    case = Case(all_scenarios(portcullis)["close with Revoke"])
    [place] = [place for place, call in enumerate(case.calls) if call[1] == action]
    scenario, act = case.scenario, case.scenario.act

    # `settle` waits for only a minute.
    def patient(thing: str) -> None:
        document = portcullis.outputs["CloseDocumentName"]
        ssm = portcullis.ssm
        started = ssm.start_automation_execution(DocumentName=document, Parameters={"SecurityGroupId": [thing]})
        key = {"AutomationExecutionId": started["AutomationExecutionId"]}

        def over() -> dict | None:
            run = ssm.get_automation_execution(**key)["AutomationExecution"]
            return run if run["AutomationExecutionStatus"] not in ("Pending", "InProgress") else None

        run = wait_for("the execution", over, 300)
        assert run["AutomationExecutionStatus"] == "Failed"
        assert "out of time" in run["FailureMessage"] or "nothing was changed" in run["FailureMessage"], run["FailureMessage"]
        scenario.act = act
        portcullis.cloud.settle()

    scenario.act = patient
    assert case.run((place, "reply late", 1000)) == []
