//! Templates of the files in directories. They wait until all of them are known, since a template that another one deploys is
//! judged there, with the parameters that it gets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::RecordError;
use super::record::Record;

type Records = Vec<Result<Record, RecordError>>;

/// Templates that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Canonical path of the file that is being read, if it was found in a directory.
    file: Option<PathBuf>,
    templates: Vec<Template>,
    /// Files that the templates deploy which do not wait.
    deployed: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct Template {
    file: PathBuf,
    records: Records,
    /// Files that it deploys.
    deploys: BTreeSet<PathBuf>,
}

impl Waiting {
    /// Begins a file whose templates wait.
    pub(super) fn begin(&mut self, file: &Path) {
        self.file = Some(file.canonicalize().unwrap_or_else(|_| file.to_owned()));
    }

    /// Ends that file.
    pub(super) fn end(&mut self) {
        self.file = None;
    }

    /// Number of templates that wait.
    pub(super) fn count(&self) -> usize {
        self.templates.len()
    }

    /// Takes the records of a template that waits; returns those of one that does not.
    pub(super) fn take(&mut self, records: Records, deploys: BTreeSet<PathBuf>) -> Records {
        let Some(file) = self.file.clone() else {
            self.deployed.extend(deploys);
            return records;
        };
        self.templates.push(Template { file, records, deploys });
        Records::new()
    }

    /// The records of the templates that no other one deploys.
    pub(super) fn into_records(self) -> impl Iterator<Item = Result<Record, RecordError>> {
        let Self { templates, mut deployed, .. } = self;
        let others = |template: &Template| {
            let file = template.file.clone();
            template.deploys.iter().filter(move |deployed| **deployed != file).cloned().collect::<BTreeSet<_>>()
        };
        let by_another: BTreeSet<PathBuf> = templates.iter().flat_map(others).collect();
        for template in templates.iter().filter(|template| !by_another.contains(&template.file)) {
            deployed.extend(others(template));
        }
        let mut kept = Records::new();
        for mut template in templates {
            if !deployed.contains(&template.file) {
                // Of templates that deploy one another, the first one counts: they must not leave out each other.
                deployed.extend(others(&template));
                kept.append(&mut template.records);
            }
        }
        kept.into_iter()
    }
}
