//! Tags of load balancers.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::surroundings::{LoadBalancers, Tags};

use super::{ATTEMPT_TIMEOUT, ATTEMPTS, answered, read, tags_of};
use crate::aws_service::query::{AWS_QUERY, children, content, numbered, read_root};
use crate::aws_service::{AwsService, Service, retries};

const OPERATION: &str = "elasticloadbalancing:DescribeTags";

pub(super) static SERVICE: Service = Service {
    id: "Elastic Load Balancing v2",
    signing_name: "elasticloadbalancing",
    host: "elasticloadbalancing",
    protocol: &AWS_QUERY,
    attempts: ATTEMPTS,
    attempt_timeout: ATTEMPT_TIMEOUT,
    retries: retries::of_what_passes,
};

/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeTags.html>
pub(super) async fn tags(
    service: &AwsService,
    kind: LoadBalancers,
    names: &[&str],
) -> Result<BTreeMap<String, Tags>, AwsError> {
    let (version, list) = match kind {
        LoadBalancers::ByArn => ("2015-12-01", "ResourceArns.member"),
        LoadBalancers::Classic => ("2012-06-01", "LoadBalancerNames.member"),
    };
    let fields: Vec<_> = numbered(list, names.iter().copied()).collect();
    let subject = "load balancers";
    let answer = answered(OPERATION, subject, service.query("DescribeTags", version, &fields).await)?;
    let mut found = BTreeMap::new();
    let page = read_root(&answer, |name, result| {
        if name != "DescribeTagsResult" {
            return Ok(());
        }
        children(result, |_, descriptions| {
            children(descriptions, |_, description| {
                let (mut of, mut tags) = (None, Tags::new());
                children(description, |name, element| {
                    match name {
                        "ResourceArn" | "LoadBalancerName" => of = content(element)?,
                        "Tags" => tags = tags_of(element)?,
                        _ => {}
                    }
                    Ok(())
                })?;
                found.extend(of.map(|of| (of, tags)));
                Ok(())
            })
        })
    });
    read(OPERATION, subject, page)?;
    Ok(found)
}
