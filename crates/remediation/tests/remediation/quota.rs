//! Groups that are full, or almost.

use aws_traits::fakes::FakeAws;
use exposure::IngressRule;
use proptest::prelude::*;
use remediation::{RemediationError, Status};
use rstest::rstest;
use serde_json::json;

use crate::account::{
    AUTHORIZE, GROUP, REVOKE, admitted, aws_with, carve, handle, incomplete, left, log_lines, ports, restore_with, rule,
};

/// `open` rules that expose port 22 and leave one rule each, and innocent rules up to `size`.
fn group(open: i64, size: i64) -> FakeAws {
    let exposing = (0..open).map(|number| ports(&format!("o{number}"), 22, 23 + number, "0.0.0.0/0"));
    let innocent = (open..size).map(|number| rule(&format!("i{number}"), 1000 + number, "10.0.0.0/8"));
    let aws = aws_with(exposing.chain(innocent).collect());
    aws.account().quota = 60;
    aws
}

proptest! {
    /// At any fill level, a closing makes as many changing calls as there are chunks to add and to revoke, and none is
    /// refused.
    #[test]
    fn a_closing_makes_no_more_calls_than_chunks(size in 1_i64..=60, percent in 0_i64..=100) {
        let open = (size * percent / 100).max(1);
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
            let aws = group(open, size);
            let response = handle(&aws, carve()).await.unwrap();
            prop_assert_eq!(response.status, Status::Closed);
            prop_assert_eq!((aws.count(REVOKE), aws.count(AUTHORIZE)), (1, 1));
            prop_assert_eq!(response.closed().unwrap().authorized.len(), usize::try_from(open).unwrap());
            Ok(())
        })?;
    }
}

/// The whole group is exposing and full, and EC2 throttles every addition: the ports are closed nevertheless.
#[tokio::test(start_paused = true)]
async fn a_throttled_addition_does_not_keep_a_port_open() {
    for size in [30, 60] {
        let aws = group(size, size);
        (0..8).for_each(|_| aws.fail(AUTHORIZE, "RequestLimitExceeded"));
        let response = incomplete(handle(&aws, carve()).await);
        assert_eq!(response.closed().unwrap().revoked.len(), usize::try_from(size).unwrap());
        assert!(aws.count(AUTHORIZE) <= 8, "{}", aws.count(AUTHORIZE));
        assert!(!admitted(&aws).iter().any(|rule| rule.starts_with("tcp/22")));
    }
}

/// A chunk that EC2 refuses is halved, and never tried rule by rule.
#[tokio::test(start_paused = true)]
async fn a_refused_chunk_is_halved() {
    let aws = aws_with((0..64).map(|number| ports(&number.to_string(), 22, 22 + number, "0.0.0.0/0")).collect());
    aws.account().locked.push("sgr-40".into());
    let response = incomplete(handle(&aws, carve()).await);
    assert_eq!(response.closed().unwrap().revoked.len(), 63);
    // Each of four rounds asks for the rest again; the first halves it down to one rule.
    assert!(aws.count(REVOKE) <= 2 * 6 + 1 + 3, "{}", aws.count(REVOKE));
}

/// More has to come back than there is room for: as much as fits does, and nothing that was there is lost.
#[rstest]
#[case::no_room(60, 1)]
#[case::one_more(59, 2)]
#[case::enough(57, 3)]
#[tokio::test(start_paused = true)]
async fn a_restore_of_a_full_group_loses_nothing(#[case] filled: usize, #[case] restored: usize) {
    let open = vec![
        rule("1", 22, "0.0.0.0/0"),
        rule("2", 3389, "0.0.0.0/0"),
        IngressRule { tags: [("team".to_owned(), "mail".to_owned())].into(), ..ports("3", 20, 25, "0.0.0.0/0") },
    ];
    let aws = aws_with(open);
    aws.account().quota = 60;
    handle(&aws, carve()).await.unwrap();
    let mut number = 0;
    while left(&aws).len() < filled {
        number += 1;
        let innocent = rule(&format!("i{number}"), 1000 + number, "10.0.0.0/8");
        aws.account().groups.get_mut(GROUP).unwrap().ingress.push(innocent);
    }
    let reached = |aws: &FakeAws, port: i64| {
        aws.account().groups[GROUP].ingress.iter().any(|rule| {
            rule.source.to_string() == "0.0.0.0/0"
                && rule.traffic.from_port() <= Some(port)
                && Some(port) <= rule.traffic.to_port()
        })
    };
    let before: Vec<i64> = (1..=4000).filter(|port| reached(&aws, *port)).collect();
    let innocent = admitted(&aws).iter().filter(|rule| rule.contains("10.0.0.0/8")).count();
    let outcome = handle(&aws, restore_with("exceptionHours", json!(0))).await;
    assert!(before.iter().all(|port| reached(&aws, *port)), "{:?}", admitted(&aws));
    assert_eq!(admitted(&aws).iter().filter(|rule| rule.contains("10.0.0.0/8")).count(), innocent);
    let back = ["tcp/22 0.0.0.0/0", "tcp/3389 0.0.0.0/0", "tcp/20-25 0.0.0.0/0"];
    let back = back.iter().filter(|back| admitted(&aws).iter().any(|rule| rule.starts_with(**back))).count();
    match outcome {
        Ok(response) => assert_eq!((response.status, back), (Status::Restored, 3)),
        Err(RemediationError::Incomplete(response)) => {
            assert!(response.message.contains("the group has no room for"), "{}", response.message);
            assert!(back >= restored, "{back}: {:?}", admitted(&aws));
        }
        Err(other) => panic!("{other}"),
    }
}

