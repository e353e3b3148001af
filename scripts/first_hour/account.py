"""The account with the stack: clients, waits, and the one group and document that checks may change."""

import contextlib
import datetime
import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from check import Unobserved

T = TypeVar("T")
Json = dict[str, Any]

GROUP_TYPE = "AWS::EC2::SecurityGroup"
TAG = "portcullis-first-hour"
# The group's name in the log of EC2, too.
PREFIX = "portcullis-first-hour-"
ENDED = {"Success", "Failed", "TimedOut", "Cancelled", "CompletedWithSuccess", "CompletedWithFailure", "Rejected", "Exited"}
# Seconds between two reads, and between two messages.
FIRST_PAUSE, LONGEST_PAUSE, MESSAGES = 0.2, 10.0, 15.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Account:
    """What a run sees of an account. It changes nothing but what it made itself."""

    def __init__(self, stack: str, region: str, vpc: str | None, longest: int | None):
        self.region, self._named_vpc, self._longest = region, vpc, longest
        self._session = boto3.Session(region_name=region)
        self._clients: dict[str, Any] = {}
        self.run = uuid.uuid4().hex[:12]
        # The check that is running, for messages.
        self.current, self.seconds = "", 0
        self._executions: list[str] = []
        self._group: Group | None = None
        self.asked_for_exception = False
        identity = self.client("sts").get_caller_identity()
        self.account_id, self.partition = identity["Account"], identity["Arn"].split(":")[1]
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        missing = {"ConfigRuleName", "CloseDocumentName", "AutomationRoleArn", "RemediatorFunctionName"} - self.outputs.keys()
        if missing:
            raise Unobserved(f"stack `{stack}` is not one of Portcullis: it has no output {', '.join(sorted(missing))}")
        self.rule = self.outputs["ConfigRuleName"]

    def client(self, service: str) -> Any:
        if service not in self._clients:
            # An AWS service that does not answer must not use up the hour.
            config = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
            self._clients[service] = self._session.client(service, config=config)
        return self._clients[service]

    @cached_property
    def vpc(self) -> Json:
        """The VPC for the group: the named one, or the default VPC."""
        if self._named_vpc:
            return self.client("ec2").describe_vpcs(VpcIds=[self._named_vpc])["Vpcs"][0]
        found = self.client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        if not found:
            raise Unobserved("the region has no default VPC: name one with --vpc")
        return found[0]

    @property
    def group(self) -> "Group":
        if self._group is None:
            Group(self)
        if self._group is None or not self._group.id:
            raise Unobserved("the security group was not made")
        return self._group

    # ---- waits

    def wait(self, what: str, look: Callable[[], T | None], seconds: int | None = None) -> T:
        """Returns the first value that is neither None nor false.

        Raises `Unobserved` after the deadline of the check, or after that many seconds.
        """
        allowed = min(seconds or self.seconds, self._longest or sys.maxsize)
        began = said = time.monotonic()
        pause = FIRST_PAUSE
        while True:
            if found := look():
                return found
            now = time.monotonic()
            if now - began >= allowed:
                raise Unobserved(f"no sign of {what} within {allowed} s")
            if now - said >= MESSAGES:
                said = now
                say(f"{self.current}: waiting for {what}, {now - began:.0f} s of at most {allowed} s")
            time.sleep(min(pause, allowed - (now - began)))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    # ---- executions of documents

    def execute(self, document: str, parameters: dict[str, str | list[str]]) -> Json:
        """Starts a document, and returns the execution when it has ended."""
        given = {name: value if isinstance(value, list) else [value] for name, value in parameters.items()}
        ssm = self.client("ssm")
        identifier = ssm.start_automation_execution(DocumentName=document, Parameters=given)["AutomationExecutionId"]
        self._executions.append(identifier)

        def ended() -> Json | None:
            execution = ssm.get_automation_execution(AutomationExecutionId=identifier)["AutomationExecution"]
            return execution if execution["AutomationExecutionStatus"] in ENDED else None

        execution = self.wait(f"the end of execution {identifier}", ended)
        self._executions.remove(identifier)
        return execution

    @contextlib.contextmanager
    def document(self, content: Json) -> Iterator[str]:
        """A document, until the end of the block."""
        name, ssm = f"{PREFIX}{self.run}", self.client("ssm")
        try:
            ssm.create_document(
                Name=name,
                Content=json.dumps(content),
                DocumentType="Automation",
                DocumentFormat="JSON",
                Tags=[{"Key": TAG, "Value": self.run}],
            )

            def status() -> Json | None:
                document = ssm.describe_document(Name=name)["Document"]
                return document if document["Status"] in ("Active", "Failed") else None

            if (made := self.wait("the document", status))["Status"] == "Failed":
                raise Unobserved(f"the document was not made: {made.get('StatusInformation')}")
            yield name
        finally:
            self._delete_document(name)

    # ---- the end

    def clean_up(self) -> list[str]:
        """Removes everything that the run made. Returns what could not be removed, with the command that removes it."""
        left = []
        for identifier in list(self._executions):
            with contextlib.suppress(ClientError, BotoCoreError):
                self.client("ssm").stop_automation_execution(AutomationExecutionId=identifier, Type="Cancel")
        try:
            self._delete_document(f"{PREFIX}{self.run}")
        except (ClientError, BotoCoreError) as error:
            left.append(f"document: {error}; aws ssm delete-document --region {self.region} --name {PREFIX}{self.run}")
        if self._group is not None:
            left += self._group.delete()
        return left

    def _delete_document(self, name: str) -> None:
        ssm = self.client("ssm")
        try:
            ssm.delete_document(Name=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidDocument":
                raise

    def left_over(self) -> list[str]:
        """Ids of groups that earlier runs could not delete."""
        filters = [{"Name": "tag-key", "Values": [TAG]}, {"Name": "group-name", "Values": [f"{PREFIX}*"]}]
        return [group["GroupId"] for group in self.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]]

    def redact(self, text: str) -> str:
        """The text without account id, ARNs and encoded messages."""
        text = re.sub(r"arn:aws[\w-]*:[^\s,;'\"`)\]}]+", "ARN", text)
        text = re.sub(r"Encoded authorization failure message: \S+", "", text)
        return text.replace(self.account_id, "ACCOUNT")


