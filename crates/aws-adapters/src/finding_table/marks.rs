//! What functions remember beside the findings.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use findings::store::{Mark, MarkName, Marks, StoreError};
use jiff::Timestamp;

use super::error::Call;
use super::item::{self, EXPIRES, KEY};
use super::{FindingTable, PUT};

const CONTENT: &str = "content";
const VERSION: &str = "version";

impl Marks for FindingTable {
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError> {
        let call = Call { operation: "dynamodb:GetItem", doing: "reading", subject: &name.of };
        let get = self.client.get_item().table_name(&self.name).set_key(Some(item::key(&name.of, &name.name)));
        let answer = get.consistent_read(true).send().await.map_err(|error| call.failed(&error))?;
        let Some(item) = answer.item else { return Ok(Mark::default()) };
        let content = item.get(CONTENT).and_then(|content| content.as_s().ok()).cloned().unwrap_or_default();
        let version = item.get(VERSION).and_then(|version| version.as_n().ok()?.parse().ok()).unwrap_or_default();
        Ok(Mark { content, version })
    }

    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        content: String,
        expires: Timestamp,
    ) -> Result<Option<Mark>, StoreError> {
        let call = Call { operation: PUT, doing: "writing", subject: &name.of };
        let version = read.version.saturating_add(1);
        let put = self.client.put_item().table_name(&self.name);
        let put = put.set_item(Some(item::key(&name.of, &name.name)));
        let put = put
            .item(CONTENT, AttributeValue::S(content.clone()))
            .item(VERSION, AttributeValue::N(version.to_string()))
            .item(EXPIRES, item::seconds(expires));
        let put = match read.version {
            0 => put.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", KEY),
            known => put
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", AttributeValue::N(known.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(Some(Mark { content, version })),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(None)
            }
            Err(error) => Err(call.failed(&error)),
        }
    }
}
