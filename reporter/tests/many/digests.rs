//! Daily summaries.

use channels::Occasion;
use findings::finding::{ConfigVerdict, Moment, Observation, Observed, Source};
use findings::store::record;
use jiff::{SignedDuration, Timestamp};
use reporter::{Job, Notified, Notifier};
use rstest::rstest;

use crate::life::Death;
use crate::support::*;

const SECURITY: &str = "#security";
const DAILY: &[(&str, &str)] = &[("daily", "1")];
const DAY: SignedDuration = SignedDuration::from_hours(24);
const AT: &str = "2026-12-01T08:00:00Z";

/// Sweeps every hour and works in between, up to a time.
async fn live_until(world: &World, end: Timestamp) {
    while now() < end {
        // It complains of a channel that is down, and does its work.
        let _ = world.sweep(far()).await.unwrap();
        world.work_until(end.min(now() + SignedDuration::from_hours(1))).await;
    }
}

#[tokio::test]
async fn a_summary_a_day_tells_what_is_open_what_was_closed_since_and_what_is_exempt_for_few_days() {
    let world = World::new();
    for number in 0..6 {
        world.open(number, DAILY).await;
    }
    world.open(6, &[]).await;
    world.close(1).await;
    world.exempt(2, DAILY, "2026-12-03").await;
    world.exempt(3, DAILY, "2026-12-31").await;
    world.mute(4, time("2026-12-02T00:00:00Z")).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    assert!(world.summaries(SECURITY).is_empty());
    live_until(&world, time(AT)).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    let message = world.messages.borrow().last().unwrap().clone();
    assert_eq!((message.at, message.channel), (time(AT), "chat"));
    assert_eq!(message.summary.unwrap().1, Occasion::Digest);
    let mut findings = message.findings;
    findings.sort();
    assert_eq!(findings, [0, 1, 2, 5].map(key));
    live_until(&world, time(AT) + DAY + SignedDuration::from_mins(1)).await;
    let mut findings = world.messages.borrow().last().unwrap().findings.clone();
    findings.sort();
    // The closing is told once, and the mute has ended.
    assert_eq!(findings, [0, 2, 4, 5].map(key));
    assert_eq!(world.summaries(SECURITY), [4, 4]);
    assert_eq!(world.singles(SECURITY), 1);
}

/// As in a single message: no tag rings the alarm.
#[tokio::test]
async fn an_owner_by_tag_whom_the_channel_does_not_know_keeps_nobody_awake() {
    let world = World::new();
    world.unknown.borrow_mut().push("#web");
    world.open(0, &[("daily", "1"), ("owner", "#web")]).await;
    pass_until(time(AT));
    world.queue.borrow_mut().push((now(), Job::digest("chat", now())));
    for _ in 0..12 {
        world.work_for(SignedDuration::from_hours(1)).await;
        assert!(world.sweep(far()).await.unwrap().is_ok());
    }
    assert_eq!((world.summaries(SECURITY), world.summaries("#web")), (vec![1], vec![]));
}

#[tokio::test]
async fn owners_have_a_summary_of_their_own() {
    let world = World::new();
    for (number, owner) in ["#web", "#web", "#data"].into_iter().enumerate() {
        world.open(number, &[("daily", "1"), ("owner", owner)]).await;
    }
    live_until(&world, time(AT) + SignedDuration::from_mins(1)).await;
    assert_eq!(world.summaries(SECURITY), [3]);
    assert_eq!((world.summaries("#web"), world.summaries("#data")), (vec![2], vec![1]));
    let owner = |recipient: &str| {
        let messages = world.messages.borrow();
        let message = messages.iter().find(|message| message.recipient == recipient).unwrap();
        message.summary.clone().unwrap().2
    };
    assert_eq!([owner("#web"), owner("#data"), owner(SECURITY)], [Some("#web".into()), Some("#data".into()), None]);
}

#[tokio::test]
async fn there_is_no_summary_of_nothing() {
    let world = World::new();
    world.open(0, &[]).await;
    world.exempt(1, DAILY, "2027-12-31").await;
    live_until(&world, time(AT) + DAY).await;
    assert_eq!(world.summaries(SECURITY), Vec::<usize>::new());
}

