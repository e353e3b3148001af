//! Rules that a later closing adds for an earlier one, and what a restore makes of them.

use aws_traits::fakes::FakeAws;
use exposure::{IngressRule, Traffic, Transport};
use remediation::{RemediationError, Response, Status};
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{
    GROUP, admitted, aws_with, carve, handle, incomplete, left, ports, request, restore_with, rule, with,
};

const FILL: &str = "10.7.0.0/16";

/// A full group whose rule for all traffic was carved by the run `first`: most of what remains of it is owed.
async fn owing() -> FakeAws {
    let all = IngressRule { id: Some("sgr-all".into()), ..IngressRule::new(Traffic::All, "0.0.0.0/0".into()) };
    let fill = (2..60).map(|number| rule(&format!("i{number}"), 10_000 + number, FILL));
    let aws = aws_with([all, rule("1", 22, "0.0.0.0/0")].into_iter().chain(fill).collect());
    aws.account().quota = 60;
    let response = incomplete(handle(&aws, run_of(carve(), "first")).await);
    assert_eq!((response.closed().unwrap().revoked.len(), response.closed().unwrap().not_authorized.len()), (2, 5));
    aws
}

fn run_of(mut request: Value, run: &str) -> Value {
    request["executionId"] = json!(run);
    request
}

/// The owner removes a rule that fills the group, and opens port 22 by a new rule.
fn make_room_and_open(aws: &FakeAws) {
    let mut account = aws.account();
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    let fill = ingress.iter().position(|rule| rule.source.to_string() == FILL).unwrap();
    // EC2 uses no id again.
    let id = ingress[fill].id.as_ref().unwrap().replace("sgr-", "again-");
    ingress[fill] = rule(&id, 22, "0.0.0.0/0");
}

fn make_room(aws: &FakeAws, rules: usize) {
    let mut room = rules;
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| {
        let goes = room > 0 && rule.source.to_string() == FILL;
        room -= usize::from(goes);
        !goes
    });
}

/// Ports at the edges of the rules that the group opens to the internet.
fn open_to_the_world(aws: &FakeAws) -> Vec<i64> {
    const PROBES: [i64; 8] = [1, 21, 22, 23, 443, 3389, 3390, 65_000];
    let account = aws.account();
    let admits = |port: &i64| {
        account.groups[GROUP].ingress.iter().any(|rule| {
            let is_on = match &rule.traffic {
                Traffic::All => true,
                Traffic::Ports { transport: Transport::Tcp, range } => {
                    (i64::from(range.from())..=i64::from(range.to())).contains(port)
                }
                _ => false,
            };
            is_on && rule.source.to_string() == "0.0.0.0/0"
        })
    };
    PROBES.into_iter().filter(admits).collect()
}

/// What an undisturbed restore returns, whether or not all of it could be done.
async fn restored(aws: &FakeAws, snapshot: &str, dry_run: bool) -> Response {
    let mut request = restore_with("snapshot", json!(snapshot));
    request["exceptionHours"] = json!(0);
    request["dryRun"] = json!(dry_run);
    match handle(aws, request).await {
        Ok(response) => response,
        Err(RemediationError::Incomplete(response)) => *response,
        Err(other) => panic!("{other}"),
    }
}

/// Restores as planned, and checks that nothing that was admitted is lost.
async fn restore_and_lose_nothing(aws: &FakeAws, snapshot: &str) -> Response {
    let before = open_to_the_world(aws);
    let planned = restored(aws, snapshot, true).await;
    let response = restored(aws, snapshot, false).await;
    let after = open_to_the_world(aws);
    assert!(before.iter().all(|port| after.contains(port)), "{before:?} {after:?}: {response:?}");
    if response.status == Status::Restored {
        let counts = |response: &Response| {
            let restored = response.restored().unwrap();
            (restored.authorized.len(), restored.revoked.len(), restored.left.len())
        };
        assert_eq!(counts(&planned), counts(&response));
    }
    response
}

fn runs(response: &Response) -> Vec<String> {
    let run = |uri: &String| uri.rsplit_once('_').unwrap().1.replace(".json", "");
    response.restored().unwrap().restored_from.iter().map(run).collect()
}

