//! Closing a group.

use aws_traits::fakes::Account;
use exposure::{IngressRule, PrefixList, Traffic};
use plain_text::error_chain;
use remediation::Status;
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{
    AUTHORIZE, DESCRIBE, GROUP, LIST, POLICY, PUT, REVOKE, SNAPSHOT, admitted, aws, aws_with, carve, deadline, handle,
    handle_until_cut, ids, incomplete, left, ports, remediation, request, restore, rule, run, with,
};

// --- Every status

/// Exactly the exposing rules (one source each) are revoked, by rule id; every other rule stays.
#[tokio::test]
async fn close_revokes_exactly_the_exposing_rules() {
    let aws = aws();
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1", "sgr-4"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
    assert_eq!(response.message, "sg-0aaaaaaaaaaaaaaaa: 2 rules revoked");
}

#[tokio::test]
async fn the_response_is_as_documented() {
    let response = handle(&aws(), request()).await.unwrap();
    assert_eq!(
        serde_json::to_value(response).unwrap(),
        json!({
            "status": "CLOSED", "securityGroupId": GROUP,
            "revoked": [
                {"securityGroupRuleId":"sgr-1","protocol":"tcp","fromPort":22,"toPort":22,"source":"0.0.0.0/0"},
                {"securityGroupRuleId":"sgr-4","protocol":"tcp","fromPort":22,"toPort":22,"source":"::/0"},
            ],
            "authorized": [], "alreadyAbsent": [], "notAuthorized": [], "remaining": [],
            "snapshot": SNAPSHOT,
            "message": "sg-0aaaaaaaaaaaaaaaa: 2 rules revoked",
        })
    );
}

/// A closing of any size within one chunk is policy, describe, hold, snapshot, hold, revoke, verify. Nothing is remembered
/// from one closing to the next.
#[tokio::test]
async fn closing_costs_seven_calls() {
    let aws = aws_with((0..60).map(|number| ports(&number.to_string(), 22, 22 + number, "0.0.0.0/0")).collect());
    let remediation = remediation(&aws);
    run(&remediation, request(), deadline()).await.unwrap();
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE, LIST, PUT, LIST, REVOKE, DESCRIBE]);
    aws.account().calls.clear();
    run(&remediation, request(), deadline()).await.unwrap();
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE]);
}

/// A group that is closed or deleted is a success.
#[tokio::test]
async fn nothing_to_do_is_success() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::NothingToDo);
    aws.account().groups.clear();
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::NothingToDo);
    assert_eq!(aws.count(REVOKE), 1);
}

/// The same plan, no call that changes anything.
#[rstest]
#[case(json!(true))]
#[case(json!("true"))]
#[tokio::test]
async fn a_dry_run_plans_and_changes_nothing(#[case] dry_run: Value) {
    let aws = aws();
    let response = handle(&aws, with("dryRun", dry_run)).await.unwrap();
    assert_eq!(response.status, Status::Planned);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1", "sgr-4"]);
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE, LIST]);
    assert_eq!(left(&aws).len(), 4);
}

#[rstest]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa""#)]
#[case(r#""vpcId":"vpc-0a1b2c3d","groupName":"web""#)]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","accountId":"111122223333""#)]
#[tokio::test]
async fn an_exempt_group_is_left_as_it_is(#[case] selector: &str) {
    let aws = aws();
    {
        let mut account = aws.account();
        let parameters = r#"{"FocusOnPorts":"22","ExemptionsParameter":"/portcullis/exemptions"}"#;
        account.rules.insert("portcullis".into(), Some(parameters.into()));
        let document =
            format!(r#"{{"version":1,"exemptions":[{{{selector},"expires":"2026-12-31","reason":"bastion"}}]}}"#);
        account.parameters.insert("/portcullis/exemptions".into(), document);
    }
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(response.message.contains("exempt until 2026-12-31: bastion"), "{}", response.message);
    assert_eq!(left(&aws).len(), 4);
}

#[tokio::test]
async fn a_tag_exempts_when_the_operator_names_it() {
    let aws = aws();
    {
        let mut account = aws.account();
        account.rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22","ExemptionTagKey":"Keep"}"#.into()));
        account.groups.get_mut(GROUP).unwrap().tags.insert("Keep".into(), "legacy VPN".into());
    }
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::Exempt);
}

