//! The owner of the group changes it while a closing is at work.

use aws_traits::fakes::{Account, FakeAws};
use exposure::{IngressRule, Traffic};
use proptest::prelude::*;
use remediation::{RemediationError, Response, Status};
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{
    DESCRIBE, GROUP, REVOKE, admitted, aws_with, carve, handle, ids, left, ports, request, restore_with, rule,
};

/// Port 22 is open to the world by `sgr-1` and `sgr-4`; the other rules are innocent.
fn open() -> FakeAws {
    aws_with(vec![
        rule("1", 22, "0.0.0.0/0"),
        rule("2", 22, "10.0.0.0/8"),
        rule("3", 443, "0.0.0.0/0"),
        ports("4", 20, 25, "::/0"),
    ])
}

fn edit(account: &mut Account, id: &str, change: impl FnOnce(&mut IngressRule)) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    if let Some(rule) = ingress.iter_mut().find(|rule| rule.id.as_deref() == Some(id)) {
        change(rule);
        rule.description = Some(format!("owner of {id}"));
        account.parameters.insert(format!("owner of {id}"), String::new());
    }
}

fn narrow_1(account: &mut Account) {
    edit(account, "sgr-1", |rule| rule.source = "192.0.2.0/24".into());
}

fn narrow_4(account: &mut Account) {
    edit(account, "sgr-4", |rule| rule.source = "fd00::/8".into());
}

fn move_1_to_8443(account: &mut Account) {
    edit(account, "sgr-1", |rule| rule.traffic = Traffic::parse("tcp", Some(8443), Some(8443)));
}

fn move_1_to_3389(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    for rule in ingress.iter_mut().filter(|rule| rule.id.as_deref() == Some("sgr-1")) {
        rule.traffic = Traffic::parse("tcp", Some(3389), Some(3389));
    }
    // Open again.
    account.parameters.remove("owner of sgr-1");
}

fn remove_1(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.id.as_deref() != Some("sgr-1"));
    account.parameters.remove("owner of sgr-1");
}

fn add_an_innocent_rule(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    if !ingress.iter().any(|rule| rule.id.as_deref() == Some("sgr-8")) {
        ingress.push(rule("8", 8080, "0.0.0.0/0"));
        edit(account, "sgr-8", |_| {});
    }
}

fn open_another_port(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    if !ingress.iter().any(|known| known.admits_the_same_as(&rule("9", 3389, "::/0"))) {
        ingress.push(rule("9", 3389, "::/0"));
    }
}

const EDITS: [fn(&mut Account); 7] =
    [narrow_1, narrow_4, move_1_to_8443, move_1_to_3389, remove_1, add_an_innocent_rule, open_another_port];

