//! AWS services that the function calls. The roles in the template allow exactly these calls.

use aws_traits::Services;
use aws_traits::events::Events;
use remediation::ComparisonServices;

/// AWS services that the function calls: those of the remediation and of the watch over the inputs of the policy and
/// over AWS Config, and the event bus that gets the outcomes.
pub trait RemediatorServices: ComparisonServices + Services<Events: Events> {}

impl<S> RemediatorServices for S where S: ComparisonServices + Services<Events: Events> {}
