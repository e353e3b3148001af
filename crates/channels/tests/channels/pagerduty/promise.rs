//! The promise: one open incident for each open finding and none for another one, whatever fails.

use std::cell::RefCell;
use std::collections::VecDeque;

use channels::fakes::{Call, Service as _, pagerduty};
use channels::{Channel as _, Failure, Http, HttpError, Notice, PagerDuty, Request, Response};
use findings::finding::{ConfigVerdict, Manner, Moment, Observation, Observed, Source, State};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use routing::ChannelKind;
use rstest::rstest;

use super::{CHANNEL, KEY, answer};
use crate::support::{Story, block_on};

/// A `PagerDuty` in memory at a time of its own, with events that arrive late.
struct Model {
    now: Timestamp,
    service: pagerduty::PagerDuty,
    faults: VecDeque<u8>,
    late: Vec<(Timestamp, Call)>,
}

impl Model {
    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let now = self.now;
        for (_, event) in self.late.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Call) -> Response {
        let response = self.service.serve(event, self.now);
        assert_eq!(self.service.violations(), []);
        response
    }

    fn is_open(&self) -> bool {
        self.service.incidents.iter().any(pagerduty::Incident::is_open)
    }

    fn opened(&self) -> usize {
        self.service.incidents.len()
    }
}

struct Calls(RefCell<Model>);

impl Http for &Calls {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut model = self.0.borrow_mut();
        let event = Call::of(&request, "https://events.pagerduty.com").unwrap();
        let fault = model.faults.pop_front().unwrap_or_default();
        model.pass(if fault > 1 { 10 } else { 1 });
        let lost = || Err(HttpError::Unanswered("within 10 s".to_owned()));
        match fault {
            0 => Ok(model.take(&event)),
            1 => Ok(model.service.limited()),
            2 => lost(),
            3 => {
                model.take(&event);
                lost()
            }
            4 => {
                let at = model.now.checked_add(SignedDuration::from_secs(90)).unwrap();
                model.late.push((at, event));
                lost()
            }
            _ => {
                model.take(&event);
                answer(502, "")
            }
        }
    }
}

/// Runs a sequence of openings (0), closings (1), attempts (2, or 3 if the program ends then) and waits of 20 seconds to two minutes.
fn run(steps: &[u8], faults: &[u8]) -> (Story, Model, usize) {
    let mut story = Story::new(ChannelKind::PagerDuty);
    let faults = faults.iter().copied().collect();
    let model = Model { now: story.now, service: pagerduty::PagerDuty::default(), faults, late: Vec::new() };
    let (calls, mut openings) = (Calls(RefCell::new(model)), 0);
    let settle = std::iter::repeat_n([9, 2], 60).flatten();
    for (at, step) in steps.iter().copied().chain(settle).enumerate() {
        if at == steps.len() {
            calls.0.borrow_mut().faults.clear();
        }
        calls.0.borrow_mut().pass(if step > 3 { i64::from(step - 3) * 20 } else { 1 });
        let now = calls.0.borrow().now;
        let was_open = story.finding.state() == State::Open;
        match step {
            0 => observe(&mut story, now, ConfigVerdict::NonCompliant),
            1 => observe(&mut story, now, ConfigVerdict::Compliant),
            2 | 3 => attempt(&mut story, &calls, step == 3),
            _ => {}
        }
        openings += usize::from(!was_open && story.finding.state() == State::Open);
    }
    (story, calls.0.into_inner(), openings)
}

fn observe(story: &mut Story, now: Timestamp, verdict: ConfigVerdict) {
    let observation = Observation { at: Moment::live(now), what: Observed::Compliance(verdict, Source::Change) };
    let transition = story.finding.apply(&observation);
    story.news.extend(transition.history.into_iter().filter(|entry| entry.news.raises_revision()));
}

fn attempt(story: &mut Story, calls: &Calls, crashes: bool) {
    let channel = CHANNEL.into();
    story.now = calls.0.borrow().now;
    let Some(due) = story.finding.due(&channel, Manner::Ticket, story.now) else { return };
    story.finding.begin(&channel, story.now).unwrap();
    let Story { finding, news, delivery, ownership, now, .. } = &*story;
    let notice = Notice { finding, due: &due, delivery, ownership, news, now: *now };
    let outcome = block_on(PagerDuty::new(calls, KEY.into()).deliver(&notice));
    let retry = calls.0.borrow().now.checked_add(SignedDuration::from_secs(30)).unwrap();
    match outcome {
        _ if crashes => {}
        Ok(delivered) => {
            story.finding.delivered(&channel, &due, delivered.external_id).unwrap();
            story.news.retain(|entry| entry.revision > due.revision);
        }
        Err(Failure::NotBefore(time)) => story.finding.failed(&channel, "waits", time).unwrap(),
        Err(Failure::Unanswered { error, .. }) => story.finding.unanswered(&channel, &error, retry).unwrap(),
        Err(Failure::Refused { error, .. }) => story.finding.failed(&channel, &error, retry).unwrap(),
    }
}

/// An event that arrives a minute after another one would undo it.
#[rstest]
#[case::late_trigger(&[0, 2, 1, 5, 2], &[4])]
#[case::late_resolve(&[0, 2, 1, 2, 5, 0, 2], &[0, 4])]
#[case::late_trigger_that_was_repeated(&[0, 3, 2, 1, 2], &[4])]
#[case::late_resolve_after_a_lost_trigger(&[0, 2, 1, 9, 9, 2, 5, 0, 2], &[2, 4])]
fn events_do_not_overtake_one_another(#[case] steps: &[u8], #[case] faults: &[u8]) {
    let (story, model, openings) = run(steps, faults);
    assert_eq!(model.is_open(), story.finding.state() == State::Open);
    assert!(model.opened() <= openings);
}

#[test]
fn an_open_finding_has_one_open_incident_and_another_one_none() {
    let step = prop_oneof![2 => Just(0_u8), 2 => Just(1), 4 => Just(2), 1 => Just(3), 2 => 4..9_u8];
    let fault = prop_oneof![2 => Just(0_u8), 1 => 1..6_u8];
    let lists = (prop::collection::vec(step, 1..40), prop::collection::vec(fault, 0..40));
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&lists, |(steps, faults)| {
        let (story, model, openings) = run(&steps, &faults);
        prop_assert_eq!(model.is_open(), story.finding.state() == State::Open);
        prop_assert!(model.opened() <= openings, "{} incidents for {} openings", model.opened(), openings);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
