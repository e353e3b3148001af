//! The short way through a list whose records are all of one kind.

use aws_events::Object;

use super::{Kind, Walk};
use crate::collector::Halt;
use crate::configuration_item::Item;
use crate::described_group::DescribedGroup;

impl<T: Send> Walk<'_, '_, '_, '_, '_, T> {
    /// Reads the next value if it is of the same kind as the one before: straight from the buffer, without searching for its
    /// end first. Returns false for any other value, which is left to `value`.
    pub(super) fn expected_record(&mut self) -> Result<bool, Halt> {
        let Some(kind) = self.expected else { return Ok(false) };
        for is_second in [false, true] {
            if is_second && !self.cursor.fill()? {
                return Ok(false);
            }
            let rest = self.cursor.rest();
            if kind == Kind::Group {
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Object<DescribedGroup<'_>>>();
                match values.next() {
                    Some(Ok(Object(group))) => {
                        let Ok(record) = group.record(self.collector.scan.maker.options.policy.as_ref()) else {
                            return Ok(false);
                        };
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
                        let end = values.byte_offset();
                        let location = self.cursor.location_of_next();
                        self.collector.item(&item, location)?;
                        self.cursor.records += 1;
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
}
