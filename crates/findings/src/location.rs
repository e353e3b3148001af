//! Position of a group in a template or a plan.

use serde::Serialize;

/// Position of a resource in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file as the caller named it; `-` is standard input.
    pub file: String,
    /// Logical id in CloudFormation, address in Terraform.
    pub resource: Option<String>,
    /// Line, counted from 1; `None` if it is not known.
    pub line: Option<u64>,
}
