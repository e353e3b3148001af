"""Policies that a stack attaches to its roles other than inline."""

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT, session_of
from local_cloud import StackFailed
from test_smoke import SSH, sources

# The name of a condition key cannot contain a parameter; the text of a policy can.
TEMPLATE = """
Parameters:
  ExemptionTagKey: {Type: String, Default: 'keep-open'}
Conditions:
  Exempting: !Not [!Equals [!Ref ExemptionTagKey, '']]
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:root'}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: revoke
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Effect: Allow
                Action: [ec2:RevokeSecurityGroupIngress, ec2:AuthorizeSecurityGroupIngress]
                Resource:
                  - !Sub 'arn:aws:ec2:${AWS::Region}:${AWS::AccountId}:security-group/*'
                  - !Sub 'arn:aws:ec2:${AWS::Region}:${AWS::AccountId}:security-group-rule/*'
  HardStop:
    Type: AWS::IAM::Policy
    Condition: Exempting
    Properties:
      PolicyName: hard-stop
      Roles: [!Ref Role]
      PolicyDocument: !Sub |
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny",
         "Action": ["ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"],
         "Resource": "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group/*",
         "Condition": {"Null": {"aws:ResourceTag/${ExemptionTagKey}": "false"}}}]}
  Listing:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [!Ref Role]
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Action: s3:ListAllMyBuckets, Resource: '*'}]
Outputs:
  Role: {Value: !Ref Role}
"""


@pytest.fixture
def client(fresh):
    """Creates the stack, and returns a client with a session of its role."""

    def of_stack(service: str, **parameters: str):
        role = fresh.deploy("policies", TEMPLATE, **parameters)["Role"]
        return fresh.client(service, session_of(fresh, f"arn:aws:iam::{ACCOUNT}:role/{role}"))

    return of_stack


@pytest.mark.parametrize("value", ["", "until-friday"])
def test_a_tag_s_presence_can_be_denied_whatever_its_value(fresh, client, value):
    ec2 = client("ec2")
    tagged, plain = fresh.group("tagged", SSH, tags={"keep-open": value}), fresh.group("plain", SSH, tags={"other": "x"})
    more = {**SSH, "FromPort": 23, "ToPort": 23}
    for call in (ec2.revoke_security_group_ingress, ec2.authorize_security_group_ingress):
        with pytest.raises(ClientError, match="explicit deny"):
            call(GroupId=tagged, IpPermissions=[SSH if call == ec2.revoke_security_group_ingress else more])
    ec2.revoke_security_group_ingress(GroupId=plain, IpPermissions=[SSH])
    ec2.authorize_security_group_ingress(GroupId=plain, IpPermissions=[more])
    assert sources(fresh, tagged) == {"0.0.0.0/0", "10.0.0.0/8"}


def test_the_deny_follows_the_parameter_and_goes_with_its_condition(fresh, client):
    group = fresh.group("tagged", SSH, tags={"keep-open": "yes"})
    mark = fresh.mark()
    client("ec2", ExemptionTagKey="another:key").revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    fresh.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    with pytest.raises(ClientError, match="explicit deny"):
        client("ec2", ExemptionTagKey="keep-open").revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    client("ec2", ExemptionTagKey="").revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    calls = fresh.calls(since=mark, action="ec2:RevokeSecurityGroupIngress")
    assert [c["errorCode"] for c in calls] == [None, "UnauthorizedOperation", None]


def test_a_managed_policy_is_attached_and_goes_with_the_stack(fresh, client):
    assert client("s3").list_buckets()["Buckets"] == []
    iam = fresh.client("iam")
    [policy] = iam.list_policies(Scope="Local")["Policies"]
    assert policy["AttachmentCount"] == 1
    fresh.client("cloudformation").delete_stack(StackName="policies")
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_roles()["Roles"] == []


def test_a_policy_that_is_not_json_fails_the_stack(fresh):
    with pytest.raises(StackFailed, match="HardStop"):
        fresh.deploy("policies", TEMPLATE.replace('{"Version": "2012-10-17", "Statement": [{"Effect": "Deny",', "no JSON"))
