//! CSV (RFC 4180): one line per exposure, per group that could not be judged, and per part that could not be scanned.

use std::borrow::Cow;
use std::io::{self, Write};

use findings::{ComplianceType, FoundExposure, GroupResult, NotScanned, ScanTarget, ScanTotals, reach_name};

use super::cell::text;
use super::scan_info::created;
use super::{Report, ReportOptions, wording};

const HEADER: [&str; 25] = [
    "account",
    "region",
    "vpc_id",
    "group_id",
    "group_name",
    "compliance",
    "status",
    "severity",
    "rule_id",
    "protocol",
    "from_port",
    "to_port",
    "source",
    "ports",
    "reach",
    "description",
    "reason",
    "file",
    "resource",
    "line",
    "traffic",
    "scanned_at",
    "version",
    "policy",
    "identity",
];

pub(super) struct Csv<W: Write> {
    writer: csv::Writer<W>,
    options: ReportOptions,
    scanned_at: String,
    policy: String,
    begun: bool,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        // RFC 4180 ends a line with CR LF, and spreadsheets expect it.
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
        let (scanned_at, policy) = (created(&options), options.record.policy.sentence());
        Self { writer, options, scanned_at, policy, begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            self.writer.write_record(HEADER)?;
        }
        Ok(())
    }

    fn line(&mut self, result: &GroupResult, exposure: Option<&FoundExposure>, reason: &str) -> io::Result<()> {
        self.begin()?;
        let port = |port: Option<i64>| port.map(|port| port.to_string()).unwrap_or_default();
        let location = exposure.and_then(|exposure| exposure.location.as_ref()).or(result.location.as_ref());
        let policy = self.policy_of(result).into_owned();
        self.writer.write_record([
            text(result.account.as_deref()).as_bytes(),
            text(result.region.as_deref()).as_bytes(),
            text(result.vpc_id.as_deref()).as_bytes(),
            text(Some(&result.group_id)).as_bytes(),
            text(result.group_name.as_deref()).as_bytes(),
            result.compliance.as_str().as_bytes(),
            result.openness.as_str().as_bytes(),
            exposure.map_or("", |exposure| result.severity_of(exposure.reach).as_str()).as_bytes(),
            text(exposure.and_then(|exposure| exposure.rule_id.as_deref())).as_bytes(),
            exposure.map_or(Cow::Borrowed(""), |exposure| protocol(&exposure.protocol)).as_bytes(),
            exposure.map_or_else(String::new, |exposure| port(exposure.from_port)).as_bytes(),
            exposure.map_or_else(String::new, |exposure| port(exposure.to_port)).as_bytes(),
            text(exposure.map(|exposure| exposure.source.as_str())).as_bytes(),
            exposure.map_or_else(String::new, |exposure| exposure.ports.join(" ")).as_bytes(),
            exposure.map_or("", |exposure| reach_name(exposure.reach)).as_bytes(),
            text(exposure.and_then(|exposure| exposure.description.as_deref())).as_bytes(),
            text(Some(reason)).as_bytes(),
            text(location.map(|location| location.file.as_str())).as_bytes(),
            text(location.and_then(|location| location.resource.as_deref())).as_bytes(),
            location.and_then(|location| location.line).map_or_else(String::new, |line| line.to_string()).as_bytes(),
            text(exposure.map(FoundExposure::traffic).as_deref()).as_bytes(),
            self.scanned_at.as_bytes(),
            wording::VERSION.as_bytes(),
            text(Some(&policy)).as_bytes(),
            text(self.identity(result.account.as_deref()).as_deref()).as_bytes(),
        ])?;
        Ok(())
    }

    /// The policy that the group was judged by.
    fn policy_of(&self, result: &GroupResult) -> Cow<'_, str> {
        match self.options.record.policy_in(result.account.as_deref(), result.region.as_deref()) {
            policy if *policy == self.options.record.policy => Cow::Borrowed(&self.policy),
            own => Cow::Owned(own.sentence()),
        }
    }

    /// Credentials that the account was read with.
    fn identity(&self, account: Option<&str>) -> Option<String> {
        self.options.record.access_to(account?).map(ScanTarget::identity)
    }

    fn not_scanned(&mut self, not_scanned: &NotScanned) -> io::Result<()> {
        self.begin()?;
        let account = text(not_scanned.account.as_deref());
        let region = text(not_scanned.region.as_deref());
        let target = text(not_scanned.target.as_deref());
        let reason = text(Some(&not_scanned.reason));
        let identity = self.identity(not_scanned.account.as_deref());
        let identity = text(identity.as_deref());
        let policy = text(Some(&self.policy));
        let line = HEADER.map(|column| match column {
            "account" => &*account,
            "region" => &*region,
            "resource" => &*target,
            "compliance" => "NOT_SCANNED",
            "reason" => &*reason,
            "scanned_at" => &*self.scanned_at,
            "version" => wording::VERSION,
            "policy" => &*policy,
            "identity" => &*identity,
            _ => "",
        });
        self.writer.write_record(line)?;
        Ok(())
    }
}

impl<W: Write> Report for Csv<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        match result.compliance {
            ComplianceType::Compliant => Ok(()),
            ComplianceType::NonCompliant => {
                result.exposures.iter().try_for_each(|exposure| self.line(result, Some(exposure), ""))
            }
            ComplianceType::InsufficientData => self.line(result, None, &wording::why_unjudged(result)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begin()?;
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        self.begin()?;
        totals.not_scanned.iter().try_for_each(|not_scanned| self.not_scanned(not_scanned))?;
        self.writer.flush()
    }
}

/// A protocol as a cell. A number such as `-1` is not a formula, and stays as it is.
fn protocol(protocol: &str) -> Cow<'_, str> {
    if protocol.parse::<i64>().is_ok() { Cow::Borrowed(protocol) } else { text(Some(protocol)) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("-1", "-1")]
    #[case("tcp", "tcp")]
    #[case("-1+cmd", "'-1+cmd")]
    fn a_protocol_number_stays_one(#[case] input: &str, #[case] cell: &str) {
        assert_eq!(protocol(input), cell);
    }
}
