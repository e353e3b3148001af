//! What is asked for: the group of an assessment.

use std::collections::BTreeMap;

use aws_events::sqs::SqsMessage;
use exposure::{IngressRule, Traffic};
use findings::ComplianceType;
use findings::event::{AssessmentEvent, EventExposure, Trigger};
use jiff::Timestamp;
use serde::Deserialize;

/// An event of the bus.
#[derive(Deserialize)]
struct Envelope {
    detail: AssessmentEvent,
}

/// A group that was judged to be open.
#[derive(Debug)]
pub(super) struct Asked<'m> {
    /// All messages about it; the newest judgement counts.
    pub(super) messages: Vec<&'m SqsMessage>,
    pub(super) group_id: String,
    pub(super) tags: BTreeMap<String, String>,
    /// The rules that expose it, as far as the event has them.
    pub(super) rules: Vec<IngressRule>,
    /// Time of the state that was judged.
    pub(super) ordering: Timestamp,
    /// Whether the group or the rule changed, rather than that the schedule came round.
    pub(super) is_change: bool,
}

/// Reads the messages: the groups of `rule` that are open, and the messages that are not understood.
pub(super) fn read<'m>(
    messages: &'m [SqsMessage],
    rule: &str,
) -> (Vec<Asked<'m>>, Vec<(&'m SqsMessage, serde_json::Error)>) {
    let (mut by_group, mut failures) = (BTreeMap::<String, Asked<'_>>::new(), Vec::new());
    for message in messages {
        let event = match serde_json::from_str::<Envelope>(&message.body) {
            Ok(Envelope { detail }) => detail,
            Err(error) => {
                failures.push((message, error));
                continue;
            }
        };
        if event.config_rule_name != rule || event.compliance != ComplianceType::NonCompliant {
            continue;
        }
        let asked = Asked::new(message, event);
        match by_group.get_mut(&asked.group_id) {
            None => {
                by_group.insert(asked.group_id.clone(), asked);
            }
            Some(known) => known.merge(asked),
        }
    }
    (by_group.into_values().collect(), failures)
}

impl<'m> Asked<'m> {
    fn new(message: &'m SqsMessage, event: AssessmentEvent) -> Self {
        let group = event.security_group;
        Self {
            messages: vec![message],
            group_id: group.id,
            tags: group.tags,
            rules: event.exposures.iter().map(rule).collect(),
            ordering: event.ordering_timestamp,
            is_change: event.trigger != Trigger::Scheduled,
        }
    }

    fn merge(&mut self, other: Self) {
        let messages = std::mem::take(&mut self.messages).into_iter().chain(other.messages.iter().copied()).collect();
        let is_change = self.is_change || other.is_change;
        if self.ordering < other.ordering {
            *self = other;
        }
        (self.messages, self.is_change) = (messages, is_change);
    }
}

fn rule(exposure: &EventExposure) -> IngressRule {
    let traffic = Traffic::parse(&exposure.protocol, exposure.from_port, exposure.to_port);
    let id = exposure.security_group_rule_id.clone();
    IngressRule { id, ..IngressRule::new(traffic, exposure.source.as_str().into()) }
}
