//! The account, its clock, its owner, and AWS Config.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;

use aws_traits::config::{RemediationException, StoredResult};
use aws_traits::fakes::FakeAws;
use aws_traits::fakes::Object;
use aws_traits::network_acl::VpcNetworkAcl;
use exposure::{IngressRule, SecurityGroup, Source, Traffic};
use jiff::{SignedDuration, Timestamp};
use judgement::ConfigRulePolicy;
use remediation::{ReevaluationLimits, Remediation, RemediationError, Response};
use serde_json::{Value, json};

use super::reach::{content, exposes, is_world};
use crate::account::{GROUP, now, ports, rule, run};
use crate::network_acl::{ACL, aws_in_subnets};

pub(super) const OTHER: &str = "sg-0bbbbbbbbbbbbbbbb";
pub(super) const RULE: &str = "portcullis";
const HOLD: &str = "holds/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa.json";
/// Blocked ports of each policy.
const POLICIES: [&[i64]; 3] = [&[22, 3389], &[22], &[3389, 8080]];
const QUOTA: usize = 60;

thread_local! {
    static CLOCK: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
}

pub(super) fn clock() -> Timestamp {
    CLOCK.get()
}

/// Everything that an action can change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) groups: Vec<SecurityGroup>,
    pub(super) acl: VpcNetworkAcl,
    objects: Vec<(String, Object)>,
    exceptions: Vec<RemediationException>,
    started: usize,
}

impl State {
    /// The rules of the group.
    pub(super) fn rules(&self) -> &[IngressRule] {
        &self.groups[0].ingress
    }

    pub(super) fn is_open(&self, blocked: &[i64]) -> bool {
        self.rules().iter().any(|rule| exposes(rule, blocked))
    }

    /// Keys of the snapshots of closings, oldest first.
    pub(super) fn snapshots(&self) -> impl DoubleEndedIterator<Item = &str> {
        let has_json = |key: &str| key.rsplit_once('.').is_some_and(|(_, extension)| extension == "json");
        let is_snapshot = move |key: &&str| key.starts_with("security-groups/") && has_json(key);
        self.objects.iter().map(|(key, _)| key.as_str()).filter(is_snapshot)
    }

    /// End of the hold that is in force.
    pub(super) fn hold(&self) -> Option<Timestamp> {
        let (_, hold) = self.objects.iter().find(|(key, _)| key == HOLD)?;
        hold.metadata.get("until").unwrap().parse().ok().filter(|until| *until > clock())
    }
}

pub(super) struct World {
    pub(super) aws: FakeAws,
    pub(super) is_exempt: bool,
    policy: usize,
    /// Whether AWS Config has a change to evaluate.
    pub(super) is_changed: bool,
    /// Number of evaluations on demand that AWS Config has carried out.
    evaluated: usize,
    made: usize,
    executions: usize,
}

impl World {
    pub(super) fn new(is_default_vpc: bool) -> Self {
        CLOCK.set(now());
        let aws = aws_in_subnets();
        {
            let mut account = aws.account();
            account.quota = QUOTA;
            account.is_default_vpc = is_default_vpc;
            account.groups.get_mut(GROUP).unwrap().ingress.clear();
            let ingress = vec![rule("9", 22, "0.0.0.0/0")];
            let group = SecurityGroup { id: OTHER.into(), ingress, ..account.groups[GROUP].clone() };
            account.groups.insert(OTHER.into(), group);
            account.subnets.insert(OTHER.into(), vec![("subnet-1".into(), ACL.into())]);
        }
        let mut world =
            Self { aws, is_exempt: false, policy: 0, is_changed: false, evaluated: 0, made: 0, executions: 0 };
        world.set_policy(0);
        world.set_exempt(false);
        world.evaluate();
        world
    }

    pub(super) fn state(&self) -> State {
        let account = self.aws.account();
        State {
            groups: account.groups.values().cloned().collect(),
            acl: account.network_acls[ACL].clone(),
            objects: account.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect(),
            exceptions: account.exceptions.values().cloned().collect(),
            started: account.started.len(),
        }
    }

