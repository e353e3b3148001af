"""`portcullis findings`: the findings that the stack remembers, in a table of the local cloud."""

import json

import pytest
import yaml
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from command_line import CHECKOUT, DONE, ERROR, USAGE

TABLE = "portcullis-findings-FindingTable-AbC"
ACCOUNT, REGION = "111122223333", "eu-central-1"
# The samples are of one group. Each is of one of its own here.
SAMPLES = {"open": "sg-0aaaaaaaaaaaaaaaa", "closed": "sg-0bbbbbbbbbbbbbbbb", "exempt": "sg-0cccccccccccccccc"}


class Template(yaml.SafeLoader):
    """The template without its functions, which the schema of the table does not need."""


Template.add_multi_constructor("!", lambda loader, suffix, node: None)


def sample(name: str) -> dict:
    text = (CHECKOUT / "docs" / "findings" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace(SAMPLES["open"], SAMPLES[name]))


def put(cloud, finding: dict) -> None:
    """Writes a finding as the recorder does."""
    item = {name: value for name, value in finding.items() if value is not None} | {"part": "finding"}
    write = TypeSerializer()
    attributes = {name: write.serialize(value) for name, value in item.items()}
    cloud.client("dynamodb").put_item(TableName=TABLE, Item=attributes)


def renamed(finding: dict, name: str) -> dict:
    """The finding of a group with another name."""
    finding["facts"]["group"]["value"]["name"] = name
    return finding


@pytest.fixture
def remembered(fresh, live):
    """A table with the samples of the documentation, and what the stack states of it."""
    live.cloud = cloud = fresh
    text = (CHECKOUT / "cloudformation" / "findings.yaml").read_text(encoding="utf-8")
    schema = yaml.load(text, Template)["Resources"]["FindingTable"]["Properties"]
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    cloud.client("dynamodb").create_table(TableName=TABLE, **{name: schema[name] for name in names})
    stated = json.dumps({"table": TABLE, "retentionDays": 30})
    cloud.client("ssm").put_parameter(Name="/portcullis/findings/portcullis", Type="String", Value=stated)
    for name in SAMPLES:
        put(cloud, sample(name))
    yield live
    cloud.client("dynamodb").delete_table(TableName=TABLE)
    cloud.client("ssm").delete_parameter(Name="/portcullis/findings/portcullis")


def item(live, key: str) -> dict:
    """The item of a finding."""
    given = {"key": {"S": key}, "part": {"S": "finding"}}
    found = live.cloud.client("dynamodb").get_item(TableName=TABLE, Key=given, ConsistentRead=True)["Item"]
    read = TypeDeserializer()
    return {name: read.deserialize(value) for name, value in found.items()}


def test_open_findings_are_listed(remembered):
    done = remembered("findings", "list")
    assert done.code == DONE, done
    title, _, row = done.out.splitlines()
    assert title.split() == ["SEVERITY", "STATE", "ACCOUNT", "REGION", "GROUP", "NAME", "PORTS", "OWNER", "FIRST", "SEEN"]
    found = sample("open")
    for text in ("critical", "open", ACCOUNT, REGION, found["group_id"], "tcp/22", "shop@example.com", "2026-03-01 10:15 UTC"):
        assert text in row, (text, row)


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ((), ["open"]),
        (("--state", "closed"), ["closed"]),
        (("--state", "open,exempt,closed"), ["open", "exempt", "closed"]),
        (("--state", "open,closed", "--account", ACCOUNT), ["open", "closed"]),
        (("--owner", "shop@example.com"), ["open"]),
        (("--owner", "nobody@example.com"), []),
        (("--account", "999999999999"), []),
        (("--min-severity", "critical"), ["open"]),
        (("--rule", "another", "--table", TABLE), []),
    ],
)
def test_a_list_is_narrowed_and_is_the_stored_form(remembered, options, states):
    done = remembered("findings", "list", "--json", *options)
    assert done.code == DONE, done
    assert [finding["state"] for finding in done.lines()] == states
    for finding in done.lines():
        assert finding == sample(finding["state"])


def test_nothing_found_is_said(remembered):
    done = remembered("findings", "list", "--owner", "nobody")
    assert (done.code, done.out, done.err) == (DONE, "", "no finding\n")


def test_a_finding_is_shown_with_what_is_next(remembered):
    found = sample("open")
    done = remembered("findings", "show", found["key"])
    assert done.code == DONE, done
    assert done.out.startswith(f"{found['group_id']} (")
    for text in ("\n  Severity", "\n  Owner", "shop@example.com", "\nHistory\n", "\nNext\n", "portcullis close"):
        assert text in done.out, (text, done.out)
    shown = remembered("findings", "show", found["key"], "--json").json()
    assert shown == {"finding": found, "history": []}


def test_names_cannot_forge_a_line(remembered):
    put(remembered.cloud, renamed(sample("open"), "web\n  Severity  low\x1b[2J\u202e"))
    for done in (remembered("findings", "list"), remembered("findings", "show", sample("open")["key"])):
        assert done.code == DONE, done
        assert not any(character in done.out for character in "\x1b\u202e")
        assert done.out.count("\n  Severity  low") == 0


def test_a_finding_is_muted_with_a_reason_and_unmuted(remembered):
    key = sample("open")["key"]
    done = remembered("findings", "mute", key, "--reason", "CHG-7", "--until", "2999-12-31")
    assert done.code == DONE, done
    assert done.out.startswith("muted until 3000-01-01 00:00 UTC: ")
    muted = item(remembered, key)
    assert muted["facts"]["mute"]["value"]["reason"] == "CHG-7"
    assert muted["facts"]["mute"]["value"]["by"].startswith("arn:aws:iam::")
    assert (muted["revision"], muted["version"]) == (sample("open")["revision"], sample("open")["version"] + 1)
    shown = remembered("findings", "show", key).out
    assert "open, muted" in shown
    assert "CHG-7" in shown
    # The history says who did it.
    assert "is muted" in shown.split("History")[1]

    assert remembered("findings", "unmute", key).out.startswith("unmuted: ")
    assert remembered("findings", "unmute", key).out.startswith("was not muted: ")
    assert item(remembered, key)["facts"]["mute"]["value"] is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--reason", " "), "--reason: write why"),
        (("--reason", "x", "--until", "2020-01-01"), "2020-01-01 is over"),
        (("--reason", "x", "--until", "soon"), "`soon` is no date and no time"),
    ],
)
def test_a_mute_that_is_refused_changes_nothing(remembered, options, text):
    key = sample("open")["key"]
    remembered("findings", "mute", key, *options).failed(USAGE, text)
    assert item(remembered, key)["version"] == sample("open")["version"]


def test_a_finding_that_is_not_there_is_an_error_and_is_not_made(remembered):
    for command in (("show",), ("mute", "--reason", "x"), ("unmute",)):
        remembered("findings", command[0], "sg-0123456789abcdef0", *command[1:]).failed(ERROR, "there is no finding", "findings list")
    remembered("findings", "show", "web").failed(USAGE, "`web` is not the id of a security group")
    remembered("findings", "show", "1/2/3").failed(USAGE)
    assert len(remembered("findings", "list", "--state", "open,closed,exempt", "--json").lines()) == len(SAMPLES)


@pytest.mark.usefixtures("fresh")
def test_without_a_stack_the_remedy_is_named(live):
    live("findings", "list").failed(ERROR, "no stack in ", "make deploy FINDINGS=yes")
    live("findings", "list", "--table", "none").failed(ERROR, "ResourceNotFoundException")
