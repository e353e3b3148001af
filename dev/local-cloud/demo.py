"""The whole loop on this machine: build, deploy into the local cloud, find what is open, close it, give it back.

Run by `make demo`. Exits with a non-zero code if a result is not as expected, and cleans up, also on Ctrl-C. With KEEP=1
the local cloud keeps running.
"""

import collections
import contextlib
import difflib
import json
import os
import pathlib
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "local-cloud" / "python"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "channel-servers" / "python"))

import channel_servers
from local_cloud import REPOSITORY, Cloud, start, stop, wait_for

STACK = "portcullis"
RULE = "portcullis"
BUCKET = "portcullis-demo-code"
EXEMPT = "bastion-exempt"
REPORT = REPOSITORY / "target" / "demo" / "report.html"
# The table of a scan is as wide as a terminal, also in a log.
COLUMNS = os.environ.get("COLUMNS") or ("" if sys.stdout.isatty() else "100")
RULE_PARAMETERS = {
    "FocusOnPorts": "22, tcp/3389, udp/53, 8000-8100",
    "AuthorizedCidrs": "12.0.0.0/6",
    "ExemptionsParameter": "/portcullis/exemptions",
}
WORLD = "0.0.0.0/0"
ROUTING = "/portcullis/routing"
# Exit code of a scan that finds exposures.
EXPOSED = 3
# The programs that the demo starts. The example makes cargo add the features of the tests' dependencies: without it, the
# AWS SDK would be compiled once more, with other features than by `make test`. tests/repository/test_builds.py compares.
BUILD_PROGRAMS = [
    "cargo",
    "build",
    "--workspace",
    "--all-features",
    "--bin",
    "portcullis",
    "--bin",
    "local-cloud",
    "--bin",
    "channel-servers",
    "--example",
    "report",
]

