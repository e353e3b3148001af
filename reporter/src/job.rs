//! Messages of the queue of the duty *notify*: what is to be done.

use findings::finding::{Finding, FindingKey};
use jiff::Timestamp;
use routing::Document;
use serde::{Deserialize, Serialize};

use crate::notify::{Pending, Place, pending};

/// A message of the queue, as JSON. Fields that are not known are ignored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Job {
    /// A channel is told of a finding: `{"finding": "…", "channel": "…"}`.
    Finding {
        /// Key of the finding.
        finding: FindingKey,
        /// Name of the channel in the routing document.
        channel: String,
    },
    /// A channel is told in one message of what waits for the end of a window:
    /// `{"kind": "burst", "channel": "…", "window": "…"}`.
    Burst {
        /// `burst`.
        kind: BurstKind,
        /// Name of the channel.
        channel: String,
        /// When the window ends. The job has nothing to do before.
        window: Timestamp,
    },
    /// A channel is sent its daily summary: `{"kind": "digest", "channel": "…", "at": "…"}`.
    Digest {
        /// `digest`.
        kind: DigestKind,
        /// Name of the channel.
        channel: String,
        /// When it is due. The job has nothing to do before.
        at: Timestamp,
    },
}

/// The kind of a job for a burst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum BurstKind {
    /// The only one.
    #[default]
    #[serde(rename = "burst")]
    Burst,
}

/// The kind of a job for a daily summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum DigestKind {
    /// The only one.
    #[default]
    #[serde(rename = "digest")]
    Digest,
}

/// A message is not understood. A newer version may have written it, so it stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Not JSON, or not the fields of its kind.
    #[error("message is malformed: it is not a job of this queue")]
    Malformed(#[from] serde_json::Error),
    /// Another kind.
    #[error("message has the unknown kind `{0}`: update Portcullis, and send it again")]
    Kind(String),
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct OfWindow {
    channel: String,
    window: Timestamp,
}

#[derive(Deserialize)]
struct OfDay {
    channel: String,
    at: Timestamp,
}

#[derive(Deserialize)]
struct OfFinding {
    finding: FindingKey,
    channel: String,
}

impl Job {
    /// Reads the body of a message.
    ///
    /// # Errors
    ///
    /// If it is not a job that this version knows.
    pub fn read(body: &str) -> Result<Self, JobError> {
        match serde_json::from_str::<Kind>(body)?.kind.as_deref() {
            None => {
                let OfFinding { finding, channel } = serde_json::from_str(body)?;
                Ok(Self::Finding { finding, channel })
            }
            Some("burst") => {
                let OfWindow { channel, window } = serde_json::from_str(body)?;
                Ok(Self::burst(&channel, window))
            }
            Some("digest") => {
                let OfDay { channel, at } = serde_json::from_str(body)?;
                Ok(Self::digest(&channel, at))
            }
            Some(kind) => Err(JobError::Kind(plain_text::one_line(kind, 40))),
        }
    }

    /// Jobs with the same subject are done one after the other.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Finding { finding, .. } => finding.to_string(),
            Self::Burst { channel, .. } | Self::Digest { channel, .. } => format!("channel#{channel}"),
        }
    }

    /// The job to tell what waits for the end of a window.
    #[must_use]
    pub fn burst(channel: &str, window: Timestamp) -> Self {
        Self::Burst { kind: BurstKind::Burst, channel: channel.to_owned(), window }
    }

    /// The job to send a daily summary.
    #[must_use]
    pub fn digest(channel: &str, at: Timestamp) -> Self {
        Self::Digest { kind: DigestKind::Digest, channel: channel.to_owned(), at }
    }

    /// The body of a message.
    #[must_use]
    pub fn body(&self) -> String {
        // A job has texts only.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A job that a finding waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJob {
    /// The job.
    pub job: Job,
    /// The time of the next attempt, which is past or `now` unless earlier ones failed.
    pub next_attempt: Timestamp,
    /// Whether another function may be at it.
    pub is_leased: bool,
}

/// The jobs that a finding waits for at `now`: one for each channel that is behind with it.
#[must_use]
pub fn pending_jobs(document: &Document, finding: &Finding, now: Timestamp) -> Vec<PendingJob> {
    jobs_of(finding, pending(document, finding, now), now)
}

/// The jobs for the places that are behind with a finding.
pub(crate) fn jobs_of(finding: &Finding, behind: Vec<(Place, Pending)>, now: Timestamp) -> Vec<PendingJob> {
    let mut jobs: Vec<PendingJob> = Vec::new();
    for (place, pending) in behind {
        let job = Job::Finding { finding: finding.key().clone(), channel: place.delivery.channel };
        let (next_attempt, is_leased) = (pending.next_attempt.unwrap_or(now), pending.leased_until.is_some());
        match jobs.iter_mut().find(|known| known.job == job) {
            // One job tells all recipients of a channel.
            Some(known) => {
                known.next_attempt = known.next_attempt.min(next_attempt);
                known.is_leased &= is_leased;
            }
            None => jobs.push(PendingJob { job, next_attempt, is_leased }),
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;

    const KEY: &str = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";

    #[test]
    fn a_job_is_read_back_as_it_was_written() {
        let job = Job::Finding { finding: KEY.parse().unwrap(), channel: "tickets".to_owned() };
        assert_eq!(job.body(), format!(r#"{{"finding":"{KEY}","channel":"tickets"}}"#));
        assert_eq!(Job::read(&job.body()).unwrap(), job);
    }

    #[test]
    fn a_job_for_a_channel_is_read_back_as_it_was_written() {
        let at: Timestamp = "2026-12-01T09:10:00Z".parse().unwrap();
        let burst = Job::burst("chat", at);
        assert_eq!(burst.body(), r#"{"kind":"burst","channel":"chat","window":"2026-12-01T09:10:00Z"}"#);
        let digest = Job::digest("chat", at);
        assert_eq!(digest.body(), r#"{"kind":"digest","channel":"chat","at":"2026-12-01T09:10:00Z"}"#);
        for job in [burst, digest] {
            assert_eq!(Job::read(&job.body()).unwrap(), job);
        }
    }

    #[test]
    fn a_field_of_a_newer_version_is_ignored() {
        let body = format!(r#"{{"finding":"{KEY}","channel":"tickets","urgent":true}}"#);
        assert!(Job::read(&body).is_ok());
    }

    #[rstest]
    #[case("", "malformed")]
    #[case("[]", "malformed")]
    #[case(r#"{"channel":"tickets"}"#, "malformed")]
    #[case(r#"{"finding":"sg-1","channel":"tickets"}"#, "malformed")]
    #[case(r#"{"kind":"burst","channel":"tickets"}"#, "malformed")]
    #[case(r#"{"kind":"digest","channel":"tickets","at":"today"}"#, "malformed")]
    #[case(r#"{"kind":"holiday","channel":"tickets"}"#, "unknown kind `holiday`")]
    fn another_message_is_an_error(#[case] body: &str, #[case] reason: &str) {
        let error = Job::read(body).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
