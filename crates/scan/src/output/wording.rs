//! What several formats say in the same words.

use std::borrow::Cow;

use exposure::Reach;

use crate::result::{FoundExposure, GroupResult, NotScanned, Severity};

/// The name of the product in reports of other tools.
pub(super) const PRODUCT: &str = "Portcullis";

/// Its version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A group, as a sentence names it: `sg-… (web)`.
pub(super) fn group_label(result: &GroupResult) -> String {
    match &result.group_name {
        Some(name) if *name != result.group_id => format!("{} ({name})", result.group_id),
        _ => result.group_id.clone(),
    }
}

/// What a rule lets through: `tcp 20-25`, `all traffic`.
pub(super) fn traffic(exposure: &FoundExposure) -> String {
    match (exposure.protocol.as_str(), exposure.from_port, exposure.to_port) {
        ("-1", ..) => "all traffic".to_owned(),
        (protocol, Some(from), Some(to)) if from == to => format!("{protocol} {from}"),
        (protocol, Some(from), Some(to)) => format!("{protocol} {from}-{to}"),
        (protocol, ..) => protocol.to_owned(),
    }
}

/// To whom a port is open.
pub(super) fn audience(reach: Reach) -> &'static str {
    match reach {
        Reach::World => "the world",
        Reach::Partial => "a part of the internet",
        Reach::None => "nobody on the internet",
    }
}

/// An exposure: `tcp/22 is open to the world by sgr-… (tcp 22 from 0.0.0.0/0)`.
pub(super) fn exposure_sentence(exposure: &FoundExposure) -> String {
    let ports = exposure.ports.join(", ");
    let verb = if exposure.ports.len() == 1 && !ports.contains('-') { "is" } else { "are" };
    let rule = format!("{} from {}", traffic(exposure), exposure.source);
    let rule = match &exposure.rule_id {
        Some(id) => format!("{id} ({rule})"),
        None => format!("the rule {rule}"),
    };
    format!("{ports} {verb} open to {} by {rule}", audience(exposure.reach))
}

/// Why a group could not be judged, without saying the same twice.
pub(super) fn why_unjudged(result: &GroupResult) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for unjudged in &result.unjudged {
        let reason = format!("{}: {}", unjudged.source, unjudged.reason);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.join("; ")
}

/// What a part is that could not be scanned.
pub(super) fn part(not_scanned: &NotScanned) -> String {
    let parts: Vec<&str> = [&not_scanned.account, &not_scanned.region, &not_scanned.target]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    if parts.is_empty() { "a part of the input".to_owned() } else { parts.join(" ") }
}

/// How severe an exposure is where the context of its group is not known.
pub(super) fn severity(result: &GroupResult, reach: Reach) -> Severity {
    result.severity.unwrap_or(match reach {
        Reach::World => Severity::High,
        Reach::Partial | Reach::None => Severity::Medium,
    })
}

/// The worst of a group's exposures.
pub(super) fn worst(result: &GroupResult) -> Severity {
    let world = result.exposures.iter().any(|exposure| exposure.reach == Reach::World);
    severity(result, if world { Reach::World } else { Reach::Partial })
}

/// The partition of AWS that a region belongs to.
pub(super) fn partition(region: &str) -> &'static str {
    // The isolated partitions are named after their regions' first two parts.
    [("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-iso-", "aws-iso"), ("us-isob-", "aws-iso-b")]
        .into_iter()
        .chain([("eu-isoe-", "aws-iso-e"), ("us-isof-", "aws-iso-f"), ("eusc-", "aws-eusc")])
        .find_map(|(prefix, partition)| region.starts_with(prefix).then_some(partition))
        .unwrap_or("aws")
}

/// The ARN of a security group.
pub(super) fn arn(account: &str, region: &str, group_id: &str) -> String {
    format!("arn:{}:ec2:{region}:{account}:security-group/{group_id}", partition(region))
}

/// At most `limit` characters, with an ellipsis where some were left out.
pub(super) fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    if text.chars().nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(limit.saturating_sub(1)).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("abcd", 4, "abcd")]
    #[case("abcde", 4, "abc…")]
    #[case("ääää", 3, "ää…")]
    #[case("", 0, "")]
    fn text_is_clipped_by_characters(#[case] text: &str, #[case] limit: usize, #[case] clipped: &str) {
        assert_eq!(clip(text, limit), clipped);
    }

    #[rstest]
    #[case("eu-central-1", "aws")]
    #[case("us-gov-west-1", "aws-us-gov")]
    #[case("cn-north-1", "aws-cn")]
    #[case("us-isob-east-1", "aws-iso-b")]
    fn a_region_has_a_partition(#[case] region: &str, #[case] expected: &str) {
        assert_eq!(partition(region), expected);
    }
}
