"""EC2 for closing, restore and quarantine: rules with all their properties, and network ACLs."""

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT, code, statement
from test_smoke import SSH

OTHER = "999999999999"


def ranges(*cidrs: str) -> list[dict]:
    return [{"CidrIp": c} for c in cidrs]


def tcp(port: int, *cidrs: str, **more) -> dict:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges(*cidrs), **more}


def rules(cloud, group: str) -> list[dict]:
    pages = cloud.client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=[{"Name": "group-id", "Values": [group]}])
    return [r for page in pages for r in page["SecurityGroupRules"] if not r["IsEgress"]]


def specification(**tags: str) -> list[dict]:
    return [{"ResourceType": "security-group-rule", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]


@pytest.fixture
def vpc(fresh) -> str:
    return fresh.client("ec2").create_vpc(CidrBlock="10.1.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]


@pytest.fixture
def acl(fresh, vpc) -> str:
    ec2 = fresh.client("ec2")
    return ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"][0]["NetworkAclId"]


def test_an_authorized_rule_comes_back_with_everything(fresh):
    ec2, group, source = fresh.client("ec2"), fresh.group("rules"), fresh.group("source")
    prefixes = ec2.create_managed_prefix_list(PrefixListName="p", AddressFamily="IPv4", MaxEntries=3)["PrefixList"]["PrefixListId"]
    reply = ec2.authorize_security_group_ingress(
        GroupId=group,
        TagSpecifications=specification(made="by hand", why="test"),
        IpPermissions=[
            {
                "IpProtocol": "6",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "100.68.0.18/18", "Description": "four"}],
                "Ipv6Ranges": [{"CidrIpv6": "2001:DB8:0::1/32", "Description": "six"}],
            },
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": source, "Description": "group"}]},
            {"IpProtocol": "58", "PrefixListIds": [{"PrefixListId": prefixes, "Description": "list"}]},
        ],
    )
    found = {r["Description"]: r for r in rules(fresh, group)}
    assert {r["SecurityGroupRuleId"] for r in reply["SecurityGroupRules"]} == {r["SecurityGroupRuleId"] for r in found.values()}
    assert found["four"]["CidrIpv4"] == "100.68.0.0/18"
    assert found["six"]["CidrIpv6"] == "2001:db8::/32"
    assert found["group"]["ReferencedGroupInfo"]["GroupId"] == source
    assert found["group"]["ReferencedGroupInfo"]["UserId"] == ACCOUNT
    assert (found["group"]["FromPort"], found["group"]["ToPort"]) == (-1, -1)
    assert (found["list"]["PrefixListId"], found["list"]["IpProtocol"]) == (prefixes, "icmpv6")
    assert {r["IpProtocol"] for r in (found["four"], found["six"])} == {"tcp"}
    for rule in [*found.values(), *reply["SecurityGroupRules"]]:
        assert {t["Key"]: t["Value"] for t in rule["Tags"]} == {"made": "by hand", "why": "test"}
        assert rule["GroupOwnerId"] == ACCOUNT
        assert rule["SecurityGroupRuleArn"].endswith(f":security-group-rule/{rule['SecurityGroupRuleId']}")


def test_a_group_of_another_account_can_be_a_source(fresh):
    ec2, group = fresh.client("ec2"), fresh.group("peered")
    pair = {"GroupId": "sg-0123456789abcdef0", "UserId": OTHER, "Description": "theirs"}
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [pair]}
    for _ in range(2):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        with pytest.raises(ClientError) as caught:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        assert code(caught) == "InvalidPermission.Duplicate"
        [rule] = rules(fresh, group)
        assert rule["ReferencedGroupInfo"]["GroupId"] == pair["GroupId"]
        assert rule["ReferencedGroupInfo"]["UserId"] == OTHER
        assert rule["Description"] == "theirs"
        [permissions] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        assert permissions["UserIdGroupPairs"][0]["UserId"] == OTHER
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
        assert rules(fresh, group) == []
    with pytest.raises(ClientError) as caught:
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[{**permission, "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}]
        )
    assert code(caught) == "InvalidGroup.NotFound"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (tcp(22, "10.0.0.0/8"), "InvalidPermission.Duplicate"),
        (tcp(23, "10.0.0.0/33"), "InvalidParameterValue"),
        (tcp(80, "10.0.0.0/8"), "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "IpRanges": ranges("10.0.0.0/8")}, "InvalidParameterValue"),
        (tcp(81, *(f"10.0.{n}.0/24" for n in range(60))), "RulesPerSecurityGroupLimitExceeded"),
        ({"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}, "InvalidPrefixListID.NotFound"),
    ],
)
def test_a_call_adds_all_its_rules_or_none(fresh, bad, expected):
    ec2, group = fresh.client("ec2"), fresh.group("atomic", SSH)
    before = {r["SecurityGroupRuleId"] for r in rules(fresh, group)}
    with pytest.raises(ClientError) as caught:
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[tcp(80, "10.0.0.0/8"), bad], TagSpecifications=specification(a="b")
        )
    assert code(caught) == expected
    assert {r["SecurityGroupRuleId"] for r in rules(fresh, group)} == before
    assert ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["security-group-rule"]}])["Tags"] == []


