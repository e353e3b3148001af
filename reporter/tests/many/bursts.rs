//! More messages within a time than a recipient reads.

use channels::Occasion;
use findings::finding::Told;
use findings::store::{FindingStore, Pace};
use jiff::SignedDuration;
use reporter::{Job, Notified, Notifier};
use rstest::rstest;

use crate::life::Death;
use crate::support::*;

const SECURITY: &str = "#security";
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

async fn burst_of(findings: usize, tags: &[(&str, &str)]) -> World {
    let world = World::new();
    for number in 0..findings {
        world.open(number, tags).await;
    }
    world
}

#[tokio::test]
async fn so_many_are_told_one_by_one_and_the_others_in_one_message_when_the_window_ends() {
    let world = burst_of(12, &[]).await;
    world.work_for(SignedDuration::from_mins(5)).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![]));
    world.work_for(WINDOW).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![9]));
    let summary = world.messages.borrow().last().unwrap().clone();
    assert_eq!(summary.summary.unwrap().1, Occasion::Burst { minutes: 10 });
    assert_eq!(summary.at, time("2026-12-01T06:10:05Z"));
    world.assert_told(0..12).await;
    assert!(world.queue.borrow().is_empty());
    assert_eq!(world.store.waiting("chat", 100).await.unwrap(), []);
    // None of them takes the summary for its own message, which would be updated.
    let finding = world.finding(11).await;
    let delivery = finding.delivery(&"chat".into()).unwrap();
    assert_eq!((delivery.told, &delivery.external_id, delivery.began), (Told::Open, &None, None));
}

#[tokio::test]
async fn a_program_that_ends_at_any_call_loses_no_finding_and_floods_nobody() {
    let all = {
        let world = burst_of(7, &[]).await;
        world.work_for(SignedDuration::from_mins(30)).await;
        world.life.calls.get()
    };
    assert!((40..400).contains(&all), "{all}");
    for at_call in 0..all {
        for after in [false, true] {
            let world = burst_of(7, &[]).await;
            world.life.death.set(Some(Death { at_call, after }));
            world.work_for(SignedDuration::from_mins(60)).await;
            assert!(world.life.death.get().is_none(), "it did not end at {at_call}");
            world.assert_told(0..7).await;
            world.assert_paced();
            for number in 0..7 {
                let told = world.told(SECURITY, number);
                assert!((1..=2).contains(&told), "{number} told {told} times with {at_call} {after}");
            }
            assert!(world.summaries(SECURITY).len() <= 2, "{at_call} {after}");
        }
    }
}

#[tokio::test]
async fn what_was_open_for_a_minute_is_told_as_well() {
    let world = burst_of(6, &[]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    for number in 0..6 {
        world.close(number).await;
    }
    world.work_for(WINDOW).await;
    // Those with a message of their own had it updated; the others are closed when the window ends.
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![3]));
    assert_eq!(world.messages.borrow().iter().filter(|message| message.is_update).count(), 3);
    world.assert_told(0..6).await;
}

#[rstest]
#[case::by_a_bot(&[], SECURITY)]
#[case::by_a_webhook(&[("hook", "1")], "")]
#[tokio::test]
async fn closings_are_no_flood_either(#[case] tags: &[(&str, &str)], #[case] recipient: &str) {
    let world = burst_of(20, tags).await;
    world.work_for(WINDOW + WINDOW).await;
    for number in 0..20 {
        world.close(number).await;
    }
    world.work_for(WINDOW + WINDOW).await;
    world.assert_paced();
    world.assert_told(0..20).await;
    assert_eq!(world.summaries(recipient).len(), 2, "one of openings, one of closings");
}

#[rstest]
#[case::at_once(&[("urgent", "1")], SECURITY)]
#[case::tickets(&[("ticket", "1")], "")]
#[tokio::test]
async fn what_is_urgent_or_a_ticket_is_told_one_by_one(#[case] tags: &[(&str, &str)], #[case] recipient: &str) {
    let world = burst_of(12, tags).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    assert_eq!((world.singles(recipient), world.summaries(recipient)), (12, vec![]));
    world.assert_told(0..12).await;
}

