"""A role for the rule evaluator that exists before the stack: with the policy of docs/iam.md, and without a part of it."""

import json
import re

from local_cloud import REPOSITORY
from portcullis import PARAMETERS, RULE, open_to

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def documented_policy(region: str) -> dict:
    page = (REPOSITORY / "docs" / "iam.md").read_text(encoding="utf-8")
    block = re.search(r"### A role of your own\n.*?```json\n(.*?)```", page, re.DOTALL)[1]
    return json.loads(block.replace("STACK", "portcullis").replace("REGION", region).replace("ACCOUNT", ACCOUNT))


def test_the_documented_policy_is_enough_and_what_lacks_is_said(fresh):
    iam = fresh.cloud.client("iam")
    document = documented_policy(fresh.cloud.endpoints["region"])
    role = iam.create_role(RoleName="brought", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="brought", PolicyName="p", PolicyDocument=json.dumps(document))
    done = fresh.script_deploy(RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS), LambdaRoleArn=role)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LambdaRoleArn" not in done.stderr, "nothing is missing"
    fresh.deployed()

    # A change, an oversized item, and a schedule: every call of the evaluator.
    mark = fresh.cloud.mark()
    fresh.cloud.settings(oversizedThresholdBytes=500)
    group = fresh.cloud.group("brought", open_to("0.0.0.0/0"))
    fresh.cloud.settle()
    fresh.cloud.control("POST", "/schedule", {"ruleName": RULE})
    fresh.cloud.settle()
    assert fresh.result(group)[0] == "NON_COMPLIANT"
    calls = fresh.cloud.calls(since=mark, principal="brought")
    assert calls
    assert [call for call in calls if call["errorCode"]] == []
    assert fresh.log("RuleEvaluatorLogGroup")
    # A failed event goes to the queue with the role.
    with fresh.another_rule("broken", '{"FocusOnPorts":"ssh"}'):
        fresh.cloud.group("lost", open_to("0.0.0.0/0"))
        fresh.cloud.settle()
    queue = fresh.cloud.client("sqs").get_queue_attributes(QueueUrl=fresh.outputs["DeadLetterQueueUrl"], AttributeNames=["All"])
    assert int(queue["Attributes"]["ApproximateNumberOfMessages"]) >= 1

    # An update keeps the role, and the deployment says what it lacks by now.
    document["Statement"] = [one for one in document["Statement"] if one["Action"] != "ssm:GetParameter"]
    iam.put_role_policy(RoleName="brought", PolicyName="p", PolicyDocument=json.dumps(document))
    again = fresh.script_deploy(Timeout="70")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"LambdaRoleArn {role} lacks what the rule evaluator needs" in again.stderr
    assert "ssm:GetParameter on arn:aws:ssm:" in again.stderr
    assert "config:PutEvaluations" not in again.stderr
