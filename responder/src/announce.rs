//! Events about groups that are open: the assessment, and who opened the group.

use aws_traits::events::{EVENTS_PER_CALL, Event, Events};
use findings::event::{
    ASSESSMENT, AssessmentEvent, AssessmentOrigin, CONTEXT, ContextEvent, EventOpener, SOURCE, Trigger,
};
use findings::{opened_by, security_group_arn};
use jiff::Timestamp;
use judgement::JudgedGroup;
use tokio::time::Instant;
use tracing::warn;
use work_queue::in_time;

use crate::SERVICE;
use crate::asked::Asked;
use crate::settings::Settings;

/// The events about a group that is open.
pub(crate) fn events(settings: &Settings, judged: &JudgedGroup, asked: &Asked<'_>, now: Timestamp) -> Vec<Event> {
    let Settings { account, region, rule, .. } = settings;
    let (group, assessment) = (&judged.group, judged.assess());
    let origin = AssessmentOrigin {
        account: Some(account),
        region,
        config_rule_name: rule,
        ordering_timestamp: judged.criteria.at,
        trigger: Trigger::Change,
        closes: None,
    };
    let resource = Some(security_group_arn(account, region, &group.id));
    let event = |detail_type, detail| Event { source: SOURCE, detail_type, resource: resource.clone(), detail };
    let mut events = Vec::new();
    events.extend(AssessmentEvent::new(origin, group, &assessment).map(|detail| event(ASSESSMENT, detail.to_json())));
    let openers = assessment.exposures.iter().filter_map(|exposure| opened_by(exposure.rule, &asked.changes));
    if let Some(newest) = openers.max_by_key(|change| change.at) {
        let opener = Some(EventOpener::new(newest, &group.tags));
        let detail = ContextEvent { opener, ..ContextEvent::new((account, region, rule), &group.id, now) };
        events.push(event(CONTEXT, detail.fitted().to_json()));
    }
    events
}

/// Puts the events. What cannot be put is logged: no closing waits for it.
pub(crate) async fn put(bus: &impl Events, events: &[Event], end: Instant) {
    if bus.bus().is_none() {
        return;
    }
    for events in events.chunks(EVENTS_PER_CALL) {
        match in_time(end, bus.put_events(events)).await {
            Ok(rejected) => {
                for rejected in rejected {
                    warn!(service = SERVICE, error = rejected.error.to_string(), "event not put");
                }
            }
            Err(gap) => warn!(service = SERVICE, events = events.len(), error = gap.to_string(), "event not put"),
        }
    }
}
