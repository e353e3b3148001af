"""Statements that no script can confirm or refute from outside, each with the reason."""

from check import Check

CHECKS = [
    Check(
        "token-lifetime",
        "A result token is valid for an hour",
        "only a function that AWS Config invokes has a token; look for `evaluations refused permanently` in the evaluator's log",
        "resultTokenLifetimeSeconds",
    ),
    Check(
        "older-timestamp",
        "An evaluation with an older OrderingTimestamp does not replace a newer one",
        "PutEvaluations needs a result token, and with TestMode it stores nothing",
        "olderEvaluationReplacesNewer",
    ),
    Check(
        "evaluations-rate",
        "PutEvaluations takes a call per event in bursts",
        "to find the limit would throttle the rule",
        "one call per event, retries of the SDK",
    ),
    Check(
        "stale-snapshot",
        "Automatic remediation starts from results that are no longer the newest",
        "AWS Config does not show the snapshots that it remediates from",
        "remediationSnapshotStale; the remediator judges anew",
    ),
    Check(
        "pending-evaluation",
        "Automatic remediation starts while a newer item waits for its evaluation",
        "AWS Config does not show what waits",
        "remediateWhileEvaluationPending; the remediator judges anew",
    ),
    Check(
        "repeated-success",
        "AWS Config waits before it remediates again after a success that left the group NON_COMPLIANT",
        "needs automatic mode and a verdict that stays wrong, which the stack avoids",
        "bound on executions of a group, docs/remediation.md",
    ),
    Check(
        "rate-percentage",
        "ConcurrentExecutionRatePercentage is a share of the non-compliant groups",
        "needs automatic mode and many open groups",
        "ConcurrentExecutionRatePercentage in cloudformation/portcullis.yaml",
    ),
    Check(
        "missing-key",
        "The check of s3:ListBucket for a missing key has the key as s3:prefix",
        "only the functions' roles have such a permission, and the policy simulator takes the prefix from its caller",
        "missingKeyHasPrefix; the functions list before they read",
    ),
    Check(
        "wildcard-source-arn",
        "PutConfigRule accepts a function's permission with a wildcard in SourceArn",
        "would change the permission of the deployed function",
        "the permission has SourceAccount only",
    ),
    Check(
        "managed-group",
        "A change of a group that AWS manages is UnauthorizedOperation",
        "would change a group of another owner",
        "such an error fails the closing, and says so",
    ),
    Check(
        "document-version",
        "UpdateMethod NewVersion makes the new version of a document the default",
        "an update of the deployed stack; the template does not use it",
        "documents without a name, which CloudFormation replaces",
    ),
    Check(
        "automatic-text",
        "CloudFormation takes the text `True` for Automatic",
        "an update of the deployed stack; the template has a boolean",
        "Fn::If with booleans",
    ),
    Check(
        "proactive-event",
        "A custom rule with a function is invoked in PROACTIVE mode",
        "the rule is detective; lists of types and prices are on AWS's pages",
        "DETECTIVE only",
    ),
    Check(
        "past-schedule",
        "CreateSchedule refuses a one-time schedule whose time is in the past",
        "needs a role that EventBridge Scheduler may assume, and a schedule that might run",
        "pastSchedules",
    ),
]
