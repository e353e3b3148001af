"""Deletes the stack, and lists or undoes before what would remain in force. See scripts/undeploy.

usage: undeploy_stack.py AWS-CLI STACK ask|release|keep
"""

import datetime
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from aws_command import Aws, Json, Refused, fail
from retire_rule import end_remediation

# A quarantine that was planned before a release may have been carried out for as long as a function can run.
LONGEST_RUN = datetime.timedelta(minutes=15)
ENDED = {"Success", "Failed", "TimedOut", "Cancelled", "CompletedWithFailure"}
SECONDS_TO_RELEASE = 600


# ---- quarantines


def live_entries(acl: Json) -> set[tuple[Any, ...]]:
    """Ingress entries of a network ACL, in the form of those of a snapshot."""
    return {
        (
            entry["RuleNumber"],
            entry["RuleAction"],
            str(entry["Protocol"]),
            entry.get("PortRange", {}).get("From"),
            entry.get("PortRange", {}).get("To"),
            entry.get("CidrBlock") or entry.get("Ipv6CidrBlock"),
        )
        for entry in acl["Entries"]
        if not entry["Egress"]
    }


def planned_entries(snapshot: Json) -> set[tuple[Any, ...]]:
    """Entries that a quarantine planned to add."""
    names = ("ruleNumber", "ruleAction", "protocol", "fromPort", "toPort", "cidr")
    return {tuple(entry.get(name) for name in names) for entry in snapshot["plan"]["add"]}


def taken(record: Json) -> datetime.datetime:
    return datetime.datetime.fromisoformat(record["takenAt"].replace("Z", "+00:00"))


def records(aws: Aws, bucket: str, account: str, region: str) -> Iterator[tuple[str, Json]]:
    """Network ACL and content of every object below network-acls/."""
    prefix = f"network-acls/{account}/{region}/"
    listed = aws("s3api", "list-objects-v2", bucket=bucket, prefix=prefix)
    for one in sorted(listed.get("Contents", []), key=lambda one: one["Key"]):
        yield one["Key"].removeprefix(prefix).split("/")[0], json.loads(aws.text("s3", "cp", f"s3://{bucket}/{one['Key']}", "-"))


def group_of(aws: Aws, record: Json) -> str:
    """Security group of a quarantine: in its snapshot, or in the execution that took it."""
    if record.get("securityGroupId"):
        return record["securityGroupId"]
    try:
        run = aws("ssm", "get-automation-execution", automation_execution_id=record.get("executionId") or "none")
        return run["AutomationExecution"]["Parameters"]["SecurityGroupId"][0]
    except (Refused, KeyError):
        return ""


def open_quarantines(aws: Aws, bucket: str, account: str, region: str) -> list[tuple[str, str, int]]:
    """Network ACL, security group and number of entries of each quarantine whose entries are still there."""
    by_acl: dict[str, list[Json]] = {}
    for acl_id, record in records(aws, bucket, account, region):
        by_acl.setdefault(acl_id, []).append(record)
    found: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for acl_id, snapshots in by_acl.items():
        described = aws("ec2", "describe-network-acls", filters=[{"Name": "network-acl-id", "Values": [acl_id]}])["NetworkAcls"]
        if not described:
            continue
        releases = [taken(one) for one in snapshots if one.get("action") == "released"]
        for one in snapshots:
            if one.get("action") != "quarantine" or any(taken(one) + LONGEST_RUN < released for released in releases):
                continue
            remaining = planned_entries(one) & live_entries(described[0])
            if remaining:
                found.setdefault((acl_id, group_of(aws, one)), set()).update(remaining)
    return sorted((acl, group, len(entries)) for (acl, group), entries in found.items())


def release(aws: Aws, document: str, acl_id: str, group: str) -> None:
    """Releases a quarantine with the document of the stack, and waits for it."""
    parameters = {"Action": ["release"], "SecurityGroupId": [group], "NetworkAclIds": [acl_id]}
    started = aws("ssm", "start-automation-execution", document_name=document, parameters=parameters)["AutomationExecutionId"]
    deadline = time.monotonic() + SECONDS_TO_RELEASE
    while True:
        run = aws("ssm", "get-automation-execution", automation_execution_id=started)["AutomationExecution"]
        status = run["AutomationExecutionStatus"]
        if status == "Success":
            print(f"released: {acl_id} from the quarantine of {group}")
            return
        if status in ENDED or time.monotonic() > deadline:
            fail(f"the release of {acl_id} ended as {status}, and the stack is left as it is: {run.get('FailureMessage', started)}")
        time.sleep(1)


