//! Accounts and regions of a command, with their credentials.

use anyhow::{Context, Result, bail};
use aws_adapters::terminal::SessionError;
use aws_adapters::{Ec2, SdkConfig, terminal};
use findings::{NotScanned, ScanTarget};

use crate::args::{AccountArgs, RegionsArgs, Scan};
use crate::exit::{Usage, in_one_line};
use crate::values::check_region;

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
}

/// Targets of a scan, and those that cannot be reached.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) targets: Vec<Target>,
    pub(crate) unreachable: Vec<NotScanned>,
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
    let (sdk, account) = session(&terminal::in_region(&sdk, &home), args.assume_role_arn.as_deref()).await?;
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
                account: account.clone(),
                region,
                profile: args.profile.clone(),
                assumed_role: args.assume_role_arn.clone(),
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
    for profile in &profiles {
        let sdk = match usable(*profile, args.region.first().map(String::as_str)).await {
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
#[derive(Debug, Clone, Copy)]
struct Access<'n> {
    profile: Option<&'n str>,
    role: Option<&'n str>,
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
        let sdk = terminal::in_region(sdk, &home);
        let mut roles: Vec<(Option<String>, Option<String>)> = Vec::new();
        if let Some(role_name) = &args.organization {
            let own = terminal::account_id(&sdk).await?;
            let accounts = terminal::organization_accounts(&sdk)
                .await
                .context("--organization needs the management account or a delegated administrator of it")?;
            let partition = findings::partition(&home);
            for account in accounts {
                if account == own {
                    // The management account does not have this role by default.
                    roles.push((None, Some(account)));
                } else {
                    roles.push((Some(format!("arn:{partition}:iam::{account}:role/{role_name}")), Some(account)));
                }
            }
        } else if args.assume_role_arn.is_empty() {
            roles.push((None, None));
        } else {
            roles.extend(args.assume_role_arn.iter().map(|role| (Some(role.clone()), account_of(role))));
        }
        let alone = roles.len() == 1 && !one_of_many;
        for (role, expected) in roles {
            let (sdk, account) = match session(&sdk, role.as_deref()).await {
                Ok(session) => session,
                Err(problem) if alone => return Err(problem),
                Err(problem) => {
                    self.not_scanned(
                        expected,
                        None,
                        profile.map(|name| format!("profile {name}")),
                        &in_one_line(&problem),
                    );
                    continue;
                }
            };
            tracing::info!(
                account.id = account,
                profile = profile.unwrap_or_default(),
                role = role.as_deref().unwrap_or_default(),
                "credentials obtained"
            );
            let access = Access { profile, role: role.as_deref() };
            self.of_account(args, &sdk, &account, &home, access).await;
        }
        Ok(())
    }

    async fn of_account(&mut self, args: &Scan, sdk: &SdkConfig, account: &str, home: &str, access: Access<'_>) {
        let regions = if args.all_regions {
            match Ec2::new(sdk).regions().await {
                Ok(regions) => regions,
                Err(problem) => {
                    self.not_scanned(Some(account.to_owned()), None, Some("all regions".to_owned()), &problem);
                    return;
                }
            }
        } else if args.region.is_empty() {
            vec![home.to_owned()]
        } else {
            args.region.clone()
        };
        for region in regions {
            let is_known = |target: &Target| target.account == account && target.region == region;
            if !self.targets.iter().any(is_known) {
                let sdk = terminal::in_region(sdk, &region);
                self.targets.push(Target {
                    sdk,
                    account: account.to_owned(),
                    region,
                    profile: access.profile.map(str::to_owned),
                    assumed_role: access.role.map(str::to_owned),
                });
            }
        }
    }
}

/// Credentials, of the role if there is one, and their account.
async fn session(sdk: &SdkConfig, role: Option<&str>) -> Result<(SdkConfig, String)> {
    let sdk = match role {
        Some(role) => terminal::assume_role(sdk, role).await?,
        None => sdk.clone(),
    };
    let account = terminal::account_id(&sdk).await?;
    Ok((sdk, account))
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
