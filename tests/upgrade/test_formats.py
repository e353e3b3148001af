"""The functions of the checkout read what earlier versions wrote: every kind of document, as it was stored."""

import datetime
import json
import pathlib

import pytest
from portcullis import open_to, outcome
from upgrading import Upgrading
from versions import ACCOUNT, GROUP, VERSIONS, VPC, Sample, content, exemptions, label, permission, replace, samples, snapshots

WORLD = "0.0.0.0/0"
CLOSINGS = samples("revoke", "carve", "replace", "paid")


def prepare(stack: Upgrading, sample: Sample) -> tuple[str, dict[str, dict]]:
    """A group, and the objects of a sample about it in the bucket."""
    group = stack.cloud.group(f"{sample.version}-{sample.name}")
    objects = sample.objects(**stack.names(group=group, prefix_list=stack.prefix_list()))
    stack.put_objects(objects)
    return group, objects


def give(stack: Upgrading, group: str, rules: list[dict]) -> None:
    """Adds rules with their descriptions and tags."""
    for rule in rules:
        tags = [{"Key": key, "Value": value} for key, value in rule.get("tags", {}).items()]
        specifications = [{"ResourceType": "security-group-rule", "Tags": tags}] if tags else []
        stack.reopen(group, [permission(rule)], TagSpecifications=specifications)


def after(snapshot: dict) -> list[dict]:
    """Rules of the group after the change that a snapshot was taken for."""
    revoked = set(snapshot["plan"]["revoke"])
    kept = [rule for rule in snapshot["securityGroup"]["ingress"] if rule["securityGroupRuleId"] not in revoked]
    return kept + snapshot["plan"]["authorize"]


def before(objects: dict[str, dict]) -> set[tuple]:
    """Rules before the first closing of a sample."""
    return {content(rule) for rule in snapshots(objects)[0]["securityGroup"]["ingress"]}


def test_every_version_has_every_kind_of_sample():
    kinds = {"security-groups", "restores", "holds", "owed", "network-acls"}
    for version in VERSIONS:
        names = ("revoke", "carve", "replace", "owed", "paid", "restored", "quarantined", "released")
        found = samples(*names)
        stored = {key.partition("/")[0] for sample in found if sample.version == version for key in sample.objects()}
        assert stored == kinds, version
        assert any(version in str(file) for file in exemptions()), version


@pytest.mark.parametrize("sample", CLOSINGS, ids=label)
def test_a_stored_closing_is_undone(reader, sample: Sample):
    group, objects = prepare(reader, sample)
    give(reader, group, after(snapshots(objects)[-1]))
    assert reader.rules(group) != before(objects)
    assert outcome(reader.restore(group)) == "RESTORED"
    assert reader.rules(group) == before(objects)
    assert reader.objects().items() >= {key: json.dumps(document, indent=2) for key, document in objects.items()}.items()


@pytest.mark.parametrize("sample", samples("revoke", "carve", "replace"), ids=label)
def test_a_stored_snapshot_is_restored_by_its_name(reader, sample: Sample):
    group, objects = prepare(reader, sample)
    newest = max(key for key in objects if key.startswith("security-groups/"))
    give(reader, group, after(objects[newest]))
    assert outcome(reader.restore(group, Snapshot=newest.rpartition("/")[2])) == "RESTORED"
    assert reader.rules(group) == {content(rule) for rule in objects[newest]["securityGroup"]["ingress"]}


@pytest.mark.parametrize("sample", samples("paid"), ids=label)
def test_what_was_paid_stays_while_the_rule_that_it_was_cut_from_is_closed(reader, sample: Sample):
    """The newest closing revoked nothing, and added what an earlier one owed. Without that one, its undoing would take traffic that
    was never forbidden."""
    group, objects = prepare(reader, sample)
    newest = max(key for key in objects if key.startswith("security-groups/"))
    paid = after(objects[newest])
    give(reader, group, paid)
    assert outcome(reader.restore(group, Snapshot=newest.rpartition("/")[2])) == "NOTHING_TO_DO"
    assert reader.rules(group) == {content(rule) for rule in paid}


