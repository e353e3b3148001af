//! Quarantines that answer findings, and when they are released.
//!
//! A quarantine makes Inspector close its finding: the port is no longer reachable. Released for that reason alone, the port would be
//! reachable again, and the finding open. So a quarantine is released when its findings are closed *and* the group no longer opens
//! the port.

use std::collections::BTreeMap;

use aws_events::notice::Reachability;
use aws_traits::ssm::{Automations, Progress};
use aws_traits::state::{Partition, StateItem, StateTable};
use exposure::{Assessment, PortSet};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use work_queue::{Gap, in_time};

use crate::answer::{Action, release};
use crate::starter::{Start, Starter};

/// Kind of the items in the state table.
const KIND: &str = "quarantines";
/// For how long a quarantine is known that nobody asks about.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// For how long one is known that was released.
const RELEASED_IS_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A finding that a quarantine answers. Each is an item of its own, so that findings of one group do not overwrite each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    group: String,
    /// The ports that are denied, as a list such as `tcp/22`.
    ports: String,
    /// When the quarantine was last asked for.
    at: Timestamp,
    state: State,
}

/// The findings that the quarantine of a group answers; empty if there is none.
pub(crate) type Quarantine = Vec<StateItem<Answered>>;

/// How far a quarantine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The finding is open.
    Open,
    /// It is closed.
    Closed,
    /// The quarantine was released.
    Released,
}

/// What became of a quarantine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// There is none.
    None,
    /// A finding is open.
    FindingOpen,
    /// The group still opens a port that is denied.
    PortOpen,
    /// The execution that releases it was started.
    Started(Option<String>),
    /// That execution is under way.
    UnderWay,
    /// It is released.
    Done,
}

impl<A: Automations, T: StateTable> Starter<'_, A, T> {
    fn quarantines(&self) -> Partition {
        Partition { kind: KIND, of: self.settings.rule.clone() }
    }

    /// Remembers that a quarantine answers these findings.
    pub(crate) async fn remember_quarantine(
        &self,
        group: &str,
        findings: &[Reachability],
        ports: &PortSet,
        end: Instant,
    ) -> Result<(), Gap> {
        for finding in findings {
            let (ports, at) = (ports.to_string(), (self.now)());
            let value = Answered { group: group.to_owned(), ports, at, state: State::Open };
            self.put_answered(&StateItem { id: id(group, &finding.finding_arn), value }, KNOWN_FOR, end).await?;
        }
        Ok(())
    }

    /// Notes that findings are closed. Returns the quarantine of the group.
    pub(crate) async fn findings_closed(
        &self,
        group: &str,
        closed: &[Reachability],
        end: Instant,
    ) -> Result<Quarantine, Gap> {
        let ids: Vec<String> = closed.iter().map(|finding| id(group, &finding.finding_arn)).collect();
        let mut quarantine = self.quarantined(end).await?.remove(group).unwrap_or_default();
        for item in &mut quarantine {
            if ids.contains(&item.id) && item.value.state == State::Open {
                item.value.state = State::Closed;
                self.put_answered(item, KNOWN_FOR, end).await?;
            }
        }
        Ok(quarantine)
    }

    /// The quarantines of which no finding is open, by group.
    pub(crate) async fn to_release(&self, end: Instant) -> Result<BTreeMap<String, Quarantine>, Gap> {
        let mut quarantines = self.quarantined(end).await?;
        quarantines.retain(|_, items| items.iter().all(|item| item.value.state == State::Closed));
        Ok(quarantines)
    }

    /// Releases the quarantine of a group, if it is time. `assessment` is that of the group as it is now; `None` if it is gone.
    pub(crate) async fn release(
        &self,
        (group, items): (&str, Quarantine),
        assessment: Option<&Assessment<'_>>,
        document: &str,
        end: Instant,
    ) -> Result<Release, Gap> {
        let Some(last_asked) = items.iter().map(|item| item.value.at).max() else { return Ok(Release::None) };
        if items.iter().any(|item| item.value.state == State::Open) {
            return Ok(Release::FindingOpen);
        }
        let mut denied = PortSet::default();
        for item in &items {
            denied.extend(&item.value.ports.parse().unwrap_or_default());
        }
        if assessment.is_some_and(|assessment| opens(assessment, &denied)) {
            return Ok(Release::PortOpen);
        }
        if let Some((at, progress)) = self.last(group, Action::Release, end).await?
            && at >= last_asked
        {
            match progress {
                Some(Progress::Succeeded) => {
                    for mut item in items {
                        item.value.state = State::Released;
                        self.put_answered(&item, RELEASED_IS_KNOWN_FOR, end).await?;
                    }
                    return Ok(Release::Done);
                }
                Some(Progress::Running) => return Ok(Release::UnderWay),
                Some(Progress::Failed) | None => {}
            }
        }
        let nothing = Assessment::default();
        let (action, parameters) = release(group, &self.settings.rule);
        Ok(match self.start((group, action, document), parameters, &nothing, end).await? {
            Start::Now(execution) => Release::Started(Some(execution)),
            Start::Before => Release::Started(None),
            Start::Wait(_) | Start::LeftOpen(_) => Release::UnderWay,
        })
    }

    /// The findings that quarantines answer which are not released, by group: a few.
    async fn quarantined(&self, end: Instant) -> Result<BTreeMap<String, Quarantine>, Gap> {
        let mut by_group = BTreeMap::<String, Quarantine>::new();
        for item in in_time(end, self.table.all_items::<Answered>(&self.quarantines())).await? {
            if item.value.state != State::Released {
                by_group.entry(item.value.group.clone()).or_default().push(item);
            }
        }
        Ok(by_group)
    }

    async fn put_answered(
        &self,
        item: &StateItem<Answered>,
        known_for: SignedDuration,
        end: Instant,
    ) -> Result<(), Gap> {
        let expires = (self.now)().saturating_add(known_for).unwrap_or(Timestamp::MAX);
        in_time(end, self.table.put_item(&self.quarantines(), item, expires)).await
    }
}

fn id(group: &str, finding_arn: &str) -> String {
    format!("{group}/{finding_arn}")
}

/// Whether a group opens one of these ports, or may do so. An exemption does not matter: the port would be reachable.
fn opens(assessment: &Assessment<'_>, ports: &PortSet) -> bool {
    let exposures = assessment.exposures.iter().chain(assessment.exempted.iter().map(|one| &one.exposure));
    !assessment.unjudged.is_empty() || exposures.into_iter().any(|one| !one.ports.intersection(ports).is_empty())
}
