"""A fake organization of several accounts, with contents set by the test. The local cloud has one account only."""

import contextlib
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

from command_line import CommandLine

MANAGEMENT = "111111111111"
SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass
class Organization:
    """Contents of the organization, and the requests so far. The access key of a role is the id of its account."""

    # State by account. ListAccounts returns two accounts per page.
    accounts: dict[str, str] = field(default_factory=dict)
    regions: list[str] = field(default_factory=lambda: ["eu-central-1"])
    # Groups by account and region, each a name and the CIDR that may reach port 22.
    groups: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    # Accounts whose role cannot be assumed, and (account, region) pairs in which EC2 denies access.
    without_role: set[str] = field(default_factory=set)
    denied: set[tuple[str, str]] = field(default_factory=set)
    # AWS Config rules by account and region: InputParameters by name. Rules are not visible where they are None.
    rules: dict[tuple[str, str], dict[str, dict] | None] = field(default_factory=dict)
    # SSM parameters by account, region and name.
    parameters: dict[tuple[str, str, str], dict] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    assumed: set[str] = field(default_factory=set)

    def answer(self, account: str, region: str, service: str, action: str, given: dict) -> tuple[int, str]:
        self.calls.append((account, region, action))
        match action:
            case "ListAccounts":
                ids = sorted(self.accounts)
                at = int(given.get("NextToken", 0))
                page = {"Accounts": [{"Id": id, "State": self.accounts[id]} for id in ids[at : at + 2]]}
                return 200, json.dumps(page | ({"NextToken": str(at + 2)} if at + 2 < len(ids) else {}))
            case "GetCallerIdentity":
                arn = f"arn:aws:sts::{account}:assumed-role/Audit/jane" if account in self.assumed else f"arn:aws:iam::{account}:user/jane"
                return result(action, f"<Arn>{arn}</Arn><UserId>u</UserId><Account>{account}</Account>")
            case "AssumeRole":
                wanted = given["RoleArn"].split(":")[4]
                if wanted in self.without_role:
                    return sts_error(f"User: {account} is not authorized to perform: sts:AssumeRole on resource: {given['RoleArn']}")
                self.assumed.add(wanted)
                credentials = f"<AccessKeyId>{wanted}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
                credentials += "<SessionToken>token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
                return result(action, f"<Credentials>{credentials}</Credentials>")
            case "DescribeRegions":
                items = "".join(f"<item><regionName>{name}</regionName></item>" for name in self.regions)
                return ec2(action, f"<regionInfo>{items}</regionInfo>")
            case "DescribeConfigRules":
                return describe_rules(self.rules.get((account, region), {}), given.get("ConfigRuleNames"))
            case "GetParameter":
                document = self.parameters.get((account, region, given["Name"]))
                if document is None:
                    return json_error("ParameterNotFound", f"Parameter {given['Name']} not found.")
                return 200, json.dumps({"Parameter": {"Name": given["Name"], "Type": "String", "Value": json.dumps(document)}})
            case "DescribeSecurityGroups" if (account, region) in self.denied:
                return 403, ec2_error("UnauthorizedOperation", "You are not authorized to perform this operation.")
            case "DescribeSecurityGroups":
                found = self.groups.get((account, region), [])
                items = "".join(group(account, region, name, cidr) for name, cidr in found)
                return ec2(action, f"<securityGroupInfo>{items}</securityGroupInfo>")
            case "DescribeSecurityGroupRules":
                wanted = [value for key, value in given.items() if key.startswith("Filter.1.Value.")]
                found = [(g, cidr) for g, cidr in self.groups.get((account, region), []) if id_of(account, region, g) in wanted]
                items = "".join(rule(account, region, name, cidr) for name, cidr in found)
                return ec2(action, f"<securityGroupRuleSet>{items}</securityGroupRuleSet>")
        raise AssertionError(f"the test defines no answer of {service} to {action}")


def describe_rules(rules: dict[str, dict] | None, names: list[str] | None) -> tuple[int, str]:
    if rules is None:
        return json_error("AccessDeniedException", "You are not authorized to perform: config:DescribeConfigRules.")
    owner = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": "arn:aws:lambda:eu-central-1:111111111111:function:evaluator"}
    # Rules of AWS and of others, which are not meant.
    found = [
        {"ConfigRuleName": "managed", "Source": {"Owner": "AWS", "SourceIdentifier": "INCOMING_SSH_DISABLED"}},
        {"ConfigRuleName": "other", "Source": owner, "InputParameters": '{"maxAge": "90"}'},
    ]
    found += [{"ConfigRuleName": name, "Source": owner, "InputParameters": json.dumps(given)} for name, given in rules.items()]
    if names:
        found = [rule for rule in found if rule["ConfigRuleName"] in names]
        if not found:
            return json_error("NoSuchConfigRuleException", f"The ConfigRule '{names[0]}' provided in the request is invalid.")
    return 200, json.dumps({"ConfigRules": found})


def json_error(code: str, message: str) -> tuple[int, str]:
    return 400, json.dumps({"__type": code, "message": message})


def id_of(account: str, region: str, name: str) -> str:
    return "sg-" + f"{account}{region}{name}".encode().hex()[-17:]


def group(account: str, region: str, name: str, cidr: str) -> str:
    permission = "<item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups/>"
    permission += f"<ipRanges><item><cidrIp>{cidr}</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item>"
    return (
        f"<item><ownerId>{account}</ownerId><groupId>{id_of(account, region, name)}</groupId><groupName>{name}</groupName>"
        f"<groupDescription>d</groupDescription><vpcId>vpc-1</vpcId><ipPermissions>{permission}</ipPermissions></item>"
    )


def rule(account: str, region: str, name: str, cidr: str) -> str:
    group_id = id_of(account, region, name)
    return (
        f"<item><securityGroupRuleId>sgr-{group_id[3:]}</securityGroupRuleId><groupId>{group_id}</groupId>"
        "<isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort>"
        f"<cidrIpv4>{cidr}</cidrIpv4></item>"
    )


def ec2(action: str, body: str) -> tuple[int, str]:
    return 200, f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>{body}</{action}Response>'


def ec2_error(code: str, message: str) -> str:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"


def result(action: str, body: str) -> tuple[int, str]:
    namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
    return 200, f'<{action}Response xmlns="{namespace}"><{action}Result>{body}</{action}Result></{action}Response>'


def sts_error(message: str) -> tuple[int, str]:
    error = f"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
    return 403, f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{error}<RequestId>r</RequestId></ErrorResponse>'


@contextlib.contextmanager
def serve(organization: Organization):
    """The endpoint of all services."""

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            key, region, service = SCOPE.search(self.headers["authorization"]).groups()
            target = self.headers["x-amz-target"]
            given = json.loads(body) if target else dict(urllib.parse.parse_qsl(body))
            action = target.rpartition(".")[2] if target else given["Action"]
            status, text = organization.answer(key, region, service, action, given)
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1" if target else "text/xml")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def signed_in(portcullis: CommandLine, organization: Organization, region: str):
    """The command line with credentials of the management account in its environment."""
    with serve(organization) as endpoint:
        portcullis.environment |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": MANAGEMENT,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": region,
        }
        yield portcullis