@pytest.mark.parametrize("sample", samples("owed"), ids=label)
def test_stored_owed_rules_are_added(reader, sample: Sample):
    group, objects = prepare(reader, sample)
    [owed] = [document for key, document in objects.items() if key.startswith("owed/")]
    [snapshot] = snapshots(objects)
    revoked = set(snapshot["plan"]["revoke"])
    left = [rule for rule in snapshot["securityGroup"]["ingress"] if rule["securityGroupRuleId"] not in revoked]
    give(reader, group, left)
    assert outcome(reader.close(group, Strategy="Carve")) == "CLOSED"
    assert reader.rules(group) == {content(rule) for rule in left + owed["rules"]}


@pytest.mark.parametrize("sample", samples("restored"), ids=label)
def test_a_stored_hold_keeps_a_group_open_until_it_ends(reader, sample: Sample):
    group, objects = prepare(reader, sample)
    reader.reopen(group, [open_to(WORLD)])
    assert outcome(reader.close(group)) == "EXEMPT"
    assert reader.sources(group) == {WORLD}

    ended = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    reader.put_objects({key: hold | {"until": f"{ended:%Y-%m-%dT%H:%M:%SZ}"} for key, hold in objects.items() if key.startswith("holds/")})
    assert outcome(reader.close(group)) == "CLOSED"
    assert reader.sources(group) == set()


@pytest.mark.parametrize("sample", samples("quarantined"), ids=label)
def test_a_stored_quarantine_is_released(reader, sample: Sample):
    group, acl = reader.cloud.group(f"{sample.version}-{sample.name}"), reader.network_acl()
    entries = reader.ingress(acl)
    objects = sample.objects(**reader.names(group=group, network_acl=acl))
    reader.put_objects(objects)
    [snapshot] = objects.values()
    for entry in snapshot["plan"]["add"]:
        ports = {"PortRange": {"From": entry["fromPort"], "To": entry["toPort"]}} if "fromPort" in entry else {}
        reader.ec2.create_network_acl_entry(
            NetworkAclId=acl,
            Egress=False,
            RuleNumber=entry["ruleNumber"],
            RuleAction=entry["ruleAction"],
            Protocol=entry["protocol"],
            CidrBlock=entry["cidr"],
            **ports,
        )
    assert len(reader.ingress(acl)) == len(entries) + len(snapshot["plan"]["add"])
    assert outcome(reader.quarantine(group, NetworkAclIds=acl, Action="release")) == "RELEASED"
    assert reader.ingress(acl) == entries


@pytest.mark.parametrize("sample", samples("released"), ids=label)
def test_a_stored_release_leaves_equal_entries_of_an_operator_alone(reader, sample: Sample):
    group, acl = reader.cloud.group(f"{sample.version}-{sample.name}"), reader.network_acl()
    objects = sample.objects(**reader.names(group=group, network_acl=acl))
    # Longer ago than a function runs, so that the quarantine has no entry to make any more.
    earlier = {key: document for key, document in objects.items() if document["action"] == "quarantine"}
    assert earlier
    for document in earlier.values():
        document["takenAt"] = "2026-01-01T00:00:00Z"
    reader.put_objects(objects)
    [entry] = [entry for document in earlier.values() for entry in document["plan"]["add"] if entry["ruleAction"] == "deny"]
    reader.ec2.create_network_acl_entry(
        NetworkAclId=acl,
        Egress=False,
        RuleNumber=entry["ruleNumber"],
        RuleAction="deny",
        Protocol=entry["protocol"],
        CidrBlock=entry["cidr"],
        PortRange={"From": entry["fromPort"], "To": entry["toPort"]},
    )
    entries = reader.ingress(acl)
    assert outcome(reader.quarantine(group, NetworkAclIds=acl, Action="release")) == "NOTHING_TO_DO"
    assert reader.ingress(acl) == entries


@pytest.mark.parametrize("document", exemptions(), ids=label)
def test_a_stored_exemptions_document_exempts_its_group(reader, document: pathlib.Path):
    group = reader.cloud.group(f"exempt-{document.stem}")
    account, _ = reader.place()
    reader.exempt(replace(document.read_text(encoding="utf-8"), {GROUP: group, ACCOUNT: account, VPC: reader.vpc()}))
    reader.reopen(group, [open_to(WORLD)])
    assert outcome(reader.close(group)) == "EXEMPT"
    assert reader.sources(group) == {WORLD}
