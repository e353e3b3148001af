//! Texts of annotations, which auditors read in the AWS Config console.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use aws_traits::config::{ANNOTATION_MAX_CHARS, Annotation};
use exposure::{Assessment, Exposure, PortRange, Reach, Source, SourceScope, Traffic, Transport};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plain_text::one_line;

/// Most sources that an entry lists; the others are counted, so that one entry always fits.
const SOURCES_SHOWN: usize = 4;
/// Most characters of a reason; the rest is cut.
const REASON_MAX_CHARS: usize = 120;

/// Annotation with every exposure, most severe first: `tcp/22 open to 0.0.0.0/0, ::/0; tcp/3389 (in 3000-4000) open to
/// 0.0.0.0/0; +2 more`. Mentions a tag that exempts nothing because its end is malformed, and the first of the `days` on which
/// exposures are closed.
#[must_use]
pub fn exposed(assessment: &Assessment<'_>, days: &[Timestamp]) -> Annotation {
    let tag = assessment.malformed_tag.as_deref().map_or_else(String::new, |key| {
        one_line(
            &format!("; tag {key} exempts nothing: it does not begin with a date such as 2026-12-31"),
            REASON_MAX_CHARS,
        )
    });
    let closes = closes(days).map_or_else(String::new, |closes| format!("; {closes}"));
    let room = ANNOTATION_MAX_CHARS.saturating_sub(tag.chars().count() + closes.chars().count());
    Annotation::new(&format!("{}{closes}{tag}", exposures(&assessment.exposures, room)))
}

/// When exposures are closed, by the first of them: `closes on 2026-12-01 unless fixed or exempted`. The day is that of UTC.
fn closes(days: &[Timestamp]) -> Option<String> {
    let day = |at: &Timestamp| TimeZone::UTC.to_datetime(*at).date();
    let first = days.iter().map(day).min()?;
    let others = if days.iter().any(|at| day(at) > first) { " (others later)" } else { "" };
    Some(format!("closes on {first}{others} unless fixed or exempted"))
}

/// Annotation with expiry and reason of the exemption, and the exposures that it covers: `exempt until 2026-12-31:
/// bastion (tcp/22 open to 0.0.0.0/0)`.
#[must_use]
pub fn exempt(assessment: &Assessment<'_>) -> Annotation {
    let by_exposure = assessment.exempted.first().map(|exempted| &exempted.exemption);
    let by_unjudged = assessment.exempted_unjudged.first().map(|(_, exemption)| exemption);
    let Some(exemption) = by_exposure.or(by_unjudged) else { return Annotation::new("exempt") };
    let until = exemption.expires.as_ref().map_or_else(String::new, |expires| format!(" until {expires}"));
    let owner = exemption.owner.as_ref().map_or_else(String::new, |owner| format!(" [{owner}]"));
    let reason = one_line(&format!("{}{owner}", exemption.reason), REASON_MAX_CHARS);
    let text = format!("exempt{until}: {reason}");
    let room = ANNOTATION_MAX_CHARS.saturating_sub(text.chars().count() + " ()".len());
    let covered: Vec<_> = assessment.exempted.iter().map(|exempted| exempted.exposure.clone()).collect();
    match assessment.exempted_unjudged.first() {
        Some((unjudged, _)) if covered.is_empty() => Annotation::new(&format!("{text} ({})", unjudged.cause)),
        _ => Annotation::new(&format!("{text} ({})", exposures(&covered, room))),
    }
}

/// Annotation for a group without exposure.
#[must_use]
pub fn compliant(scope: SourceScope) -> Annotation {
    Annotation::new(match scope {
        SourceScope::World => "no blocked port is open to the world",
        SourceScope::Public => "no blocked port is open to the internet",
    })
}

/// Key of an entry: severity, ports, and the range of the rule.
type Subject = (Reverse<Reach>, Transport, PortRange, Within);

/// The range of the rule, if it is wider than the blocked ports.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    Itself,
    Range(PortRange),
    AllTraffic,
}

fn exposures(exposures: &[Exposure<'_>], max_chars: usize) -> String {
    let mut entries: BTreeMap<Subject, BTreeSet<&Source>> = BTreeMap::new();
    for exposure in exposures {
        for (transport, ports) in exposure.ports.ranges() {
            let within = match &exposure.rule.traffic {
                Traffic::Ports { range, .. } if *range == ports => Within::Itself,
                Traffic::Ports { range, .. } => Within::Range(*range),
                _ => Within::AllTraffic,
            };
            entries
                .entry((Reverse(exposure.reach), transport, ports, within))
                .or_default()
                .insert(&exposure.rule.source);
        }
    }
    let total = entries.len();
    let mut text = String::new();
    for (index, (subject, sources)) in entries.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        let entry = format!("{separator}{}", entry(subject, sources));
        let left = total - index - 1;
        let more = if left == 0 { String::new() } else { more(left) };
        if text.chars().count() + entry.chars().count() + more.chars().count() > max_chars {
            let rest = if index == 0 { format!("{total} exposures") } else { self::more(total - index) };
            text.push_str(&rest);
            break;
        }
        text.push_str(&entry);
    }
    text
}

fn more(count: usize) -> String {
    format!("; +{count} more")
}

fn entry((_, transport, ports, within): &Subject, sources: &BTreeSet<&Source>) -> String {
    let within = match within {
        Within::Itself => String::new(),
        Within::Range(range) => format!(" (in {range})"),
        Within::AllTraffic => " (in all traffic)".to_owned(),
    };
    let mut shown: Vec<String> = sources.iter().take(SOURCES_SHOWN).map(ToString::to_string).collect();
    if sources.len() > SOURCES_SHOWN {
        shown.push(format!("+{} sources", sources.len() - SOURCES_SHOWN));
    }
    format!("{transport}/{ports}{within} open to {}", shown.join(", "))
}
