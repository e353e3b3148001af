//! JSON as a tree, with the lines of the resources.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::{Document, Lines, mark_repeated};

/// The document `json`. `first_line` is the line in the file on which it begins; `None` if it is text within JSON, whose
/// lines are not those of the file.
pub(crate) fn load(json: &str, first_line: Option<u64>) -> Result<Document, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = Tree.deserialize(&mut deserializer)?;
    deserializer.end()?;
    let lines = match first_line {
        Some(first) => lines(json, first)?,
        None => Lines::default(),
    };
    Ok(Document { value, lines })
}

/// Lines on which the values of the members of `Resources` begin. Rules have the lines of their resources: JSON is mostly
/// generated, so its lines matter less than the time for reading it once more.
fn lines(json: &str, first: u64) -> Result<Lines, serde_json::Error> {
    let mut lines = Lines::default();
    let (mut line, mut counted) = (first, 0);
    let Members(sections) = serde_json::from_str(json)?;
    for (_, resources) in sections.into_iter().filter(|(name, value)| name == "Resources" && is_object(value)) {
        let Members(members) = serde_json::from_str(resources.get())?;
        for (name, value) in members {
            let offset = value.get().as_ptr().addr().saturating_sub(json.as_ptr().addr());
            let before = json.as_bytes().get(counted..offset).unwrap_or_default();
            line += u64::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or_default();
            counted = counted.max(offset);
            lines.names.insert(name.clone().into_owned(), line);
            lines.objects.insert(name.into_owned(), line);
        }
    }
    Ok(lines)
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Members of an object in their order, duplicates included.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<Cow<'de, str>, _>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Builds a value, and marks objects with repeated keys. `Value` itself would keep the last of the values.
struct Tree;

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(Self)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(Self)?;
            if object.contains_key(&key) {
                mark_repeated(&mut object, &key, None);
            } else {
                object.insert(key, value);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{RepeatedKey, repeated_here, repeated_within};
    use super::*;

    #[test]
    fn the_tree_is_that_of_the_json() {
        let value = json!({"a": [1, -2, 1.5, "x", null, true, {"b": {}}], "c": 18_446_744_073_709_551_615_u64});
        assert_eq!(load(&value.to_string(), None).unwrap().value, value);
        load(r#"{"a": 1} x"#, None).unwrap_err();
    }

    #[test]
    fn repeated_keys_are_marked() {
        let document = load(r#"{"a": {"b": [{"x": 1, "x": 2, "y": 3}]}, "c": {}}"#, None).unwrap();
        let repeated = RepeatedKey { key: "x".to_owned(), line: None };
        assert_eq!(repeated_within(&document.value["a"]), Some(repeated.clone()));
        assert_eq!(repeated_here(document.value["a"]["b"][0].as_object().unwrap()), [repeated]);
        assert_eq!(repeated_within(&document.value["c"]), None);
    }
}