#[tokio::test]
async fn a_program_that_ends_at_any_call_sends_every_summary_and_none_twice_without_need() {
    let world = || async {
        let world = World::new();
        for (number, owner) in ["#web", "#data", "#web"].into_iter().enumerate() {
            world.open(number, &[("daily", "1"), ("owner", owner)]).await;
        }
        pass_until(time(AT));
        world.queue.borrow_mut().push((now(), Job::digest("chat", time(AT))));
        world.life.calls.set(0);
        world
    };
    let all = {
        let world = world().await;
        world.work_for(SignedDuration::from_hours(1)).await;
        world.life.calls.get()
    };
    assert!((10..100).contains(&all), "{all}");
    for at_call in 0..all {
        for after in [false, true] {
            let world = world().await;
            world.life.death.set(Some(Death { at_call, after }));
            world.work_for(SignedDuration::from_hours(1)).await;
            assert!(world.life.death.get().is_none(), "it did not end at {at_call}");
            let counts = [SECURITY, "#web", "#data"].map(|recipient| world.summaries(recipient).len());
            assert!(counts.iter().all(|count| *count >= 1), "{counts:?} with {at_call} {after}");
            assert!(counts.iter().sum::<usize>() <= 4, "{counts:?} with {at_call} {after}");
        }
    }
}

#[tokio::test]
async fn two_jobs_for_one_day_tell_it_once() {
    let world = World::new();
    world.open(0, DAILY).await;
    pass_until(time(AT));
    let notifier = || Notifier::new(&world, &world, reporter::Jobs::new(&world, String::new()), now);
    let (first, second) = (notifier(), notifier());
    let (one, other) = tokio::join!(
        first.digest(&world.document, "chat", time(AT), far()),
        second.digest(&world.document, "chat", time(AT), far()),
    );
    assert!([one.unwrap(), other.unwrap()].contains(&Notified::Done));
    assert_eq!(world.summaries(SECURITY), [1]);
    world.queue.borrow_mut().push((now(), Job::digest("chat", time(AT))));
    world.work_for(SignedDuration::from_mins(10)).await;
    assert_eq!(world.summaries(SECURITY), [1]);
}

#[rstest]
#[case::back_in_time(SignedDuration::from_hours(3), &[2])]
#[case::too_late(SignedDuration::from_hours(14), &[])]
#[tokio::test]
async fn a_summary_that_failed_is_told_later_but_not_when_the_next_one_is_near(
    #[case] down: SignedDuration,
    #[case] summaries: &[usize],
) {
    let world = World::new();
    world.open(0, DAILY).await;
    world.open(1, DAILY).await;
    world.mood.set(Mood::Down);
    live_until(&world, time(AT) + down).await;
    world.mood.set(Mood::Well);
    live_until(&world, time(AT) + DAY - SignedDuration::from_hours(1)).await;
    assert_eq!(world.summaries(SECURITY), summaries);
    live_until(&world, time(AT) + DAY + SignedDuration::from_mins(1)).await;
    assert_eq!(world.summaries(SECURITY).last(), Some(&2));
}

#[tokio::test]
async fn each_closing_is_part_of_one_summary_also_if_it_is_recorded_late() {
    let world = World::new();
    // When the group was closed and when that was recorded, in seconds after the time of the summary.
    let closings = [(-960, -960), (-840, -840), (-60, -30), (-600, 300), (0, 600), (7_200, 7_230)];
    for number in 0..closings.len() {
        world.open(number, DAILY).await;
    }
    let after = |seconds: i64| time(AT) + SignedDuration::from_secs(seconds);
    for (number, (closed, recorded)) in closings.into_iter().enumerate() {
        live_until(&world, after(recorded)).await;
        let what = Observed::Compliance(ConfigVerdict::Compliant, Source::Change);
        record(&world.store, &key(number), &Observation { at: Moment::live(after(closed)), what }).await.unwrap();
    }
    live_until(&world, time(AT) + DAY + DAY + SignedDuration::from_mins(1)).await;
    let messages = world.messages.borrow();
    for (number, (_, recorded)) in closings.into_iter().enumerate() {
        let told = messages.iter().filter(|one| one.at > after(recorded) && one.findings.contains(&key(number)));
        assert_eq!(told.count(), 1, "{number}");
    }
}

#[tokio::test]
async fn a_job_without_time_to_read_all_findings_comes_back() {
    let world = World::new();
    world.open(0, DAILY).await;
    pass_until(time(AT));
    let notifier = Notifier::new(&world, &world, reporter::Jobs::new(&world, String::new()), now);
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let outcome = notifier.digest(&world.document, "chat", time(AT), soon).await.unwrap();
    assert!(matches!(outcome, Notified::Again(at) if at > now()));
    assert!(world.messages.borrow().is_empty());
}
