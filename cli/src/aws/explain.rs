//! `portcullis explain`.

use std::io::Write;

use anyhow::{Result, bail};
use aws_adapters::Ec2;
use aws_traits::ec2::{SecurityGroupRules, SecurityGroups};
use exposure::{Assessment, FamilySizes, IngressRule, Policy, PrefixList, PrefixLists, Reach, Source, Verdict};
use findings::{kept_sentence, policy_sentence};
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedPrefixLists, Criteria};

use super::policy::CommandPolicy;
use super::session;
use crate::args::{Explain, check_group_id};
use crate::exit::Exit;

pub(crate) async fn run(args: &Explain) -> Result<Exit> {
    check_group_id(&args.group)?;
    let policy = CommandPolicy::new(&args.policy)?;
    let target = session::one(&args.account).await?;
    let source = policy.in_account(&target.sdk);
    let criteria = Criteria::read(&*source, policy.rule_name(), Timestamp::now()).await?;
    let ec2 = Ec2::new(&target.sdk);
    let Some(mut group) = ec2.security_group(&args.group).await? else {
        bail!("there is no security group {} in {}, account {}", args.group, target.region, target.account);
    };
    group.ingress = ec2.rules(&args.group).await?.ingress;
    let judged = criteria.judge(group, &ec2, &CachedPrefixLists::new(SignedDuration::ZERO)).await;
    let (group, policy, assessment) = (&judged.group, &judged.criteria.parameters.policy, judged.assess());

    let mut out = std::io::stdout().lock();
    let name = group.name.as_deref().unwrap_or("unnamed");
    writeln!(out, "{} ({name}) in {}, account {}", group.id, target.region, target.account)?;
    writeln!(out, "Policy: {}", policy_sentence(&policy.focus_ports, policy.scope))?;
    writeln!(out)?;
    if group.ingress.is_empty() {
        writeln!(out, "  no ingress rules")?;
    }
    for rule in &group.ingress {
        let id = rule.id.as_deref().unwrap_or("rule");
        writeln!(out, "  {id}  {} from {}", rule.traffic, rule.source)?;
        writeln!(out, "    {}", reason(rule, &assessment, policy, &judged.prefix_lists))?;
    }
    writeln!(out)?;
    let kept = kept_sentence(policy.scope, &judged.criteria.parameters.authorized);
    let (verdict, exit) = match assessment.verdict() {
        Verdict::NonCompliant => ("NON_COMPLIANT: at least one rule opens a blocked port".to_owned(), Exit::Exposed),
        Verdict::Unknown => (
            "INSUFFICIENT_DATA: at least one rule could not be judged, and no other rule opens a blocked port"
                .to_owned(),
            Exit::Error,
        ),
        Verdict::Exempt => ("COMPLIANT: every rule that opens a blocked port is exempt".to_owned(), Exit::Success),
        Verdict::Compliant => (format!("COMPLIANT: no {kept}"), Exit::Success),
    };
    writeln!(out, "{verdict}")?;
    Ok(exit)
}

/// Explains the verdict on a rule, in one line.
fn reason(rule: &IngressRule, assessment: &Assessment<'_>, policy: &Policy, lists: &PrefixLists) -> String {
    let is_it = |other: &IngressRule| std::ptr::eq(other, rule);
    if let Some(exposure) = assessment.exposures.iter().find(|exposure| is_it(exposure.rule)) {
        let reached = reached(&rule.source, policy, lists);
        let alone = match exposure.reach {
            Reach::World if reached.reach != Reach::World => {
                "; together with other rules for the same port, at least half of the internet"
            }
            Reach::World | Reach::Partial | Reach::None => "",
        };
        return format!("OPEN: allows {} from {}{alone}", exposure.ports, reached.text);
    }
    if let Some(exempted) = assessment.exempted.iter().find(|exempted| is_it(exempted.exposure.rule)) {
        let exemption = &exempted.exemption;
        let until = exemption.expires.as_ref().map(|expires| format!(" until {expires}")).unwrap_or_default();
        return format!("exempt{until}: allows {}; reason: {}", exempted.exposure.ports, exemption.reason);
    }
    if let Some(unjudged) = assessment.unjudged.iter().find(|unjudged| is_it(unjudged.rule)) {
        return format!("NOT JUDGED: {}", unjudged.cause);
    }
    match rule.traffic.carries(&policy.focus_ports) {
        Some(ports) if ports.is_empty() => "fine: allows none of these ports".to_owned(),
        Some(ports) => {
            let reached = reached(&rule.source, policy, lists);
            match reached.reach {
                Reach::None => format!("fine: allows {ports} only from {}", reached.text),
                Reach::Partial | Reach::World => format!(
                    "{ports} open to {}: allowed by --scope world, flagged by --scope public",
                    internet_addresses(reached.sizes)
                ),
            }
        }
        None => "exempt on every port".to_owned(),
    }
}

