//! Walks through an input of any size. Lists of records are read one record at a time.

use std::io::Read;

use aws_events::Object;
use serde::de::IgnoredAny;

use super::collector::{Collector, Halt};
use super::configuration_item::Item;
use super::cursor::{Cursor, without_position};
use super::described_group::DescribedGroup;
use super::document::{self, Document, Problem};
use super::error::{InputError, InputLocation};
use super::{Each, Options, Stats};
use super::{cloudformation, yaml};

/// Maximum depth of lists of records: pages in a list, lists of pages.
const DEEPEST: u32 = 8;

/// Keys of the lists of records in answers of AWS, and in snapshots of AWS Config.
const LISTS: [&str; 5] = [
    "\"SecurityGroups\"",
    "\"SecurityGroupRules\"",
    "\"configurationItems\"",
    "\"baseConfigurationItems\"",
    "\"Results\"",
];
/// Keys of the token of a page that another page follows.
const NEXT_PAGE: [&str; 2] = ["\"NextToken\"", "\"nextToken\""];

/// Kind of the last record of a list, which the next one probably shares.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Anything,
    Group,
    Item,
}

struct Walk<'r, 'e, 'f> {
    cursor: Cursor<'r>,
    collector: Collector<'r, 'e, 'f>,
    options: &'r Options,
    /// Number of lists, templates, plans and single records that were recognised.
    recognised: u64,
    /// Whether the last page has a token for another page.
    next_page: bool,
    expected: Expected,
}

/// Reads the groups of a text, which is JSON or YAML.
pub(super) fn read<'r>(
    text: Box<dyn Read + 'r>,
    file: &'r str,
    options: &'r Options,
    each: &mut Each<'_>,
) -> Result<Stats, InputError> {
    let mut walk = Walk {
        cursor: Cursor::new(text, file, options.largest_document),
        collector: Collector::new(options, each),
        options,
        recognised: 0,
        next_page: false,
        expected: Expected::Anything,
    };
    match walk.input() {
        Ok(()) | Err(Halt::Stopped) => Ok(walk.collector.stats),
        Err(Halt::Error(error)) => Err(error),
    }
}

