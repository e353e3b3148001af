"""From the call that opens a port to the closed port, in the local cloud: by the responder, and by AWS Config alone. And a burst."""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.extend(str(pathlib.Path(__file__).resolve().parents[2] / part) for part in ("dev/local-cloud/python", "tests/acceptance"))

from portcullis import PARAMETERS, RULE, finished, open_to, without_stack

WORLD = "0.0.0.0/0"
# A port that is open for so long has been missed.
LIMIT_SECONDS = 120
# More than there are closings here: the pace of closings is another matter.
NO_LIMIT = "0"


def deploy(stack, automatic: bool, *options: str, **parameters: str) -> None:
    """Deploys the stack, and with an option that of the responder."""
    given = {
        "RuleName": RULE,
        "SourceInputParameters": json.dumps(PARAMETERS),
        "RemediationMode": str(automatic),
        "ClosingsPerHour": NO_LIMIT,
    }
    done = finished(stack.start_deploy(*options, **(given | parameters)))
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    stack.deployed()


def seconds_to_close(stack, name: str) -> float:
    """Opens a port of a new group, and waits until it is closed."""
    group = stack.cloud.group(name)
    begin = time.monotonic()
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    while stack.sources(group):
        if time.monotonic() > begin + LIMIT_SECONDS:
            raise SystemExit(f"error: port 22 of {group} is open after {LIMIT_SECONDS} seconds")
        time.sleep(0.02)
    return time.monotonic() - begin


def spread(seconds: list[float]) -> dict:
    """Median, 95th percentile and maximum."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"closings": len(seconds), "p50": round(cuts[9], 2), "p95": round(cuts[18], 2), "max": round(max(seconds), 2)}


def measured(stack, name: str, count: int) -> dict:
    """Closes so many groups one after the other."""
    figures = spread([seconds_to_close(stack, f"{name}-{number}") for number in range(count)])
    stack.cloud.settle(LIMIT_SECONDS)
    return figures


def burst(stack, groups: int, changes: int) -> dict:
    """Many changes of fewer groups, which are open in the end: how many executions there are."""
    ids = [stack.cloud.group(f"burst-{number}") for number in range(groups)]
    before, begin = set(executions(stack)), time.monotonic()
    for number in range(changes):
        # Blocked and other ports in turn, each rule a change of its own.
        port = 22 if number < groups else 10_000 + number
        stack.ec2.authorize_security_group_ingress(GroupId=ids[number % groups], IpPermissions=[open_to(WORLD, ports=(port, port))])
    sent = time.monotonic()
    while any(stack.sources(group) for group in ids):
        if time.monotonic() > sent + 10 * LIMIT_SECONDS:
            raise SystemExit("error: groups of the burst are open")
        time.sleep(0.5)
    closed = time.monotonic()
    stack.cloud.settle(10 * LIMIT_SECONDS)
    made = {one: status for one, status in executions(stack).items() if one not in before}
    return {
        "groups": groups,
        "changes": changes,
        "seconds_to_change": round(sent - begin, 1),
        "seconds_until_all_are_closed": round(closed - sent, 1),
        "executions": len(made),
        "executions_that_failed": sum(status != "Success" for status in made.values()),
    }


def executions(stack) -> dict[str, str]:
    """Executions of SSM Automation so far, with their status."""
    pages = stack.ssm.get_paginator("describe_automation_executions").paginate()
    found = [one for page in pages for one in page["AutomationExecutionMetadataList"]]
    return {one["AutomationExecutionId"]: one["AutomationExecutionStatus"] for one in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closings", type=int, default=100, help="closings of each way")
    parser.add_argument("--groups", type=int, default=200, help="groups of the burst")
    parser.add_argument("--changes", type=int, default=1_000, help="changes of the burst")
    parser.add_argument("--json", type=pathlib.Path, metavar="DIRECTORY", help="also write the figures there")
    arguments = parser.parse_args()
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

    figures = {}
    with tempfile.TemporaryDirectory() as directory, without_stack(pathlib.Path(directory)) as stack:
        deploy(stack, True)
        figures["AWS Config"] = measured(stack, "config", arguments.closings)
        deploy(stack, False, "--responder", CloudTrailMode="Close", SettleSeconds="0")
        figures["responder"] = measured(stack, "responder", arguments.closings)
        deploy(stack, False, "--responder", CloudTrailMode="Close", SettleSeconds="30")
        figures["burst"] = burst(stack, arguments.groups, arguments.changes)
    for name, values in figures.items():
        said = ", ".join(key.replace("_", " ") + f" {value}" for key, value in values.items())
        print(f"{name}: {said}")
    if arguments.json:
        arguments.json.mkdir(parents=True, exist_ok=True)
        (arguments.json / "responder.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
