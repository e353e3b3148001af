//! Services of the remediation, for the command line.

use aws_adapters::{Config, Ec2};
use aws_traits::config::{Reevaluations, RemediationException, RemediationExceptions, StoredResult};
use aws_traits::{AwsError, Services};
use jiff::Timestamp;

use crate::aws::policy::CommandPolicy;
use crate::aws::session::Target;
use crate::aws::snapshot_store::SnapshotStore;

/// EC2 and a store of one account and region, and AWS Config if there is a deployed rule.
#[derive(Debug)]
pub(crate) struct TerminalServices {
    config: RuleExceptions,
    ec2: Ec2,
    store: SnapshotStore,
}

impl TerminalServices {
    pub(crate) fn new(policy: &CommandPolicy, target: &Target, store: SnapshotStore) -> Self {
        let config = policy.deployed().map(|_| Config::new(&target.sdk));
        Self { config: RuleExceptions(config), ec2: Ec2::new(&target.sdk), store }
    }
}

impl Services for TerminalServices {
    type Config = RuleExceptions;
    type Ec2 = Ec2;
    type Events = ();
    type Ssm = ();
    /// A command does not count its closings: a person has asked for each.
    type State = ();
    type Store = SnapshotStore;

    fn config(&self) -> &RuleExceptions {
        &self.config
    }

    fn ec2(&self) -> &Ec2 {
        &self.ec2
    }

    fn events(&self) -> &() {
        &()
    }

    fn ssm(&self) -> &() {
        &()
    }

    fn state(&self) -> &() {
        &()
    }

    fn store(&self) -> &SnapshotStore {
        &self.store
    }
}

/// Remediation exceptions of a deployed rule. Without a rule there is no automatic remediation, so no exception is needed.
#[derive(Debug)]
pub(crate) struct RuleExceptions(Option<Config>);

impl RemediationExceptions for RuleExceptions {
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        match &self.0 {
            Some(config) => config.put_remediation_exception(rule_name, group_id, message, expires).await,
            None => Ok(None),
        }
    }

    async fn remediation_exceptions(
        &self,
        rule_name: &str,
        group_id: Option<&str>,
    ) -> Result<Vec<RemediationException>, AwsError> {
        match &self.0 {
            Some(config) => config.remediation_exceptions(rule_name, group_id).await,
            None => Ok(Vec::new()),
        }
    }

    async fn delete_remediation_exception(&self, rule_name: &str, group_id: &str) -> Result<(), AwsError> {
        match &self.0 {
            Some(config) => config.delete_remediation_exception(rule_name, group_id).await,
            None => Ok(()),
        }
    }
}

/// A command does not have AWS Config evaluate a rule: the user can.
impl Reevaluations for RuleExceptions {
    async fn stored_result(&self, _rule_name: &str, _group_id: &str) -> Result<Option<StoredResult>, AwsError> {
        Ok(None)
    }

    async fn start_evaluation(&self, _rule_name: &str) -> Result<bool, AwsError> {
        Ok(false)
    }
}
