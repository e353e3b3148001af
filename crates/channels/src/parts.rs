//! Parts of a message that is of a bounded length as a whole.

use serde_json::Value;

/// Parts, and their length as JSON in units of a measure.
pub(crate) struct Parts {
    pub(crate) list: Vec<Value>,
    measure: fn(&str) -> usize,
    room: usize,
}

impl Parts {
    /// No parts yet, in at most `max` units.
    pub(crate) fn new(max: usize, measure: fn(&str) -> usize) -> Self {
        Self { list: Vec::new(), measure, room: max }
    }

    /// Keeps room for parts that are pushed later.
    pub(crate) fn reserve(&mut self, parts: &[Value]) {
        let length = parts.iter().map(|part| self.length(part)).sum();
        self.room = self.room.saturating_sub(length);
    }

    /// Adds a part for which there is room: it was reserved, or is short.
    pub(crate) fn push_reserved(&mut self, parts: Vec<Value>) {
        self.list.extend(parts);
    }

    /// Adds a part if it fits. Returns false if it was left out.
    pub(crate) fn push(&mut self, part: Value) -> bool {
        let length = self.length(&part);
        let fits = length <= self.room;
        if fits {
            self.room -= length;
            self.list.push(part);
        }
        fits
    }

    /// Length of a part as JSON, with the comma after it.
    fn length(&self, part: &Value) -> usize {
        (self.measure)(&part.to_string()) + 1
    }
}
