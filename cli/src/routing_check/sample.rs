//! A finding to try a routing document with.

use anyhow::{Context, Result, bail};
use findings::finding::{FORMAT, Finding};
use findings::intake::{Ignored, Intake, read_value};
use serde_json::Value;

/// Largest sample, in bytes: more than a finding or an event ever has.
pub(super) const SAMPLE_MAX: usize = 1024 * 1024;

/// A sample, recognised by its fields.
pub(super) enum Sample {
    /// A stored finding, or one that knows of a single event.
    Finding(Box<Finding>),
    /// An event that says nothing of a finding.
    Ignored(Ignored),
}

impl Sample {
    pub(super) fn read(text: &str) -> Result<Self> {
        if text.len() > SAMPLE_MAX {
            bail!("has more than {SAMPLE_MAX} bytes: give one finding or one event");
        }
        let mut value: Value = serde_json::from_str(text).context("is not JSON: give one finding or one event")?;
        // What `findings show --json` prints has the history beside the finding.
        if let Some(finding) = value.get_mut("finding") {
            value = finding.take();
        }
        let has = |key: &str| value.get(key).is_some();
        if has("format") {
            let finding = serde_json::from_value(value).context("is not a stored finding")?;
            return Ok(Self::Finding(Box::new(finding)));
        }
        if has("source") && has("detail-type") {
            return Self::of_event(read_value(value)?);
        }
        if has("schema") {
            bail!("is the detail of an event: give the whole event, as EventBridge delivers it");
        }
        bail!(
            "is neither a stored finding (`format` is {FORMAT}) nor an event (with `source` and `detail-type`): \
             give one of these"
        )
    }

    fn of_event(intake: Intake) -> Result<Self> {
        match intake {
            Intake::Observed(said) => {
                let mut finding = Finding::new(said.key);
                finding.apply(&said.observation);
                Ok(Self::Finding(Box::new(finding)))
            }
            Intake::Ignored(reason) => Ok(Self::Ignored(reason)),
            Intake::Lookup(lookup) => bail!(
                "names execution {} and no group, for which Systems Manager is asked: give the finding of the group",
                lookup.execution_id
            ),
        }
    }
}