impl Walk<'_, '_, '_> {
    fn input(&mut self) -> Result<(), Halt> {
        match self.cursor.next_byte(0)?.1 {
            None => return Err(InputError::Empty { file: self.cursor.file.to_owned() }.into()),
            Some(b'{' | b'[') => self.documents()?,
            Some(_) => self.yaml()?,
        }
        self.collector.finish()?;
        if self.next_page {
            let problem = "the list has a `NextToken`, so it is incomplete: run the command without --max-items, \
                           --max-results and --no-paginate";
            self.refuse(None, problem.to_owned())?;
        }
        Ok(())
    }

    /// Reads JSON documents one after the other, in the output of `jq -c` or of a paginated command.
    fn documents(&mut self) -> Result<(), Halt> {
        loop {
            let (white, byte) = self.cursor.next_byte(0)?;
            self.cursor.consume(white);
            match byte {
                None => return Ok(()),
                Some(b'{' | b'[') => {
                    if !self.expected_record()? {
                        self.value(0)?;
                    }
                }
                Some(_) => return Err(self.cursor.malformed("expected `{` or `[`").into()),
            }
        }
    }

    fn value(&mut self, level: u32) -> Result<(), Halt> {
        if level > DEEPEST {
            return Err(self.cursor.malformed(&format!("lists are nested more than {DEEPEST} levels deep")).into());
        }
        match self.cursor.next_byte(0)?.1 {
            Some(b'[') => self.list(level, false),
            Some(b'{') => self.object(level),
            Some(b'"') => {
                let end = self.cursor.value_end(0)?;
                self.cursor.records += 1;
                let text = self.cursor.parsed::<String>(end)?;
                self.nested(&text, level)?;
                self.cursor.consume(end);
                Ok(())
            }
            Some(_) => {
                let end = self.cursor.value_end(0)?;
                self.cursor.records += 1;
                self.cursor.parsed::<IgnoredAny>(end)?;
                let found = self.cursor.slice(0, end).to_owned();
                if self.recognised == 0 {
                    return Err(self.cursor.not_groups(format!("a list with `{found}`")).into());
                }
                self.refuse(None, format!("`{found}` is not a security group"))?;
                self.cursor.consume(end);
                Ok(())
            }
            None => Err(self.cursor.truncated().into()),
        }
    }

    /// Reads a list. `is_known` tells that its key is that of a list of records.
    fn list(&mut self, level: u32, is_known: bool) -> Result<(), Halt> {
        self.recognised += u64::from(is_known);
        self.cursor.consume(1);
        let mut is_first = true;
        self.expected = Expected::Anything;
        loop {
            let (white, byte) = self.cursor.next_byte(0)?;
            match (byte, is_first) {
                (None, _) => return Err(self.cursor.truncated().into()),
                (Some(b']'), _) => {
                    self.cursor.consume(white + 1);
                    // `--query 'SecurityGroups[]'` prints `[]` for a region without groups.
                    self.recognised += u64::from(is_first);
                    self.expected = Expected::Anything;
                    return self.collector.release();
                }
                (Some(b','), false) => {
                    let (white, byte) = self.cursor.next_byte(white + 1)?;
                    if matches!(byte, Some(b']' | b',')) {
                        self.cursor.consume(white);
                        return Err(self.cursor.malformed("expected another value after `,`").into());
                    }
                    self.cursor.consume(white);
                }
                (Some(_), true) => self.cursor.consume(white),
                (Some(_), false) => {
                    self.cursor.consume(white);
                    return Err(self.cursor.malformed("expected `,` or `]`").into());
                }
            }
            is_first = false;
            if !self.expected_record()? {
                self.value(level + 1)?;
            }
        }
    }

    /// Reads the next value if it is of the same kind as the one before: straight from the buffer, without searching for its
    /// end first. Returns false for any other value, which is left to `value`.
    fn expected_record(&mut self) -> Result<bool, Halt> {
        if self.expected == Expected::Anything {
            return Ok(false);
        }
        for is_second in [false, true] {
            if is_second && !self.cursor.fill()? {
                return Ok(false);
            }
            let rest = self.cursor.rest();
            if self.expected == Expected::Group {
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Object<DescribedGroup<'_>>>();
                match values.next() {
                    Some(Ok(Object(group))) => {
                        let Ok(record) = group.record() else { return Ok(false) };
                        let end = values.byte_offset();
                        self.cursor.records += 1;
                        self.cursor.consume(end);
                        self.collector.emit(Ok(record))?;
                        return Ok(true);
                    }
                    Some(Err(error)) if error.is_eof() => {}
                    _ => return Ok(false),
                }
            } else {
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Object<Item<'_>>>();
                match values.next() {
                    Some(Ok(Object(item))) if item.is_item() => {
                        let parts = item.into_parts();
                        let end = values.byte_offset();
                        self.cursor.records += 1;
                        self.collector.item(parts, self.cursor.location())?;
                        self.cursor.consume(end);
                        return Ok(true);
                    }
                    Some(Err(error)) if error.is_eof() => {}
                    _ => return Ok(false),
                }
            }
        }
        Ok(false)
    }

    /// Reads an object: a page record by record, any other object as a whole.
    fn object(&mut self, level: u32) -> Result<(), Halt> {
        let mut is_page = false;
        let mut tokens: Vec<(usize, usize)> = Vec::new();
        let mut has_next_page = false;
        let (mut at, mut members_end) = (1, 1);
        loop {
            let (key, byte) = self.cursor.next_byte(at)?;
            match byte {
                Some(b'}') => {
                    at = key + 1;
                    break;
                }
                Some(b'"') => {}
                _ => return Err(self.cursor.broken_at(key, "expected a key").into()),
            }
            let key_end = self.cursor.value_end(key)?;
            let (colon, byte) = self.cursor.next_byte(key_end)?;
            if byte != Some(b':') {
                return Err(self.cursor.broken_at(colon, "expected `:`").into());
            }
            let (value, byte) = self.cursor.next_byte(colon + 1)?;
            let name = self.cursor.slice(key, key_end);
            let is_token = NEXT_PAGE.contains(&name);
            if byte == Some(b'[') && LISTS.contains(&name) {
                for (from, to) in std::mem::take(&mut tokens) {
                    has_next_page |= self.is_given(from, to)?;
                }
                self.check_members(members_end)?;
                is_page = true;
                self.cursor.consume(value);
                self.list(level + 1, true)?;
                at = 0;
            } else {
                at = self.cursor.value_end(value)?;
                if is_page {
                    has_next_page |= self.is_given(value, at)? && is_token;
                    self.cursor.consume(at);
                    at = 0;
                } else if is_token {
                    tokens.push((value, at));
                }
                members_end = at;
            }
            let (next, byte) = self.cursor.next_byte(at)?;
            match byte {
                Some(b',') => {
                    at = next + 1;
                    let (key, byte) = self.cursor.next_byte(at)?;
                    if byte == Some(b'}') {
                        return Err(self.cursor.broken_at(key, "expected another key after `,`").into());
                    }
                }
                Some(b'}') => at = next,
                _ => return Err(self.cursor.broken_at(next, "expected `,` or `}`").into()),
            }
        }
        if is_page {
            self.next_page = has_next_page;
            self.cursor.consume(at);
            return Ok(());
        }
        self.cursor.records += 1;
        let json = self.cursor.slice(0, at).to_owned();
        self.document(&json, level, false)?;
        self.cursor.consume(at);
        Ok(())
    }

    /// Checks the members of a page before its list, which are not used.
    fn check_members(&self, end: usize) -> Result<(), Halt> {
        let mut members = self.cursor.slice(0, end).to_owned();
        if members.starts_with('{') {
            members.push('}');
            serde_json::from_str::<IgnoredAny>(&members).map_err(|error| self.cursor.json(&error))?;
        }
        Ok(())
    }

    /// Whether a value is neither null nor an empty string.
    ///
    /// # Errors
    ///
    /// If the value is malformed.
    fn is_given(&self, from: usize, to: usize) -> Result<bool, Halt> {
        let value = self.cursor.slice(from, to);
        if serde_json::from_str::<IgnoredAny>(value).is_err() {
            return Err(self.cursor.broken_at(from, "not a JSON value").into());
        }
        Ok(!matches!(value, "null" | "\"\""))
    }

    /// Reads JSON in a JSON string.
    fn nested(&mut self, text: &str, level: u32) -> Result<(), Halt> {
        if level > DEEPEST || !text.trim_start().starts_with('{') {
            return self.refuse(None, "text is not a security group".to_owned());
        }
        self.document(text, level + 1, true)
    }

    /// Reads a whole object, in the input or in a string there.
    fn document(&mut self, json: &str, level: u32, is_nested: bool) -> Result<(), Halt> {
        let first_line = (!is_nested).then(|| self.cursor.position(0).line);
        let document = match document::recognize(json, self.cursor.file, first_line, self.options) {
            Ok(document) => document?,
            Err(error) if !error.is_data() && !is_nested => return Err(self.cursor.json(&error).into()),
            Err(error) => {
                let problem = format!("malformed record: {}", without_position(&error.to_string()));
                return self.refuse(None, problem);
            }
        };
        self.recognised += u64::from(!matches!(document, Document::Other(_) | Document::Nested(_)));
        match document {
            Document::Group(Ok(record)) => {
                self.expected = Expected::Group;
                self.collector.emit(Ok(record))
            }
            Document::Group(Err(Problem { id, problem })) => self.refuse(id, problem),
            Document::Rule(rule) => self.collector.rule(rule, self.cursor.location()),
            Document::Item(parts) => {
                self.expected = Expected::Item;
                self.collector.item(parts, self.cursor.location())
            }
            Document::Nested(text) => self.nested(&text, level),
            Document::Template(text) => self.yaml_text(&text, true),
            Document::Resources(records) => records.into_iter().try_for_each(|record| self.collector.emit(record)),
            Document::Other(found) if self.recognised == 0 => Err(self.cursor.not_groups(found).into()),
            Document::Other(found) => self.refuse(None, format!("{found} is not a security group")),
        }
    }

    /// Reads an input that is not JSON: a template in YAML, or the output of `--output yaml`.
    fn yaml(&mut self) -> Result<(), Halt> {
        while self.cursor.fill()? {
            if self.cursor.rest().len() > self.cursor.limit {
                return Err(self.cursor.too_large().into());
            }
        }
        if self.cursor.rest().starts_with("PK\x03\x04") {
            let found = "a ZIP archive, such as a plan file of Terraform (use `terraform show -json FILE`)";
            return Err(self.cursor.not_groups(found.to_owned()).into());
        }
        let text = self.cursor.rest().to_owned();
        self.yaml_text(&text, false)?;
        if self.recognised == 0 {
            return Err(InputError::Empty { file: self.cursor.file.to_owned() }.into());
        }
        Ok(())
    }

    /// Reads YAML: the whole input, or a string in its JSON, which can only be a template.
    fn yaml_text(&mut self, text: &str, is_nested: bool) -> Result<(), Halt> {
        let yaml = |position, problem| InputError::Yaml {
            location: InputLocation::new(self.cursor.file, position, None),
            problem,
        };
        for document in yaml::load(text).map_err(|error| yaml(error.position, error.problem))? {
            if document.value.get("Resources").is_some_and(serde_json::Value::is_object) {
                self.recognised += 1;
                for record in cloudformation::records(&document.value, &document.lines, self.cursor.file, self.options)?
                {
                    self.collector.emit(record)?;
                }
            } else if is_nested {
                self.refuse(None, "text is not a template".to_owned())?;
            } else if document.value.is_object() || document.value.is_array() {
                self.cursor.convert(document.value.to_string());
                self.documents()?;
            } else {
                return Err(self.cursor.not_groups("text".to_owned()).into());
            }
        }
        Ok(())
    }

    /// Hands out the error of the record that begins here.
    fn refuse(&mut self, id: Option<String>, problem: String) -> Result<(), Halt> {
        self.collector.refuse(self.cursor.location(), id, problem)
    }
}
