"""Scenarios: every duty of every function, in a form that can be started, inspected, and repeated after a fault."""

import itertools
import json
from dataclasses import dataclass, field

from portcullis import RULE, Portcullis, open_to, outcome

WORLD = "0.0.0.0/0"
_names = itertools.count(1)


@dataclass
class Scenario:
    """A duty of one function. `role` is part of the name of its role, `function` the stack output with its name."""

    stack: Portcullis
    name: str
    role: str
    function: str
    # Parameters of the stack and settings of the local cloud.
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    # Whether AWS invokes the function again until it has finished, without a new event or run.
    repeats_itself = False
    # Whether the state before differs from the one after.
    leaves_another_state = True
    # The state after a run without faults.
    good: frozenset = frozenset()

    def begin(self) -> None:
        """Sets the parameters and settings of the scenario."""
        self.stack.update(RemediationMode="False", **self.parameters)
        self.stack.cloud.settings(**self.settings)

    def cool(self) -> None:
        """Ends the processes of the function: a new one has nothing cached, and makes every call."""
        functions, name = self.stack.cloud.client("lambda"), self.stack.outputs[self.function]
        size = functions.get_function_configuration(FunctionName=name)["MemorySize"]
        functions.update_function_configuration(FunctionName=name, MemorySize=size)

    def new_group(self) -> str:
        group = self.stack.cloud.group(
            f"fault-{next(_names)}",
            open_to(WORLD, ports=(20, 25), description="legacy"),
            open_to("::/0", ports=(3389, 3389)),
            open_to("10.0.0.0/8", description="offices"),
            open_to(WORLD, ports=(443, 443)),
        )
        self.stack.cloud.settle()
        return group

    def prepare(self) -> str:
        """Creates a group, or another target of the scenario."""
        return self.new_group()

    def act(self, group: str) -> None:
        """Starts the function, regardless of the outcome."""
        raise NotImplementedError

    def again(self, group: str) -> None:
        """Sends one more event, or starts one more run."""
        self.act(group)

    def state(self, group: str) -> frozenset:
        """Relevant state of a target, comparable between targets."""
        return frozenset(self.stack.rules(group))

    def between(self, before: frozenset, now: frozenset) -> str | None:
        """Problem with the state right after a fault, before a further run; None if there is none."""
        if not before & self.good <= now:
            return f"lost {sorted(map(str, before & self.good - now))}"
        if not now <= before | self.good:
            return f"admits {sorted(map(str, now - before - self.good))}"
        # Rules are added before others are revoked: no legitimate source is blocked in between.
        return None if before <= now or self.good <= now else f"neither as before nor as after: {sorted(map(str, now))}"

    def afterwards(self, group: str, before: frozenset) -> None:
        """Asserts the conditions at the end that the state does not cover."""


class Close(Scenario):
    def act(self, group: str) -> None:
        self.stack.close(group)

    def afterwards(self, group: str, before: frozenset) -> None:
        assert self.stack.result(group)[0] == "COMPLIANT"
        assert outcome(self.stack.close(group)) == "NOTHING_TO_DO", "the plan of a closed group is empty"
        assert outcome(self.stack.restore(group, ExceptionHours="0")) == "RESTORED"
        assert self.state(group) == before, "the removed rules are restored"


class OnChange(Scenario):
    """AWS Config starts it when a group changes."""

    repeats_itself = True

    def again(self, group: str) -> None:
        self.stack.redeliver(group, "duplicate")


class CloseAutomatically(OnChange):
    """AWS Config starts the closing, and counts attempts."""

    leaves_another_state = False

    def begin(self) -> None:
        self.stack.update(RemediationMode="True", **self.parameters)

    def prepare(self) -> str:
        group = self.stack.cloud.group(f"fault-{next(_names)}", open_to("10.0.0.0/8", description="offices"))
        self.stack.cloud.settle()
        return group

    def act(self, group: str) -> None:
        permissions = [open_to(WORLD, ports=(22, 22), description="legacy"), open_to("::/0", ports=(3389, 3389))]
        self.stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
        self.stack.cloud.settle()

    def between(self, before: frozenset, now: frozenset) -> str | None:
        return None if before <= now else f"lost {sorted(map(str, before - now))}"

    def afterwards(self, group: str, before: frozenset) -> None:
        # The run itself may have failed: it may have closed the group, and then failed to verify it.
        assert self.stack.result(group)[0] == "COMPLIANT"


class Restore(Scenario):
    def prepare(self) -> str:
        group = self.new_group()
        assert outcome(self.stack.close(group)) == "CLOSED"
        return group

    def act(self, group: str) -> None:
        self.stack.restore(group)

    def afterwards(self, group: str, before: frozenset) -> None:
        assert outcome(self.stack.close(group)) == "EXEMPT", "automatic mode leaves alone what was restored"
        assert outcome(self.stack.close(group, IgnoreHold="true")) == "CLOSED"
        assert self.state(group) == before


