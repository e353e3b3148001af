//! Sentences and names that several outputs share.

use exposure::Reach;
use findings::{Breadth, ExemptedExposure, FoundExposure, GroupResult, NotScanned};

/// Name of the product in reports for other tools.
pub(super) const PRODUCT: &str = findings::asff::PRODUCT;

/// Version of the product.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Title of a finding on a non-compliant group.
pub(super) fn open_title(group: &str, result: &GroupResult) -> String {
    if result.breadth() == Some(Breadth::AllTraffic) {
        format!("Security group {group} admits all traffic from the internet")
    } else {
        format!("Security group {group} has blocked ports open to the internet")
    }
}

/// Title of a finding on a group that could not be judged.
pub(super) fn unjudged_title(group: &str) -> String {
    format!("Security group {group} could not be judged")
}

/// Title of a finding on a compliant group.
pub(super) fn closed_title(group: &str) -> String {
    format!("Security group {group} complies with the policy")
}

/// Description of a finding on a compliant group, with the exemptions that it needs.
pub(super) fn why_compliant(result: &GroupResult) -> String {
    let Some(first) = result.exempted.first() else {
        return "No rule of the group opens a blocked port to more of the internet than the policy accepts".to_owned();
    };
    format!("Exempt{}: {}. Without the exemption, {}", until(first), first.reason, exposure_sentence(&first.exposure))
}

/// Why exposures of a group are exempt; each reason once.
pub(super) fn why_exempt(result: &GroupResult) -> String {
    let reasons = result.exempted.iter().map(|exempted| {
        let ExemptedExposure { exposure, reason, owner, .. } = exempted;
        let owner = owner.as_ref().map(|owner| format!(" ({owner})")).unwrap_or_default();
        format!("{} from {}{}: {reason}{owner}", exposure.ports.join(", "), exposure.source, until(exempted))
    });
    each_once(reasons).join("; ")
}

/// Name and place of a group: `sg-… (web), 111122223333 us-east-1`, or its line in a file.
pub(super) fn group_place(result: &GroupResult) -> String {
    let place = match &result.location {
        Some(location) => location.to_string(),
        None => [&result.account, &result.region].into_iter().flatten().cloned().collect::<Vec<_>>().join(" "),
    };
    let label = group_label(result);
    if place.is_empty() { label } else { format!("{label}, {place}") }
}

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
    let reasons = result.unjudged.iter().map(|unjudged| format!("{}: {}", unjudged.source, unjudged.reason));
    each_once(reasons).join("; ")
}

/// Texts in their order, each once.
pub(super) fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

/// The end of an exemption, in front of its reason: ` until 2026-12-31`, or nothing.
pub(super) fn until(exempted: &ExemptedExposure) -> String {
    exempted.expires.as_ref().map(|expires| format!(" until {expires}")).unwrap_or_default()
}

/// A part that could not be scanned, and why: `not scanned: 123456789012 eu-west-1: …`. A failure that concerns the scan as a
/// whole is an error by itself.
pub(super) fn not_scanned(not_scanned: &NotScanned) -> String {
    match not_scanned.place() {
        Some(place) => format!("not scanned: {place}: {}", not_scanned.reason),
        None => format!("error: {}", not_scanned.reason),
    }
}

/// Name of a part that could not be scanned: `123456789012 eu-west-1`.
pub(super) fn part(not_scanned: &NotScanned) -> String {
    not_scanned.place().unwrap_or_else(|| "the scan".to_owned())
}