/// AWS does not document whether SSM passes an empty list as a list or as text.
#[rstest]
#[case(json!([]))]
#[case(json!("[]"))]
#[case(json!(""))]
#[tokio::test]
async fn an_empty_list_may_come_as_text(#[case] list: Value) {
    assert_eq!(handle(&aws(), with("replacementCidrs", list)).await.unwrap().status, Status::Closed);
}

/// A group that may be exempt is not closed.
#[tokio::test]
async fn a_group_that_ec2_no_longer_finds_is_not_changed() {
    let aws = aws();
    aws.account().rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22","ExemptionTagKey":"Keep"}"#.into()));
    aws.fail("ec2:DescribeSecurityGroups", "InternalError");
    assert!(error_chain(&handle(&aws, request()).await.unwrap_err()).contains("nothing was changed"));
    aws.meanwhile("ec2:DescribeSecurityGroups", |account| account.groups.clear());
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(error_chain(&error).starts_with("nothing was changed: EC2 lists rules"), "{error}");
    assert_eq!(aws.count(REVOKE), 0);
}

/// A closing applies a new exemption at once, also in a warm function.
#[tokio::test]
async fn a_new_exemption_applies_at_once() {
    let aws = aws();
    let parameters = r#"{"FocusOnPorts":"22","ExemptionsParameter":"/p"}"#;
    aws.account().rules.insert("portcullis".into(), Some(parameters.into()));
    aws.account().parameters.insert("/p".into(), r#"{"version":1,"exemptions":[]}"#.into());
    let remediation = remediation(&aws);
    assert_eq!(run(&remediation, with("dryRun", json!(true)), deadline()).await.unwrap().status, Status::Planned);
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2027-01-01","reason":"r"}}]}}"#
    );
    aws.account().parameters.insert("/p".into(), document);
    assert_eq!(run(&remediation, request(), deadline()).await.unwrap().status, Status::Exempt);
}

/// A denied call is not retried, nor repeated rule by rule.
#[tokio::test]
async fn a_denied_revoke_is_tried_once() {
    let aws = aws();
    aws.account().protected.extend(["sgr-1".to_owned(), "sgr-4".to_owned()]);
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Failed);
    assert_eq!(aws.count(REVOKE), 1);
}

fn narrow_rule_1(account: &mut Account) {
    for rule in &mut account.groups.get_mut(GROUP).unwrap().ingress {
        if rule.id.as_deref() == Some("sgr-1") {
            rule.source = "10.0.0.0/8".into();
        }
    }
}

/// A rule that is fixed between two rounds, and keeps its id, stays.
#[tokio::test(start_paused = true)]
async fn a_rule_that_is_fixed_meanwhile_stays() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    aws.fail(REVOKE, "InternalError");
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, narrow_rule_1);
    let response = handle(&aws, request()).await.unwrap();
    assert!(response.closed().unwrap().revoked.is_empty());
    assert_eq!(left(&aws), ["sgr-1"]);
    assert_eq!(aws.count(REVOKE), 1);
}

// --- A refused request changes nothing

