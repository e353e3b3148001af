//! Network interfaces that use a security group.

use serde::Serialize;

/// Network interfaces that a group is attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Context {
    /// All interfaces of the group.
    pub attached_to: Vec<AttachedTo>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachedTo {
    /// `eni-…`.
    pub network_interface_id: String,
    /// `i-…` if the interface belongs to an instance, else the description of the interface.
    pub resource: Option<String>,
    /// Public IPv4 address, or IPv6 addresses.
    pub public_addresses: Vec<String>,
}

impl Context {
    /// Whether any interface uses the group.
    #[must_use]
    pub fn in_use(&self) -> bool {
        !self.attached_to.is_empty()
    }

    /// Whether any interface of the group has a public address.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.attached_to.iter().any(|attached| !attached.public_addresses.is_empty())
    }
}
