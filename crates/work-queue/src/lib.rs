#![doc = include_str!("../README.md")]

mod backoff;
mod batch;
mod gap;

pub use backoff::delay;
pub use batch::{Back, go_back};
pub use gap::{Gap, in_time};
