//! YAML as a tree of JSON values. CloudFormation's short forms become the long ones: `!Ref A` is `{"Ref": "A"}`.

use std::collections::HashMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::{Document, Lines, METADATA, RULES, RulePath, mark_repeated, scalar};
use crate::buffer::Position;

/// A text is not YAML, or is YAML that no template uses.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) position: Position,
    pub(crate) problem: String,
}

/// Key that merges other maps into its map.
const MERGE: &str = "<<";
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
    lines: Lines,
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
        let (event, span) =
            event.map_err(|error| YamlError { position: position(error.marker()), problem: error.info() })?;
        let at = position(&span.start);
        let step = match event {
            Event::DocumentEnd => {
                let Loader { root: value, lines, .. } = std::mem::take(&mut loader);
                if !value.is_null() {
                    documents.push(Document { value, lines });
                }
                Ok(())
            }
            Event::Alias(anchor) => {
                loader.note_object(at);
                loader.alias(anchor, at)
            }
            Event::Scalar(text, style, anchor, tag) => loader.scalar(&text, style, anchor, tag.as_deref(), at),
            Event::SequenceStart(_, anchor, tag) => loader.begin(Container::List(Vec::new()), anchor, tag.as_deref()),
            Event::MappingStart(_, anchor, tag) => {
                loader.note_object(at);
                loader.begin(Container::Map(Map::new(), None), anchor, tag.as_deref())
            }
            Event::SequenceEnd | Event::MappingEnd => loader.end(at),
            // Begin and end of the text, and events that only options ask for.
            _ => Ok(()),
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

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), String> {
        let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        // A key such as `on` or `022` is the text that is written, and so is a name that refers to it.
        let is_name = self.is_key() || self.is_reference(short_form(tag).as_deref());
        let value = if is_text || is_name { Value::String(text.to_owned()) } else { scalar::plain(text) };
        self.value(value, anchor, short_form(tag), at)
    }

    /// Whether the next value is a key.
    fn is_key(&self) -> bool {
        matches!(self.open.last().map(|open| &open.container), Some(Container::Map(_, None)))
    }

    /// Whether the next value, which has this tag, is the name of a condition or a resource: of `Ref`, `Condition`, or the
    /// first argument of `Fn::If`.
    fn is_reference(&self, tag: Option<&str>) -> bool {
        let is_of = |open: &Open, names: &[&str]| matches!(&open.container, Container::Map(_, Some(key)) if names.contains(&key.as_str()));
        if matches!(tag, Some("Ref" | "Condition")) {
            return true;
        }
        match self.open.as_slice() {
            [.., around, Open { container: Container::List(list), tag, .. }] if list.is_empty() => {
                tag.as_deref() == Some("If") || tag.is_none() && is_of(around, &["Fn::If"])
            }
            [.., last] => is_of(last, &["Ref", "Condition"]),
            [] => false,
        }
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
                if map.contains_key(&text) && text != MERGE {
                    mark_repeated(map, &text, Some(at.line));
                }
                if in_resources {
                    self.lines.names.entry(text.clone()).or_insert(at.line);
                }
                *key = Some(text);
            }
            Some(Container::Map(map, key)) => match key.take() {
                Some(key) if key == MERGE => {
                    if let Value::Array(others) = map.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
                        match value {
                            Value::Array(values) => others.extend(values),
                            value => others.push(value),
                        }
                    }
                }
                Some(key) => {
                    map.entry(key).or_insert(value);
                }
                None => {}
            },
        }
        Ok(())
    }

    /// Notes the line of an object that begins here, if it is a resource or may be a rule.
    fn note_object(&mut self, at: Position) {
        if let Some(path) = self.object_path() {
            self.lines.objects.entry(path).or_insert(at.line);
        }
    }

    /// The path of the next value, if it is a resource or may be a rule.
    fn object_path(&self) -> Option<String> {
        let key = |open: &Open| match &open.container {
            Container::Map(_, key) => key.clone(),
            Container::List(_) => None,
        };
        let [document, resources, rest @ ..] = self.open.as_slice() else { return None };
        let id = key(document).filter(|key| key == "Resources").and_then(|_| key(resources))?;
        let [resource, properties, inner @ ..] = rest else { return rest.is_empty().then_some(id) };
        if key(resource)? == "Metadata" && key(properties)? == "Portcullis" && inner.is_empty() {
            return Some(format!("{id}{METADATA}"));
        }
        if key(resource)? != "Properties" || key(properties)? != RULES {
            return None;
        }
        let mut path = RulePath::default();
        for open in inner {
            path = match &open.container {
                Container::List(list) => path.element(list.len()),
                // The branches of the long form of `Fn::If`; the short one is a list with a tag.
                Container::Map(_, Some(key)) if key == "Fn::If" => path,
                Container::Map(..) => return None,
            };
        }
        Some(format!("{id}{}", path.0))
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
    let Some(Value::Array(others)) = map.remove(MERGE) else { return Ok(map) };
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
    tag.filter(|tag| tag.handle() == "!" && !tag.suffix().is_empty()).map(|tag| tag.suffix().to_owned())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;
    use serde_json::json;

    use super::super::{RepeatedKey, repeated_here, repeated_within};
    use super::*;

    fn value(text: &str) -> Value {
        load(text).unwrap().remove(0).value
    }

    #[rstest]
    #[case("a: 22", json!({"a": 22}))]
    #[case("a: -1", json!({"a": -1}))]
    #[case("a: '22'", json!({"a": "22"}))]
    #[case("a: 012345678901", json!({"a": "012345678901"}))]
    #[case("a: 026", json!({"a": 22}))]
    #[case("a: 0.0.0.0/0", json!({"a": "0.0.0.0/0"}))]
    #[case("a: ::/0", json!({"a": "::/0"}))]
    #[case("a: !!str 22", json!({"a": "22"}))]
    #[case("a: !Ref B", json!({"a": {"Ref": "B"}}))]
    #[case("a: !GetAtt B.C.D", json!({"a": {"Fn::GetAtt": ["B", "C.D"]}}))]
    #[case("a: !If [C, !Ref B, 2]", json!({"a": {"Fn::If": ["C", {"Ref": "B"}, 2]}}))]
    #[case("a: !If [On, !Ref No, on]", json!({"a": {"Fn::If": ["On", {"Ref": "No"}, true]}}))]
    #[case("a: {Fn::If: [On, {Ref: 022}, {Condition: No}]}", json!({"a": {"Fn::If": ["On", {"Ref": "022"}, {"Condition": "No"}]}}))]
    #[case("a: !And [!Condition Yes, {Condition: Off}]", json!({"a": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "Off"}]}}))]
    #[case("On: {Condition: On, b: [on]}", json!({"On": {"Condition": "On", "b": [true]}}))]
    #[case("a: !Sub\n  - x\n  - {y: 1}", json!({"a": {"Fn::Sub": ["x", {"y": 1}]}}))]
    #[case("a: &x {p: 1}\nb: *x", json!({"a": {"p": 1}, "b": {"p": 1}}))]
    #[case("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", json!({"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}))]
    fn yaml_becomes_json(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(value(text), expected);
    }

    #[rstest]
    #[case("a:\n  - [\n", 2, "unclosed bracket")]
    #[case("a: &x [*x]", 1, "alias of a value that contains it")]
    #[case("? [a]\n: b", 1, "key is not text")]
    fn yaml_that_is_not_a_tree_is_refused(#[case] text: &str, #[case] line: u64, #[case] problem: &str) {
        let error = load(text).unwrap_err();
        assert_eq!(error.position.line, line, "{}", error.problem);
        assert!(error.problem.contains(problem), "{}", error.problem);
    }

    /// The first value stays, so that the rest of the document is not lost; the mark goes wherever the map goes.
    #[test]
    fn repeated_keys_are_marked() {
        let value = value("a: &x\n  b: 1\n  b: 2\nc: *x\nd: {<<: *x, e: 1}\nf: {}\n");
        let repeated = RepeatedKey { key: "b".to_owned(), line: Some(3) };
        for key in ["a", "c", "d"] {
            assert_eq!(repeated_here(value[key].as_object().unwrap()), std::slice::from_ref(&repeated));
        }
        assert_eq!(repeated_within(&value), Some(repeated));
        assert_eq!(repeated_within(&value["f"]), None);
    }

    /// CloudFormation, libyaml and `PyYAML` take all of these.
    #[rstest]
    #[case::flow_closed_at_the_key("a:\n- b: [\n    1\n  ]\n  c: 2\n", json!({"a": [{"b": [1], "c": 2}]}))]
    #[case::flow_under_the_key("a:\n  b: {\n\"c\": [\n1\n]\n}\n", json!({"a": {"b": {"c": [1]}}}))]
    #[case::quoted_at_the_key("a:\n  b: \"x\n  y\"\n", json!({"a": {"b": "x y"}}))]
    #[case::quoted_left_of_the_key("a:\n  b: 'x\ny'\n", json!({"a": {"b": "x y"}}))]
    #[case::merge_twice("a: &x {p: 1}\nb: &y {q: 2}\nc:\n  <<: *x\n  <<: *y\n",
        json!({"a": {"p": 1}, "b": {"q": 2}, "c": {"p": 1, "q": 2}}))]
    #[case::merge_list("a: &x {p: 1}\nb: {<<: [*x, {q: 2}]}", json!({"a": {"p": 1}, "b": {"p": 1, "q": 2}}))]
    #[case::addresses_in_flow("a: {b: ::/0, c: 1}", json!({"a": {"b": "::/0", "c": 1}}))]
    #[case::tab_after_a_value("a: 1\t\nb: 2\n", json!({"a": 1, "b": 2}))]
    #[case::keys_are_text("on: 1\n022: 2\n", json!({"on": 1, "022": 2}))]
    fn yaml_that_others_take_is_taken(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(value(text), expected);
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
        assert_eq!(documents[0].lines.names, BTreeMap::from([("Web".to_owned(), 3), ("Db".to_owned(), 6)]));
        assert_eq!(documents[0].lines.objects, BTreeMap::from([("Web".to_owned(), 4), ("Db".to_owned(), 6)]));
    }

    /// In both forms of `Fn::If`.
    #[test]
    fn rules_have_lines() {
        let yaml = "\
Resources:
  Web:
    Properties:
      SecurityGroupIngress:
      - a: 1
      - {b: 2}
      - !If
        - C
        - d: 3
        - - e: 4
      - Fn::If:
        - C
        - f: {g: 5}
        - &x
          h: 6
      - *x
";
        let expected = [
            ("Web", 3),
            ("Web/0/", 5),
            ("Web/1/", 6),
            ("Web/2/1/", 9),
            ("Web/2/2/0/", 10),
            ("Web/3/", 11),
            ("Web/3/1/", 13),
            ("Web/3/2/", 15),
            ("Web/4/", 16),
        ];
        let found = load(yaml).unwrap().remove(0).lines.objects;
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)).into());
    }
}
