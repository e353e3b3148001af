//! The life of a finding: stories, what is due to channels, properties, bounds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod bounds;
mod deliveries;
mod news;
mod observations;
mod properties;
mod store;
mod stories;
