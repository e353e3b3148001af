//! The end of an exemption.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The end of an exemption, exclusive: an instant, together with the text from which it was read.
///
/// ```
/// let expiry = exposure::Expiry::parse("2026-12-31").unwrap();
/// assert_eq!(expiry.at().to_string(), "2027-01-01T00:00:00Z");
/// assert_eq!(expiry.to_string(), "2026-12-31");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    at: Timestamp,
    text: String,
}

impl Expiry {
    /// Reads a date such as `2026-12-31` (through the end of that day, UTC) or a time with an offset such as
    /// `2026-12-31T12:00:00Z` (up to that instant, exclusive). Returns `None` for any other text, including a time
    /// without an offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = match text.parse::<Timestamp>() {
            Ok(instant) => instant,
            // Dates only: from a time without an offset jiff would take the date, and add up to a day to the exemption.
            Err(_) if text.len() == "2026-12-31".len() => {
                let day = text.parse::<Date>().ok()?;
                // 9999-12-31 is the last day that jiff knows.
                day.tomorrow()
                    .and_then(|next| next.to_zoned(TimeZone::UTC))
                    .map_or(Timestamp::MAX, |midnight| midnight.timestamp())
            }
            Err(_) => return None,
        };
        Some(Self { at, text: text.to_owned() })
    }

    /// Returns the first instant at which the exemption no longer holds.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
