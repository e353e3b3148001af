//! AWS services that the function calls. The roles in the template allow exactly these calls.

use aws_traits::Services;
use aws_traits::events::Events;
use remediation::RemediationServices;

/// AWS services that the function calls: those of the remediation, and the event bus that gets the outcomes.
pub trait RemediatorServices: RemediationServices + Services<Events: Events> {}

impl<S> RemediatorServices for S where S: RemediationServices + Services<Events: Events> {}
