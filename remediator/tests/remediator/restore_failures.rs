//! Restores when something is in the way.

use lambda_runtime::Diagnostic;
use remediator::{RemediatorError, Status};
use rstest::rstest;

use crate::account::{AUTHORIZE, DESCRIBE, LIST, PUT, admitted, aws_with, carve, handle, incomplete, ports, restore};

// --- Cut off

/// A function that has no time left says so, wherever it was, and what it was about to do. The next run does it.
#[rstest]
#[case::before_the_snapshot_is_found(LIST, Status::Failed, 0)]
#[case::before_the_group_is_read(DESCRIBE, Status::Failed, 0)]
#[case::before_anything_is_kept(PUT, Status::Failed, 3)]
// The call may have done its work.
#[case::while_a_rule_is_added(AUTHORIZE, Status::Partial, 3)]
#[tokio::test(start_paused = true)]
async fn out_of_time_it_says_so(#[case] at: &'static str, #[case] status: Status, #[case] remaining: usize) {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    let before = admitted(&aws);
    handle(&aws, carve()).await.unwrap();
    let closed = admitted(&aws);
    aws.hang(at);
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, status);
    let outcome = match status {
        Status::Partial => "run this again to finish",
        _ => "nothing was changed; run this again",
    };
    let expected = format!("; out of time before the function's deadline: {outcome}");
    assert!(response.message.ends_with(&expected), "{}", response.message);
    assert_eq!(response.restored().unwrap().remaining.len(), remaining, "{response:?}");
    let error_type = Diagnostic::from(RemediatorError::Incomplete(Box::new(response))).error_type;
    assert_eq!(error_type, if status == Status::Partial { "Partial" } else { "Failed" });
    assert_eq!(admitted(&aws), closed);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}