# ---- exceptions


def exceptions_of(aws: Aws, rule: str) -> list[Json]:
    """Remediation exceptions of a rule."""
    return aws("configservice", "describe-remediation-exceptions", config_rule_name=rule).get("RemediationExceptions", [])


def delete_exceptions(aws: Aws, rule: str, exceptions: list[Json]) -> None:
    keys = [{"ResourceType": one["ResourceType"], "ResourceId": one["ResourceId"]} for one in exceptions]
    for start in range(0, len(keys), 100):
        answer = aws("configservice", "delete-remediation-exceptions", config_rule_name=rule, resource_keys=keys[start : start + 100])
        for batch in answer.get("FailedBatches", []):
            fail(f"remediation exceptions of rule {rule} were not deleted: {batch.get('FailureMessage', batch)}")
    print(f"deleted: {len(keys)} remediation exceptions of rule {rule}")


# ---- the stack


def outputs_of(described: Json) -> dict[str, str]:
    """Outputs of a stack."""
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def stack_beside(aws: Aws, stack: str, kind: str) -> Json | None:
    """The stack that `scripts/deploy` made beside this one, with `--findings` or `--responder`."""
    try:
        return aws("cloudformation", "describe-stacks", stack_name=f"{stack}-{kind}")["Stacks"][0]
    except Refused as refused:
        if refused.is_a("ValidationError"):
            return None
        raise


def delete(aws: Aws, described: Json) -> None:
    """Deletes a stack, and waits for it."""
    print(f"deleting stack {described['StackName']}")
    aws("cloudformation", "delete-stack", stack_name=described["StackName"])
    aws.text("cloudformation", "wait", "stack-delete-complete", "--stack-name", described["StackId"])


def undeploy(aws: Aws, stack: str, rest: str) -> None:
    """Lists, releases if asked to, and deletes."""
    described = aws("cloudformation", "describe-stacks", stack_name=stack)["Stacks"][0]
    outputs = outputs_of(described)
    bucket, rule = outputs.get("SnapshotBucketName"), outputs.get("ConfigRuleName")
    _, _, _, region, account, _ = described["StackId"].split(":", 5)
    quarantines = open_quarantines(aws, bucket, account, region) if bucket else []
    exceptions = exceptions_of(aws, rule) if rule else []
    for acl_id, group, entries in quarantines:
        print(f"open quarantine: {entries} entries in {acl_id}, of {group or 'a group that is not known any more'}")
    for one in exceptions:
        print(f"remediation exception: {one['ResourceId']} until {one.get('ExpirationTime', 'it is deleted')}: {one.get('Message', '')}")
    if (quarantines or exceptions) and rest == "ask":
        fail(
            "the stack is left as it is, since without it nothing releases these quarantines: run make undeploy again with"
            " RELEASE=1 to release the quarantines and delete the exceptions first, or with KEEP=1 to leave them"
        )
    if rest == "release":
        for acl_id, group, _ in quarantines:
            if not group:
                fail(f"the group of a quarantine in {acl_id} is not known: release it by hand (docs/quarantine.md)")
            release(aws, outputs["QuarantineDocumentName"], acl_id, group)
        if exceptions:
            delete_exceptions(aws, rule, exceptions)

    # First, so that nothing starts the documents of the stack any more.
    responder = stack_beside(aws, stack, "responder")
    if responder:
        delete(aws, responder)
    if rule:
        end_remediation(aws, rule)
    delete(aws, described)
    if bucket:
        print(f"deleted. The snapshots remain in s3://{bucket}, with the policy of the bucket: docs/operations.md, Delete")
    # Afterwards: its queue takes what the functions of the stack still send.
    findings = stack_beside(aws, stack, "findings")
    if findings:
        delete(aws, findings)
        table = outputs_of(findings).get("FindingTableName")
        print(f"deleted. The findings remain in the DynamoDB table {table}: docs/operations.md, Delete")


def main() -> None:
    """Deletes the stack, or says why not."""
    program, stack, rest = sys.argv[1:]
    try:
        undeploy(Aws(program), stack, rest)
    except Refused as refused:
        fail(str(refused))


if __name__ == "__main__":
    main()
