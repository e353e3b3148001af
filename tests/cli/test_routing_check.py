"""`routing check`: whether a routing document is valid, and who is told of a finding."""

import copy
import json
import re

import pytest
from command_line import CHECKOUT, DONE, ERROR, USAGE, check_snapshot

PAGE = (CHECKOUT / "docs" / "routing.md").read_text()
# The full document of the page.
DOCUMENT = next(json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"burst"' in text)
OPEN, CLOSED, EXEMPT = (CHECKOUT / "docs" / "findings" / f"{name}.json" for name in ("open", "closed", "exempt"))
EVENTS = CHECKOUT / "docs" / "events"


@pytest.fixture
def document(portcullis) -> str:
    return portcullis.write("routing.json", DOCUMENT)


def check(portcullis, *arguments, **options):
    return portcullis("routing", "check", *arguments, **options)


def deliveries(done) -> list[tuple]:
    """Channel, recipient, time and reason of each delivery of the only sample."""
    [finding] = done.json()["findings"]
    reason = [sent["why"] if isinstance(sent["why"], str) else sent["why"]["route"] for sent in finding["deliveries"]]
    recipients = [(sent["recipient"] or {}).get("value") for sent in finding["deliveries"]]
    return [(sent["channel"], to, sent["timing"], why) for sent, to, why in zip(finding["deliveries"], recipients, reason, strict=True)]


# The document alone.


def test_a_valid_document_is_summed_up(portcullis, document):
    done = check(portcullis, document)
    assert (done.code, done.err) == (DONE, "")
    check_snapshot("routing-summary", done.out)


def test_another_host_of_a_channel_is_shown(portcullis):
    channels = {
        "gov": {"kind": "slack", "token": "ssm:/t", "channel": "#gov", "apiUrl": "https://slack-gov.com/api/"},
        "pager": {"kind": "pagerduty", "routingKey": "ssm:/p", "eventsUrl": "https://events.eu.pagerduty.com", "minSeverity": "high"},
    }
    document = {"version": 1, "channels": channels, "defaultChannels": ["gov", "pager"]}
    done = check(portcullis, "-", stdin=json.dumps(document))
    assert (done.code, done.err) == (DONE, "")
    assert "#gov at https://slack-gov.com/api" in done.out
    assert "critical, high findings at https://events.eu.pagerduty.com" in done.out


def test_the_document_may_be_standard_input(portcullis):
    done = check(portcullis, "-", stdin=json.dumps(DOCUMENT))
    assert (done.code, done.out.splitlines()[0]) == (DONE, "- is valid")


def test_warnings_leave_the_document_valid(portcullis):
    channels = {"hub": {"kind": "securityHub"}, "spare": {"kind": "securityHub"}}
    routes = [{"channels": ["hub"]}, {"channels": ["hub"], "match": {"ports": "22"}}]
    portcullis.write("routing.json", {"version": 1, "channels": channels, "routes": routes})
    done = check(portcullis, "routing.json")
    assert (done.code, done.err) == (DONE, "")
    assert done.out.splitlines()[:3] == [
        "routing.json is valid, with 2 warnings",
        "warning: `channels.spare`: no route and no `defaultChannels` uses this channel: it hears of nothing",
        "warning: `routes[1]`: is never reached: routes[0] takes all its findings; change their order or set `continue` there",
    ]
    found = check(portcullis, "routing.json", "--json").json()
    assert (found["valid"], [warning["place"] for warning in found["warnings"]]) == (True, ["channels.spare", "routes[1]"])
    assert found["secrets"] == {}


def test_json_has_the_document_and_where_its_secrets_are_kept(portcullis, document):
    found = check(portcullis, document, "--json").json()
    assert found["secrets"] == {
        "secretsmanager:portcullis/jira": ["tickets"],
        "ssm:/portcullis/channels/pagerduty": ["pager"],
        "ssm:/portcullis/channels/slack-token": ["payments", "security"],
    }
    assert (found["document"]["defaultChannels"], found["findings"]) == (["security"], [])
    # It is in the form of a document.
    again = check(portcullis, portcullis.write("again.json", found["document"]), "--json")
    assert again.json()["document"] == found["document"]


def test_every_mistake_of_a_document_is_a_line(portcullis):
    portcullis.write("routing.json", {"version": 1, "channels": {}, "defaultChannels": ["web"], "routes": [{"chanels": []}]})
    done = check(portcullis, "routing.json")
    assert (done.code, done.out) == (ERROR, "")
    assert done.err.splitlines() == [
        "error: routing.json: `defaultChannels[0]`: there is no channel `web`: add it to `channels`",
        "error: routing.json: `routes[0]`: `channels` is missing",
        "error: routing.json: `routes[0].chanels`: is not a known key: did you mean `channels`?",
    ]
    found = check(portcullis, "routing.json", "--json")
    assert (found.code, found.json()["valid"]) == (ERROR, False)
    assert [problem["place"] for problem in found.json()["problems"]] == ["defaultChannels[0]", "routes[0]", "routes[0].chanels"]


def test_a_secret_in_the_document_is_not_repeated(portcullis):
    changed = copy.deepcopy(DOCUMENT)
    changed["channels"]["security"]["token"] = "xoxb-1-secret"
    portcullis.write("routing.json", changed)
    for arguments in ([], ["--json"]):
        done = check(portcullis, "routing.json", *arguments)
        assert done.code == ERROR
        assert "`channels.security.token`: is not a reference to a secret: write where the secret is kept" in done.err
        assert "xoxb" not in done.err + done.out


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not JSON: EOF while parsing a value at line 1 column 0"),
        (b"\xff\xfe", "`routing.json` is not text: write it as UTF-8"),
        (b'{"version": 2, "channels": {}}', "`version`: is 2, and this release supports version 1 only"),
        (b'"' + "ä".encode() * 262_144 + b'"', "has more than 524288 bytes, and no more are possible"),
        (b"[" * 100_000, "is not JSON: recursion limit exceeded"),
    ],
    ids=["empty", "binary", "version", "too large", "deep"],
)
def test_a_document_that_is_none(portcullis, content, problem):
    portcullis.write("routing.json", content)
    check(portcullis, "routing.json").failed(ERROR, problem)


