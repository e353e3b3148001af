"""Functions that are killed between two calls, in every runtime."""

import io
import json
import re
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

HANDLER = """
import os, boto3
s3 = boto3.client("s3")
def handler(event, context):
    for name in event["names"]:
        s3.put_object(Bucket="things", Key=name, Body=b"x")
    return {"pid": os.getpid()}
"""
# A bootstrap that calls the Runtime API directly.
BOOTSTRAP = """
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as reply:
        request, event = reply.headers["Lambda-Runtime-Aws-Request-Id"], json.load(reply)
    answer = json.dumps(handler(event, None)).encode()
    urllib.request.urlopen(urllib.request.Request(api + request + "/response", data=answer)).read()
"""
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::things/*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(params=["python3.11", "provided.al2023"])
def invoke(fresh, request):
    """Invokes a function that writes one object after the other, and returns its answer and its error."""
    fresh.client("s3").create_bucket(Bucket="things")
    iam, functions = fresh.client("iam"), fresh.client("lambda")
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="writer", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        if request.param == "python3.11":
            archive.writestr("index.py", HANDLER)
        else:
            bootstrap = zipfile.ZipInfo("bootstrap")
            bootstrap.external_attr = 0o755 << 16
            archive.writestr(bootstrap, f"#!{sys.executable}\n{HANDLER}{BOOTSTRAP}")
    functions.create_function(
        FunctionName="writer", Runtime=request.param, Handler="index.handler", Role=role, Timeout=30, Code={"ZipFile": code.getvalue()}
    )

    def call(*names: str, kind: str = "RequestResponse"):
        reply = functions.invoke(FunctionName="writer", InvocationType=kind, Payload=json.dumps({"names": names}))
        return json.loads(reply["Payload"].read() or b"null"), reply.get("FunctionError")

    return call


def keys(cloud) -> list[str]:
    return [o["Key"] for o in cloud.client("s3").list_objects_v2(Bucket="things").get("Contents", [])]


@pytest.mark.parametrize(("when", "written"), [("before", ["a"]), ("after", ["a", "b"])])
def test_a_function_is_killed_around_a_call_and_the_next_one_is_new(fresh, invoke, when, written):
    first, error = invoke()
    assert error is None
    fresh.fault(service="s3", action="PutObject", principal="assumed-role/writer/", kind="kill", when=when, skip=1)
    fresh.client("s3").put_object(Bucket="things", Key="a", Body=b"not the function's call")
    answer, error = invoke("a", "b", "c")
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(r"RequestId: [0-9a-f-]{36} Error: Runtime exited with error: signal: killed", answer["errorMessage"])
    assert keys(fresh) == written
    [fault] = fresh.control("GET", "/faults")
    assert (fault["injected"], fault["when"]) == (1, when)
    again, error = invoke("d")
    assert error is None
    assert again["pid"] != first["pid"]
    assert keys(fresh) == [*written, "d"]


def test_only_the_process_that_called_is_killed(fresh, invoke):
    fresh.fault(service="s3", action="PutObject", principal="assumed-role/writer/", kind="delay", seconds=1, times=3)
    fresh.fault(service="s3", action="PutObject", principal="assumed-role/writer/", kind="kill")
    with ThreadPoolExecutor(2) as pool:
        ended = sorted(error or "" for _answer, error in pool.map(lambda names: invoke(*names), [("a", "b"), ("c", "d")]))
    assert ended == ["", "Unhandled"]


def test_an_asynchronous_invocation_that_was_killed_is_repeated(fresh, invoke):
    fresh.settings(asyncRetryBaseSeconds=0.05)
    fresh.fault(service="s3", action="PutObject", principal="assumed-role/writer/", kind="kill", times=2)
    mark = fresh.mark()
    invoke("a", kind="Event")
    fresh.settle()
    assert len(fresh.calls(since=mark, action="s3:PutObject")) == 3
    assert keys(fresh) == ["a"]


def test_a_caller_that_is_not_a_function_loses_its_connection(fresh):
    s3 = fresh.client("s3", retries={"total_max_attempts": 1})
    s3.create_bucket(Bucket="things")
    for when, written in (("before", []), ("after", ["a"])):
        fresh.fault(service="s3", action="PutObject", kind="kill", when=when)
        with pytest.raises((HTTPClientError, EndpointConnectionError, ClientError)):
            s3.put_object(Bucket="things", Key="a", Body=b"x")
        assert keys(fresh) == written


def test_when_belongs_to_kill(fresh):
    with pytest.raises(AssertionError, match="'before' or 'after'"):
        fresh.fault(service="s3", kind="kill", when="during")
    with pytest.raises(AssertionError, match="'before' or 'after'"):
        fresh.fault(service="s3", kind="drop", when="before")
