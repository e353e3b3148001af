//! Reading a page of findings, which may take more than one attempt.

use std::time::Duration;

use findings::store::{FindingStore, Listing, Page, StoreError};
use tokio::time::{Instant, sleep};

/// Attempts to read a page, and the pause after the first that failed, which doubles.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Reads the page of a list that begins at `from`. No further attempt begins after `end`.
pub(crate) async fn read_page(
    store: &impl FindingStore,
    listing: &Listing,
    from: Option<&str>,
    end: Instant,
) -> Result<Page, StoreError> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match store.list(listing, from).await {
            Ok(page) => return Ok(page),
            Err(_) if Instant::now() + pause < end => sleep(pause).await,
            Err(error) => return Err(error),
        }
        pause *= 2;
    }
    store.list(listing, from).await
}
