//! The exposures of a finding, of a bounded number.

use std::collections::BTreeMap;

use exposure::Reach;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::{Text, hex};
use crate::{FoundExposure, Openness, reach_name};

/// Exposures that a finding lists; the others are counted.
pub const MAX_EXPOSURES: usize = 20;
/// Ranges of blocked ports that an exposure lists; the others are counted.
const MAX_PORTS: usize = 8;

/// Traffic and source of a rule: what makes an exposure the same one under another rule id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleContent {
    /// `IpProtocol` in EC2's spelling; `-1` means all protocols.
    pub protocol: Text<16>,
    /// First port of the rule; `None` if the protocol has no ports.
    pub from_port: Option<i64>,
    /// Last port of the rule, inclusive.
    pub to_port: Option<i64>,
    /// CIDR or prefix list.
    pub source: Text<64>,
}

impl RuleContent {
    /// The content of a rule. All protocols have no ports, in whatever way the rule says it.
    #[must_use]
    pub fn new(protocol: &str, from_port: Option<i64>, to_port: Option<i64>, source: &str) -> Self {
        let has_ports = protocol != "-1";
        Self {
            protocol: protocol.into(),
            from_port: from_port.filter(|_| has_ports),
            to_port: to_port.filter(|_| has_ports),
            source: source.into(),
        }
    }

    /// 16 digits of the digest of the content.
    pub(super) fn digest(&self) -> Text<16> {
        let Self { protocol, from_port, to_port, source } = self;
        let digest = Sha256::digest(format!("{protocol} {from_port:?} {to_port:?} {source}"));
        hex(digest.iter().take(8)).into()
    }
}

/// A rule that exposes blocked ports, as a finding keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeptExposure {
    /// Traffic and source.
    #[serde(flatten)]
    pub rule: RuleContent,
    /// Blocked ports that the rule opens, such as `tcp/22`, sorted.
    pub ports: Vec<Text<16>>,
    /// Number of ranges of blocked ports, those that are not listed included.
    pub ports_total: usize,
    /// How much of the internet the source covers: `open_completely` or `open_partly`.
    #[serde(rename = "status")]
    pub openness: Openness,
    /// `sgr-…`. No part of the content: the same content under another id is no news.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<Text<32>>,
    /// Description of the rule. No part of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<96>>,
}

impl KeptExposure {
    /// Whether it is the same exposure, under whatever rule id.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        let Self { rule, ports, ports_total, openness, rule_id: _, description: _ } = self;
        (rule, ports, ports_total, openness) == (&other.rule, &other.ports, &other.ports_total, &other.openness)
    }
}

/// Exposures in words. `words` puts one into them, with the traffic that its rule admits if that is given: for those that would
/// read the same without, since their rules open the same blocked ports and more.
pub fn told_apart(exposures: &[&KeptExposure], words: impl Fn(&KeptExposure, Option<&str>) -> String) -> Vec<String> {
    let texts: Vec<String> = exposures.iter().map(|exposure| words(exposure, None)).collect();
    let mut counts = BTreeMap::<&str, usize>::new();
    for text in &texts {
        *counts.entry(text).or_default() += 1;
    }
    let is_alone = |text: &str| counts.get(text) == Some(&1);
    let with_rule = |exposure: &KeptExposure| words(exposure, Some(&exposure.rule.traffic()));
    let pairs = exposures.iter().zip(&texts);
    pairs.map(|(exposure, text)| if is_alone(text) { text.clone() } else { with_rule(exposure) }).collect()
}

impl From<&FoundExposure> for KeptExposure {
    fn from(found: &FoundExposure) -> Self {
        let mut ports: Vec<Text<16>> = found.ports.iter().map(|range| range.as_str().into()).collect();
        ports.sort();
        ports.dedup();
        let ports_total = ports.len();
        ports.truncate(MAX_PORTS);
        Self {
            rule: RuleContent::new(&found.protocol, found.from_port, found.to_port, &found.source),
            ports,
            ports_total,
            openness: if found.reach == Reach::World { Openness::World } else { Openness::Partial },
            rule_id: found.rule_id.as_deref().map(Text::from),
            description: found.description.as_deref().map(Text::from),
        }
    }
}

/// The exposures of a group: the worst of them, the number of all, and the digest of the content of all.
///
/// Neither the order of the rules, nor their ids, nor a rule with the same content twice makes a difference to number and
/// digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExposureList {
    /// The worst exposures: those to the world first, then by content.
    pub listed: Vec<KeptExposure>,
    /// Number of exposures with different content.
    pub total: usize,
    /// How far the group is open by all of them; `None` without exposures.
    #[serde(rename = "status")]
    pub openness: Option<Openness>,
    /// Digest of the content of all of them; empty without exposures.
    pub digest: Text<32>,
}

