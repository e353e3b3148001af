//! Faults of a service: what becomes of a call instead of an ordinary answer.

use channels::Response;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::service::{AnyService, Name};

/// A fault, as the control interface takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The service.
    pub service: Name,
    /// The operation that it concerns; without it, each one.
    #[serde(default)]
    pub operation: Option<String>,
    /// What becomes of a call.
    pub fault: Kind,
    /// Number of such calls that are answered first.
    #[serde(default)]
    pub after: u32,
    /// Number of calls that it concerns; without it, all until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Kind {
    /// 429. Nothing is carried out.
    RateLimit {
        /// How long to wait, in seconds.
        retry_after: u32,
        /// Whether the header has a date.
        #[serde(default)]
        as_date: bool,
    },
    /// A status of a server or proxy that fails.
    Status {
        /// The status.
        code: u16,
        /// Whether the call is carried out all the same.
        #[serde(default)]
        carried_out: bool,
    },
    /// The call is read and not carried out, and there is no answer.
    HangBefore,
    /// The call is carried out, and there is no answer.
    HangAfter,
    /// The connection ends before anything is carried out.
    CloseBefore,
    /// The call is carried out, and the connection ends.
    CloseAfter,
    /// No connection is accepted. It concerns the whole service, until it is cleared.
    Down,
}

/// A fault that no call can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The service has no such operation.
    #[error("{} has no operation `{operation}`: name one of {}", .service.as_str(), .known.join(", "))]
    NoSuchOperation {
        /// The service.
        service: Name,
        /// The name that it does not have.
        operation: String,
        /// Those that it has.
        known: &'static [&'static str],
    },
    /// It concerns single calls, and no call arrives.
    #[error("`down` concerns the whole service: leave `operation`, `after` and `times` out, and clear it")]
    Down,
    /// No call would have it.
    #[error("`times` is 0: leave it out, or delete the faults of {}", .0.as_str())]
    Never(Name),
    /// It is no status of a failure.
    #[error("{0} is not the status of a failure: write one of 400 to 599")]
    Status(u16),
}

impl Fault {
    /// Checks that some call can have it.
    ///
    /// # Errors
    ///
    /// If none can.
    pub fn check(&self, service: &dyn AnyService) -> Result<(), FaultError> {
        let known = service.operations();
        if let Some(operation) = self.operation.as_ref().filter(|operation| !known.contains(&operation.as_str())) {
            return Err(FaultError::NoSuchOperation { service: self.service, operation: operation.clone(), known });
        }
        let is_limited = self.operation.is_some() || self.after > 0 || self.times.is_some();
        match self.kind() {
            Kind::Down if is_limited => Err(FaultError::Down),
            Kind::Status { code, .. } if !(400..600).contains(code) => Err(FaultError::Status(*code)),
            _ if self.times == Some(0) => Err(FaultError::Never(self.service)),
            _ => Ok(()),
        }
    }

    /// What becomes of a call.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.fault
    }

    fn concerns(&self, service: Name, operation: &str) -> bool {
        self.service == service && self.operation.as_ref().is_none_or(|known| known == operation)
    }

    /// Whether the two are for the same calls, so that the newer one replaces the other.
    fn is_for_those_of(&self, other: &Self) -> bool {
        self.service == other.service && self.operation == other.operation
    }
}

/// The faults that are set.
#[derive(Debug, Default)]
pub struct Faults {
    set: Vec<Fault>,
}

impl Faults {
    /// Those that are left.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.set
    }

    /// Sets a fault in place of the one for the same calls.
    pub fn set(&mut self, fault: Fault) {
        self.set.retain(|known| !known.is_for_those_of(&fault));
        self.set.push(fault);
    }

    /// Forgets the faults of a service, or all.
    pub fn clear(&mut self, service: Option<Name>) {
        self.set.retain(|fault| service.is_some_and(|service| service != fault.service));
    }

    /// The fault that a call has. It counts the call. One for the operation goes before one for all operations.
    pub fn of(&mut self, service: Name, operation: &str) -> Option<Kind> {
        self.set.sort_by_key(|fault| fault.operation.is_none());
        let at = self.set.iter().position(|fault| fault.concerns(service, operation))?;
        let fault = self.set.get_mut(at)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let kind = fault.fault.clone();
        if let Some(times) = fault.times.as_mut() {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.set.remove(at);
            }
        }
        Some(kind)
    }
}

