"""The EC2 resource types that a stack of Portcullis may contain, created in moto."""

from resources import client, register


def _tags(props: dict) -> list[dict]:
    return [{"Key": str(t["Key"]), "Value": str(t["Value"])} for t in props.get("Tags", [])]


def _specification(kind: str, props: dict) -> dict:
    tags = _tags(props)
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def _permission(rule: dict) -> dict:
    permission = {"IpProtocol": str(rule.get("IpProtocol", "-1"))}
    for port in ("FromPort", "ToPort"):
        if port in rule:
            permission[port] = int(rule[port])
    described = {"Description": rule["Description"]} if rule.get("Description") else {}
    if rule.get("CidrIp"):
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if rule.get("CidrIpv6"):
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    if rule.get("SourceSecurityGroupId"):
        permission["UserIdGroupPairs"] = [{"GroupId": rule["SourceSecurityGroupId"], **described}]
    if rule.get("SourcePrefixListId"):
        permission["PrefixListIds"] = [{"PrefixListId": rule["SourcePrefixListId"], **described}]
    return permission


def create_group(logical_id, props, stack):
    ec2 = client("ec2")
    arguments = {
        "GroupName": props.get("GroupName") or f"{stack}-{logical_id}",
        "Description": props["GroupDescription"],
        **_specification("security-group", props),
    }
    if props.get("VpcId"):
        arguments["VpcId"] = props["VpcId"]
    group = ec2.create_security_group(**arguments)["GroupId"]
    _apply_rules(group, props)
    return group, {"GroupId": group, "VpcId": props.get("VpcId", "")}


def _apply_rules(group: str, props: dict) -> None:
    ec2 = client("ec2")
    if props.get("SecurityGroupIngress"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_permission(r) for r in props["SecurityGroupIngress"]])
    if props.get("SecurityGroupEgress"):
        current = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
        if current:
            ec2.revoke_security_group_egress(GroupId=group, IpPermissions=current)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[_permission(r) for r in props["SecurityGroupEgress"]])


def update_group(physical_id, old_props, new_props, stack):
    ec2 = client("ec2")
    if old_props.get("SecurityGroupIngress") != new_props.get("SecurityGroupIngress"):
        if old_props.get("SecurityGroupIngress"):
            current = ec2.describe_security_groups(GroupIds=[physical_id])["SecurityGroups"][0]["IpPermissions"]
            if current:
                ec2.revoke_security_group_ingress(GroupId=physical_id, IpPermissions=current)
        _apply_rules(physical_id, {"SecurityGroupIngress": new_props.get("SecurityGroupIngress")})
    if _tags(old_props) != _tags(new_props):
        ec2.create_tags(Resources=[physical_id], Tags=_tags(new_props))
    return physical_id, {"GroupId": physical_id, "VpcId": new_props.get("VpcId", "")}


def delete_group(physical_id, props):
    from botocore.exceptions import ClientError

    try:
        client("ec2").delete_security_group(GroupId=physical_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidGroup.NotFound":
            raise


def create_vpc(logical_id, props, stack):
    vpc = client("ec2").create_vpc(CidrBlock=props["CidrBlock"], **_specification("vpc", props))["Vpc"]
    return vpc["VpcId"], {"VpcId": vpc["VpcId"], "CidrBlock": vpc["CidrBlock"]}


def delete_vpc(physical_id, props):
    client("ec2").delete_vpc(VpcId=physical_id)


def create_subnet(logical_id, props, stack):
    arguments = {k: props[k] for k in ("VpcId", "CidrBlock", "AvailabilityZone") if k in props}
    subnet = client("ec2").create_subnet(**arguments, **_specification("subnet", props))["Subnet"]
    return subnet["SubnetId"], {"SubnetId": subnet["SubnetId"], "VpcId": subnet["VpcId"]}


def delete_subnet(physical_id, props):
    client("ec2").delete_subnet(SubnetId=physical_id)


def _update_tags(physical_id, old_props, new_props, stack):
    client("ec2").create_tags(Resources=[physical_id], Tags=_tags(new_props))
    return physical_id, {}


def install() -> None:
    from ministack.services.cloudformation import provisioners

    register(
        {
            "AWS::EC2::SecurityGroup": (create_group, update_group, delete_group),
            "AWS::EC2::VPC": (create_vpc, _update_tags, delete_vpc),
            "AWS::EC2::Subnet": (create_subnet, _update_tags, delete_subnet),
        }
    )
    provisioners._REPLACING_PROPERTIES["AWS::EC2::SecurityGroup"] = ("GroupName", "GroupDescription", "VpcId")
