//! What the interfaces of groups belong to, and whose it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use aws_traits::surroundings::{
    Database, Interface, Interfaces, LOAD_BALANCERS_PER_CALL, LoadBalancers, Surroundings, Tags,
};
use findings::event::{EventInterface, EventInterfaces, EventOwner, EventUnread};
use findings::finding::OwnerSource;
use findings::load_balancer_arn;
use routing::tag_value;
use tokio::time::Instant;
use work_queue::{Gap, in_time};

use super::asked::Asked;

/// Values of a filter of EC2.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
const INSTANCES_PER_CALL: usize = 200;
/// Calls for the tags of instances, and of load balancers. An owner is looked for, and the first thousand say who it is.
const CALLS: usize = 5;
/// Description of the interfaces of load balancers: `ELB app/NAME/ID`, or `ELB NAME` of a classic one.
const OF_LOAD_BALANCER: &str = "ELB ";
/// Description of the interfaces of databases.
const OF_DATABASE: &str = "RDSNetworkInterface";

/// What an interface belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Resource {
    Instance(String),
    LoadBalancer(String),
    ClassicLoadBalancer(String),
    Database,
    /// In the words of its description.
    Other(Option<String>),
}

impl Resource {
    fn of(interface: &Interface, account: &str, region: &str) -> Self {
        if let Some(id) = &interface.instance_id {
            return Self::Instance(id.clone());
        }
        let description = interface.description.as_deref().filter(|text| !text.is_empty());
        let Some(text) = description else { return Self::Other(None) };
        if text == OF_DATABASE {
            return Self::Database;
        }
        match text.strip_prefix(OF_LOAD_BALANCER) {
            Some(name) if name.contains('/') => {
                let account = interface.owner_id.as_deref().unwrap_or(account);
                Self::LoadBalancer(load_balancer_arn(account, region, name))
            }
            Some(name) => Self::ClassicLoadBalancer(name.to_owned()),
            None => Self::Other(Some(text.to_owned())),
        }
    }
}

/// What surrounds several groups.
#[derive(Debug, Default)]
pub(super) struct Surrounded {
    /// `None` if they could not be read.
    interfaces: Option<Interfaces>,
    tags: BTreeMap<String, Tags>,
    databases: Vec<Database>,
    pub(super) unread: Vec<EventUnread>,
    /// Whether a call failed that may succeed later.
    pub(super) passes: bool,
    account: String,
    region: String,
}

