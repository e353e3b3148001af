"""A burst of findings in the local cloud: how many are recorded each second, and when the queue is empty."""

import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.extend(str(pathlib.Path(__file__).resolve().parents[2] / part) for part in ("dev/local-cloud/python", "tests/acceptance"))

from portcullis import PARAMETERS, RULE, finished, without_stack
from test_findings import Findings

ROUTING = "/portcullis/routing"
# Calls to send at once: EventBridge does not wait for one event before it sends the next one.
SENDERS = 8
# A burst that is not recorded by then has failed.
LIMIT_SECONDS = 600


def deployed(stack) -> Findings:
    """The deployed stack for findings, whose topic hears of everything."""
    cloud = stack.cloud
    topic = cloud.client("sns").create_topic(Name="findings")["TopicArn"]
    document = {"version": 1, "channels": {"topic": {"kind": "sns", "topicArn": topic}}, "defaultChannels": ["topic"]}
    cloud.client("ssm").put_parameter(Name=ROUTING, Type="String", Value=json.dumps(document))
    parameters = {
        "RuleName": RULE,
        "SourceInputParameters": json.dumps(PARAMETERS),
        "RoutingDocument": f"ssm:{ROUTING}",
        "ChannelTopicArns": topic,
    }
    done = finished(stack.start_deploy("--findings", **parameters))
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    stack.deployed()
    return Findings(stack)


def recorded(findings: Findings) -> int:
    """Findings in the table that are open."""
    pages = findings.dynamodb.get_paginator("query").paginate(
        TableName=findings.table,
        IndexName="state",
        Select="COUNT",
        KeyConditionExpression="#state = :open",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":open": {"S": "open"}},
    )
    return sum(page["Count"] for page in pages)


def burst(findings: Findings, count: int) -> dict:
    """Sends events of so many groups at once, and waits until all are recorded."""
    # The groups of the deployment itself, if there are any.
    before, mark = recorded(findings), findings.cloud.mark()
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    events = [findings.event(f"sg-{number:017x}", "NON_COMPLIANT", at) for number in range(count)]
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda start: findings.send(*events[start : start + 10]), range(0, count, 10)))
    sent = time.monotonic()
    while waiting := findings.waiting():
        if time.monotonic() > begin + LIMIT_SECONDS:
            raise SystemExit(f"error: {waiting} events are not recorded after {LIMIT_SECONDS} seconds")
        time.sleep(0.1)
    seconds = time.monotonic() - begin
    found = recorded(findings) - before
    if found != count:
        raise SystemExit(f"error: {found} of {count} findings are in the table")
    calls = collections.Counter(call["action"] for call in findings.stack.calls("RecorderRole", mark))
    return {
        "findings": count,
        "seconds_to_send": round(sent - begin, 2),
        "seconds_to_empty_queue": round(seconds, 2),
        "findings_per_second": round(count / seconds),
        "calls_of_the_recorder": dict(calls),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=1_000, help="findings of the burst")
    parser.add_argument("--json", type=pathlib.Path, metavar="DIRECTORY", help="also write the figures there")
    arguments = parser.parse_args()
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

    with tempfile.TemporaryDirectory() as directory, without_stack(pathlib.Path(directory)) as stack:
        figures = burst(deployed(stack), arguments.findings)
    for name, value in figures.items():
        print(f"{name.replace('_', ' ')}: {value}")
    if arguments.json:
        arguments.json.mkdir(parents=True, exist_ok=True)
        (arguments.json / "findings.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
