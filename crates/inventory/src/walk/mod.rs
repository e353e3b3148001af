//! Walks through an input of any size. Lists of records are read one record at a time.

mod page;
mod pieces;
mod same_kind;
mod yaml;

use std::io::Read;

use serde::de::IgnoredAny;

use super::cloudformation::{self, Contents};
use super::collector::{Collector, Halt};
use super::cursor::{Cursor, without_position};
use super::document::{self, Document, Problem};
use super::error::InputError;
use super::{Each, Scan, foreign};

/// Maximum depth of lists of records: pages in a list, lists of pages.
const DEEPEST: u32 = 8;

/// Kind of a record that is read straight from the buffer.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Group,
    Item,
}

struct Walk<'r, 's, 'o, 'e, 'f, T> {
    cursor: Cursor<'r>,
    collector: Collector<'s, 'o, 'e, 'f, T>,
    /// Number of lists, templates, plans and single records that were recognised.
    recognised: u64,
    /// Whether the last page has a token for another page.
    next_page: bool,
    /// Kind of the last record of a list, which the next one probably shares.
    expected: Option<Kind>,
    /// Number of pieces of lists that could not be read as a whole.
    failures: u32,
}

/// Reads the groups of a text, which is JSON or YAML.
pub(super) fn read<'r, T: Send>(
    text: Box<dyn Read + 'r>,
    file: &'r str,
    scan: &mut Scan<'_, T>,
    each: &mut Each<'_, T>,
) -> Result<(), Halt> {
    let mut walk = Walk {
        cursor: Cursor::new(text, file, scan.maker.options.largest_document),
        collector: Collector::new(scan, each),
        recognised: 0,
        next_page: false,
        expected: None,
        failures: 0,
    };
    walk.input()
}

impl<T: Send> Walk<'_, '_, '_, '_, '_, T> {
    fn input(&mut self) -> Result<(), Halt> {
        let (white, byte) = self.cursor.next_byte(0)?;
        match byte {
            None => return Err(InputError::Empty { file: self.cursor.file.to_owned() }.into()),
            Some(b'{') => match self.documents() {
                Err(Halt::Error(error @ (InputError::Json { .. } | InputError::Truncated { .. }))) => {
                    self.flow_yaml().unwrap_or(Err(error.into()))?;
                }
                read => read?,
            },
            Some(byte) => {
                if let Some(found) = foreign::wrapped(self.cursor.line(white)?) {
                    return Err(self.cursor.not_groups(found.to_owned()).into());
                }
                match byte {
                    b'[' => self.documents()?,
                    b'"' if self.is_text_alone(white)? => self.text(white)?,
                    _ => self.yaml()?,
                }
            }
        }
        self.collector.finish()?;
        if self.next_page {
            let problem = "the list has a `NextToken`, so it is incomplete: run the command without --max-items, \
                           --max-results and --no-paginate";
            self.refuse(None, problem.to_owned())?;
        }
        Ok(())
    }

    /// Whether the input is a single string of JSON. The key of a map in YAML may begin in the same way.
    fn is_text_alone(&mut self, start: usize) -> Result<bool, Halt> {
        let Ok(end) = self.cursor.value_end(start) else { return Ok(false) };
        Ok(self.cursor.next_byte(end)?.1.is_none())
    }

    /// Reads a template in a string of JSON, such as `aws cloudformation get-template --query TemplateBody` prints.
    fn text(&mut self, start: usize) -> Result<(), Halt> {
        self.cursor.consume(start);
        let end = self.cursor.value_end(0)?;
        let text = self.cursor.parsed::<String>(end)?;
        if text.trim_start().starts_with('{') {
            return self.nested(&text, 0);
        }
        if cloudformation::parse(&text).is_none() {
            return Err(self.cursor.not_groups("text".to_owned()).into());
        }
        self.yaml_text(&text, true)
    }

    /// Reads JSON documents one after the other, in the output of `jq -c` or of a paginated command.
    fn documents(&mut self) -> Result<(), Halt> {
        loop {
            let (white, byte) = self.cursor.next_byte(0)?;
            self.cursor.consume(white);
            match byte {
                None => return Ok(()),
                Some(b'{' | b'[') => {
                    self.pieces()?;
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

    /// Reads a list. `is_known` means that its key is that of a list of records.
    fn list(&mut self, level: u32, is_known: bool) -> Result<(), Halt> {
        self.recognised += u64::from(is_known);
        self.cursor.consume(1);
        self.collector.begin_list();
        let mut is_first = true;
        self.expected = None;
        loop {
            let (white, byte) = self.cursor.next_byte(0)?;
            match (byte, is_first) {
                (None, _) => return Err(self.cursor.truncated().into()),
                (Some(b']'), _) => {
                    self.cursor.consume(white + 1);
                    // `--query 'SecurityGroups[]'` prints `[]` for a region without groups.
                    self.recognised += u64::from(is_first);
                    self.expected = None;
                    return Ok(());
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
            self.pieces()?;
            if !self.expected_record()? {
                self.value(level + 1)?;
            }
        }
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
        let document = match document::recognize(json, self.cursor.file, first_line, self.collector.scan.maker.options)
        {
            Ok(document) => document,
            Err(error) if !error.is_data() && !is_nested => return Err(self.cursor.json(&error).into()),
            Err(error) => {
                let remedy = foreign::remedy(json).map(|remedy| format!(": {remedy}")).unwrap_or_default();
                let problem = format!("malformed record: {}{remedy}", without_position(&error.to_string()));
                return self.refuse(None, problem);
            }
        };
        self.recognised += u64::from(!matches!(document, Document::Other(_) | Document::Nested(_)));
        match document {
            Document::Group(Ok(record)) => {
                self.expected = Some(Kind::Group);
                self.collector.emit(Ok(record))
            }
            Document::Group(Err(Problem { id, problem })) => self.refuse(id, problem),
            Document::Rule(rule) => self.collector.rule(rule, self.cursor.location()),
            Document::Item(item) => {
                self.expected = Some(Kind::Item);
                self.collector.item(&item, self.cursor.location())
            }
            Document::Nested(text) => self.nested(&text, level),
            Document::Template(text) => self.yaml_text(&text, true),
            Document::Resources(records) => records.into_iter().try_for_each(|record| self.collector.emit(record)),
            Document::Contents(contents) => self.contents(contents),
            Document::Other(found) if self.recognised == 0 => Err(self.cursor.not_groups(found).into()),
            Document::Other(found) => self.refuse(None, format!("{found} is not a security group")),
        }
    }

    /// Hands out what is in a template.
    fn contents(&mut self, contents: Contents) -> Result<(), Halt> {
        let Contents { records, parameters, deploys } = contents;
        self.collector.scan.template(self.cursor.file, parameters);
        let records = self.collector.scan.waiting.take(records, deploys);
        records.into_iter().try_for_each(|record| self.collector.emit(record))
    }

    /// Hands out the error of the record that begins here.
    fn refuse(&mut self, id: Option<String>, problem: String) -> Result<(), Halt> {
        self.collector.refuse(self.cursor.location(), id, problem)
    }
}
