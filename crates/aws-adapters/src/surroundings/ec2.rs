//! Interfaces, and tags of instances.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::surroundings::{Interface, Interfaces, Tags};

use super::{ATTEMPT_TIMEOUT, ATTEMPTS, answered, read, tags_of};
use crate::aws_service::query::{EC2_QUERY, Element, NotRead, children, content, numbered, read_root};
use crate::aws_service::{AwsService, Service, retries};

const VERSION: &str = "2016-11-15";
const DESCRIBE_INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
const DESCRIBE_TAGS: &str = "ec2:DescribeTags";
/// Results of a page, the most that EC2 returns.
const PAGE: &str = "1000";
/// Pages that are read: a group with more interfaces is in wide use, and each page takes a second.
const MOST_PAGES: usize = 5;

pub(super) static SERVICE: Service = Service {
    id: "EC2",
    signing_name: "ec2",
    host: "ec2",
    protocol: &EC2_QUERY,
    attempts: ATTEMPTS,
    attempt_timeout: ATTEMPT_TIMEOUT,
    retries: retries::of_what_passes,
};

/// Parameters of a call for all resources with one of these values.
fn filtered(name: &str, values: &[&str], from: Option<String>) -> Vec<(String, String)> {
    let mut fields = vec![("Filter.1.Name".to_owned(), name.to_owned()), ("MaxResults".to_owned(), PAGE.to_owned())];
    fields.extend(numbered("Filter.1.Value", values.iter().copied()));
    fields.extend(from.map(|token| ("NextToken".to_owned(), token)));
    fields
}

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html>
pub(super) async fn interfaces(service: &AwsService, group_ids: &[&str]) -> Result<Interfaces, AwsError> {
    let subject = group_ids.join(", ");
    let (mut found, mut from) = (Interfaces::default(), None);
    for _ in 0..MOST_PAGES {
        let fields = filtered("group-id", group_ids, from.take());
        let answer = service.query("DescribeNetworkInterfaces", VERSION, &fields).await;
        let answer = answered(DESCRIBE_INTERFACES, &subject, answer)?;
        let page = read_root(&answer, |name, element| {
            match name {
                "networkInterfaceSet" => children(element, |_, item| {
                    found.read.push(interface(item)?);
                    Ok(())
                })?,
                "nextToken" => from = content(element)?,
                _ => {}
            }
            Ok(())
        });
        read(DESCRIBE_INTERFACES, &subject, page)?;
        if from.is_none() {
            found.complete = true;
            break;
        }
    }
    Ok(found)
}

fn interface(item: &mut Element<'_, '_>) -> Result<Interface, NotRead> {
    let mut interface = Interface::default();
    let mut addresses: Vec<String> = Vec::new();
    children(item, |name, element| {
        match name {
            "networkInterfaceId" => interface.id = content(element)?.unwrap_or_default(),
            "ownerId" => interface.owner_id = content(element)?,
            "description" => interface.description = content(element)?,
            "groupSet" => interface.groups = of_each(element, "groupId")?,
            "attachment" => interface.instance_id = member(element, "instanceId")?,
            "association" => addresses.extend(member(element, "publicIp")?),
            "ipv6AddressesSet" => addresses.extend(of_each(element, "ipv6Address")?),
            "privateIpAddressesSet" => children(element, |_, address| {
                children(address, |name, element| {
                    if name == "association" {
                        addresses.extend(member(element, "publicIp")?);
                    }
                    Ok(())
                })
            })?,
            "tagSet" => interface.tags = tags_of(element)?,
            _ => {}
        }
        Ok(())
    })?;
    addresses.sort();
    addresses.dedup();
    Ok(Interface { public_addresses: addresses, ..interface })
}

/// The text of a member of an element.
fn member(element: &mut Element<'_, '_>, member: &str) -> Result<Option<String>, NotRead> {
    let mut found = None;
    children(element, |name, child| {
        if name == member {
            found = content(child)?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The text of a member of each element of a list.
fn of_each(list: &mut Element<'_, '_>, name: &str) -> Result<Vec<String>, NotRead> {
    let mut texts = Vec::new();
    children(list, |_, item| {
        texts.extend(member(item, name)?);
        Ok(())
    })?;
    Ok(texts)
}

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html>
pub(super) async fn tags(service: &AwsService, resources: &[&str]) -> Result<BTreeMap<String, Tags>, AwsError> {
    let subject = "instances";
    let (mut found, mut from) = (BTreeMap::<String, Tags>::new(), None);
    // 200 resources have 10,000 tags at most.
    for _ in 0..2 * MOST_PAGES {
        let fields = filtered("resource-id", resources, from.take());
        let answer = service.query("DescribeTags", VERSION, &fields).await;
        let answer = answered(DESCRIBE_TAGS, subject, answer)?;
        let page = read_root(&answer, |name, element| {
            match name {
                "tagSet" => children(element, |_, item| {
                    let (mut id, mut key, mut value) = (None, None, None);
                    children(item, |name, field| {
                        match name {
                            "resourceId" => id = content(field)?,
                            "key" => key = content(field)?,
                            "value" => value = content(field)?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    if let (Some(id), Some(key)) = (id, key) {
                        found.entry(id).or_default().insert(key, value.unwrap_or_default());
                    }
                    Ok(())
                })?,
                "nextToken" => from = content(element)?,
                _ => {}
            }
            Ok(())
        });
        read(DESCRIBE_TAGS, subject, page)?;
        if from.is_none() {
            break;
        }
    }
    Ok(found)
}
