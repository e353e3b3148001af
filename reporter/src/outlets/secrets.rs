//! Secrets, in the memory of the process for some minutes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use channels::{AwsCallError, Failure, Retry, Secret, Secrets};
use futures::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use plain_text::one_line;
use routing::SecretRef;

/// How long a secret is taken from memory.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// A secret that was read within this time is not read anew although a channel refuses it: that would not help, and a channel
/// with a thousand findings would ask a thousand times.
const NEW: SignedDuration = SignedDuration::from_secs(30);

/// Longest time to wait for a secret. The limit of the channel is longer: when that one passes, the channel may have taken the
/// delivery, which it has not yet here.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// A reader of secrets with a memory. Of several who ask for one at once, the first reads it.
#[derive(Debug)]
pub(super) struct SecretCache<X> {
    secrets: X,
    kept: RefCell<BTreeMap<String, Rc<Mutex<Option<Kept>>>>>,
}

#[derive(Debug, Clone)]
struct Kept {
    secret: Secret,
    read: Timestamp,
}

impl<X: Secrets> SecretCache<X> {
    pub(super) fn new(secrets: X) -> Self {
        Self { secrets, kept: RefCell::default() }
    }

    /// The secret, of memory if it was read less than ten minutes ago.
    pub(super) async fn secret(&self, reference: &SecretRef, now: Timestamp) -> Result<Secret, Failure> {
        self.read(reference, now, |kept| now.duration_since(kept.read) < KEPT).await
    }

    /// The secret after a channel has refused `refused`, which is read anew unless that has just been done.
    pub(super) async fn secret_after(
        &self,
        reference: &SecretRef,
        refused: &Secret,
        now: Timestamp,
    ) -> Result<Secret, Failure> {
        self.read(reference, now, |kept| kept.secret != *refused || now.duration_since(kept.read) < NEW).await
    }

    async fn read(
        &self,
        reference: &SecretRef,
        now: Timestamp,
        is_good: impl Fn(&Kept) -> bool,
    ) -> Result<Secret, Failure> {
        let place = Rc::clone(self.kept.borrow_mut().entry(reference.to_string()).or_default());
        let read = async {
            let mut kept = place.lock().await;
            if let Some(kept) = kept.as_ref().filter(|kept| is_good(kept)) {
                return Ok(kept.secret.clone());
            }
            let secret = self.secrets.secret(reference).await?;
            *kept = Some(Kept { secret: secret.clone(), read: now });
            Ok(secret)
        };
        let no_answer = || format!("{reference} could not be read within {} seconds", READ_LIMIT.as_secs());
        let read = tokio::time::timeout(READ_LIMIT, read).await;
        read.unwrap_or_else(|_| Err(AwsCallError::Passing(no_answer()))).map_err(failure)
    }
}

/// A secret that cannot be read. To read it again does no harm, so nothing is in doubt.
fn failure(error: AwsCallError) -> Failure {
    let (error, retry) = match error {
        AwsCallError::Passing(error) | AwsCallError::Unanswered(error) => (error, Retry::Later(None)),
        AwsCallError::Refused(error) => (error, Retry::AfterNewCredentials),
    };
    Failure::Refused { error: one_line(&error, 400), retry }
}
