//! Network ACLs: quarantine and release.

use jiff::{SignedDuration, Timestamp};
use plain_text::error_chain;
use remediation::Status;
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{GROUP, PUT, handle, handle_at, handle_until_cut, incomplete, now};
use crate::network_acl::{
    ACL, CREATE, DELETE, OTHER_ACL, acl_request, acl_request_with, aws_in_subnets, aws_in_two_subnets, changes,
    entries, entries_of, entry, texts,
};

#[tokio::test]
async fn a_quarantine_denies_the_internet_and_a_release_undoes_it() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    assert_eq!(response.status, Status::Quarantined);
    let after = entries(&aws);
    assert!(after.iter().any(|entry| entry.ends_with("deny tcp 22 from 0.0.0.0/0")), "{after:?}");
    assert!(after.iter().any(|entry| entry.ends_with("deny tcp 22 from ::/0")), "{after:?}");
    assert!(after.iter().any(|entry| entry.contains("allow") && entry.ends_with("10.0.0.0/8")), "{after:?}");
    assert!(response.snapshot.unwrap().contains("/network-acls/111122223333/us-east-1/acl-0a1b2c3d/"));
    assert_eq!(handle(&aws, acl_request("quarantine")).await.unwrap().status, Status::NothingToDo);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::NothingToDo);
}

/// After a lost answer, the next read finds the entries that were added or removed, and the report has them all.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_recovered() {
    let count = changes(&handle(&aws_in_subnets(), acl_request("quarantine")).await.unwrap())[0].added.len();
    for lost in 0..count {
        let aws = aws_in_subnets();
        let before = entries(&aws);
        for operation in [CREATE, DELETE] {
            (0..lost).for_each(|_| aws.meanwhile(operation, |_| {}));
            aws.lose_answer(operation);
        }
        let response = handle(&aws, acl_request("quarantine")).await.unwrap();
        assert_eq!(response.status, Status::Quarantined);
        assert_eq!(changes(&response)[0].added.len(), count, "the answer to entry {lost} was lost");
        assert_eq!(entries(&aws).len(), before.len() + count);
        let response = handle(&aws, acl_request("release")).await.unwrap();
        assert_eq!(response.status, Status::Released);
        assert_eq!(changes(&response)[0].removed.len(), count, "the answer to entry {lost} was lost");
        assert_eq!(entries(&aws), before);
    }
}

/// A full ACL is reported before anything is changed.
#[tokio::test]
async fn a_full_acl_is_reported() {
    let aws = aws_in_subnets();
    {
        let mut account = aws.account();
        let acl = &mut account.network_acls.get_mut(ACL).unwrap().acl;
        acl.ingress.extend((1..=18).map(|number| entry(number + 200, "192.0.2.0/24")));
    }
    let before = entries(&aws);
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Failed);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 0 entries changed in 1 network ACL; network ACL acl-0a1b2c3d is full: \
         IPv4 entries needed: 5, present: 20 with the final deny, allowed: 20"
    );
    assert_eq!(entries(&aws), before);
    assert_eq!(aws.count(PUT), 0);
}

/// Dry runs of a quarantine and a release plan the same changes, and make none.
#[tokio::test]
async fn a_dry_run_reports_the_entries_and_changes_nothing() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let planned = handle(&aws, acl_request_with("quarantine", "dryRun", json!("true"))).await.unwrap();
    assert_eq!(planned.status, Status::Planned);
    assert!(
        planned.message.ends_with("would be changed in 1 network ACL; dry run, nothing was changed"),
        "{planned:?}"
    );
    assert_eq!((aws.count(PUT), aws.count(CREATE)), (0, 0));
    assert_eq!(entries(&aws), before);
    let done = handle(&aws, acl_request("quarantine")).await.unwrap();
    let [would, did] = [&planned, &done].map(|response| texts(&changes(response)[0].added));
    assert_eq!(would, did);
    assert!(would.iter().any(|entry| entry.ends_with("deny 0.0.0.0/0")), "{would:?}");

    let quarantined = entries(&aws);
    let planned = handle(&aws, acl_request_with("release", "dryRun", json!(true))).await.unwrap();
    assert_eq!(planned.status, Status::Planned);
    let mut removed = texts(&changes(&planned)[0].removed);
    removed.sort();
    let mut added = did;
    added.sort();
    assert_eq!(removed, added);
    assert_eq!((aws.count(PUT), aws.count(DELETE)), (1, 0));
    assert_eq!(entries(&aws), quarantined);
}

