//! Restores of the rules that a closing revoked.

use aws_traits::Services;
use aws_traits::fakes::FakeAws;
use exposure::PrefixList;
use plain_text::error_chain;
use remediation::{Status, StrategyName, closing_details, closings};
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{
    AUTHORIZE, DESCRIBE, GET, GROUP, LIST, POLICY, PUT, REVOKE, SNAPSHOT, admitted, aws, aws_with, carve, handle,
    handle_until_cut, ids, incomplete, left, ports, request, restore, restore_with, rule, with,
};

/// Rules are restored with description and tags, and the rules of the carve are removed. A rule that its owner has removed
/// since is not opened again.
#[tokio::test]
async fn a_restore_undoes_a_closing() {
    let aws = aws_with(vec![
        ports("1", 20, 25, "0.0.0.0/0"),
        ports("2", 22, 22, "::/0"),
        ports("3", 22, 22, "pl-0f00ba4"),
        ports("4", 22, 22, "sg-0bbbbbbbbbbbbbbbb"),
    ]);
    let entries = ["0.0.0.0/0"].iter().map(|cidr| cidr.parse::<ipnetwork::IpNetwork>().unwrap()).collect();
    aws.account().prefix_lists.insert("pl-0f00ba4".into(), PrefixList::Entries(entries));
    handle(&aws, carve()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.id.as_deref() != Some("sgr-4"));
    let planned = handle(&aws, restore_with("dryRun", json!(true))).await.unwrap();
    assert_eq!(planned.status, Status::Planned);
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(response.status, Status::Restored);
    assert_eq!(
        admitted(&aws),
        [
            r#"tcp/20-25 0.0.0.0/0 rule 20 {"team": "web"}"#,
            r#"tcp/22 ::/0 rule 22 {"team": "web"}"#,
            r#"tcp/22 pl-0f00ba4 rule 22 {"team": "web"}"#,
        ]
    );
    let restored = response.restored().unwrap();
    assert_eq!((restored.authorized.len(), restored.revoked.len(), restored.left.len()), (3, 2, 0));
    assert_eq!(planned.restored().unwrap().authorized.len(), 3);
    assert_eq!(restored.exception_until.unwrap().to_string(), "2026-11-22T00:00:00Z");
    assert_eq!(restored.restored_from, [SNAPSHOT]);
    assert_eq!(aws.account().exceptions.len(), 1);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
}

#[tokio::test]
async fn the_response_is_as_documented() {
    let aws = aws_with(vec![ports("1", 20, 22, "0.0.0.0/0")]);
    handle(&aws, carve()).await.unwrap();
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(response.closed(), None);
    assert_eq!(
        serde_json::to_value(response).unwrap(),
        json!({
            "status": "RESTORED", "securityGroupId": GROUP,
            "authorized": [
                {"securityGroupRuleId":"sgr-new2","protocol":"tcp","fromPort":20,"toPort":22,"source":"0.0.0.0/0"}],
            "revoked": [
                {"securityGroupRuleId":"sgr-new1","protocol":"tcp","fromPort":20,"toPort":21,"source":"0.0.0.0/0"}],
            "left": [], "remaining": [], "restoredFrom": [SNAPSHOT], "exceptionUntil": "2026-11-22T00:00:00Z",
            "snapshot": SNAPSHOT.replace("security-groups", "restores").replace("8a1b", "9c2d"),
            "message": "sg-0aaaaaaaaaaaaaaaa: 1 rule restored, 1 removed, 0 kept, \
                        on hold until 2026-11-22T00:00:00Z",
        })
    );
}

/// Of two independent closings, only the latest is undone.
#[tokio::test]
async fn the_latest_closing_is_undone_and_no_earlier_one() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("2", 3389, "0.0.0.0/0"));
    handle(&aws, with("executionId", json!("later"))).await.unwrap();
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(response.restored().unwrap().restored_from, [SNAPSHOT.replace("8a1b", "later")]);
    assert_eq!(admitted(&aws), ["tcp/3389 0.0.0.0/0 - {}"]);
}

