//! Who opened a group.

use aws_events::cloudtrail::RuleChange;
use findings::event::EventOpener;
use findings::opened_by;

use super::asked::Asked;

/// Who opened a group, and whether it is known of each of its rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    /// The newest call that made a rule what it is.
    pub(super) by: Option<EventOpener>,
    pub(super) is_complete: bool,
}

impl Opened {
    pub(super) fn new(asked: &Asked<'_>, changes: &[RuleChange]) -> Self {
        let of_rules: Vec<Option<&RuleChange>> = asked.rules.iter().map(|rule| opened_by(rule, changes)).collect();
        let newest = of_rules.iter().flatten().max_by_key(|change| change.at);
        Self {
            by: newest.map(|change| EventOpener::new(change, &asked.tags)),
            is_complete: !of_rules.is_empty() && of_rules.iter().all(Option::is_some),
        }
    }
}
