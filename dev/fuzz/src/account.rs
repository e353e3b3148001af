//! The account that inputs are tried on: two functions of the product around one account in memory.

use std::collections::BTreeMap;

use aws_events::config::{ConfigurationItem, SECURITY_GROUP_RESOURCE_TYPE};
use aws_traits::config::{Compliance, Evaluation, RemediationException};
use aws_traits::fakes::{FakeAws, Object};
use aws_traits::network_acl::VpcNetworkAcl;
use exposure::{IngressRule, PrefixList, SecurityGroup, Traffic};
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use judgement::ConfigRulePolicy;
use remediation::{Payload, Remediation, RemediationError, Request, Response};
use rule_evaluator::{Evaluator, EvaluatorError, InvocationSummary};
use serde_json::{Map, Value};

/// The group that the samples are about.
pub(crate) const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
/// A group beside it, which no request of the samples names.
pub(crate) const OTHER_GROUP: &str = "sg-0bbbbbbbbbbbbbbbb";
/// The Config rule.
pub(crate) const RULE: &str = "portcullis";
/// The parameters of the Config rule.
pub(crate) const RULE_PARAMETERS: &str = r#"{"FocusOnPorts":"22,3389"}"#;
/// The prefix list that can be read; it has private addresses only.
pub(crate) const PREFIX_LIST: &str = "pl-0f00ba4";
/// The SSM parameter with the exemptions.
pub(crate) const EXEMPTIONS_PARAMETER: &str = "/portcullis/exemptions";
/// The account and region of the fakes, where their bucket is.
pub(crate) const SNAPSHOTS: &str = "security-groups/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa/";

fn timestamp(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    timestamp("2026-11-21T00:00:00Z")
}

pub(crate) fn network(text: &str) -> IpNetwork {
    text.parse().expect("a CIDR")
}

pub(crate) fn rule(id: &str, port: i64, source: &str) -> IngressRule {
    let traffic = Traffic::parse("tcp", Some(port), Some(port));
    IngressRule { id: Some(format!("sgr-{id}")), ..IngressRule::new(traffic, source.into()) }
}

/// An account with two groups that are open to the world, and what belongs to them.
pub(crate) fn account() -> FakeAws {
    let aws = FakeAws::default();
    {
        let mut account = aws.account();
        for id in [GROUP, OTHER_GROUP] {
            let group = SecurityGroup {
                id: id.to_owned(),
                name: Some("web".to_owned()),
                vpc_id: Some("vpc-0a1b2c3d".to_owned()),
                owner_id: Some("111122223333".to_owned()),
                ingress: vec![
                    rule("1", 22, "0.0.0.0/0"),
                    rule("2", 22, "10.0.0.0/8"),
                    rule("3", 443, "0.0.0.0/0"),
                    rule("4", 22, "::/0"),
                ],
                ..SecurityGroup::default()
            };
            account.groups.insert(id.to_owned(), group);
        }
        account.rules.insert(RULE.to_owned(), Some(RULE_PARAMETERS.to_owned()));
        let list = PrefixList::Entries([network("10.0.0.0/8")].into_iter().collect());
        account.prefix_lists.insert(PREFIX_LIST.to_owned(), list);
        let acl = exposure::NetworkAcl {
            id: "acl-0a1b2c3d".to_owned(),
            ingress: vec![exposure::AclEntry {
                number: 100,
                action: exposure::AclAction::Allow,
                traffic: Traffic::All,
                source: "0.0.0.0/0".into(),
            }],
        };
        let vpc_acl = VpcNetworkAcl { vpc_id: "vpc-0a1b2c3d".to_owned(), acl };
        account.network_acls.insert("acl-0a1b2c3d".to_owned(), vpc_acl);
        account.subnets.insert(GROUP.to_owned(), vec![("subnet-1".to_owned(), "acl-0a1b2c3d".to_owned())]);
        account.vpcs.insert("vpc-0a1b2c3d".to_owned(), [network("10.0.0.0/16")].into_iter().collect());
        let configuration = r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[]}"#;
        let item = ConfigurationItem {
            resource_type: SECURITY_GROUP_RESOURCE_TYPE.to_owned(),
            resource_id: GROUP.to_owned(),
            status: "OK".to_owned(),
            capture_time: timestamp("2026-03-01T10:15:30.123Z"),
            account_id: None,
            tags: BTreeMap::new(),
            configuration: Some(configuration.to_owned()),
        };
        account.history.insert(GROUP.to_owned(), item);
    }
    aws
}

/// Runs a handler to its end. Time stands still but for timers, which fire at once when nothing else is left to do.
fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Evaluates an event with the rule-evaluator.
pub(crate) fn evaluate(aws: &FakeAws, event: Map<String, Value>) -> Result<InvocationSummary, EvaluatorError> {
    run(Evaluator::new(aws.clone(), now).handle(event))
}

/// Reads a request and carries it out.
pub(crate) fn remediate(aws: &FakeAws, request: impl Into<Payload>) -> Result<Response, RemediationError> {
    let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
    let remediation = Remediation::new(aws.clone(), Box::new(policy), now);
    run(remediation.run(&Request::from_payload(request)?, timestamp("2026-11-21T00:02:00Z")))
}

/// The evaluations that were handed in, and are `COMPLIANT`.
pub(crate) fn compliant(aws: &FakeAws) -> Vec<Evaluation> {
    let account = aws.account();
    account.evaluations.iter().filter(|evaluation| evaluation.compliance == Compliance::Compliant).cloned().collect()
}

/// All that a remediation can change.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) groups: BTreeMap<String, SecurityGroup>,
    network_acls: Vec<(String, exposure::NetworkAcl)>,
    objects: BTreeMap<String, Object>,
    exceptions: BTreeMap<(String, String), RemediationException>,
}

impl State {
    pub(crate) fn of(aws: &FakeAws) -> Self {
        let account = aws.account();
        Self {
            groups: account.groups.clone(),
            network_acls: account.network_acls.iter().map(|(id, acl)| (id.clone(), acl.acl.clone())).collect(),
            objects: account.objects.clone(),
            exceptions: account.exceptions.clone(),
        }
    }

    /// The rules of the group that the samples are about.
    pub(crate) fn rules(&self) -> &[IngressRule] {
        self.groups.get(GROUP).map(|group| group.ingress.as_slice()).unwrap_or_default()
    }
}
