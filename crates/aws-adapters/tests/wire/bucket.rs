//! S3: the bucket of the snapshots.

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

/// The code of S3's answer.
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

/// Only where there is none yet, and only in a bucket of this account. Encryption is the bucket's own default, which an
/// object must not undercut.
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

/// A key that is taken is no failure: the caller finds another.
#[tokio::test]
async fn a_key_that_is_taken_is_not_written_over() {
    let aws = Canned::serve([(412, &s3_error("PreconditionFailed"))]).await;
    assert!(!put_new(&aws).await.unwrap());
    assert_eq!(aws.received().len(), 1);
}

#[rstest]
#[case(403, "AccessDenied", " (allow s3:PutObject to this role or user)")]
#[case(404, "NoSuchBucket", "")]
#[case(409, "ConditionalRequestConflict", "")]
#[tokio::test]
async fn a_put_that_is_refused_is_not_taken_for_written(
    #[case] status: u16,
    #[case] code: &str,
    #[case] advice: &str,
    #[values(true, false)] is_new: bool,
) {
    let aws = Canned::serve([(status, &s3_error(code))]).await;
    let error =
        if is_new { put_new(&aws).await.unwrap_err() } else { bucket(&aws).put(KEY, "{}".into()).await.unwrap_err() };
    assert_eq!(code_of(&error), Some(code));
    assert_eq!(error.to_string(), format!("s3:PutObject on s3://snapshots/{KEY} failed: {code}: no{advice}"));
}

/// The first attempt wrote the object, and nobody heard of it: the second finds the key taken. The same text is there, and
/// the caller writes it once more under another key.
#[rstest]
#[case(LOST)]
#[case((500, "<Error><Code>InternalError</Code><Message>no</Message></Error>"))]
#[tokio::test]
async fn a_put_whose_answer_got_lost_finds_the_key_taken(#[case] first: (u16, &str)) {
    let aws = Canned::serve([first, (412, &s3_error("PreconditionFailed"))]).await.tries_again();
    assert!(!put_new(&aws).await.unwrap());
    let received = aws.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[1].header("if-none-match"), Some("*"));
}

/// Two writes of one key at the same time, such as an attempt that was given up and the next: S3 asks for another try.
#[rstest]
#[case((200, ""), true)]
#[case((412, "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>"), false)]
#[tokio::test]
async fn a_put_that_collides_is_tried_again(#[case] then: (u16, &str), #[case] is_written: bool) {
    let aws = Canned::serve([(409, &s3_error("ConditionalRequestConflict")), then]).await.tries_again();
    assert_eq!(put_new(&aws).await.unwrap(), is_written);
    assert_eq!(aws.received().len(), 2);
}

#[tokio::test]
async fn a_put_that_is_denied_is_not_tried_again() {
    let aws = Canned::serve([(403, &s3_error("AccessDenied"))]).await.tries_again();
    assert_eq!(code_of(&put_new(&aws).await.unwrap_err()), Some("AccessDenied"));
    assert_eq!(aws.received().len(), 1);
}

#[tokio::test]
async fn a_note_is_put_in_the_place_of_another() {
    let aws = Canned::serve([(200, "")]).await;
    bucket(&aws).put("holds/111122223333/us-east-1/sg-1.json", "{}".into()).await.unwrap();
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
async fn an_object_that_is_not_there_is_none() {
    let aws = Canned::serve([(404, &s3_error("NoSuchKey"))]).await;
    assert_eq!(bucket(&aws).get(KEY).await.unwrap(), None);
}

/// Without a bucket, or without leave to look, nobody knows whether there is such an object.
#[rstest]
#[case(403, "AccessDenied")]
#[case(404, "NoSuchBucket")]
#[tokio::test]
async fn an_object_that_cannot_be_read_is_not_taken_for_none(#[case] status: u16, #[case] code: &str) {
    let aws = Canned::serve([(status, &s3_error(code))]).await;
    let error = bucket(&aws).get(KEY).await.unwrap_err();
    assert_eq!(code_of(&error), Some(code));
    assert!(error.to_string().starts_with(&format!("s3:GetObject on s3://snapshots/{KEY} failed: ")), "{error}");
}

/// The order of S3 is by bytes, and so is this: the last key is the latest snapshot.
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
async fn an_empty_list_is_no_failure_and_a_broken_one_is_no_list() {
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
