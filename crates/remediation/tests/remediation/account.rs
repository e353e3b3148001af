//! An account in memory, and the requests that are made in it.

use std::future::poll_fn;
use std::task::Poll;

use aws_traits::fakes::FakeAws;
use exposure::{IngressRule, SecurityGroup, Traffic};
use jiff::{SignedDuration, Timestamp};
use judgement::ConfigRulePolicy;
use remediation::{Remediation, RemediationError, Request, Response, RuleRecord};
use serde_json::{Value, json};

pub(crate) const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
pub(crate) const DESCRIBE: &str = "ec2:DescribeSecurityGroupRules";
pub(crate) const REVOKE: &str = "ec2:RevokeSecurityGroupIngress";
pub(crate) const POLICY: &str = "config:DescribeConfigRules";
pub(crate) const AUTHORIZE: &str = "ec2:AuthorizeSecurityGroupIngress";
pub(crate) const PUT: &str = "s3:PutObject";
pub(crate) const GET: &str = "s3:GetObject";
pub(crate) const LIST: &str = "s3:ListBucket";
pub(crate) const SNAPSHOT: &str = "s3://portcullis-snapshots/security-groups/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa/20261121T000000.000Z_8a1b.json";

/// Time until the deadline of the function.
const TIME: SignedDuration = SignedDuration::from_mins(2);

pub(crate) fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

pub(crate) fn rule(id: &str, port: i64, source: &str) -> IngressRule {
    let traffic = Traffic::parse("tcp", Some(port), Some(port));
    IngressRule { id: Some(format!("sgr-{id}")), ..IngressRule::new(traffic, source.into()) }
}

/// A group open on 22 to both families, with rules that must stay.
pub(crate) fn aws() -> FakeAws {
    aws_with(vec![
        rule("1", 22, "0.0.0.0/0"),
        rule("2", 22, "10.0.0.0/8"),
        rule("3", 443, "0.0.0.0/0"),
        rule("4", 22, "::/0"),
    ])
}

pub(crate) fn aws_with(ingress: Vec<IngressRule>) -> FakeAws {
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

/// Exempts the group for the rule.
pub(crate) fn exempt(aws: &FakeAws) {
    let parameters = r#"{"FocusOnPorts":"22","ExemptionsParameter":"/p"}"#;
    let document = json!({"version":1,"exemptions":[{"securityGroupId":GROUP,"expires":"2027-01-01","reason":"r"}]});
    let mut account = aws.account();
    account.rules.insert("portcullis".into(), Some(parameters.into()));
    account.parameters.insert("/p".into(), document.to_string());
}

pub(crate) fn request() -> Value {
    json!({"action":"close","securityGroupId":GROUP,"configRuleName":"portcullis","strategy":"Revoke",
        "replacementCidrs":[],"dryRun":false,"executionId":"8a1b"})
}

pub(crate) fn with(field: &str, value: Value) -> Value {
    let mut request = request();
    request[field] = value;
    request
}

pub(crate) fn deadline() -> Timestamp {
    now() + TIME
}

pub(crate) fn remediation(aws: &FakeAws) -> Remediation<FakeAws> {
    remediation_at(aws, now)
}

/// A restore by a stack whose rule is `portcullis`.
pub(crate) async fn restore_by_the_stack(aws: &FakeAws, rule: &str) -> Result<Response, RemediationError> {
    let remediation = remediation(aws).with_own_rule("portcullis".to_owned());
    run(&remediation, restore_with("configRuleName", json!(rule)), deadline()).await
}

/// Number of lines with this message.
pub(crate) fn log_lines(message: &str) -> usize {
    crate::log::lines().iter().filter(|line| line["message"] == message).count()
}

fn remediation_at(aws: &FakeAws, now: fn() -> Timestamp) -> Remediation<FakeAws> {
    Remediation::new(aws.clone(), Box::new(ConfigRulePolicy::new(aws.clone(), aws.clone())), now)
}

pub(crate) async fn handle(aws: &FakeAws, request: Value) -> Result<Response, RemediationError> {
    handle_at(aws, now, request).await
}

/// Reads a payload and carries it out.
pub(crate) async fn run(
    remediation: &Remediation<FakeAws>,
    payload: Value,
    deadline: Timestamp,
) -> Result<Response, RemediationError> {
    remediation.run(&Request::from_payload(payload)?, deadline).await
}

/// Handles a request at another time.
pub(crate) async fn handle_at(
    aws: &FakeAws,
    now: fn() -> Timestamp,
    request: Value,
) -> Result<Response, RemediationError> {
    run(&remediation_at(aws, now), request, now() + TIME).await
}

/// Handles a request until AWS stops answering, as if the function were killed there: then returns `None`. Afterwards,
/// AWS answers again.
pub(crate) async fn handle_until_cut(aws: &FakeAws, request: Value) -> Option<Result<Response, RemediationError>> {
    let remediation = remediation(aws);
    let outcome = tokio::select! {
        biased;
        outcome = run(&remediation, request, deadline()) => Some(outcome),
        () = poll_fn(|_| if aws.is_cut() { Poll::Ready(()) } else { Poll::Pending }) => None,
    };
    aws.answer_again();
    outcome
}

pub(crate) fn ids<'a>(rules: impl IntoIterator<Item = &'a RuleRecord>) -> Vec<String> {
    rules.into_iter().map(|rule| rule.security_group_rule_id.clone().unwrap()).collect()
}

pub(crate) fn left(aws: &FakeAws) -> Vec<String> {
    let account = aws.account();
    account
        .groups
        .get(GROUP)
        .map_or_else(Vec::new, |group| group.ingress.iter().map(|rule| rule.id.clone().unwrap()).collect())
}

pub(crate) fn incomplete(result: Result<Response, RemediationError>) -> Response {
    match result {
        Err(RemediationError::Incomplete(response)) => *response,
        other => panic!("not incomplete: {other:?}"),
    }
}

pub(crate) fn ports(id: &str, from: i64, to: i64, source: &str) -> IngressRule {
    let tags = [("team".to_owned(), "web".to_owned())].into();
    let traffic = Traffic::parse("tcp", Some(from), Some(to));
    let id = Some(format!("sgr-{id}"));
    IngressRule { id, description: Some(format!("rule {from}")), tags, ..IngressRule::new(traffic, source.into()) }
}

/// The rules of the group without their ids.
pub(crate) fn admitted(aws: &FakeAws) -> Vec<String> {
    let account = aws.account();
    let rules = account.groups.get(GROUP).map(|group| group.ingress.clone()).unwrap_or_default();
    let mut admitted: Vec<_> = rules
        .iter()
        .map(|rule| {
            let description = rule.description.as_deref().unwrap_or("-");
            format!("{} {} {description} {:?}", rule.traffic, rule.source, rule.tags)
        })
        .collect();
    admitted.sort();
    admitted
}

pub(crate) fn carve() -> Value {
    with("strategy", json!("Carve"))
}

pub(crate) fn restore() -> Value {
    json!({"action":"restore","securityGroupId":GROUP,"configRuleName":"portcullis","snapshot":"latest",
        "exceptionHours":"24","dryRun":"false","executionId":"9c2d"})
}

pub(crate) fn restore_with(field: &str, value: Value) -> Value {
    let mut request = restore();
    request[field] = value;
    request
}