// --- Owed rules

/// A group that owes tcp 23-25 after a closing.
async fn owing() -> FakeAws {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), rule("2", 443, "10.0.0.0/8")]);
    aws.account().quota = 2;
    incomplete(handle(&aws, carve()).await);
    aws.account().quota = 0;
    aws
}

fn opens(aws: &FakeAws, rule: &str) -> bool {
    admitted(aws).iter().any(|known| known.starts_with(rule))
}

#[tokio::test(start_paused = true)]
async fn an_owed_rule_is_added_later() {
    let aws = owing().await;
    handle(&aws, carve()).await.unwrap();
    assert!(opens(&aws, "tcp/23-25 0.0.0.0/0"), "{:?}", admitted(&aws));
}

/// The key of the stack was changed: what an earlier closing owes cannot be read, which does not keep a port open.
#[tokio::test(start_paused = true)]
async fn owed_rules_under_another_key_do_not_keep_a_port_open() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), rule("2", 443, "10.0.0.0/8")]);
    aws.account().quota = 2;
    aws.account().kms_key = Some("first".into());
    incomplete(handle(&aws, carve()).await);
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("3", 3389, "0.0.0.0/0"));
    aws.account().kms_key = Some("second".into());
    crate::log::watch();
    assert_eq!(handle(&aws, carve()).await.unwrap().status, Status::Closed);
    assert_eq!(log_lines("owed rules unreadable"), 1);
    // With the key, they are still owed.
    aws.account().kms_key = Some("first".into());
    aws.account().quota = 0;
    handle(&aws, carve()).await.unwrap();
    assert!(opens(&aws, "tcp/23-25 0.0.0.0/0"), "{:?}", admitted(&aws));
}

/// A port that the policy forbids by now is not opened by an old debt.
#[tokio::test(start_paused = true)]
async fn an_owed_rule_that_is_forbidden_by_now_is_not_added() {
    let aws = owing().await;
    aws.account().rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22,24"}"#.into()));
    handle(&aws, carve()).await.unwrap();
    assert!(!opens(&aws, "tcp/23-25 0.0.0.0/0"), "{:?}", admitted(&aws));
}

/// The owner has decided on the source since: the debt is moot.
#[tokio::test(start_paused = true)]
async fn a_debt_ends_with_a_change_of_its_source() {
    let aws = owing().await;
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.source.to_string() != "0.0.0.0/0");
    handle(&aws, carve()).await.unwrap();
    assert!(!opens(&aws, "tcp/23-25 0.0.0.0/0"), "{:?}", admitted(&aws));
}

/// The exposing rule could not be revoked: its successors are not owed, and its owner may remove it.
#[rstest]
#[case::denied("UnauthorizedOperation")]
#[case::throttled("RequestLimitExceeded")]
#[case::unanswered("InternalError")]
#[tokio::test(start_paused = true)]
async fn nothing_is_owed_for_a_rule_that_stays(#[case] code: &'static str) {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), rule("2", 443, "10.0.0.0/8")]);
    aws.account().quota = 2;
    (0..4).for_each(|_| aws.fail(REVOKE, code));
    let response = incomplete(handle(&aws, carve()).await);
    assert!(response.closed().unwrap().not_authorized.is_empty(), "{response:?}");
    aws.undisturbed();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.source.to_string() != "0.0.0.0/0");
    handle(&aws, carve()).await.unwrap();
    assert_eq!(admitted(&aws), ["tcp/443 10.0.0.0/8 - {}"]);
}

/// A restore makes the debt moot.
#[tokio::test(start_paused = true)]
async fn a_debt_ends_with_a_restore() {
    let aws = owing().await;
    handle(&aws, restore_with("exceptionHours", json!(0))).await.unwrap();
    assert!(opens(&aws, "tcp/20-25 0.0.0.0/0"), "{:?}", admitted(&aws));
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.source.to_string() != "0.0.0.0/0");
    handle(&aws, carve()).await.unwrap();
    assert_eq!(admitted(&aws), ["tcp/443 10.0.0.0/8 - {}"]);
}

/// A restore that fails and has changed nothing leaves the debt.
#[tokio::test(start_paused = true)]
async fn a_debt_does_not_end_with_a_restore_that_fails() {
    let aws = owing().await;
    (0..8).for_each(|_| aws.fail(AUTHORIZE, "RequestLimitExceeded"));
    incomplete(handle(&aws, restore_with("exceptionHours", json!(0))).await);
    aws.undisturbed();
    handle(&aws, carve()).await.unwrap();
    assert!(opens(&aws, "tcp/23-25 0.0.0.0/0"), "{:?}", admitted(&aws));
}
