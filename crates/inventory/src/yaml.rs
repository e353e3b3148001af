//! YAML as a tree of JSON values. CloudFormation's short forms become the long ones: `!Ref A` is `{"Ref": "A"}`.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use crate::buffer::Position;

/// One document of a YAML text.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) value: Value,
    /// Lines of the keys under `Resources`.
    pub(crate) lines: BTreeMap<String, u64>,
}

/// A text is not YAML, or is YAML that no template uses.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) position: Position,
    pub(crate) problem: String,
}

/// Maximum depth, the same as for JSON.
const DEEPEST: usize = 128;
/// Maximum number of values that anchors and aliases may expand to.
const MOST_COPIES: usize = 1_000_000;

enum Container {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

struct Open {
    container: Container,
    tag: Option<String>,
    anchor: usize,
}

#[derive(Default)]
struct Loader {
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    copies: usize,
    root: Value,
    lines: BTreeMap<String, u64>,
}

fn position(mark: &Marker) -> Position {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Position { line: count(mark.line()), column: count(mark.col()) + 1 }
}

/// The documents in a text.
pub(crate) fn load(text: &str) -> Result<Vec<Document>, YamlError> {
    let mut documents = Vec::new();
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| YamlError { position: position(error.marker()), problem: error.info().to_owned() })?;
        let at = position(&span.start);
        let step = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
            Event::DocumentEnd => {
                let Loader { root: value, lines, .. } = std::mem::take(&mut loader);
                if !value.is_null() {
                    documents.push(Document { value, lines });
                }
                Ok(())
            }
            Event::Alias(anchor) => loader.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref());
                loader.value(value, anchor, short_form(tag.as_deref()), at)
            }
            Event::SequenceStart(anchor, tag) => loader.begin(Container::List(Vec::new()), anchor, tag.as_deref()),
            Event::MappingStart(anchor, tag) => loader.begin(Container::Map(Map::new(), None), anchor, tag.as_deref()),
            Event::SequenceEnd | Event::MappingEnd => loader.end(at),
        };
        step.map_err(|problem| YamlError { position: at, problem })?;
    }
    Ok(documents)
}

impl Loader {
    fn begin(&mut self, container: Container, anchor: usize, tag: Option<&Tag>) -> Result<(), String> {
        if self.open.len() >= DEEPEST {
            return Err(format!("nested more than {DEEPEST} levels deep"));
        }
        self.open.push(Open { container, tag: short_form(tag), anchor });
        Ok(())
    }

