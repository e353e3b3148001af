//! The hold, looked for before every call that changes a group.

use aws_traits::object_store::ObjectStore;

use crate::snapshot::{Hold, SnapshotError, Vault};

/// Why a change must stop.
#[derive(Debug)]
pub(crate) enum Closed {
    /// The group was put on hold meanwhile: the later decision of a person counts.
    Held(Hold),
    /// The hold cannot be read, so that the group may be on hold.
    Unknown(SnapshotError),
}

/// Decides before every call that changes a group whether it may still be made.
pub(crate) trait Gate {
    /// Returns an error if the change must stop.
    async fn check(&mut self) -> Result<(), Closed>;
}

/// For changes that a hold does not stop.
pub(crate) struct Open;

impl Gate for Open {
    async fn check(&mut self) -> Result<(), Closed> {
        Ok(())
    }
}

/// For closings, which a hold stops.
pub(crate) struct UnlessHeld<'v, 'a, S>(pub(crate) &'v Vault<'a, S>);

impl<S: ObjectStore> Gate for UnlessHeld<'_, '_, S> {
    async fn check(&mut self) -> Result<(), Closed> {
        match self.0.hold().await {
            Ok(None) => Ok(()),
            Ok(Some(hold)) => Err(Closed::Held(hold)),
            Err(error) => Err(Closed::Unknown(error)),
        }
    }
}
