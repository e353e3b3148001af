//! Who opened a group.

use aws_events::cloudtrail::RuleChange;
use findings::event::EventOpener;
use findings::opened_by;

use super::asked::Asked;

/// How CloudTrail names CloudFormation, as the program or the service that made a call.
const CLOUDFORMATION: &str = "cloudformation.amazonaws.com";
/// Tag that CloudFormation gives to what it creates.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

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
            by: newest.map(|change| event(change, asked)),
            is_complete: !of_rules.is_empty() && of_rules.iter().all(Option::is_some),
        }
    }
}

fn event(change: &RuleChange, asked: &Asked<'_>) -> EventOpener {
    let by = &change.by;
    let caller = by.to_string();
    let is_stack = [&by.invoked_by, &by.name, &change.source_address, &change.user_agent]
        .into_iter()
        .any(|text| text.as_deref() == Some(CLOUDFORMATION));
    EventOpener {
        at: change.at,
        name: by.name.clone().or_else(|| by.arn.clone()).unwrap_or_else(|| caller.clone()),
        caller,
        event_name: change.name.clone(),
        event_id: change.event_id.clone(),
        source_address: change.source_address.clone(),
        user_agent: change.user_agent.clone(),
        stack: asked.tags.get(STACK_TAG).filter(|_| is_stack).cloned(),
    }
}
