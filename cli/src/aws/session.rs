//! Accounts and regions of a command, with their credentials.

use std::collections::HashSet;
use std::iter;

use anyhow::{Context, Result, bail};
use aws_adapters::terminal::{Caller, SessionError};
use aws_adapters::{Ec2, SdkConfig, terminal};
use aws_traits::AwsError;
use findings::{NotScanned, ScanTarget};
use futures::StreamExt;

use crate::args::{AccountArgs, RegionsArgs, Scan};
use crate::exit::{Usage, in_one_line};
use crate::values::check_region;

/// Accounts that are signed in to at the same time.
const AT_ONCE: usize = 16;

/// One region of one account.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) sdk: SdkConfig,
    pub(crate) account: String,
    pub(crate) region: String,
    /// `--profile`, if it was given.
    pub(crate) profile: Option<String>,
    /// Role that was assumed, if any.
    pub(crate) assumed_role: Option<String>,
    /// ARN of the caller.
    pub(crate) caller_arn: Option<String>,
}

/// Targets of a scan, and those that cannot be reached.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) reached: Vec<Target>,
    pub(crate) unreachable: Vec<NotScanned>,
    /// Accounts and regions of `reached`.
    known: HashSet<(String, String)>,
}

const NO_REGION: &str = "no region: pass --region, set AWS_REGION, or set a region in the profile; `scan`, `plan` and `close` also accept \
     --all-regions";

impl Target {
    /// The target as the reports state it.
    pub(crate) fn scanned(&self) -> ScanTarget {
        ScanTarget {
            account: self.account.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            assumed_role: self.assumed_role.clone(),
            caller_arn: self.caller_arn.clone(),
            policy: None,
        }
    }

    /// `in us-east-1, account 123456789012`.
    pub(crate) fn place(&self) -> String {
        format!("in {}, account {}", self.region, self.account)
    }
}

/// Account and region of a command that works in exactly one.
pub(crate) async fn one(args: &AccountArgs) -> Result<Target> {
    let regions = RegionsArgs {
        profile: args.profile.clone(),
        region: args.region.iter().cloned().collect(),
        all_regions: false,
        assume_role_arn: args.assume_role_arn.clone(),
    };
    let mut targets = several(&regions).await?;
    targets.pop().context("no region")
}

/// Regions of one account, in the order of the command line.
pub(crate) async fn several(args: &RegionsArgs) -> Result<Vec<Target>> {
    for region in &args.region {
        check_region(region)?;
    }
    let sdk = terminal::load(args.profile.as_deref(), args.region.first().map(String::as_str)).await?;
    let Some(home) = home_region(&args.region, args.all_regions, &sdk) else { bail!(Usage(NO_REGION.to_owned())) };
    check_region(&home)?;
    terminal::check_credentials(&sdk, args.profile.as_deref()).await?;
    let (sdk, caller) = session(&terminal::in_region(&sdk, &home), args.assume_role_arn.as_deref()).await?;
    let names = if args.all_regions {
        Ec2::new(&sdk).regions().await?
    } else if args.region.is_empty() {
        vec![home]
    } else {
        args.region.clone()
    };
    let mut targets: Vec<Target> = Vec::new();
    for region in names {
        if !targets.iter().any(|known| known.region == region) {
            targets.push(Target {
                sdk: terminal::in_region(&sdk, &region),
                account: caller.account.clone(),
                region,
                profile: args.profile.clone(),
                assumed_role: args.assume_role_arn.clone(),
                caller_arn: caller.arn.clone(),
            });
        }
    }
    Ok(targets)
}

/// Accounts and regions of a scan. The failure of one profile, role or account does not affect the others.
pub(crate) async fn all(args: &Scan) -> Result<Targets> {
    for region in &args.region {
        check_region(region)?;
    }
    let mut found = Targets::default();
    let profiles: Vec<Option<&str>> = if args.profile.is_empty() {
        vec![None]
    } else {
        args.profile.iter().map(|name| Some(name.as_str())).collect()
    };
    let region = args.region.first().map(String::as_str);
    let usable: Vec<_> =
        futures::stream::iter(&profiles).map(|profile| usable(*profile, region)).buffered(AT_ONCE).collect().await;
    for (profile, sdk) in iter::zip(&profiles, usable) {
        let sdk = match sdk {
            Ok(sdk) => sdk,
            Err(problem) if profiles.len() == 1 => return Err(problem.into()),
            Err(problem) => {
                found.not_scanned(None, None, profile.map(|name| format!("profile {name}")), &problem);
                continue;
            }
        };
        found.of_profile(args, &sdk, profile.is_some() && profiles.len() > 1, *profile).await?;
    }
    Ok(found)
}

/// The configuration of a profile with credentials.
async fn usable(profile: Option<&str>, region: Option<&str>) -> Result<SdkConfig, SessionError> {
    let sdk = terminal::load(profile, region).await?;
    terminal::check_credentials(&sdk, profile).await?;
    Ok(sdk)
}

/// Where the credentials of an account come from.
#[derive(Debug, Clone)]
struct Access {
    profile: Option<String>,
    role: Option<String>,
    /// The account, if it is known before the role is assumed.
    expected: Option<String>,
}