def test_a_file_that_is_missing_and_inputs_that_are_too_many(portcullis, document):
    check(portcullis, "missing.json").failed(ERROR, "cannot read missing.json: No such file or directory")
    check(portcullis, "-", "--finding", "-").failed(USAGE, "only one file can be standard input: name the others")
    done = check(portcullis)
    assert (done.code, "<FILE>" in done.err) == (USAGE, True)


def test_a_configuration_file_may_ask_for_json(portcullis, document):
    portcullis.write("portcullis.toml", "json = true\nformat = 'html'\n")
    done = check(portcullis, document, "--config", "portcullis.toml")
    assert (done.code, done.json()["valid"]) == (DONE, True)


# Samples.


def test_it_shows_who_is_told_of_a_finding_and_why(portcullis, document):
    samples = [portcullis.write(path.name, path.read_text()) for path in (OPEN, CLOSED, EXEMPT)]
    done = check(portcullis, document, *(word for name in samples for word in ("--finding", name)))
    assert (done.code, done.err) == (DONE, "")
    check_snapshot("routing-findings", done.out)


def test_json_has_all_of_a_delivery(portcullis, document):
    done = check(portcullis, document, "--finding", OPEN, "--json")
    assert deliveries(done) == [
        ("pager", None, "immediate", "routes[0] `remote access`"),
        ("security", "#security", "normal", "routes[2] `production`"),
        ("security", "platform@example.com", "normal", "routes[2] `production`"),
        ("security", "shop@example.com", "normal", "routes[2] `production`"),
        ("tickets", None, "normal", "routes[2] `production`"),
    ]
    [finding] = done.json()["findings"]
    assert (finding["file"], finding["outcome"], finding["state"], finding["severity"]) == (str(OPEN), "sent", "open", "critical")
    assert (finding["key"], finding["ports"]) == ("111122223333/eu-central-1/sg-0aaaaaaaaaaaaaaaa/portcullis", "tcp/22")
    ticket = finding["deliveries"][-1]["ticket"]
    assert (ticket["assignee"]["value"], ticket["defaultAssignee"]["value"]) == ("shop@example.com", "jane.doe")
    assert (ticket["priority"], ticket["parent"], ticket["project"]) == ("Highest", "SEC-1", "SEC")
    assert [(owner["value"], owner["from"]) for owner in finding["ownership"]["owners"]] == [("shop@example.com", "groupTag")]