/// An exempt group is not quarantined, unless the request names the ports.
#[tokio::test]
async fn an_exempt_group_is_not_quarantined() {
    let aws = aws_in_subnets();
    {
        let mut account = aws.account();
        account.rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22","ExemptionTagKey":"Keep"}"#.into()));
        account.groups.get_mut(GROUP).unwrap().tags.insert("Keep".into(), "legacy VPN".into());
    }
    let before = entries(&aws);
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(response.message.contains("was not changed: ") && response.message.contains("legacy VPN"), "{response:?}");
    assert_eq!((aws.count(PUT), aws.count(CREATE)), (0, 0));
    assert_eq!(entries(&aws), before);
    let response = handle(&aws, acl_request_with("quarantine", "ports", json!("tcp/22"))).await.unwrap();
    assert_eq!(response.status, Status::Quarantined);
}

/// A group that exposes nothing, or that no interface uses, needs no quarantine.
#[tokio::test]
async fn without_exposure_or_interface_there_is_nothing_to_quarantine() {
    let aws = aws_in_subnets();
    aws.account().subnets.clear();
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    assert_eq!(response.status, Status::NothingToDo);
    assert!(response.message.ends_with("name the network ACLs in NetworkAclIds"), "{}", response.message);
    aws.account().groups.get_mut(GROUP).unwrap().ingress.clear();
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    assert_eq!(response.status, Status::NothingToDo);
    assert!(response.message.ends_with("exposes no blocked port; name the ports in Ports"), "{}", response.message);
    assert_eq!(aws.count(CREATE), 0);
}

/// EC2 may refuse an entry below the default quota, if the quota of the account is lower. A release removes the entries
/// made until then.
#[tokio::test]
async fn an_acl_that_ec2_calls_full_is_reported() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    aws.meanwhile(CREATE, |_| {});
    aws.fail(CREATE, "NetworkAclEntryLimitExceeded");
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Partial);
    assert!(
        response
            .message
            .starts_with("sg-0aaaaaaaaaaaaaaaa: 1 entry changed in 1 network ACL; ec2:CreateNetworkAclEntry")
            && response.message.contains("NetworkAclEntryLimitExceeded"),
        "{}",
        response.message
    );
    assert_eq!(changes(&response)[0].added.len(), 1);
    assert_eq!(entries(&aws).len(), before.len() + 1);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
}

/// An entry that was changed since the quarantine stays.
#[tokio::test]
async fn a_release_keeps_entries_that_were_changed() {
    let aws = aws_in_subnets();
    let added = changes(&handle(&aws, acl_request("quarantine")).await.unwrap())[0].added.clone();
    {
        let mut account = aws.account();
        let acl = &mut account.network_acls.get_mut(ACL).unwrap().acl;
        let entry = acl.ingress.iter_mut().find(|entry| entry.number == added[0].rule_number).unwrap();
        entry.source = "198.51.100.0/24".into();
    }
    let response = handle(&aws, acl_request("release")).await.unwrap();
    assert_eq!(response.status, Status::Released);
    let [change] = changes(&response) else { panic!("{response:?}") };
    assert_eq!(change.removed.len(), added.len() - 1);
    assert_eq!(change.left.iter().map(|left| left.entry.rule_number).collect::<Vec<_>>(), [added[0].rule_number]);
    assert!(entries(&aws).iter().any(|entry| entry.ends_with("from 198.51.100.0/24")));
}

/// A snapshot of another ACL or of another version is refused.
#[rstest]
#[case("/networkAcl/networkAclId", json!("acl-0d0d0d0d"), "it is not a snapshot of acl-0a1b2c3d")]
#[case("/version", json!(2), "its version is 2 instead of 1")]
#[tokio::test]
async fn a_snapshot_of_something_else_releases_nothing(
    #[case] field: &str,
    #[case] value: Value,
    #[case] expected: &str,
) {
    let aws = aws_in_subnets();
    handle(&aws, acl_request("quarantine")).await.unwrap();
    let quarantined = entries(&aws);
    {
        let mut account = aws.account();
        let object = account.objects.values_mut().next().unwrap();
        let mut snapshot: Value = serde_json::from_str(&object.json).unwrap();
        *snapshot.pointer_mut(field).unwrap() = value;
        object.json = snapshot.to_string();
    }
    let error = error_chain(&handle(&aws, acl_request("release")).await.unwrap_err());
    assert!(error.starts_with("nothing was changed: s3://portcullis-snapshots/network-acls/"), "{error}");
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(entries(&aws), quarantined);
}

