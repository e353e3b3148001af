"""A stack of an earlier version is updated in place: its mode, its snapshots, holds and quarantines stay."""

import datetime
import json

import pytest
from portcullis import GROUP_TYPE, RULE, open_to, outcome
from upgrading import Upgrading, stack_of, take_types
from versions import HERE, VERSIONS, Sample, label

WORLD = "0.0.0.0/0"
# Types whose resources hold what an update must not lose.
STATEFUL = {"SnapshotBucket", "SnapshotBucketPolicy", "DeadLetterQueue", "ConfigRule"}
FILES = sorted(file for version in VERSIONS for file in (HERE / version / "parameters").glob("*.json"))


def port(parameters: dict[str, str]) -> int:
    """The first blocked port."""
    return int(json.loads(parameters["SourceInputParameters"])["FocusOnPorts"].split(",")[0])


@pytest.fixture(params=FILES, ids=label)
def old(request, tmp_path):
    """A stack of an earlier version, with one of the parameter files of that version."""
    parameters = json.loads(request.param.read_text(encoding="utf-8"))["Parameters"]
    template = request.param.parents[1] / "portcullis.yaml"
    with stack_of(tmp_path, template, **parameters) as stack:
        take_types(stack.cloud, True)
        yield stack, parameters, request.param.parents[1].name


def restored(stack: Upgrading, version: str, blocked: int) -> tuple[str, set]:
    """A group that the earlier version restored, and its rules. What it left is stored as it was, since its functions cannot be
    built here, and those of the checkout need the variables of their own template to restore."""
    group = stack.cloud.group("held")
    stack.put_objects(Sample(version, "restored").objects(**stack.names(group=group, prefix_list=stack.prefix_list())))
    stack.reopen(group, [open_to("10.0.0.0/8", ports=(blocked, blocked)), open_to(WORLD, ports=(blocked, blocked))])
    put = stack.config.put_remediation_exceptions(
        ConfigRuleName=RULE,
        ResourceKeys=[{"ResourceType": GROUP_TYPE, "ResourceId": group}],
        Message="restored by portcullis",
        ExpirationTime=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
    )
    assert put["FailedBatches"] == []
    return group, stack.rules(group)


def closed(stack: Upgrading, name: str, blocked: int) -> tuple[str, set]:
    """A group that the earlier version closed, and its rules before."""
    group = stack.cloud.group(name)
    before = stack.rules(group)
    permissions = [open_to("10.0.0.0/8", ports=(blocked, blocked)), open_to(WORLD, ports=(blocked, blocked), description=name)]
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    opened = {("tcp", blocked, blocked, "10.0.0.0/8", None, ()), ("tcp", blocked, blocked, WORLD, name, ())}
    stack.cloud.settle()
    if not stack.is_automatic():
        assert outcome(stack.close(group)) == "CLOSED"
    assert stack.sources(group, blocked) == {"10.0.0.0/8"}
    return group, before | opened


def still_open(stack: Upgrading, blocked: int) -> str | None:
    """An open group, which only manual mode leaves open."""
    if stack.is_automatic():
        return None
    group = stack.cloud.group("waiting", open_to(WORLD, ports=(blocked, blocked)))
    stack.cloud.settle()
    assert stack.result(group)[0] == "NON_COMPLIANT"
    return group


def test_an_update_in_place_changes_no_mode_and_loses_nothing(old):
    stack, parameters, version = old
    blocked, automatic = port(parameters), parameters["RemediationMode"] == "True"
    assert stack.is_automatic() is automatic
    group, before = closed(stack, "closed", blocked)
    held, open_again = restored(stack, version, blocked)
    assert stack.sources(held, blocked) == {"10.0.0.0/8", WORLD}
    cut_off, acl = stack.cloud.group("cut-off"), stack.network_acl()
    entries = stack.ingress(acl)
    assert outcome(stack.quarantine(cut_off, NetworkAclIds=acl, Ports=str(blocked))) == "QUARANTINED"
    assert stack.ingress(acl) > entries
    waiting = still_open(stack, blocked)
    values, ids, objects = stack.parameters(), stack.physical_ids(), stack.objects()

    stack.upgrade()
    take_types(stack.cloud, False)

    assert stack.is_automatic() is automatic
    assert {name: stack.parameters().get(name) for name in values} == values
    now = stack.physical_ids()
    kept = {name for name in ids if name in STATEFUL or name.endswith("LogGroup")}
    assert {name: now.get(name) for name in kept} == {name: ids[name] for name in kept}
    assert stack.objects().items() >= objects.items()
    # A group that waits for a person still waits, and Remediate goes to the document of the checkout.
    if waiting:
        assert stack.sources(waiting, blocked) == {WORLD}
        assert stack.remediate(waiting)["State"] == "SUCCEEDED"
        assert stack.sources(waiting, blocked) == set()
    # The hold of the earlier version is in force, for a person and for automatic mode.
    assert stack.rules(held) == open_again
    assert outcome(stack.close(held)) == "EXEMPT"
    assert stack.rules(held) == open_again
    assert stack.objects().items() >= objects.items()
    # Its snapshot is restored, and its quarantine released.
    assert outcome(stack.restore(group)) == "RESTORED"
    assert stack.rules(group) == before
    assert outcome(stack.quarantine(cut_off, NetworkAclIds=acl, Action="release")) == "RELEASED"
    assert stack.ingress(acl) == entries
    # The hold ends when a person says so.
    assert outcome(stack.close(held, IgnoreHold="true")) == "CLOSED"
    assert stack.sources(held, blocked) == {"10.0.0.0/8"}
