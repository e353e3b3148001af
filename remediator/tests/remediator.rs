//! The remediator against an account in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use aws::fakes::{Account, FakeAws};
use exposure::{IngressRule, PrefixList, SecurityGroup, Traffic};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use remediator::{Remediator, RemediatorError, Response, Status};
use rstest::rstest;
use serde_json::{Value, json};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const DESCRIBE: &str = "ec2:DescribeSecurityGroupRules";
const REVOKE: &str = "ec2:RevokeSecurityGroupIngress";
const POLICY: &str = "config:DescribeConfigRules";

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn rule(id: &str, port: i64, source: &str) -> IngressRule {
    let traffic = Traffic::parse("tcp", Some(port), Some(port));
    IngressRule { id: Some(format!("sgr-{id}")), ..IngressRule::new(traffic, source.into()) }
}

/// A group open on 22 to both families, with rules that must stay.
fn aws() -> FakeAws {
    aws_with(vec![
        rule("1", 22, "0.0.0.0/0"),
        rule("2", 22, "10.0.0.0/8"),
        rule("3", 443, "0.0.0.0/0"),
        rule("4", 22, "::/0"),
    ])
}

fn aws_with(ingress: Vec<IngressRule>) -> FakeAws {
    let aws = FakeAws::default();
    {
        let mut account = aws.account();
        let group = SecurityGroup {
            id: GROUP.into(),
            name: Some("web".into()),
            vpc_id: Some("vpc-0a1b2c3d".into()),
            owner_id: Some("111122223333".into()),
            ingress,
            ..SecurityGroup::default()
        };
        account.groups.insert(GROUP.into(), group);
        account.rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22,3389"}"#.into()));
    }
    aws
}

fn request() -> Value {
    json!({"action":"close","securityGroupId":GROUP,"configRuleName":"portcullis","strategy":"Revoke",
        "replacementCidrs":[],"dryRun":false,"executionId":"8a1b"})
}

fn with(field: &str, value: Value) -> Value {
    let mut request = request();
    request[field] = value;
    request
}

fn remediator(aws: &FakeAws) -> Remediator<FakeAws, FakeAws, FakeAws> {
    Remediator::new(aws.clone(), aws.clone(), aws.clone(), now)
}

async fn handle(aws: &FakeAws, request: Value) -> Result<Response, RemediatorError> {
    remediator(aws).handle(request).await
}

fn ids<'a>(rules: impl IntoIterator<Item = &'a remediator::RuleRecord>) -> Vec<String> {
    rules.into_iter().map(|rule| rule.security_group_rule_id.clone().unwrap()).collect()
}

fn left(aws: &FakeAws) -> Vec<String> {
    let account = aws.account();
    account
        .groups
        .get(GROUP)
        .map_or_else(Vec::new, |group| group.ingress.iter().map(|rule| rule.id.clone().unwrap()).collect())
}

fn incomplete(result: Result<Response, RemediatorError>) -> Response {
    match result {
        Err(RemediatorError::Incomplete(response)) => *response,
        other => panic!("not incomplete: {other:?}"),
    }
}

// --- Every status

/// Exactly the exposing rules (one source each) are revoked, by rule id; every other rule stays.
#[tokio::test]
async fn close_revokes_exactly_the_exposing_rules() {
    let aws = aws();
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.revoked), ["sgr-1", "sgr-4"]);
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
            "authorized": [], "alreadyAbsent": [], "remaining": [], "snapshot": null,
            "message": "sg-0aaaaaaaaaaaaaaaa: 2 rules revoked",
        })
    );
}

/// A closing of any size within one chunk is policy, describe, revoke, verify.
#[tokio::test]
async fn closing_costs_four_calls_and_three_when_warm() {
    let aws = aws_with((0..60).map(|number| rule(&number.to_string(), 22, "0.0.0.0/0")).collect());
    let remediator = remediator(&aws);
    remediator.handle(request()).await.unwrap();
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE, REVOKE, DESCRIBE]);
    aws.account().calls.clear();
    remediator.handle(request()).await.unwrap();
    assert_eq!(aws.account().calls, [DESCRIBE]);
}

/// Nothing left to do is success. A group that vanished too.
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
    assert_eq!(ids(&response.revoked), ["sgr-1", "sgr-4"]);
    assert_eq!(aws.account().calls, [POLICY, DESCRIBE]);
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