/// A dry run on a restored group has nothing to do, and lists the rules that were added since.
#[tokio::test]
async fn a_dry_run_on_a_restored_group_has_nothing_to_restore() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    handle(&aws, restore()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("9", 8080, "10.0.0.0/8"));
    let (restored, puts) = (admitted(&aws), aws.count(PUT));
    let response = handle(&aws, restore_with("dryRun", json!(true))).await.unwrap();
    assert_eq!(response.status, Status::NothingToDo);
    assert_eq!(response.message, "sg-0aaaaaaaaaaaaaaaa already has every rule of the snapshot");
    assert_eq!(ids(&response.restored().unwrap().left), ["sgr-9"]);
    assert_eq!((admitted(&aws), aws.count(PUT)), (restored, puts));
}

/// Rules that were added since the closing stay.
#[tokio::test]
async fn a_restore_keeps_rules_that_were_added_since() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("9", 8080, "10.0.0.0/8"));
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(ids(&response.restored().unwrap().left), ["sgr-9"]);
    assert_eq!(left(&aws).len(), 5);
}

/// The hold alone keeps the group open, so a failed remediation exception does not stop a restore.
#[tokio::test]
async fn a_restore_does_not_depend_on_the_exception() {
    let aws = aws();
    let before = admitted(&aws);
    handle(&aws, request()).await.unwrap();
    aws.fail("config:PutRemediationExceptions", "AccessDeniedException");
    let response = handle(&aws, restore()).await.unwrap();
    assert_eq!(response.status, Status::Restored);
    assert_eq!(admitted(&aws), before);
    assert!(response.message.contains("allow config:PutRemediationExceptions"), "{}", response.message);
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::Exempt);
}

/// The restored group is non-compliant again: it stays open until the hold ends, and AWS Config accepts the exception
/// now.
#[tokio::test]
async fn a_restored_group_is_not_closed_again_at_once() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    aws.account().exception_refused = Some("only for resources that are NON_COMPLIANT".into());
    let response = handle(&aws, restore()).await.unwrap();
    assert!(
        response
            .message
            .contains("the remediation exception was not created (only for resources that are NON_COMPLIANT)"),
        "{}",
        response.message
    );
    aws.account().exception_refused = None;
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(
        response.message.contains("on hold until 2026-11-22T00:00:00Z after the restore by 9c2d"),
        "{}",
        response.message
    );
    assert_eq!(aws.account().exceptions.len(), 1);
    assert_eq!(handle(&aws, with("ignoreHold", json!(true))).await.unwrap().status, Status::Closed);
}

/// A rule that cannot be restored does not stop the others.
#[tokio::test]
async fn a_restore_reports_rules_that_it_cannot_add() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "::/0")]);
    handle(&aws, request()).await.unwrap();
    // Of both rules, then of the first.
    (0..2).for_each(|_| aws.fail(AUTHORIZE, "InvalidParameterValue"));
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(response.restored().unwrap().remaining[0].rule.source, "0.0.0.0/0");
    assert_eq!(left(&aws).len(), 1);
}

#[rstest]
#[case("holds/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa.json")]
#[case("s3://other-bucket/security-groups/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa/x.json")]
#[case("../sg-0bbbbbbbbbbbbbbbb/x.json")]
#[case("yesterday")]
#[case("")]
#[tokio::test]
async fn only_snapshots_of_that_group_are_restored(#[case] name: &str) {
    let aws = aws();
    let error = handle(&aws, restore_with("snapshot", json!(name))).await.unwrap_err();
    assert!(error_chain(&error).contains("is not a snapshot of sg-0aaaaaaaaaaaaaaaa"), "{error}");
}

#[tokio::test]
async fn without_a_snapshot_there_is_nothing_to_restore() {
    let error = handle(&aws(), restore()).await.unwrap_err();
    assert!(error_chain(&error).starts_with("nothing was changed: there is no snapshot below s3://"), "{error}");
}

/// The same plan, no call that changes anything.
#[tokio::test]
async fn a_dry_run_restores_nothing() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    handle(&aws, carve()).await.unwrap();
    let (closed, objects) = (admitted(&aws), aws.account().objects.clone());
    aws.account().calls.clear();
    let response = handle(&aws, restore_with("dryRun", json!("true"))).await.unwrap();
    assert_eq!(response.status, Status::Planned);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 1 rule would be restored, 2 removed, 0 kept; dry run, nothing was changed"
    );
    let restored = response.restored().unwrap();
    assert_eq!((restored.authorized[0].from_port, restored.authorized[0].to_port), (Some(20), Some(25)));
    assert_eq!(restored.revoked.len(), 2);
    assert_eq!((&response.snapshot, restored.exception_until), (&None, None));
    assert_eq!((admitted(&aws), aws.account().objects.clone()), (closed, objects));
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE, LIST, GET, "ec2:DescribeSecurityGroups", DESCRIBE]);
}