#[rstest]
#[case(json!({}), "missing field `action`")]
#[case(json!("close"), "invalid type")]
#[case(with("action", json!("open")), "unknown variant `open`")]
#[case(with("securityGroupId", json!("sg-1; drop")), "`securityGroupId` `sg-1; drop` is not of the form")]
#[case(with("securityGroupId", json!("{{ ResourceId }}")), "is not of the form")]
#[case(with("configRuleName", json!(" ")), "`configRuleName` is empty")]
#[case(with("strategy", json!("Burn")), "unknown variant `Burn`, expected one of `Revoke`, `Carve`, `Replace`")]
#[case(with("replacementCidrs", json!(["10.0.0.1/0"])), "`10.0.0.1/0` is not a CIDR such as 10.0.0.0/8")]
#[case(with("replacementCidrs", json!(["10.0.0.1"])), "`10.0.0.1` is not a CIDR such as 10.0.0.0/8")]
#[case(with("replacementCidrs", json!("10.0.0.0/8 fd00::/8")), "`10.0.0.0/8 fd00::/8` is not a list of CIDRs")]
#[case(with("dryRun", json!("yes")), "`yes` is neither true nor false")]
#[case(with("dryrun", json!(true)), "unknown field `dryrun`")]
#[tokio::test]
async fn a_malformed_request_is_refused(#[case] request: Value, #[case] expected: &str) {
    let aws = aws();
    let error = handle(&aws, request).await.unwrap_err();
    let message = error_chain(&error);
    assert!(message.starts_with("the request is refused, nothing was changed: "), "{message}");
    assert!(message.contains(expected), "{message}");
    assert_eq!(error.kind(), "InvalidRequest");
    assert_eq!(aws.account().calls, Vec::<&str>::new());
}

// --- Unknown state is never closed, and never reported as closed

#[rstest]
#[case(None, "AwsCallFailed", "NoSuchConfigRuleException")]
#[case(Some(r#"{"FocusOnPorts":"ssh"}"#), "InvalidRuleParameters", "`ssh` is not a port")]
#[case(Some(r#"{"FocusOnPorts":"22","ExemptionsParameter":"/p"}"#), "ExemptionsUnavailable", "ParameterNotFound")]
#[tokio::test]
async fn without_a_policy_nothing_is_changed(
    #[case] parameters: Option<&str>,
    #[case] kind: &str,
    #[case] expected: &str,
) {
    let aws = aws();
    aws.account().rules.clear();
    if let Some(parameters) = parameters {
        aws.account().rules.insert("portcullis".into(), Some(parameters.into()));
    }
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(error_chain(&error).contains("nothing was changed"), "{error}");
    assert!(error_chain(&error).contains(expected), "{error}");
    assert_eq!(error.kind(), kind);
    assert_eq!(aws.count(REVOKE), 0);
}

#[tokio::test]
async fn an_unjudged_group_fails_and_is_not_changed() {
    let aws = aws_with(vec![rule("1", 22, "pl-0badbad")]);
    let error = handle(&aws, request()).await.unwrap_err();
    assert_eq!(error.kind(), "CannotJudge");
    assert_eq!(aws.count(REVOKE), 0);
}

/// The exposing rule is revoked; the unjudged rule makes the outcome partial.
#[tokio::test]
async fn an_unjudged_rule_beside_an_exposure_makes_the_outcome_partial() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "pl-0badbad")]);
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1"]);
    assert_eq!(ids(response.closed().unwrap().remaining.iter().map(|remaining| &remaining.rule)), ["sgr-2"]);
}

#[tokio::test]
async fn prefix_lists_are_resolved() {
    let aws = aws_with(vec![rule("1", 22, "pl-0f00ba4"), rule("2", 22, "pl-0a0a0a0")]);
    let entries = ["0.0.0.0/0"].iter().map(|cidr| cidr.parse::<ipnetwork::IpNetwork>().unwrap()).collect();
    aws.account().prefix_lists.insert("pl-0f00ba4".into(), PrefixList::Entries(entries));
    aws.account().prefix_lists.insert("pl-0a0a0a0".into(), PrefixList::AwsOwned);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1"]);
    assert_eq!(left(&aws), ["sgr-2"]);
}

// --- Concurrent changes

fn remove_rule_1(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.id.as_deref() != Some("sgr-1"));
}