@pytest.mark.parametrize(
    ("protocol", "first", "last", "word"),
    [
        ("06", 22, 22, "Unknown protocol"),
        ("256", 22, 22, "Unknown protocol"),
        ("sctp", 22, 22, "Unknown protocol"),
        ("tcp", -1, -1, "portRange"),
        ("6", -1, 22, "portRange"),
        ("udp", 53, -1, "portRange"),
        ("tcp", 22, 21, "port range"),
        ("tcp", 22, 65536, "port range"),
        ("icmp", -1, 0, "ICMP"),
        ("icmpv6", 256, -1, "ICMP"),
    ],
)
def test_traffic_that_no_rule_has_is_refused(fresh, protocol, first, last, word):
    ec2, group = fresh.client("ec2"), fresh.group("odd")
    permission = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, "IpRanges": ranges("10.0.0.0/8")}
    for call in (ec2.authorize_security_group_ingress, ec2.revoke_security_group_ingress):
        with pytest.raises(ClientError, match=word) as caught:
            call(GroupId=group, IpPermissions=[permission])
        assert code(caught) == "InvalidParameterValue"
    assert rules(fresh, group) == []


def authorizing(**more) -> dict:
    return {"IpPermissions": [tcp(80, "10.0.0.0/8")], **more}


def of_groups(*ids: str) -> dict:
    return {"Filters": [{"Name": "group-id", "Values": list(ids)}]}


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("describe_security_groups", {"GroupIds": ["sg-xyz"]}, "InvalidGroupId.Malformed"),
        ("describe_security_groups", {"GroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ("describe_security_group_rules", {"Filters": [{"Name": "is-egress", "Values": ["false"]}]}, "InvalidParameterValue"),
        ("describe_security_group_rules", of_groups(*(f"sg-{n:017x}" for n in range(201))), "FilterLimitExceeded"),
        ("describe_network_interfaces", of_groups(*(f"sg-{n:017x}" for n in range(201))), "FilterLimitExceeded"),
        ("describe_network_acls", {"NetworkAclIds": ["acl-x"]}, "InvalidNetworkAclId.Malformed"),
        ("describe_vpcs", {"VpcIds": ["vpc-x"]}, "InvalidVpcID.Malformed"),
        ("describe_managed_prefix_lists", {"PrefixListIds": ["pl-0123456789abcdef0"]}, "InvalidPrefixListID.NotFound"),
        ("describe_managed_prefix_lists", {"PrefixListIds": ["pl-x"]}, "InvalidPrefixListId.Malformed"),
        ("get_managed_prefix_list_entries", {"PrefixListId": "pl-0123456789abcdef0"}, "InvalidPrefixListID.NotFound"),
        ("revoke_security_group_ingress", {"SecurityGroupRuleIds": ["sgr-x"]}, "InvalidSecurityGroupRuleId.Malformed"),
        ("revoke_security_group_ingress", {}, "MissingParameter"),
        ("authorize_security_group_ingress", {}, "MissingParameter"),
        ("authorize_security_group_ingress", {"IpPermissions": [{"IpProtocol": "-1"}]}, "MissingParameter"),
        ("authorize_security_group_ingress", authorizing(TagSpecifications=specification(**{"aws:x": "y"})), "InvalidParameterValue"),
        ("authorize_security_group_ingress", authorizing(TagSpecifications=specification(**{"k" * 129: "y"})), "InvalidParameterValue"),
        ("authorize_security_group_ingress", authorizing(TagSpecifications=specification(k="v" * 257)), "InvalidParameterValue"),
        (
            "authorize_security_group_ingress",
            {"IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "d" * 256}]}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_a_request_that_ec2_refuses_is_refused(fresh, operation, given, expected):
    ec2, group = fresh.client("ec2"), fresh.group("checked", SSH)
    before = rules(fresh, group)
    named = {"GroupId": group} if "ingress" in operation else {}
    with pytest.raises(ClientError) as caught:
        getattr(ec2, operation)(**named, **given)
    assert code(caught) == expected
    assert rules(fresh, group) == before


def test_a_revoke_by_content_is_exact(fresh):
    ec2 = fresh.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    missing = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
    # In the default VPC, permissions that match nothing are returned, and the others revoked.
    group = fresh.group("default-vpc", SSH)
    reply = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH, missing])
    assert {rule["CidrIpv4"] for rule in reply["RevokedSecurityGroupRules"]} == {"0.0.0.0/0", "10.0.0.0/8"}
    assert [unknown["IpRanges"] for unknown in reply["UnknownIpPermissions"]] == [[{"CidrIp": "192.0.2.0/24"}]]
    assert not ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    # In any other, the call is refused, and nothing is revoked.
    group = ec2.create_security_group(GroupName="own-vpc", Description="d", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    with pytest.raises(ClientError) as caught:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH, missing])
    assert code(caught) == "InvalidPermission.NotFound"
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]