/// The replacements are removed, and a rule that existed before the closing stays.
#[tokio::test]
async fn a_replacement_is_undone() {
    let aws = aws_with(vec![
        ports("1", 22, 22, "0.0.0.0/0"),
        ports("2", 22, 22, "10.0.0.0/8"),
        ports("3", 3389, 3390, "::/0"),
    ]);
    let before = admitted(&aws);
    handle(&aws, with("strategy", json!("Replace"))).await.unwrap();
    assert_ne!(admitted(&aws), before);
    let response = handle(&aws, restore()).await.unwrap();
    let restored = response.restored().unwrap();
    let sources: Vec<_> = restored.revoked.iter().map(|rule| rule.source.as_str()).collect();
    assert_eq!(sources, ["172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]);
    assert_eq!(restored.authorized.len(), 2);
    assert_eq!(admitted(&aws), before);
}

/// A closing added replacements and could revoke nothing; then the owner narrowed one of the rules, and another closing took the
/// other. A restore undoes both: the narrowed rule stays as its owner has made it, and nothing remains in its place.
#[tokio::test(start_paused = true)]
async fn a_replacement_of_a_rule_that_its_owner_narrowed_goes() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), ports("2", 3000, 9000, "0.0.0.0/0")]);
    (0..4).for_each(|_| aws.fail(REVOKE, "UnauthorizedOperation"));
    incomplete(handle(&aws, with("strategy", json!("Replace"))).await);
    aws.undisturbed();
    aws.account().groups.get_mut(GROUP).unwrap().ingress[1].source = "192.0.2.0/24".into();
    assert_eq!(left(&aws).len(), 8);
    assert_eq!(handle(&aws, with("executionId", json!("later"))).await.unwrap().status, Status::Closed);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(
        admitted(&aws),
        [r#"tcp/20-25 0.0.0.0/0 rule 20 {"team": "web"}"#, r#"tcp/3000-9000 192.0.2.0/24 rule 3000 {"team": "web"}"#,]
    );
}

/// A closing added pieces and could revoke nothing; another one took the rule. A restore of the first alone does not give the rule
/// back, and keeps the pieces.
#[tokio::test(start_paused = true)]
async fn pieces_of_a_rule_that_another_closing_took_stay() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    (0..4).for_each(|_| aws.fail(REVOKE, "UnauthorizedOperation"));
    incomplete(handle(&aws, carve()).await);
    aws.undisturbed();
    handle(&aws, with("executionId", json!("later"))).await.unwrap();
    let pieces = admitted(&aws);
    assert_eq!(pieces.len(), 2);
    let response = handle(&aws, restore_with("snapshot", json!(SNAPSHOT))).await.unwrap();
    assert_eq!((response.status, admitted(&aws)), (Status::NothingToDo, pieces));
    // Together with the closing that took the rule, they go.
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), [r#"tcp/20-25 0.0.0.0/0 rule 20 {"team": "web"}"#]);
}

/// A closing put pieces beside a rule that it could not revoke; under another policy, a later one took the rule and a piece. A restore
/// undoes both: the rule is back, and no piece remains beside it.
#[tokio::test(start_paused = true)]
async fn a_piece_goes_with_the_rule_in_whose_place_it_was() {
    let aws = aws_with(vec![ports("1", 20, 9000, "0.0.0.0/0")]);
    let before = admitted(&aws);
    (0..4).for_each(|_| aws.fail(REVOKE, "UnauthorizedOperation"));
    incomplete(handle(&aws, carve()).await);
    aws.undisturbed();
    assert_eq!(left(&aws).len(), 4);
    aws.account().rules.insert("portcullis".into(), Some(json!({"FocusOnPorts":"80"}).to_string()));
    assert_eq!(handle(&aws, with("executionId", json!("later"))).await.unwrap().status, Status::Closed);
    assert_eq!(left(&aws).len(), 2);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

/// With 0 hours there is no exception, and the next closing closes the group.
#[tokio::test]
async fn without_hours_there_is_no_exception() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    let response = handle(&aws, restore_with("exceptionHours", json!("0"))).await.unwrap();
    assert_eq!(response.restored().unwrap().exception_until, None);
    assert!(aws.account().exceptions.is_empty());
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::Closed);
}

