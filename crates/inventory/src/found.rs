//! Files that were found in a directory. The caller did not name them, so a file that holds nothing of security groups is no
//! error there, while one that seems to hold some and is not understood is: unknown is never compliant.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use memchr::memmem;

use super::error::{InputError, RecordError};
use super::{Each, Scan, decode};

/// What a file of a directory turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An input, whose records were handed out or wait for the end of the scan.
    Input,
    /// It holds nothing that is read, and nothing that looks like a security group.
    Other,
}

/// Maximum number of records that wait until one of the file is understood.
const MOST_REFUSED: usize = 1000;

/// Text that a file with security groups has, however damaged the file is.
const MARKS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "AWS::CloudFormation::Stack",
    "AWS::Serverless",
    "IpPermissions",
    "ipPermissions",
    "SecurityGroupRules",
    "onfigurationItem",
    "planned_values",
    "resource_changes",
    "terraform_version",
];
/// Types of resources that make groups and rules.
const TYPES: [&str; 4] =
    ["AWS::EC2::SecurityGroup", "aws_security_group", "aws_vpc_security_group", "aws_default_security_group"];
/// Keys of objects that are written by the same tools as inputs, but are none.
const RELATIVES: [&str; 3] = ["\"lineage\"", "\"@level\"", "\"configurationItemSummary\""];
/// Keys of inputs within something else.
const INNER: [&str; 2] = ["\"planned_values\"", "\"resource_changes\""];

impl<T: Send> Scan<'_, T> {
    /// Reads a file that was found in a directory, as [`Scan::read`] reads one that the caller has named. Templates in it wait
    /// for [`Scan::finish`], which leaves out those that other templates deploy by their path.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or seems to describe security groups and is not understood.
    pub fn read_found(&mut self, path: &Path, each: &mut Each<'_, T>) -> Result<Found, InputError> {
        let name = path.display().to_string();
        let unreadable = |problem| InputError::Read { file: name.clone(), problem };
        let file = File::open(path).map_err(unreadable)?;
        let before = self.understood();
        let mut refused = Vec::new();
        let mut is_handed_out = false;
        self.waiting.begin(path);
        let read = self.read(file, &name, &mut |record| match record {
            Err(error) if !is_handed_out && refused.len() < MOST_REFUSED => {
                refused.push(error);
                ControlFlow::Continue(())
            }
            record => {
                is_handed_out = true;
                hand_out(&mut refused, each)?;
                each(record)
            }
        });
        self.waiting.end();
        let is_understood = is_handed_out || self.understood() != before;
        let is_other = !is_understood
            && match &read {
                Ok(()) if refused.is_empty() => false,
                Err(InputError::Empty { .. }) => !is_json(&name),
                Err(InputError::NotGroups { .. }) => !is_near(&text(self, path).map_err(unreadable)?),
                Ok(())
                | Err(
                    InputError::Json { .. }
                    | InputError::Yaml { .. }
                    | InputError::Truncated { .. }
                    | InputError::NotUtf8 { .. },
                ) => !has_marks(&text(self, path).map_err(unreadable)?),
                Err(_) => false,
            };
        if is_other {
            return Ok(Found::Other);
        }
        if hand_out(&mut refused, each).is_break() {
            self.stop();
            return Ok(Found::Input);
        }
        read.map(|()| Found::Input)
    }

    /// Numbers that grow with each record that is understood, whether or not it is handed out at once.
    fn understood(&self) -> [u64; 5] {
        let stats = &self.stats;
        let waiting = u64::try_from(self.waiting.count()).unwrap_or(u64::MAX);
        [stats.other_resources, stats.deleted, stats.superseded, self.items.size(), waiting]
    }
}

fn hand_out<T>(refused: &mut Vec<RecordError>, each: &mut Each<'_, T>) -> ControlFlow<()> {
    refused.drain(..).try_for_each(|error| each(Err(error)))
}

/// Whether the file is JSON by its name. Nothing writes an empty file of this format, except a command that fails.
fn is_json(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    ![".yaml", ".yml", ".template"].iter().any(|extension| name.to_ascii_lowercase().ends_with(extension))
}

/// The text of a file, read once more.
fn text<T>(scan: &Scan<'_, T>, path: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(scan.maker.options.largest_document).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    decode::text(File::open(path)?)?.take(most).read_to_end(&mut text)?;
    Ok(text)
}

fn has(text: &[u8], word: &str) -> bool {
    memmem::find(text, word.as_bytes()).is_some()
}

/// Whether a text that is not understood may describe security groups.
fn has_marks(text: &[u8]) -> bool {
    MARKS.iter().chain(&TYPES).any(|mark| has(text, mark))
}

/// Whether a text that is well-formed, and no input, holds one in another form: a template without resources, a raw state of
/// Terraform, an answer of EC2 in an object around it. Not so what only mentions security groups, such as a schema.
fn is_near(text: &[u8]) -> bool {
    let is_relative = RELATIVES.iter().any(|key| has(text, key)) && TYPES.iter().any(|kind| has(text, kind));
    is_relative
        || INNER.iter().any(|key| has(text, key))
        || has_value(text, "IpPermissions", "[")
        || has_value(text, "AWSTemplateFormatVersion", "2010-09-09")
}

/// Whether `text` has a key, in JSON or YAML, whose value begins in this way.
fn has_value(text: &[u8], key: &str, value: &str) -> bool {
    let ignored = |byte: &u8| byte.is_ascii_whitespace() || [b'"', b'\'', b':'].contains(byte);
    memmem::find_iter(text, key.as_bytes()).any(|at| {
        let after = text.get(at + key.len()..).unwrap_or_default();
        let skipped = after.iter().take_while(|byte| ignored(byte)).count();
        let is_key = after.get(..skipped).is_some_and(|between| between.contains(&b':'));
        is_key && after.get(skipped..).is_some_and(|rest| rest.starts_with(value.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"AWSTemplateFormatVersion": "2010-09-09", "Outputs": {}}"#, true)]
    #[case("AWSTemplateFormatVersion: 2010-09-09\nOutputs: {}\n", true)]
    #[case(r#"{"properties": {"AWSTemplateFormatVersion": {"enum": ["2010-09-09"]}}}"#, false)]
    #[case(r#"{"a": {"IpPermissions":[]}}"#, true)]
    #[case(r#"{"shapes": {"IpPermissions": {"type": "list"}}}"#, false)]
    #[case(r#"{"lineage": "x", "resources": [{"type": "aws_security_group"}]}"#, true)]
    #[case(r#"{"lineage": "x", "resources": [{"type": "aws_s3_bucket"}]}"#, false)]
    #[case(r#"{"type": "AWS::EC2::SecurityGroup"}"#, false)]
    #[case(r#"{"plan": {"planned_values": {}}}"#, true)]
    fn an_input_in_another_form_is_told_from_what_mentions_groups(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_near(text.as_bytes()), expected);
    }

    #[rstest]
    #[case("a.json", true)]
    #[case("a.tfstate.gz", true)]
    #[case("a.yml", false)]
    #[case("a.YAML.gz", false)]
    fn json_is_told_by_the_name(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_json(name), expected);
    }
}
