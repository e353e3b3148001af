"""`portcullis findings`: the findings that the stack remembers, in a table of the local cloud."""

import csv
import datetime
import io
import json
import re

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
    assert (done.code, done.out, done.err) == (DONE, "", "no finding that is open\n")
    done = remembered("findings", "list", "--owner", "nobody", "--state", "open,closed")
    assert done.err == "no finding that is open or closed\n"


def test_a_severity_of_closed_findings_is_asked_for_in_vain(remembered):
    remembered("findings", "list", "--state", "closed", "--min-severity", "high").failed(USAGE, "only open findings have a severity")


def test_a_finding_is_shown_with_what_is_next(remembered):
    found = sample("open")
    done = remembered("findings", "show", found["key"])
    assert done.code == DONE, done
    assert done.out.startswith(f"{found['group_id']} (")
    for text in (
        "\n  Severity",
        "\n  Owner",
        "shop@example.com",
        "\nChannels\n  security  was told that it is open: 1772360150.000100\n  tickets   was told that it is open: SEC-17\n",
        "\nHistory\n",
        "\nNext\n",
        "portcullis close",
    ):
        assert text in done.out, (text, done.out)
    shown = remembered("findings", "show", found["key"], "--json").json()
    assert shown == {"finding": found, "history": []}


def test_a_channel_that_takes_nothing_is_shown_with_its_error(remembered):
    found = sample("open")
    tickets = {"told": "nothing", "external_id": None, "attempts": 3, "last_error": "403: no project\n`SEC`"}
    found["deliveries"]["tickets"] |= tickets | {"next_attempt": "2026-03-01T11:16:00Z"}
    put(remembered.cloud, found)
    done = remembered("findings", "show", found["key"])
    expected = "not told yet; 3 attempts failed, the next one is at 2026-03-01 11:16 UTC; last error: 403: no project"
    assert expected in done.out, done
    assert "\n`SEC`" not in done.out
    put(remembered.cloud, sample("exempt"))
    assert "no channel was told of it" in remembered("findings", "show", sample("exempt")["key"]).out


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
    assert "is muted until 3000-01-01T00:00:00Z: CHG-7. By arn:aws:iam::" in shown.split("History")[1]

    assert remembered("findings", "unmute", key).out.startswith("unmuted: ")
    assert remembered("findings", "unmute", key).out.startswith("was not muted: ")
    ended = item(remembered, key)["facts"]["mute"]["value"]
    assert ended["until"] <= datetime.datetime.now(datetime.UTC).isoformat()
    shown = remembered("findings", "show", key).out
    assert "open, muted" not in shown
    assert "is no longer muted. By arn:aws:iam::" in shown.split("History")[1]


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
        remembered("findings", command[0], "sg-0123456789abcdef0", *command[1:]).failed(
            ERROR, "there is no finding", "`portcullis findings list --json` prints the keys"
        )
    remembered("findings", "show", "web").failed(USAGE, "`web` is not the id of a security group")
    remembered("findings", "show", "1/2/3").failed(USAGE)
    assert len(remembered("findings", "list", "--state", "open,closed,exempt", "--json").lines()) == len(SAMPLES)


ALL = ("--state", "open,exempt,closed")


def lines(text: str) -> list[dict[str, str]]:
    """Lines of a CSV."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_findings_are_exported_as_csv(remembered):
    done = remembered("findings", "export", *ALL)
    assert (done.code, done.err) == (DONE, "")
    found = lines(done.out)
    assert [line["state"] for line in found] == ["open", "exempt", "closed"]
    opened, exempt, closed = found
    assert (opened["severity"], opened["ports"], opened["owner"]) == ("critical", "tcp/22", "shop@example.com")
    assert (opened["closed_at"], opened["seconds_open"]) == ("", "")
    assert exempt["exempt_until"] == sample("exempt")["facts"]["exempt"]["value"]["exemption"]["expires"]
    assert closed["closed_at"] == sample("closed")["closed"]["at"]
    # Whole seconds, of 32.358.
    assert (closed["closed_by"].partition(" ")[0], closed["seconds_open"]) == ("remediation", "32")
    for line, name in zip(found, ("open", "exempt", "closed"), strict=True):
        assert (line["account"], line["region"], line["group_id"]) == (ACCOUNT, REGION, SAMPLES[name])


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "@SUM(A1)", "-2+3"])
def test_no_cell_of_an_export_is_a_formula(remembered, name):
    put(remembered.cloud, renamed(sample("open"), name))
    (line,) = lines(remembered("findings", "export").out)
    assert line["group_name"] == f"'{name}"


def test_an_export_is_narrowed_as_a_list_is(remembered):
    for options in ((), ("--state", "closed"), ("--owner", "nobody"), (*ALL, "--account", ACCOUNT), (*ALL, "--min-severity", "high")):
        listed = [finding["key"] for finding in remembered("findings", "list", "--json", *options).lines()]
        exported = remembered("findings", "export", "--format", "jsonl", *options).lines()
        assert [finding["key"] for finding in exported] == listed, options


def test_a_json_export_has_the_stored_form(remembered):
    document = remembered("findings", "export", "--format", "json", *ALL).json()
    assert document["schema"] == "portcullis.findings/1"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", document["created"])
    assert document["findings"] == [sample(name) for name in ("open", "exempt", "closed")]


def test_an_export_for_security_hub_has_the_ids_of_a_scan(remembered):
    found = remembered("findings", "export", "--format", "asff", *ALL).json()
    assert [one["Id"] for one in found] == [f"portcullis/{ACCOUNT}/{REGION}/{SAMPLES[name]}" for name in ("open", "exempt", "closed")]
    assert [one["RecordState"] for one in found] == ["ACTIVE", "ARCHIVED", "ARCHIVED"]
    # What people have said of a finding stays.
    assert all("Workflow" not in one for one in found)


def test_a_page_takes_names_for_text(remembered):
    put(remembered.cloud, renamed(sample("open"), "<script>alert(1)</script>"))
    page = remembered("findings", "export", "--format", "html").out
    assert "<script" not in page
    assert "&#60;script&#62;alert(1)" in page
    assert SAMPLES["open"] in page


def test_a_file_is_replaced_once_it_is_complete(remembered, tmp_path):
    page = tmp_path / "findings.html"
    page.write_text("before", encoding="utf-8")
    remembered("findings", "export", "--output", str(page), "--table", "none").failed(ERROR, "ResourceNotFoundException")
    assert page.read_text(encoding="utf-8") == "before"
    done = remembered("findings", "export", "--output", str(page))
    assert (done.code, done.out, done.err) == (DONE, "", "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["findings.html"]
    assert remembered("findings", "export", "--output", "-").out.startswith("account,region,")


def test_a_format_that_findings_do_not_have_is_refused(remembered, tmp_path):
    file = str(tmp_path / "findings.sarif")
    remembered("findings", "export", "--output", file).failed(USAGE, "not written as sarif", "csv, json, jsonl, html or asff")
    remembered("findings", "export", "--output", str(tmp_path / "findings")).failed(USAGE, "unknown format", "--format")
    assert not [file for file in tmp_path.iterdir() if file.is_file()]


@pytest.mark.usefixtures("fresh")
def test_without_a_stack_the_remedy_is_named(live):
    live("findings", "list").failed(ERROR, "no stack in ", "make deploy FINDINGS=yes")
    live("findings", "list", "--table", "none").failed(ERROR, "ResourceNotFoundException")
