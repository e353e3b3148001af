//! The ends of exemptions around a moment: of those in the document, and of those by tag.

use std::collections::BTreeSet;

use aws_traits::ec2::{SelectedGroups, Selection};
use aws_traits::object_store::ObjectStore;
use exposure::{Exemptions, end_by_tag};
use jiff::{SignedDuration, Timestamp};
use judgement::RuleParameters;
use tracing::warn;

use super::AHEAD;
use crate::environment::Environment;
use crate::error::Obstacle;
use crate::services::InputServices;

/// Time for which an end is remembered that no evaluation has followed, such as during an outage. Longer ago, the evaluation on
/// schedule has followed it.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Most schedules after one look. The next look, or the first schedule, sees the others.
const MOST_AHEAD: usize = 5;
/// Most pages of groups with the tag, of the size that EC2 is asked for. That many groups with an exemption each are none.
const MOST_PAGES: usize = 20;

/// Ends around a moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// The last one of the last day. An evaluation after it follows all that passed.
    pub(super) passed: Option<Timestamp>,
    /// The next ones that are near.
    pub(super) ahead: Vec<Timestamp>,
}

impl Ends {
    fn around(now: Timestamp, ends: &BTreeSet<Timestamp>) -> Self {
        let last = ends.range(..=now).next_back().copied();
        let next = ends.iter().filter(|end| **end > now);
        Self {
            passed: last.filter(|end| now.duration_since(*end) <= BEHIND),
            ahead: next.take_while(|end| end.duration_since(now) <= AHEAD).take(MOST_AHEAD).copied().collect(),
        }
    }
}

/// The ends that are near.
pub(super) async fn near(
    environment: &Environment<impl InputServices>,
    parameters: &RuleParameters,
    document: &Exemptions,
    now: Timestamp,
) -> Result<Ends, Obstacle> {
    let own = environment.store().location().account_id.as_str();
    let mut ends: BTreeSet<Timestamp> = document.ends(own).collect();
    if let Some(key) = &parameters.policy.exemption_tag_key {
        let mut next_token = None;
        for page in 1..=MOST_PAGES {
            let (groups, next) = environment.ec2().selected_groups(own, Selection::HasTag(key), next_token).await?;
            ends.extend(groups.iter().filter_map(|group| end_by_tag(group, key)));
            if next.is_none() {
                break;
            }
            if page == MOST_PAGES {
                warn!(tag = key, "too many groups with the tag: the ends of some are not looked at");
            }
            next_token = next;
        }
    }
    Ok(Ends::around(now, &ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn the_last_and_the_next_ends_count() {
        let times = [
            "2026-11-19T11:59:59Z",
            "2026-11-20T12:00:00Z",
            "2026-11-20T12:00:01Z",
            "2026-11-20T12:20:00Z",
            "2026-11-20T12:20:01Z",
        ];
        let ends: BTreeSet<Timestamp> = times.into_iter().map(at).collect();
        let around = |now| Ends::around(at(now), &ends);
        let expected = Ends { passed: Some(at(times[1])), ahead: vec![at(times[2]), at(times[3])] };
        assert_eq!(around("2026-11-20T12:00:00Z"), expected);
        assert_eq!(around("2026-11-19T12:00:00Z").passed, Some(at(times[0])));
        assert_eq!(around("2026-11-22T12:00:00Z"), Ends::default());
        assert_eq!(around("2026-11-18T00:00:00Z"), Ends::default());
    }

    #[test]
    fn the_number_of_schedules_is_bounded() {
        let now = at("2026-11-20T12:00:00Z");
        let ends = (1..=30).map(|second| now + SignedDuration::from_secs(second)).collect();
        let ahead = Ends::around(now, &ends).ahead;
        assert_eq!(ahead.len(), MOST_AHEAD);
        assert_eq!(ahead.first(), Some(&at("2026-11-20T12:00:01Z")));
    }
}
