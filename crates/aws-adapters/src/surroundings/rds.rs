//! Databases of RDS, Aurora, `DocumentDB` and Neptune, which share an API.

use aws_traits::AwsError;
use aws_traits::surroundings::Database;

use super::{ATTEMPT_TIMEOUT, ATTEMPTS, answered, read, tags_of};
use crate::aws_service::query::{AWS_QUERY, Element, NotRead, children, content, read_root};
use crate::aws_service::{AwsService, Service, retries};

const OPERATION: &str = "rds:DescribeDBInstances";
const VERSION: &str = "2014-10-31";
/// Results of a page, the most that RDS returns.
const PAGE: &str = "100";
/// Pages that are read. A region has 40 databases unless the quota is raised.
const MOST_PAGES: usize = 10;

pub(super) static SERVICE: Service = Service {
    id: "RDS",
    signing_name: "rds",
    host: "rds",
    protocol: &AWS_QUERY,
    attempts: ATTEMPTS,
    attempt_timeout: ATTEMPT_TIMEOUT,
    retries: retries::of_what_passes,
};

/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html>
pub(super) async fn databases(service: &AwsService) -> Result<Vec<Database>, AwsError> {
    let subject = "the databases of the region";
    let (mut found, mut from) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let mut fields = vec![("MaxRecords".to_owned(), PAGE.to_owned())];
        fields.extend(from.take().map(|marker| ("Marker".to_owned(), marker)));
        let answer = service.query("DescribeDBInstances", VERSION, &fields).await;
        let answer = answered(OPERATION, subject, answer)?;
        let page = read_root(&answer, |name, result| {
            if name != "DescribeDBInstancesResult" {
                return Ok(());
            }
            children(result, |name, element| {
                match name {
                    "DBInstances" => children(element, |_, instance| {
                        found.push(database(instance)?);
                        Ok(())
                    })?,
                    "Marker" => from = content(element)?,
                    _ => {}
                }
                Ok(())
            })
        });
        read(OPERATION, subject, page)?;
        if from.is_none() {
            break;
        }
    }
    Ok(found)
}

fn database(instance: &mut Element<'_, '_>) -> Result<Database, NotRead> {
    let mut database = Database::default();
    children(instance, |name, element| {
        match name {
            "DBInstanceArn" => database.arn = content(element)?.unwrap_or_default(),
            "VpcSecurityGroups" => children(element, |_, membership| {
                children(membership, |name, field| {
                    if name == "VpcSecurityGroupId" {
                        database.groups.extend(content(field)?);
                    }
                    Ok(())
                })
            })?,
            "TagList" => database.tags = tags_of(element)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(database)
}