def test_sixty_rules_of_each_family(fresh):
    ec2, group, source = fresh.client("ec2"), fresh.group("full"), fresh.group("source")
    four = [f"10.{n}.0.0/16" for n in range(59)]
    six = [{"CidrIpv6": f"2001:db8:{n:x}::/48"} for n in range(59)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, *four, Ipv6Ranges=six)])
    prefixes = ec2.create_managed_prefix_list(PrefixListName="p", AddressFamily="IPv6", MaxEntries=2)["PrefixList"]["PrefixListId"]

    def add(permission: dict) -> str | None:
        try:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    full = "RulesPerSecurityGroupLimitExceeded"
    assert add({"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": prefixes}]}) == full, "a list counts its most entries"
    assert add({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": source}]}) is None, "a group counts for both"
    assert add(tcp(23, "10.0.0.0/8")) == full
    assert add({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}) == full
    assert len(rules(fresh, group)) == 119


def test_authorizing_needs_the_rule_and_tagging_it_too(fresh, session):
    group = fresh.group("mine")
    arn = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
    authorize = "ec2:AuthorizeSecurityGroupIngress"
    only_group = session("onlygroup", statement("Allow", authorize, f"{arn}:security-group/*"), service="ec2")
    both = statement("Allow", authorize, [f"{arn}:security-group/*", f"{arn}:security-group-rule/*"])
    untagging = session("untagging", both, service="ec2")
    create = {"StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"}}
    tagging = session("tagging", both, statement("Allow", "ec2:CreateTags", f"{arn}:security-group-rule/*", create), service="ec2")

    def add(client, port: int, **more) -> str | None:
        try:
            client.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(port, "10.0.0.0/8")], **more)
        except ClientError as error:
            return str(error)
        return None

    tags = {"TagSpecifications": specification(made="by the product")}
    assert f"{authorize} on resource: {arn}:security-group-rule/*" in add(only_group, 1)
    assert add(untagging, 2) is None
    refused = add(untagging, 3, **tags)
    assert "UnauthorizedOperation" in refused
    assert "ec2:CreateTags" in refused
    assert add(tagging, 4, **tags) is None
    assert sorted(r["FromPort"] for r in rules(fresh, group)) == [2, 4]
    [call] = [c for c in fresh.calls(principal="assumed-role/tagging/") if c["action"] == "ec2:CreateTags"]
    assert (call["invokedBy"], call["errorCode"]) == ("ec2.amazonaws.com", None)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        tagging.create_tags(Resources=[rules(fresh, group)[0]["SecurityGroupRuleId"]], Tags=[{"Key": "a", "Value": "b"}])


