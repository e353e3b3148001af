//! Which news is the newest, whatever was counted before.
//!
//! A revision is a count, and begins again with a table that was lost. Whoever ignores what has the name of something known
//! would miss news then. So names are made of what the observations say, and not of what was stored.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Finding;
use super::content::Content;
use super::latest::Moment;
use super::text::hex;

/// Bytes of a name.
const NAME: usize = 8;

/// The newest of the observations that were news, and how many were news after it that are not newer. It is later with each
/// news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Stamp {
    at: Moment,
    late: u64,
}

impl Stamp {
    /// The stamp after an observation that was news.
    pub(super) fn after(before: Option<Self>, at: Moment) -> Self {
        match before {
            Some(known) if at <= known.at => Self { late: known.late.saturating_add(1), ..known },
            _ => Self { at, late: 0 },
        }
    }
}

impl Finding {
    /// Name of the newest news: 16 digits, which are others for each revision. The same observation gives the same news the
    /// same name again if the finding was lost meanwhile, and other news another one, although revisions are counted anew.
    ///
    /// An update of the program may give another name to the news that was there before.
    #[must_use]
    pub fn news_name(&self) -> String {
        let content = Content::of(&self.facts).digest();
        let named = format!("{:?} {content}", self.newest_news);
        hex(Sha256::digest(named).iter().take(NAME))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_stamp_is_later_with_each_news() {
        let at = |second| Moment::live(Timestamp::from_second(second).unwrap());
        let mut stamps = vec![Stamp::after(None, at(5))];
        for second in [7, 6, 7, 8, 1] {
            stamps.push(Stamp::after(stamps.last().copied(), at(second)));
        }
        assert!(stamps.is_sorted_by(|one, next| one < next), "{stamps:?}");
    }
}
