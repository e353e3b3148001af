//! Counts over all groups of a scan.

use crate::{ComplianceType, GroupResult, NotScanned};

/// Totals of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanTotals {
    /// Groups that were evaluated.
    pub groups_evaluated: u64,
    /// Groups that are non-compliant.
    pub noncompliant: u64,
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
            ComplianceType::NonCompliant => self.noncompliant += 1,
            ComplianceType::InsufficientData => self.insufficient_data += 1,
            ComplianceType::Compliant if !result.exempted.is_empty() => self.exempt += 1,
            ComplianceType::Compliant => {}
        }
    }
}