BOLD, DIM, RED, GREEN, RESET = (
    ("\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("",) * 5
)


class UnexpectedError(Exception):
    """A result is not as expected."""


def headline(text: str) -> None:
    print(f"\n{BOLD}== {text}{RESET}", flush=True)


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise UnexpectedError(what)


def permission(protocol: str, ports: tuple[int, int] | None, *sources: str) -> dict:
    made = {"IpProtocol": protocol}
    if ports:
        made |= {"FromPort": ports[0], "ToPort": ports[1]}
    made["IpRanges"] = [{"CidrIp": s} for s in sources if "." in s]
    made["Ipv6Ranges"] = [{"CidrIpv6": s} for s in sources if ":" in s]
    made["PrefixListIds"] = [{"PrefixListId": s} for s in sources if s.startswith("pl-")]
    made["UserIdGroupPairs"] = [{"GroupId": s} for s in sources if s.startswith("sg-")]
    return made


def groups(prefix_list: str, other_group: str) -> dict[str, tuple[str, list[dict]]]:
    """Returns expected compliance and rules by group name: examples of exposures, and of rules that are none."""
    ssh = (22, 22)
    return {
        "ssh-world": ("NON_COMPLIANT", [permission("tcp", ssh, WORLD)]),
        "ssh-world-ipv6": ("NON_COMPLIANT", [permission("tcp", ssh, "::/0")]),
        "ssh-two-halves": ("NON_COMPLIANT", [permission("tcp", ssh, "0.0.0.0/1", "128.0.0.0/1")]),
        "ssh-prefix-list": ("NON_COMPLIANT", [permission("tcp", ssh, prefix_list)]),
        "wide-range": ("NON_COMPLIANT", [permission("tcp", (0, 65535), WORLD)]),
        "within-range": ("NON_COMPLIANT", [permission("tcp", (3000, 4000), WORLD, "::/0")]),
        "udp-dns": ("NON_COMPLIANT", [permission("udp", (53, 53), WORLD)]),
        "all-traffic": ("NON_COMPLIANT", [permission("-1", None, WORLD)]),
        "web-and-ssh": (
            "NON_COMPLIANT",
            [
                permission("tcp", ssh, WORLD, "198.41.0.4/32", "10.0.0.0/8"),
                permission("tcp", (443, 443), WORLD, "::/0"),
                permission("tcp", (8080, 8080), "::/0", other_group),
            ],
        ),
        EXEMPT: ("COMPLIANT", [permission("tcp", ssh, WORLD)]),
        "ssh-authorised": ("COMPLIANT", [permission("tcp", ssh, "12.0.0.0/6")]),
        "ssh-one-office": ("COMPLIANT", [permission("tcp", ssh, "198.41.0.0/24")]),
        "ssh-private": ("COMPLIANT", [permission("tcp", ssh, "10.0.0.0/8", "fd00::/8", other_group)]),
        "not-ports": ("COMPLIANT", [permission("icmp", (8, 0), WORLD), permission("47", (-1, -1), WORLD)]),
        "other-ports": ("COMPLIANT", [permission("tcp", (443, 443), WORLD), permission("udp", (3389, 3389), WORLD)]),
    }


class Demo:
    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.ids: dict[str, str] = {}
        self.expected: dict[str, str] = {}

    def deploy(self, mode: str, strategy: str = "Revoke", routing: str = "", trigger: str = "") -> None:
        """Deploys the stack with the command that `make deploy` runs for AWS; with a routing document that of the findings, too, and
        with a mode of the trigger CloudTrail that of the responder."""
        parameters = {
            "RuleName": RULE,
            "SourceInputParameters": json.dumps(RULE_PARAMETERS),
            "RemediationMode": mode,
            "RemediationStrategy": strategy,
        }
        if routing:
            parameters["RoutingDocument"] = routing
        if trigger:
            parameters |= {"CloudTrailMode": trigger, "SettleSeconds": "0"}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"Parameters": parameters}, file)
            file.flush()
            command = ["scripts/deploy", "--bucket", BUCKET, "--region", self.cloud.endpoints["region"]]
            command += ["--stack", STACK, "--arch", architecture(), "--parameters", file.name]
            options, said = "", f"RemediationMode={mode}, RemediationStrategy={strategy}"
            if routing:
                command, options, said = [*command, "--findings"], " FINDINGS=yes", f"RoutingDocument={routing}"
            if trigger:
                command, options, said = [*command, "--responder"], " RESPONDER=yes", f"CloudTrailMode={trigger}, SettleSeconds=0"
            print(f"  {DIM}$ make deploy BUCKET={BUCKET}{options}: {said}{RESET}", flush=True)
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=self.cloud.environment(),
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        expect(done.returncode == 0, f"the deployment failed:\n{done.stdout}")

    def create_groups(self) -> None:
        ec2 = self.cloud.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        exemption = {"vpcId": vpc, "groupName": EXEMPT, "expires": "2099-12-31", "reason": "bastion, TICKET-7"}
        document = {"version": 1, "exemptions": [exemption]}
        ssm = self.cloud.client("ssm")
        ssm.put_parameter(Name=RULE_PARAMETERS["ExemptionsParameter"], Type="String", Value=json.dumps(document))
        prefix_list = ec2.create_managed_prefix_list(
            PrefixListName="anywhere", AddressFamily="IPv4", MaxEntries=2, Entries=[{"Cidr": WORLD}, {"Cidr": "10.0.0.0/8"}]
        )["PrefixList"]["PrefixListId"]
        other = self.cloud.group("no-rules")
        self.ids["no-rules"], self.expected["no-rules"] = other, "COMPLIANT"
        for name, (compliance, permissions) in groups(prefix_list, other).items():
            self.ids[name] = self.cloud.group(name, *permissions)
            self.expected[name] = compliance
        print(f"  {len(self.ids)} security groups beside the default one: some are open, and some only look like it")

    def compliance(self) -> dict[str, tuple[str, str]]:
        """Returns compliance and annotation by group id."""
        pages = self.cloud.client("config").get_paginator("get_compliance_details_by_config_rule")
        results = [r for page in pages.paginate(ConfigRuleName=RULE) for r in page["EvaluationResults"]]
        return {
            r["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: (r["ComplianceType"], r.get("Annotation", ""))
            for r in results
        }

    def check_compliance(self) -> str:
        """Compares the verdicts of AWS Config with the expected ones, and counts all of them."""
        found = self.compliance()
        for name, group in self.ids.items():
            compliance, _ = found.get(group, ("not evaluated", ""))
            expect(compliance == self.expected[name], f"{name} ({group}) is {compliance}, not {self.expected[name]}")
        counts = collections.Counter(compliance for compliance, _ in found.values())
        return ", ".join(f"{count} {compliance}" for compliance, count in sorted(counts.items()))

    def aws(self, *command: str) -> None:
        """Runs the AWS CLI, and waits until everything that it has started is done."""
        *most, option, value = command
        print(f"  {DIM}$ aws {' '.join(most)} \\\n      {option} {value}{RESET}", flush=True)
        subprocess.run([REPOSITORY / ".tools/venv/bin/aws", *command], env=self.cloud.environment(), check=True, stdout=subprocess.DEVNULL)
        self.cloud.settle()

    def portcullis(self, *arguments: str, code: int) -> str:
        """Runs the command line. Without options it finds the deployed rule, and its policy, by itself."""
        print(f"  {DIM}$ portcullis {shlex.join(arguments)}{RESET}", flush=True)
        environment = self.cloud.environment() | ({"COLUMNS": COLUMNS} if COLUMNS else {})
        binary = os.environ.get("PORTCULLIS_BINARY") or program("portcullis")
        # Straight to the terminal, where there is one, with its colours.
        piped = None if sys.stdout.isatty() else subprocess.PIPE
        done = subprocess.run([binary, *arguments], cwd=REPOSITORY, env=environment, check=False, text=True, stdout=piped, stderr=piped)
        output = f"{done.stderr or ''}{done.stdout or ''}"
        print(output, end="", flush=True)
        expect(done.returncode == code, f"portcullis {arguments[0]} ended with {done.returncode}, not {code}")
        return output

    def rules(self, group: str) -> list[str]:
        pages = self.cloud.client("ec2").get_paginator("describe_security_group_rules")
        lines = []
        for page in pages.paginate(Filters=[{"Name": "group-id", "Values": [group]}]):
            for rule in page["SecurityGroupRules"]:
                if rule["IsEgress"]:
                    continue
                source = next(
                    rule[key] if key != "ReferencedGroupInfo" else rule[key]["GroupId"]
                    for key in ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo")
                    if rule.get(key)
                )
                first, last = rule.get("FromPort"), rule.get("ToPort")
                ports = "all" if rule["IpProtocol"] == "-1" else f"{first}" if first == last else f"{first}-{last}"
                lines.append(f"{rule['IpProtocol']} {ports:6} from {source}")
        return sorted(lines)

    def remediate_by_hand(self, name: str) -> None:
        group = self.ids[name]
        print(f"  {name} ({group}): only the rules that are open go, and all others stay")
        before = self.rules(group)
        command = ["configservice", "start-remediation-execution", "--config-rule-name", RULE]
        self.aws(*command, "--resource-keys", f"resourceType=AWS::EC2::SecurityGroup,resourceId={group}")
        self.show_change(before, self.rules(group))
        expected = [line for line in before if line != f"tcp 22     from {WORLD}" and "8080" not in line]
        expected += [line for line in before if "8080" in line and "from sg-" in line]
        expect(self.rules(group) == sorted(expected), f"{name}: a rule that is not exposed has changed")
        self.expected[name] = "COMPLIANT"
        expect(self.compliance()[group][0] == "COMPLIANT", f"{name} was not evaluated again")

    def remediate_automatically(self) -> None:
        self.deploy("True")
        open_groups = {name for name, compliance in self.expected.items() if compliance == "NON_COMPLIANT"}
        print(f"  waiting for AWS Config to close {len(open_groups)} security groups", flush=True)

        def all_closed() -> bool:
            found = self.compliance()
            return all(found[self.ids[name]][0] == "COMPLIANT" for name in open_groups)

        wait_for("every security group to be closed", all_closed, 60)
        self.cloud.settle()
        self.expected = dict.fromkeys(self.expected, "COMPLIANT")
        closed = textwrap.wrap(f"closed: {', '.join(sorted(open_groups))}", 98, break_on_hyphens=False)
        print(textwrap.indent("\n".join(closed), "  "))

    def show_change(self, before: list[str], after: list[str]) -> None:
        for line in difflib.ndiff(before, after):
            if line.startswith(("-", "+", " ")):
                colour = RED if line.startswith("-") else GREEN if line.startswith("+") else ""
                print(f"  {colour}{line.rstrip()}{RESET}")

    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        outputs = self.cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def run_document(self, output: str, group: str) -> None:
        document = self.outputs()[output]
        self.aws("ssm", "start-automation-execution", "--document-name", document, "--parameters", f"SecurityGroupId={group}")

    def carve_and_restore(self) -> None:
        """Closes one port of a range, keeps the others, and restores the group."""
        self.deploy("False", "Carve")
        permission = {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 25, "IpRanges": [{"CidrIp": WORLD, "Description": "mail and more"}]}
        group = self.cloud.group("mail", permission)
        self.cloud.settle()
        print(f"  mail ({group}): only port 22 of its range is closed, and the restore opens it again")
        before = self.rules(group)
        self.run_document("CloseDocumentName", group)
        carved = self.rules(group)
        self.show_change(before, carved)
        expect(carved == [f"tcp 20-21  from {WORLD}", f"tcp 23-25  from {WORLD}"], f"carved into {carved}")
        self.run_document("RestoreDocumentName", group)
        self.show_change(carved, self.rules(group))
        expect(self.rules(group) == before, "the restored rules differ from those before the closing")

    def tell_people(self) -> None:
        """Tells Slack and Jira of a group that is open, and of its end."""
        with channel_servers.running() as servers:
            ssm = self.cloud.client("ssm")
            for name in ("slack", "jira"):
                ssm.put_parameter(Name=f"/portcullis/channels/{name}", Type="SecureString", Value=servers.secrets[name])
            ssm.put_parameter(Name=ROUTING, Type="String", Value=json.dumps(servers.routing()))
            self.deploy("False", routing=f"ssm:{ROUTING}")
            self.cloud.settle()
            print("  Slack and Jira are played by servers on this machine. Somebody opens a group for a moment:")
            group = self.cloud.group("bastion-2", permission("tcp", (22, 22), WORLD), tags={"owner": "ana@example.com"})
            wait_for("Slack and Jira to be told", lambda: servers.messages("#security") and servers.tickets(), 60)
            print(textwrap.indent(servers.rendered(), "  "))
            command = ["configservice", "start-remediation-execution", "--config-rule-name", RULE]
            self.aws(*command, "--resource-keys", f"resourceType=AWS::EC2::SecurityGroup,resourceId={group}")

            def is_over() -> bool:
                return servers.tickets()[0]["isClosed"] and "closed" in servers.messages("#security")[0]["text"]

            wait_for("the ticket to be closed", is_over, 60)
            print(textwrap.indent(servers.rendered(), "  "))
            expect(len(servers.tickets()) == 1, "there is a second ticket")
            expect(not servers.violations(), f"the services were sent what they do not take: {servers.violations()}")

    def close_in_seconds(self) -> None:
        """Has a call that CloudTrail records answered, without AWS Config."""
        self.deploy("False", trigger="Close")
        self.cloud.settle()
        print("  Somebody opens a port. Nobody presses a button, and automatic mode is off:")
        group = self.cloud.group("bastion-3")
        opened = time.monotonic()
        self.cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("tcp", (22, 22), WORLD)])
        print(f"  {RED}+{RESET} bastion-3 ({group}): tcp 22 {WORLD}", flush=True)
        wait_for("the port to be closed", lambda: not self.rules(group), 60)
        print(f"  {GREEN}closed{RESET} {time.monotonic() - opened:.1f} s after the call")

    def show_exemption(self) -> None:
        group = self.ids[EXEMPT]
        compliance, annotation = self.compliance()[group]
        print(f"  {EXEMPT} ({group}) was not closed. AWS Config has it as {compliance}:")
        print(f"  {annotation}")
        expect(compliance == "COMPLIANT" and "TICKET-7" in annotation, f"the exemption of {EXEMPT} is not named")
        expect(any(line.endswith(WORLD) for line in self.rules(group)), f"{EXEMPT} has been closed")

    def write_report(self) -> None:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        # The restored group is open again.
        self.portcullis("scan", "--quiet", "--format", "html", "--output", str(REPORT.relative_to(REPOSITORY)), code=EXPOSED)
        print(f"  to open in a browser, with one finding, the restored group mail: {REPORT}")
        expect("</html>" in REPORT.read_text(), "the report is not complete")

    def show_evidence(self) -> None:
        documents = self.cloud.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
        failed = [run for run in documents if run["AutomationExecutionStatus"] != "Success"]
        bucket = self.outputs()["SnapshotBucketName"]
        snapshots = self.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="security-groups/")["Contents"]
        print(f"  {len(documents)} executions of SSM Automation, {len(failed)} failed; {len(snapshots)} snapshots in {bucket}")
        expect(not failed, f"automation executions failed: {failed}")

    def run(self) -> None:
        started = time.monotonic()
        headline("Deploy the stack with the command for AWS")
        print(f"  The policy: {RULE_PARAMETERS['FocusOnPorts']} must not be open to the world.")
        print(f"  Not the world: sources up to a /8, and {RULE_PARAMETERS['AuthorizedCidrs']}, which is authorised.")
        self.cloud.client("s3").create_bucket(Bucket=BUCKET)
        self.create_groups()
        self.deploy("False")
        self.cloud.settle()
        headline("What is open, and why")
        self.portcullis("scan", code=EXPOSED)
        print(f"  AWS Config has the same verdicts: {self.check_compliance()}")
        headline("Press Remediate in AWS Config for one group")
        self.remediate_by_hand("web-and-ssh")
        headline("Automatic mode")
        self.remediate_automatically()
        print(f"  AWS Config now: {self.check_compliance()}")
        headline("An exemption")
        self.show_exemption()
        headline("People are told: one message and one ticket, from the open port to the closed ticket")
        self.tell_people()
        headline("Close within seconds: the call that opens a port is answered itself")
        self.close_in_seconds()
        headline("Close one port of a range, then restore the group from its snapshot")
        self.carve_and_restore()
        headline("Evidence")
        self.show_evidence()
        self.write_report()
        print(f"{GREEN}All results are as expected{RESET}, {time.monotonic() - started:.0f} s after the build.")

    def where_to_look(self) -> None:
        outputs = self.outputs()
        ends = self.cloud.endpoints
        print(
            f"""
The local cloud is still running. In another terminal:

  export AWS_ENDPOINT_URL={ends["endpoint"]} AWS_DEFAULT_REGION={ends["region"]}
  export AWS_ACCESS_KEY_ID={ends["accessKeyId"]} AWS_SECRET_ACCESS_KEY={ends["secretAccessKey"]}
  alias aws={REPOSITORY}/.tools/venv/bin/aws

  aws configservice get-compliance-details-by-config-rule --config-rule-name {RULE} --output table
  aws ssm describe-automation-executions --output table
  aws logs filter-log-events --log-group-name {outputs["RemediatorLogGroup"]} --query events[].message

Press Ctrl-C to stop it."""
        )


