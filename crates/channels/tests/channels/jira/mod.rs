//! Jira: stories, a model of it, and the promise of one open ticket for each finding.

mod endings;
mod failures;
mod model;
mod notifier;
mod promise;
mod stories;
mod texts;
