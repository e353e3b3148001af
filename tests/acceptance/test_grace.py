"""Days of grace: automatic mode closes what was open for so long, exposure by exposure. The clock moves, and nobody waits."""

import datetime
import re

import pytest
from local_cloud import wait_for
from portcullis import GROUP_TYPE, RULE, evidence, open_to, outcome
from test_pace import items

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"
PRIVATE = "10.0.0.0/8"
RDP = {"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "IpRanges": [{"CidrIp": WORLD}]}


def test_each_exposure_is_closed_when_its_days_are_over(fresh):
    portcullis = fresh
    cloud = portcullis.cloud
    portcullis.deploy(RuleName=RULE, FocusOnPorts="22,3389", RemediationMode="True", GracePeriodDays="7")
    (remediation,) = portcullis.config.describe_remediation_configurations(ConfigRuleNames=[RULE])["RemediationConfigurations"]
    assert not remediation["Automatic"], "AWS Config would close at once"

    def pass_time(**span):
        cloud.advance(**span)
        cloud.settle()

    def sweep():
        """Lets a sweep see the groups, and the follow-up start what is due."""
        pass_time(minutes=16)
        pass_time(minutes=6)

    def ports() -> set[int]:
        return {port for port in (22, 3389) if WORLD in portcullis.sources(group, port)}

    group = cloud.group("grace", open_to(WORLD, PRIVATE))
    cloud.settle()
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=7)
    _, annotation = portcullis.result(group)
    assert re.fullmatch(
        rf"tcp/22 open to 0\.0\.0\.0/0; closes on ({day}|{day - datetime.timedelta(days=1)}) unless fixed or exempted", annotation
    )
    sweep()
    assert items(portcullis, f"grace/{RULE}").keys() == {group}

    # Another port, three days later.
    pass_time(days=3)
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[RDP])
    sweep()
    assert "closes on" in portcullis.result(group)[1]
    pass_time(days=3)
    sweep()
    assert (ports(), portcullis.executions(group)) == ({22, 3389}, [])

    # A week after the first.
    pass_time(days=1)
    sweep()
    wait_for("the first port to be closed", lambda: ports() == {3389})
    cloud.settle()
    (run,) = portcullis.executions(group)
    assert (outcome(run), run["Parameters"]["OnlyDue"]) == ("CLOSED", ["true"])
    assert "1 exposure is not to be closed yet" in evidence(run)["message"]
    assert PRIVATE in portcullis.sources(group)
    assert portcullis.result(group)[0] == "NON_COMPLIANT"

    # An exception keeps the group, as it does with automatic mode of AWS Config.
    key = {"ResourceType": GROUP_TYPE, "ResourceId": group}
    end = cloud.now() + datetime.timedelta(days=5)
    portcullis.config.put_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key], Message="INC-1", ExpirationTime=end)
    pass_time(days=4)
    sweep()
    assert ports() == {3389}
    pass_time(days=1)
    sweep()
    wait_for("the second port to be closed", lambda: ports() == set())
    cloud.settle()
    assert portcullis.result(group)[0] == "COMPLIANT"
    # The follow-up may ask once more before the next sweep sees that a port is closed.
    done = [outcome(run) for run in portcullis.executions(group)]
    assert [one for one in done if one != "NOTHING_TO_DO"] == ["CLOSED", "CLOSED"]


def test_other_days_count_at_once_and_none_have_aws_config_close(fresh):
    portcullis = fresh
    cloud = portcullis.cloud
    portcullis.deploy(RuleName=RULE, RemediationMode="True", GracePeriodDays="30")
    group = cloud.group("patience", open_to(WORLD))
    cloud.settle()
    cloud.advance(minutes=16)
    cloud.settle()
    cloud.advance(days=8)
    cloud.settle()
    assert portcullis.sources(group) == {WORLD}
    # It was seen eight days ago.
    portcullis.update(GracePeriodDays="7")
    for _ in range(2):
        cloud.advance(minutes=16)
        cloud.settle()
    wait_for("the port to be closed", lambda: portcullis.sources(group) == set())
    # Without grace, AWS Config closes as ever.
    portcullis.update(GracePeriodDays="0")
    other = cloud.group("no-patience", open_to(WORLD))
    wait_for("the other port to be closed", lambda: portcullis.sources(other) == set())
    (run,) = portcullis.executions(other)
    assert run["Parameters"].get("OnlyDue", ["false"]) == ["false"]
