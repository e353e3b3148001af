"""The deployed stack, with helpers for tests."""

import contextlib
import json
import os
import pathlib
import platform
import subprocess
import zipfile

from botocore.exceptions import ClientError
from local_cloud import REPOSITORY, Cloud, running

BUCKET = "portcullis-code"
RULE = "portcullis"
GROUP_TYPE = "AWS::EC2::SecurityGroup"
PARAMETERS = {"FocusOnPorts": "22,3389", "ExemptionsParameter": "/portcullis/exemptions"}
NO_EXEMPTIONS = {"version": 1, "exemptions": []}
# Settings of the local cloud: delays of AWS are removed in tests.
QUICK = {"asyncRetryBaseSeconds": 0.05, "startEvaluationIntervalSeconds": 0, "remediationSnapshotSeconds": 0.1}
# Settings of a run, as JSON: switches between readings of AWS's documentation. scripts/acceptance_switches.py sets them.
SWITCHES = json.loads(os.environ.get("LOCAL_CLOUD_SETTINGS") or "{}")
MARKER = "documents: runs SSM documents, so that the switches of the local cloud concern it"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
ZIPS = REPOSITORY / "target" / "lambda" / ARCHITECTURE


def program(function: str, directory: pathlib.Path) -> pathlib.Path:
    """Unpacks the program of a function from its zip."""
    with zipfile.ZipFile(ZIPS / f"{function}.zip") as archive:
        unpacked = pathlib.Path(archive.extract("bootstrap", directory)).rename(directory / function)
    unpacked.chmod(0o755)
    return unpacked


def finished(process: subprocess.Popen) -> subprocess.CompletedProcess:
    """Waits for a process, and returns what it has printed."""
    with process:
        printed, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, printed, errors)


