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

    /// All items of a partition, page by page.
    ///
    /// # Errors
    ///
    /// As [`items`](Self::items).
    async fn all_items<T: DeserializeOwned>(&self, partition: &Partition) -> Result<Vec<StateItem<T>>, AwsError> {
        let (mut all, mut from) = (Vec::new(), None::<String>);
        loop {
            let (items, next) = self.items(partition, from.as_deref()).await?;
            all.extend(items);
            from = next;
            if from.is_none() {
                return Ok(all);
            }
        }
    }

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

/// Admits members to sets with a limited number of them, such as the groups that may be closed in an hour.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Admissions {
    /// `UpdateItem`: adds `member` to the set `id` of a partition, unless the set has `most` members; `None` for no limit. Returns
    /// true if the set has the member now: one that it had before is admitted again, so the call may be repeated. However many
    /// programs call at once, a set never has more than `most` members by calls with this limit. The set is deleted some time
    /// after `expires`.
    ///
    /// # Errors
    ///
    /// If the call fails. The member may have been added nevertheless.
    async fn admit(
        &self,
        partition: &Partition,
        id: &str,
        member: &str,
        most: Option<u32>,
        expires: Timestamp,
    ) -> Result<bool, AwsError>;
}

/// Looks single items up.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ItemLookup {
    /// `GetItem`: the item with this id, as it was written last.
    ///
    /// # Errors
    ///
    /// If the call fails, or the item has another form.
    async fn item<T: DeserializeOwned>(&self, partition: &Partition, id: &str) -> Result<Option<T>, AwsError>;
}

/// Deletes single items.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ItemDeletion {
    /// `DeleteItem`: deletes an item, if it is there.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn delete_item(&self, partition: &Partition, id: &str) -> Result<(), AwsError>;
}

/// What the calls of a program without a table fail with.
fn no_table(operation: &'static str, subject: &str) -> AwsError {
    AwsError::new(operation, subject, None, "this program has no table")
}

/// A program without a table. It admits nothing.
impl Admissions for () {
    async fn admit(
        &self,
        _partition: &Partition,
        _id: &str,
        member: &str,
        _most: Option<u32>,
        _expires: Timestamp,
    ) -> Result<bool, AwsError> {
        Err(no_table("dynamodb:UpdateItem", member))
    }
}

/// A program without a table. It reads and writes nothing.
impl StateTable for () {
    async fn items<T: DeserializeOwned>(
        &self,
        partition: &Partition,
        _from: Option<&str>,
    ) -> Result<StatePage<T>, AwsError> {
        Err(no_table("dynamodb:Query", &partition.key()))
    }

    async fn put_item<T: Serialize>(
        &self,
        _partition: &Partition,
        item: &StateItem<T>,
        _expires: Timestamp,
    ) -> Result<(), AwsError> {
        Err(no_table("dynamodb:PutItem", &item.id))
    }
}

/// A program without a table.
impl ItemLookup for () {
    async fn item<T: DeserializeOwned>(&self, _partition: &Partition, id: &str) -> Result<Option<T>, AwsError> {
        Err(no_table("dynamodb:GetItem", id))
    }
}

/// A program without a table.
impl ItemDeletion for () {
    async fn delete_item(&self, _partition: &Partition, id: &str) -> Result<(), AwsError> {
        Err(no_table("dynamodb:DeleteItem", id))
    }
}