/// The answer 429 of a service, with the time to wait.
#[must_use]
pub fn limited(service: &dyn AnyService, retry_after: u32, as_date: bool, now: Timestamp) -> Response {
    let mut response = service.limited();
    let wait = if as_date {
        let until = now.checked_add(SignedDuration::from_secs(retry_after.into())).unwrap_or(now);
        until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    } else {
        retry_after.to_string()
    };
    response.headers.push(("retry-after".to_owned(), wait));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::service::Services;

    fn fault(text: &serde_json::Value) -> Fault {
        serde_json::from_value(text.clone()).unwrap()
    }

    #[test]
    fn a_fault_counts_its_calls() {
        let mut faults = Faults::default();
        faults.set(fault(&json!({"service": "slack", "fault": "closeBefore"})));
        faults.set(fault(
            &json!({"service": "slack", "operation": "chat.update", "fault": "hangAfter", "after": 1, "times": 2}),
        ));
        let updates: Vec<_> = (0..4).map(|_| faults.of(Name::Slack, "chat.update")).collect();
        assert_eq!(updates, [None, Some(Kind::HangAfter), Some(Kind::HangAfter), Some(Kind::CloseBefore)]);
        assert_eq!(faults.of(Name::Slack, "chat.postMessage"), Some(Kind::CloseBefore));
        assert_eq!(faults.of(Name::Jira, "search"), None);
        faults.clear(Some(Name::Jira));
        assert_eq!(faults.list().len(), 1);
        faults.clear(None);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn a_newer_fault_replaces_the_one_for_the_same_calls() {
        let mut faults = Faults::default();
        faults.set(fault(&json!({"service": "teams", "fault": "hangBefore"})));
        faults.set(fault(&json!({"service": "teams", "fault": {"status": {"code": 503}}})));
        assert_eq!(faults.of(Name::Teams, "post"), Some(Kind::Status { code: 503, carried_out: false }));
        assert_eq!(faults.list().len(), 1);
    }

    #[rstest]
    #[case(json!({"service": "slack", "operation": "post", "fault": "hangAfter"}), "slack has no operation `post`: name one of chat.postMessage")]
    #[case(json!({"service": "jira", "operation": "search", "fault": "down"}), "`down` concerns the whole service")]
    #[case(json!({"service": "jira", "fault": "down", "times": 1}), "`down` concerns the whole service")]
    #[case(json!({"service": "jira", "fault": "hangAfter", "times": 0}), "`times` is 0")]
    #[case(json!({"service": "jira", "fault": {"status": {"code": 200}}}), "200 is not the status of a failure")]
    fn a_fault_that_no_call_can_have_is_refused(#[case] text: serde_json::Value, #[case] error: &str) {
        let fault = fault(&text);
        let found = fault.check(Services::default().get(fault.service)).unwrap_err().to_string();
        assert!(found.starts_with(error), "{found}");
    }

    #[test]
    fn a_limit_says_how_long_to_wait_in_seconds_or_by_a_date() {
        let mut services = Services::default();
        let now = "2026-12-01T09:00:00Z".parse().unwrap();
        let header =
            |as_date| limited(services.get(Name::Jira), 90, as_date, now).header("retry-after").map(str::to_owned);
        let mut header = header;
        assert_eq!(header(false).as_deref(), Some("90"));
        assert_eq!(header(true).as_deref(), Some("Tue, 01 Dec 2026 09:01:30 GMT"));
    }
}
