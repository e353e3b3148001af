//! Inputs in YAML, and templates in YAML within JSON.

use std::cell::Cell;

use serde_json::Value;

use super::Walk;

use crate::buffer::Position;
use crate::cloudformation::Template;
use crate::collector::Halt;
use crate::error::{InputError, InputLocation};
use crate::tree;

/// Largest text that is looked at as a template although it begins like JSON, in bytes. CloudFormation takes templates of 1 MB.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST_TEMPLATE: usize = 1 << 20;

impl<T: Send> Walk<'_, '_, '_, '_, '_, T> {
    /// Reads an input that is not JSON: a template in YAML, or the output of `--output yaml`.
    pub(super) fn yaml(&mut self) -> Result<(), Halt> {
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

    /// Reads an input that begins like JSON and is not, if it is a template in the flow style of YAML: keys without quotes,
    /// short forms of functions. `None` if it is not.
    pub(super) fn flow_yaml(&mut self) -> Option<Result<(), Halt>> {
        let begins_here = self.recognised == 0 && self.cursor.records <= 1;
        let length = |walk: &Self| walk.cursor.rest().len();
        while begins_here && length(self) <= LARGEST_TEMPLATE && self.cursor.fill().ok()? {}
        if !begins_here || length(self) > LARGEST_TEMPLATE {
            return None;
        }
        // White space before it was consumed.
        let lines_before = usize::try_from(self.cursor.position(0).line - 1).ok()?;
        let text = format!("{}{}", "\n".repeat(lines_before), self.cursor.rest());
        match tree::load_yaml(&text).ok()?.as_slice() {
            [document] if document.value.get("Resources").is_some_and(Value::is_object) => {
                Some(self.yaml_text(&text, false))
            }
            _ => None,
        }
    }

    /// Reads YAML: the whole input, or a string in its JSON, which can only be a template.
    pub(super) fn yaml_text(&mut self, text: &str, is_nested: bool) -> Result<(), Halt> {
        let yaml = |position, problem| InputError::Yaml {
            location: InputLocation::new(self.cursor.file, position, None),
            problem,
        };
        for mut document in tree::load_yaml(text).map_err(|error| yaml(error.position, error.problem))? {
            if document.value.get("Resources").is_some_and(Value::is_object) {
                self.recognised += 1;
                if is_nested {
                    // Lines of the string are not lines of the file.
                    document.lines = tree::Lines::default();
                }
                let templates = &Cell::new(0);
                let contents =
                    Template::new(self.cursor.file, self.collector.scan.maker.options, templates).read(&document);
                self.contents(contents)?;
            } else if is_nested {
                self.refuse(None, "text is not a template".to_owned())?;
            } else if let Some(repeated) = tree::repeated_within(&document.value) {
                let position = Position { line: repeated.line.unwrap_or(1), column: 1 };
                return Err(yaml(position, format!("duplicate key `{}`", repeated.key)).into());
            } else if document.value.is_object() || document.value.is_array() {
                self.cursor.convert(document.value.to_string());
                self.documents()?;
            } else {
                return Err(self.cursor.not_groups("text".to_owned()).into());
            }
        }
        Ok(())
    }
}