/// A later closing takes another rule and pays a part of what the first one owes. Between the two, a closing found no room and
/// took nothing: the latest is undone together with the one that it continues.
#[tokio::test(start_paused = true)]
async fn a_closing_that_pays_is_undone_with_the_one_that_owes() {
    let aws = owing().await;
    incomplete(handle(&aws, run_of(carve(), "second")).await);
    make_room_and_open(&aws);
    incomplete(handle(&aws, run_of(carve(), "third")).await);
    let response = restore_and_lose_nothing(&aws, "latest").await;
    assert_eq!((response.status, runs(&response)), (Status::Restored, vec!["third".to_owned(), "first".to_owned()]));
    assert_eq!(response.restored().unwrap().left, []);
    assert_eq!(left(&aws).len(), 59, "{:?}", admitted(&aws));
    // Nothing is owed any more, and a second restore has nothing to do.
    assert_eq!(restored(&aws, "latest", false).await.status, Status::NothingToDo);
    assert!(!aws.account().objects.keys().any(|key| key.starts_with("owed/")));
}

/// The snapshot lists payments apart from replacements. One without payments is as version 0.1 wrote it.
#[tokio::test(start_paused = true)]
async fn a_snapshot_lists_payments_apart() {
    let aws = owing().await;
    make_room_and_open(&aws);
    incomplete(handle(&aws, run_of(carve(), "third")).await);
    let plan = |run: &str| -> Value {
        let account = aws.account();
        let (_, object) = account.objects.iter().find(|(key, _)| key.ends_with(&format!("{run}.json"))).unwrap();
        serde_json::from_str::<Value>(&object.json).unwrap()["plan"].clone()
    };
    assert_eq!((plan("first").get("payments"), plan("first")["authorize"].as_array().unwrap().len()), (None, 7));
    // Two of the seven rules had room before: what the closing can pay is not known yet.
    assert_eq!(
        (plan("third")["payments"].as_array().unwrap().len(), plan("third")["authorize"].clone()),
        (5, json!([]))
    );
}

/// Only the later closing is undone: its payment stays, because the rule from which it was cut stays closed. With room, the
/// taken rule is back; without, it is missing.
#[rstest]
#[case::full(0, Status::Failed)]
#[case::room(1, Status::Restored)]
#[tokio::test(start_paused = true)]
async fn a_payment_stays_while_the_rule_that_it_replaces_is_closed(#[case] room: usize, #[case] status: Status) {
    let aws = owing().await;
    make_room_and_open(&aws);
    let third = incomplete(handle(&aws, run_of(carve(), "third")).await);
    assert_eq!(third.closed().unwrap().authorized.len(), 1);
    make_room(&aws, room);
    let paid = open_to_the_world(&aws);
    let response = restore_and_lose_nothing(&aws, "third").await;
    assert_eq!((response.status, response.restored().unwrap().revoked.len()), (status, 0), "{response:?}");
    assert!(!paid.contains(&22) && open_to_the_world(&aws).contains(&22) == (status == Status::Restored));
    assert_eq!(response.restored().unwrap().left.len(), 1, "{response:?}");
}

/// The earlier closing is undone by its snapshot, after its debt was paid: the payments go with the other pieces.
#[tokio::test(start_paused = true)]
async fn payments_go_with_the_closing_that_owed_them() {
    let aws = owing().await;
    make_room_and_open(&aws);
    incomplete(handle(&aws, run_of(carve(), "third")).await);
    let response = restore_and_lose_nothing(&aws, "first").await;
    assert_eq!(response.status, Status::Restored);
    let pieces = |aws: &FakeAws| left(aws).iter().filter(|id| id.contains("new")).count();
    // All traffic and port 22 of the first closing.
    assert_eq!(pieces(&aws), 2, "{:?}", admitted(&aws));
    assert_eq!(restored(&aws, "first", false).await.status, Status::NothingToDo);
}

