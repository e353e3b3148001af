"""A burst of findings in the local cloud: how many are recorded each second, and when the queue is empty."""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(CHECKOUT / "dev" / "local-cloud" / "python"), str(CHECKOUT / "tests" / "acceptance")]

RULE = "portcullis"
ROUTING = "/portcullis/routing"
# Calls to send at once: EventBridge does not wait for one event before it sends the next one.
SENDERS = 8
# A burst that is not recorded by then has failed.
LIMIT_SECONDS = 600


def event(account: str, region: str, number: int) -> dict:
    """AWS Config says that a group is open."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    result = {
        "evaluationResultIdentifier": {"evaluationResultQualifier": {"evaluationMode": "DETECTIVE"}, "orderingTimestamp": at},
        "complianceType": "NON_COMPLIANT",
        "resultRecordedTime": at,
    }
    detail = {
        "resourceId": f"sg-{number:017x}",
        "awsRegion": region,
        "awsAccountId": account,
        "configRuleName": RULE,
        "resourceType": "AWS::EC2::SecurityGroup",
        "newEvaluationResult": result,
    }
    kind = "Config Rules Compliance Change"
    return {"source": "aws.config", "detail-type": kind, "account": account, "region": region, "time": at, "detail": detail}


class Findings:
    """The deployed stack for findings, whose topic hears of everything."""

    def __init__(self, stack):
        from portcullis import PARAMETERS, finished

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
        described = cloud.client("cloudformation").describe_stacks(StackName="portcullis-findings")["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.stack, self.cloud, self.sqs, self.dynamodb = stack, cloud, cloud.client("sqs"), cloud.client("dynamodb")

    def waiting(self) -> int:
        """Messages in the queue, also those that are being processed."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.outputs["RecordQueueUrl"], AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def recorded(self) -> int:
        """Findings in the table that are open."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.outputs["FindingTableName"],
            IndexName="state",
            Select="COUNT",
            KeyConditionExpression="#state = :open",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":open": {"S": "open"}},
        )
        return sum(page["Count"] for page in pages)

    def send(self, events: list[dict]) -> None:
        entries = [{"Id": str(number), "MessageBody": json.dumps(event)} for number, event in enumerate(events)]
        reply = self.sqs.send_message_batch(QueueUrl=self.outputs["RecordQueueUrl"], Entries=entries)
        if reply.get("Failed"):
            raise SystemExit(f"error: not sent: {reply['Failed']}")

    def burst(self, count: int) -> dict:
        """Sends events of so many groups at once, and waits until all are recorded."""
        account = self.cloud.client("sts").get_caller_identity()["Account"]
        # The groups of the deployment itself, if there are any.
        before, mark = self.recorded(), self.cloud.mark()
        events = [event(account, self.cloud.endpoints["region"], number) for number in range(count)]
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(self.send, (events[start : start + 10] for start in range(0, count, 10))))
        sent = time.monotonic()
        while self.waiting():
            if time.monotonic() > begin + LIMIT_SECONDS:
                raise SystemExit(f"error: {self.waiting()} events are not recorded after {LIMIT_SECONDS} seconds")
            time.sleep(0.1)
        seconds = time.monotonic() - begin
        recorded = self.recorded() - before
        if recorded != count:
            raise SystemExit(f"error: {recorded} of {count} findings are in the table")
        calls: dict[str, int] = {}
        for call in self.stack.calls("RecorderRole", mark):
            calls[call["action"]] = calls.get(call["action"], 0) + 1
        return {
            "findings": count,
            "seconds_to_send": round(sent - begin, 2),
            "seconds_to_empty_queue": round(seconds, 2),
            "findings_per_second": round(count / seconds),
            "calls_of_the_recorder": calls,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=1_000, help="findings of the burst")
    parser.add_argument("--json", type=pathlib.Path, metavar="DIRECTORY", help="also write the figures there")
    arguments = parser.parse_args()
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    from portcullis import without_stack

    with tempfile.TemporaryDirectory() as directory, without_stack(pathlib.Path(directory)) as stack:
        figures = Findings(stack).burst(arguments.findings)
    for name, value in figures.items():
        print(f"{name.replace('_', ' ')}: {value}")
    if arguments.json:
        arguments.json.mkdir(parents=True, exist_ok=True)
        (arguments.json / "findings.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
