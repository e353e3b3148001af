//! The history of a finding, for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Finding;
use super::episode::ClosedBy;
use super::exposures::{ExposureList, KeptExposure, told_apart};
use super::facts::AttemptStatus;
use super::key::FindingKey;
use super::news::News;
use super::observation::Opener;
use super::text::Text;

/// Exposures that a sentence names of those that came, and of those that went.
const NAMED: usize = 3;

/// An entry of the history: what was learned of a finding.
///
/// The history records what was news when it arrived. So it may differ where the same observations arrive in another order;
/// the [episodes](Finding::episodes) do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The finding.
    pub key: FindingKey,
    /// When it was true: the ordering time of the observation.
    pub at: Timestamp,
    /// The change.
    pub news: News,
    /// By whom: an execution, a principal, a person; `None` if that is not known or makes no sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Text<256>>,
    /// Revision of the finding with the change.
    pub revision: u64,
    /// The change in one sentence.
    pub sentence: Text<400>,
}

impl Finding {
    /// The entry for a change that is part of this finding, which had these exposures before.
    pub(super) fn entry(&self, at: Timestamp, news: &News, exposed: Option<&ExposureList>) -> HistoryEntry {
        HistoryEntry {
            key: self.key.clone(),
            at,
            news: news.clone(),
            by: self.author(news),
            revision: self.revision,
            sentence: self.sentence(news, exposed).into(),
        }
    }

    fn author(&self, news: &News) -> Option<Text<256>> {
        let opener = || self.opener().map(|opener| opener.principal.clone());
        match news {
            News::Opened | News::Reopened | News::OpenerChanged | News::Contested => opener(),
            News::Closed(ClosedBy::Remediation(execution))
            | News::ClosedByRemediation(execution)
            | News::ClosingDeferred(execution)
            | News::Restored(execution) => Some(execution.as_str().into()),
            News::ClosingFailed(_) => self.attempt().map(|attempt| attempt.execution_id.as_str().into()),
            News::Muted | News::Unmuted => self.facts.mute.value().map(|mute| mute.by.as_str().into()),
            News::Exempted | News::ExemptionChanged => {
                self.exemption().and_then(|exemption| exemption.owner.as_ref()).map(|owner| owner.as_str().into())
            }
            _ => None,
        }
    }

    /// The change in one sentence, in the words of the documentation.
    fn sentence(&self, news: &News, exposed: Option<&ExposureList>) -> String {
        let group = self.key.group_id();
        match news {
            News::Opened => format!("{group} is open: {}.", self.exposures_in_words()),
            News::Reopened => {
                let count = plain_text::counted(self.episodes().reopenings().min(u64::from(u32::MAX)), "reopening");
                format!("{group} is open again ({count}): {}.", self.exposures_in_words())
            }
            News::Closed(by) => format!("{group} was closed by {by}."),
            News::ClosedByRemediation(execution) => format!("{group} was closed by remediation {execution}."),
            News::Exempted | News::ExemptionChanged => format!("{group} is exempt{}.", self.exemption_in_words()),
            News::ExemptionEnded => format!("{group} is no longer exempt: {}.", self.exposures_in_words()),
            News::ExposuresChanged => match exposed {
                None => format!("The exposures of {group} are known: {}.", self.exposures_in_words()),
                Some(before) => {
                    let difference = self.exposures().and_then(|after| difference(before, after));
                    let now = difference.unwrap_or_else(|| self.exposures_in_words());
                    format!("The exposures of {group} changed: {now}.")
                }
            },
            News::SeverityChanged { from, to } => {
                format!("The severity of {group} changed from {} to {}.", from.as_str(), to.as_str())
            }
            News::Parked => format!("AWS Config will not close {group}: it has a remediation exception."),
            News::Unparked => format!("{group} has no remediation exception any more."),
            News::Contested => {
                let with = |opener: &Opener| opener.user_agent.as_ref().map(|agent| format!(" with {agent}"));
                let by = self.opener().map(|opener| {
                    format!("; it was last opened by {}{}", opener.principal, with(opener).unwrap_or_default())
                });
                format!("The same exposure of {group} was closed three times within a day{}.", by.unwrap_or_default())
            }
            News::ContestEnded => format!("{group} was not closed again for a day."),
            News::Quarantined => format!("{group} was quarantined: network ACLs deny ports to it."),
            News::QuarantineEnded => format!("The quarantine of {group} has ended."),
            News::ClosingFailed(status) => {
                let message = self.attempt().map(|attempt| attempt.message.as_str()).unwrap_or_default();
                format!("{} {group}: {message}", attempt_in_words(*status))
            }
            News::ClosingRecovered => format!("The newest attempt to close {group} did not fail."),
            News::ClosingDayChanged => match self.closes() {
                Some(closes) => format!("{group} is closed on {} unless it is fixed or exempted.", day(closes)),
                None => format!("{group} is no longer to be closed on a day that is known."),
            },
            News::ClosingReminder(days) => {
                let on = self.closes().map(|closes| format!(", on {}", day(closes))).unwrap_or_default();
                let left = if *days == 1 { "a day".to_owned() } else { format!("{days} days") };
                format!("{group} is closed within {left}{on}, unless it is fixed or exempted.")
            }
            News::OwnerChanged => {
                let owner = self.owner().map_or("not known", |owner| owner.name.as_str());
                format!("The owner of {group} is {owner}.")
            }
            News::OpenerChanged => {
                let opener = self.opener().map_or("a principal that is not known", |opener| opener.principal.as_str());
                format!("{group} was opened by {opener}.")
            }
            News::Muted => format!("{group} is muted {}.", self.mute_in_words()),
            News::Unmuted => format!("{group} is no longer muted."),
            News::ClosingDeferred(_) => format!("Closing of {group} deferred{}.", self.deferral_in_words()),
            News::Restored(execution) => format!("Rules of {group} were restored by {execution}."),
            News::PastCorrected => format!("An observation of {group} arrived late. The present state is the same."),
        }
    }

