//! The command that undoes a run of `close`.

use crate::args::{PolicyArgs, RegionsArgs, SnapshotArgs};
use crate::aws::snapshot_store::directory;

/// What the command needs to name.
pub(super) struct Undo<'a> {
    pub(super) run: &'a str,
    /// Regions in which a group was changed.
    pub(super) regions: Vec<&'a str>,
    pub(super) session: &'a RegionsArgs,
    pub(super) snapshots: &'a SnapshotArgs,
    /// How the closing was told its rule. A restore finds a deployed one itself.
    pub(super) policy: &'a PolicyArgs,
}

impl Undo<'_> {
    /// The command, to be pasted into a shell. Complete, because the next shell may have another profile or directory.
    pub(super) fn command(&self) -> String {
        let mut words = vec!["portcullis".to_owned(), "restore".to_owned(), "--run".to_owned(), self.run.to_owned()];
        let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
        for region in &self.regions {
            option("--region", region);
        }
        if let Some(profile) = &self.session.profile {
            option("--profile", profile);
        }
        if let Some(role) = &self.session.assume_role_arn {
            option("--assume-role-arn", role);
        }
        if let Some(rule) = &self.policy.rule {
            option("--rule", rule);
        }
        if let Some(bucket) = &self.snapshots.snapshot_bucket {
            option("--snapshot-bucket", bucket);
        } else if self.snapshots.snapshot_dir.is_some()
            && let Some(directory) = directory(self.snapshots)
        {
            let directory = std::path::absolute(&directory).unwrap_or(directory);
            option("--snapshot-dir", &directory.display().to_string());
        }
        if self.policy.no_rule {
            words.push("--no-rule".to_owned());
        }
        // Joining fails for a nul character only, which no argument can have.
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}
