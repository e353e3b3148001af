//! When a message that failed is delivered again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_mins(10);

/// Time until the next delivery, after `deliveries`: it doubles with each of them.
#[must_use]
pub fn delay(deliveries: u32) -> Duration {
    let doublings = deliveries.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_ten_minutes() {
        let seconds = [0, 1, 2, 3, 9, 10, u32::MAX].map(|deliveries| delay(deliveries).as_secs());
        assert_eq!(seconds, [2, 2, 4, 8, 512, 600, 600]);
    }
}