/// The entries of an ACL without their numbers.
fn effect(entries: &[String]) -> Vec<&str> {
    entries.iter().map(|entry| entry.split_once(' ').unwrap().1).collect()
}

/// After a kill at any call and a second run, the ACL is in quarantine without duplicate entries, and a release
/// restores its original entries.
#[tokio::test]
async fn a_kill_after_any_call_leaves_no_entry_behind() {
    let whole = aws_in_subnets();
    let before = entries(&whole);
    handle(&whole, acl_request("quarantine")).await.unwrap();
    let whole = entries(&whole);
    for calls in 1..100 {
        let aws = aws_in_subnets();
        aws.cut_after(calls);
        let run = handle_until_cut(&aws, acl_request("quarantine")).await;
        let again = handle(&aws, acl_request("quarantine")).await.unwrap();
        assert!(matches!(again.status, Status::Quarantined | Status::NothingToDo), "{again:?}");
        let after = entries(&aws);
        assert_eq!(effect(&after), effect(&whole), "killed after {calls} calls");
        assert_eq!(handle(&aws, acl_request("quarantine")).await.unwrap().status, Status::NothingToDo);
        assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
        assert_eq!(entries(&aws), before, "killed after {calls} calls, then released");
        if let Some(outcome) = run {
            assert_eq!(outcome.unwrap().status, Status::Quarantined);
            assert!(calls > 6, "it ended after {calls} calls");
            return;
        }
    }
    panic!("it never ended");
}

#[tokio::test]
async fn a_killed_release_is_finished_by_the_next() {
    for calls in 1..100 {
        let aws = aws_in_subnets();
        let before = entries(&aws);
        handle(&aws, acl_request("quarantine")).await.unwrap();
        aws.cut_after(calls);
        let run = handle_until_cut(&aws, acl_request("release")).await;
        let half_way = entries(&aws);
        assert!(before.iter().all(|entry| half_way.contains(entry)), "{half_way:?}");
        let again = handle(&aws, acl_request("release")).await.unwrap();
        assert!(matches!(again.status, Status::Released | Status::NothingToDo), "{again:?}");
        assert_eq!(entries(&aws), before, "killed after {calls} calls");
        if let Some(outcome) = run {
            assert_eq!(outcome.unwrap().status, Status::Released);
            assert!(calls > 6, "it ended after {calls} calls");
            return;
        }
    }
    panic!("it never ended");
}

/// After a release, an equal entry that an operator adds is not part of a quarantine, and later releases keep it.
#[tokio::test]
async fn an_entry_added_after_a_release_is_kept() {
    let aws = aws_in_subnets();
    let before = aws.account().network_acls[ACL].acl.ingress.clone();
    handle_at(&aws, || hour(1), acl_request("quarantine")).await.unwrap();
    let quarantined = aws.account().network_acls[ACL].acl.ingress.clone();
    assert_eq!(handle_at(&aws, || hour(2), acl_request("release")).await.unwrap().status, Status::Released);
    let theirs: Vec<_> = quarantined.into_iter().filter(|entry| !before.contains(entry)).collect();
    aws.account().network_acls.get_mut(ACL).unwrap().acl.ingress.extend(theirs);
    let before = entries(&aws);
    let other_port = acl_request_with("quarantine", "ports", json!("tcp/3389"));
    assert_eq!(handle_at(&aws, || hour(4), other_port).await.unwrap().status, Status::Quarantined);
    let response = handle_at(&aws, || hour(5), acl_request("release")).await.unwrap();
    assert_eq!(response.status, Status::Released);
    assert_eq!(changes(&response)[0].left, []);
    assert_eq!(entries(&aws), before);
    assert_eq!(handle_at(&aws, || hour(6), acl_request("release")).await.unwrap().status, Status::NothingToDo);
    assert_eq!(entries(&aws), before);
}