/// An account that was signed in to.
struct Account {
    sdk: SdkConfig,
    caller: Caller,
    regions: Result<Vec<String>, AwsError>,
}

impl Account {
    /// Signs in to an account, and finds its regions.
    async fn sign_in(args: &Scan, sdk: &SdkConfig, home: &str, access: &Access) -> Result<Self> {
        let (sdk, caller) = session(sdk, access.role.as_deref()).await?;
        tracing::info!(
            account.id = caller.account,
            profile = access.profile.as_deref().unwrap_or_default(),
            role = access.role.as_deref().unwrap_or_default(),
            caller = caller.arn.as_deref().unwrap_or_default(),
            "credentials obtained"
        );
        let regions = if args.all_regions {
            Ec2::new(&sdk).regions().await
        } else if args.region.is_empty() {
            Ok(vec![home.to_owned()])
        } else {
            Ok(args.region.clone())
        };
        Ok(Self { sdk, caller, regions })
    }
}

impl Targets {
    fn not_scanned(
        &mut self,
        account: Option<String>,
        region: Option<String>,
        target: Option<String>,
        problem: &dyn std::fmt::Display,
    ) {
        self.unreachable.push(NotScanned { account, region, target, reason: problem.to_string() });
    }

    async fn of_profile(
        &mut self,
        args: &Scan,
        sdk: &SdkConfig,
        one_of_many: bool,
        profile: Option<&str>,
    ) -> Result<()> {
        let home = home_region(&args.region, args.all_regions, sdk);
        let Some(home) = home else {
            if one_of_many {
                self.not_scanned(None, None, profile.map(|name| format!("profile {name}")), &NO_REGION);
                return Ok(());
            }
            bail!(Usage(NO_REGION.to_owned()));
        };
        match check_region(&home) {
            Err(problem) if one_of_many => {
                self.not_scanned(None, None, profile.map(|name| format!("profile {name}")), &problem);
                return Ok(());
            }
            checked => checked?,
        }
        let sdk = terminal::in_region(sdk, &home);
        let access = |role: Option<String>, expected| Access { profile: profile.map(str::to_owned), role, expected };
        let mut accounts: Vec<Access> = Vec::new();
        if let Some(role_name) = &args.organization {
            let own = terminal::caller(&sdk).await?.account;
            let members = terminal::organization_accounts(&sdk)
                .await
                .context("--organization needs the management account or a delegated administrator of it")?;
            let partition = findings::partition(&home);
            for account in members {
                // The management account does not have this role by default.
                let role = (account != own).then(|| format!("arn:{partition}:iam::{account}:role/{role_name}"));
                accounts.push(access(role, Some(account)));
            }
        } else if args.assume_role_arn.is_empty() {
            accounts.push(access(None, None));
        } else {
            accounts.extend(args.assume_role_arn.iter().map(|role| access(Some(role.clone()), account_of(role))));
        }
        let alone = accounts.len() == 1 && !one_of_many;
        let signed_in: Vec<Result<Account>> = futures::stream::iter(&accounts)
            .map(|access| Account::sign_in(args, &sdk, &home, access))
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (access, account) in iter::zip(accounts, signed_in) {
            match account {
                Ok(account) => self.add(account, &access),
                Err(problem) if alone => return Err(problem),
                Err(problem) => {
                    let profile = access.profile.map(|name| format!("profile {name}"));
                    self.not_scanned(access.expected, None, profile, &in_one_line(&problem));
                }
            }
        }
        Ok(())
    }

    /// Adds the regions of an account that are not known yet.
    fn add(&mut self, account: Account, access: &Access) {
        let Account { sdk, caller, regions } = account;
        let regions = match regions {
            Ok(regions) => regions,
            Err(problem) => {
                self.not_scanned(Some(caller.account), None, Some("all regions".to_owned()), &problem);
                return;
            }
        };
        for region in regions {
            if self.known.insert((caller.account.clone(), region.clone())) {
                self.reached.push(Target {
                    sdk: terminal::in_region(&sdk, &region),
                    account: caller.account.clone(),
                    region,
                    profile: access.profile.clone(),
                    assumed_role: access.role.clone(),
                    caller_arn: caller.arn.clone(),
                });
            }
        }
    }
}

/// Credentials, of the role if there is one, and their caller.
async fn session(sdk: &SdkConfig, role: Option<&str>) -> Result<(SdkConfig, Caller)> {
    let sdk = match role {
        Some(role) => terminal::assume_role(sdk, role).await?,
        None => sdk.clone(),
    };
    let caller = terminal::caller(&sdk).await?;
    Ok((sdk, caller))
}

/// The region in which a command asks for account and regions.
fn home_region(named: &[String], all_regions: bool, sdk: &SdkConfig) -> Option<String> {
    named
        .first()
        .cloned()
        .or_else(|| sdk.region().map(ToString::to_string))
        .or_else(|| all_regions.then(|| "us-east-1".to_owned()))
}

fn account_of(role_arn: &str) -> Option<String> {
    role_arn.split(':').nth(4).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_a_role_is_in_its_arn() {
        assert_eq!(account_of("arn:aws:iam::123456789012:role/audit").as_deref(), Some("123456789012"));
    }
}
