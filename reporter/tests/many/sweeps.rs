//! Sweeps: what was to be told and was not.

use std::collections::BTreeSet;
use std::time::Duration;

use findings::finding::State;
use jiff::SignedDuration;
use reporter::{Job, SweepError};
use tokio::time::Instant;

use crate::life::Death;
use crate::support::*;

/// The findings for which jobs are queued.
fn queued(world: &World) -> Vec<usize> {
    let queue = world.queue.borrow();
    let numbers = queue.iter().filter_map(|(_, job)| match job {
        Job::Finding { finding, .. } => usize::from_str_radix(finding.group_id().trim_start_matches("sg-"), 16).ok(),
        Job::Burst { .. } | Job::Digest { .. } => None,
    });
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Open, exempt and closed findings of which the tickets have heard nothing but that they are open.
async fn forgotten(number: usize) -> World {
    let world = World::new();
    for number in 0..number {
        world.open(number, &[("ticket", "1")]).await;
    }
    world.work_for(SignedDuration::from_secs(1)).await;
    for number in 0..number {
        match number % 3 {
            0 => world.observe(number, parked()).await,
            1 => world.exempt(number, &[("ticket", "1")], "2027-01-01").await,
            _ => world.close(number).await,
        }
    }
    world.queue.borrow_mut().clear();
    world
}

fn parked() -> findings::finding::Observed {
    findings::finding::Observed::Parked(Some("maintenance".into()))
}

#[tokio::test]
async fn what_is_pending_in_any_state_is_queued_and_then_told() {
    let world = forgotten(9).await;
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!((swept.findings, swept.queued, swept.failed, swept.is_complete), (9, 9, 0, true));
    assert_eq!(queued(&world), (0..9).collect::<Vec<_>>());
    world.work_for(SignedDuration::from_mins(1)).await;
    world.assert_told(0..9).await;
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!((swept.findings, swept.queued), (9, 0), "all is told");
}

#[tokio::test]
async fn an_attempt_that_is_near_is_queued_for_its_time_and_one_that_is_far_is_not() {
    let world = World::new();
    world.open(0, &[("ticket", "1")]).await;
    world.mood.set(Mood::Down);
    let job = Job::Finding { finding: key(0), channel: "tickets".into() };
    let next = |finding: findings::finding::Finding| finding.delivery(&"tickets".into()).unwrap().next_attempt.unwrap();
    world.run(&job).await.unwrap().unwrap();
    world.queue.borrow_mut().clear();
    let at = next(world.finding(0).await);
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(world.queue.borrow().as_slice(), [(at, job.clone())]);
    // Two hours from now.
    let mut finding = world.finding(0).await;
    finding.failed(&"tickets".into(), "down", now() + SignedDuration::from_hours(2)).unwrap();
    findings::store::FindingStore::put(&world.store, &finding, &[]).await.unwrap();
    world.queue.borrow_mut().clear();
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    assert!(matches!(error, SweepError::Complaint(_)), "{error}");
    assert_eq!(queued(&world), Vec::<usize>::new());
    pass(SignedDuration::from_mins(91));
    world.sweep(far()).await.unwrap().unwrap_err();
    assert_eq!(queued(&world), [0]);
}

#[tokio::test]
async fn a_delivery_that_another_function_is_at_is_left_to_it_until_its_lease_ends() {
    let world = World::new();
    world.open(0, &[("ticket", "1")]).await;
    world.queue.borrow_mut().clear();
    let mut finding = world.finding(0).await;
    finding.begin(&"tickets".into(), now()).unwrap();
    findings::store::FindingStore::put(&world.store, &finding, &[]).await.unwrap();
    assert_eq!(world.sweep(far()).await.unwrap().unwrap().queued, 0);
    pass(SignedDuration::from_mins(3));
    assert_eq!(world.sweep(far()).await.unwrap().unwrap().queued, 1);
}

#[tokio::test]
async fn a_mute_that_ends_makes_what_happened_meanwhile_due() {
    let world = World::new();
    world.mute(0, now() + SignedDuration::from_hours(2)).await;
    world.open(0, &[]).await;
    assert_eq!(world.sweep(far()).await.unwrap().unwrap().queued, 0);
    pass(SignedDuration::from_hours(2));
    assert_eq!(queued(&world), Vec::<usize>::new());
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(queued(&world), [0]);
}

#[tokio::test]
async fn a_thousand_messages_are_spread_over_a_quarter_of_an_hour() {
    let world = forgotten(1_000).await;
    world.sweep(far()).await.unwrap().unwrap();
    let queue = world.queue.borrow();
    assert_eq!(queue.len(), 1_000);
    for second in 0..500 {
        let at = now() + SignedDuration::from_secs(second);
        assert_eq!(queue.iter().filter(|(visible, _)| *visible == at).count(), 2, "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_runs_out_of_time_is_continued_and_starves_none() {
    let world = forgotten(12).await;
    world.page_takes.set(Duration::from_secs(20));
    let mut seen = BTreeSet::new();
    let mut complete = 0;
    for _ in 0..8 {
        let swept = world.sweep(Instant::now() + Duration::from_secs(45)).await.unwrap().unwrap();
        assert!(swept.findings <= 4, "{swept:?}");
        complete += usize::from(swept.is_complete);
        seen.extend(queued(&world));
        world.queue.borrow_mut().clear();
    }
    assert_eq!(seen, (0..12).collect());
    assert_eq!(complete, 0);
    // With time for all, the next one goes around from where the last one stopped.
    world.page_takes.set(Duration::ZERO);
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert!(swept.is_complete && swept.findings >= 12, "{swept:?}");
    assert_eq!(queued(&world).into_iter().collect::<BTreeSet<_>>(), (0..12).collect());
    world.queue.borrow_mut().clear();
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!((swept.is_complete, swept.findings), (true, 12));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_harms_no_other_and_is_the_first_of_the_next_sweep() {
    let world = forgotten(9).await;
    world.is_unreadable.set(Some(State::Open));
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!((swept.findings, swept.queued, swept.failed, swept.is_complete), (6, 6, 1, false));
    world.is_unreadable.set(None);
    world.queue.borrow_mut().clear();
    assert_eq!(world.sweep(far()).await.unwrap().unwrap().findings, 9);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_harms_no_other() {
    let world = forgotten(9).await;
    world.store.spoil(&key(4));
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!((swept.findings, swept.is_complete), (8, true));
    assert!(swept.failed >= 1);
    assert_eq!(queued(&world), [0, 1, 2, 3, 5, 6, 7, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_can_do_nothing_says_so() {
    let world = forgotten(3).await;
    world.is_queue_down.set(true);
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    assert!(matches!(error, SweepError::Queue(_)), "{error}");
    world.is_queue_down.set(false);
    assert_eq!(world.sweep(far()).await.unwrap().unwrap().queued, 3, "nothing is lost");
}

#[tokio::test]
async fn a_sweep_complains_of_channels_that_need_a_person_and_does_its_work_all_the_same() {
    let world = forgotten(4).await;
    world.mood.set(Mood::Down);
    // Attempts that fail for minutes are no reason to wake anybody.
    world.sweep(far()).await.unwrap().unwrap();
    world.work_for(SignedDuration::from_mins(3)).await;
    world.sweep(far()).await.unwrap().unwrap();
    world.work_for(SignedDuration::from_hours(2)).await;
    world.open(9, &[]).await;
    world.queue.borrow_mut().clear();
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "channels do not take what they are told: `tickets`: 4 findings, last error: connection refused"
    );
    assert_eq!(queued(&world), [0, 1, 2, 3, 9]);
    world.mood.set(Mood::Well);
    world.work_for(SignedDuration::from_mins(20)).await;
    assert!(world.sweep(far()).await.unwrap().is_ok());
}

/// A channel has many recipients: owners by tags, which anybody may have written.
#[tokio::test]
async fn a_sweep_names_the_recipient_that_is_not_told() {
    let world = World::new();
    world.open(0, &[]).await;
    world.work_for(SignedDuration::from_mins(11)).await;
    // The message of all is there already.
    world.mood.set(Mood::Down);
    world.open(0, &[("owner", "#web")]).await;
    world.work_for(SignedDuration::from_hours(2)).await;
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    let expected =
        "channels do not take what they are told: `chat`: 1 finding, last error: to `#web`: connection refused";
    assert_eq!(error.to_string(), expected);
}

/// A group that is open, whose tag names an owner whom the channel does not know.
async fn of_unknown_owner() -> World {
    let world = World::new();
    world.unknown.borrow_mut().push("#web");
    world.open(0, &[("owner", "#web")]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    world
}

/// Anybody who may tag could have the alarm ring, each hour, for as long as the finding is kept.
#[tokio::test]
async fn an_owner_by_tag_whom_the_channel_does_not_know_is_no_reason_to_complain() {
    let world = of_unknown_owner().await;
    for _ in 0..12 {
        assert!(world.sweep(far()).await.unwrap().is_ok());
        world.work_for(SignedDuration::from_hours(1)).await;
    }
    assert_eq!((world.told("#security", 0), world.told("#web", 0)), (1, 0));
    let finding = world.finding(0).await;
    let failed = finding.channels().find_map(|(_, known)| known.last_error.clone().filter(|_| known.misaddressed));
    assert_eq!(failed.unwrap().as_str(), "to `#web`: Slack answered channel_not_found");
    // A channel that does not answer at all is one.
    world.unknown.borrow_mut().clear();
    world.mood.set(Mood::Down);
    world.work_for(SignedDuration::from_hours(3)).await;
    assert!(world.sweep(far()).await.unwrap().is_err());
}

/// Somebody wrote the document, and can repair it.
#[tokio::test]
async fn a_default_owner_whom_the_channel_does_not_know_is_a_reason_to_complain() {
    let mut world = World::new();
    world.document.owners.default = vec!["#web".to_owned()];
    world.unknown.borrow_mut().push("#web");
    world.open(0, &[]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    let expected = "channels do not take what they are told: `chat`: 1 finding, last error: to `#web`: Slack answered channel_not_found";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_owner_whom_the_channel_never_knew_is_not_tried_any_more_a_week_after_the_end() {
    let world = of_unknown_owner().await;
    world.close(0).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    world.queue.borrow_mut().clear();
    pass(SignedDuration::from_hours(2));
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(queued(&world), [0]);
    world.queue.borrow_mut().clear();
    pass(SignedDuration::from_hours(7 * 24));
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(queued(&world), Vec::<usize>::new());
    world.assert_told([0]).await;
}

/// Their channel may be gone. Nobody is there who could be told of the end.
#[tokio::test]
async fn an_earlier_owner_whom_the_channel_does_not_know_any_more_is_given_up() {
    let world = World::new();
    world.open(0, &[("owner", "#web")]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    assert_eq!(world.told("#web", 0), 1);
    world.open(0, &[("owner", "#data")]).await;
    // The message of `#web` is in this channel.
    world.unknown.borrow_mut().push("C0");
    world.close(0).await;
    world.work_for(SignedDuration::from_mins(11)).await;
    world.assert_told([0]).await;
    assert_eq!(world.told("C0", 0), 0);
}

/// The outbox of a finding is bounded: each of its owners was told in turn, and the channel of all.
#[tokio::test]
async fn a_sweep_complains_of_a_finding_without_room_for_another_recipient() {
    let world = World::new();
    for owner in 0..findings::finding::MAX_CHANNELS {
        assert!(world.sweep(far()).await.unwrap().is_ok(), "before {owner}");
        world.open(0, &[("owner", &format!("#owner-{owner}"))]).await;
        world.work_for(SignedDuration::from_mins(11)).await;
    }
    let error = world.sweep(far()).await.unwrap().unwrap_err().to_string();
    assert!(
        error.starts_with("channels do not take what they are told: `chat`: 1 finding, last error: channel `chat:")
    );
    assert!(error.contains("cannot be added to a finding with 40 channels"), "{error}");
}

#[tokio::test]
async fn a_sweep_complains_of_a_daily_summary_that_is_not_taken() {
    let world = World::new();
    world.open(0, &[("daily", "1")]).await;
    pass_until(time("2026-12-01T08:00:00Z"));
    world.mood.set(Mood::Down);
    world.queue.borrow_mut().push((now(), Job::digest("chat", now())));
    world.work_for(SignedDuration::from_hours(2)).await;
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    let expected = "channels do not take what they are told: `chat`: the daily summary, last error: connection refused";
    assert_eq!(error.to_string(), expected);
    world.mood.set(Mood::Well);
    world.work_for(SignedDuration::from_mins(20)).await;
    assert_eq!(world.summaries("#security"), [1]);
    assert!(world.sweep(far()).await.unwrap().is_ok());
}

#[tokio::test]
async fn without_a_document_nobody_is_told_and_with_a_bad_one_the_sweep_fails() {
    let world = forgotten(3).await;
    world.has_document.set(false);
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!((swept.findings, swept.queued, swept.is_complete), (0, 0, true));
    world.document_problem.set(Some("it has a mistake"));
    let error = world.sweep(far()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("nobody is told of findings: it has a mistake"), "{error}");
}

#[tokio::test]
async fn a_sweep_that_ends_at_any_call_keeps_the_next_one_from_nothing() {
    let all = {
        let world = forgotten(7).await;
        world.life.calls.set(0);
        world.sweep(far()).await.unwrap().unwrap();
        world.life.calls.get()
    };
    for at_call in 0..all {
        for after in [false, true] {
            let world = forgotten(7).await;
            world.life.calls.set(0);
            world.life.death.set(Some(Death { at_call, after }));
            assert!(world.sweep(far()).await.is_none(), "it did not end at {at_call}");
            world.sweep(far()).await.unwrap().unwrap();
            world.work_for(SignedDuration::from_mins(20)).await;
            world.assert_told(0..7).await;
        }
    }
}

#[tokio::test]
async fn daily_summaries_are_queued_before_their_time_and_after_it_if_they_were_not_told() {
    let world = World::new();
    let digests = |world: &World| {
        let digests = world.queue.borrow().iter().filter(|(_, job)| matches!(job, Job::Digest { .. })).count();
        world.queue.borrow_mut().clear();
        digests
    };
    // At 06:00 the summary of yesterday is too old, and that of today is due in two hours.
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(digests(&world), 0);
    pass_until(time("2026-12-01T07:05:00Z"));
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(
        world.queue.borrow().as_slice(),
        [(time("2026-12-01T07:20:00Z"), Job::digest("chat", time("2026-12-01T08:00:00Z")))]
    );
    world.queue.borrow_mut().clear();
    pass_until(time("2026-12-01T08:05:00Z"));
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(digests(&world), 1, "it was lost");
    world.run(&Job::digest("chat", time("2026-12-01T08:00:00Z"))).await.unwrap().unwrap();
    world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(digests(&world), 0, "it was told, though it had nothing to tell");
}
