//! A service that is called in more than one region.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_types::SdkConfig;
use aws_types::region::Region;

use super::{AwsService, Service};

/// Clients of a service, one for each region that is called, created on the first call.
#[derive(Debug)]
pub(crate) struct Regional {
    service: &'static Service,
    sdk: SdkConfig,
    clients: Mutex<BTreeMap<String, Arc<AwsService>>>,
}

impl Regional {
    pub(crate) fn new(service: &'static Service, sdk: &SdkConfig) -> Self {
        Self { service, sdk: sdk.clone(), clients: Mutex::default() }
    }

    /// The client for a region. An endpoint in the environment is called for every region, with its signature.
    pub(crate) fn in_region(&self, region: &str) -> Arc<AwsService> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let sdk = self.sdk.to_builder().region(Region::new(region.to_owned())).build();
            Arc::new(AwsService::new(self.service, &sdk))
        });
        Arc::clone(client)
    }

    /// The region of the function itself.
    pub(crate) fn own_region(&self) -> String {
        self.sdk.region().map(ToString::to_string).unwrap_or_default()
    }
}

/// The region of an ARN. `None` if the text is no ARN, or has no region.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let region = parts.nth(3)?;
    (arn.starts_with("arn:") && !region.is_empty() && parts.next().is_some()).then_some(region)
}
