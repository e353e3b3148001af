"""Functions in Python that log what they get."""

import io
import json
import zipfile

from botocore.exceptions import ClientError
from identities import document, statement

LOGS_EVENT = """
import json
def handler(event, context):
    print(json.dumps({"got": event}))
"""


def make_function(cloud, name: str, code: str = LOGS_EVENT, *statements: dict, **more) -> str:
    """Makes a function whose role has these permissions, and returns its ARN."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(statement("Allow", "logs:*", "*"), *statements))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("index.py", code)
    made = cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": archive.getvalue()}, **more
    )
    return made["FunctionArn"]


def logged(cloud, name: str, member: str = "got") -> list:
    """What a function logged, in order."""
    try:
        events = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except ClientError:
        return []
    return [json.loads(e["message"])[member] for e in events if e["message"].startswith(f'{{"{member}"')]
