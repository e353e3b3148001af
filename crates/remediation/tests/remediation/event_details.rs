//! Details of the events that a test put.

use aws_traits::fakes::FakeAws;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Details of the events that were put. They follow the schema, and can be read as `T`.
pub(crate) fn details<T: DeserializeOwned>(aws: &FakeAws, schema: &str) -> Vec<Value> {
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let detail = |text: &str| {
        let detail: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&detail).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert!(serde_json::from_value::<T>(detail.clone()).is_ok());
        detail
    };
    aws.account().events.iter().map(|event| detail(&event.detail)).collect()
}