def test_an_event_is_a_sample_too(portcullis, document):
    opened = deliveries(check(portcullis, document, "--finding", EVENTS / "assessment-open.json", "--json"))
    assert opened == deliveries(check(portcullis, document, "--finding", OPEN, "--json"))
    closed = check(portcullis, document, "--finding", EVENTS / "remediation-closed.json", "--json")
    [finding] = closed.json()["findings"]
    # It knows neither name nor ports.
    assert (finding["state"], finding["ports"]) == ("closed", "")
    assert {channel for channel, *_ in deliveries(closed)} == {"security", "tickets"}


def test_a_sample_may_be_standard_input(portcullis, document):
    done = check(portcullis, document, "--finding", "-", "--json", stdin=OPEN.read_text())
    assert done.json()["findings"][0]["file"] == "-"


def test_the_output_of_findings_show_is_a_sample(portcullis, document):
    shown = json.dumps({"finding": json.loads(OPEN.read_text()), "history": []})
    done = check(portcullis, document, "--finding", "-", "--json", stdin=shown)
    assert deliveries(done) == deliveries(check(portcullis, document, "--finding", OPEN, "--json"))


def event(name: str, **changes) -> dict:
    sample = json.loads((EVENTS / f"{name}.json").read_text())
    sample["detail"] |= changes
    return sample


def finding(state: str, **facts) -> dict:
    sample = json.loads({"open": OPEN, "closed": CLOSED}[state].read_text())
    sample["facts"] |= facts
    return sample


MUTE = {"at": "2026-03-01T12:00:00Z", "value": {"reason": "known", "by": "ana", "until": None}}
PAGER = {"version": 1, "channels": {"pager": {"kind": "pagerduty", "routingKey": "ssm:/p", "severities": "low"}}}


@pytest.mark.parametrize(
    ("changes", "sample", "outcome", "text"),
    [
        ({}, finding("open", mute=MUTE), "muted", "nothing is sent: the finding is muted"),
        ({}, event("assessment-exempt"), "exempt", "nothing is sent: an exemption covers every exposure"),
        ({}, event("assessment-unknown"), "neverOpen", "nothing is sent: the group was never open, as far as this is known"),
        ({}, event("remediation-closed", dryRun=True), "ignored", "nothing is sent: a dry run changes nothing"),
        ({"routes": [{"channels": []}]}, finding("open"), "dropped", "nothing is sent: its routes have no channels"),
        (
            {"routes": [], "defaultChannels": []},
            finding("open"),
            "unrouted",
            "nothing is sent: no route matches, and there are no `defaultChannels`",
        ),
        (
            PAGER | {"routes": [{"channels": ["pager"]}], "defaultChannels": ["pager"]},
            finding("open"),
            "unrouted",
            "nothing is sent: the channels of its routes do not take its severity, and neither do `defaultChannels`",
        ),
    ],
    ids=["muted", "exempt", "never open", "dry run", "dropped", "unrouted", "severity"],
)
def test_it_says_why_nothing_is_sent(portcullis, changes, sample, outcome, text):
    portcullis.write("routing.json", DOCUMENT | changes)
    portcullis.write("sample.json", sample)
    done = check(portcullis, "routing.json", "--finding", "sample.json")
    assert (done.code, done.err) == (DONE, "")
    assert done.out.splitlines()[-1].removeprefix("sample.json: ") == text
    [found] = check(portcullis, "routing.json", "--finding", "sample.json", "--json").json()["findings"]
    assert (found["outcome"], found.get("deliveries", [])) == (outcome, [])


