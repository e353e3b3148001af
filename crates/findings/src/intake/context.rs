//! `Portcullis Context`: what surrounds a group that is open.

use super::Intake;
use super::envelope::Envelope;
use super::error::IntakeError;
use crate::event::{ContextEvent, EventInterfaces, EventOpener, EventOwner};
use crate::finding::{Attachment, Context, FindingKey, Moment, Observation, Observed, Opener, Owner, Text};

pub(super) fn read(envelope: &Envelope) -> Result<Intake, IntakeError> {
    let event: ContextEvent = envelope.detail()?;
    envelope.is_about(&event.account)?;
    let key = FindingKey::new(&event.account, &event.region, &event.security_group_id, &event.config_rule_name)?;
    let context = Context {
        attachment: event.interfaces.as_ref().map(Attachment::from),
        owner: event.owner.as_ref().map(Owner::from),
        opener: event.opener.as_ref().map(Opener::from),
    };
    Ok(Intake::observed(key, Observation { at: Moment::live(event.time), what: Observed::Context(context) }))
}

impl From<&EventInterfaces> for Attachment {
    fn from(EventInterfaces { count, public, listed, .. }: &EventInterfaces) -> Self {
        Self {
            interfaces: u32::try_from(*count).unwrap_or(u32::MAX),
            public: *public,
            example: listed.iter().filter_map(|one| one.resource.as_deref()).min().map(Text::from),
        }
    }
}

impl From<&EventOwner> for Owner {
    fn from(EventOwner { name, source }: &EventOwner) -> Self {
        Self { name: name.as_str().into(), source: *source }
    }
}

impl From<&EventOpener> for Opener {
    fn from(opener: &EventOpener) -> Self {
        Self {
            at: opener.at,
            principal: opener.name.as_str().into(),
            user_agent: opener.user_agent.as_deref().map(Text::from),
            stack: opener.stack.as_deref().map(Text::from),
        }
    }
}
