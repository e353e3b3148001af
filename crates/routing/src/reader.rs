//! Reads the values of a document, and says of each mistake where it is and what to do.

use std::collections::BTreeSet;

use plain_text::is_steering;

use crate::json::Node;
use crate::problem::{Sink, quoted};
use crate::secret::looks_secret;

/// Most characters of a text, if the place does not say otherwise.
pub(crate) const TEXT_MAX: usize = 100;

/// Most known words that a message names.
const NAMED_MAX: usize = 12;

/// A place in the document, such as `routes[2].match.ports`.
#[derive(Debug, Clone)]
pub(crate) struct Place<'s> {
    path: String,
    sink: &'s Sink,
}

impl Place<'_> {
    pub(crate) fn problem(&self, text: impl Into<String>) {
        self.sink.problem(&self.path, text);
    }

    fn key(&self, key: &str) -> Self {
        let is_plain = (1..=60).contains(&key.len())
            && !looks_secret(key)
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let path = match (is_plain, self.path.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[{}]", self.path, quoted(key).replace('`', "\"")),
        };
        Self { path, sink: self.sink }
    }

    fn index(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), sink: self.sink }
    }
}

/// A value and its place. Every reading returns `None` after it has noted a problem.
#[derive(Debug)]
pub(crate) struct Value<'s> {
    pub(crate) place: Place<'s>,
    node: Node,
}

impl<'s> Value<'s> {
    pub(crate) fn document(node: Node, sink: &'s Sink) -> Self {
        Self { place: Place { path: String::new(), sink }, node }
    }

    /// Returns true for an empty text and null, which unset a key in the files of Hammer.
    pub(crate) fn is_unset(&self) -> bool {
        match &self.node {
            Node::Null => true,
            // U+0085 is a control character for the schema, and white space for Rust alone.
            Node::Text(text) => text.chars().all(|character| character.is_whitespace() && character != '\u{85}'),
            _ => false,
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node.has(key)
    }

    fn expected(&self, what: &str) {
        let remedy = if self.node == Node::Null { ", or leave the key out" } else { "" };
        self.place.problem(format!("is {}: write {what}{remedy}", self.node.kind()));
    }

    /// The members of an object. Duplicate keys are problems.
    pub(crate) fn fields(self) -> Option<Fields<'s>> {
        let Node::Map(entries) = self.node else {
            self.expected("an object");
            return None;
        };
        let mut seen = BTreeSet::new();
        for (key, _) in &entries {
            if !seen.insert(key.as_str()) {
                self.place.key(key).problem("is there twice: keep one of them");
            }
        }
        Some(Fields { place: self.place, entries, known: Vec::new(), given: Vec::new() })
    }

    /// The members of an object with names of the user's choice, at most `max`.
    pub(crate) fn members(self, max: usize) -> Option<Vec<(String, Value<'s>)>> {
        let Fields { place, entries, .. } = self.fields()?;
        if entries.len() > max {
            place.problem(format!("has {} entries: at most {max} are possible", entries.len()));
            return None;
        }
        let member = |(key, node): (String, Node)| {
            let value = Value { place: place.key(&key), node };
            (key, value)
        };
        Some(entries.into_iter().map(member).collect())
    }