    fn end(&mut self, at: Position) -> Result<(), String> {
        let Some(Open { container, tag, anchor }) = self.open.pop() else { return Ok(()) };
        let value = match container {
            Container::List(list) => Value::Array(list),
            Container::Map(map, _) => Value::Object(merged(map)?),
        };
        self.value(value, anchor, tag, at)
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<(), String> {
        let value = self.anchors.get(&anchor).cloned().ok_or("alias of a value that contains it")?;
        self.copy(&value)?;
        self.value(value, 0, None, at)
    }

    fn copy(&mut self, value: &Value) -> Result<(), String> {
        self.copies += count(value);
        if self.copies > MOST_COPIES {
            return Err(format!("anchors and aliases expand to more than {MOST_COPIES} values"));
        }
        Ok(())
    }

    fn value(&mut self, value: Value, anchor: usize, tag: Option<String>, at: Position) -> Result<(), String> {
        let value = match tag {
            None => value,
            Some(tag) => long_form(&tag, value),
        };
        if anchor > 0 {
            // A nested value is kept once per enclosing anchor.
            self.copy(&value)?;
            self.anchors.insert(anchor, value.clone());
        }
        let in_resources = self.in_resources();
        match self.open.last_mut().map(|open| &mut open.container) {
            None => self.root = value,
            Some(Container::List(list)) => list.push(value),
            Some(Container::Map(map, key @ None)) => {
                let text = match value {
                    Value::String(text) => text,
                    Value::Number(number) => number.to_string(),
                    Value::Bool(value) => value.to_string(),
                    Value::Null => "null".to_owned(),
                    Value::Array(_) | Value::Object(_) => return Err("key is not text".to_owned()),
                };
                if map.contains_key(&text) {
                    return Err(format!("duplicate key `{text}`"));
                }
                if in_resources {
                    self.lines.insert(text.clone(), at.line);
                }
                *key = Some(text);
            }
            Some(Container::Map(map, key)) => {
                if let Some(key) = key.take() {
                    map.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// Whether the innermost open value is the map under the key `Resources` of the document.
    fn in_resources(&self) -> bool {
        match self.open.as_slice() {
            [Open { container: Container::Map(_, Some(key)), .. }, _] => key == "Resources",
            _ => false,
        }
    }
}

/// The map with the values of its merge keys (`<<`). Its own values take precedence.
fn merged(mut map: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let others = match map.remove("<<") {
        None => return Ok(map),
        Some(Value::Array(others)) => others,
        Some(other) => vec![other],
    };
    for other in others {
        let Value::Object(other) = other else { return Err("`<<` merges maps only".to_owned()) };
        for (key, value) in other {
            map.entry(key).or_insert(value);
        }
    }
    Ok(map)
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(count).sum::<usize>() + 1,
        Value::Object(map) => map.values().map(count).sum::<usize>() + 1,
        _ => 1,
    }
}

/// `Ref` in `!Ref`; `None` for tags of YAML itself, such as `!!str`.
fn short_form(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()).map(|tag| tag.suffix.clone())
}

fn long_form(tag: &str, value: Value) -> Value {
    let value = match (tag, value) {
        ("GetAtt", Value::String(text)) => match text.split_once('.') {
            Some((resource, attribute)) => Value::from(vec![resource, attribute]),
            None => Value::String(text),
        },
        (_, value) => value,
    };
    let name = if matches!(tag, "Ref" | "Condition") { tag.to_owned() } else { format!("Fn::{tag}") };
    Value::Object(Map::from_iter([(name, value)]))
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        // A number that would be written differently, such as the account id 012345678901, stays text.
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::from(number),
            _ => Value::String(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        load(text).unwrap().remove(0).value
    }

    #[rstest]
    #[case("a: 22", json!({"a": 22}))]
    #[case("a: -1", json!({"a": -1}))]
    #[case("a: '22'", json!({"a": "22"}))]
    #[case("a: 012345678901", json!({"a": "012345678901"}))]
    #[case("a: 0.0.0.0/0", json!({"a": "0.0.0.0/0"}))]
    #[case("a: ::/0", json!({"a": "::/0"}))]
    #[case("a: !!str 22", json!({"a": "22"}))]
    #[case("a: !Ref B", json!({"a": {"Ref": "B"}}))]
    #[case("a: !GetAtt B.C.D", json!({"a": {"Fn::GetAtt": ["B", "C.D"]}}))]
    #[case("a: !If [C, !Ref B, 2]", json!({"a": {"Fn::If": ["C", {"Ref": "B"}, 2]}}))]
    #[case("a: !Sub\n  - x\n  - {y: 1}", json!({"a": {"Fn::Sub": ["x", {"y": 1}]}}))]
    #[case("a: &x {p: 1}\nb: *x", json!({"a": {"p": 1}, "b": {"p": 1}}))]
    #[case("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", json!({"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}))]
    fn yaml_becomes_json(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(value(text), expected);
    }

    #[rstest]
    #[case("a: 1\na: 2", 2, "duplicate key `a`")]
    #[case("a:\n  - [\n", 3, "")]
    #[case("a: &x [*x]", 1, "alias of a value that contains it")]
    #[case("? [a]\n: b", 1, "key is not text")]
    fn yaml_that_is_not_a_tree_is_refused(#[case] text: &str, #[case] line: u64, #[case] problem: &str) {
        let error = load(text).unwrap_err();
        assert_eq!(error.position.line, line, "{}", error.problem);
        assert!(error.problem.contains(problem), "{}", error.problem);
    }

    #[test]
    fn aliases_of_aliases_do_not_fill_the_memory() {
        let levels = (1..20).map(|level| {
            let previous = format!("*a{},", level - 1).repeat(10);
            format!("a{level}: &a{level} [{previous}]\n")
        });
        let text: String = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned()].into_iter().chain(levels).collect();
        assert!(load(&text).unwrap_err().problem.contains("aliases"));
    }

    #[test]
    fn anchors_in_anchors_do_not_fill_the_memory() {
        let anchors = (0..100).map(|level| format!("&a{level} [")).collect::<Vec<_>>().concat();
        let text = format!("{anchors}{}{}", "x,".repeat(100_000), "]".repeat(100));
        assert!(load(&text).unwrap_err().problem.contains("anchors"));
    }

    #[test]
    fn nesting_has_an_end() {
        assert!(load(&"- ".repeat(100_000)).unwrap_err().problem.contains("deep"));
        // The parser has a limit of its own for these.
        load(&"[".repeat(100_000)).unwrap_err();
    }

    #[test]
    fn resources_have_lines() {
        let documents = load("A: 1\nResources:\n  Web:\n    Type: x\n\n  Db: {Type: y}\nOutputs:\n  Web: 1\n").unwrap();
        assert_eq!(documents[0].lines, BTreeMap::from([("Web".to_owned(), 3), ("Db".to_owned(), 6)]));
    }
}