/// A rule that vanished meanwhile counts as done.
#[tokio::test(start_paused = true)]
async fn a_rule_that_vanished_meanwhile_counts_as_done() {
    let aws = aws();
    aws.meanwhile(REVOKE, remove_rule_1);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-4"]);
    assert_eq!(ids(&response.closed().unwrap().already_absent), ["sgr-1"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

/// A group that vanished meanwhile counts as closed.
#[tokio::test(start_paused = true)]
async fn a_group_that_vanished_meanwhile_counts_as_done() {
    let aws = aws();
    aws.meanwhile(REVOKE, |account| account.groups.clear());
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.closed().unwrap().already_absent), ["sgr-1", "sgr-4"]);
}

fn open_port_3389(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.push(rule("9", 3389, "0.0.0.0/0"));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_added_meanwhile_is_closed_as_well() {
    let aws = aws();
    aws.meanwhile(REVOKE, open_port_3389);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1", "sgr-4", "sgr-9"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

/// The answer to a revoke is lost: the next round finds the rules gone.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_recovered() {
    let aws = aws();
    aws.lose_answer(REVOKE);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.closed().unwrap().already_absent), ["sgr-1", "sgr-4"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

// --- Failures

/// One failing rule does not stop the others and is reported.
#[tokio::test(start_paused = true)]
async fn one_failing_rule_does_not_stop_the_others() {
    let aws = aws();
    aws.account().locked.push("sgr-1".into());
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-4"]);
    assert_eq!(ids(response.closed().unwrap().remaining.iter().map(|remaining| &remaining.rule)), ["sgr-1"]);
    assert!(response.message.contains("OperationNotPermitted"), "{}", response.message);
    assert_eq!(left(&aws), ["sgr-1", "sgr-2", "sgr-3"]);
}

#[tokio::test(start_paused = true)]
async fn without_any_revocation_the_closing_fails() {
    let aws = aws();
    for _ in 0..30 {
        aws.fail(REVOKE, "UnauthorizedOperation");
    }
    let result = handle(&aws, request()).await;
    let error = result.unwrap_err();
    assert!(error_chain(&error).starts_with("FAILED: sg-0aaaaaaaaaaaaaaaa: 0 rules revoked, 2 still open"), "{error}");
    assert!(error_chain(&error).contains("allow ec2:RevokeSecurityGroupIngress to this role"), "{error}");
    let response = incomplete(Err(error));
    assert_eq!(ids(response.closed().unwrap().remaining.iter().map(|remaining| &remaining.rule)), ["sgr-1", "sgr-4"]);
    assert_eq!(left(&aws).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_retried() {
    let aws = aws();
    aws.fail(REVOKE, "RequestLimitExceeded");
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

#[tokio::test]
async fn an_unverified_group_is_not_reported_as_closed() {
    let aws = aws();
    aws.meanwhile(DESCRIBE, |_| {});
    aws.fail(DESCRIBE, "InternalError");
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 2 rules revoked; the result could not be verified: \
         ec2:DescribeSecurityGroupRules on sg-0aaaaaaaaaaaaaaaa failed: InternalError: injected"
    );
}

/// Many rules are revoked in chunks.
#[tokio::test(start_paused = true)]
async fn many_rules_are_revoked_in_chunks() {
    let aws = aws_with((0..250).map(|number| ports(&number.to_string(), 22, 22 + number, "0.0.0.0/0")).collect());
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.closed().unwrap().revoked.len(), 250);
    assert_eq!(aws.count(REVOKE), 3);
}

// --- Carve and Replace

/// The rest of the range is added, with description and tags, before the rule is revoked.
#[tokio::test]
async fn carving_keeps_the_rest_of_a_range() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), ports("2", 22, 22, "10.0.0.0/8")]);
    let response = handle(&aws, carve()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(response.message, "sg-0aaaaaaaaaaaaaaaa: 1 rule revoked, 2 added");
    assert_eq!(
        admitted(&aws),
        [
            r#"tcp/20-21 0.0.0.0/0 rule 20 {"team": "web"}"#,
            r#"tcp/22 10.0.0.0/8 rule 22 {"team": "web"}"#,
            r#"tcp/23-25 0.0.0.0/0 rule 20 {"team": "web"}"#,
        ]
    );
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE, LIST, LIST, PUT, LIST, AUTHORIZE, LIST, REVOKE, DESCRIBE]);
}

