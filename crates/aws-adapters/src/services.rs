//! The services of a Lambda function.

use aws_traits::Services;
use aws_types::SdkConfig;

use crate::config::Config;
use crate::ec2::Ec2;
use crate::event_bridge::EventBridge;
use crate::ssm::Ssm;

/// Adapters of a Lambda function, created once per process. There is no snapshot store until `with_store`
/// adds one.
#[derive(Debug)]
pub struct LambdaServices<O = ()> {
    /// AWS Config.
    pub config: Config,
    /// Amazon EC2.
    pub ec2: Ec2,
    /// Amazon EventBridge.
    pub events: EventBridge,
    /// AWS Systems Manager.
    pub ssm: Ssm,
    /// Store of the snapshots.
    pub store: O,
}

impl LambdaServices {
    /// Creates the adapters and their clients, without a snapshot store. Events go to the bus in `EVENT_BUS`.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            config: Config::new(sdk),
            ec2: Ec2::new(sdk),
            events: EventBridge::from_env(sdk),
            ssm: Ssm::new(sdk),
            store: (),
        }
    }

    /// Adds a snapshot store.
    #[must_use]
    pub fn with_store<O>(self, store: O) -> LambdaServices<O> {
        let Self { config, ec2, events, ssm, store: () } = self;
        LambdaServices { config, ec2, events, ssm, store }
    }
}

impl<O> Services for LambdaServices<O> {
    type Config = Config;
    type Ec2 = Ec2;
    type Events = EventBridge;
    type Ssm = Ssm;
    type Store = O;

    fn config(&self) -> &Config {
        &self.config
    }

    fn ec2(&self) -> &Ec2 {
        &self.ec2
    }

    fn events(&self) -> &EventBridge {
        &self.events
    }

    fn ssm(&self) -> &Ssm {
        &self.ssm
    }

    fn store(&self) -> &O {
        &self.store
    }
}