def architecture() -> str:
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def program(name: str) -> pathlib.Path:
    """A program of the workspace, as the demo builds it."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug" / name


def build() -> None:
    headline("Build the functions, the command line and the local cloud")
    print("  the first build takes many minutes: the AWS SDK is large", flush=True)
    subprocess.run(["scripts/package"], cwd=REPOSITORY, check=True)
    subprocess.run([*BUILD_PROGRAMS, "--locked"], cwd=REPOSITORY, check=True)
    os.environ.setdefault("LOCAL_CLOUD_BINARY", str(program("local-cloud")))
    os.environ.setdefault("CHANNEL_SERVERS_BINARY", str(program("channel-servers")))


def interrupt(_signal, _frame) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, interrupt)
    keep = os.environ.get("KEEP", "") not in ("", "0")
    try:
        build()
        headline("Start the local cloud")
        with tempfile.TemporaryDirectory(prefix="portcullis-demo-") as directory:
            cloud = start(pathlib.Path(directory))
            try:
                print(f"  It stands for AWS in all that follows, IAM included: {cloud.endpoints['endpoint']}")
                demo = Demo(cloud)
                demo.run()
                if keep:
                    demo.where_to_look()
                    with contextlib.suppress(KeyboardInterrupt):
                        cloud.process.wait()
                else:
                    print("To keep the local cloud running and explore it: KEEP=1 make demo. Next: README.md and docs/.")
            finally:
                stop(cloud)
        return 0
    except KeyboardInterrupt:
        print("\ninterrupted; the local cloud was stopped", file=sys.stderr)
        return 130
    except (UnexpectedError, subprocess.CalledProcessError, AssertionError, RuntimeError, TimeoutError) as error:
        print(f"\n{RED}The demo failed:{RESET} {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