fn response(outcome: Result<Response, RemediationError>) -> Option<Response> {
    match outcome {
        Ok(response) => Some(response),
        Err(RemediationError::Incomplete(response)) => Some(*response),
        Err(_) => None,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    /// Whenever the owner changes the group, a rule that the owner has made innocent survives, and what is reported as
    /// revoked was exposing. A restore does not give back what the owner changed before it could be revoked.
    #[test]
    fn nothing_that_is_not_exposed_is_lost_whenever_the_owner_changes_the_group(
        edits in prop::collection::vec((0..EDITS.len(), 0_usize..14), 1..4),
        fails in any::<bool>(),
        default_vpc in any::<bool>(),
        carves in any::<bool>(),
    ) {
        runtime().block_on(async {
            let aws = open();
            aws.account().is_default_vpc = default_vpc;
            if fails {
                aws.fail(REVOKE, "IncorrectState");
            }
            for (edit, call) in &edits {
                aws.meanwhile_at(*call, EDITS[*edit]);
            }
            let request = if carves { carve() } else { request() };
            let outcome = response(handle(&aws, request).await);
            let survivors = aws.account().parameters.keys().cloned().collect::<Vec<_>>();
            let group = admitted(&aws);
            for mark in &survivors {
                prop_assert!(group.iter().any(|rule| rule.contains(mark.as_str())), "{mark} is lost: {group:?}");
            }
            for innocent in ["tcp/22 10.0.0.0/8", "tcp/443 0.0.0.0/0"] {
                prop_assert!(group.iter().any(|rule| rule.starts_with(innocent)), "{innocent} is lost: {group:?}");
            }
            let Some(outcome) = outcome else { return Ok(()) };
            for record in &outcome.closed().unwrap().revoked {
                let blocked = [22, 3389].iter().any(|port| record.from_port <= Some(*port) && Some(*port) <= record.to_port);
                prop_assert!(blocked && ["0.0.0.0/0", "::/0"].contains(&&*record.source), "{record:?} was not exposing");
            }
            let (calls, edited) = (aws.account().calls.clone(), edits.iter().map(|(_, call)| *call).max().unwrap());
            let verified = calls.iter().rposition(|call| *call == DESCRIBE).unwrap();
            if outcome.status == Status::Closed && edited <= verified {
                let open = |rule: &String| ["tcp/22 0.0.0.0/0", "tcp/20-25 ::/0", "tcp/3389 0.0.0.0/0", "tcp/3389 ::/0"].iter().any(|open| rule.starts_with(open));
                prop_assert!(!group.iter().any(open), "reported as closed: {group:?}");
            }
            // Whatever the restore gives back, the owner's own decision stands.
            aws.undisturbed();
            let before = admitted(&aws);
            let _ = handle(&aws, restore_with("exceptionHours", json!("0"))).await;
            let after = admitted(&aws);
            let revoked = |port| outcome.closed().unwrap().revoked.iter().any(|record| record.from_port == Some(port));
            let absent = |port| outcome.closed().unwrap().already_absent.iter().any(|record| record.from_port == Some(port));
            for (port, opened) in [(22, "tcp/22 0.0.0.0/0"), (3389, "tcp/3389 0.0.0.0/0")] {
                let is_new = after.iter().any(|rule| rule.starts_with(opened)) && !before.iter().any(|rule| rule.starts_with(opened));
                prop_assert!(!is_new || revoked(port) || absent(port), "{opened} was not revoked, and is restored: {after:?}");
            }
            Ok(())
        })?;
    }
}

/// The samples of the property, one by one: between reading and revoking, the owner narrows the rule, which keeps its id.
#[rstest]
#[case::outside_the_default_vpc(false)]
#[case::in_the_default_vpc(true)]
#[tokio::test(start_paused = true)]
async fn a_rule_that_is_narrowed_before_the_revocation_stays(#[case] is_default_vpc: bool) {
    let aws = open();
    aws.account().is_default_vpc = is_default_vpc;
    aws.meanwhile(REVOKE, narrow_1);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-4"]);
    assert_eq!(left(&aws), ["sgr-1", "sgr-2", "sgr-3"]);
}

/// A rule changes between two rounds, from one blocked port to another, and keeps its id. What is restored is what was
/// revoked.
#[tokio::test(start_paused = true)]
async fn a_restore_gives_back_what_was_revoked_and_not_what_was_planned() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    aws.fail(REVOKE, "InternalError");
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, move_1_to_3389);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.closed().unwrap().revoked[0].from_port, Some(3389));
    assert_eq!(handle(&aws, restore_with("exceptionHours", json!(0))).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), ["tcp/3389 0.0.0.0/0 - {}"]);
}

/// EC2 says that the rule was gone before it could be revoked: its owner has removed it, and a restore leaves it so.
#[tokio::test(start_paused = true)]
async fn a_rule_that_its_owner_removed_is_not_restored() {
    let aws = open();
    aws.meanwhile(REVOKE, remove_1);
    handle(&aws, request()).await.unwrap();
    handle(&aws, restore_with("exceptionHours", json!(0))).await.unwrap();
    assert!(!admitted(&aws).iter().any(|rule| rule.starts_with("tcp/22 0.0.0.0/0")), "{:?}", admitted(&aws));
    assert!(admitted(&aws).iter().any(|rule| rule.starts_with("tcp/20-25 ::/0")), "{:?}", admitted(&aws));
}

/// A closing that revoked nothing is not the latest one.
#[tokio::test(start_paused = true)]
async fn the_latest_closing_is_one_that_took_something() {
    let aws = open();
    handle(&aws, request()).await.unwrap();
    open_another_port(&mut aws.account());
    aws.account().protected.push("sgr-9".into());
    let mut again = request();
    again["executionId"] = Value::from("9d3e");
    assert!(handle(&aws, again).await.is_err());
    let restored = handle(&aws, restore_with("exceptionHours", json!(0))).await.unwrap();
    assert_eq!(restored.restored().unwrap().authorized.len(), 2);
    // Once more: the same closing, of which nothing is missing.
    assert_eq!(handle(&aws, restore_with("exceptionHours", json!(0))).await.unwrap().status, Status::NothingToDo);
    assert!(admitted(&aws).iter().any(|rule| rule.starts_with("tcp/3389")));
}
