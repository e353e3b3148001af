//! The circumstances of a scan, which make its report evidence.

use std::collections::HashSet;

use serde::Serialize;

use crate::{ScanPolicy, ScanTargets};

/// What a scan was asked to judge, and by which policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScanRecord {
    /// The policy.
    pub policy: ScanPolicy,
    /// Files that were read; `-` is standard input. Empty if accounts were read.
    pub inputs: Vec<String>,
    /// Accounts and regions that were read. Empty if files were.
    pub targets: ScanTargets,
    /// Options besides the policy that changed what was judged, such as `--tag team=shop` or `--parameter Cidr=10.0.0.0/8`.
    pub options: Vec<String>,
}

/// A region of an account, and the credentials that it was read with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScanTarget {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// `--profile`, if it was given.
    pub profile: Option<String>,
    /// Role that was assumed, if any.
    pub assumed_role: Option<String>,
    /// ARN of the caller, as AWS STS returns it for the credentials.
    pub caller_arn: Option<String>,
    /// The policy, if it is not the same in all accounts and regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<ScanPolicy>,
}

impl ScanRecord {
    /// A record of files.
    #[must_use]
    pub fn of_files(policy: ScanPolicy, inputs: Vec<String>) -> Self {
        Self { policy, inputs, targets: ScanTargets::default(), options: Vec::new() }
    }

    /// The policy in an account and region.
    #[must_use]
    pub fn policy_in(&self, account: Option<&str>, region: Option<&str>) -> &ScanPolicy {
        let target = account.zip(region).and_then(|(account, region)| self.targets.find(account, region));
        target.and_then(|target| target.policy.as_ref()).unwrap_or(&self.policy)
    }

    /// Credentials that an account was read with; `None` if the account was not read.
    #[must_use]
    pub fn access_to(&self, account: &str) -> Option<&ScanTarget> {
        self.targets.of_account(account)
    }

    /// The files, or the accounts and regions, in a few words: `groups.json`, `account 123456789012, eu-central-1`.
    #[must_use]
    pub fn subject(&self) -> String {
        let mut subject = if self.targets.is_empty() { self.files() } else { self.accounts() };
        // The account and the region that an input lacks stand beside each group.
        let is_beside = |option: &&String| option.starts_with("--account ") || option.starts_with("--region ");
        for option in self.options.iter().filter(|option| !is_beside(option)) {
            subject = format!("{subject}, {option}");
        }
        subject
    }

    /// Credentials that were used; `None` for files.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        self.identities(ScanTarget::identity)
    }

    /// Credentials that were used, without the account, in a few words: `assumed-role/audit/jane`; `None` for files.
    #[must_use]
    pub fn short_identity(&self) -> Option<String> {
        self.identities(ScanTarget::short_identity)
    }

    fn identities(&self, name: impl Fn(&ScanTarget) -> String) -> Option<String> {
        let mut seen = HashSet::new();
        let names: Vec<String> = self.targets.iter().map(name).filter(|name| seen.insert(name.clone())).collect();
        match names.as_slice() {
            [] => None,
            [name] => Some(name.clone()),
            [first, others @ ..] => Some(format!("{first} and {} more", others.len())),
        }
    }

    fn files(&self) -> String {
        let name = |file: &String| if file == "-" { "standard input".to_owned() } else { file.clone() };
        match self.inputs.as_slice() {
            [] => String::new(),
            [one] => name(one),
            [first, _] => format!("{} and 1 more file", name(first)),
            [first, others @ ..] => format!("{} and {} more files", name(first), others.len()),
        }
    }

    fn accounts(&self) -> String {
        let distinct = |values: Vec<&String>| {
            let mut values = values;
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        let accounts = distinct(self.targets.iter().map(|target| &target.account).collect());
        let regions = distinct(self.targets.iter().map(|target| &target.region).collect());
        match (self.targets.first(), accounts, regions) {
            (None, ..) => String::new(),
            (Some(target), 1, 1) => format!("account {}, {}", target.account, target.region),
            (Some(target), 1, regions) => format!("account {}, {regions} regions", target.account),
            (Some(target), accounts, 1) => format!("{accounts} accounts, {}", target.region),
            (Some(_), accounts, regions) => format!("{accounts} accounts, {regions} regions"),
        }
    }
}