class Portcullis:
    """The deployed stack."""

    def __init__(self, cloud: Cloud, directory: pathlib.Path):
        self.cloud, self.directory = cloud, directory
        self.config, self.ec2, self.ssm = (cloud.client(service) for service in ("config", "ec2", "ssm"))
        self.outputs: dict[str, str] = {}

    def script_deploy(self, **parameters: str) -> subprocess.CompletedProcess:
        """Runs the command that `make deploy` runs."""
        return finished(self.start_deploy(**parameters))

    def script(self, name: str, *options: str) -> subprocess.CompletedProcess:
        """Runs a script of the repository as an operator does."""
        return finished(self.start(name, *options))

    def start_deploy(self, *options: str, **parameters: str) -> subprocess.Popen:
        """Starts the command that `make deploy` runs."""
        file = self.directory / "parameters.json"
        file.write_text(json.dumps({"Parameters": parameters}))
        return self.start("deploy", "--bucket", BUCKET, "--arch", ARCHITECTURE, *options, "--parameters", str(file))

    def start(self, name: str, *options: str) -> subprocess.Popen:
        """Starts a script of the repository as an operator does."""
        command = [f"scripts/{name}", "--region", self.cloud.endpoints["region"], *options]
        return subprocess.Popen(
            command, cwd=REPOSITORY, env=self.cloud.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def deploy(self, **parameters: str) -> None:
        done = self.script_deploy(**parameters)
        assert done.returncode == 0, done.stdout + done.stderr
        self.deployed()

    def deployed(self) -> None:
        """Reads the outputs again: a changed document gets another name."""
        stack = self.cloud.client("cloudformation").describe_stacks(StackName="portcullis")["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.cloud.settle()

    def update(self, **parameters: str) -> None:
        """Updates these parameters of the stack: quicker than the whole script."""
        cloudformation = self.cloud.client("cloudformation")
        stack = cloudformation.describe_stacks(StackName="portcullis")["Stacks"][0]
        now = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
        if all(now[key] == value for key, value in parameters.items()):
            return
        cloudformation.update_stack(
            StackName="portcullis",
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": parameters.get(key, value)} for key, value in now.items()],
        )
        cloudformation.get_waiter("stack_update_complete").wait(StackName="portcullis", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self.deployed()

    def exempt(self, document: dict | str) -> None:
        """Writes the exemptions, unless they are the same: each edit has the rule evaluated, after half a minute."""
        text = document if isinstance(document, str) else json.dumps(document)
        with contextlib.suppress(self.ssm.exceptions.ParameterNotFound):
            if self.ssm.get_parameter(Name=PARAMETERS["ExemptionsParameter"])["Parameter"]["Value"] == text:
                return
        self.ssm.put_parameter(Name=PARAMETERS["ExemptionsParameter"], Type="String", Value=text, Overwrite=True)

    @contextlib.contextmanager
    def undone(self):
        """Isolates one test: clears faults and exemptions before, and restores settings and groups after."""
        self.cloud.control("DELETE", "/faults")
        self.exempt(NO_EXEMPTIONS)
        before, groups = self.cloud.control("GET", "/settings"), self.groups()
        yield
        self.cloud.control("DELETE", "/faults")
        self.cloud.settings(**before)
        # Every evaluation of the whole region would include them.
        for group in self.groups() - groups:
            # A group that a network interface uses cannot be deleted.
            with contextlib.suppress(ClientError):
                self.ec2.delete_security_group(GroupId=group)
        self.cloud.settle()

    def groups(self) -> set[str]:
        """Ids of all security groups."""
        pages = self.ec2.get_paginator("describe_security_groups").paginate()
        return {group["GroupId"] for page in pages for group in page["SecurityGroups"]}

    def redeliver(self, group: str, variant: str) -> None:
        """Has AWS Config deliver the last notification about a group again, as a duplicate or late."""
        self.cloud.control("POST", "/redeliver", {"ruleName": RULE, "resourceId": group, "variant": variant})
        self.cloud.settle()

    @contextlib.contextmanager
    def another_rule(self, name: str, parameters: str):
        """A second rule on the same function, as an operator may create it in the console. No template validates its
        parameters, and a warm remediator has not read it yet."""
        rule = self.config.describe_config_rules(ConfigRuleNames=[RULE])["ConfigRules"][0]
        copy = {key: rule[key] for key in ("Scope", "Source")} | {"ConfigRuleName": name, "InputParameters": parameters}
        self.config.put_config_rule(ConfigRule=copy)
        try:
            self.cloud.settle()
            yield
        finally:
            self.config.delete_config_rule(ConfigRuleName=name)
            self.cloud.settle()

    def run(self, document: str, group: str, **parameters: str) -> dict:
        """Runs one of the stack's documents manually, and returns the whole execution."""
        given = {"SecurityGroupId": [group]} | {name: [value] for name, value in parameters.items()}
        started = self.ssm.start_automation_execution(DocumentName=self.outputs[f"{document}DocumentName"], Parameters=given)
        self.cloud.settle()
        return self.ssm.get_automation_execution(AutomationExecutionId=started["AutomationExecutionId"])["AutomationExecution"]

    def close(self, group: str, **parameters: str) -> dict:
        return self.run("Close", group, **parameters)

    def restore(self, group: str, **parameters: str) -> dict:
        return self.run("Restore", group, **parameters)

    def quarantine(self, group: str, **parameters: str) -> dict:
        return self.run("Quarantine", group, **parameters)

    def invoke(self, function: str, **request) -> dict:
        """Invokes the function that an output names directly, without its document, as an administrator may."""
        reply = self.cloud.client("lambda").invoke(FunctionName=self.outputs[function], Payload=json.dumps(request))
        return json.loads(reply["Payload"].read())

    def result(self, group: str, rule: str = RULE) -> tuple[str, str] | None:
        """Compliance and annotation of a group, or None if it has no result."""
        pages = self.config.get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=rule)
        for page in pages:
            for result in page["EvaluationResults"]:
                if result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] == group:
                    return result["ComplianceType"], result.get("Annotation", "")
        return None

    def remediate(self, group: str) -> dict:
        """Starts a manual remediation, waits for it, and returns its status."""
        key = {"resourceType": GROUP_TYPE, "resourceId": group}
        reply = self.config.start_remediation_execution(ConfigRuleName=RULE, ResourceKeys=[key])
        assert not reply.get("FailedItems"), reply
        self.cloud.settle()
        return self.remediation(group)

    def remediation(self, group: str) -> dict:
        key = {"resourceType": GROUP_TYPE, "resourceId": group}
        reply = self.config.describe_remediation_execution_status(ConfigRuleName=RULE, ResourceKeys=[key])
        return reply["RemediationExecutionStatuses"][0]

    def executions(self, group: str) -> list[dict]:
        """All automation executions for a group, oldest first."""
        pages = self.ssm.get_paginator("describe_automation_executions").paginate()
        ids = [run["AutomationExecutionId"] for page in pages for run in page["AutomationExecutionMetadataList"]]
        runs = [self.ssm.get_automation_execution(AutomationExecutionId=i)["AutomationExecution"] for i in ids]
        runs = [run for run in runs if run["Parameters"].get("SecurityGroupId") == [group]]
        return sorted(runs, key=lambda run: run["ExecutionStartTime"])

    def in_use(self, group: str) -> str:
        """Has a network interface use the group, as a quarantine needs. Returns its subnet."""
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
        self.cloud.settle()
        return subnet

    def resource(self, logical_id: str) -> str:
        """Physical id of a resource of the stack."""
        found = self.cloud.client("cloudformation").describe_stack_resources(StackName="portcullis", LogicalResourceId=logical_id)
        return found["StackResources"][0]["PhysicalResourceId"]

    def alarmed(self) -> dict[str, str]:
        """Takes the messages out of the queue that the alarm `ExecutionFailures` watches: executions, and their status."""
        sqs, url, found = self.cloud.client("sqs"), self.resource("FailedExecutionQueue"), {}
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                found[detail["ExecutionId"]] = detail["Status"]
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def sources(self, group: str, port: int = 22) -> set[str]:
        """Sources that may reach a port."""
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        return {
            source(rule)
            for rule in rules["SecurityGroupRules"]
            if not rule["IsEgress"] and (rule["IpProtocol"] == "-1" or rule["FromPort"] <= port <= rule["ToPort"])
        }

    def rules(self, group: str) -> set[tuple]:
        """Ingress rules of a group: protocol, first port, last port, source, description, tags."""
        found = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
        return {
            (
                rule["IpProtocol"],
                rule["FromPort"],
                rule["ToPort"],
                source(rule),
                rule.get("Description"),
                tuple(sorted((tag["Key"], tag["Value"]) for tag in rule.get("Tags", []))),
            )
            for rule in found
            if not rule["IsEgress"]
        }

    def calls(self, role: str, since: int, action: str = "") -> list[dict]:
        """AWS calls of a function, without those by which Lambda writes its log with the same role."""
        calls = self.cloud.calls(since=since, principal=role, action=action)
        return [call for call in calls if call["invokedBy"] is None]

    def log(self, output: str) -> list[dict]:
        """Structured lines in the log group named by a stack output."""
        pages = self.cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.outputs[output])
        lines = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextlib.contextmanager