/// Whether SSM hands an empty list over as a list or as text is not documented.
#[rstest]
#[case(json!([]))]
#[case(json!("[]"))]
#[case(json!(""))]
#[tokio::test]
async fn an_empty_list_may_come_as_text(#[case] list: Value) {
    assert_eq!(handle(&aws(), with("replacementCidrs", list)).await.unwrap().status, Status::Closed);
}

/// Who cannot be told to be exempt or not is not closed.
#[tokio::test]
async fn a_group_that_ec2_does_not_know_any_more_is_left() {
    let aws = aws();
    aws.account().rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22","ExemptionTagKey":"Keep"}"#.into()));
    aws.fail("ec2:DescribeSecurityGroups", "InternalError");
    assert!(handle(&aws, request()).await.unwrap_err().to_string().contains("nothing was changed"));
    aws.meanwhile("ec2:DescribeSecurityGroups", |account| account.groups.clear());
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(error.to_string().starts_with("nothing was changed: EC2 lists rules"), "{error}");
    assert_eq!(aws.count(REVOKE), 0);
}

/// An exemption counts at once for who changes things, warm or not.
#[tokio::test]
async fn a_new_exemption_counts_at_once() {
    let aws = aws();
    let parameters = r#"{"FocusOnPorts":"22","ExemptionsParameter":"/p"}"#;
    aws.account().rules.insert("portcullis".into(), Some(parameters.into()));
    aws.account().parameters.insert("/p".into(), r#"{"version":1,"exemptions":[]}"#.into());
    let remediator = remediator(&aws);
    assert_eq!(remediator.handle(with("dryRun", json!(true))).await.unwrap().status, Status::Planned);
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2027-01-01","reason":"r"}}]}}"#
    );
    aws.account().parameters.insert("/p".into(), document);
    assert_eq!(remediator.handle(request()).await.unwrap().status, Status::Exempt);
}

/// What the role may not do is not tried rule by rule, nor again.
#[tokio::test]
async fn a_denied_revoke_is_tried_once() {
    let aws = aws();
    aws.account().protected.extend(["sgr-1".to_owned(), "sgr-4".to_owned()]);
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Failed);
    assert_eq!(aws.count(REVOKE), 1);
}

fn somebody_narrows_rule_1(account: &mut Account) {
    for rule in &mut account.groups.get_mut(GROUP).unwrap().ingress {
        if rule.id.as_deref() == Some("sgr-1") {
            rule.source = "10.0.0.0/8".into();
        }
    }
}

/// A rule that is mended between two rounds, and keeps its id, stays.
#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_mends_meanwhile_stays() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    aws.fail(REVOKE, "InternalError");
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, somebody_narrows_rule_1);
    let response = handle(&aws, request()).await.unwrap();
    assert!(response.revoked.is_empty());
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
#[case(with("strategy", json!("Burn")), "unknown variant `Burn`, expected `Revoke`")]
#[case(with("replacementCidrs", json!(["10.0.0.0/8"])), "`replacementCidrs` does not go with strategy `Revoke`")]
#[case(with("replacementCidrs", json!(r#"["10.0.0.0/8"]"#)), "`replacementCidrs` does not go with strategy `Revoke`")]
#[case(with("replacementCidrs", json!("10.0.0.0/8")), "`replacementCidrs` is `10.0.0.0/8`, which is not a list")]
#[case(with("dryRun", json!("yes")), "`dryRun` is `yes`, neither true nor false")]
#[case(with("dryrun", json!(true)), "unknown field `dryrun`")]
#[tokio::test]
async fn a_request_that_is_not_understood_is_refused(#[case] request: Value, #[case] expected: &str) {
    let aws = aws();
    let error = handle(&aws, request).await.unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("the request is refused, nothing was changed: "), "{message}");
    assert!(message.contains(expected), "{message}");
    assert_eq!(Diagnostic::from(error).error_type, "InvalidRequest");
    assert_eq!(aws.account().calls, Vec::<&str>::new());
}

// --- Unknown is never closed, and never called closed

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
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(Diagnostic::from(error).error_type, kind);
    assert_eq!(aws.count(REVOKE), 0);
}

#[tokio::test]
async fn what_cannot_be_judged_fails_and_is_left() {
    let aws = aws_with(vec![rule("1", 22, "pl-0badbad")]);
    let error = handle(&aws, request()).await.unwrap_err();
    assert_eq!(Diagnostic::from(error).error_type, "CannotJudge");
    assert_eq!(aws.count(REVOKE), 0);
}