class Group:
    """The only security group that checks change. Each call names its id."""

    def __init__(self, account: Account):
        self._account, self._ec2 = account, account.client("ec2")
        self.name = f"{PREFIX}{account.run}"
        self.id = ""
        vpc = account.vpc["VpcId"]
        tags = [{"Key": TAG, "Value": account.run}, {"Key": "created", "Value": f"{datetime.date.today()}"}]
        # Set before the call: should the reply get lost, the group is found by its name and its tag.
        account._group = self
        made = self._ec2.create_security_group(
            GroupName=self.name,
            Description="Made by scripts/first-hour of Portcullis, which deletes it",
            VpcId=vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )
        self.id = made["GroupId"]
        say(f"made security group {self.id} in {vpc}")
        named = [{"Name": "group-id", "Values": [self.id]}]
        account.wait("the group", lambda: self._ec2.describe_security_groups(Filters=named)["SecurityGroups"], 60)

    def rules(self) -> list[Json]:
        """Its ingress rules."""
        pages = self._ec2.get_paginator("describe_security_group_rules").paginate(Filters=[{"Name": "group-id", "Values": [self.id]}])
        return [rule for page in pages for rule in page["SecurityGroupRules"] if not rule["IsEgress"]]

    def authorize(self, *permissions: Json) -> None:
        self._ec2.authorize_security_group_ingress(GroupId=self.id, IpPermissions=list(permissions))

    def revoke(self, **how: Any) -> Json:
        return self._ec2.revoke_security_group_ingress(GroupId=self.id, **how)

    def modify(self, rules: list[Json]) -> None:
        self._ec2.modify_security_group_rules(GroupId=self.id, SecurityGroupRules=rules)

    def has(self, count: int) -> list[Json]:
        """Its rules, once there are so many."""

        def found() -> tuple[list[Json]] | None:
            rules = self.rules()
            return (rules,) if len(rules) == count else None

        return self._account.wait(f"{count} rules", found, 60)[0]

    def clear(self) -> None:
        """Removes its ingress rules."""
        if rules := self.rules():
            # One chunk of the remediator.
            for first in range(0, len(rules), 50):
                self.revoke(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"] for rule in rules[first : first + 50]])
            self.has(0)

    def delete(self) -> list[str]:
        """Deletes it. Returns what is left, with the command that removes it."""
        account = self._account
        if account.asked_for_exception and self.id:
            keys = [{"ResourceType": GROUP_TYPE, "ResourceId": self.id}]
            with contextlib.suppress(ClientError, BotoCoreError):
                account.client("config").delete_remediation_exceptions(ConfigRuleName=account.rule, ResourceKeys=keys)
        try:
            filters = [{"Name": f"tag:{TAG}", "Values": [account.run]}, {"Name": "group-name", "Values": [self.name]}]
            for group in self._ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
                self._ec2.delete_security_group(GroupId=group["GroupId"])
                say(f"deleted security group {group['GroupId']}")
        except (ClientError, BotoCoreError) as error:
            return [f"group {self.name}: {error}; aws ec2 delete-security-group --region {account.region} --group-id {self.id or 'ID'}"]
        return []
