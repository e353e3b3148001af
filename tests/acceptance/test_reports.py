"""Reports on a schedule: the deployed function writes what the table has into a bucket."""

import csv
import datetime
import io
import json
import time

import pytest
from local_cloud import wait_for
from portcullis import PARAMETERS, RULE, finished, open_to, without_stack
from test_findings import WORLD, Findings

REPORTS = "portcullis-reports"
PREFIX = f"portcullis/{RULE}/"
# Groups that only events are about.
CLOSED, REOPENED, OLD = (f"sg-{letter * 17}" for letter in "abc")


def ago(**time_of_it: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**time_of_it)


def written(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Reports(Findings):
    """The stacks, and the reports in the bucket."""

    def __init__(self, stack):
        super().__init__(stack)
        self.s3 = stack.cloud.client("s3")

    def invoke(self, event: dict) -> dict:
        """Invokes the function, as its schedule does."""
        reply = self.cloud.client("lambda").invoke(FunctionName=self.outputs["ReportFunctionName"], Payload=json.dumps(event).encode())
        answer = json.loads(reply["Payload"].read())
        return answer | {"FunctionError": reply["FunctionError"]} if "FunctionError" in reply else answer

    def scheduled(self) -> dict:
        """Has the report written that is due now."""
        return self.invoke({"time": written(ago(seconds=0))})

    def object(self, place: str, name: str) -> tuple[str, str]:
        """Media type and text of an object of a report."""
        found = self.s3.get_object(Bucket=REPORTS, Key=place + name)
        return found["ContentType"], found["Body"].read().decode()

    def figures(self, place: str) -> dict:
        return json.loads(self.object(place, "report.json")[1])

    def lines(self, place: str) -> dict[str, dict[str, str]]:
        """Lines of the CSV by group."""
        text = self.object(place, "findings.csv")[1]
        return {line["group_id"]: line for line in csv.DictReader(io.StringIO(text, newline=""))}

    def next_second(self) -> None:
        """A report has its name from the second at which it was due."""
        begun = int(time.time())
        wait_for("the next second", lambda: int(time.time()) > begun)

    def keys(self) -> set[str]:
        return {one["Key"] for one in self.s3.list_objects_v2(Bucket=REPORTS).get("Contents", [])}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    with without_stack(tmp_path_factory.mktemp("reports")) as stack:
        stack.cloud.client("s3").create_bucket(Bucket=REPORTS)
        # Without the context, the severity does not change meanwhile.
        parameters = {"RuleName": RULE, "SourceInputParameters": json.dumps(PARAMETERS), "ReportBucket": REPORTS, "Context": "False"}
        done = finished(stack.start_deploy("--findings", **parameters))
        assert done.returncode == 0, done.stdout + done.stderr
        stack.deployed()
        yield Reports(stack)


def test_reports_say_once_what_was_opened_and_closed(reports):
    """Events of hours ago: what is younger than two hours is part of the next report."""
    story = [
        (OLD, "NON_COMPLIANT", 60),
        (OLD, "COMPLIANT", 50),
        (CLOSED, "NON_COMPLIANT", 6),
        (CLOSED, "COMPLIANT", 5),
        (REOPENED, "NON_COMPLIANT", 10),
        (REOPENED, "COMPLIANT", 7),
        (REOPENED, "NON_COMPLIANT", 4),
    ]
    reports.send(*(reports.event(group, compliance, written(ago(hours=hours))) for group, compliance, hours in story))
    reports.wait(OLD, "closed")
    reports.wait(CLOSED, "closed")
    wait_for("the second opening", lambda: (f := reports.finding(REOPENED)) and f["state"] == "open" and f["reopenings"] == 1)
    # One of flesh and blood, which is too young for a change and is open all the same.
    group = reports.cloud.group("<b>reported</b>", open_to(WORLD), tags={"owner": "=1+1"})
    reports.cloud.settle()
    wait_for("the exposures", lambda: (f := reports.finding(group)) and f["issue_details"]["perms"])

    due = ago(seconds=0).replace(microsecond=0)
    answer = reports.invoke({"detail-type": "Scheduled Event", "source": "aws.events", "time": written(due)})
    place = f"{PREFIX}{due:%Y-%m-%dT%H%M%SZ}/"
    assert answer == {"findings": 3, "unreadable": 0, "reports": [place]}, answer
    assert reports.keys() == {f"{place}{name}" for name in ("findings.csv", "findings.html", "report.json")}

    figures = reports.figures(place)
    assert (figures["format"], figures["rule"], figures["created"]) == ("portcullis.findings-report/1", RULE, written(due))
    assert figures["period"] == {name: written(due - datetime.timedelta(hours=hours)) for name, hours in (("since", 26), ("until", 2))}
    assert (sum(figures["open"].values()), figures["exempt"], figures["opened"], figures["closed"]) == (2, 0, 3, 2)
    # An hour, and three.
    assert figures["time_to_close"]["n"] == 2
    assert abs(figures["time_to_close"]["mean_seconds"] - 2 * 3600) <= 2

    assert reports.object(place, "findings.csv")[0].startswith("text/csv")
    lines = reports.lines(place)
    assert lines.keys() == {group, CLOSED, REOPENED}, "what was closed before is no part of it"
    assert {name: (line["state"], line["opened"], line["closed"]) for name, line in lines.items()} == {
        group: ("open", "0", "0"),
        CLOSED: ("closed", "1", "1"),
        REOPENED: ("open", "2", "1"),
    }
    assert (lines[group]["ports"], lines[group]["sources"]) == ("tcp/22", WORLD)

    kind, page = reports.object(place, "findings.html")
    assert kind.startswith("text/html")
    assert "<script" not in page
    assert "<b>" not in page
    assert "&#60;b&#62;reported" in page
    assert "Mean time to close: " in page
    assert all(name in page for name in (group, CLOSED, REOPENED))

    # Lambda delivers the event once more: the same report.
    assert reports.invoke({"time": written(due)})["reports"] == [place]
    assert reports.figures(place) == figures
    assert len(reports.keys()) == 3

    # The next one begins where this one ended.
    reports.next_second()
    (following,) = reports.scheduled()["reports"]
    assert following > place
    assert (reports.figures(following)["opened"], reports.figures(following)["closed"]) == (0, 0)
    assert reports.figures(following)["period"]["since"] == figures["period"]["until"]
    assert reports.figures(following)["time_to_close"] is None


def test_a_report_that_the_bucket_does_not_take_is_written_later(reports):
    reports.next_second()
    (known,) = reports.scheduled()["reports"]
    reports.next_second()
    before = reports.keys()
    reports.cloud.fault(kind="accessDenied", service="s3", action="PutObject", principal="ReportRole")
    answer = reports.scheduled()
    assert answer["FunctionError"]
    assert "the report could not be stored" in answer["errorMessage"], answer
    assert reports.keys() == before
    reports.cloud.control("DELETE", "/faults")
    reports.next_second()
    written_later = reports.scheduled()["reports"]
    # That of the run that failed, and its own.
    assert len(written_later) == 2
    periods = [reports.figures(place)["period"] for place in (known, *written_later)]
    assert periods[0]["until"] == periods[1]["since"]
    assert periods[1]["until"] == periods[2]["since"]


def test_a_report_by_hand_takes_no_period_away_from_a_scheduled_one(reports):
    reports.next_second()
    (known,) = reports.scheduled()["reports"]
    (preview,) = reports.invoke({})["reports"]
    assert preview.startswith(f"{PREFIX}preview-")
    reports.next_second()
    (following,) = reports.scheduled()["reports"]
    periods = [reports.figures(place)["period"] for place in (known, preview, following)]
    assert periods[0]["until"] == periods[1]["since"] == periods[2]["since"]


def test_the_function_makes_no_call_that_it_may_not_make(reports):
    reports.scheduled()
    calls = reports.stack.calls("ReportRole", 0)
    assert {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "s3:PutObject"} == {call["action"] for call in calls}
    # One call was denied by a test.
    assert len([call for call in calls if call["errorCode"] and "Denied" in call["errorCode"]]) <= 1
