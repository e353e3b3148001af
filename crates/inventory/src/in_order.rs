//! Work on all cores, whose results are handed out in order.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver};

use super::collector::Halt;

/// Jobs for each thread that are begun before the first result is needed. They bound the memory.
const BEGUN: usize = 2;

/// Work that is cut into jobs, and that takes what becomes of them.
pub(super) trait Jobs {
    /// A part of the work.
    type Job: Send;
    /// What becomes of a job.
    type Done: Send;

    /// The next job, or `None` if there is none.
    fn next(&mut self) -> Result<Option<Self::Job>, Halt>;

    /// Takes what became of the jobs, in the order in which they were handed out.
    fn take(&mut self, done: Self::Done) -> Result<(), Halt>;
}

/// Whether this machine does several jobs at once.
pub(super) fn is_worthwhile() -> bool {
    rayon::current_num_threads() > 1
}

/// Does all jobs, on all cores. Jobs are handed out and taken on this thread.
pub(super) fn in_order<J: Jobs>(jobs: &mut J, work: impl Fn(J::Job) -> J::Done + Sync) -> Result<(), Halt> {
    if !is_worthwhile() {
        while let Some(job) = jobs.next()? {
            jobs.take(work(job))?;
        }
        return Ok(());
    }
    let (work, most) = (&work, BEGUN * rayon::current_num_threads());
    rayon::in_place_scope_fifo(|scope| {
        let mut begun: VecDeque<Receiver<J::Done>> = VecDeque::new();
        loop {
            // A slow input does not hold up the results that are there.
            while let Some(done) = begun.front().and_then(|first| first.try_recv().ok()) {
                begun.pop_front();
                jobs.take(done)?;
            }
            if let Some(job) = jobs.next()? {
                let (result, receiver) = mpsc::sync_channel(1);
                // Nobody receives the result once the reading has ended.
                scope.spawn_fifo(move |_| drop(result.send(work(job))));
                begun.push_back(receiver);
                if begun.len() < most {
                    continue;
                }
            }
            // A job that panics sends nothing, and the scope panics at its end.
            let Some(Ok(done)) = begun.pop_front().map(|first| first.recv()) else { return Ok(()) };
            jobs.take(done)?;
        }
    })
}
