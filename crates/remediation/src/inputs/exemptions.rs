//! The exemptions as they were when an evaluation was last asked for. Events about parameters are delivered as well as AWS can,
//! so one may be lost; then the document differs from what is known of it.

use std::sync::Arc;

use aws_traits::object_store::{ObjectStore, StoreError};
use exposure::Exemptions;
use judgement::{PolicyError, RuleParameters};

use crate::environment::Environment;
use crate::error::Obstacle;
use crate::fingerprint::fingerprint;
use crate::reevaluation::Ledger;
use crate::services::InputServices;

/// Beginning of the name of the object; behind it comes the fingerprint of the exemptions.
const EXEMPTIONS: &str = "exemptions-";

/// Reads the exemptions of the rule.
pub(super) async fn read(
    environment: &Environment<impl InputServices>,
    parameters: &RuleParameters,
) -> Result<Arc<Exemptions>, Obstacle> {
    Ok(environment.policy.exemptions(parameters).await.map_err(PolicyError::from)?)
}

/// Name of the object for these exemptions. What only the text of the document tells apart, such as white space, is no change.
fn name(exemptions: &Exemptions) -> String {
    format!("{EXEMPTIONS}{}", fingerprint(&format!("{exemptions:?}")))
}

/// Returns true if other exemptions than these are known. The first ones that are read are no change.
pub(super) fn have_changed(ledger: &Ledger, exemptions: &Exemptions) -> bool {
    let name = name(exemptions);
    ledger.notes.iter().any(|note| note.starts_with(EXEMPTIONS) && *note != name)
}

/// Remembers the exemptions, unless they are known.
pub(super) async fn note(
    ledger: &mut Ledger,
    store: &impl ObjectStore,
    exemptions: &Exemptions,
) -> Result<(), StoreError> {
    let name = name(exemptions);
    if !ledger.notes.contains(&name) {
        ledger.put(store, &name).await?;
    }
    for other in std::mem::take(&mut ledger.notes) {
        if other.starts_with(EXEMPTIONS) && other != name {
            ledger.delete(store, &other).await?;
        }
    }
    ledger.notes.push(name);
    Ok(())
}
