#![doc = include_str!("../README.md")]

mod error;
mod remediator;
mod request;
mod response;
mod revoke;

pub use error::RemediatorError;
pub use remediator::Remediator;
pub use request::{Action, Request, RequestError, StrategyName};
pub use response::{Remaining, Response, RuleRecord, Status};