def test_a_tag_that_names_no_owner_is_shown(portcullis, document):
    sample = event("assessment-open")
    sample["detail"]["securityGroup"]["tags"] = {"owner": "@channel"}
    portcullis.write("sample.json", sample)
    done = check(portcullis, document, "--finding", "sample.json")
    assert "owner: platform@example.com (default of the account)" in done.out
    assert "not an owner: tag of the group `@channel` would notify everybody: write an e-mail address" in done.out


def test_the_opener_is_an_owner(portcullis, document):
    sample = finding("open")
    sample["facts"]["group"]["value"]["tags"] = {}
    portcullis.write("sample.json", sample)
    assert "owner: ana@example.com (opened the group)" in check(portcullis, document, "--finding", "sample.json").out


def test_names_do_not_steer_the_terminal(portcullis, document):
    sample = event("assessment-open")
    sample["detail"]["securityGroup"]["name"] = "\x1b[31mred"
    portcullis.write("sample.json", sample)
    done = check(portcullis, document, "--finding", "sample.json")
    assert (done.code, "\x1b" in done.out) == (DONE, False)


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        (b"", "`sample.json`: is not JSON: give one finding or one event: EOF"),
        (b"[]", "`sample.json`: is neither a stored finding (`format` is portcullis.finding/1) nor an event"),
        (json.dumps(event("assessment-open")["detail"]).encode(), "is the detail of an event: give the whole event"),
        (b'{"format": "portcullis.finding/2"}', "`sample.json`: is not a stored finding: "),
        (
            json.dumps(finding("open") | {"format": "portcullis.finding/2"}).encode(),
            "format `portcullis.finding/2` of a finding is not known: update Portcullis",
        ),
        (json.dumps(event("assessment-open", region=7)).encode(), "field `detail.region` is not valid, expected a string"),
        (json.dumps(event("assessment-open") | {"account": "444455556666"}).encode(), "from account `444455556666` is about account"),
        (b" " * 1_048_577, "has more than 1048576 bytes: give one finding or one event"),
    ],
    ids=["empty", "list", "detail", "incomplete", "newer", "malformed event", "foreign event", "too large"],
)
def test_a_sample_that_is_none(portcullis, document, sample, problem):
    portcullis.write("sample.json", sample)
    done = check(portcullis, document, "--finding", "sample.json")
    assert (done.code, done.err.count("\n")) == (ERROR, 1)
    assert problem in done.err


def test_an_execution_names_no_group(portcullis, document):
    detail = {"ExecutionId": "e-1", "Definition": "p-CloseDocument-1A2B", "Status": "Failed"}
    execution = {"source": "aws.ssm", "detail-type": "EC2 Automation Execution Status-change Notification", "account": "111122223333"}
    execution |= {"region": "eu-central-1", "time": "2026-03-01T10:16:20Z", "detail": detail}
    portcullis.write("sample.json", execution)
    done = check(portcullis, document, "--finding", "sample.json")
    assert done.code == ERROR
    assert "names execution e-1 and no group, for which Systems Manager is asked: give the finding of the group" in done.err


def test_a_sample_that_is_none_hides_no_other(portcullis, document):
    done = check(portcullis, document, "--finding", "missing.json", "--finding", OPEN, "--json")
    assert (done.code, len(done.json()["findings"])) == (ERROR, 1)
    assert "cannot read missing.json" in done.err
