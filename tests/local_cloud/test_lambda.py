"""Invocations: what Lambda refuses before a function runs, and what SSM Automation hands on."""

import io
import json
import urllib.error
import urllib.request
import zipfile

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from identities import code, policy

LARGEST = 6 * 1024 * 1024
ECHO = """
def handler(event, context):
    return "x" * event["answer"] if isinstance(event, dict) and "answer" in event else event
"""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def echo(fresh) -> str:
    """A function that returns its event, or as many letters as the event says."""
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = fresh.client("iam").create_role(RoleName="echo", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", ECHO)
    created = fresh.client("lambda").create_function(
        FunctionName="echo", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": archive.getvalue()}, Timeout=30
    )
    return created["FunctionArn"]


def invoke(fresh, body: bytes, **headers: str) -> tuple[int, str, bytes]:
    """Status, error and body of an invocation with exactly this payload; botocore may be stricter."""
    url = f"{fresh.endpoints['endpoint']}/2015-03-31/functions/echo/invocations"
    request = AWSRequest("POST", url, data=body, headers={"content-type": "application/json", **headers})
    credentials = Credentials(fresh.endpoints["accessKeyId"], fresh.endpoints["secretAccessKey"])
    SigV4Auth(credentials, "lambda", fresh.endpoints["region"]).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(request.headers), method="POST"), timeout=60) as reply:
            return reply.status, reply.headers.get("X-Amz-Function-Error", ""), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-amzn-ErrorType", ""), error.read()


@pytest.mark.parametrize("body", [b"dryRun=true", b"{", b"{'a': 1}", b'{"a": NaN}', b"\xff", b'{"a": 1} {}'])
@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_a_body_that_is_not_json_is_refused(fresh, echo, body, kind):
    status, error, _ = invoke(fresh, body, **{"x-amz-invocation-type": kind})
    assert (status, error) == (400, "InvalidRequestContentException")


@pytest.mark.parametrize("body", [b"{}", b"null", b'"text"', b"[1, 2]", b""])
def test_every_json_is_accepted(fresh, echo, body):
    assert invoke(fresh, body)[:2] == (200, "")


def test_payloads_have_a_largest_size(fresh, echo):
    client = fresh.client("lambda")
    largest = json.dumps({"a": "x" * (LARGEST - 9)}).encode()
    assert len(largest) == LARGEST
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=echo, Payload=largest + b" ")
    assert code(caught) == "RequestTooLargeException"
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=echo, InvocationType="Event", Payload=json.dumps("x" * (1 << 20)))
    assert code(caught) == "RequestTooLargeException"
    reply = client.invoke(FunctionName=echo, Payload=json.dumps({"answer": LARGEST + 200}))
    assert reply["FunctionError"] == "Unhandled"
    assert json.loads(reply["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize(("letters", "whole"), [(200 * 1024 - 2, True), (200 * 1024 - 1, False)])
def test_automation_hands_on_at_most_200_kb_of_an_answer(fresh, echo, role, run, letters, whole):
    fresh.client("iam").put_role_policy(RoleName="automation", PolicyName="invoke", PolicyDocument=policy(("lambda:InvokeFunction", echo)))
    fresh.settings(strictPayloadTypes=False)
    step = {"name": "Echo", "action": "aws:invokeLambdaFunction", "inputs": {"FunctionName": echo, "InputPayload": {"answer": letters}}}
    execution = run(step, outputs=["Echo.Payload"])
    [payload] = execution["Outputs"]["Echo.Payload"]
    assert len(payload) == 200 * 1024
    assert (payload == json.dumps("x" * letters)) == whole
