//! Sets of severities.

use std::collections::BTreeSet;

use findings::Severity;
use serde::{Serialize, Serializer};

use crate::reader::{Fields, Value};

/// The severities by name, the worst first.
pub(crate) const SEVERITIES: [(&str, Severity); 4] =
    [("critical", Severity::Critical), ("high", Severity::High), ("medium", Severity::Medium), ("low", Severity::Low)];

/// A set of severities, written as a list, or as the least of them under `minSeverity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Severities(BTreeSet<Severity>);

impl Severities {
    /// Returns true if the severity is in the set.
    #[must_use]
    pub fn contains(&self, severity: Severity) -> bool {
        self.0.contains(&severity)
    }

    /// The severities, the worst first.
    pub fn iter(&self) -> impl Iterator<Item = Severity> {
        self.0.iter().copied()
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.0.is_superset(&other.0)
    }

    /// Reads `severities` or `minSeverity`; `None` without either.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let list = fields.take("severities");
        let least = fields.take("minSeverity");
        if list.is_some() && least.is_some() {
            fields.place.problem("has both `severities` and `minSeverity`: keep one of them");
            return None;
        }
        let least = least.and_then(|value| value.word(&SEVERITIES));
        let from_least = least.map(|least| {
            let at_least = SEVERITIES.iter().map(|(_, severity)| *severity).filter(|severity| *severity <= least);
            Self(at_least.collect())
        });
        from_least.or_else(|| list.and_then(Self::read_list))
    }

    fn read_list(value: Value<'_>) -> Option<Self> {
        let values = value.one_or_more(SEVERITIES.len())?;
        values.into_iter().map(|value| value.word(&SEVERITIES)).collect::<Option<_>>().map(Self)
    }
}

impl Default for Severities {
    fn default() -> Self {
        Self(SEVERITIES.iter().map(|(_, severity)| *severity).collect())
    }
}

impl Serialize for Severities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}
