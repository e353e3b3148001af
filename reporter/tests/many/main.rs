//! Many findings at once: bursts, daily summaries, sweeps; with a program that ends after each call in turn.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod bursts;
mod digests;
#[path = "../common/life.rs"]
mod life;
mod model;
mod support;
mod sweeps;
