"""Users, roles and their policies."""

import json

ACCOUNT = "123456789012"


def statement(effect: str, action, resource, condition: dict | None = None, **more) -> dict:
    return {"Effect": effect, "Action": action, "Resource": resource, **({"Condition": condition} if condition else {}), **more}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def code(caught) -> str:
    return caught.value.response["Error"]["Code"]


def key_of_user(cloud, name: str, *statements: dict, path: str = "/") -> dict:
    """Credentials of a new user with these statements."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name, Path=path)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def session_of(cloud, role_arn: str) -> dict:
    """Credentials of a session of a role that trusts the account. The root cannot assume roles, so a user does."""
    name = role_arn.rsplit("/", 1)[-1]
    users = cloud.client("iam").list_users()["Users"]
    caller = key_of_user(cloud, f"{name}-user-{len(users)}", statement("Allow", "sts:AssumeRole", "*"))
    given = cloud.client("sts", caller).assume_role(RoleArn=role_arn, RoleSessionName="one")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def queue_for(cloud, name: str, service: str, source_arn: str, **attributes: str) -> tuple[str, str]:
    """URL and ARN of a new queue to which a service may send for a source."""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = f"arn:aws:sqs:{cloud.endpoints['region']}:{ACCOUNT}:{name}"
    condition = {"ArnEquals": {"aws:SourceArn": source_arn}}
    allowed = statement("Allow", "sqs:SendMessage", arn, condition, Principal={"Service": service})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allowed)})
    return url, arn


def policy(*statements: tuple[str, str]) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements],
        }
    )