    /// The worst exposure and the number of the others: `tcp 22 from 0.0.0.0/0 and 2 more exposures`.
    fn exposures_in_words(&self) -> String {
        let Some(exposures) = self.exposures() else { return "the exposures are not known yet".to_owned() };
        let Some(worst) = exposures.listed.first() else { return "the exposures are not known yet".to_owned() };
        let more = match exposures.total.saturating_sub(1) {
            0 => String::new(),
            1 => " and 1 more exposure".to_owned(),
            more => format!(" and {more} more exposures"),
        };
        format!("{}{more}", in_words(worst, None))
    }

    fn exemption_in_words(&self) -> String {
        // The word of AWS Config comes before the assessment, which has the reason.
        let Some(exemption) = self.exemption() else { return String::new() };
        match &exemption.expires {
            Some(expires) => format!(" until {expires}: {}", exemption.reason),
            None => format!(" without an end: {}", exemption.reason),
        }
    }

    fn deferral_in_words(&self) -> String {
        let deferred = self.facts.deferred.value().map(|deferral| deferral.deferred);
        let until = deferred.and_then(|deferred| deferred.until).map(|until| format!(" until {until}"));
        let closings = deferred.and_then(|deferred| deferred.closings).map(|closings| {
            let (groups, were) = (plain_text::counted(closings, "group"), if closings == 1 { "was" } else { "were" });
            format!(": {groups} {were} closed in this hour")
        });
        format!("{}{}", until.unwrap_or_default(), closings.unwrap_or_default())
    }

    fn mute_in_words(&self) -> String {
        match self.facts.mute.value() {
            Some(mute) => {
                let until = mute.until.map_or("until it is unmuted".to_owned(), |until| format!("until {until}"));
                format!("{until}: {}", mute.reason)
            }
            None => String::new(),
        }
    }
}

/// `tcp/22 from 0.0.0.0/0`, and with the traffic of its rule `tcp/22 of tcp 20-25 from 0.0.0.0/0`.
fn in_words(exposure: &KeptExposure, traffic: Option<&str>) -> String {
    let ports: Vec<&str> = exposure.ports.iter().map(Text::as_str).collect();
    let more = if exposure.ports_total > exposure.ports.len() { ", …" } else { "" };
    let of_rule = traffic.map(|traffic| format!(" of {traffic}")).unwrap_or_default();
    format!("{}{more}{of_rule} from {}", ports.join(", "), exposure.rule.source)
}

/// `newly open: tcp/3389 from ::/0; no longer open: tcp/22 from 0.0.0.0/0`. `None` if that is not known, because some are
/// only counted.
fn difference(before: &ExposureList, after: &ExposureList) -> Option<String> {
    let without = |list: &ExposureList, other: &ExposureList| {
        let is_other = |one: &KeptExposure| !other.listed.iter().any(|known| known.has_content_of(one));
        let all: Vec<&KeptExposure> = list.listed.iter().filter(|one| is_other(one)).collect();
        let all = told_apart(&all, in_words);
        let more = all.len().saturating_sub(NAMED);
        let named = all.into_iter().take(NAMED).collect::<Vec<_>>().join(" and ");
        if more == 0 { named } else { format!("{named} and {more} more") }
    };
    let is_cut = |list: &ExposureList| list.total > list.listed.len();
    if is_cut(before) || is_cut(after) {
        return None;
    }
    let parts = [("newly open", without(after, before)), ("no longer open", without(before, after))];
    let parts: Vec<String> =
        parts.iter().filter(|(_, named)| !named.is_empty()).map(|(what, named)| format!("{what}: {named}")).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn attempt_in_words(status: AttemptStatus) -> &'static str {
    match status {
        AttemptStatus::Done => "An attempt ended to close",
        AttemptStatus::Partial => "A remediation closed only a part of the exposures of",
        AttemptStatus::Failed => "A remediation could not close",
        AttemptStatus::NotStarted => "A remediation did not start for",
        AttemptStatus::Rejected => "The approval was refused to close",
    }
}

/// The day in UTC, such as `2026-12-01`.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
