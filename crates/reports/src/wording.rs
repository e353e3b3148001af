//! Sentences and names that several outputs share.

use exposure::Reach;
use findings::{FoundExposure, GroupResult, NotScanned};

/// Name of the product in reports for other tools.
pub(super) const PRODUCT: &str = "Portcullis";

/// Version of the product.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Title of a finding on a non-compliant group.
pub(super) fn open_title(group: &str) -> String {
    format!("Security group {group} has blocked ports open to the internet")
}

/// Title of a finding on a group that could not be judged.
pub(super) fn unjudged_title(group: &str) -> String {
    format!("Security group {group} could not be judged")
}

/// Title of a finding on a compliant group.
pub(super) fn closed_title(group: &str) -> String {
    format!("Security group {group} has no blocked port open to the internet")
}

/// Description of a finding on a compliant group.
pub(super) const CLOSED: &str = "No rule of the group opens a blocked port to the internet, or an exemption covers it";

/// Name of a group in a sentence: `sg-… (web)`.
pub(super) fn group_label(result: &GroupResult) -> String {
    match &result.group_name {
        Some(name) if *name != result.group_id => format!("{} ({name})", result.group_id),
        _ => result.group_id.clone(),
    }
}

/// The part of the internet that a port is open to.
fn audience(reach: Reach) -> &'static str {
    match reach {
        Reach::World => "the world",
        Reach::Partial => "a part of the internet",
        Reach::None => "no address of the internet",
    }
}

/// An exposure as a sentence: `tcp/22 is open to the world by sgr-… (tcp 22 from 0.0.0.0/0)`.
pub(super) fn exposure_sentence(exposure: &FoundExposure) -> String {
    let ports = exposure.ports.join(", ");
    let verb = if exposure.ports.len() == 1 && !ports.contains('-') { "is" } else { "are" };
    let rule = format!("{} from {}", exposure.traffic(), exposure.source);
    let rule = match &exposure.rule_id {
        Some(id) => format!("{id} ({rule})"),
        None => format!("the rule {rule}"),
    };
    format!("{ports} {verb} open to {} by {rule}", audience(exposure.reach))
}

/// The exposures of a group as sentences, separated by semicolons.
pub(super) fn exposure_sentences(result: &GroupResult) -> String {
    result.exposures.iter().map(exposure_sentence).collect::<Vec<_>>().join("; ")
}

/// Why a group could not be judged; each reason once.
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

/// Name of a part that could not be scanned: `123456789012 eu-west-1`.
pub(super) fn part(not_scanned: &NotScanned) -> String {
    not_scanned.place().unwrap_or_else(|| "a part of the input".to_owned())
}
