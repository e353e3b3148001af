"""Starts a local cloud, and calls it: AWS through boto3, the control interface in JSON."""

import contextlib
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def binary() -> pathlib.Path:
    named = os.environ.get("LOCAL_CLOUD_BINARY")
    if named:
        return pathlib.Path(named)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    subprocess.run(["cargo", "build", "--quiet", "-p", "local-cloud"], cwd=REPOSITORY, check=True)
    return target / "debug" / "local-cloud"


def wait_for(what: str, condition, seconds: float = 30):
    """Returns the first true value of `condition`. Raises `TimeoutError` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Cloud:
    """A running local cloud."""

    def __init__(self, endpoints: dict, state_dir: pathlib.Path, process: subprocess.Popen):
        self.endpoints, self.state_dir, self.process = endpoints, state_dir, process
        self._clients: dict = {}

    def client(self, service: str, credentials: dict | None = None, **config):
        credentials = credentials or {
            "aws_access_key_id": self.endpoints["accessKeyId"],
            "aws_secret_access_key": self.endpoints["secretAccessKey"],
        }
        key = (service, credentials["aws_access_key_id"], tuple(sorted(config)))
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                endpoint_url=self.endpoints["endpoint"],
                region_name=self.endpoints["region"],
                config=Config(**config) if config else None,
                **credentials,
            )
        return self._clients[key]

    def environment(self) -> dict[str, str]:
        """Returns the environment in which the AWS CLI and other AWS clients call this cloud."""
        return os.environ | {
            "AWS_ENDPOINT_URL": self.endpoints["endpoint"],
            "AWS_ACCESS_KEY_ID": self.endpoints["accessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.endpoints["secretAccessKey"],
            "AWS_REGION": self.endpoints["region"],
            "AWS_DEFAULT_REGION": self.endpoints["region"],
            "AWS_PAGER": "",
        }

    def control(self, method: str, path: str, data=None):
        request = urllib.request.Request(
            self.endpoints["control"] + path,
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()}") from error

    def settle(self, seconds: float = 60):
        """Waits until nothing is pending anywhere."""
        wait_for("the local cloud to be idle", lambda: self.control("GET", "/idle")["idle"], seconds)

    def reset(self):
        """Restores the state after the start."""
        self.control("POST", "/reset", {})
        self.settle()

    def settings(self, **settings):
        return self.control("PUT", "/settings", settings)

    def fault(self, **fault):
        return self.control("POST", "/faults", fault)

    def advance(self, **time: float) -> None:
        """Moves the clock of the services ahead: `hours=2`, `days=1` … Functions and this process keep the time of the machine."""
        by = datetime.timedelta(**time)
        self.control("POST", "/clock", {"milliseconds": round(by.total_seconds() * 1000)})

    def now(self) -> datetime.datetime:
        """Returns the time of the services."""
        return datetime.datetime.fromisoformat(self.control("GET", "/clock")["now"])

    def event(self, source: str, detail_type: str, detail: dict, *resources: str):
        """Has an AWS service put an event on the default bus."""
        event = {"source": source, "detailType": detail_type, "detail": detail, "resources": list(resources)}
        return self.control("POST", "/event", event)

    def calls(self, since: int = 0, principal: str = "", action: str = "") -> list[dict]:
        return self.control("GET", f"/calls?since={since}&principal={principal}&action={action}")

    def mark(self) -> int:
        calls = self.calls()
        return calls[-1]["sequence"] if calls else 0

    def group(self, name: str, *permissions: dict, tags: dict | None = None) -> str:
        ec2 = self.client("ec2")
        group = ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
        if tags:
            ec2.create_tags(Resources=[group], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
        if permissions:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions))
        return group

    def compliance(self, rule: str) -> dict[str, str]:
        pages = self.client("config").get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=rule)
        return {
            r["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: r["ComplianceType"]
            for page in pages
            for r in page["EvaluationResults"]
        }

    def deploy(self, stack: str, template: str, capabilities=("CAPABILITY_IAM",), **parameters) -> dict[str, str]:
        cloudformation = self.client("cloudformation")
        exists = any(s["StackName"] == stack for s in cloudformation.describe_stacks()["Stacks"])
        call = cloudformation.update_stack if exists else cloudformation.create_stack
        call(
            StackName=stack,
            TemplateBody=template,
            Capabilities=list(capabilities),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )

        def finished():
            found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

        found = wait_for(f"the stack {stack}", finished)
        if found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            reasons = [
                f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}"
                for e in events
                if e["ResourceStatus"].endswith("_FAILED") and e.get("ResourceStatusReason")
            ]
            raise StackFailed(found["StackStatus"], reasons)
        return {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}


class StackFailed(AssertionError):
    """A stack that could not be created or updated."""

    def __init__(self, status: str, reasons: list[str]):
        super().__init__(f"{status}: {'; '.join(reasons)}")
        self.reasons = reasons


def start(state_dir: pathlib.Path, *arguments: str) -> Cloud:
    # Not to a pipe: no process would read it, and the local cloud would block once it is full.
    log = state_dir / "local-cloud.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [binary(), "up", "--python", sys.executable, "--port", "0", "--state-dir", state_dir, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    path = state_dir / "endpoints.json"

    def ready():
        if process.poll() is not None:
            raise RuntimeError(f"the local cloud ended: {log.read_text()}")
        return path.exists()

    try:
        wait_for("the local cloud to start", ready, 60)
    except BaseException:
        process.kill()
        raise
    return Cloud(json.loads(path.read_text()), state_dir, process)


def stop(cloud: Cloud) -> None:
    cloud.process.send_signal(signal.SIGTERM)
    cloud.process.wait(timeout=20)


@contextlib.contextmanager
def running(state_dir: pathlib.Path):
    """Runs a local cloud until the end of the block."""
    cloud = start(state_dir)
    try:
        yield cloud
    finally:
        stop(cloud)
