//! AWS services that the function calls. The roles in the template allow exactly these calls.

use aws_traits::Services;
use aws_traits::events::Events;
use remediation::InputServices;

/// AWS services that the function calls: those of the remediation and of the watch over the inputs of the policy, and
/// the event bus that gets the outcomes.
pub trait RemediatorServices: InputServices + Services<Events: Events> {}

impl<S> RemediatorServices for S where S: InputServices + Services<Events: Events> {}