#[tokio::test]
async fn an_owner_of_few_hears_at_once_while_the_channel_of_all_waits() {
    let world = World::new();
    for number in 0..8 {
        let owner = format!("#team-{}", number % 4);
        world.open(number, &[("owner", &owner)]).await;
    }
    world.work_for(SignedDuration::from_mins(1)).await;
    for team in 0..4 {
        assert_eq!(world.singles(&format!("#team-{team}")), 2);
    }
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![]));
    world.work_for(WINDOW).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![5]));
    world.assert_told(0..8).await;
}

#[tokio::test]
async fn one_finding_that_waited_alone_needs_no_summary() {
    let world = burst_of(4, &[]).await;
    world.work_for(WINDOW + WINDOW).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (4, vec![]));
    world.assert_told(0..4).await;
}

#[rstest]
#[case::down(Mood::Down)]
#[case::silent(Mood::Silent)]
#[tokio::test]
async fn a_channel_that_was_down_is_told_in_few_messages_when_it_is_back(#[case] mood: Mood) {
    let world = burst_of(12, &[]).await;
    world.mood.set(mood);
    world.work_for(SignedDuration::from_mins(40)).await;
    let before = world.messages.borrow().len();
    world.mood.set(Mood::Well);
    world.work_for(SignedDuration::from_mins(60)).await;
    world.assert_told(0..12).await;
    world.assert_paced();
    let after = world.messages.borrow().len() - before;
    assert!((1..=6).contains(&after), "{after}");
}

#[tokio::test]
async fn a_channel_that_throttles_is_told_a_burst_in_one_message_all_the_same() {
    let world = World::new();
    for number in 0..12 {
        world.open(number, &[("owner", "#web")]).await;
    }
    world.work_for(SignedDuration::from_mins(1)).await;
    let (_, job) = world.queue.borrow_mut().remove(0);
    let Job::Burst { channel, window, .. } = job else { panic!("{job:?}") };
    pass_until(window);
    // One process, which remembers that the channel takes one message in five seconds.
    let notifier = Notifier::new(&world, &world, reporter::Jobs::new(&world, QUEUE.to_owned()), now);
    world.mood.set(Mood::Throttling);
    let outcome = notifier.burst(&world.document, &channel, window, far()).await.unwrap();
    let Notified::Again(at) = outcome else { panic!("told") };
    world.mood.set(Mood::Well);
    pass_until(at);
    // One of the two recipients, and the other one five seconds later.
    let told = || [world.summaries("#web"), world.summaries(SECURITY)];
    let outcome = notifier.burst(&world.document, &channel, window, far()).await.unwrap();
    let Notified::Again(at) = outcome else { panic!("both are told at once") };
    assert_eq!(told(), [vec![], vec![9]]);
    pass_until(at);
    assert_eq!(notifier.burst(&world.document, &channel, window, far()).await.unwrap(), Notified::Done);
    assert_eq!(told(), [vec![9], vec![9]]);
    world.assert_told(0..12).await;
}

#[tokio::test]
async fn two_jobs_for_one_window_make_one_message() {
    let world = burst_of(9, &[]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    let (_, job) = world.queue.borrow_mut().remove(0);
    let Job::Burst { channel, window, .. } = job else { panic!("{job:?}") };
    pass_until(window);
    let notifier = || Notifier::new(&world, &world, reporter::Jobs::new(&world, String::new()), now);
    let (first, second) = (notifier(), notifier());
    let (one, other) = tokio::join!(
        first.burst(&world.document, &channel, window, far()),
        second.burst(&world.document, &channel, window, far()),
    );
    let outcomes = [one.unwrap(), other.unwrap()];
    assert!(outcomes.contains(&Notified::Done) && outcomes.iter().any(|one| *one != Notified::Done), "{outcomes:?}");
    assert_eq!(world.summaries(SECURITY), [6]);
}

#[tokio::test]
async fn a_job_of_a_long_window_puts_itself_back_until_its_time() {
    let mut world = World::new();
    world.document.burst.minutes = 1_440;
    for number in 0..6 {
        world.open(number, &[]).await;
    }
    world.work_until(time("2026-12-01T23:59:59Z")).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![]));
    world.work_for(WINDOW).await;
    assert_eq!(world.summaries(SECURITY), [3]);
    assert!(world.queue.borrow().is_empty());
}

