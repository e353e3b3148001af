//! What the functions of an account remember from one run to the next.
//!
//! One table holds items of several kinds. Each kind has partitions of its own, whose names begin with the kind.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::AwsError;

/// A part of the table, such as all groups of a rule: the kind of its items, and what they have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// Kind, such as `compliance`.
    pub kind: &'static str,
    /// Such as the name of a rule.
    pub of: String,
}

impl Partition {
    /// The partition key.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind, self.of)
    }
}

/// An item with its id, which is unique in its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateItem<T> {
    /// Id, such as that of a group.
    pub id: String,
    /// The rest of it.
    pub value: T,
}

/// Items of a page, and where the next page begins; `None` on the last one.
pub type StatePage<T> = (Vec<StateItem<T>>, Option<String>);

/// Remembers items.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait StateTable {
    /// `Query`: items of a partition in the order of their ids, one page of them, after the id `from`.
    ///
    /// # Errors
    ///
    /// If the call fails, or an item has another form.
    async fn items<T: DeserializeOwned>(
        &self,
        partition: &Partition,
        from: Option<&str>,
    ) -> Result<StatePage<T>, AwsError>;

    /// `PutItem`: writes an item in place of the one with this id. It is deleted some time after `expires`.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn put_item<T: Serialize>(
        &self,
        partition: &Partition,
        item: &StateItem<T>,
        expires: Timestamp,
    ) -> Result<(), AwsError>;
}