#[tokio::test]
async fn carving_all_traffic_reports_the_protocols_that_no_longer_pass() {
    let all = IngressRule { id: Some("sgr-1".into()), ..IngressRule::new(Traffic::All, "::/0".into()) };
    let aws = aws_with(vec![all]);
    let response = handle(&aws, carve()).await.unwrap();
    assert!(
        response.message.ends_with(
            "of all traffic from ::/0, only TCP, UDP and ICMP still pass, no other protocol (GRE, ESP, SCTP …)"
        ),
        "{}",
        response.message
    );
    let kept: Vec<_> = admitted(&aws).into_iter().map(|rule| rule.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(
        kept,
        ["icmpv6", "tcp/0-21", "tcp/23-3388", "tcp/3390-65535", "udp/0-21", "udp/23-3388", "udp/3390-65535"]
    );
}

#[tokio::test]
async fn replacing_admits_private_addresses_instead() {
    let aws = aws();
    let response = handle(&aws, with("strategy", json!("Replace"))).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    let authorized: Vec<_> = response.closed().unwrap().authorized.iter().map(|rule| rule.source.clone()).collect();
    assert_eq!(authorized, ["172.16.0.0/12", "192.168.0.0/16", "fc00::/7"], "10.0.0.0/8 exists already");
}

/// A replacement that opens the group again is refused before anything is changed.
#[tokio::test]
async fn a_replacement_that_exposes_is_refused() {
    let aws = aws();
    let mut request = with("strategy", json!("Replace"));
    request["replacementCidrs"] = json!(["0.0.0.0/1"]);
    let error = handle(&aws, request).await.unwrap_err();
    assert!(
        error_chain(&error).contains("with the replacement 0.0.0.0/1 the group would still expose tcp/22"),
        "{error}"
    );
    assert_eq!((aws.count(PUT), aws.count(AUTHORIZE), aws.count(REVOKE)), (0, 0, 0));
}

/// A replacement that exists already does not prevent the revocation.
#[tokio::test]
async fn a_duplicate_does_not_prevent_the_revocation() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    aws.meanwhile(AUTHORIZE, |account| {
        account.groups.get_mut(GROUP).unwrap().ingress.push(ports("9", 23, 25, "0.0.0.0/0"));
    });
    let response = handle(&aws, carve()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert!(!left(&aws).contains(&"sgr-1".to_owned()));
    assert_eq!(left(&aws).len(), 2);
}

/// At the quota, closing has priority, and rules that do not fit are reported; with room, the next attempt adds them.
#[tokio::test]
async fn at_the_quota_rules_are_revoked_first() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), ports("2", 443, 443, "0.0.0.0/0")]);
    aws.account().quota = 2;
    let response = incomplete(handle(&aws, carve()).await);
    assert_eq!(response.status, Status::Partial);
    let closed = response.closed().unwrap();
    assert_eq!((closed.authorized.len(), closed.not_authorized.len(), closed.remaining.len()), (1, 1, 0));
    assert!(response.message.contains("RulesPerSecurityGroupLimitExceeded"), "{}", response.message);
    assert!(!left(&aws).contains(&"sgr-1".to_owned()));
    aws.account().quota = 3;
    assert_eq!(handle(&aws, carve()).await.unwrap().status, Status::Closed);
    assert_eq!(left(&aws).len(), 3);
    assert_eq!(handle(&aws, carve()).await.unwrap().status, Status::NothingToDo);
}

/// A rule that cannot be added yet is retried before any rule is revoked.
#[tokio::test(start_paused = true)]
async fn while_ec2_is_busy_no_access_is_lost() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    aws.fail(AUTHORIZE, "RequestLimitExceeded");
    assert_eq!(handle(&aws, carve()).await.unwrap().status, Status::Closed);
    let calls = aws.account().calls.clone();
    let of_kind: Vec<_> = calls.into_iter().filter(|&call| call == AUTHORIZE || call == REVOKE).collect();
    assert_eq!(of_kind, [AUTHORIZE, AUTHORIZE, REVOKE]);
}

// --- Snapshots

#[tokio::test]
async fn without_a_snapshot_nothing_is_changed() {
    let aws = aws();
    aws.fail(PUT, "AccessDenied");
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(
        error_chain(&error).starts_with("nothing was changed: the snapshot cannot be written: s3:PutObject"),
        "{error}"
    );
    assert_eq!(error.kind(), "SnapshotUnavailable");
    assert_eq!(left(&aws).len(), 4);
}