impl ExposureList {
    /// The list of these exposures.
    #[must_use]
    pub fn new<'e>(found: impl IntoIterator<Item = &'e FoundExposure>) -> Self {
        let mut all: Vec<(String, KeptExposure)> =
            found.into_iter().map(|found| (content(found), found.into())).collect();
        // The rule id comes last, so that the same one stays of two rules with the same content.
        all.sort_by_cached_key(|(content, kept)| {
            (kept.openness, content.clone(), kept.rule_id.clone(), kept.description.clone())
        });
        all.dedup_by(|(second, _), (first, _)| first == second);
        let mut hash = Sha256::new();
        for (content, _) in &all {
            hash.update(content);
            hash.update("\n");
        }
        let digest = if all.is_empty() { Text::default() } else { hex(hash.finalize().iter().take(16)).into() };
        Self {
            total: all.len(),
            openness: all.first().map(|(_, kept)| kept.openness),
            digest,
            listed: all.into_iter().map(|(_, kept)| kept).take(MAX_EXPOSURES).collect(),
        }
    }
}

impl ExposureList {
    /// The list of the first exposures of a group, of which `omitted` further ones are only counted. `openness` and `digest`
    /// are those of all of them, if they are known; without a digest, the number of the omitted ones is part of it.
    #[must_use]
    pub fn cut<'e>(
        found: impl IntoIterator<Item = &'e FoundExposure>,
        omitted: usize,
        openness: Option<Openness>,
        digest: Option<&str>,
    ) -> Self {
        let list = Self::new(found);
        if omitted == 0 {
            return list;
        }
        let counted = || {
            let digest = Sha256::digest(format!("{} and {omitted} more", list.digest));
            hex(digest.iter().take(16)).into()
        };
        Self {
            total: list.total.saturating_add(omitted),
            openness: list.openness.into_iter().chain(openness).min(),
            digest: digest.map_or_else(counted, Text::from),
            ..list
        }
    }
}

/// The content of an exposure: traffic, source, blocked ports and reach, whatever their length.
fn content(found: &FoundExposure) -> String {
    let mut ports = found.ports.clone();
    ports.sort();
    let rule = RuleContent::new(&found.protocol, found.from_port, found.to_port, "");
    let (from, to) = (rule.from_port, rule.to_port);
    format!("{} {from:?} {to:?} {:?} {ports:?} {}", found.protocol, found.source, reach_name(found.reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(port: i64, source: &str, reach: Reach) -> FoundExposure {
        FoundExposure {
            rule_id: Some(format!("sgr-{port}")),
            protocol: "tcp".into(),
            from_port: Some(port),
            to_port: Some(port),
            source: source.into(),
            ports: vec![format!("tcp/{port}")],
            reach,
            description: None,
            location: None,
        }
    }

    #[test]
    fn the_worst_come_first_and_the_content_decides() {
        let partly = found(22, "198.51.100.0/24", Reach::Partial);
        let world = found(3389, "0.0.0.0/0", Reach::World);
        let list = ExposureList::new([&partly, &world]);
        assert_eq!(list.listed[0].rule.source.as_str(), "0.0.0.0/0");
        assert_eq!((list.total, list.openness), (2, Some(Openness::World)));
        let renamed = FoundExposure { rule_id: Some("sgr-new".into()), ..world.clone() };
        assert_eq!(ExposureList::new([&renamed, &partly, &world]).digest, list.digest);
        assert_eq!(ExposureList::new([&renamed, &partly, &world]).total, 2);
        let other = FoundExposure { source: "::/0".into(), ..world };
        assert_ne!(ExposureList::new([&other, &partly]).digest, list.digest);
        assert_eq!(ExposureList::new([]), ExposureList::default());
    }

    #[test]
    fn an_exposure_beyond_those_listed_changes_the_digest() {
        let many: Vec<_> = (0..1_000).map(|port| found(port, "0.0.0.0/0", Reach::World)).collect();
        let (all, fewer) = (ExposureList::new(&many), ExposureList::new(&many[..999]));
        assert_eq!((all.listed.len(), all.total), (MAX_EXPOSURES, 1_000));
        assert_eq!(all.listed, fewer.listed);
        assert_ne!(all.digest, fewer.digest);
    }

    #[test]
    fn all_protocols_have_no_ports() {
        assert_eq!(RuleContent::new("-1", Some(-1), Some(-1), "::/0"), RuleContent::new("-1", None, None, "::/0"));
    }
}