def entry(acl: str, number: int, cidr: str = "0.0.0.0/0", egress: bool = False, **more) -> dict:
    family = "Ipv6CidrBlock" if ":" in cidr else "CidrBlock"
    of_tcp = {"Protocol": "6", "PortRange": {"From": 22, "To": 22}}
    return {"NetworkAclId": acl, "RuleNumber": number, "RuleAction": "deny", "Egress": egress, family: cidr, **of_tcp, **more}


def entries(cloud, acl: str, egress: bool = False) -> dict[int, dict]:
    [found] = cloud.client("ec2").describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    return {e["RuleNumber"]: e for e in found["Entries"] if e["Egress"] == egress}


def test_entries_of_a_network_acl_are_created_and_deleted(fresh, acl):
    ec2 = fresh.client("ec2")
    before = entries(fresh, acl)
    assert {n: (e["RuleAction"], e.get("CidrBlock") or e["Ipv6CidrBlock"]) for n, e in before.items()} == {
        100: ("allow", "0.0.0.0/0"),
        101: ("allow", "::/0"),
        32767: ("deny", "0.0.0.0/0"),
        32768: ("deny", "::/0"),
    }
    ec2.create_network_acl_entry(**entry(acl, 1))
    ec2.create_network_acl_entry(**entry(acl, 2, "::/0"))
    ec2.create_network_acl_entry(**entry(acl, 3, "10.1.2.3/8", Protocol="1", IcmpTypeCode={"Type": -1, "Code": -1}))
    made = entries(fresh, acl)
    assert made[1] == {
        "RuleNumber": 1,
        "Protocol": "6",
        "RuleAction": "deny",
        "Egress": False,
        "CidrBlock": "0.0.0.0/0",
        "PortRange": {"From": 22, "To": 22},
    }
    assert made[2]["Ipv6CidrBlock"] == "::/0"
    assert "CidrBlock" not in made[2]
    assert (made[3]["CidrBlock"], made[3]["IcmpTypeCode"]) == ("10.0.0.0/8", {"Type": -1, "Code": -1})
    assert "PortRange" not in made[3]
    with pytest.raises(ClientError) as caught:
        ec2.create_network_acl_entry(**entry(acl, 1, "::/0"))
    assert code(caught) == "NetworkAclEntryAlreadyExists"
    ec2.create_network_acl_entry(**entry(acl, 1, egress=True))
    for number in (1, 2, 3):
        ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=number, Egress=False)
    assert entries(fresh, acl) == before
    assert 1 in entries(fresh, acl, egress=True)
    with pytest.raises(ClientError) as caught:
        ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=1, Egress=False)
    assert code(caught) == "InvalidNetworkAclEntry.NotFound"
    with pytest.raises(ClientError) as caught:
        ec2.create_network_acl_entry(**entry("acl-0123456789abcdef0", 1))
    assert code(caught) == "InvalidNetworkAclID.NotFound"
    with pytest.raises(ClientError) as caught:
        ec2.create_network_acl_entry(**entry(acl, 5), DryRun=True)
    assert code(caught) == "DryRunOperation"
    assert 5 not in entries(fresh, acl)
    for bad in ({"RuleNumber": 32767}, {"Protocol": "tcp"}, {"PortRange": {}}, {"CidrBlock": "10.0.0.0/40"}):
        with pytest.raises(ClientError, match=r"InvalidParameterValue|MissingParameter"):
            ec2.create_network_acl_entry(**{**entry(acl, 6), **bad})


@pytest.mark.parametrize(
    ("cidr", "wrong"),
    [
        ("0.0.0.0/0", {"Protocol": "06"}),
        ("0.0.0.0/0", {"PortRange": {"From": 23, "To": 22}}),
        ("0.0.0.0/0", {"PortRange": {"From": 1, "To": 65536}}),
        ("0.0.0.0/0", {"PortRange": {"From": -1, "To": -1}}),
        ("0.0.0.0/0", {"RuleAction": "drop"}),
        ("10.0.0.1", {}),
        ("::/0", {"Ipv6CidrBlock": "0.0.0.0/0"}),
    ],
)
def test_an_entry_that_ec2_refuses_is_refused(fresh, acl, cidr, wrong):
    before = entries(fresh, acl)
    with pytest.raises(ClientError) as caught:
        fresh.client("ec2").create_network_acl_entry(**entry(acl, 50, cidr) | wrong)
    assert code(caught) == "InvalidParameterValue"
    assert entries(fresh, acl) == before


