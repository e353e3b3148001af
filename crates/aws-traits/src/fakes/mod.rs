//! In-memory implementations of all traits, with a record of the calls and failures on demand.

mod config;
mod ec2;
mod events;
mod network_acl;
mod object_store;
mod schedules;
mod ssm;
mod state;
mod surroundings;

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use aws_events::cloudtrail::RuleChange;
use aws_events::config::ConfigurationItem;
use exposure::{AddressSet, PrefixList, SecurityGroup};
use jiff::Timestamp;
use serde_json::Value;

use crate::config::{Evaluation, GroupResult, RemediationException, StoredResult};
use crate::error::AwsError;
use crate::events::{Event, EventBus};
use crate::network_acl::VpcNetworkAcl;
use crate::object_store::StoreLocation;
use crate::schedules::Schedule;
use crate::services::Services;
use crate::ssm::{ExecutionState, NewExecution};
use crate::surroundings::{Database, Interface, Tags};

/// An AWS account in memory. Clones share the account.
#[derive(Debug, Clone)]
pub struct FakeAws {
    account: Arc<Mutex<Account>>,
    location: StoreLocation,
    bus: Option<EventBus>,
    /// Whether each call lets other futures run before it is carried out.
    yields: bool,
}

impl Default for FakeAws {
    fn default() -> Self {
        let location = StoreLocation {
            base: "s3://portcullis-snapshots".to_owned(),
            account_id: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let bus = EventBus { name: "default".to_owned(), region: location.region.clone() };
        Self { account: Arc::default(), location, bus: Some(bus), yields: false }
    }
}

/// State of the account. Tests set it up and inspect it through [`FakeAws::account`].
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch")]
pub struct Account {
    /// Security groups by id.
    pub groups: BTreeMap<String, SecurityGroup>,
    /// `InputParameters` of Config rules by name.
    pub rules: BTreeMap<String, Option<String>>,
    /// SSM parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Prefix lists by id.
    pub prefix_lists: BTreeMap<String, PrefixList>,
    /// Prefix lists that are being changed: how often they are still found so.
    pub changing_lists: BTreeMap<String, usize>,
    /// Schedules by name.
    pub schedules: BTreeMap<String, Schedule>,
    /// The recorded configuration items by resource id.
    pub history: BTreeMap<String, ConfigurationItem>,
    /// Results that the rule already has.
    pub reported: Vec<GroupResult>,
    /// The evaluations that were stored, in order.
    pub evaluations: Vec<Evaluation>,
    /// The events that were put, in order.
    pub events: Vec<Event>,
    /// Texts of events that the bus does not take.
    pub rejected_events: Vec<String>,
    /// Whether the last `PutEvaluations` was in test mode.
    pub test_mode: bool,
    /// Resource ids that `PutEvaluations` silently does not store.
    pub not_stored: Vec<String>,
    /// Whether result tokens have expired.
    pub token_expired: bool,
    /// Ids of rules that the caller may not revoke.
    pub protected: Vec<String>,
    /// Ids of rules that cannot be revoked by any caller.
    pub locked: Vec<String>,
    /// Most ingress rules of one address family in a group; 0 for no limit.
    pub quota: usize,
    /// Network ACLs by id.
    pub network_acls: BTreeMap<String, VpcNetworkAcl>,
    /// Subnets with interfaces of a group, and the ACL of each, by group.
    pub subnets: BTreeMap<String, Vec<(String, String)>>,
    /// Addresses by VPC.
    pub vpcs: BTreeMap<String, AddressSet>,
    /// Whether the groups are in the default VPC, in which EC2 ignores rules to revoke that a group does not have.
    pub is_default_vpc: bool,
    /// Objects of the bucket by key.
    pub objects: BTreeMap<String, Object>,
    /// The KMS key that the caller may use, and that encrypts new objects.
    pub kms_key: Option<String>,
    /// Remediation exceptions by rule and group.
    pub exceptions: BTreeMap<(String, String), RemediationException>,
    /// Results that AWS Config has stored, by rule and group.
    pub results: BTreeMap<(String, String), StoredResult>,
    /// Rules that were evaluated on demand, in order.
    pub started: Vec<String>,
    /// Whether AWS Config refuses another evaluation at the moment.
    pub is_evaluating: bool,
    /// Reason with which AWS Config refuses exceptions, if it does.
    pub exception_refused: Option<String>,
    /// Groups or results on a page; 0 for all.
    pub page_size: usize,
    /// Items of the state table by partition and id: the attributes, and when the item expires.
    pub state: BTreeMap<(String, String), (Value, Timestamp)>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// Tags of instances by id, and of load balancers by ARN or name.
    pub tags: BTreeMap<String, Tags>,
    /// Database instances.
    pub databases: Vec<Database>,
    /// Changes to rules that CloudTrail has, by group.
    pub rule_changes: BTreeMap<String, Vec<RuleChange>>,
    /// Executions of SSM documents that were started, and how far each is; the first is `execution-1`.
    pub executions: Vec<(NewExecution, ExecutionState)>,
    /// The operations that were called, in order.
    pub calls: Vec<&'static str>,
    faults: VecDeque<Fault>,
    /// Changes by others, each just before the call with this number.
    changes: Vec<(usize, Change)>,
    /// Number of further calls after which none is answered.
    cut_after: Option<usize>,
    rules_made: usize,
}

/// An object of the bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Content.
    pub json: String,
    /// Metadata by name.
    pub metadata: BTreeMap<String, String>,
    /// KMS key that encrypts it.
    pub kms_key: Option<String>,
}

