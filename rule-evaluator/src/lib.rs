#![doc = include_str!("../README.md")]

mod batches;
mod error;
mod evaluator;
mod services;

pub use error::EvaluatorError;
pub use evaluator::{Evaluator, InvocationSummary};
pub use services::EvaluatorServices;