/// What is certain is closed; what cannot be judged makes the outcome partial.
#[tokio::test]
async fn beside_an_exposure_the_unjudged_rule_makes_it_partial() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "pl-0badbad")]);
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(ids(&response.revoked), ["sgr-1"]);
    assert_eq!(ids(response.remaining.iter().map(|remaining| &remaining.rule)), ["sgr-2"]);
}

#[tokio::test]
async fn prefix_lists_are_resolved() {
    let aws = aws_with(vec![rule("1", 22, "pl-0f00ba4"), rule("2", 22, "pl-0a0a0a0")]);
    let entries = ["0.0.0.0/0"].iter().map(|cidr| cidr.parse::<ipnetwork::IpNetwork>().unwrap()).collect();
    aws.account().prefix_lists.insert("pl-0f00ba4".into(), PrefixList::Entries(entries));
    aws.account().prefix_lists.insert("pl-0a0a0a0".into(), PrefixList::AwsOwned);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(ids(&response.revoked), ["sgr-1"]);
    assert_eq!(left(&aws), ["sgr-2"]);
}

// --- Others are at work too

fn somebody_removes_rule_1(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.id.as_deref() != Some("sgr-1"));
}

/// A rule that vanished meanwhile counts as done.
#[tokio::test(start_paused = true)]
async fn a_rule_that_vanished_meanwhile_counts_as_done() {
    let aws = aws();
    aws.meanwhile(REVOKE, somebody_removes_rule_1);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.revoked), ["sgr-4"]);
    assert_eq!(ids(&response.already_absent), ["sgr-1"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

/// A group that vanished too.
#[tokio::test(start_paused = true)]
async fn a_group_that_vanished_meanwhile_counts_as_done() {
    let aws = aws();
    aws.meanwhile(REVOKE, |account| account.groups.clear());
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.already_absent), ["sgr-1", "sgr-4"]);
}

fn somebody_opens_port_3389(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.push(rule("9", 3389, "0.0.0.0/0"));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_adds_meanwhile_is_closed_too() {
    let aws = aws();
    aws.meanwhile(REVOKE, somebody_opens_port_3389);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(ids(&response.revoked), ["sgr-1", "sgr-4", "sgr-9"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

/// The answer to a revoke is lost: the next round finds the rules gone.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_out() {
    let aws = aws();
    aws.lose_answer(REVOKE);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.already_absent), ["sgr-1", "sgr-4"]);
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
    assert_eq!(ids(&response.revoked), ["sgr-4"]);
    assert_eq!(ids(response.remaining.iter().map(|remaining| &remaining.rule)), ["sgr-1"]);
    assert!(response.message.contains("OperationNotPermitted"), "{}", response.message);
    assert_eq!(left(&aws), ["sgr-1", "sgr-2", "sgr-3"]);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_can_be_revoked_it_has_failed() {
    let aws = aws();
    for _ in 0..30 {
        aws.fail(REVOKE, "UnauthorizedOperation");
    }
    let result = handle(&aws, request()).await;
    let error = result.unwrap_err();
    assert!(error.to_string().starts_with("FAILED: sg-0aaaaaaaaaaaaaaaa: 0 rules revoked, 2 still open"), "{error}");
    assert!(error.to_string().contains("allow ec2:RevokeSecurityGroupIngress in the role"), "{error}");
    let response = incomplete(Err(error));
    assert_eq!(ids(response.remaining.iter().map(|remaining| &remaining.rule)), ["sgr-1", "sgr-4"]);
    assert_eq!(left(&aws).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_got_over() {
    let aws = aws();
    aws.fail(REVOKE, "RequestLimitExceeded");
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3"]);
}

#[tokio::test]
async fn when_the_result_cannot_be_read_it_is_not_called_closed() {
    let aws = aws();
    aws.meanwhile(DESCRIBE, |_| {});
    aws.fail(DESCRIBE, "InternalError");
    let response = incomplete(handle(&aws, request()).await);
    assert_eq!(response.status, Status::Partial);
    assert!(response.message.contains("the result could not be verified"), "{}", response.message);
}

/// Many rules go in chunks.
#[tokio::test(start_paused = true)]
async fn many_rules_go_in_chunks() {
    let aws = aws_with((0..250).map(|number| rule(&number.to_string(), 22, "0.0.0.0/0")).collect());
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.revoked.len(), 250);
    assert_eq!(aws.count(REVOKE), 3);
}
