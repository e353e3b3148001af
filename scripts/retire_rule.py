"""Deletes the AWS Config rule that a stack had before its parameter RuleName was changed, if CloudFormation could not.

usage: retire_rule.py AWS-CLI RULE

AWS Config deletes neither a remediation while it runs nor a rule that has one. CloudFormation then leaves both behind, out of
the stack, and the old rule goes on closing groups by its old parameters.
"""

import sys
import time
from collections.abc import Callable

from aws_command import Aws, Refused, fail

SECONDS_TO_END = 900
# Set by AWS Config, and no part of what it takes.
OF_AWS_CONFIG = {"Arn", "CreatedByService"}


def wait(what: str, refused: Callable[[], Refused | None]) -> None:
    """Tries until AWS Config no longer refuses, and says what is waited for."""
    deadline = time.monotonic() + SECONDS_TO_END
    reason, said = refused(), False
    while reason:
        if time.monotonic() > deadline:
            fail(f"{what} still runs after {SECONDS_TO_END // 60} minutes: {reason}. Run this again when it has ended")
        if not said:
            print(f"waiting for {what} to end")
            said = True
        time.sleep(2)
        reason = refused()


def attempt(aws: Aws, busy: str, *command: str, **options: object) -> Refused | None:
    """Why a deletion has to wait. What does not exist needs no deletion."""
    try:
        aws(*command, **options)
    except Refused as error:
        if error.is_a(busy):
            return error
        if not error.is_a("NoSuchConfigRuleException", "NoSuchRemediationConfigurationException"):
            raise
    return None


def end_remediation(aws: Aws, rule: str) -> None:
    """Deletes the remediation of a rule, after what runs has ended. Nothing new is started meanwhile."""
    described = aws("configservice", "describe-remediation-configurations", config_rule_names=[rule])
    for remediation in described["RemediationConfigurations"]:
        if remediation.get("Automatic"):
            manual = {key: value for key, value in remediation.items() if key not in OF_AWS_CONFIG} | {"Automatic": False}
            aws("configservice", "put-remediation-configurations", remediation_configurations=[manual])
        wait(
            f"the remediation of rule {rule}",
            lambda: attempt(
                aws, "RemediationInProgressException", "configservice", "delete-remediation-configuration", config_rule_name=rule
            ),
        )


def main() -> None:
    """Deletes the remediation and the rule."""
    program, rule = sys.argv[1:]
    aws = Aws(program)
    try:
        aws("configservice", "describe-config-rules", config_rule_names=[rule])
    except Refused as error:
        if error.is_a("NoSuchConfigRuleException"):
            return
        fail(f"whether the old rule {rule} still exists is not known: {error}")
    try:
        end_remediation(aws, rule)
        wait(
            f"the evaluation of rule {rule}",
            lambda: attempt(aws, "ResourceInUseException", "configservice", "delete-config-rule", config_rule_name=rule),
        )
    except Refused as error:
        fail(f"the old rule {rule} is left behind, with its remediation: delete both in AWS Config. {error}")
    print(f"deleted: the old rule {rule}, which CloudFormation left behind")


if __name__ == "__main__":
    main()
