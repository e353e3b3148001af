#![doc = include_str!("../README.md")]

mod error;
mod evaluator;
mod report;

pub use error::EvaluatorError;
pub use evaluator::{Evaluator, Outcome};