impl From<&str> for Object {
    fn from(json: &str) -> Self {
        Self { json: json.to_owned(), ..Self::default() }
    }
}

/// A change of the account by someone else.
pub type Change = fn(&mut Account);

/// A disturbance of the next call of an operation.
#[derive(Debug)]
struct Fault {
    operation: &'static str,
    then: Then,
}

#[derive(Debug)]
enum Then {
    Fail { code: &'static str },
    FailAfterwards { code: &'static str },
    Meanwhile(Change),
    Hang,
}

impl FakeAws {
    /// The account, with events switched off.
    #[must_use]
    pub fn without_events(self) -> Self {
        Self { bus: None, ..self }
    }

    /// The account, whose calls take a turn each: other futures run before a call is carried out.
    #[must_use]
    pub fn with_turns(self) -> Self {
        Self { yields: true, ..self }
    }

    /// The account, locked.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next call of `operation` fail with `code` and do nothing. Faults of one operation queue up.
    pub fn fail(&self, operation: &'static str, code: &'static str) {
        self.account().faults.push_back(Fault { operation, then: Then::Fail { code } });
    }

    /// Makes the next call of `operation` succeed, but loses its answer.
    pub fn lose_answer(&self, operation: &'static str) {
        self.account().faults.push_back(Fault { operation, then: Then::FailAfterwards { code: "RequestTimeout" } });
    }

    /// Changes the account just before the next call of `operation`.
    pub fn meanwhile(&self, operation: &'static str, change: Change) {
        self.account().faults.push_back(Fault { operation, then: Then::Meanwhile(change) });
    }

    /// Changes the account just before the call with this number, counted from 0, whatever it is.
    pub fn meanwhile_at(&self, call: usize, change: Change) {
        self.account().changes.push((call, change));
    }

    /// Drops the disturbances and the changes by others that are still to come.
    pub fn undisturbed(&self) {
        let mut account = self.account();
        account.faults.clear();
        account.changes.clear();
    }

    /// Leaves the next call of `operation` without an answer.
    pub fn hang(&self, operation: &'static str) {
        self.account().faults.push_back(Fault { operation, then: Then::Hang });
    }

    /// Answers `calls` - 1 further calls. The next one succeeds without an answer, and later ones do nothing: as if the
    /// caller were killed there.
    pub fn cut_after(&self, calls: usize) {
        self.account().cut_after = Some(calls);
    }

    /// Returns true once no call is answered any more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.account().cut_after == Some(0)
    }

    /// Answers again after a cut.
    pub fn answer_again(&self) {
        self.account().cut_after = None;
    }

    /// Number of calls of `operation`.
    #[must_use]
    pub fn count(&self, operation: &'static str) -> usize {
        self.account().calls.iter().filter(|&&call| call == operation).count()
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        work: impl FnOnce(&mut Account) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        if self.yields {
            turn().await;
        }
        match self.answer(operation, subject, work) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// The answer of the service, or `None` for no answer.
    fn answer<T>(
        &self,
        operation: &'static str,
        subject: &str,
        work: impl FnOnce(&mut Account) -> Result<T, AwsError>,
    ) -> Option<Result<T, AwsError>> {
        let mut account = self.account();
        if account.cut_after == Some(0) {
            return None;
        }
        let number = account.calls.len();
        for (_, change) in account.changes.extract_if(.., |(call, _)| *call == number).collect::<Vec<_>>() {
            change(&mut account);
        }
        account.calls.push(operation);
        let error = |code| AwsError::new(operation, subject, Some(code), "injected");
        let fault = account.faults.iter().position(|fault| fault.operation == operation);
        let answer = match fault.and_then(|index| account.faults.remove(index)).map(|fault| fault.then) {
            None => work(&mut account),
            Some(Then::Fail { code }) => Err(error(code)),
            Some(Then::FailAfterwards { code }) => work(&mut account).and(Err(error(code))),
            Some(Then::Meanwhile(change)) => {
                change(&mut account);
                work(&mut account)
            }
            Some(Then::Hang) => return None,
        };
        account.cut_after = account.cut_after.map(|calls| calls - 1);
        (account.cut_after != Some(0)).then_some(answer)
    }
}

/// Lets other futures run.
async fn turn() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Account {
    /// Writes an object, encrypted with the present key.
    pub fn put_object(&mut self, key: &str, json: String, metadata: BTreeMap<String, String>) {
        self.objects.insert(key.to_owned(), Object { json, metadata, kms_key: self.kms_key.clone() });
    }

    /// One page of `items`, starting at the index that `token` holds.
    fn page<T: Clone>(&self, items: &[T], token: Option<&str>) -> (Vec<T>, Option<String>) {
        let start = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let size = if self.page_size == 0 { usize::MAX } else { self.page_size };
        let page: Vec<T> = items.iter().skip(start).take(size).cloned().collect();
        let next = start + page.len();
        (page, (next < items.len()).then(|| next.to_string()))
    }
}

/// Every service is the account itself.
impl Services for FakeAws {
    type Config = Self;
    type Ec2 = Self;
    type Events = Self;
    type Ssm = Self;
    type State = Self;
    type Store = Self;

    fn config(&self) -> &Self {
        self
    }

    fn ec2(&self) -> &Self {
        self
    }

    fn events(&self) -> &Self {
        self
    }

    fn ssm(&self) -> &Self {
        self
    }

    fn state(&self) -> &Self {
        self
    }

    fn store(&self) -> &Self {
        self
    }
}