/// The owner has added what was owed: a later closing pays nothing, and is undone alone.
#[tokio::test(start_paused = true)]
async fn a_closing_without_a_payment_is_undone_alone() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), rule("2", 443, "10.0.0.0/8")]);
    aws.account().quota = 2;
    incomplete(handle(&aws, run_of(carve(), "first")).await);
    aws.account().quota = 0;
    let mine = [ports("3", 23, 25, "0.0.0.0/0"), rule("4", 3389, "::/0")];
    aws.account().groups.get_mut(GROUP).unwrap().ingress.extend(mine);
    assert_eq!(handle(&aws, run_of(carve(), "second")).await.unwrap().status, Status::Closed);
    let response = restore_and_lose_nothing(&aws, "latest").await;
    assert_eq!((response.status, runs(&response)), (Status::Restored, vec!["second".to_owned()]));
    let restored: Vec<_> = response.restored().unwrap().authorized.iter().map(|rule| rule.source.clone()).collect();
    assert_eq!(restored, ["::/0"]);
}

/// A closing that took something came between, and did not read what is owed: the later one is undone alone.
#[tokio::test(start_paused = true)]
async fn a_payment_stays_if_another_closing_came_between() {
    let aws = owing().await;
    make_room_and_open(&aws);
    handle(&aws, run_of(request(), "second")).await.unwrap();
    make_room_and_open(&aws);
    incomplete(handle(&aws, run_of(carve(), "third")).await);
    make_room(&aws, 1);
    let response = restore_and_lose_nothing(&aws, "latest").await;
    assert_eq!((response.status, runs(&response)), (Status::Restored, vec!["third".to_owned()]));
    assert_eq!(response.restored().unwrap().revoked, []);
}

/// Version 0.1 wrote payments among the replacements. They are told from these by the rules that the closing planned to revoke.
#[tokio::test(start_paused = true)]
async fn payments_in_snapshots_of_version_0_1_stay() {
    let aws = owing().await;
    make_room_and_open(&aws);
    incomplete(handle(&aws, run_of(carve(), "third")).await);
    make_room(&aws, 1);
    for (key, object) in &mut aws.account().objects {
        if key.starts_with("security-groups/") {
            let mut snapshot: Value = serde_json::from_str(&object.json).unwrap();
            let plan = snapshot["plan"].as_object_mut().unwrap();
            if let Some(payments) = plan.remove("payments") {
                assert!(key.contains("third"), "{key}");
                plan["authorize"].as_array_mut().unwrap().extend(payments.as_array().unwrap().clone());
            }
            object.json = snapshot.to_string();
        }
    }
    let response = restore_and_lose_nothing(&aws, "third").await;
    assert_eq!((response.status, response.restored().unwrap().revoked.len()), (Status::Restored, 0));
}

/// A rule is owed for a closed rule, and replaces another that a later closing takes: it goes only when both are back.
#[tokio::test(start_paused = true)]
async fn a_rule_that_is_a_payment_as_well_goes_last() {
    let replace = || {
        let mut request = with("strategy", json!("Replace"));
        request["replacementCidrs"] = json!(["10.0.0.0/8"]);
        request
    };
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/1"), rule("2", 443, "192.0.2.0/24")]);
    aws.account().quota = 1;
    incomplete(handle(&aws, run_of(replace(), "first")).await);
    aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("3", 22, "128.0.0.0/1"));
    aws.account().quota = 0;
    handle(&aws, run_of(replace(), "second")).await.unwrap();
    assert_eq!(admitted(&aws), ["tcp/22 10.0.0.0/8 - {}", "tcp/443 192.0.2.0/24 - {}"]);
    assert_eq!(restored(&aws, "second", false).await.status, Status::Restored);
    let half_way = ["tcp/22 10.0.0.0/8 - {}", "tcp/22 128.0.0.0/1 - {}", "tcp/443 192.0.2.0/24 - {}"];
    assert_eq!(admitted(&aws), half_way);
    assert_eq!(restored(&aws, "first", false).await.status, Status::Restored);
    assert_eq!(admitted(&aws), ["tcp/22 0.0.0.0/1 - {}", "tcp/22 128.0.0.0/1 - {}", "tcp/443 192.0.2.0/24 - {}"]);
}
