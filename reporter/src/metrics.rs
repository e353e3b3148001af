//! Metrics in the log: lines from which CloudWatch makes metrics, without a call and without waiting.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::{self, Write as _};

use findings::Severity;
use findings::finding::{Finding, News, Transition};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "Portcullis";
const DIMENSION: &str = "ConfigRuleName";

/// A metric. Each of them costs the user money, so there are few, and none has a dimension besides the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// A group was seen open, for the first time or again.
    Opened,
    /// A group was closed.
    Closed,
    /// From the time that a group was seen open, of late, to its closing.
    TimeToClose,
    /// An attempt to close a group failed.
    ClosingFailed,
    /// A channel took a delivery.
    Delivered,
    /// A channel did not take a delivery.
    NotDelivered,
    /// Open groups of a severity.
    Open(Severity),
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Opened => "Opened",
            Self::Closed => "Closed",
            Self::TimeToClose => "TimeToClose",
            Self::ClosingFailed => "ClosingFailed",
            Self::Delivered => "Delivered",
            Self::NotDelivered => "NotDelivered",
            Self::Open(Severity::Critical) => "OpenCritical",
            Self::Open(Severity::High) => "OpenHigh",
            Self::Open(Severity::Medium) => "OpenMedium",
            Self::Open(Severity::Low) => "OpenLow",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::TimeToClose => "Seconds",
            _ => "Count",
        }
    }
}

/// Writes metrics of a rule to the log, if they are wanted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    rule: Option<String>,
}

impl Metrics {
    /// Metrics of this rule; none without one.
    #[must_use]
    pub fn new(rule: Option<String>) -> Self {
        Self { rule }
    }

    /// Writes what became of a finding.
    pub(crate) fn changed(&self, finding: &Finding, transition: &Transition, now: Timestamp) {
        self.write(&of_transition(finding, transition), now);
    }

    /// Writes values.
    pub(crate) fn write(&self, values: &[(Metric, f64)], now: Timestamp) {
        let Some(rule) = self.rule.as_deref().filter(|_| !values.is_empty()) else { return };
        // A line that cannot be written is no reason to fail.
        let _ = writeln!(io::stdout().lock(), "{}", line(rule, values, now));
    }
}

fn of_transition(finding: &Finding, transition: &Transition) -> Vec<(Metric, f64)> {
    let mut values = Vec::new();
    for news in &transition.news {
        match news {
            News::Opened | News::Reopened => values.push((Metric::Opened, 1.0)),
            News::Closed(_) => {
                values.push((Metric::Closed, 1.0));
                values.extend(seconds_open(finding).map(|seconds| (Metric::TimeToClose, seconds)));
            }
            News::ClosingFailed(_) => values.push((Metric::ClosingFailed, 1.0)),
            _ => {}
        }
    }
    values
}

/// How long the newest episode was.
fn seconds_open(finding: &Finding) -> Option<f64> {
    let episodes = finding.episodes();
    let episode = episodes.newest()?;
    let time = episode.closed.as_ref()?.at.duration_since(episode.first_seen);
    (!time.is_negative()).then(|| time.as_secs_f64())
}

/// One line in the embedded metric format. A metric with several values has a list of them.
fn line(rule: &str, values: &[(Metric, f64)], now: Timestamp) -> Value {
    let mut metrics = Vec::new();
    let mut members = Map::new();
    members.insert(DIMENSION.to_owned(), rule.into());
    for (metric, value) in values {
        if let Some(known) = members.get_mut(metric.name()).and_then(Value::as_array_mut) {
            known.push(json!(value));
        } else {
            metrics.push(json!({"Name": metric.name(), "Unit": metric.unit()}));
            members.insert(metric.name().to_owned(), json!([value]));
        }
    }
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics});
    members.insert("_aws".to_owned(), json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]}));
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use findings::finding::{ConfigVerdict, FindingKey, Moment, Observation, Observed, Source};

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_796_000_000 + 60 * minute).unwrap()
    }

    fn observed(finding: &mut Finding, minute: i64, verdict: ConfigVerdict) -> Vec<(Metric, f64)> {
        let what = Observed::Compliance(verdict, Source::Change);
        let transition = finding.apply(&Observation { at: Moment::live(at(minute)), what });
        of_transition(finding, &transition)
    }

    #[test]
    fn a_finding_counts_when_it_opens_and_when_it_closes() {
        let key: FindingKey = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap();
        let mut finding = Finding::new(key);
        assert_eq!(observed(&mut finding, 0, ConfigVerdict::NonCompliant), [(Metric::Opened, 1.0)]);
        assert_eq!(observed(&mut finding, 1, ConfigVerdict::NonCompliant), []);
        let closed = [(Metric::Closed, 1.0), (Metric::TimeToClose, 300.0)];
        assert_eq!(observed(&mut finding, 5, ConfigVerdict::Compliant), closed);
        assert_eq!(observed(&mut finding, 6, ConfigVerdict::NonCompliant), [(Metric::Opened, 1.0)]);
        assert_eq!(
            observed(&mut finding, 8, ConfigVerdict::Compliant),
            [(Metric::Closed, 1.0), (Metric::TimeToClose, 120.0)]
        );
    }

    #[test]
    fn a_line_has_the_form_that_cloudwatch_reads() {
        let values = [(Metric::Closed, 1.0), (Metric::TimeToClose, 300.0), (Metric::TimeToClose, 60.5)];
        let expected = json!({
            "_aws": {
                "Timestamp": 1_796_000_000_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Portcullis",
                    "Dimensions": [["ConfigRuleName"]],
                    "Metrics": [{"Name": "Closed", "Unit": "Count"}, {"Name": "TimeToClose", "Unit": "Seconds"}],
                }],
            },
            "ConfigRuleName": "portcullis",
            "Closed": [1.0],
            "TimeToClose": [300.0, 60.5],
        });
        assert_eq!(line("portcullis", &values, at(0)), expected);
    }
}
