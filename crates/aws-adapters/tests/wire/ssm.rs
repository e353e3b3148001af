//! Systems Manager.

use aws_adapters::Ssm;
use aws_traits::ssm::Parameters;

use crate::canned::Canned;

#[tokio::test]
async fn a_parameter_is_read_decrypted() {
    let aws = Canned::serve([
        (200, r#"{"Parameter":{"Name":"/p","Value":"v"}}"#),
        (400, r#"{"__type":"ParameterNotFound"}"#),
    ])
    .await;
    let ssm = Ssm::new(&aws.sdk);
    assert_eq!(ssm.parameter("/p").await.unwrap(), "v");
    assert!(aws.requests()[0].contains(r#""WithDecryption":true"#));
    let error = ssm.parameter("/p").await.unwrap_err();
    assert_eq!(error.code(), Some("ParameterNotFound"));
}
