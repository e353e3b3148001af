"""The stack for findings beside one that is updated: groups that were open before become findings, and nothing is told twice."""

import collections
import json
import pathlib
import sys

import pytest
from local_cloud import wait_for
from portcullis import RULE, open_to, outcome
from test_findings import Findings
from upgrading import FINDINGS, Upgrading, stack_of, take_types
from versions import CURRENT, HERE, VERSIONS, label

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "channel-servers" / "python"))

import channel_servers

WORLD = "0.0.0.0/0"
ROUTING = "/portcullis/routing"
CHANNELS = {"chat", "tickets", "receiver"}
DETECT_ONLY = [HERE / version / "parameters" / "detect-only.json" for version in VERSIONS]


class Told(Findings):
    """Both stacks, and whom they tell."""

    def __init__(self, stack: Upgrading, servers: channel_servers.ChannelServers):
        super().__init__(stack)
        self.servers = servers

    def wait_told(self, groups: list[str], told: str) -> None:
        def outboxes() -> list[dict]:
            return [self.finding(group).get("deliveries", {}) for group in groups]

        def all_told() -> bool:
            return all(outbox.keys() == CHANNELS and {one["told"] for one in outbox.values()} == {told} for outbox in outboxes())

        try:
            wait_for(f"all channels to be told that the groups are {told}", all_told, 90)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {json.dumps(outboxes(), default=str)}") from error

    def rest(self) -> None:
        """Waits until all events are recorded, and nobody is left to be told."""
        self.cloud.settle()
        wait_for("all events to be recorded", lambda: self.waiting() == 0, 60)
        wait_for("all channels to be told", lambda: self.waiting("NotifyQueueUrl") == 0, 90)

    def sweep_account(self) -> None:
        """Runs the reconciler as its schedule does."""
        assert self.stack.invoke("ReconcilerFunctionName")["complete"]

    def sweep_findings(self) -> None:
        """Looks for findings of which a channel was not told, as the schedule does."""
        reply = self.cloud.client("lambda").invoke(FunctionName=self.outputs["SweeperFunctionName"], Payload=b"{}")
        assert "FunctionError" not in reply, reply["Payload"].read()

    def evaluate(self) -> None:
        """Runs the scheduled evaluation of all groups."""
        self.cloud.control("POST", "/schedule", {"ruleName": RULE})
        self.cloud.settle()

    def openings(self) -> dict[str, collections.Counter]:
        """How often each service was told that a group is open, by the group: messages, tickets, and requests that say so."""
        messages = [message["text"] for message in self.servers.messages("#security")]
        tickets = [ticket["summary"] for ticket in self.servers.tickets()]
        opened: collections.Counter = collections.Counter()
        for delivery in self.servers.state()["webhook"]["deliveries"]:
            finding = delivery["document"]["finding"]
            if finding["state"] == "open":
                opened[finding["key"].split("/")[2]] += delivery["times"]
        return {
            "chat": collections.Counter(text.split()[0] for text in messages),
            "tickets": collections.Counter(text.split()[0] for text in tickets),
            "receiver": opened,
        }

    def repeated(self) -> list[str]:
        """Ids of requests that the receiver of webhooks got more than once."""
        return [delivery["id"] for delivery in self.servers.state()["webhook"]["deliveries"] if delivery["times"] > 1]


@pytest.fixture
def servers():
    with channel_servers.running() as running, channel_servers.undisturbed(running) as lent:
        yield lent


def remember(stack: Upgrading, servers: channel_servers.ChannelServers, context: bool = False) -> Told:
    """Deploys the stack for findings, which tells the servers. A first message waits a second for its context, if there is one."""
    ssm = stack.cloud.client("ssm")
    for name in ("slack", "jira", "webhook"):
        ssm.put_parameter(Name=f"/portcullis/channels/{name}", Type="SecureString", Value=servers.secrets[name])
    receiver = {"kind": "webhook", "url": servers.urls["webhook"], "secret": "ssm:/portcullis/channels/webhook"}
    ssm.put_parameter(Name=ROUTING, Type="String", Value=json.dumps(servers.routing(receiver=receiver)))
    stack.create_findings(RoutingDocument=f"ssm:{ROUTING}", ContextWaitSeconds="1" if context else "0")
    return Told(stack, servers)