/// A release that finds no entries yet does not hide a quarantine that is still running.
#[tokio::test]
async fn a_quarantine_overtaken_by_a_release_is_released_by_the_next() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    handle(&aws, acl_request("quarantine")).await.unwrap();
    // The state that the release reads: the snapshot is written, and no entry is added yet.
    let quarantined = aws.account().network_acls[ACL].acl.ingress.clone();
    aws.account().network_acls.get_mut(ACL).unwrap().acl.ingress.truncate(2);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::NothingToDo);
    aws.account().network_acls.get_mut(ACL).unwrap().acl.ingress = quarantined;
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
}

fn hour(hour: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hour)
}

#[tokio::test]
async fn the_response_is_as_documented() {
    let aws = aws_in_subnets();
    aws.account().network_acls.get_mut(ACL).unwrap().acl.ingress = vec![entry(100, "0.0.0.0/0")];
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    assert_eq!((response.closed(), response.restored()), (None, None));
    let allow = |number, source| json!({"ruleNumber":number,"ruleAction":"allow","protocol":"-1","fromPort":null,"toPort":null,"source":source});
    let snapshot = "s3://portcullis-snapshots/network-acls/111122223333/us-east-1/acl-0a1b2c3d/\
                    20261121T000000.000Z_7e3f.json";
    assert_eq!(
        serde_json::to_value(response).unwrap(),
        json!({
            "status": "QUARANTINED", "securityGroupId": GROUP,
            "networkAcls": [{
                "networkAclId": ACL,
                "added": [
                    allow(95, "10.0.0.0/8"),
                    allow(96, "100.64.0.0/10"),
                    allow(97, "172.16.0.0/12"),
                    allow(98, "192.168.0.0/16"),
                    {"ruleNumber":99,"ruleAction":"deny","protocol":"tcp","fromPort":22,"toPort":22,"source":"0.0.0.0/0"},
                ],
                "removed": [], "left": [], "snapshot": snapshot,
            }],
            "snapshot": snapshot,
            "message": "sg-0aaaaaaaaaaaaaaaa: denied the internet tcp/22, 5 entries changed in 1 network ACL",
        })
    );
}

/// With named ACLs, the interfaces of the group are not read: they may be gone when the quarantine ends.
#[tokio::test]
async fn named_acls_are_quarantined_and_released_and_no_others() {
    let aws = aws_in_two_subnets();
    let (first, other) = (entries(&aws), entries_of(&aws, OTHER_ACL));
    let named = |action| acl_request_with(action, "networkAclIds", json!([OTHER_ACL]));
    let response = handle(&aws, named("quarantine")).await.unwrap();
    assert_eq!(response.status, Status::Quarantined);
    assert_eq!(changes(&response).iter().map(|change| &change.network_acl_id).collect::<Vec<_>>(), [OTHER_ACL]);
    assert_eq!(entries(&aws), first);
    assert!(entries_of(&aws, OTHER_ACL).iter().any(|entry| entry.ends_with("deny tcp 22 from 0.0.0.0/0")));
    aws.account().subnets.clear();
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::NothingToDo);
    aws.account().calls.clear();
    assert_eq!(handle(&aws, named("release")).await.unwrap().status, Status::Released);
    assert_eq!((entries(&aws), entries_of(&aws, OTHER_ACL)), (first, other));
    assert_eq!(aws.count("ec2:DescribeNetworkInterfaces"), 0);
}

/// Of two quarantines of one ACL, only that of the snapshot ends.
#[tokio::test]
async fn of_two_quarantines_one_is_released() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let first = handle(&aws, acl_request("quarantine")).await.unwrap().snapshot.unwrap();
    let mut second = acl_request_with("quarantine", "ports", json!("tcp/3389"));
    second["executionId"] = json!("8f40");
    assert_eq!(handle(&aws, second).await.unwrap().status, Status::Quarantined);
    let denies = |aws: &_| -> Vec<String> {
        let denies = entries(aws).into_iter().filter(|entry| entry.contains("deny"));
        denies.map(|entry| entry.split_once(' ').unwrap().1.to_owned()).collect()
    };
    assert_eq!(denies(&aws).len(), 4);
    let response = handle(&aws, acl_request_with("release", "snapshot", json!(first))).await.unwrap();
    assert_eq!(response.status, Status::Released);
    assert_eq!(denies(&aws), ["deny tcp 3389 from ::/0", "deny tcp 3389 from 0.0.0.0/0"]);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
}