/// A snapshot is never overwritten, not even by an execution with the same id at the same instant.
#[tokio::test]
async fn a_snapshot_is_never_overwritten() {
    let aws = aws();
    let key = SNAPSHOT.strip_prefix("s3://portcullis-snapshots/").unwrap();
    aws.account().objects.insert(key.into(), "theirs".into());
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.snapshot.unwrap(), SNAPSHOT.replace(".json", "_2.json"));
    assert_eq!(aws.account().objects[key].json, "theirs");
}

/// A record of another version may have another meaning, so it is refused.
#[rstest]
#[case(
    "holds",
    "Revoke",
    json!({"version": 2, "until": "2026-11-22T00:00:00Z", "executionId": null, "configRuleName": "portcullis"})
)]
#[case("owed", "Carve", json!({"version": 2, "since": "2026-11-20T23:00:00Z", "snapshot": null, "rules": []}))]
#[tokio::test]
async fn a_record_of_another_version_is_refused(#[case] prefix: &str, #[case] strategy: &str, #[case] note: Value) {
    let aws = aws();
    let key = format!("{prefix}/111122223333/us-east-1/{GROUP}.json");
    aws.account().objects.insert(key.clone(), (&*note.to_string()).into());
    let error = handle(&aws, with("strategy", json!(strategy))).await.unwrap_err();
    assert_eq!(
        error_chain(&error),
        format!(
            "nothing was changed: s3://portcullis-snapshots/{key} is not a valid document for this release: \
             its version is 2 instead of 1"
        )
    );
    assert_eq!(left(&aws).len(), 4);
}

// --- Interruptions

/// After a kill at any call and a second run, the group is closed, no legitimate access is lost, and a restore undoes
/// all of it.
#[rstest]
#[case("Revoke", 0)]
#[case("Carve", 0)]
#[case("Replace", 0)]
#[case("Carve", 4)]
#[tokio::test]
async fn a_kill_after_any_call_loses_nothing(#[case] strategy: &str, #[case] quota: usize) {
    let group = || {
        aws_with(vec![
            ports("1", 20, 25, "0.0.0.0/0"),
            ports("2", 22, 22, "10.0.0.0/8"),
            ports("3", 443, 443, "0.0.0.0/0"),
            ports("4", 3389, 3390, "0.0.0.0/0"),
        ])
    };
    let request = with("strategy", json!(strategy));
    let whole = group();
    whole.account().quota = quota;
    let _ = handle(&whole, request.clone()).await;
    whole.account().quota = 0;
    let _ = handle(&whole, request.clone()).await;
    let before = admitted(&group());
    for calls in 1..100 {
        let aws = group();
        aws.account().quota = quota;
        aws.cut_after(calls);
        let run = handle_until_cut(&aws, request.clone()).await;
        let half_way = admitted(&aws);
        assert!(half_way.iter().any(|rule| rule.contains("10.0.0.0/8")), "{half_way:?}");
        let _ = handle(&aws, request.clone()).await;
        // As soon as there is room again.
        aws.account().quota = 0;
        let _ = handle(&aws, request.clone()).await;
        assert_eq!(admitted(&aws), admitted(&whole), "{strategy}, killed after {calls} calls");
        if aws.account().objects.keys().any(|key| key.starts_with("security-groups/")) {
            let restored = handle(&aws, restore()).await.unwrap();
            assert_eq!(restored.status, Status::Restored);
            assert_eq!(admitted(&aws), before, "{strategy}, killed after {calls} calls, then restored");
        }
        if run.is_some() {
            assert!(calls > 6);
            return;
        }
    }
    panic!("it never ended");
}

/// A function that runs out of time reports the rules that are still open.
#[tokio::test(start_paused = true)]
async fn out_of_time_it_stops_cleanly() {
    let aws = aws();
    aws.hang(REVOKE);
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(ids(response.closed().unwrap().remaining.iter().map(|remaining| &remaining.rule)), ["sgr-1", "sgr-4"]);
    assert!(response.message.contains("out of time before the function's deadline"), "{}", response.message);
}