struct Reached {
    reach: Reach,
    sizes: FamilySizes,
    text: String,
}

fn reached(source: &Source, policy: &Policy, lists: &PrefixLists) -> Reached {
    let nothing = |text: &str| Reached { reach: Reach::None, sizes: FamilySizes::default(), text: text.to_owned() };
    let sizes = match source {
        Source::Cidr(network) => policy.internet.reach_of(*network),
        Source::PrefixList(id) => match lists.get(id) {
            Some(PrefixList::Entries(entries)) => policy.internet.reached_by(entries).sizes(),
            Some(PrefixList::AwsOwned) => return nothing("an AWS service"),
            Some(PrefixList::Unreadable { .. }) | None => return nothing("unknown addresses"),
        },
        Source::SecurityGroup { .. } => return nothing("members of that group"),
        Source::Unrecognized(_) => return nothing("unknown addresses"),
    };
    let reach = Reach::of(sizes);
    let text = match reach {
        Reach::None => "private or authorised addresses".to_owned(),
        Reach::Partial => format!("part of the internet ({})", addresses(sizes)),
        Reach::World => format!("the world ({})", addresses(sizes)),
    };
    Reached { reach, sizes, text }
}

/// A number of internet addresses in words: `1 internet address`, `16.7 million internet addresses`.
fn internet_addresses(sizes: FamilySizes) -> String {
    match u128::from(sizes.v4).saturating_add(sizes.v6) {
        1 => "1 internet address".to_owned(),
        some => format!("{} internet addresses", readable(some)),
    }
}

fn addresses(sizes: FamilySizes) -> String {
    let of = |count: String, family: &str| format!("{count} {family} addresses");
    match (sizes.v4, sizes.v6) {
        (v4, 0) => of(readable(v4.into()), "IPv4"),
        (0, v6) => of(readable(v6), "IPv6"),
        (v4, v6) => format!("{}, {}", of(readable(v4.into()), "IPv4"), of(readable(v6), "IPv6")),
    }
}

/// Rounds a count of addresses, which has up to 39 digits, to one that is easy to read.
fn readable(count: u128) -> String {
    let in_units_of = |unit: u128, name: &str| {
        let tenths = count / (unit / 10);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    };
    match count {
        0..1_000_000 => count.to_string(),
        1_000_000..1_000_000_000 => in_units_of(1_000_000, "million"),
        1_000_000_000..1_000_000_000_000 => in_units_of(1_000_000_000, "billion"),
        _ => format!("about 2^{}", count.ilog2()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_singular() {
        let text = |v4, v6| internet_addresses(FamilySizes { v4, v6 });
        assert_eq!(text(1, 0), "1 internet address");
        assert_eq!(text(256, 0), "256 internet addresses");
    }

    #[test]
    fn large_numbers_of_addresses_are_rounded() {
        let texts = [0, 256, 999_999, 1_048_576, 16_777_216, 999_999_999, 3_702_258_434, 1 << 64];
        let texts = texts.map(readable);
        let wanted =
            ["0", "256", "999999", "1.0 million", "16.7 million", "999.9 million", "3.7 billion", "about 2^64"];
        assert_eq!(texts, wanted);
    }
}
