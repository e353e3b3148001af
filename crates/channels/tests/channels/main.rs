//! What arrives in channels: stories, hostile names, limits, and what becomes of answers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod support;
mod words;
