//! Reading the routing document.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/clock.rs"]
mod clock;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::object_store::{ObjectHead, ObjectStore, StoreError, StoreLocation};
use aws_traits::ssm::Parameters;
use jiff::SignedDuration;
use reporter::{DocumentLocation, DocumentSource, Documents, RoutingDocument};
use rstest::rstest;

use self::clock::{CLOCK, now, pass};

const GOOD: &str = r#"{"version": 1, "channels": {"hub": {"kind": "securityHub"}}, "defaultChannels": ["hub"]}"#;
const OTHER: &str = r#"{"version": 1, "channels": {"other": {"kind": "securityHub"}}, "defaultChannels": ["other"]}"#;
const BAD: &str = r#"{"version": 1, "chanels": {}}"#;

/// Parameters and objects, of which each is the same text or none.
#[derive(Debug)]
struct Kept {
    text: RefCell<Option<&'static str>>,
    reads: Cell<usize>,
    location: StoreLocation,
}

impl Kept {
    fn new(text: Option<&'static str>) -> Self {
        CLOCK.set(0);
        let location = StoreLocation {
            base: "s3://bucket".to_owned(),
            account_id: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        Self { text: RefCell::new(text), reads: Cell::new(0), location }
    }

    fn parameter(&self) -> RoutingDocument<&Self, &Self> {
        RoutingDocument::new(DocumentSource::Parameter(self, "/routing".to_owned()), now)
    }
}

impl Parameters for &Kept {
    async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        self.reads.set(self.reads.get() + 1);
        tokio::task::yield_now().await;
        let missing = || AwsError::new("ssm:GetParameter", name, Some("ParameterNotFound"), "no such parameter");
        self.text.borrow().map(str::to_owned).ok_or_else(missing)
    }
}

impl ObjectStore for &Kept {
    fn location(&self) -> &StoreLocation {
        &self.location
    }

    async fn put_new(&self, _: &str, _: String) -> Result<bool, StoreError> {
        unreachable!("a document is read only")
    }

    async fn put(&self, _: &str, _: String, _: BTreeMap<String, String>) -> Result<(), StoreError> {
        unreachable!("a document is read only")
    }

    async fn head(&self, _: &str) -> Result<Option<ObjectHead>, StoreError> {
        unreachable!("a document is read only")
    }

    async fn get(&self, _: &str) -> Result<Option<String>, StoreError> {
        Ok(self.text.borrow().map(str::to_owned))
    }

    async fn list(&self, _: &str) -> Result<Vec<String>, StoreError> {
        unreachable!("a document is read only")
    }

    async fn delete(&self, _: &str) -> Result<(), StoreError> {
        unreachable!("a document is read only")
    }
}

/// Name of the only channel, or the error.
async fn channel(documents: &impl Documents) -> Result<String, String> {
    let document = documents.document().await.map_err(|error| error.to_string())?;
    Ok(document.and_then(|document| document.channels.keys().next().cloned()).unwrap_or_default())
}

#[tokio::test]
async fn a_document_is_read_once_a_minute() {
    let kept = Kept::new(Some(GOOD));
    let documents = kept.parameter();
    let all = futures::future::join_all((0..8).map(|_| channel(&documents))).await;
    assert!(all.into_iter().all(|channel| channel.unwrap() == "hub"));
    pass(SignedDuration::from_secs(59));
    kept.text.replace(Some(OTHER));
    assert_eq!(channel(&documents).await.unwrap(), "hub");
    assert_eq!(kept.reads.get(), 1);
    pass(SignedDuration::from_secs(1));
    assert_eq!(channel(&documents).await.unwrap(), "other");
}

#[rstest]
#[case::mistake(Some(BAD), "did you mean `channels`")]
#[case::gone(None, "ParameterNotFound")]
#[tokio::test]
async fn after_a_slip_the_last_good_one_is_used_for_an_hour(#[case] slip: Option<&'static str>, #[case] reason: &str) {
    let kept = Kept::new(Some(GOOD));
    let documents = kept.parameter();
    channel(&documents).await.unwrap();
    kept.text.replace(slip);
    pass(SignedDuration::from_mins(59));
    assert_eq!(channel(&documents).await.unwrap(), "hub");
    pass(SignedDuration::from_mins(1));
    let error = channel(&documents).await.unwrap_err();
    assert!(error.contains("ssm:/routing") && error.contains(reason), "{error}");
    // It is repaired, which is noticed soon.
    kept.text.replace(Some(OTHER));
    pass(SignedDuration::from_secs(15));
    assert_eq!(channel(&documents).await.unwrap(), "other");
}

#[tokio::test]
async fn a_first_document_with_a_mistake_is_none_and_is_not_read_for_each_message() {
    let kept = Kept::new(Some(BAD));
    let documents = kept.parameter();
    for _ in 0..3 {
        let error = channel(&documents).await.unwrap_err();
        assert!(error.contains("nobody is told") && error.contains("`chanels`"), "{error}");
    }
    assert_eq!(kept.reads.get(), 1);
}

#[tokio::test]
async fn a_document_may_be_an_object_or_nowhere() {
    let kept = Kept::new(Some(GOOD));
    let object: RoutingDocument<&Kept, &Kept> =
        RoutingDocument::new(DocumentSource::Object(&kept, "routing.json".to_owned()), now);
    assert_eq!(channel(&object).await.unwrap(), "hub");
    kept.text.replace(None);
    pass(SignedDuration::from_hours(1));
    let error = channel(&object).await.unwrap_err();
    assert!(error.contains("s3://bucket/routing.json") && error.contains("upload it"), "{error}");
    let nowhere: RoutingDocument<&Kept, &Kept> = RoutingDocument::new(DocumentSource::Nowhere, now);
    assert!(nowhere.document().await.unwrap().is_none());
}

/// SSM, hanging.
struct Hanging;

impl Parameters for Hanging {
    async fn parameter(&self, _: &str) -> Result<String, AwsError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_not_answered_is_not_waited_for() {
    CLOCK.set(0);
    let documents: RoutingDocument<Hanging, &Kept> =
        RoutingDocument::new(DocumentSource::Parameter(Hanging, "/routing".to_owned()), now);
    let start = tokio::time::Instant::now();
    for _ in 0..5 {
        let error = channel(&documents).await.unwrap_err();
        assert!(error.contains("no answer within 3 seconds"), "{error}");
    }
    assert_eq!(start.elapsed(), std::time::Duration::from_secs(3), "once, and not for each message");
}

#[rstest]
#[case("ssm:/portcullis/routing", Some(DocumentLocation::Parameter("/portcullis/routing".into())))]
#[case("s3://bucket/a/b.json", Some(DocumentLocation::Object { bucket: "bucket".into(), key: "a/b.json".into() }))]
#[case("ssm:routing", None)]
#[case("ssm:/", None)]
#[case("s3://bucket", None)]
#[case("s3://bucket/", None)]
#[case("s3:///key", None)]
#[case("/portcullis/routing", None)]
fn a_location_is_a_parameter_or_an_object(#[case] text: &str, #[case] expected: Option<DocumentLocation>) {
    match text.parse::<DocumentLocation>() {
        Ok(location) => assert_eq!(Some(location), expected),
        Err(error) => {
            assert_eq!(expected, None);
            assert!(error.to_string().contains("write ssm:/name or s3://bucket/key"), "{error}");
        }
    }
}