    pub(super) fn blocked(&self) -> &'static [i64] {
        POLICIES[self.policy]
    }

    /// Whether every object in the bucket can be read with the present key.
    pub(super) fn is_readable(&self) -> bool {
        let account = self.aws.account();
        account.objects.values().all(|object| object.kms_key.is_none() || object.kms_key == account.kms_key)
    }

    pub(super) fn has_room(&self, rules: usize) -> bool {
        self.aws.account().groups[GROUP].ingress.len() + rules <= QUOTA
    }

    /// Lets time pass. AWS Config deletes the exceptions that have expired.
    pub(super) fn pass(&mut self, time: SignedDuration) {
        CLOCK.set(clock() + time);
        self.aws.account().exceptions.retain(|_, exception| exception.expires.is_none_or(|end| end > clock()));
    }

    // --- People

    pub(super) fn set_policy(&mut self, index: usize) {
        self.policy = index % POLICIES.len();
        let ports: Vec<_> = self.blocked().iter().map(ToString::to_string).collect();
        let parameters = json!({"FocusOnPorts":ports.join(","),"ExemptionsParameter":"/p"});
        self.aws.account().rules.insert(RULE.into(), Some(parameters.to_string()));
        self.is_changed = true;
    }

    /// AWS Config does not notice the change of a document.
    pub(super) fn set_exempt(&mut self, is_exempt: bool) {
        self.is_exempt = is_exempt;
        let exemption = json!({"securityGroupId":GROUP,"expires":"2030-01-01","reason":"r"});
        let exemptions = if is_exempt { vec![exemption] } else { Vec::new() };
        let document = json!({"version":1,"exemptions":exemptions});
        self.aws.account().parameters.insert("/p".into(), document.to_string());
    }

    pub(super) fn set_key(&self, index: usize) {
        let key = |name: &str| Some(format!("arn:aws:kms:us-east-1:111122223333:key/{name}"));
        self.aws.account().kms_key = match index % 3 {
            0 => None,
            1 => key("first"),
            _ => key("second"),
        };
    }

    /// Changes the rules of the group, if EC2 accepts it.
    fn edit(&mut self, change: impl FnOnce(&mut Vec<IngressRule>)) {
        let mut account = self.aws.account();
        let rules = &mut account.groups.get_mut(GROUP).unwrap().ingress;
        let mut after = rules.clone();
        change(&mut after);
        let distinct: BTreeSet<_> = after.iter().map(content).collect();
        let v4 = after.iter().filter(|rule| matches!(rule.source, Source::Cidr(network) if network.is_ipv4()));
        if distinct.len() == after.len() && v4.count() <= QUOTA && *rules != after {
            *rules = after;
            self.is_changed = true;
        }
    }

    fn add(&mut self, rule: IngressRule) {
        self.made += 1;
        let id = Some(format!("sgr-owner{}", self.made));
        self.edit(|rules| rules.push(IngressRule { id, ..rule }));
    }

    pub(super) fn open(&mut self, index: usize) {
        let all = IngressRule::new(Traffic::All, "0.0.0.0/0".into());
        let open = [
            rule("", 22, "0.0.0.0/0"),
            rule("", 22, "::/0"),
            ports("", 20, 25, "0.0.0.0/0"),
            ports("", 20, 25, "::/0"),
            rule("", 3389, "0.0.0.0/0"),
            ports("", 3380, 3390, "::/0"),
            rule("", 8080, "0.0.0.0/0"),
            ports("", 3000, 9000, "0.0.0.0/0"),
            all,
        ];
        self.add(open[index % open.len()].clone());
    }

    pub(super) fn add_innocent(&mut self, index: usize) {
        let innocent = [
            rule("", 443, "0.0.0.0/0"),
            rule("", 22, "10.9.0.0/16"),
            ports("", 8443, 8443, "192.0.2.0/24"),
            rule("", 9000, "::/0"),
        ];
        self.add(innocent[index % innocent.len()].clone());
    }

    pub(super) fn narrow(&mut self, index: usize) {
        self.edit(|rules| {
            let mut open: Vec<_> = rules.iter_mut().filter(|rule| is_world(&rule.source)).collect();
            if open.is_empty() {
                return;
            }
            let index = index % open.len();
            let narrow = if open[index].source.to_string() == "::/0" { "2001:db8::/32" } else { "192.0.2.0/24" };
            open[index].source = narrow.into();
        });
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.edit(|rules| {
            if !rules.is_empty() {
                rules.remove(index % rules.len());
            }
        });
    }

    pub(super) fn fill(&mut self, but: usize) {
        for port in 10_000.. {
            if !self.has_room(but + 1) {
                break;
            }
            self.add(rule("", port, "10.7.0.0/16"));
        }
    }

    pub(super) fn empty(&mut self) {
        self.edit(|rules| rules.retain(|rule| rule.source.to_string() != "10.7.0.0/16"));
    }

    // --- Portcullis

    /// Carries out a request, or returns `None` if the function was killed.
    pub(super) async fn handle(&mut self, mut request: Value) -> Option<Result<Response, RemediationError>> {
        self.executions += 1;
        request["executionId"] = json!(format!("e{:04}", self.executions));
        let is_non_compliant = self.result().is_non_compliant;
        self.aws.account().exception_refused = (!is_non_compliant).then(|| "the resource is compliant".to_owned());
        let before = self.state();
        let remediation = self.remediation();
        let outcome = tokio::select! {
            biased;
            outcome = run(&remediation, request, clock() + SignedDuration::from_mins(2)) => Some(outcome),
            () = poll_fn(|_| if self.aws.is_cut() { Poll::Ready(()) } else { Poll::Pending }) => None,
        };
        self.aws.answer_again();
        self.aws.undisturbed();
        self.is_changed |= self.state().rules() != before.rules();
        outcome
    }

    fn remediation(&self) -> Remediation<FakeAws> {
        let policy = ConfigRulePolicy::new(self.aws.clone(), self.aws.clone());
        Remediation::new(self.aws.clone(), Box::new(policy), clock)
            .with_reevaluations(ReevaluationLimits { per_day: 1000, ..ReevaluationLimits::default() })
            .with_own_rule(RULE.to_owned())
    }

    pub(super) async fn sweep(&self) {
        self.remediation().sweep(RULE, None).await.unwrap();
    }

    // --- AWS Config

    fn result(&self) -> StoredResult {
        self.aws.account().results[&(RULE.to_owned(), GROUP.to_owned())]
    }

    pub(super) fn evaluate(&mut self) {
        let is_non_compliant = !self.is_exempt && self.state().is_open(self.blocked());
        let mut account = self.aws.account();
        self.evaluated = account.started.len();
        let result = StoredResult { is_non_compliant, recorded: clock() };
        account.results.insert((RULE.into(), GROUP.into()), result);
        self.is_changed = false;
    }

    /// Evaluates the rule if there is a reason to. Returns true if automatic mode then starts a closing.
    pub(super) fn starts_closing(&mut self) -> bool {
        if self.is_changed || self.aws.account().started.len() > self.evaluated {
            self.evaluate();
        }
        let is_parked = self.aws.account().exceptions.contains_key(&(RULE.to_owned(), GROUP.to_owned()));
        self.result().is_non_compliant && !is_parked
    }
}
