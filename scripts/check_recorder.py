"""Checks that AWS Config records security groups, in the answers of describe-configuration-recorders and -status.

usage: check_recorder.py RECORDERS.json STATUS.json REGION

Without a recorder the rule cannot be created. With a recorder that does not record security groups the rule would be
created, and never be invoked. A recorder that records them once a day only delays every verdict: a warning.
"""

import json
import sys
from pathlib import Path
from typing import Any

SECURITY_GROUP = "AWS::EC2::SecurityGroup"


def records_security_groups(recorder: dict[str, Any]) -> bool:
    """True if the recording group of a recorder includes security groups."""
    group = recorder.get("recordingGroup") or {}
    # Older recorders have no recording strategy.
    strategy = (group.get("recordingStrategy") or {}).get("useOnly")
    if strategy == "EXCLUSION_BY_RESOURCE_TYPES":
        return SECURITY_GROUP not in (group.get("exclusionByResourceTypes") or {}).get("resourceTypes", [])
    if strategy == "ALL_SUPPORTED_RESOURCE_TYPES" or group.get("allSupported"):
        return True
    return SECURITY_GROUP in group.get("resourceTypes", [])


def problem(recorders: list[dict[str, Any]], statuses: list[dict[str, Any]], region: str) -> str | None:
    """Reason why a rule for security groups would not work, with the remedy. None if it would work."""
    if not recorders:
        return (
            f"AWS Config has no recorder in {region}, so no rule can be created: set one up in the console (AWS Config, Get"
            f" started), or with aws configservice put-configuration-recorder, put-delivery-channel and"
            f" start-configuration-recorder"
        )
    if not any(records_security_groups(recorder) for recorder in recorders):
        return (
            f"the AWS Config recorder in {region} does not record {SECURITY_GROUP}, so the rule would never be invoked: add the"
            f" type to the recorder in the console (AWS Config, Settings, Recording method)"
        )
    names = {recorder.get("name") for recorder in recorders}
    if not any(status.get("recording") for status in statuses if status.get("name") in names):
        return (
            f"the AWS Config recorder in {region} is stopped, so no change would be evaluated: start it with"
            f" aws configservice start-configuration-recorder --configuration-recorder-name {recorders[0].get('name')}"
        )
    return None


def records_daily(recorder: dict[str, Any]) -> bool:
    """True if a recorder records security groups once a day, and not at every change. An override of the type counts more than
    the frequency of the recorder."""
    # Older recorders have no recording mode, and record continuously.
    mode = recorder.get("recordingMode") or {}
    frequency = mode.get("recordingFrequency", "CONTINUOUS")
    for override in mode.get("recordingModeOverrides") or []:
        if SECURITY_GROUP in override.get("resourceTypes", []):
            frequency = override.get("recordingFrequency", frequency)
    return frequency == "DAILY"


def delay(recorders: list[dict[str, Any]], region: str) -> str | None:
    """What a daily recording means. None if changes are recorded at once."""
    if not any(records_security_groups(recorder) and records_daily(recorder) for recorder in recorders):
        return None
    return (
        f"the AWS Config recorder in {region} records {SECURITY_GROUP} once a day (DAILY): an open group is found up to a day later,"
        f" and a closed one stays NON_COMPLIANT for up to a day. Record the type continuously (AWS Config, Settings, Recording"
        f" method, Override settings), or deploy with SourcePeriodic=One_Hour, which does not wait for the recorder"
    )


def main() -> None:
    """Exits with the problem as an error message if there is one; prints a warning about a delay."""
    recorders = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["ConfigurationRecorders"]
    statuses = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))["ConfigurationRecordersStatus"]
    found = problem(recorders, statuses, sys.argv[3])
    if found is not None:
        sys.exit(f"error: {found}")
    late = delay(recorders, sys.argv[3])
    if late is not None:
        print(f"warning: {late}", file=sys.stderr)


if __name__ == "__main__":
    main()