impl ScanTarget {
    /// The credentials: the ARN of the caller, or else the role, or the name of the profile.
    #[must_use]
    pub fn identity(&self) -> String {
        match (&self.caller_arn, &self.assumed_role, &self.profile) {
            (Some(arn), _, _) | (None, Some(arn), _) => arn.clone(),
            (None, None, Some(profile)) => format!("profile {profile}"),
            (None, None, None) => "default credentials".to_owned(),
        }
    }

    /// The credentials without the account, which a reader knows already: `assumed-role/audit/jane`, `user/jane`, `root`.
    #[must_use]
    pub fn short_identity(&self) -> String {
        let identity = self.identity();
        let resource = identity.splitn(6, ':').nth(5).filter(|_| identity.starts_with("arn:"));
        resource.map_or_else(|| identity.clone(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyOptions;

    fn target(account: &str, region: &str) -> ScanTarget {
        let (account, region) = (account.into(), region.into());
        ScanTarget { account, region, profile: None, assumed_role: None, caller_arn: None, policy: None }
    }

    fn record(inputs: &[&str], targets: Vec<ScanTarget>) -> ScanRecord {
        let policy = ScanPolicy::from(PolicyOptions::new("22".parse().unwrap()));
        ScanRecord {
            targets: targets.into(),
            ..ScanRecord::of_files(policy, inputs.iter().map(|name| (*name).to_owned()).collect())
        }
    }

    #[test]
    fn the_subject_is_files_or_accounts_and_the_options() {
        assert_eq!(record(&["-"], Vec::new()).subject(), "standard input");
        assert_eq!(record(&["a.json", "b", "c"], Vec::new()).subject(), "a.json and 2 more files");
        assert_eq!(record(&["-", "b"], Vec::new()).subject(), "standard input and 1 more file");
        let one = record(&[], vec![target("111122223333", "eu-west-1")]);
        assert_eq!(one.subject(), "account 111122223333, eu-west-1");
        let filtered = ScanRecord { options: vec!["--tag team=shop".into()], ..one };
        assert_eq!(filtered.subject(), "account 111122223333, eu-west-1, --tag team=shop");
        let two = vec![target("111122223333", "eu-west-1"), target("444455556666", "us-east-1")];
        assert_eq!(record(&[], two).subject(), "2 accounts, 2 regions");
    }

    #[test]
    fn an_account_and_region_may_have_a_policy_of_its_own() {
        let rule = ScanPolicy::Rule { rule: "portcullis".into(), parameters: None };
        let own = ScanTarget { policy: Some(rule.clone()), ..target("111122223333", "eu-west-1") };
        let record = record(&[], vec![own, target("111122223333", "us-east-1")]);
        assert_eq!(record.policy_in(Some("111122223333"), Some("eu-west-1")), &rule);
        assert_eq!(record.policy_in(Some("111122223333"), Some("us-east-1")), &record.policy);
        assert_eq!(record.policy_in(None, None), &record.policy);
    }

    #[test]
    fn the_identity_is_the_caller_or_else_the_role_or_the_profile() {
        let profile = ScanTarget { profile: Some("audit".into()), ..target("111122223333", "eu-west-1") };
        let role = ScanTarget { assumed_role: Some("arn:aws:iam::1:role/a".into()), ..profile.clone() };
        let arn = "arn:aws:sts::111122223333:assumed-role/a/jane";
        let caller = ScanTarget { caller_arn: Some(arn.into()), ..role.clone() };
        assert_eq!(record(&[], vec![profile.clone()]).identity().as_deref(), Some("profile audit"));
        assert_eq!(record(&[], vec![role]).identity().as_deref(), Some("arn:aws:iam::1:role/a"));
        assert_eq!(record(&[], vec![caller.clone()]).identity().as_deref(), Some(arn));
        assert_eq!(record(&["a"], Vec::new()).identity(), None);
        let nameless = record(&[], vec![target("111122223333", "eu-west-1")]);
        assert_eq!(nameless.short_identity().as_deref(), Some("default credentials"));
        assert_eq!(record(&[], vec![profile]).access_to("111122223333").unwrap().region, "eu-west-1");
        // The same role in two accounts is one identity to a reader, and two ARNs.
        let elsewhere = arn.replace("111122223333", "444455556666");
        let other = ScanTarget { caller_arn: Some(elsewhere), ..target("444455556666", "eu-west-1") };
        let both = record(&[], vec![caller.clone(), other, caller]);
        assert_eq!(both.short_identity().as_deref(), Some("assumed-role/a/jane"));
        assert_eq!(both.identity(), Some(format!("{arn} and 1 more")));
    }
}
