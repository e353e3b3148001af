"""Managed prefix lists change like those of EC2: after a while, by version, and with what uses them."""

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT, code, key_of_user, statement
from local_cloud import wait_for

LATE = 3600
FIRST, SECOND = {"Cidr": "198.51.100.0/24", "Description": "first"}, {"Cidr": "203.0.113.0/24"}


@pytest.fixture
def made(fresh) -> str:
    """A prefix list with one entry, of at most three."""
    made = fresh.client("ec2").create_managed_prefix_list(PrefixListName="offices", AddressFamily="IPv4", MaxEntries=3, Entries=[FIRST])
    return made["PrefixList"]["PrefixListId"]


def described(cloud, prefix_list: str) -> dict:
    return cloud.client("ec2").describe_managed_prefix_lists(PrefixListIds=[prefix_list])["PrefixLists"][0]


def cidrs(cloud, prefix_list: str, **version) -> list[str]:
    return [entry["Cidr"] for entry in cloud.client("ec2").get_managed_prefix_list_entries(PrefixListId=prefix_list, **version)["Entries"]]


def complete(cloud, prefix_list: str) -> dict:
    return wait_for("the change", lambda: (now := described(cloud, prefix_list))["State"].endswith("-complete") and now)


def opened_to(cloud, name: str, prefix_list: str) -> str:
    return cloud.group(name, {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": prefix_list}]})


def test_a_change_is_complete_after_a_while(fresh, made: str) -> None:
    ec2 = fresh.client("ec2")
    answer = ec2.modify_managed_prefix_list(
        PrefixListId=made, CurrentVersion=1, AddEntries=[SECOND], RemoveEntries=[{"Cidr": FIRST["Cidr"]}]
    )
    assert (answer["PrefixList"]["State"], answer["PrefixList"]["Version"]) == ("modify-in-progress", 1)
    now = complete(fresh, made)
    assert (now["State"], now["Version"]) == ("modify-complete", 2)
    assert cidrs(fresh, made) == [SECOND["Cidr"]]
    assert cidrs(fresh, made, TargetVersion=1) == [FIRST["Cidr"]]


def test_meanwhile_the_old_entries_are_given_and_changes_are_refused(fresh, made: str) -> None:
    fresh.settings(prefixListChangeSeconds=LATE)
    ec2 = fresh.client("ec2")
    ec2.modify_managed_prefix_list(PrefixListId=made, CurrentVersion=1, AddEntries=[SECOND])
    assert (described(fresh, made)["State"], cidrs(fresh, made)) == ("modify-in-progress", [FIRST["Cidr"]])
    again = {"PrefixListId": made, "CurrentVersion": 1}
    for change in (
        lambda: ec2.modify_managed_prefix_list(**again, AddEntries=[{"Cidr": "192.0.2.0/24"}]),
        lambda: ec2.modify_managed_prefix_list(PrefixListId=made, PrefixListName="renamed"),
        lambda: ec2.restore_managed_prefix_list_version(**again, PreviousVersion=1),
        lambda: ec2.delete_managed_prefix_list(PrefixListId=made),
    ):
        with pytest.raises(ClientError, match="modify-in-progress") as caught:
            change()
        assert code(caught) == "IncorrectState"


def test_without_a_while_the_new_entries_are_given_at_once(fresh, made: str) -> None:
    fresh.settings(prefixListChangeSeconds=0)
    fresh.client("ec2").modify_managed_prefix_list(PrefixListId=made, CurrentVersion=1, AddEntries=[SECOND])
    assert (described(fresh, made)["State"], cidrs(fresh, made)) == ("modify-complete", [FIRST["Cidr"], SECOND["Cidr"]])


def test_an_older_version_is_restored_as_a_new_one(fresh, made: str) -> None:
    ec2 = fresh.client("ec2")
    ec2.modify_managed_prefix_list(PrefixListId=made, CurrentVersion=1, AddEntries=[SECOND])
    complete(fresh, made)
    answer = ec2.restore_managed_prefix_list_version(PrefixListId=made, PreviousVersion=1, CurrentVersion=2)["PrefixList"]
    assert (answer["State"], answer["Version"]) == ("restore-in-progress", 2)
    now = complete(fresh, made)
    assert (now["State"], now["Version"], cidrs(fresh, made)) == ("restore-complete", 3, [FIRST["Cidr"]])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"CurrentVersion": 7, "AddEntries": [SECOND]}, "PrefixListVersionMismatch"),
        ({"AddEntries": [SECOND]}, "MissingParameter"),
        ({"CurrentVersion": 1, "AddEntries": [SECOND], "MaxEntries": 5}, "InvalidParameterCombination"),
        ({"CurrentVersion": 1, "AddEntries": [FIRST]}, "InvalidParameterValue"),
        ({"CurrentVersion": 1, "RemoveEntries": [{"Cidr": SECOND["Cidr"]}]}, "InvalidParameterValue"),
        ({"CurrentVersion": 1, "AddEntries": [{"Cidr": "2001:db8::/32"}]}, "InvalidParameterValue"),
        ({"CurrentVersion": 1, "AddEntries": [{"Cidr": f"10.{n}.0.0/16"} for n in range(3)]}, "PrefixListMaxEntriesExceeded"),
        ({"MaxEntries": 0}, "InvalidParameterValue"),
        ({"PrefixListName": "com.amazonaws.ours"}, "InvalidParameterValue"),
        ({"CurrentVersion": 1, "AddEntries": [SECOND], "DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_ec2_refuses_changes_nothing(fresh, made: str, change: dict, expected: str) -> None:
    with pytest.raises(ClientError) as caught:
        fresh.client("ec2").modify_managed_prefix_list(PrefixListId=made, **change)
    assert code(caught) == expected
    now = described(fresh, made)
    assert (now["Version"], now["State"], now["MaxEntries"], cidrs(fresh, made)) == (1, "create-complete", 3, [FIRST["Cidr"]])


def test_a_list_that_does_not_exist_or_belongs_to_aws_is_not_changed(fresh) -> None:
    ec2 = fresh.client("ec2")
    with pytest.raises(ClientError) as caught:
        ec2.modify_managed_prefix_list(PrefixListId="pl-0123456789abcdef0", CurrentVersion=1, AddEntries=[SECOND])
    assert code(caught) == "InvalidPrefixListID.NotFound"
    of_aws = next(one for one in ec2.describe_managed_prefix_lists()["PrefixLists"] if one["OwnerId"] == "AWS")
    with pytest.raises(ClientError) as caught:
        ec2.modify_managed_prefix_list(PrefixListId=of_aws["PrefixListId"], PrefixListName="ours")
    assert code(caught) == "UnauthorizedOperation"


def test_versions_that_do_not_exist_are_not_found(fresh, made: str) -> None:
    ec2 = fresh.client("ec2")
    for call in (
        lambda: ec2.get_managed_prefix_list_entries(PrefixListId=made, TargetVersion=2),
        lambda: ec2.restore_managed_prefix_list_version(PrefixListId=made, PreviousVersion=2, CurrentVersion=1),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "PrefixListVersionNotFound"


def test_a_size_that_a_group_does_not_support_fails_the_change(fresh, made: str) -> None:
    group = opened_to(fresh, "crowded", made)
    ec2 = fresh.client("ec2")
    ec2.modify_managed_prefix_list(PrefixListId=made, MaxEntries=61)
    now = wait_for("the change", lambda: (now := described(fresh, made))["State"] != "modify-in-progress" and now)
    assert (now["State"], now["MaxEntries"]) == ("modify-failed", 3)
    assert group in now["StateMessage"]
    ec2.modify_managed_prefix_list(PrefixListId=made, MaxEntries=60)
    assert complete(fresh, made)["MaxEntries"] == 60


def test_the_groups_that_use_a_list_are_found_both_ways(fresh, made: str) -> None:
    groups = sorted(opened_to(fresh, f"user-{number}", made) for number in range(6))
    fresh.group("other")
    ec2 = fresh.client("ec2")
    pages = list(ec2.get_paginator("get_managed_prefix_list_associations").paginate(PrefixListId=made, PaginationConfig={"PageSize": 5}))
    assert [len(page["PrefixListAssociations"]) for page in pages] == [5, 1]
    found = [user for page in pages for user in page["PrefixListAssociations"]]
    assert found == [{"ResourceId": group, "ResourceOwner": ACCOUNT} for group in groups]
    filtered = ec2.describe_security_groups(Filters=[{"Name": "ip-permission.prefix-list-id", "Values": [made]}])["SecurityGroups"]
    assert sorted(group["GroupId"] for group in filtered) == groups
    assert ec2.describe_security_groups(Filters=[{"Name": "egress.ip-permission.prefix-list-id", "Values": [made]}])["SecurityGroups"] == []
    with pytest.raises(ClientError) as caught:
        ec2.delete_managed_prefix_list(PrefixListId=made)
    assert code(caught) == "DependencyViolation"


def test_a_change_needs_its_permission_on_the_list(fresh, made: str) -> None:
    def client(name: str, prefix_list: str):
        resource = f"arn:aws:ec2:{fresh.endpoints['region']}:{ACCOUNT}:prefix-list/{prefix_list}"
        actions = ["ec2:ModifyManagedPrefixList", "ec2:GetManagedPrefixListAssociations"]
        return fresh.client("ec2", key_of_user(fresh, name, statement("Allow", actions, resource)))

    theirs, ours = client("theirs", "pl-0123456789abcdef0"), client("ours", made)
    for call in (
        lambda: theirs.modify_managed_prefix_list(PrefixListId=made, PrefixListName="theirs"),
        lambda: theirs.get_managed_prefix_list_associations(PrefixListId=made),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "UnauthorizedOperation"
    assert ours.get_managed_prefix_list_associations(PrefixListId=made)["PrefixListAssociations"] == []
    ours.modify_managed_prefix_list(PrefixListId=made, PrefixListName="ours")
    assert complete(fresh, made)["PrefixListName"] == "ours"