    /// The values of a list, at most `max`.
    pub(crate) fn list(self, max: usize) -> Option<Vec<Value<'s>>> {
        let Node::List(nodes) = self.node else {
            self.expected("a list");
            return None;
        };
        if nodes.len() > max {
            self.place.problem(format!("has {} entries: at most {max} are possible", nodes.len()));
            return None;
        }
        let value = |(index, node)| Value { place: self.place.index(index), node };
        Some(nodes.into_iter().enumerate().map(value).collect())
    }

    /// A list, or one value instead of a list of one.
    pub(crate) fn list_or_one(self, max: usize) -> Option<Vec<Value<'s>>> {
        if matches!(self.node, Node::List(_)) { self.list(max) } else { Some(vec![self]) }
    }

    /// As [`list_or_one`](Self::list_or_one), but an empty list is a problem.
    pub(crate) fn one_or_more(self, max: usize) -> Option<Vec<Value<'s>>> {
        let place = self.place.clone();
        let values = self.list_or_one(max)?;
        if values.is_empty() {
            place.problem("is an empty list: write at least one value, or leave the key out");
            return None;
        }
        Some(values)
    }

    /// The text as it is, if this is one; nothing is noted.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text as it is, whatever is in it.
    pub(crate) fn raw_text(self) -> Option<(Place<'s>, String)> {
        if let Node::Text(text) = self.node {
            return Some((self.place, text));
        }
        self.expected("a text");
        None
    }

    /// A text that is not blank, has at most `max` characters, none of which steers a display, and is no secret.
    pub(crate) fn text_of(self, max: usize) -> Option<(Place<'s>, String)> {
        let (place, text) = self.raw_text()?;
        let problem = if looks_secret(&text) {
            "looks like a secret: keep it in Parameter Store or Secrets Manager, and name it here as `ssm:/path`"
        } else if text.trim().is_empty() {
            "is empty: write a value, or leave the key out"
        } else if text.chars().any(is_steering) {
            "contains control characters or invisible ones: remove them"
        } else if text.chars().nth(max).is_some() {
            place.problem(format!("is too long: at most {max} characters are possible"));
            return None;
        } else {
            return Some((place, text));
        };
        place.problem(problem);
        None
    }

    pub(crate) fn text(self) -> Option<String> {
        self.text_of(TEXT_MAX).map(|(_, text)| text)
    }

    /// A text for which `is_valid` holds; `form` says how one looks.
    pub(crate) fn form(self, max: usize, is_valid: impl Fn(&str) -> bool, form: &str) -> Option<String> {
        let (place, text) = self.text_of(max)?;
        if is_valid(&text) {
            return Some(text);
        }
        place.problem(format!("{} is not {form}", quoted(&text)));
        None
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(self, words: &[(&'static str, T)]) -> Option<T> {
        let (place, text) = self.text_of(TEXT_MAX)?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*found);
        }
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        place.problem(format!("{} is not known: {}", quoted(&text), nearest(&text, &names)));
        None
    }

    /// A number of which one is expected.
    pub(crate) fn number_like(self, expected: u32) -> Option<u32> {
        if !matches!(self.node, Node::Number(_)) {
            self.expected(&format!("the number {expected}, without quotation marks"));
            return None;
        }
        self.number(0, u32::MAX)
    }

    pub(crate) fn number(self, min: u32, max: u32) -> Option<u32> {
        let Node::Number(number) = self.node else {
            self.expected(&format!("a whole number from {min} to {max}"));
            return None;
        };
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.place.problem(format!("is out of range: write a whole number from {min} to {max}"));
        }
        number
    }

    pub(crate) fn flag(self) -> Option<bool> {
        let Node::Flag(flag) = self.node else {
            self.expected("true or false");
            return None;
        };
        Some(flag)
    }
}

/// The members of an object with fixed keys.
#[derive(Debug)]
pub(crate) struct Fields<'s> {
    pub(crate) place: Place<'s>,
    entries: Vec<(String, Node)>,
    known: Vec<&'static str>,
    given: Vec<&'static str>,
}

impl<'s> Fields<'s> {
    /// The value of an optional key.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'s>> {
        self.known.push(key);
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        self.given.push(key);
        // Later ones under the same key are duplicates, which are noted already.
        let (_, node) = self.entries.remove(index);
        self.entries.retain(|(name, _)| name != key);
        Some(Value { place: self.place.key(key), node })
    }

    /// The value of a key that has to be there.
    pub(crate) fn require(&mut self, key: &'static str) -> Option<Value<'s>> {
        let value = self.take(key);
        if value.is_none() {
            self.place.problem(format!("`{key}` is missing"));
        }
        value
    }

    /// Returns true if there was a value under a key that was asked for.
    pub(crate) fn had(&self, key: &str) -> bool {
        self.given.contains(&key)
    }

    /// Drops keys that begin with two underscores, which are comments in the files of Hammer.
    pub(crate) fn drop_comments(&mut self) {
        self.entries.retain(|(key, _)| !key.starts_with("__"));
    }

    /// Notes every key that was not asked for.
    pub(crate) fn finish(self) {
        for (key, _) in &self.entries {
            self.place.key(key).problem(format!("is not a known key: {}", nearest(key, &self.known)));
        }
    }
}

/// Names the known word that `text` most resembles, else all of them.
pub(crate) fn nearest(text: &str, known: &[&str]) -> String {
    let distance = |word: &str| strsim::osa_distance(&text.to_lowercase(), &word.to_lowercase());
    // A long text resembles nothing, and the distance would take its length times that of the word.
    let best = known.iter().filter(|_| text.len() <= TEXT_MAX).min_by_key(|word| distance(word));
    match best {
        Some(word) if distance(word) <= 1.max(word.len() / 3) => format!("did you mean `{word}`?"),
        _ => {
            let names: Vec<_> = known.iter().take(NAMED_MAX).map(|word| format!("`{word}`")).collect();
            let more = match known.len().saturating_sub(NAMED_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("known are {}{more}", names.join(", "))
        }
    }
}

pub(crate) fn is_partition(text: &str) -> bool {
    text.strip_prefix("aws").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
}

pub(crate) fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
