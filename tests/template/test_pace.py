"""The limit of closings in an hour: what the remediator is told, the table that counts, and the alarm."""

import re
from pathlib import Path
from typing import Any

from rendering import Stack


def test_the_remediator_knows_the_limit_and_the_table(template: dict[str, Any]) -> None:
    resources = Stack(template, ClosingsPerHour="7").resources
    variables = resources["RemediatorFunction"]["Environment"]["Variables"]
    assert int(variables["CLOSINGS_PER_HOUR"]) == 7
    assert variables["STATE_TABLE"]
    # They are of the same program, and close nothing.
    for other in ("RestorerFunction", "QuarantineFunction"):
        assert not {"CLOSINGS_PER_HOUR", "STATE_TABLE"} & resources[other]["Environment"]["Variables"].keys()


def test_the_groups_of_an_hour_fit_into_an_item(template: dict[str, Any]) -> None:
    parameter = template["Parameters"]["ClosingsPerHour"]
    assert (parameter["Type"], parameter["Default"], parameter["MinValue"]) == ("Number", 100, 0)
    # An id has 20 characters. Closings that ignore the pace come on top: EC2 makes 18,000 revocations an hour in all.
    assert parameter["MaxValue"] * 20 <= 400_000 // 4


def test_the_table_has_the_keys_that_the_remediator_writes(template: dict[str, Any], checkout: Path) -> None:
    table = Stack(template).resources["StateTable"]
    source = (checkout / "crates" / "aws-adapters" / "src" / "closing_table" / "wire.rs").read_text(encoding="utf-8")
    constants = dict(re.findall(r'\bconst (\w+): &str = "(\w+)"', source))
    assert [key["AttributeName"] for key in table["KeySchema"]] == [constants["PARTITION"], constants["ID"]]
    assert table["TimeToLiveSpecification"]["AttributeName"] == constants["EXPIRES"]


def test_the_alarm_rings_for_the_line_of_a_deferral(template: dict[str, Any], checkout: Path) -> None:
    resources = Stack(template, ClosingsPerHour="7").resources
    metric, alarm = resources["DeferralsInTheLog"], resources["ClosingsDeferred"]
    assert metric["LogGroupName"] == resources["RemediatorFunction"]["LoggingConfig"]["LogGroup"]
    (transformation,) = metric["MetricTransformations"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (transformation["MetricNamespace"], transformation["MetricName"])
    (message,) = re.findall(r'\$\.message = "([^"]+)"', metric["FilterPattern"])
    source = (checkout / "crates" / "remediation" / "src" / "close" / "pace.rs").read_text(encoding="utf-8")
    assert f'"{message}"' in source
    assert (alarm["Threshold"], alarm["Period"]) == (1, 3600), "deferred groups come again each hour"


def test_the_alarm_says_how_to_go_faster_and_how_to_stop(template: dict[str, Any]) -> None:
    description = str(Stack(template, ClosingsPerHour="7").resources["ClosingsDeferred"]["AlarmDescription"])
    for word in ("ClosingsPerHour (7)", "RemediationMode", "IgnorePace"):
        assert word in description
    assert len(description) <= 1024