/// A snapshot is named by URI, key or file name. Of two closings, only the named one is undone.
#[rstest]
#[case(SNAPSHOT)]
#[case(SNAPSHOT.strip_prefix("s3://portcullis-snapshots/").unwrap())]
#[case("20261121T000000.000Z_8a1b.json")]
#[case::of_its_run("8a1b")]
#[tokio::test]
async fn a_snapshot_has_several_names(#[case] name: &str) {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("2", 3389, "0.0.0.0/0"));
    handle(&aws, with("executionId", json!("later"))).await.unwrap();
    let response = handle(&aws, restore_with("snapshot", json!(name))).await.unwrap();
    assert_eq!(response.restored().unwrap().restored_from, [SNAPSHOT]);
    assert_eq!(admitted(&aws), ["tcp/22 0.0.0.0/0 - {}"]);
}

#[tokio::test]
async fn closings_are_listed_newest_first() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 443, "0.0.0.0/0")]);
    assert!(closings(aws.store()).await.unwrap().is_empty());
    handle(&aws, request()).await.unwrap();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("3", 3389, "0.0.0.0/0"));
    handle(&aws, with("executionId", json!("later"))).await.unwrap();
    handle(&aws, restore()).await.unwrap();
    let found = closings(aws.store()).await.unwrap();
    let runs: Vec<_> = found.iter().map(|closing| closing.execution_id.as_deref().unwrap()).collect();
    assert_eq!(runs, ["later", "8a1b"]);
    assert!(found.iter().all(|closing| closing.security_group_id == GROUP));
    let details = closing_details(aws.store(), &found[1].key).await.unwrap();
    assert_eq!((details.planned, details.strategy), (1, Some(StrategyName::Revoke)));
}

/// An account with the snapshot of a closing, modified by `change`.
async fn with_snapshot(change: impl FnOnce(&mut Value)) -> FakeAws {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    {
        let mut account = aws.account();
        let object = account.objects.values_mut().next().unwrap();
        let mut snapshot: Value = serde_json::from_str(&object.json).unwrap();
        change(&mut snapshot);
        object.json = snapshot.to_string();
        account.calls.clear();
    }
    aws
}

async fn refused(aws: &FakeAws, request: Value) -> String {
    let before = admitted(aws);
    let error = handle(aws, request).await.unwrap_err();
    let message = error_chain(&error);
    assert_eq!(error.kind(), "SnapshotUnavailable");
    assert_eq!((aws.count(PUT), aws.count(AUTHORIZE), aws.count(REVOKE)), (0, 0, 0));
    assert_eq!(admitted(aws), before);
    message
}

/// A snapshot of another group, or of a restore, was copied to the prefix of this group.
#[rstest]
#[case("/securityGroup/groupId", json!("sg-0bbbbbbbbbbbbbbbb"))]
#[case("/action", json!("restore"))]
#[tokio::test]
async fn a_snapshot_of_something_else_is_refused(
    #[case] field: &str,
    #[case] value: Value,
    #[values("latest", SNAPSHOT)] name: &str,
) {
    let aws = with_snapshot(|snapshot| *snapshot.pointer_mut(field).unwrap() = value).await;
    assert_eq!(
        refused(&aws, restore_with("snapshot", json!(name))).await,
        format!(
            "nothing was changed: {SNAPSHOT} is not a valid document for this release: \
             it is not the snapshot of a closing of {GROUP}"
        )
    );
}

