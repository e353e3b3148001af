//! Parts of an input that are known to exist, and whose content is elsewhere.

use std::fmt;
use std::str::FromStr;

/// Why a part of a template or a plan is not scanned although nothing is wrong with it. A caller who knows what is there
/// can accept it by this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hidden {
    /// `AWS::CloudFormation::Stack`, or Terraform's resources for stacks.
    NestedStack,
    /// `AWS::Serverless::Application`.
    Application,
    /// `AWS::CloudFormation::StackSet`, or Terraform's resources for stack sets.
    StackSet,
    /// A module of the CloudFormation registry: `…::MODULE`.
    Module,
    /// `Fn::Transform` and `AWS::Include`.
    Transform,
    /// A macro of the account.
    Macro,
    /// `Fn::ForEach`.
    Loop,
    /// A product of AWS Service Catalog.
    Product,
}

impl Hidden {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::NestedStack,
        Self::Application,
        Self::StackSet,
        Self::Module,
        Self::Transform,
        Self::Macro,
        Self::Loop,
        Self::Product,
    ];

    /// The name of the kind, such as `nested-stack`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NestedStack => "nested-stack",
            Self::Application => "application",
            Self::StackSet => "stack-set",
            Self::Module => "module",
            Self::Transform => "transform",
            Self::Macro => "macro",
            Self::Loop => "loop",
            Self::Product => "product",
        }
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text is not the name of a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of {names}", names = Hidden::ALL.map(Hidden::name).join(", "))]
pub struct UnknownKindError(String);

impl FromStr for Hidden {
    type Err = UnknownKindError;

    fn from_str(text: &str) -> Result<Self, UnknownKindError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownKindError(text.to_owned()))
    }
}
