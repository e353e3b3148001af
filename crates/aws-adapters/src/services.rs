//! The services of a Lambda function.

use aws_traits::Services;
use aws_types::SdkConfig;

use crate::config::Config;
use crate::ec2::Ec2;
use crate::event_bridge::EventBridge;
use crate::ssm::Ssm;

/// Adapters of a Lambda function, created once per process. There is no snapshot store until `with_store`
/// adds one, and no table until `with_state` does.
#[derive(Debug)]
pub struct LambdaServices<O = (), T = ()> {
    /// AWS Config.
    pub config: Config,
    /// Amazon EC2.
    pub ec2: Ec2,
    /// Amazon EventBridge.
    pub events: EventBridge,
    /// AWS Systems Manager.
    pub ssm: Ssm,
    /// Table in which the function remembers items.
    pub state: T,
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
            state: (),
            store: (),
        }
    }
}

impl<T> LambdaServices<(), T> {
    /// Adds a snapshot store.
    #[must_use]
    pub fn with_store<O>(self, store: O) -> LambdaServices<O, T> {
        let Self { config, ec2, events, ssm, state, store: () } = self;
        LambdaServices { config, ec2, events, ssm, state, store }
    }
}

impl<O> LambdaServices<O> {
    /// Adds a table.
    #[must_use]
    pub fn with_state<T>(self, state: T) -> LambdaServices<O, T> {
        let Self { config, ec2, events, ssm, state: (), store } = self;
        LambdaServices { config, ec2, events, ssm, state, store }
    }
}

impl<O, T> Services for LambdaServices<O, T> {
    type Config = Config;
    type Ec2 = Ec2;
    type Events = EventBridge;
    type Ssm = Ssm;
    type State = T;
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

    fn state(&self) -> &T {
        &self.state
    }

    fn store(&self) -> &O {
        &self.store
    }
}
