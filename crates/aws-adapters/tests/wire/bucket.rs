//! S3: the bucket of the snapshots.

use std::collections::BTreeMap;

use aws_adapters::Bucket;
use aws_traits::object_store::{ObjectStore, StoreError};
use rstest::rstest;

use crate::canned::{Canned, LOST, Received};

const KEY: &str = "security-groups/111122223333/us-east-1/sg-1/20261121T000000.000Z_8a1b.json";

fn bucket(aws: &Canned) -> Bucket {
    Bucket::new(&aws.sdk, "snapshots".into(), "111122223333".into())
}

fn s3_error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>no</Message><RequestId>r</RequestId></Error>")
}

/// The keys of one page, and the token of the next.
fn page(keys: &[&str], next: Option<&str>) -> String {
    let contents = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect::<Vec<_>>().concat();
    let (truncated, token) = match next {
        Some(token) => ("true", format!("<NextContinuationToken>{token}</NextContinuationToken>")),
        None => ("false", String::new()),
    };
    format!(
        r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>snapshots</Name><IsTruncated>{truncated}</IsTruncated>{contents}{token}</ListBucketResult>"#
    )
}

async fn put_new(aws: &Canned) -> Result<bool, StoreError> {
    bucket(aws).put_new(KEY, r#"{"version":1}"#.into()).await
}

/// Error code from S3.
fn code_of(error: &StoreError) -> Option<&str> {
    match error {
        StoreError::Aws(error) => error.code(),
        StoreError::File { .. } => None,
    }
}

fn only(aws: &Canned) -> Received {
    let received = aws.received();
    let [request] = received.as_slice() else { unreachable!("{received:?}") };
    request.clone()
}

/// The write requires that the key is free and that this account owns the bucket. It does not set encryption, which would
/// override the default of the bucket.
#[tokio::test]
async fn a_new_object_is_put_unless_there_is_one() {
    let aws = Canned::serve([(200, "")]).await;
    assert!(put_new(&aws).await.unwrap());
    let request = only(&aws);
    assert_eq!(request.line(), format!("PUT /snapshots/{KEY}?x-id=PutObject"));
    assert_eq!(request.body, r#"{"version":1}"#);
    assert_eq!(request.header("if-none-match"), Some("*"));
    assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-amz-server-side-encryption"), None);
    assert_eq!(request.header("x-amz-acl"), None);
}

/// A key that is taken is not an error: the caller chooses another one.
#[tokio::test]
async fn an_existing_object_is_not_overwritten() {
    let aws = Canned::serve([(412, &s3_error("PreconditionFailed"))]).await;
    assert!(!put_new(&aws).await.unwrap());
    assert_eq!(aws.received().len(), 1);
}

#[rstest]
#[case(403, "AccessDenied", " (allow s3:PutObject to this role or user)")]
#[case(404, "NoSuchBucket", "")]
#[case(409, "ConditionalRequestConflict", "")]
#[tokio::test]
async fn a_refused_put_is_an_error(
    #[case] status: u16,
    #[case] code: &str,
    #[case] advice: &str,
    #[values(true, false)] is_new: bool,
) {
    let aws = Canned::serve([(status, &s3_error(code))]).await;
    let error = if is_new {
        put_new(&aws).await.unwrap_err()
    } else {
        bucket(&aws).put(KEY, "{}".into(), BTreeMap::new()).await.unwrap_err()
    };
    assert_eq!(code_of(&error), Some(code));
    assert_eq!(error.to_string(), format!("s3:PutObject on s3://snapshots/{KEY} failed: {code}: no{advice}"));
}

/// The first attempt wrote the object, but its response was lost: the second attempt finds the key taken. The caller then
/// writes the same text under another key.
#[rstest]
#[case(LOST)]
#[case((500, "<Error><Code>InternalError</Code><Message>no</Message></Error>"))]
#[tokio::test]
async fn a_put_whose_response_was_lost_finds_the_key_taken(#[case] first: (u16, &str)) {
    let aws = Canned::serve([first, (412, &s3_error("PreconditionFailed"))]).await.with_retries();
    assert!(!put_new(&aws).await.unwrap());
    let received = aws.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[1].header("if-none-match"), Some("*"));
}

/// Two concurrent writes of one key, such as an attempt that timed out and the next one: S3 answers that the client should
/// retry.
#[rstest]
#[case((200, ""), true)]
#[case((412, "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>"), false)]
#[tokio::test]
async fn a_put_that_collides_is_retried(#[case] then: (u16, &str), #[case] is_written: bool) {
    let aws = Canned::serve([(409, &s3_error("ConditionalRequestConflict")), then]).await.with_retries();
    assert_eq!(put_new(&aws).await.unwrap(), is_written);
    assert_eq!(aws.received().len(), 2);
}

#[tokio::test]
async fn a_denied_put_is_not_retried() {
    let aws = Canned::serve([(403, &s3_error("AccessDenied"))]).await.with_retries();
    assert_eq!(code_of(&put_new(&aws).await.unwrap_err()), Some("AccessDenied"));
    assert_eq!(aws.received().len(), 1);
}

#[tokio::test]
async fn a_note_replaces_an_existing_one() {
    let aws = Canned::serve([(200, "")]).await;
    bucket(&aws)
        .put("holds/111122223333/us-east-1/sg-1.json", "{}".into(), [("until".into(), "2026".into())].into())
        .await
        .unwrap();
    let request = only(&aws);
    assert_eq!(request.line(), "PUT /snapshots/holds/111122223333/us-east-1/sg-1.json?x-id=PutObject");
    assert_eq!(request.header("if-none-match"), None);
    assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"));
}

#[tokio::test]
async fn an_object_is_read_as_text() {
    let aws = Canned::serve([(200, r#"{"version":1,"note":"Grüße"}"#)]).await;
    assert_eq!(bucket(&aws).get(KEY).await.unwrap().as_deref(), Some(r#"{"version":1,"note":"Grüße"}"#));
    let request = only(&aws);
    assert_eq!(request.line(), format!("GET /snapshots/{KEY}?x-id=GetObject"));
    assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"));
}

#[tokio::test]
async fn a_missing_object_is_none() {
    let aws = Canned::serve([(404, &s3_error("NoSuchKey"))]).await;
    assert_eq!(bucket(&aws).get(KEY).await.unwrap(), None);
}

/// Without the bucket or the permission to read it, the existence of the object is unknown.
#[rstest]
#[case(403, "AccessDenied")]
#[case(404, "NoSuchBucket")]
#[tokio::test]
async fn an_unreadable_object_is_an_error(#[case] status: u16, #[case] code: &str) {
    let aws = Canned::serve([(status, &s3_error(code))]).await;
    let error = bucket(&aws).get(KEY).await.unwrap_err();
    assert_eq!(code_of(&error), Some(code));
    assert!(error.to_string().starts_with(&format!("s3:GetObject on s3://snapshots/{KEY} failed: ")), "{error}");
}

/// Keys are in byte order, as in S3: the last key is the latest snapshot.
#[tokio::test]
async fn keys_are_listed_over_all_pages_in_order() {
    let aws =
        Canned::serve([(200, &page(&["p/c.json", "p/b.json"], Some("more"))), (200, &page(&["p/a.json"], None))]).await;
    assert_eq!(bucket(&aws).list("p/").await.unwrap(), ["p/a.json", "p/b.json", "p/c.json"]);
    let lines: Vec<_> = aws.received().iter().map(Received::line).collect();
    let first = "GET /snapshots/?list-type=2&prefix=p%2F";
    assert_eq!(lines, [first, &format!("{first}&continuation-token=more")]);
    for request in aws.received() {
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"));
    }
}

#[tokio::test]
async fn an_empty_list_is_not_an_error_and_an_incomplete_one_is() {
    let aws = Canned::serve([
        (200, &page(&[], None)),
        (200, &page(&["p/a.json"], Some("more"))),
        (403, &s3_error("AccessDenied")),
    ])
    .await;
    let bucket = bucket(&aws);
    assert_eq!(bucket.list("p/").await.unwrap(), Vec::<String>::new());
    let error = bucket.list("p/").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "s3:ListBucket on s3://snapshots/p/ failed: AccessDenied: no (allow s3:ListBucket to this role or user)"
    );
}

#[tokio::test]
async fn an_object_is_deleted_in_a_bucket_of_this_account() {
    let aws = Canned::serve([(204, ""), (403, &s3_error("AccessDenied"))]).await;
    let bucket = bucket(&aws);
    bucket.delete(KEY).await.unwrap();
    assert_eq!(aws.received()[0].line(), format!("DELETE /snapshots/{KEY}?x-id=DeleteObject"));
    assert_eq!(aws.received()[0].header("x-amz-expected-bucket-owner"), Some("111122223333"));
    assert_eq!(code_of(&bucket.delete(KEY).await.unwrap_err()), Some("AccessDenied"));
}
