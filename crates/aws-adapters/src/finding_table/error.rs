//! Errors of `DynamoDB`, as those of a store.

use std::error::Error;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_traits::AwsError;
use findings::store::StoreError;
use serde::de::DeserializeOwned;

use super::item::{self, Item};
use crate::error::FromSdk;

/// Codes with which `DynamoDB` asks for patience, of calls and of parts of a transaction.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors>
const THROTTLED: [&str; 7] = [
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflict",
    "TransactionInProgressException",
];
const CONDITION: &str = "ConditionalCheckFailed";

/// A call, for the words of its errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'c> {
    pub(super) operation: &'static str,
    /// `reading`, `writing` or `listing`.
    pub(super) doing: &'static str,
    /// Key of the finding, or what is listed.
    pub(super) subject: &'c str,
}

impl Call<'_> {
    /// The error of a call that failed.
    pub(super) fn failed<E>(self, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (operation, subject) = (self.doing, self.subject.to_owned());
        let problem = AwsError::from_sdk(self.operation, self.subject, error);
        match error {
            _ if problem.code().is_some_and(|code| THROTTLED.contains(&code)) => {
                StoreError::Throttled { operation, subject }
            }
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
                StoreError::Unanswered { operation, subject }
            }
            // DynamoDB could not say whether it carried out the call.
            SdkError::ServiceError(answer) if answer.raw().status().is_server_error() => {
                StoreError::Unanswered { operation, subject }
            }
            _ => StoreError::Other(problem.into()),
        }
    }

    /// The error of a transaction that failed. The code of one that was cancelled says nothing, its reasons do.
    pub(super) fn transaction_failed(self, error: &SdkError<TransactWriteItemsError>) -> StoreError {
        let reasons: Vec<&str> = error.as_service_error().map(reasons).unwrap_or_default();
        if reasons.iter().any(|code| THROTTLED.contains(code)) {
            return StoreError::Throttled { operation: self.doing, subject: self.subject.to_owned() };
        }
        self.failed(error)
    }

    /// Reads an item of the answer.
    pub(super) fn read<T: DeserializeOwned>(self, item: Item) -> Result<T, StoreError> {
        item::read(item).map_err(|problem| {
            let problem = format!("the item cannot be read: {problem}");
            StoreError::Other(AwsError::new(self.operation, self.subject, None, &problem).into())
        })
    }
}

/// Codes of the parts of a transaction that is cancelled.
fn reasons(error: &TransactWriteItemsError) -> Vec<&str> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return Vec::new() };
    cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect()
}

/// Returns true if the item has another version than the one that was read.
pub(super) fn is_changed(error: &TransactWriteItemsError) -> bool {
    reasons(error).contains(&CONDITION)
}