def test_twenty_entries_of_each_family_and_direction(fresh, acl):
    ec2 = fresh.client("ec2")
    for number in range(1, 19):
        ec2.create_network_acl_entry(**entry(acl, number))
    with pytest.raises(ClientError) as caught:
        ec2.create_network_acl_entry(**entry(acl, 19))
    assert code(caught) == "NetworkAclEntryLimitExceeded"
    ec2.create_network_acl_entry(**entry(acl, 19, "::/0"))
    ec2.create_network_acl_entry(**entry(acl, 19, egress=True))


def test_acls_are_found_by_subnet_and_id(fresh, vpc, acl):
    ec2 = fresh.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    own = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    assert {n: e["RuleAction"] for n, e in entries(fresh, own).items()} == {32767: "deny", 32768: "deny"}

    def found(name: str, value: str) -> list[str]:
        return [a["NetworkAclId"] for a in ec2.describe_network_acls(Filters=[{"Name": name, "Values": [value]}])["NetworkAcls"]]

    assert found("association.subnet-id", subnet) == [acl]
    assert found("network-acl-id", own) == [own]
    [association] = [a for a in ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Associations"]]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=own)
    assert found("association.subnet-id", subnet) == [own]
    with pytest.raises(ClientError) as caught:
        ec2.describe_network_acls(NetworkAclIds=["acl-0123456789abcdef0"])
    assert code(caught) == "InvalidNetworkAclID.NotFound"


def test_a_vpc_says_whether_it_has_ipv6(fresh, vpc):
    ec2 = fresh.client("ec2")
    plain = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    found = {v["VpcId"]: v for v in ec2.describe_vpcs(VpcIds=[vpc, plain])["Vpcs"]}
    [association] = found[vpc]["Ipv6CidrBlockAssociationSet"]
    assert association["Ipv6CidrBlockState"]["State"] == "associated"
    assert not found[plain].get("Ipv6CidrBlockAssociationSet")
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [plain]}])["NetworkAcls"][0]["NetworkAclId"]
    assert set(entries(fresh, acl)) == {100, 32767}
    ec2.associate_vpc_cidr_block(VpcId=plain, AmazonProvidedIpv6CidrBlock=True)
    assert set(entries(fresh, acl)) == {100, 101, 32767, 32768}


def test_interfaces_are_found_by_group(fresh, vpc):
    ec2 = fresh.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    groups = [ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc)["GroupId"] for n in ("a", "b")]
    made = ec2.create_network_interface(SubnetId=subnet, Groups=groups)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=groups[:1])
    pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=[{"Name": "group-id", "Values": [groups[1]]}])
    [found] = [i for page in pages for i in page["NetworkInterfaces"]]
    assert (found["NetworkInterfaceId"], found["SubnetId"], found["VpcId"]) == (made, subnet, vpc)


def test_entries_are_authorized_on_the_network_acl(fresh, acl, session):
    arn = f"arn:aws:ec2:us-east-1:{ACCOUNT}:network-acl/{acl}"
    fresh.client("ec2").create_tags(Resources=[acl], Tags=[{"Key": "team", "Value": "net"}])
    tagged = {"StringEquals": {"aws:ResourceTag/team": "net"}}
    actions = ["ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry"]
    ours = session("ours", statement("Allow", actions, arn, tagged), service="ec2")
    theirs = session("theirs", statement("Allow", actions, arn, {"StringEquals": {"aws:ResourceTag/team": "web"}}), service="ec2")
    ours.create_network_acl_entry(**entry(acl, 1))
    with pytest.raises(ClientError) as caught:
        theirs.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=1, Egress=False)
    assert code(caught) == "UnauthorizedOperation"
    ours.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=1, Egress=False)
    assert [c["resource"] for c in fresh.calls(action="ec2:CreateNetworkAclEntry")] == [arn]
