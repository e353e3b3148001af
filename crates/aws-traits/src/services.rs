//! The AWS services of a program as one type.

/// The AWS services of a program, as one type parameter instead of one per service.
///
/// The associated types have no bounds here. A handler defines a trait of its own with the bounds that it needs:
///
/// ```
/// use aws_traits::Services;
/// use aws_traits::ec2::SecurityGroups;
/// use aws_traits::ssm::Parameters;
///
/// trait InventoryServices: Services<Ec2: SecurityGroups, Ssm: Parameters> {}
/// impl<S: Services<Ec2: SecurityGroups, Ssm: Parameters>> InventoryServices for S {}
///
/// async fn has_group(services: &impl InventoryServices, id: &str) -> bool {
///     services.ec2().security_group(id).await.is_ok_and(|group| group.is_some())
/// }
/// ```
///
/// A service that a program does not have is `()`.
pub trait Services {
    /// AWS Config.
    type Config;
    /// Amazon EC2.
    type Ec2;
    /// Amazon EventBridge.
    type Events;
    /// AWS Systems Manager.
    type Ssm;
    /// Table in which functions remember items.
    type State;
    /// Store of snapshots.
    type Store;

    /// AWS Config.
    fn config(&self) -> &Self::Config;
    /// Amazon EC2.
    fn ec2(&self) -> &Self::Ec2;
    /// Amazon EventBridge.
    fn events(&self) -> &Self::Events;
    /// AWS Systems Manager.
    fn ssm(&self) -> &Self::Ssm;
    /// Table in which functions remember items.
    fn state(&self) -> &Self::State;
    /// Store of snapshots.
    fn store(&self) -> &Self::Store;
}
