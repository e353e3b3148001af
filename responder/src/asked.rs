//! What the messages of a batch ask for: groups to look at, each with the strictest mode that asks for it.

use std::collections::{BTreeMap, BTreeSet};

use aws_events::cloudtrail::RuleChange;
use aws_events::notice::{ApiCall, FindingStatus, Notice, Reachability, Refusal, SecurityFindings, SnsMessage};
use aws_events::sqs::SqsMessage;

use crate::settings::{Mode, Settings};

/// Name of the trigger in the log.
const CLOUDTRAIL: &str = "cloudtrail";

/// A security group to look at.
#[derive(Debug, Default)]
pub(crate) struct Asked<'m> {
    /// The messages that ask for it.
    pub(crate) messages: Vec<&'m SqsMessage>,
    /// What becomes of it if it is open, by the triggers that do not say by which ports.
    pub(crate) mode: Mode,
    /// Names of the triggers, for the log.
    pub(crate) triggers: BTreeSet<&'static str>,
    /// Calls that may have opened it.
    pub(crate) changes: Vec<RuleChange>,
    /// Findings of Amazon Inspector, each of which asks for it if one of its ports is blocked.
    pub(crate) reachable: Vec<Reachability>,
    /// Findings of Amazon Inspector that were closed.
    pub(crate) closed: Vec<Reachability>,
}

impl Asked<'_> {
    /// Whether only findings that are closed ask for it.
    pub(crate) fn is_about_the_past(&self) -> bool {
        self.mode == Mode::Off && self.reachable.is_empty()
    }
}

/// What the messages of a batch ask for.
#[derive(Debug, Default)]
pub(crate) struct Batch<'m> {
    pub(crate) groups: BTreeMap<String, Asked<'m>>,
    /// Prefix lists that were changed, whose groups are to be looked at.
    pub(crate) prefix_lists: BTreeMap<String, Vec<&'m SqsMessage>>,
    /// Messages that ask for nothing, and why.
    pub(crate) refused: Vec<(&'m SqsMessage, Refused)>,
}

/// Why a message asks for nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    NotRead(#[from] Refusal),
    #[error("the trigger is off")]
    Off,
    #[error("the call was made by a function of Portcullis")]
    Own,
    #[error("it is about account {0}, which is another one")]
    AnotherAccount(String),
    #[error("it is about region {0}, which is another one")]
    AnotherRegion(String),
    #[error("the finding was suppressed")]
    Suppressed,
    #[error("the finding names no security group: look at the network path of the finding {0}")]
    NoGroup(String),
}

impl Refused {
    /// Whether it is expected, so that nobody has to look at it.
    pub(crate) fn is_noise(&self) -> bool {
        match self {
            Self::NotRead(refusal) => refusal.is_noise(),
            Self::Off | Self::Own | Self::Suppressed => true,
            Self::AnotherAccount(_) | Self::AnotherRegion(_) | Self::NoGroup(_) => false,
        }
    }
}

impl<'m> Batch<'m> {
    /// Reads the messages. `own_roles` are the roles of functions that change groups: what they did is not answered.
    pub(crate) fn read(messages: &'m [SqsMessage], settings: &Settings, own_roles: &[String]) -> Self {
        let mut batch = Self::default();
        for message in messages {
            let notice = Notice::read(&message.body).map_err(Refused::from);
            let taken = notice.and_then(|notice| match notice {
                Notice::Call(call) => batch.take_call(message, *call, settings, own_roles),
                Notice::Reachable(finding) => batch.take_reachability(message, &finding, settings),
                Notice::Findings(findings) => batch.take_findings(message, &findings, settings),
                Notice::Message(text) => batch.take_message(message, &text, settings),
            });
            if let Err(refused) = taken {
                batch.refused.push((message, refused));
            }
        }
        batch
    }

    /// Asks for a group that admits a prefix list which was changed.
    pub(crate) fn ask_for_list(&mut self, group_id: &str, messages: &[&'m SqsMessage], mode: Mode) {
        for message in messages {
            self.ask(group_id, message, CLOUDTRAIL, mode);
        }
    }

    fn ask(&mut self, group_id: &str, message: &'m SqsMessage, trigger: &'static str, mode: Mode) -> &mut Asked<'m> {
        let asked = self.groups.entry(group_id.to_owned()).or_default();
        asked.messages.push(message);
        asked.mode = asked.mode.max(mode);
        asked.triggers.insert(trigger);
        asked
    }

    fn take_call(
        &mut self,
        message: &'m SqsMessage,
        call: ApiCall,
        settings: &Settings,
        own_roles: &[String],
    ) -> Result<(), Refused> {
        let mode = on(settings.modes.cloudtrail)?;
        if call.by.role_arn.as_ref().is_some_and(|role| own_roles.contains(role)) {
            return Err(Refused::Own);
        }
        is_here(settings, call.account.as_deref(), call.region.as_deref())?;
        for id in &call.group_ids {
            self.ask(id, message, CLOUDTRAIL, mode).changes.extend(call.change.clone());
        }
        for id in call.prefix_list_ids {
            self.prefix_lists.entry(id).or_default().push(message);
        }
        Ok(())
    }

    fn take_reachability(
        &mut self,
        message: &'m SqsMessage,
        finding: &Reachability,
        settings: &Settings,
    ) -> Result<(), Refused> {
        on(settings.modes.inspector)?;
        // A finding that is simulated may be that of a workshop, with an account of its own.
        if !finding.simulated {
            is_here(settings, Some(&finding.account), Some(&finding.region))?;
        }
        if finding.group_ids.is_empty() {
            return Err(Refused::NoGroup(finding.finding_arn.clone()));
        }
        if finding.status == FindingStatus::Suppressed {
            return Err(Refused::Suppressed);
        }
        for id in &finding.group_ids {
            let asked = self.ask(id, message, "inspector", Mode::Off);
            let findings =
                if finding.status == FindingStatus::Closed { &mut asked.closed } else { &mut asked.reachable };
            findings.push(finding.clone());
        }
        Ok(())
    }

    fn take_findings(
        &mut self,
        message: &'m SqsMessage,
        findings: &SecurityFindings,
        settings: &Settings,
    ) -> Result<(), Refused> {
        let mode = on(settings.modes.security_hub)?;
        let mut elsewhere = None;
        let mut taken = false;
        for finding in &findings.groups {
            // Security Hub of an administrator, or of an aggregation region, has findings of others.
            match is_here(settings, Some(&finding.account), Some(&finding.region)) {
                Ok(()) => {
                    taken = true;
                    self.ask(&finding.group_id, message, "securityhub", mode);
                }
                Err(refused) => elsewhere = Some(refused),
            }
        }
        elsewhere.filter(|_| !taken).map_or(Ok(()), Err)
    }

    fn take_message(&mut self, message: &'m SqsMessage, text: &SnsMessage, settings: &Settings) -> Result<(), Refused> {
        let mode = on(settings.modes.sns)?;
        for id in &text.group_ids {
            self.ask(id, message, "sns", mode);
        }
        Ok(())
    }
}

fn on(mode: Mode) -> Result<Mode, Refused> {
    if mode == Mode::Off { Err(Refused::Off) } else { Ok(mode) }
}

/// Checks that an event is about the account and the region of the function, as far as it says so.
fn is_here(settings: &Settings, account: Option<&str>, region: Option<&str>) -> Result<(), Refused> {
    match (account, region) {
        (Some(account), _) if account != settings.account => Err(Refused::AnotherAccount(account.to_owned())),
        (_, Some(region)) if region != settings.region => Err(Refused::AnotherRegion(region.to_owned())),
        _ => Ok(()),
    }
}
