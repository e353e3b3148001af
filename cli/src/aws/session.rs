//! Accounts and regions of a command, with their credentials.

use anyhow::{Context, Result, bail};
use aws_adapters::{Ec2, SdkConfig, terminal};
use findings::{NotScanned, ScanTarget};

use crate::args::{AccountArgs, Scan};
use crate::exit::{Usage, in_one_line};

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

impl Target {
    /// The target as the reports state it.
    pub(crate) fn scanned(&self) -> ScanTarget {
        ScanTarget {
            account: self.account.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            assumed_role: self.assumed_role.clone(),
        }
    }
}

/// Targets of a scan, and those that cannot be reached.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) targets: Vec<Target>,
    pub(crate) unreachable: Vec<NotScanned>,
}

const NO_REGION: &str =
    "no region: pass --region, set AWS_REGION, or set a region in the profile; `scan` also accepts --all-regions";

/// Account and region of a command that works in exactly one.
pub(crate) async fn one(args: &AccountArgs) -> Result<Target> {
    let mut sdk = terminal::load(args.profile.as_deref()).await?;
    let region = match (&args.region, sdk.region()) {
        (Some(region), _) => region.clone(),
        (None, Some(region)) => region.to_string(),
        (None, None) => bail!(Usage(NO_REGION.to_owned())),
    };
    check_region(&region)?;
    terminal::check_credentials(&sdk, args.profile.as_deref()).await?;
    sdk = terminal::in_region(&sdk, &region);
    if let Some(role) = &args.assume_role_arn {
        sdk = terminal::assume_role(&sdk, role).await?;
    }
    let account = terminal::account_id(&sdk).await?;
    Ok(Target { sdk, account, region, profile: args.profile.clone(), assumed_role: args.assume_role_arn.clone() })
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
        let sdk = terminal::load(*profile).await?;
        if let Err(problem) = terminal::check_credentials(&sdk, *profile).await {
            if profiles.len() == 1 {
                return Err(problem.into());
            }
            found.not_scanned(None, None, profile.map(|name| format!("profile {name}")), &problem);
            continue;
        }
        found.of_profile(args, &sdk, profile.is_some() && profiles.len() > 1, *profile).await?;
    }
    Ok(found)
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
        let home = home_region(args, sdk);
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

fn home_region(args: &Scan, sdk: &SdkConfig) -> Option<String> {
    args.region
        .first()
        .cloned()
        .or_else(|| sdk.region().map(ToString::to_string))
        .or_else(|| args.all_regions.then(|| "us-east-1".to_owned()))
}

/// Checks the form of a region name, so that a typing error is not resolved as a host name.
fn check_region(region: &str) -> Result<(), Usage> {
    let mut parts = region.split('-');
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    // Four letters in the European Sovereign Cloud: eusc-de-east-1.
    let first = parts.next().is_some_and(|part| matches!(part.len(), 2 | 4) && is_word(part));
    let last = parts.next_back().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let middle: Vec<_> = parts.collect();
    if first && last && !middle.is_empty() && middle.iter().all(|part| is_word(part)) {
        return Ok(());
    }
    Err(Usage(format!(
        "`{region}` is not the name of a region, such as eu-central-1; `scan --all-regions` needs no names"
    )))
}

fn account_of(role_arn: &str) -> Option<String> {
    role_arn.split(':').nth(4).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_region_names_are_refused() {
        for region in ["eu-central-1", "us-gov-west-1", "ap-southeast-12", "us-isob-east-1", "eusc-de-east-1"] {
            assert!(check_region(region).is_ok(), "{region}");
        }
        for region in
            ["", "eu", "eu-central", "eu_central_1", "EU-central-1", "eu-central-1a", "frankfurt", "-1", "eu--1"]
        {
            assert!(check_region(region).is_err(), "{region}");
        }
    }

    #[test]
    fn the_account_of_a_role_is_in_its_arn() {
        assert_eq!(account_of("arn:aws:iam::123456789012:role/audit").as_deref(), Some("123456789012"));
    }
}
