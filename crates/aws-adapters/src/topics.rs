//! Amazon SNS.

use std::time::Duration;

use aws_types::SdkConfig;
use channels::{AwsCallError, Publication, Publish};

use crate::aws_service::regional::{Regional, region_of};
use crate::aws_service::{Service, query, throttling};
use crate::call_error;

const OPERATION: &str = "sns:Publish";
const VERSION: &str = "2010-03-31";

static SERVICE: Service = Service {
    id: "SNS",
    signing_name: "sns",
    host: "sns",
    protocol: &query::AWS_QUERY,
    attempts: 3,
    attempt_timeout: Duration::from_secs(5),
    // Subscribers of a topic would get a message twice.
    retries: throttling::retried_only,
};

/// Topics of SNS, each in the region of its ARN.
#[derive(Debug)]
pub struct Topics {
    service: Regional,
}

impl Topics {
    /// Creates the adapter. Its clients are created on the first calls.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { service: Regional::new(&SERVICE, sdk) }
    }
}

/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
fn fields(publication: &Publication) -> Vec<(String, String)> {
    let Publication { topic_arn, subject, message, attributes, fifo } = publication;
    let mut fields = vec![
        ("TopicArn".to_owned(), topic_arn.clone()),
        ("MessageStructure".to_owned(), "json".to_owned()),
        ("Message".to_owned(), message.clone()),
    ];
    // SNS refuses an empty one.
    if !subject.is_empty() {
        fields.push(("Subject".to_owned(), subject.clone()));
    }
    for ((name, value), number) in attributes.iter().zip(1..) {
        let entry = format!("MessageAttributes.entry.{number}");
        fields.push((format!("{entry}.Name"), (*name).to_owned()));
        fields.push((format!("{entry}.Value.DataType"), "String".to_owned()));
        fields.push((format!("{entry}.Value.StringValue"), value.clone()));
    }
    if let Some(fifo) = fifo {
        fields.push(("MessageGroupId".to_owned(), fifo.group_id.clone()));
        fields.push(("MessageDeduplicationId".to_owned(), fifo.deduplication_id.clone()));
    }
    fields
}

impl Publish for Topics {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        let topic = &publication.topic_arn;
        let Some(region) = region_of(topic) else {
            return Err(AwsCallError::Refused(format!("`{topic}` is not the ARN of a topic: arn:aws:sns:…")));
        };
        let service = self.service.in_region(region);
        let answer = service.query("Publish", VERSION, &fields(publication)).await;
        let answer = answer.map_err(|error| call_error::of_call(OPERATION, topic, &error))?;
        match query::text(&answer, &["PublishResult", "MessageId"]) {
            Some(_) => Ok(()),
            None => Err(call_error::malformed(OPERATION, topic, "it contains no MessageId")),
        }
    }
}
