//! The recording task: checks EC2 after each notification of a change, and at intervals.

use std::sync::Arc;
use std::time::Duration;

use super::PendingScan;
use super::delivery;
use crate::clock;
use crate::cloud::Cloud;

/// Runs until the process ends.
pub(crate) async fn run(cloud: Arc<Cloud>) {
    loop {
        let poll = Duration::from_secs_f64(cloud.settings().recorder_poll_seconds.max(0.05));
        if tokio::time::timeout(poll, cloud.changed.notified()).await.is_err() {
            cloud.config().scan_everything();
        }
        let failed = look(&cloud).await;
        if let Err(error) = failed {
            tracing::warn!("recording security groups failed, and will be retried: {error}");
            tokio::time::sleep(Duration::from_millis(500)).await;
            cloud.config().scan_everything();
            cloud.changed.notify_one();
        }
    }
}

/// Checks the groups that are marked as changed.
async fn look(cloud: &Arc<Cloud>) -> Result<(), crate::bridge::BridgeError> {
    let _busy = cloud.begin();
    let scan = std::mem::take(&mut cloud.config().scan);
    let asked: Vec<String> = if scan.all { Vec::new() } else { scan.groups.iter().cloned().collect() };
    if !scan.all && asked.is_empty() {
        return Ok(());
    }
    let recording = {
        let state = cloud.config();
        state.recorder.as_ref().is_some_and(|recorder| recorder.recording && recorder.records_security_groups())
    };
    if !recording {
        return Ok(());
    }
    let groups = match cloud.bridge.security_groups(&asked).await {
        Ok(groups) => groups,
        Err(error) => {
            let PendingScan { all, groups } = scan;
            let mut state = cloud.config();
            state.scan.all |= all;
            state.scan.groups.extend(groups);
            return Err(error);
        }
    };
    let mut state = cloud.config();
    let items = state.history.record(&groups, &asked, clock::now());
    let deliveries = delivery::of_items(&mut state, &items);
    let settings = cloud.settings();
    for one in &deliveries {
        state.enqueue(one, &cloud.location, &settings);
    }
    drop(state);
    delivery::pump(cloud);
    Ok(())
}
