//! Secrets of channels.

use aws_adapters::SecretStore;
use channels::{AwsCallError, Secrets};
use routing::SecretRef;
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{Canned, LOST};

const PARAMETER: &str = "ssm:/portcullis/slack";
const NAME: &str = "secretsmanager:portcullis/slack";
const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf";

async fn read(aws: &Canned, reference: &str) -> Result<String, AwsCallError> {
    let secret = SecretStore::new(&aws.sdk).secret(&SecretRef::parse(reference).unwrap()).await;
    secret.map(|secret| secret.expose().to_owned())
}

#[rstest]
#[case("SecureString", "xoxb-1")]
#[case("String", "xoxb-1\n")]
#[tokio::test]
async fn a_parameter_is_read_decrypted(#[case] kind: &str, #[case] value: &str) {
    let answer = json!({"Parameter": {"Name": "/portcullis/slack", "Type": kind, "Value": value}});
    let aws = Canned::serve([(200, &answer.to_string())]).await;
    assert_eq!(read(&aws, PARAMETER).await.unwrap(), "xoxb-1");
    let request = r#"AmazonSSM.GetParameter {"Name":"/portcullis/slack","WithDecryption":true}"#;
    assert_eq!(aws.requests(), [request]);
}

#[rstest]
#[case(NAME, "portcullis/slack", "us-east-1")]
#[case(ARN, ARN, "eu-west-1")]
#[tokio::test]
async fn a_secret_is_read_in_its_region(#[case] reference: &str, #[case] id: &str, #[case] region: &str) {
    let aws = Canned::serve([(200, r#"{"Name":"slack","SecretString":"{\"token\":\"xoxb-1\"}"}"#)]).await;
    assert_eq!(read(&aws, reference).await.unwrap(), "xoxb-1");
    let received = aws.received();
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(request.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
    let signature = request.header("authorization").unwrap();
    assert!(signature.contains(&format!("/{region}/secretsmanager/aws4_request")), "{signature}");
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), json!({"SecretId": id}));
}

fn denied(action: &str) -> &'static str {
    let message = format!("User: arn:aws:sts::111122223333:assumed-role/r/f is not authorized to perform: {action}");
    json!({"__type": "AccessDeniedException", "message": message}).to_string().leak()
}

#[rstest]
#[case::denied(PARAMETER, (400, denied("ssm:GetParameter")),
    "ssm:GetParameter for `ssm:/portcullis/slack` was denied: allow it to the role of this function")]
#[case::key_denied(PARAMETER, (400, denied("kms:Decrypt")),
    "kms:Decrypt for `ssm:/portcullis/slack` was denied: allow it to the role of this function")]
#[case::missing(PARAMETER, (400, r#"{"__type":"ParameterNotFound"}"#),
    "there is no parameter `ssm:/portcullis/slack`: create it")]
#[case::list(PARAMETER, (200, r#"{"Parameter":{"Type":"StringList","Value":"xoxb-1,xoxb-2"}}"#), "is a StringList: store it as")]
#[case::empty(PARAMETER, (200, r#"{"Parameter":{"Type":"String","Value":"\n"}}"#), "`ssm:/portcullis/slack` is empty: store")]
#[case::secret_denied(NAME, (400, denied("secretsmanager:GetSecretValue")),
    "secretsmanager:GetSecretValue for `secretsmanager:portcullis/slack` was denied: allow it")]
#[case::denied_explicitly(NAME, (400, denied("secretsmanager:GetSecretValue with an explicit deny")), "so change that policy")]
#[case::secret_missing(NAME, (400, r#"{"__type":"ResourceNotFoundException"}"#),
    "there is no secret `secretsmanager:portcullis/slack`, or it has no value: create it")]
#[case::key_off(NAME, (400, r#"{"__type":"DecryptionFailure"}"#), "the KMS key of `secretsmanager:portcullis/slack` cannot be used")]
#[case::deleted(NAME, (400, r#"{"__type":"InvalidRequestException","Message":"it was marked for deletion"}"#),
    "InvalidRequestException: it was marked for deletion")]
#[case::binary(NAME, (200, r#"{"SecretBinary":"eG94Yi0x"}"#), "is binary: store it as a text")]
#[case::two(NAME, (200, r#"{"SecretString":"{\"user\":\"a\",\"token\":\"xoxb-1\"}"}"#), "is a JSON object with other than one text")]
#[tokio::test]
async fn an_error_has_the_remedy_and_no_secret(
    #[case] reference: &str,
    #[case] reply: (u16, &str),
    #[case] expected: &str,
) {
    let aws = Canned::serve([reply]).await;
    match read(&aws, reference).await.unwrap_err() {
        AwsCallError::Refused(text) => {
            assert!(text.contains(expected) && !text.contains("xoxb"), "{text}");
            assert!(text.len() < 300 && !text.contains('\n'), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::throttled(PARAMETER, (400, r#"{"__type":"ThrottlingException"}"#))]
#[case::throttled(NAME, (400, r#"{"__type":"ThrottlingException"}"#))]
#[case::garbage(NAME, (200, "<html>xoxb-1</html>"))]
#[tokio::test]
async fn what_passes_is_tried_later(#[case] reference: &str, #[case] reply: (u16, &str)) {
    let aws = Canned::serve([reply, reply, reply]).await;
    let error = read(&aws, reference).await.unwrap_err();
    assert!(matches!(&error, AwsCallError::Passing(text) if !text.contains("xoxb")), "{error:?}");
}

#[tokio::test]
async fn reading_is_repeated() {
    let aws = Canned::serve([LOST, (500, ""), (200, r#"{"SecretString":"xoxb-1"}"#)]).await.with_retries();
    assert_eq!(read(&aws, NAME).await.unwrap(), "xoxb-1");
}
