//! JSON of a request in which no key is repeated.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The payload of an invocation, before it is read as a [`Request`](super::Request).
///
/// A repeated key is remembered and refused with the request. `serde_json` by itself keeps the last value, so that of
/// `"dryRun":true` and `"dryRun":false` the second would win.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    pub(super) json: Value,
    /// The first key that an object, at any depth, has twice.
    pub(super) repeated_key: Option<String>,
}

impl From<Value> for Payload {
    fn from(json: Value) -> Self {
        Self { json, repeated_key: None }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut repeated_key = None;
        let json = JsonReader { repeated_key: &mut repeated_key }.deserialize(deserializer)?;
        Ok(Self { json, repeated_key })
    }
}

/// Reads any JSON, and remembers the first repeated key.
struct JsonReader<'r> {
    repeated_key: &'r mut Option<String>,
}

impl JsonReader<'_> {
    fn inner(&mut self) -> JsonReader<'_> {
        JsonReader { repeated_key: self.repeated_key }
    }
}

impl<'de> DeserializeSeed<'de> for JsonReader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonReader<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = members.next_element_seed(self.inner())? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.inner())?;
            if object.insert(key.clone(), value).is_some() {
                self.repeated_key.get_or_insert(key);
            }
        }
        Ok(Value::Object(object))
    }
}
