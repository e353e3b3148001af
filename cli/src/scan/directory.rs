//! Files in directories that may be inputs, by their names.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use findings::NotScanned;
use plain_text::counted;
use walkdir::{DirEntry, WalkDir};

use super::output::STDIN;

/// Extensions of files that may be inputs, also with `.gz` behind them.
const EXTENSIONS: [&str; 7] = ["json", "jsonl", "ndjson", "yaml", "yml", "template", "tfstate"];

/// What is in a directory.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files to read, in the order of their names.
    pub(crate) files: Vec<PathBuf>,
    /// Parts that cannot be listed.
    pub(crate) problems: Vec<NotScanned>,
    /// Number of files that another input has already.
    pub(crate) known: u64,
    /// Number of configurations of Terraform, which are no input.
    configurations: usize,
    /// Number of symbolic links, which are not followed.
    links: usize,
}

/// Whether an input is a directory. A directory named `-` is none: that is standard input.
pub(crate) fn is_directory(input: &Path) -> bool {
    input.as_os_str() != STDIN && input.is_dir()
}

/// Lists the files in a directory and in those below it. Files in `known` are left out, and those that are found are added.
///
/// Files that Git ignores are listed: the output of `cdk synth` and the plans of Terraform are among them.
pub(crate) fn list(directory: &Path, known: &mut HashSet<PathBuf>) -> Listing {
    let mut listing = Listing::default();
    let walk = WalkDir::new(directory).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_skipped(entry)) {
        match entry {
            Ok(entry) => listing.add(directory, &entry, known),
            Err(problem) => {
                let target = problem.path().unwrap_or(directory).display().to_string();
                let reason = problem.io_error().map_or_else(|| problem.to_string(), ToString::to_string);
                let reason = format!("cannot be read: {reason}");
                listing.problems.push(NotScanned { account: None, region: None, target: Some(target), reason });
            }
        }
    }
    listing
}

/// Whether a directory is one of a tool, with what the tool has downloaded or keeps for itself: `.git`, `.terraform`.
fn is_skipped(entry: &DirEntry) -> bool {
    let name = entry.file_name().as_encoded_bytes();
    entry.file_type().is_dir() && (name.starts_with(b".") || name == b"node_modules")
}

impl Listing {
    fn add(&mut self, directory: &Path, entry: &DirEntry, known: &mut HashSet<PathBuf>) {
        let path = entry.path();
        self.configurations += usize::from(entry.file_type().is_file() && has_extension(path, &["tf"]));
        if entry.path_is_symlink() && entry.depth() > 0 {
            self.links += usize::from(is_candidate(path) || path.is_dir());
            return;
        }
        if !is_candidate(path) || !entry.file_type().is_file() {
            return;
        }
        if path.canonicalize().is_ok_and(|path| !known.insert(path)) {
            self.known += 1;
            return;
        }
        // `portcullis scan .` names a file as a report of Git does.
        let is_here = directory == Path::new(".");
        let name = path.strip_prefix(".").ok().filter(|_| is_here).unwrap_or(path);
        self.files.push(name.to_owned());
    }

    /// What to do about a directory without an input.
    pub(crate) fn remedy(&self) -> &'static str {
        if self.configurations > 0 {
            "a configuration of Terraform is scanned by its plan: terraform plan -out=tfplan && terraform show -json tfplan >tfplan.json"
        } else {
            "name the files, or a directory with templates, plans or answers of AWS in .json, .yaml, .yml or .template"
        }
    }

    /// What was left out, for the operator; empty if there is nothing.
    pub(crate) fn left_out(&self, others: usize) -> Vec<String> {
        let mut parts = Vec::new();
        if others > 0 {
            let verb = if others == 1 { "holds" } else { "hold" };
            parts.push(format!("{} {verb} nothing that Portcullis reads", counted(others, "file")));
        }
        if self.configurations > 0 {
            let are = if self.configurations == 1 { "is" } else { "are" };
            let files = counted(self.configurations, "Terraform file");
            parts.push(format!("{files} {are} not read: scan the output of `terraform show -json`"));
        }
        if self.links > 0 {
            let are = if self.links == 1 { "is" } else { "are" };
            parts.push(format!("{} {are} not followed", counted(self.links, "symbolic link")));
        }
        parts
    }
}

/// Whether a file may be an input by its name.
fn is_candidate(path: &Path) -> bool {
    if has_extension(path, &["gz"]) {
        return path.file_stem().is_some_and(|name| has_extension(Path::new(name), &EXTENSIONS));
    }
    has_extension(path, &EXTENSIONS)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|found| extensions.iter().any(|extension| extension.eq_ignore_ascii_case(found)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a.yaml", true)]
    #[case("a.YML", true)]
    #[case("web.template", true)]
    #[case("web.template.json", true)]
    #[case("snapshot.json.gz", true)]
    #[case("terraform.tfstate", true)]
    #[case("archive.tar.gz", false)]
    #[case("main.tf", false)]
    #[case("yaml", false)]
    #[case(".yaml", false)]
    #[case("README.md", false)]
    fn candidates_are_told_by_their_names(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_candidate(Path::new(name)), expected);
    }

    #[test]
    fn files_are_listed_once_and_in_order_and_not_those_of_tools() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in
            ["b/z.json", "b/a.yaml", "a.yml", ".git/c.json", "b/node_modules/d.json", "b/.hidden.json", "main.tf"]
        {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "").unwrap();
        }
        let mut known = HashSet::from([root.join("b/z.json").canonicalize().unwrap()]);
        let listing = list(root, &mut known);
        let names = ["a.yml", "b/.hidden.json", "b/a.yaml"].map(|name| root.join(name));
        assert_eq!(listing.files, names);
        assert_eq!((listing.known, listing.configurations, listing.links), (1, 1, 0));
        assert!(list(root, &mut known).files.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_counted_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::write(root.join("a.json"), "").unwrap();
        std::os::unix::fs::symlink(root.join("a.json"), root.join("b.json")).unwrap();
        std::os::unix::fs::symlink(root, root.join("loop")).unwrap();
        let listing = list(root, &mut HashSet::new());
        assert_eq!((listing.files.len(), listing.links), (1, 2));
    }
}