/// Another release may write other fields, or give them another meaning.
#[rstest]
#[case(json!({"version": 2}), "its version is 2 instead of 1")]
#[case(json!({"version": 2, "encryptedWith": "key"}), "its version is 2 instead of 1")]
#[case(json!({"version": "one"}), "its version is \"one\" instead of 1")]
#[case(json!({"note": "mine"}), "unknown field `note`")]
#[tokio::test]
async fn a_snapshot_of_another_version_is_refused(#[case] fields: Value, #[case] expected: &str) {
    let aws =
        with_snapshot(|snapshot| snapshot.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone())).await;
    let message = refused(&aws, restore()).await;
    assert!(message.starts_with("nothing was changed: s3://portcullis-snapshots/security-groups/"), "{message}");
    assert!(message.contains(expected), "{message}");
}

/// A foreign document is in the bucket by mistake.
#[tokio::test]
async fn a_snapshot_without_a_version_is_refused() {
    let aws = with_snapshot(|snapshot| drop(snapshot.as_object_mut().unwrap().remove("version"))).await;
    let message = refused(&aws, restore()).await;
    assert!(message.ends_with("is not a valid document for this release: it has no version"), "{message}");
}

/// A rule of EC2 has one source: of two or none, the restore does not choose.
#[rstest]
#[case(json!({"cidrIpv4": "10.0.0.0/8", "cidrIpv6": "::/0"}))]
#[case(json!({"cidrIpv4": "10.0.0.0/8", "prefixListId": "pl-0f00ba4"}))]
#[case(json!({"prefixListId": "pl-0f00ba4", "referencedGroup": {"groupId": "sg-0bbbbbbbbbbbbbbbb"}}))]
#[case(json!({"cidrIpv4": "::/0"}))]
#[case(json!({"cidrIpv6": "0.0.0.0/0"}))]
#[case(json!({"cidrIpv4": "anywhere"}))]
#[tokio::test]
async fn a_snapshot_with_a_rule_that_no_group_has_is_refused(
    #[case] source: Value,
    #[values("/securityGroup/ingress", "/plan/authorize", "/plan/payments")] list: &str,
) {
    let aws = with_snapshot(|snapshot| {
        let mut rule = json!({"securityGroupRuleId": "sgr-9", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22});
        rule.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        snapshot["plan"]["payments"] = json!([]);
        snapshot.pointer_mut(list).unwrap().as_array_mut().unwrap().push(rule);
    })
    .await;
    let message = refused(&aws, restore()).await;
    assert!(message.contains("is not a valid document for this release: "), "{message}");
}

#[tokio::test]
async fn a_missing_snapshot_is_named() {
    let aws = aws();
    let gone = SNAPSHOT.replace("8a1b", "gone");
    let message = refused(&aws, restore_with("snapshot", json!(gone))).await;
    assert!(message.contains(&format!("there is no snapshot below {gone}")), "{message}");
}

/// Killed after any call and run again: the group has the rules that it had before the closing, and no others.
#[rstest]
#[case("Revoke", 0)]
#[case("Carve", 0)]
#[case("Replace", 0)]
#[case("Carve", 5)]
#[tokio::test]
async fn a_second_run_recovers_from_a_kill_after_any_call(#[case] strategy: &str, #[case] quota: usize) {
    let rules = vec![
        ports("1", 20, 25, "0.0.0.0/0"),
        ports("2", 22, 22, "10.0.0.0/8"),
        ports("3", 443, 443, "0.0.0.0/0"),
        ports("4", 3389, 3390, "0.0.0.0/0"),
        ports("5", 3389, 3390, "::/0"),
    ];
    for calls in 1..100 {
        let aws = aws_with(rules.clone());
        let before = admitted(&aws);
        handle(&aws, with("strategy", json!(strategy))).await.unwrap();
        aws.account().quota = quota;
        aws.cut_after(calls);
        let run = handle_until_cut(&aws, restore()).await;
        let half_way = admitted(&aws);
        assert!(half_way.iter().any(|rule| rule.contains("tcp/443 0.0.0.0/0")), "{half_way:?}");
        let again = handle(&aws, restore()).await.unwrap();
        assert!(matches!(again.status, Status::Restored | Status::NothingToDo), "{again:?}");
        assert_eq!(admitted(&aws), before, "{strategy}, killed after {calls} calls");
        assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
        if let Some(outcome) = run {
            assert_eq!(outcome.unwrap().status, Status::Restored);
            assert!(calls > 8, "it ended after {calls} calls");
            return;
        }
    }
    panic!("it never ended");
}
