"""Says whether AWS Config records security groups, from the answers of describe-configuration-recorders and -status.

usage: check_recorder.py RECORDERS.json STATUS.json REGION

Without a recorder the rule cannot be created; with one that does not record security groups it would be created, and
never be asked anything.
"""

import json
import sys
from pathlib import Path
from typing import Any

SECURITY_GROUP = "AWS::EC2::SecurityGroup"


def records_security_groups(recorder: dict[str, Any]) -> bool:
    """Whether the recording group of a recorder includes security groups."""
    group = recorder.get("recordingGroup") or {}
    # Recorders that were made before there were strategies have none.
    strategy = (group.get("recordingStrategy") or {}).get("useOnly")
    if strategy == "EXCLUSION_BY_RESOURCE_TYPES":
        return SECURITY_GROUP not in (group.get("exclusionByResourceTypes") or {}).get("resourceTypes", [])
    if strategy == "ALL_SUPPORTED_RESOURCE_TYPES" or group.get("allSupported"):
        return True
    return SECURITY_GROUP in group.get("resourceTypes", [])


def problem(recorders: list[dict[str, Any]], statuses: list[dict[str, Any]], region: str) -> str | None:
    """What is in the way of a rule about security groups, and what to do about it; None if nothing is."""
    if not recorders:
        return (
            f"AWS Config has no recorder in {region}, and without one no rule can be created. Set it up once, in the console"
            f" (AWS Config, Get started) or with: aws configservice put-configuration-recorder, put-delivery-channel and"
            f" start-configuration-recorder"
        )
    if not any(records_security_groups(recorder) for recorder in recorders):
        return (
            f"the AWS Config recorder in {region} does not record {SECURITY_GROUP}, so that the rule would never be asked"
            f" anything. Add the type to the recorder: AWS Config, Settings, Recording method"
        )
    names = {recorder.get("name") for recorder in recorders}
    if not any(status.get("recording") for status in statuses if status.get("name") in names):
        return (
            f"the AWS Config recorder in {region} is stopped, so that no change would be noticed. Start it with:"
            f" aws configservice start-configuration-recorder --configuration-recorder-name {recorders[0].get('name')}"
        )
    return None


def main() -> None:
    """Exits with the problem as the message, if there is one."""
    recorders = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["ConfigurationRecorders"]
    statuses = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))["ConfigurationRecordersStatus"]
    found = problem(recorders, statuses, sys.argv[3])
    if found is not None:
        sys.exit(f"error: {found}")


if __name__ == "__main__":
    main()
