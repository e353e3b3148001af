//! Giving a group back what a closing took.

use exposure::PrefixList;
use remediator::Status;
use rstest::rstest;
use serde_json::json;

use crate::account::{
    GROUP, SNAPSHOT, admitted, aws, aws_with, carve, handle, ids, incomplete, left, now, ports, request, restore, rule,
    with,
};

/// Rules of every kind of source come back, with description and tags, and what a carve added goes.
#[tokio::test]
async fn a_restore_gives_everything_back() {
    let aws = aws_with(vec![
        ports("1", 20, 25, "0.0.0.0/0"),
        ports("2", 22, 22, "::/0"),
        ports("3", 22, 22, "pl-0f00ba4"),
        ports("4", 22, 22, "sg-0bbbbbbbbbbbbbbbb"),
    ]);
    let entries = ["0.0.0.0/0"].iter().map(|cidr| cidr.parse::<ipnetwork::IpNetwork>().unwrap()).collect();
    aws.account().prefix_lists.insert("pl-0f00ba4".into(), PrefixList::Entries(entries));
    let before = admitted(&aws);
    handle(&aws, carve()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.id.as_deref() != Some("sgr-4"));
    let mut dry_run = restore();
    dry_run["dryRun"] = json!(true);
    let planned = handle(&aws, dry_run).await.unwrap();
    assert_eq!(planned.status, Status::Planned);
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(response.status, Status::Restored);
    assert_eq!(admitted(&aws), before);
    let restored = response.restored().unwrap();
    assert_eq!((restored.authorized.len(), restored.revoked.len(), restored.left.len()), (4, 2, 0));
    assert_eq!(planned.restored().unwrap().authorized.len(), 4);
    assert_eq!(restored.exception_until.unwrap().to_string(), "2026-11-22T00:00:00Z");
    assert_eq!(restored.restored_from, [SNAPSHOT]);
    assert_eq!(aws.account().exceptions.len(), 1);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
}

/// What somebody else has added since stays.
#[tokio::test]
async fn a_restore_leaves_the_rules_of_others() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("9", 8080, "10.0.0.0/8"));
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(ids(&response.restored().unwrap().left), ["sgr-9"]);
    assert_eq!(left(&aws).len(), 5);
}

/// Restored, and then found non-compliant: it is left alone until the exception ends, which AWS Config takes now.
#[tokio::test]
async fn a_restored_group_is_not_closed_again_at_once() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    aws.account().exception_refused = Some("only for resources that are NON_COMPLIANT".into());
    let response = handle(&aws, restore()).await.unwrap();
    assert!(response.message.contains("AWS Config takes the exception when"), "{}", response.message);
    aws.account().exception_refused = None;
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(
        response.message.contains("restored by 9c2d; left alone until 2026-11-22T00:00:00Z"),
        "{}",
        response.message
    );
    assert_eq!(aws.account().exceptions.len(), 1);
    assert_eq!(handle(&aws, with("ignoreHold", json!(true))).await.unwrap().status, Status::Closed);
}

/// One rule that cannot be given back does not stop the others.
#[tokio::test]
async fn a_restore_reports_what_it_cannot_give_back() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 80, "sg-0deleted")]);
    handle(&aws, request()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.clear();
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(response.restored().unwrap().remaining[0].rule.source, "sg-0deleted");
    assert_eq!(left(&aws).len(), 1);
}

#[rstest]
#[case("holds/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa.json")]
#[case("s3://other-bucket/security-groups/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa/x.json")]
#[case("../sg-0bbbbbbbbbbbbbbbb/x.json")]
#[case("yesterday")]
#[tokio::test]
async fn only_snapshots_of_that_group_are_restored(#[case] name: &str) {
    let aws = aws();
    let mut request = restore();
    request["snapshot"] = json!(name);
    let error = handle(&aws, request).await.unwrap_err();
    assert!(error.to_string().contains("is not a snapshot of sg-0aaaaaaaaaaaaaaaa"), "{error}");
}

#[tokio::test]
async fn without_a_snapshot_there_is_nothing_to_restore() {
    let error = handle(&aws(), restore()).await.unwrap_err();
    assert!(error.to_string().starts_with("nothing was changed: there is no snapshot below s3://"), "{error}");
}
