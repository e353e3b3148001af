"""Says which permissions an existing role for the rule evaluator lacks.

usage: check_role.py TEMPLATE ROLE-ARN STACK REGION KMS-KEY-ARN EVENT-BUS GRACE-DAYS AWS-CLI...

What the role needs is what EvaluatorRole of the template allows; the names of the log group and the queue begin with that of the
stack. IAM simulates the policies of the role. Prints a warning about what is missing, or that it could not be simulated. Both
succeed: a policy may be narrower than the template's, and name exactly one parameter with exemptions.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from aws_command import Aws, Refused


class Loader(yaml.SafeLoader):
    """Reads `!Ref x`, `!Sub x` and `!GetAtt x.Arn` as texts with the name in `${}`, and other intrinsic functions as lists."""


def reference(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    """Value of a short form."""
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return text if suffix == "Sub" else f"${{{text}}}"
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", reference)


# Conditions of EvaluatorRole.
CONDITIONS = {
    "HasKey": lambda values: values["KmsKeyArn"] != "",
    "HasEventBus": lambda values: values["EventBusName"] != "",
    "HasGrace": lambda values: values["GracePeriodDays"] not in ("", "0"),
}


def needed(template: dict[str, Any], values: dict[str, str]) -> list[tuple[list[str], str]]:
    """Actions and the resource of each statement of EvaluatorRole, without the statements whose condition does not hold."""
    (policy,) = template["Resources"]["EvaluatorRole"]["Properties"]["Policies"]
    found = []
    for entry in policy["PolicyDocument"]["Statement"]:
        # !If [condition, statement, !Ref AWS::NoValue]
        condition, statement = entry[:2] if isinstance(entry, list) else (None, entry)
        if condition and not CONDITIONS[condition](values):
            continue
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        # !Sub [text, variables]
        text = statement["Resource"][0] if isinstance(statement["Resource"], list) else statement["Resource"]
        resource = re.sub(r"\$\{([\w:.]+)\}", lambda match: values[match[1]], text)
        found.append((actions, resource))
    return found


def denied(role: str, actions: list[str], resource: str, aws: Aws) -> list[str]:
    """Actions that the policies of a role do not allow."""
    asked = {"policy_source_arn": role, "action_names": actions, "resource_arns": [resource]}
    results = aws("iam", "simulate-principal-policy", **asked)["EvaluationResults"]
    return [result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"]


def main() -> None:
    """Prints a warning if a permission is missing, or if that is not known."""
    template, role, stack, region, key, bus, grace_days, *aws = sys.argv[1:]
    _, partition, _, _, account, _ = role.split(":", 5)
    values = {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": account,
        "EvaluatorLogGroup.Arn": f"arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{stack}-rule-evaluator:*",
        "DeadLetterQueue.Arn": f"arn:{partition}:sqs:{region}:{account}:{stack}-DeadLetterQueue-0123456789ab",
        "StateTable.Arn": f"arn:{partition}:dynamodb:{region}:{account}:table/{stack}-StateTable-0123456789AB",
        "KmsKeyArn": key,
        "GracePeriodDays": grace_days,
        "EventBusName": bus,
        "Bus": bus.removeprefix("arn:") if bus.startswith("arn:") else f"{partition}:events:{region}:{account}:event-bus/{bus}",
    }
    missing = []
    for actions, resource in needed(yaml.load(Path(template).read_text(encoding="utf-8"), Loader), values):
        try:
            missing += [f"{action} on {resource}" for action in denied(role, actions, resource, Aws(*aws))]
        except Refused as error:
            print(
                f"warning: the permissions of {role} are not checked: {error.reason}. Allow iam:SimulatePrincipalPolicy on the role, or"
                " compare its policy with docs/iam.md",
                file=sys.stderr,
            )
            return
    if missing:
        print(f"warning: LambdaRoleArn {role} lacks what the rule evaluator needs (docs/iam.md): {', '.join(missing)}", file=sys.stderr)


if __name__ == "__main__":
    main()