class Quarantine(Scenario):
    """In one subnet, with one group in it."""

    subnet: str
    group: str

    def begin(self) -> None:
        super().begin()
        self.subnet = self.stack.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.group = self.new_group()
        self.stack.ec2.create_network_interface(SubnetId=self.subnet, Groups=[self.group])
        self.stack.cloud.settle()

    def acl(self) -> dict:
        filters = [{"Name": "association.subnet-id", "Values": [self.subnet]}]
        [acl] = self.stack.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
        return acl

    def prepare(self) -> str:
        """A new network ACL, because a release reads the snapshots of the quarantines of the last minutes."""
        ec2, old = self.stack.ec2, self.acl()
        new = ec2.create_network_acl(VpcId=old["VpcId"])["NetworkAcl"]["NetworkAclId"]
        for number, source in ((100, "10.0.0.0/8"), (200, WORLD)):
            ec2.create_network_acl_entry(
                NetworkAclId=new, Egress=False, RuleNumber=number, Protocol="-1", RuleAction="allow", CidrBlock=source
            )
        [association] = [a["NetworkAclAssociationId"] for a in old["Associations"] if a["SubnetId"] == self.subnet]
        ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=new)
        if not old["IsDefault"]:
            ec2.delete_network_acl(NetworkAclId=old["NetworkAclId"])
        return self.group

    def act(self, group: str) -> None:
        self.stack.quarantine(group)

    def state(self, group: str) -> frozenset:
        return frozenset(json.dumps(entry, sort_keys=True) for entry in self.acl()["Entries"])

    def between(self, before: frozenset, now: frozenset) -> str | None:
        if not before & self.good <= now:
            return f"lost {sorted(before & self.good - now)}"
        return None if now <= before | self.good else f"has {sorted(now - before - self.good)}"

    def afterwards(self, group: str, before: frozenset) -> None:
        assert outcome(self.stack.quarantine(group)) == "NOTHING_TO_DO"
        assert outcome(self.stack.quarantine(group, Action="release")) == "RELEASED"
        assert self.state(group) == before, "a release takes away what the quarantine made, and nothing else"


class Release(Quarantine):
    def prepare(self) -> str:
        group = super().prepare()
        assert outcome(self.stack.quarantine(group)) == "QUARANTINED"
        return group

    def act(self, group: str) -> None:
        self.stack.quarantine(group, Action="release")

    def afterwards(self, group: str, before: frozenset) -> None:
        assert outcome(self.stack.quarantine(group)) == "QUARANTINED"
        assert self.state(group) == before


class Evaluate(OnChange):
    """An open group gets another exposing rule."""

    prefix_list = ""

    def prepare(self) -> str:
        if not self.prefix_list:
            lists = self.stack.ec2.create_managed_prefix_list(
                PrefixListName=f"list-{next(_names)}", AddressFamily="IPv4", MaxEntries=2, Entries=[{"Cidr": "10.1.0.0/16"}]
            )
            self.prefix_list = lists["PrefixList"]["PrefixListId"]
        group = self.stack.cloud.group(f"fault-{next(_names)}", open_to(WORLD))
        self.stack.cloud.settle()
        return group

    def act(self, group: str) -> None:
        permissions = [open_to(self.prefix_list), open_to("::/0", ports=(3389, 3389))]
        self.stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
        self.stack.cloud.settle()

    def state(self, group: str) -> frozenset:
        return frozenset([self.stack.result(group)])

    def between(self, before: frozenset, now: frozenset) -> str | None:
        return None if now in (before, self.good) else f"{sorted(map(str, now))}"


class EvaluateOnSchedule(Evaluate):
    """Every group of the region."""

    def prepare(self) -> str:
        group = super().prepare()
        super().act(group)
        return group

    def act(self, group: str) -> None:
        self.stack.cloud.control("POST", "/schedule", {"ruleName": RULE})
        self.stack.cloud.settle()

    def again(self, group: str) -> None:
        # A change of one group does not evaluate the others.
        self.act(group)

    def state(self, group: str) -> frozenset:
        """Whether the results are those of the schedule: a group has been changed since the one before."""
        pages = self.stack.config.get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=RULE)
        results = [result for page in pages for result in page["EvaluationResults"]]
        times = {result["EvaluationResultIdentifier"]["OrderingTimestamp"] for result in results}
        return frozenset(["all of one schedule" if len(times) == 1 else "of several times"])

    def between(self, before: frozenset, now: frozenset) -> str | None:
        return None


def all_scenarios(stack: Portcullis) -> dict[str, Scenario]:
    remediator, evaluator = ("RemediatorRole", "RemediatorFunctionName"), ("EvaluatorRole", "RuleEvaluatorFunctionName")
    restorer, quarantine = ("RestorerRole", "RestorerFunctionName"), ("QuarantineRole", "QuarantineFunctionName")
    carve, revoke = {"RemediationStrategy": "Carve"}, {"RemediationStrategy": "Revoke"}
    found = [
        Evaluate(stack, "evaluate a change", *evaluator),
        Evaluate(stack, "evaluate an oversized change", *evaluator, settings={"oversizedThresholdBytes": 1000}),
        EvaluateOnSchedule(stack, "evaluate on schedule", *evaluator),
        Close(stack, "close with Revoke", *remediator, parameters=revoke),
        Quarantine(stack, "quarantine", *quarantine, parameters=revoke),
        Release(stack, "release", *quarantine, parameters=revoke),
        CloseAutomatically(stack, "close automatically", *remediator, parameters=revoke),
        Close(stack, "close with Carve", *remediator, parameters=carve),
        Restore(stack, "restore after Carve", *restorer, parameters=carve),
        Close(stack, "close with Replace", *remediator, parameters={"RemediationStrategy": "Replace"}),
    ]
    return {scenario.name: scenario for scenario in found}


NAMES = list(all_scenarios(None))
