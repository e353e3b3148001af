//! A configuration item, in a change notification.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::account::{account, compliant, evaluate};
use crate::event::around;
use crate::oracle;

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    configuration: Option<&'a RawValue>,
}

/// An item is compliant only if the oracle has no objection. A configuration as an object and as text with the same
/// object yields the same verdict.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let verdict = verdict(text);
    let Ok(Item { configuration: Some(configuration) }) = serde_json::from_str(text) else { return };
    if configuration.get().starts_with('{') && text.matches(configuration.get()).count() == 1 {
        let quoted = Value::from(configuration.get()).to_string();
        let other = self::verdict(&text.replace(configuration.get(), &quoted));
        assert_eq!(verdict, other, "a configuration as text yields another verdict");
    }
}

/// Returns the evaluation of the item.
fn verdict(item: &str) -> Option<Vec<String>> {
    let invoking = format!(r#"{{"messageType":"ConfigurationItemChangeNotification","configurationItem":{item}}}"#);
    let aws = account();
    let outcome = evaluate(&aws, around(&invoking));
    if let Some(evaluation) = compliant(&aws).first() {
        let invoking = oracle::parsed(&invoking);
        let item = &invoking["configurationItem"];
        assert_eq!(item["resourceId"], *evaluation.resource_id, "another group is compliant");
        assert_eq!(oracle::objection(item), None, "{:?}", evaluation.annotation);
    }
    let evaluations = aws.account().evaluations.iter().map(|found| format!("{found:?}")).collect::<Vec<_>>();
    outcome.ok().map(|_| evaluations)
}