impl Surrounded {
    /// Looks up what surrounds the groups, until `end`.
    pub(super) async fn look_up(
        aws: &impl Surroundings,
        asked: &[&Asked<'_>],
        (account, region): (&str, &str),
        end: Instant,
    ) -> Self {
        let mut found = Self { account: account.to_owned(), region: region.to_owned(), ..Self::default() };
        let groups: Vec<&str> = asked.iter().map(|asked| asked.group_id.as_str()).collect();
        let interfaces = in_time(end, aws.interfaces(&groups)).await;
        let Some(interfaces) = found.read("ec2:DescribeNetworkInterfaces", interfaces) else { return found };
        let resources: BTreeSet<Resource> =
            interfaces.read.iter().map(|one| Resource::of(one, account, region)).collect();
        found.interfaces = Some(interfaces);
        found.read_tags(aws, &resources, end).await;
        if resources.contains(&Resource::Database) {
            let databases = in_time(end, aws.databases()).await;
            found.databases = found.read("rds:DescribeDBInstances", databases).unwrap_or_default();
        }
        found
    }

    async fn read_tags(&mut self, aws: &impl Surroundings, resources: &BTreeSet<Resource>, end: Instant) {
        let (mut instances, mut balancers, mut classic) = (Vec::new(), Vec::new(), Vec::new());
        for resource in resources {
            match resource {
                Resource::Instance(id) => instances.push(id.as_str()),
                Resource::LoadBalancer(arn) => balancers.push(arn.as_str()),
                Resource::ClassicLoadBalancer(name) => classic.push(name.as_str()),
                Resource::Database | Resource::Other(_) => {}
            }
        }
        for ids in instances.chunks(INSTANCES_PER_CALL).take(CALLS) {
            let tags = in_time(end, aws.instance_tags(ids)).await;
            let tags = self.read("ec2:DescribeTags", tags);
            self.tags.extend(tags.unwrap_or_default());
        }
        for (kind, names) in [(LoadBalancers::ByArn, balancers), (LoadBalancers::Classic, classic)] {
            for names in names.chunks(LOAD_BALANCERS_PER_CALL).take(CALLS) {
                let tags = in_time(end, aws.load_balancer_tags(kind, names)).await;
                let tags = self.read("elasticloadbalancing:DescribeTags", tags);
                self.tags.extend(tags.unwrap_or_default());
            }
        }
    }

    /// The answer to a call. One that failed is remembered, and says nothing.
    fn read<V>(&mut self, call: &str, answer: Result<V, Gap>) -> Option<V> {
        match answer {
            Ok(value) => Some(value),
            Err(gap) => {
                self.passes |= gap.passes();
                self.unread.push(EventUnread::new(call, &gap.to_string()));
                None
            }
        }
    }

    /// The interfaces of a group; `None` if they could not be read.
    pub(super) fn interfaces(&self, group: &Asked<'_>, owner_tag: &str) -> Option<EventInterfaces> {
        let all = self.interfaces.as_ref()?;
        let of_group = all.read.iter().filter(|interface| interface.groups.contains(&group.group_id));
        let mut listed: Vec<EventInterface> =
            of_group.map(|interface| self.event(interface, group, owner_tag)).collect();
        listed.sort_by_cached_key(|one| (Reverse(one.public_addresses.clone()), one.resource.clone(), one.id.clone()));
        Some(EventInterfaces {
            count: listed.len(),
            complete: all.complete,
            public: listed.iter().any(|one| !one.public_addresses.is_empty()),
            listed,
        })
    }

    fn databases_of<'s>(&'s self, group: &'s Asked<'_>) -> impl Iterator<Item = &'s Database> {
        self.databases.iter().filter(|database| database.groups.contains(&group.group_id))
    }

    fn event(&self, interface: &Interface, group: &Asked<'_>, owner_tag: &str) -> EventInterface {
        let (resource, tags) = match Resource::of(interface, &self.account, &self.region) {
            Resource::Instance(id) | Resource::LoadBalancer(id) | Resource::ClassicLoadBalancer(id) => {
                let tags = self.tags.get(&id);
                (Some(id), tags)
            }
            // An interface does not say of which database it is. With one in the group, it is that.
            Resource::Database => {
                let mut of_group = self.databases_of(group);
                let only = of_group.next().filter(|_| of_group.next().is_none());
                let name = only.map_or_else(|| OF_DATABASE.to_owned(), |database| database.arn.clone());
                (Some(name), only.map(|database| &database.tags))
            }
            Resource::Other(text) => (text, None),
        };
        let owner = tags.and_then(|tags| tag_value(tags, owner_tag));
        EventInterface {
            id: interface.id.clone(),
            resource,
            public_addresses: interface.public_addresses.clone(),
            owner: owner.or_else(|| tag_value(&interface.tags, owner_tag)).map(str::to_owned),
        }
    }

    /// The owner of a group: by its tag, else by the tag that most of the resources have which use it. `interfaces` are those of
    /// the group.
    pub(super) fn owner(
        &self,
        group: &Asked<'_>,
        interfaces: Option<&EventInterfaces>,
        owner_tag: &str,
    ) -> Option<EventOwner> {
        if let Some(name) = tag_value(&group.tags, owner_tag) {
            return Some(EventOwner::new(name, OwnerSource::GroupTag));
        }
        // A resource with several interfaces counts once.
        let mut by_resource = BTreeMap::new();
        for EventInterface { id, resource, owner, .. } in interfaces.iter().flat_map(|interfaces| &interfaces.listed) {
            if let Some(owner) = owner {
                by_resource.insert(resource.as_ref().unwrap_or(id).as_str(), owner.as_str());
            }
        }
        for database in self.databases_of(group) {
            if let Some(owner) = tag_value(&database.tags, owner_tag) {
                by_resource.insert(database.arn.as_str(), owner);
            }
        }
        let mut counts = BTreeMap::<&str, usize>::new();
        for owner in by_resource.into_values() {
            *counts.entry(owner).or_default() += 1;
        }
        // Of equally frequent ones, the first by text.
        let most = counts.iter().max_by_key(|(owner, count)| (**count, Reverse(**owner)));
        most.map(|(owner, _)| EventOwner::new(owner, OwnerSource::InstanceTag))
    }
}
