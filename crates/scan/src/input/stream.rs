//! Walks through an input of any size: lists of records are read one record at a time.

use std::io::Read;

use aws_events::Object;
use serde::de::IgnoredAny;

use super::cloudformation;
use super::collector::{Collector, Halt};
use super::cursor::{Cursor, without_position};
use super::document::{self, Document, Problem};
use super::error::{InputError, Place};
use super::group::Group;
use super::item::Item;
use super::{Each, Options, Stats};

/// How deep lists of records may lie within each other: pages in a list, lists of pages.
const DEEPEST: u32 = 8;

/// The keys of the lists that AWS answers with, and AWS Config delivers.
const LISTS: [&str; 5] = [
    "\"SecurityGroups\"",
    "\"SecurityGroupRules\"",
    "\"configurationItems\"",
    "\"baseConfigurationItems\"",
    "\"Results\"",
];
/// The token that a page carries when another one follows it.
const NEXT_PAGE: [&str; 2] = ["\"NextToken\"", "\"nextToken\""];

/// What the last record of a list was; the next one is likely to be the same.
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
    /// How many lists, templates, plans and single records were recognised.
    recognised: u64,
    /// Whether the page read last says that another follows.
    next_page: bool,
    expected: Expected,
}

/// Reads text that begins with JSON or is YAML.
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
            let problem = "the list has a `NextToken`: there are more groups than it holds. Run the command without \
                           --max-items, --max-results and --no-paginate";
            self.refuse(None, problem.to_owned())?;
        }
        Ok(())
    }

    /// JSON documents one after the other, as `jq -c` and paginated commands write them.
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
            return Err(self.cursor.malformed("lists in lists, deeper than any list of records").into());
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
                self.refuse(None, format!("`{found}` is no security group"))?;
                self.cursor.consume(end);
                Ok(())
            }
            None => Err(self.cursor.truncated().into()),
        }
    }

    /// A list of records, under a key that says so or not.
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
                    // `[]` is what `--query 'SecurityGroups[]'` gives of a region without groups.
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

    /// Reads the next value if it is what the one before was: straight from the buffer, without looking for
    /// its end first. Anything unusual about it is left to the long way.
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
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Object<Group<'_>>>();
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
                        self.collector.item(parts, self.cursor.place())?;
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

    /// An object is either a page with a list in it, which is read record by record, or is read whole.
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

    /// Checks the part of an object before its list, which is not looked at any further.
    fn check_members(&self, end: usize) -> Result<(), Halt> {
        let mut members = self.cursor.slice(0, end).to_owned();
        if members.starts_with('{') {
            members.push('}');
            serde_json::from_str::<IgnoredAny>(&members).map_err(|error| self.cursor.json(&error))?;
        }
        Ok(())
    }

    /// Whether a well-formed value is neither null nor empty.
    fn is_given(&self, from: usize, to: usize) -> Result<bool, Halt> {
        let value = self.cursor.slice(from, to);
        if serde_json::from_str::<IgnoredAny>(value).is_err() {
            return Err(self.cursor.broken_at(from, "this is no JSON value").into());
        }
        Ok(!matches!(value, "null" | "\"\""))
    }

    /// JSON in a JSON string.
    fn nested(&mut self, text: &str, level: u32) -> Result<(), Halt> {
        if level > DEEPEST || !text.trim_start().starts_with('{') {
            return self.refuse(None, "it is a text, and no security group".to_owned());
        }
        self.document(text, level + 1, true)
    }

    /// A whole object, as it stands in the input or in a text there.
    fn document(&mut self, json: &str, level: u32, is_nested: bool) -> Result<(), Halt> {
        let first_line = (!is_nested).then(|| self.cursor.position(0).line);
        let document = match document::read(json, self.cursor.file, first_line, self.options) {
            Ok(document) => document?,
            Err(error) if !error.is_data() && !is_nested => return Err(self.cursor.json(&error).into()),
            Err(error) => {
                let problem = format!("it cannot be read: {}", without_position(&error.to_string()));
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
            Document::Rule(rule) => self.collector.rule(rule, self.cursor.place()),
            Document::Item(parts) => {
                self.expected = Expected::Item;
                self.collector.item(parts, self.cursor.place())
            }
            Document::Nested(text) => self.nested(&text, level),
            Document::Template(text) => self.yaml_text(&text, true),
            Document::Resources(records) => records.into_iter().try_for_each(|record| self.collector.emit(record)),
            Document::Other(found) if self.recognised == 0 => Err(self.cursor.not_groups(found).into()),
            Document::Other(found) => self.refuse(None, format!("{found} is no security group")),
        }
    }

    /// Text that is not JSON: a template in YAML, or what AWS answers with `--output yaml`.
    fn yaml(&mut self) -> Result<(), Halt> {
        while self.cursor.fill()? {
            if self.cursor.rest().len() > self.cursor.limit {
                return Err(self.cursor.too_large().into());
            }
        }
        if self.cursor.rest().starts_with("PK\x03\x04") {
            let found = "a ZIP archive, such as the plan files of Terraform (use `terraform show -json FILE`),";
            return Err(self.cursor.not_groups(found.to_owned()).into());
        }
        let text = self.cursor.rest().to_owned();
        self.yaml_text(&text, false)?;
        if self.recognised == 0 {
            return Err(InputError::Empty { file: self.cursor.file.to_owned() }.into());
        }
        Ok(())
    }

    /// YAML that is the whole input, or a text in its JSON; there it can only be a template.
    fn yaml_text(&mut self, text: &str, is_nested: bool) -> Result<(), Halt> {
        let yaml =
            |position, problem| InputError::Yaml { place: Place::new(self.cursor.file, position, None), problem };
        for document in cloudformation::yaml::load(text).map_err(|error| yaml(error.position, error.problem))? {
            if document.value.get("Resources").is_some_and(serde_json::Value::is_object) {
                self.recognised += 1;
                for record in cloudformation::records(&document.value, &document.lines, self.cursor.file, self.options)?
                {
                    self.collector.emit(record)?;
                }
            } else if is_nested {
                self.refuse(None, "it is a text, and no template".to_owned())?;
            } else if document.value.is_object() || document.value.is_array() {
                self.cursor.convert(document.value.to_string());
                self.documents()?;
            } else {
                return Err(self.cursor.not_groups("text".to_owned()).into());
            }
        }
        Ok(())
    }

    /// Hands out that the record that begins here cannot be understood.
    fn refuse(&mut self, id: Option<String>, problem: String) -> Result<(), Halt> {
        self.collector.refuse(self.cursor.place(), id, problem)
    }
}
