//! Counts over all groups of a scan.

use std::collections::BTreeMap;

use crate::{ComplianceType, GroupResult, NotScanned, Severity};

/// Totals of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanTotals {
    /// Groups that were evaluated.
    pub groups_evaluated: u64,
    /// Groups that are non-compliant.
    pub noncompliant: u64,
    /// Non-compliant groups by the severity of their worst exposure.
    pub by_severity: BTreeMap<Severity, u64>,
    /// Groups that could not be judged.
    pub insufficient_data: u64,
    /// Compliant groups that would be non-compliant without their exemptions.
    pub exempt: u64,
    /// Parts that could not be scanned.
    pub not_scanned: Vec<NotScanned>,
}

impl ScanTotals {
    /// Counts a group.
    pub fn count(&mut self, result: &GroupResult) {
        self.groups_evaluated += 1;
        match result.compliance {
            ComplianceType::NonCompliant => {
                self.noncompliant += 1;
                *self.by_severity.entry(result.worst_severity()).or_default() += 1;
            }
            ComplianceType::InsufficientData => self.insufficient_data += 1,
            ComplianceType::Compliant if !result.exempted.is_empty() => self.exempt += 1,
            ComplianceType::Compliant => {}
        }
    }

    /// Severity of the worst group; `None` if no group is non-compliant.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.by_severity.keys().next().copied()
    }
}
