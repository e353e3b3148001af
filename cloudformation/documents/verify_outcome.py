"""Fails the step unless a function has completed its action on the security group.

AWS Config counts failed executions and nothing else, so an execution must not succeed while the group is still open.
Each document runs this script after its function, with these inputs:

action           close, restore, quarantine or release
securityGroupId  the group that the action was for
dryRun           true if the function was asked for a plan only
payload          the function's answer: JSON, or the object that SSM has made of it

Returns the outputs of the step.
"""

import json

# Entries of a list that a message names; it counts the others.
NAMED = 20


def verify_outcome(events, context):
    action = ACTIONS[events["action"]]
    group = events["securityGroupId"]
    planned = str(events["dryRun"]).lower() == "true"
    outcome, problem = parse(events["payload"], action["function"])
    problem = problem or find_problem(outcome, group, action, planned)
    if problem:
        for field, meaning in {**action["unfinished"], **action["skipped"]}.items():
            problem += list_entries(outcome, field, meaning, action["describe"])
        raise Exception(
            f"{group} is not verified as {action['done'].lower()}: {problem}; "
            f"the log of the {action['function']} has the cause: fix it, and run this document again"
        )
    result = {"status": outcome["status"], "message": outcome.get("message") or ""}
    result.update({f"{field}Count": len(entries(outcome, field)) for field in action["counts"]})
    result.update({field: outcome.get(field) or "" for field in action["texts"]})
    return result


def parse(payload, function):
    """The outcome in a payload, and the problem if it is none."""
    outcome = payload
    if isinstance(payload, str):
        try:
            outcome = json.loads(payload)
        except ValueError:
            outcome = None
    if isinstance(outcome, dict):
        return outcome, ""
    return {}, f"UNREADABLE: the {function} answered {str(payload)[:200]!r}"


def find_problem(outcome, group, action, planned):
    """Why the outcome is no success. Empty if it is one."""
    # The answer of a function that failed. Whether a failure also fails the step before this one is not documented.
    if "errorType" in outcome or "errorMessage" in outcome:
        return f"{outcome.get('errorType', 'error')}: {outcome.get('errorMessage', 'no message')}"
    status = outcome.get("status")
    if outcome.get("securityGroupId") != group:
        return f"{status}: the answer is about {outcome.get('securityGroupId')}"
    success = status in {"PLANNED" if planned else action["done"], *action["idle"]}
    complete = status == "PLANNED" or not any(entries(outcome, field) for field in action["unfinished"])
    return "" if success and complete else f"{status}: {outcome.get('message') or ''}"


def entries(outcome, field):
    """Entries of a list of the outcome, and of each of its network ACLs, with the place that they belong to."""
    network_acls = [(f"{acl.get('networkAclId')}: ", acl) for acl in outcome.get("networkAcls") or []]
    return [(place, entry) for place, holder in [("", outcome), *network_acls] for entry in holder.get(field) or []]


def list_entries(outcome, field, meaning, describe):
    """The entries of a list as a part of the message. Empty if there are none."""
    texts = [place + (describe(entry) if isinstance(entry, dict) else str(entry)) for place, entry in entries(outcome, field)]
    if not texts:
        return ""
    others = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"; {meaning}: {', '.join(texts[:NAMED])}{others}"


def describe_rule(rule):
    """A rule by its content: a rule that is to be restored has no id yet."""
    return with_reason(content(rule), rule)


def describe_rule_by_id(rule):
    """A rule by its id and content."""
    return with_reason(f"{rule.get('securityGroupRuleId') or 'a rule'} ({content(rule)})", rule)


def describe_acl_entry(entry):
    """The reason why an entry of a network ACL was skipped, which names the entry."""
    return str(entry.get("reason") or entry)


def content(rule):
    first, last = rule.get("fromPort"), rule.get("toPort")
    ports = "all ports" if first is None else str(first) if first == last else f"{first}-{last}"
    return f"{rule.get('protocol')} {ports} from {rule.get('source')}"


def with_reason(text, rule):
    return f"{text}: {rule['reason']}" if rule.get("reason") else text


QUARANTINE = {
    "function": "quarantine",
    "unfinished": {},
    "skipped": {"left": "left as it was"},
    "describe": describe_acl_entry,
    "counts": ["added", "removed"],
    "texts": [],
}
# By action: the function that answers; its status after a change, and those without one that are a success as well; the
# lists that have to be empty, and those that need not be, with their meaning in a message; the description of their
# entries; the lists whose length is an output, and the texts that are outputs themselves.
ACTIONS = {
    "close": {
        "function": "remediator",
        "done": "CLOSED",
        # A closing that is deferred is done by a later execution. A failed one would count as an attempt.
        "idle": ["NOTHING_TO_DO", "EXEMPT", "DEFERRED"],
        "unfinished": {"remaining": "still open", "notAuthorized": "not added"},
        "skipped": {},
        "describe": describe_rule_by_id,
        "counts": ["revoked", "authorized", "alreadyAbsent"],
        "texts": ["snapshot", "deferredUntil"],
    },
    "restore": {
        "function": "restorer",
        "done": "RESTORED",
        "idle": ["NOTHING_TO_DO"],
        "unfinished": {"remaining": "not restored"},
        "skipped": {},
        "describe": describe_rule,
        "counts": ["authorized", "revoked", "left"],
        "texts": ["exceptionUntil"],
    },
    "quarantine": {"done": "QUARANTINED", "idle": ["NOTHING_TO_DO", "EXEMPT"], **QUARANTINE},
    "release": {"done": "RELEASED", "idle": ["NOTHING_TO_DO"], **QUARANTINE},
}