def without_stack(directory: pathlib.Path):
    """A local cloud for one test or one session, in which the stack is not deployed yet."""
    with running(directory) as cloud:
        cloud.settings(**QUICK | SWITCHES)
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        stack = Portcullis(cloud, directory)
        stack.exempt(NO_EXEMPTIONS)
        yield stack


def source(rule: dict) -> str:
    return rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId") or rule["ReferencedGroupInfo"]["GroupId"]


def outcome(execution: dict) -> str:
    """Outcome that the document reports."""
    assert execution["AutomationExecutionStatus"] == "Success", execution.get("FailureMessage")
    return execution["Outputs"]["VerifyOutcome.Status"][0]


def evidence(execution: dict) -> dict:
    """Response of the function."""
    return json.loads(execution["Outputs"]["InvokeRemediator.Payload"][0])


def open_to(*sources: str, ports: tuple[int, int] = (22, 22), protocol: str = "tcp", description: str = "") -> dict:
    """An `IpPermission`."""
    about = {"Description": description} if description else {}
    return {
        "IpProtocol": protocol,
        "FromPort": ports[0],
        "ToPort": ports[1],
        "IpRanges": [{"CidrIp": source, **about} for source in sources if "." in source],
        "Ipv6Ranges": [{"CidrIpv6": source, **about} for source in sources if ":" in source],
        "PrefixListIds": [{"PrefixListId": source, **about} for source in sources if source.startswith("pl-")],
    }