# `make deploy` deploys the stack for findings first, and has the context looked up.
@pytest.mark.parametrize(
    ("findings_first", "context", "found_by"),
    [(True, True, "sweep"), (True, False, "sweep"), (False, False, "evaluation")],
    ids=["make deploy", "sweep", "evaluation"],
)
@pytest.mark.parametrize("file", DETECT_ONLY, ids=label)
def test_groups_that_were_open_before_the_update_become_findings_and_are_told_once(
    tmp_path, servers, file, findings_first, context, found_by
):
    parameters = json.loads(file.read_text(encoding="utf-8"))["Parameters"]
    with stack_of(tmp_path, file.parents[1] / "portcullis.yaml", **parameters) as stack:
        take_types(stack.cloud, True)
        groups = [stack.cloud.group(f"open-{number}", open_to(WORLD)) for number in range(3)]
        compliant = stack.cloud.group("compliant", open_to("10.0.0.0/8"))
        stack.cloud.settle()
        assert {stack.result(group)[0] for group in groups} == {"NON_COMPLIANT"}
        values = stack.parameters()

        if findings_first:
            told = remember(stack, servers, context)
            stack.upgrade(Context=str(context))
        else:
            stack.upgrade(Context=str(context))
            told = remember(stack, servers, context)
        # AWS Config has the same results as before, so it puts no event of its own.
        told.sweep_account() if found_by == "sweep" else told.evaluate()
        take_types(stack.cloud, False)
        told.wait_told(groups, "open")
        told.rest()
        once = collections.Counter(groups)
        assert told.openings() == {"chat": once, "tickets": once, "receiver": once}

        # A sweep knows no exposures, and the context comes after them. They are news of the same message and ticket.
        told.evaluate()
        if context:
            wait_for("the context", lambda: all(told.finding(group)["severity"] == "low" for group in groups), 60)
        told.rest()
        assert all(told.finding(group)["issue_details"]["perms"] for group in groups)
        confirmed = {"chat": once, "tickets": once}
        if not context:
            confirmed["receiver"] = once + once if found_by == "sweep" else once
        # Whatever else confirms that they are open is none.
        for confirm in (told.sweep_account, told.sweep_findings, told.evaluate):
            confirm()
            told.rest()
            assert told.openings().items() >= confirmed.items()
        assert told.repeated() == []
        assert told.finding(compliant) == {}
        # The mode is that of before: nothing was closed.
        assert {name: stack.parameters().get(name) for name in values} == values
        assert not stack.is_automatic()
        assert all(stack.sources(group) == {WORLD} for group in groups)
        assert {finding["reopenings"] for finding in map(told.finding, groups)} == {0}

        # They end as any other finding does.
        assert outcome(stack.close(groups[0])) == "CLOSED"
        told.wait_told(groups[:1], "ended")
        told.rest()
        assert [ticket["summary"].split()[0] for ticket in servers.tickets() if ticket["isClosed"]] == groups[:1]


def changed(directory: pathlib.Path) -> pathlib.Path:
    """The template with other documents: CloudFormation replaces each, and gives it another name."""
    text = (CURRENT / "portcullis.yaml").read_text(encoding="utf-8")
    assert text.count("schemaVersion: '0.3'\n        description: |\n") == 3
    text = text.replace(
        "schemaVersion: '0.3'\n        description: |\n", "schemaVersion: '0.3'\n        description: |\n          Changed.\n\n"
    )
    template = directory / "changed.yaml"
    template.write_text(text, encoding="utf-8")
    return template


def test_findings_go_on_while_the_documents_of_the_stack_beside_them_are_replaced(tmp_path, servers):
    names = ("CloseDocumentName", "RestoreDocumentName", "QuarantineDocumentName")
    with stack_of(tmp_path, CURRENT / "portcullis.yaml", FocusOnPorts="22,3389") as stack:
        told = remember(stack, servers)
        groups = [stack.cloud.group(f"open-{number}", open_to(WORLD)) for number in range(2)]
        stack.cloud.settle()
        told.wait_told(groups, "open")
        told.rest()
        documents = {stack.outputs[name] for name in names}
        findings, openings, kept = list(map(told.items, groups)), told.openings(), stack.physical_ids(FINDINGS)

        stack.upgrade(changed(tmp_path))
        told.rest()
        assert documents.isdisjoint(stack.outputs[name] for name in names)
        assert stack.physical_ids(FINDINGS) == kept
        told.evaluate()
        told.sweep_account()
        told.sweep_findings()
        told.rest()
        # Nothing is news; what a sweep confirms is seen later.
        assert told.openings() == openings
        assert [told.finding(group)["revision"] for group in groups] == [items[0]["revision"] for items in findings]

        # A closing by the new document that never reaches its function is known, and one that does ends the finding.
        iam, role = stack.cloud.client("iam"), stack.physical_ids()["AutomationRole"]
        policy = iam.get_role_policy(RoleName=role, PolicyName="automation")["PolicyDocument"]
        iam.delete_role_policy(RoleName=role, PolicyName="automation")
        assert stack.close(groups[0])["AutomationExecutionStatus"] == "Failed"
        wait_for("the failure", lambda: [line for line in told.history(groups[0]) if "did not start" in line])
        iam.put_role_policy(RoleName=role, PolicyName="automation", PolicyDocument=json.dumps(policy))
        execution = stack.close(groups[0])
        assert outcome(execution) == "CLOSED"
        assert execution["DocumentName"] == stack.outputs["CloseDocumentName"]
        told.wait_told(groups[:1], "ended")
        told.rest()
        assert told.finding(groups[0])["closed"]["by"] == {"remediation": execution["AutomationExecutionId"]}
        assert [ticket["isClosed"] for ticket in sorted(servers.tickets(), key=lambda one: one["summary"].split()[0] != groups[0])] == [
            True,
            False,
        ]
