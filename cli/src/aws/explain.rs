//! `portcullis explain`, for a group of an account.

use anyhow::{Result, bail};
use aws_adapters::Ec2;
use aws_traits::ec2::{SecurityGroupRules, SecurityGroups};
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedPrefixLists, Criteria};

use super::deployed_rule::policies;
use super::policy::RequestedPolicy;
use super::remediate::Named;
use super::{session, who};
use crate::args::Explain;
use crate::exit::Exit;
use crate::explain::{explain, worse};

pub(crate) async fn run(args: &Explain) -> Result<Exit> {
    let named = Named::parse(&args.group)?;
    let policy = RequestedPolicy::new(&args.policy)?;
    let policies = policies(&policy, vec![session::one(&args.session).await?]).await?;
    policies.announce(false);
    let Some((target, policy)) = policies.places.into_iter().next() else { return Ok(Exit::Error) };
    let id = named.id(&target).await?;
    let source = policy.in_account(&target.sdk);
    let criteria = Criteria::read(&*source, policy.rule_name(), Timestamp::now()).await?;
    let ec2 = Ec2::new(&target.sdk);
    let Some(mut group) = ec2.security_group(&id).await? else {
        bail!("there is no security group {id} {}", target.place());
    };
    group.ingress = ec2.rules(&id).await?.ingress;
    let judged = criteria.judge(group, &ec2, &CachedPrefixLists::new(SignedDuration::ZERO)).await;
    let place = format!("{}, account {}", target.region, target.account);
    let assessment = judged.assess();
    let exit = explain(&mut std::io::stdout().lock(), &judged, &assessment, &place)?;
    Ok(if args.who { worse(exit, who::tell(&target, &id, &assessment).await?) } else { exit })
}