#[tokio::test]
async fn a_lost_job_is_queued_again_by_a_sweep_and_what_still_waits_is_left_alone() {
    let world = burst_of(9, &[]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    world.queue.borrow_mut().clear();
    let swept = world.sweep(far()).await.unwrap().unwrap();
    assert_eq!(swept.queued, 0, "the window is open");
    pass(WINDOW + SignedDuration::from_mins(6));
    assert_eq!(world.sweep(far()).await.unwrap().unwrap().queued, 1);
    world.work_for(SignedDuration::from_mins(1)).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![6]));
    world.assert_told(0..9).await;
}

#[tokio::test]
async fn what_waits_for_a_channel_that_has_no_summary_any_more_is_told_by_the_next_sweep() {
    let mut world = burst_of(6, &[]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    let tickets = world.document.channels["tickets"].clone();
    world.document.channels.insert("chat".into(), tickets);
    world.work_for(WINDOW).await;
    assert_eq!(world.store.waiting("chat", 100).await.unwrap(), []);
    world.sweep(far()).await.unwrap().unwrap();
    world.work_for(WINDOW + WINDOW).await;
    world.assert_told(0..6).await;
}

#[tokio::test]
async fn a_finding_that_cannot_be_read_holds_up_no_other() {
    let world = burst_of(9, &[]).await;
    world.work_for(SignedDuration::from_mins(1)).await;
    let waiting = world.store.waiting("chat", 1).await.unwrap();
    world.store.spoil(&waiting[0].finding);
    let (_, job) = world.queue.borrow_mut().remove(0);
    pass(WINDOW);
    assert!(world.run(&job).await.unwrap().is_err(), "the job comes back");
    assert_eq!(world.summaries(SECURITY), [5]);
    assert_eq!(world.store.waiting("chat", 100).await.unwrap(), waiting, "it keeps waiting");
    assert!(world.store.get(&waiting[0].finding).await.is_err());
}

#[tokio::test]
async fn more_than_a_message_is_about_are_told_in_another_one() {
    let world = burst_of(1_008, &[]).await;
    world.work_for(WINDOW + WINDOW).await;
    assert_eq!((world.singles(SECURITY), world.summaries(SECURITY)), (3, vec![1_000, 5]));
    world.assert_told([0, 500, 1_007]).await;
    assert!(world.queue.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn recipients_for_whom_no_time_is_left_are_told_by_another_job() {
    let world = World::new();
    for number in 0..12 {
        world.open(number, &[("owner", ["#data", "#web"][number % 2])]).await;
    }
    world.work_for(SignedDuration::from_mins(1)).await;
    let (_, job) = world.queue.borrow_mut().remove(0);
    let Job::Burst { channel, window, .. } = job else { panic!("{job:?}") };
    world.queue.borrow_mut().clear();
    pass_until(window);
    world.channel_takes.set(std::time::Duration::from_secs(10));
    let notifier = Notifier::new(&world, &world, reporter::Jobs::new(&world, QUEUE.to_owned()), now);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(58);
    assert_eq!(notifier.burst(&world.document, &channel, window, deadline).await.unwrap(), Notified::Done);
    let told =
        || ["#security", "#data", "#web"].map(|recipient| world.summaries(recipient).len()).iter().sum::<usize>();
    assert_eq!((told(), world.queue.borrow().len()), (1, 1));
    world.channel_takes.set(std::time::Duration::ZERO);
    world.work_for(WINDOW).await;
    assert_eq!(told(), 3);
    world.assert_told(0..12).await;
    // Without the time for a single one, it is this job that comes back.
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    for number in 20..26 {
        world.open(number, &[]).await;
    }
    world.work_for(SignedDuration::from_mins(1)).await;
    let (_, job) = world.queue.borrow_mut().remove(0);
    let Job::Burst { channel, window, .. } = job else { panic!("{job:?}") };
    pass_until(window);
    let outcome = notifier.burst(&world.document, &channel, window, soon).await.unwrap();
    assert!(matches!(outcome, Notified::Again(at) if at > now()), "{outcome:?}");
}
