"""The same security groups in every kind of input that `scan` reads."""

import json

ACCOUNT, REGION, VPC = "111122223333", "eu-central-1", "vpc-0a1b2c3d4e5f60718"

IDS = {
    "web": "sg-0aaaaaaaaaaaaaaaa",
    "office": "sg-0bbbbbbbbbbbbbbbb",
    "database": "sg-0cccccccccccccccc",
    "anything": "sg-0dddddddddddddddd",
}
# Name, then protocol, ports and CIDR of each rule.
RULES: dict[str, list[tuple[str, int, int, str]]] = {
    "web": [("tcp", 443, 443, "0.0.0.0/0"), ("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 22, 22, "::/0")],
    "office": [("tcp", 20, 25, "8.8.8.0/24")],
    "database": [("tcp", 3389, 3389, "10.0.0.0/8")],
    "anything": [("-1", -1, -1, "0.0.0.0/0")],
}
VERDICTS = {"web": "NON_COMPLIANT", "office": "COMPLIANT", "database": "COMPLIANT", "anything": "NON_COMPLIANT"}


def family(cidr: str) -> str:
    return "6" if ":" in cidr else "4"


def permission(protocol: str, low: int, high: int, cidr: str) -> dict:
    ranges = {"Ipv6Ranges": [{"CidrIpv6": cidr}]} if family(cidr) == "6" else {"IpRanges": [{"CidrIp": cidr}]}
    ports = {} if protocol == "-1" else {"FromPort": low, "ToPort": high}
    return {"IpProtocol": protocol, **ports, "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": [], **ranges}


def described(name: str) -> dict:
    """A group in the output of `aws ec2 describe-security-groups`."""
    return {
        "Description": name,
        "GroupName": name,
        "IpPermissions": [permission(*rule) for rule in RULES[name]],
        "OwnerId": ACCOUNT,
        "GroupId": IDS[name],
        "IpPermissionsEgress": [],
        "Tags": [{"Key": "Name", "Value": name}],
        "VpcId": VPC,
    }


def groups() -> dict:
    return {"SecurityGroups": [described(name) for name in RULES]}


def json_lines() -> str:
    return "".join(json.dumps(described(name)) + "\n" for name in RULES)


def group_rules() -> dict:
    """Output of `aws ec2 describe-security-group-rules`."""
    found = []
    for name, rules in RULES.items():
        for protocol, low, high, cidr in rules:
            source = {"CidrIpv6" if family(cidr) == "6" else "CidrIpv4": cidr}
            found.append(
                {
                    "SecurityGroupRuleId": f"sgr-{len(found) + 1:017x}",
                    "GroupId": IDS[name],
                    "GroupOwnerId": ACCOUNT,
                    "IsEgress": False,
                    "IpProtocol": protocol,
                    "FromPort": low,
                    "ToPort": high,
                    **source,
                }
            )
    return {"SecurityGroupRules": found}


def configuration(name: str) -> dict:
    """Configuration of a group as recorded by AWS Config."""
    permissions = []
    for protocol, low, high, cidr in RULES[name]:
        four, six = ([cidr], []) if family(cidr) == "4" else ([], [cidr])
        ports = {} if protocol == "-1" else {"fromPort": low, "toPort": high}
        permissions.append(
            {
                "ipProtocol": protocol,
                **ports,
                "ipv4Ranges": [{"cidrIp": c} for c in four],
                "ipv6Ranges": [{"cidrIpv6": c} for c in six],
                "ipRanges": four,
                "prefixListIds": [],
                "userIdGroupPairs": [],
            }
        )
    return {
        "groupId": IDS[name],
        "groupName": name,
        "description": name,
        "ownerId": ACCOUNT,
        "vpcId": VPC,
        "ipPermissions": permissions,
        "ipPermissionsEgress": [],
        "tags": [],
    }


def item(name: str) -> dict:
    return {
        "awsAccountId": ACCOUNT,
        "awsRegion": REGION,
        "configurationItemCaptureTime": "2026-03-01T10:15:30.123Z",
        "configurationItemStatus": "OK",
        "resourceType": "AWS::EC2::SecurityGroup",
        "resourceId": IDS[name],
        "configuration": configuration(name),
        "tags": {},
    }


def snapshot() -> dict:
    return {"fileVersion": "1.0", "configSnapshotId": "s", "configurationItems": [item(name) for name in RULES]}


def history() -> dict:
    """Output of `aws configservice get-resource-config-history`: numbers and nested JSON are strings."""
    items = [item(name) for name in RULES]
    return {"configurationItems": [one | {"configuration": json.dumps(one["configuration"])} for one in items]}


def selected() -> dict:
    return {"Results": [json.dumps({"accountId": ACCOUNT, **item(name)}) for name in RULES]}


def template() -> dict:
    def ingress(protocol, low, high, cidr):
        ports = {} if protocol == "-1" else {"FromPort": low, "ToPort": high}
        return {"IpProtocol": protocol, **ports, "CidrIpv6" if family(cidr) == "6" else "CidrIp": cidr}

    def resource(name):
        rules = [ingress(*rule) for rule in RULES[name]]
        properties = {"GroupDescription": name, "GroupName": name, "VpcId": VPC, "SecurityGroupIngress": rules}
        return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}

    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {name: resource(name) for name in RULES}}


def plan() -> dict:
    """Output of `terraform show -json`."""

    def ingress(protocol, low, high, cidr):
        four, six = ([cidr], []) if family(cidr) == "4" else ([], [cidr])
        low, high = (0, 0) if protocol == "-1" else (low, high)
        rule = {"cidr_blocks": four, "ipv6_cidr_blocks": six, "protocol": protocol, "from_port": low, "to_port": high}
        return rule | {"description": "", "prefix_list_ids": [], "security_groups": [], "self": False}

    resources, changes, configured = [], [], []
    for name, rules in RULES.items():
        values = {"name": name, "vpc_id": VPC, "tags": {}, "ingress": [ingress(*rule) for rule in rules]}
        named = {"address": f"aws_security_group.{name}", "mode": "managed", "type": "aws_security_group", "name": name}
        provider = "registry.terraform.io/hashicorp/aws"
        resources.append(named | {"provider_name": provider, "values": values})
        change = {"actions": ["create"], "before": None, "after": values, "after_unknown": {"id": True}}
        changes.append(named | {"provider_name": provider, "change": change})
        configured.append(named | {"provider_config_key": "aws", "expressions": {"ingress": {}}})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": configured}},
    }


def name_of(group_id: str) -> str:
    """Key in `RULES` for the id of a group in a report."""
    names = {identifier: name for name, identifier in IDS.items()}
    return names.get(group_id, group_id.removeprefix("aws_security_group."))
