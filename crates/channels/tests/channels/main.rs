//! What arrives in channels: stories, hostile names, limits, and what becomes of answers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod jira;
mod limits;
mod pagerduty;
mod security_hub;
mod slack;
mod sns;
mod summaries;
mod support;
mod teams;
mod webhook;
mod words;
