"""Checks of AWS Config."""

import re
import time

from account import GROUP_TYPE, Account, Json
from check import Change, Check, Unobserved

EXCEPTION = frozenset({Change.GROUP, Change.EXCEPTION})
AUTOMATIC = frozenset({Change.GROUP, Change.OPEN})
# What AWS Config may take to record a change, to evaluate it, and to remediate it.
MINUTES = 900


def keys(account: Account) -> list[Json]:
    return [{"ResourceType": GROUP_TYPE, "ResourceId": account.group.id}]


def verdict(account: Account) -> str | None:
    """The result of the rule for the group."""
    pages = account.client("config").get_paginator("get_compliance_details_by_resource")
    for page in pages.paginate(ResourceType=GROUP_TYPE, ResourceId=account.group.id):
        for result in page["EvaluationResults"]:
            if result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ConfigRuleName"] == account.rule:
                return result["ComplianceType"]
    return None


def exceptions(account: Account) -> list[Json]:
    found = account.client("config").describe_remediation_exceptions(ConfigRuleName=account.rule, ResourceKeys=keys(account))
    return found["RemediationExceptions"]


def remediation(account: Account) -> Json:
    found = account.client("config").describe_remediation_configurations(ConfigRuleNames=[account.rule])
    if not found["RemediationConfigurations"]:
        raise Unobserved("the rule has no remediation")
    return found["RemediationConfigurations"][0]


def lists_a_needless_exception(account: Account) -> tuple[bool, str]:
    config, group = account.client("config"), account.group
    group.clear()
    account.wait("the result COMPLIANT of the group", lambda: verdict(account) == "COMPLIANT")
    account.asked_for_exception = True
    expires = time.time() + 3600
    message = "scripts/first-hour of Portcullis"
    reply = config.put_remediation_exceptions(
        ConfigRuleName=account.rule, ResourceKeys=keys(account), Message=message, ExpirationTime=expires
    )
    failed, kept = reply.get("FailedBatches", []), exceptions(account)
    if failed:
        return True, f"FailedBatches: {failed[0].get('FailureMessage')}; {len(kept)} exceptions afterwards"
    return False, f"no FailedBatches; {len(kept)} exceptions afterwards"


def counts_failures_only(account: Account) -> tuple[bool, str]:
    configuration = remediation(account)
    if not configuration.get("Automatic"):
        raise Unobserved("the stack is in manual mode: deploy it with RemediationMode=True to an account without other open groups")
    attempts, window = configuration["MaximumAutomaticAttempts"], configuration["RetryAttemptSeconds"]
    protocol, port = blocked_port(account)
    group = account.group
    group.clear()
    began = time.monotonic()
    for number in range(1, attempts + 2):
        account.asked_for_exception = True
        group.authorize({"IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})

        def ended() -> str | None:
            if any("ExpirationTime" not in found for found in exceptions(account)):
                return "exception"
            return None if group.rules() else "closed"

        if account.wait(f"closing {number} of {attempts + 1}", ended) == "exception":
            group.clear()
            return False, f"an exception without an end after {number - 1} successful closings"
        # The next opening has to be seen as one.
        account.wait("the result COMPLIANT of the group", lambda: verdict(account) == "COMPLIANT")
        if time.monotonic() - began > window and number <= attempts:
            raise Unobserved(f"{number} closings took longer than RetryAttemptSeconds, {window} s")
    return True, f"{attempts + 1} successful closings within {time.monotonic() - began:.0f} s, and no exception"


def blocked_port(account: Account) -> tuple[str, int]:
    """The first port that the rule blocks."""
    rule = account.client("config").describe_config_rules(ConfigRuleNames=[account.rule])["ConfigRules"][0]
    found = re.search(
        r'"(?:FocusOnPorts|blockedPort\d)"\s*:\s*\[?\s*"?\s*(?:(tcp|udp)\s*/\s*)?(\d+)', rule["InputParameters"], re.IGNORECASE
    )
    if not found:
        raise Unobserved("the parameters of the rule have no blocked port")
    return (found[1] or "tcp").lower(), int(found[2])


def records_continuously(account: Account) -> tuple[bool, str]:
    recorders = account.client("config").describe_configuration_recorders()["ConfigurationRecorders"]
    if not recorders:
        raise Unobserved("the region has no recorder")
    mode = recorders[0].get("recordingMode", {})
    frequency = mode.get("recordingFrequency", "CONTINUOUS")
    for override in mode.get("recordingModeOverrides", []):
        if GROUP_TYPE in override["resourceTypes"]:
            frequency = override["recordingFrequency"]
    return frequency == "CONTINUOUS", frequency


def has_the_remediation_type(account: Account) -> tuple[bool, str]:
    name = "AWS::Config::RemediationConfiguration"
    cloudformation = account.client("cloudformation")
    found = cloudformation.describe_type(Type="RESOURCE", TypeName=name)
    return found.get("DeprecatedStatus", "LIVE") == "LIVE", f"{found['TypeName']} is registered"


CHECKS = [
    Check(
        "needless-exception",
        "PutRemediationExceptions lists a compliant group in FailedBatches",
        "asks for an exception for the group, once AWS Config has found it compliant, which takes minutes",
        "dropNeedlessExceptions; the exception of a hold, docs/restore.md",
        lists_a_needless_exception,
        EXCEPTION,
        seconds=MINUTES,
    ),
    Check(
        "attempts",
        "Only failed attempts count towards MaximumAutomaticAttempts",
        "needs automatic mode: opens a blocked port of the group again after each closing, once more than the attempts",
        "attemptsCounted; the alarm for exceptions that nobody asked for",
        counts_failures_only,
        AUTOMATIC,
        seconds=MINUTES,
        asked_for=True,
    ),
    Check(
        "recording",
        "The recorder records a change of a security group at once",
        "reads the recorder's recordingMode",
        "how soon an open group is found, scripts/check_recorder.py",
        records_continuously,
    ),
    Check(
        "remediation-type",
        "The region has AWS::Config::RemediationConfiguration",
        "asks CloudFormation for the type",
        "whether the stack is deployed detect-only",
        has_the_remediation_type,
    ),
]
