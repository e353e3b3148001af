"""Faults of EC2 and of the network: request limits, and replies that are late, malformed or cut off."""

import time

import pytest
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
from botocore.exceptions import ConnectionClosedError as Closed
from botocore.parsers import ResponseParserError
from local_cloud import REPOSITORY

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ONCE = {"retries": {"total_max_attempts": 1}}


def rules(cloud, group: str) -> int:
    found = cloud.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return sum(not rule["IsEgress"] for rule in found["SecurityGroupRules"])


def codes(cloud, mark: int, action: str) -> list[str | None]:
    return [call["errorCode"] for call in cloud.calls(since=mark, action=action)]


def test_ec2_allows_a_burst_and_then_a_constant_rate(fresh):
    ec2 = fresh.client("ec2", **ONCE)
    group = fresh.group("limited", SSH)
    fresh.settings(ec2BucketSize=3, ec2RefillPerSecond=0.001)
    mark = fresh.mark()

    def revoke() -> str | None:
        try:
            # There is nothing to revoke: only the call matters.
            ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=["sgr-0aaaaaaaaaaaaaaaa"])
        except ClientError as error:
            return error.response["Error"]["Code"]

    answers = [revoke() for _ in range(5)]
    assert answers == ["InvalidSecurityGroupRuleId.NotFound"] * 3 + ["RequestLimitExceeded"] * 2
    assert codes(fresh, mark, "ec2:RevokeSecurityGroupIngress") == answers, "a throttled call is in the log"
    assert rules(fresh, group) == 1, "another API has its own bucket"
    # The bucket is full again, and gains a token every fifth of a second: on a slow machine a call may find more than one.
    fresh.settings(ec2BucketSize=1, ec2RefillPerSecond=5)
    begin, passed = time.monotonic(), 0
    while passed < 4:
        assert time.monotonic() < begin + 60, f"{passed} calls have passed"
        passed += revoke() == "InvalidSecurityGroupRuleId.NotFound"
    assert time.monotonic() >= begin + 3 / 5
    fresh.settings(ec2RefillPerSecond=0.001)
    assert [revoke(), revoke()] == ["InvalidSecurityGroupRuleId.NotFound", "RequestLimitExceeded"]


def test_reads_have_a_larger_bucket_and_others_than_the_principal_none(fresh):
    ec2 = fresh.client("ec2", **ONCE)
    fresh.settings(ec2BucketSize=2, ec2RefillPerSecond=0.001)
    for _ in range(4):
        ec2.describe_security_groups()
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        ec2.describe_security_groups()
    fresh.settings(ec2ThrottledPrincipal="assumed-role/")
    for _ in range(5):
        ec2.describe_security_groups()
    fresh.settings(ec2BucketSize=0, ec2ThrottledPrincipal="")
    for _ in range(5):
        ec2.describe_security_groups()


def test_a_slow_reply_belongs_to_a_call_that_took_effect_at_once(fresh):
    group = fresh.group("slow", SSH)
    impatient = fresh.client("ec2", read_timeout=0.5, **ONCE)
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind="slowReply", seconds=2)
    with pytest.raises(ReadTimeoutError):
        impatient.revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    assert rules(fresh, group) == 0


def test_a_malformed_reply_belongs_to_a_call_that_took_effect(fresh):
    group = fresh.group("malformed", SSH)
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind="malformed")
    with pytest.raises(ResponseParserError):
        fresh.client("ec2", **ONCE).revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    assert rules(fresh, group) == 0
    fresh.fault(service="config", action="DescribeConfigRules", kind="malformed")
    # This parser returns an empty answer for a reply that it cannot read.
    assert "ConfigRules" not in fresh.client("config", **ONCE).describe_config_rules()


def test_a_connection_is_reset_before_anything_is_done(fresh):
    group = fresh.group("reset", SSH)
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind="reset")
    with pytest.raises((Closed, HTTPClientError)):
        fresh.client("ec2", **ONCE).revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    assert rules(fresh, group) == 1
    assert codes(fresh, 0, "ec2:RevokeSecurityGroupIngress") == ["ConnectionDropped"]


def test_a_service_may_answer_with_an_internal_error(fresh):
    fresh.fault(service="ec2", action="DescribeSecurityGroups", code="InternalError", status=500)
    with pytest.raises(ClientError, match="InternalError") as refused:
        fresh.client("ec2", **ONCE).describe_security_groups()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_the_page_names_every_setting(cloud) -> None:
    page = (REPOSITORY / "docs" / "local-cloud.md").read_text(encoding="utf-8")
    assert {name for name in cloud.control("GET", "/settings") if f"| `{name}` |" not in page} == set()
