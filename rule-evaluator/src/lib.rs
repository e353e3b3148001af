#![doc = include_str!("../README.md")]

mod batches;
mod error;
mod evaluator;
mod outbox;
mod services;
mod summary;

pub use error::EvaluatorError;
pub use evaluator::Evaluator;
pub use services::EvaluatorServices;
pub use summary::InvocationSummary;

/// Name of the function in its log.
const SERVICE: &str = "rule-evaluator";
