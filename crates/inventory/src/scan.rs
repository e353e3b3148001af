//! A reading of one or more inputs.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;

use super::collector::{Collector, Halt};
use super::error::InputError;
use super::items::Items;
use super::maker::Maker;
use super::waiting::Waiting;
use super::{Each, Make, Options, Stats, decode, walk};

/// A reading of one or more inputs. Of several configuration items of one group only the newest counts, whichever input it
/// is in, so items are handed out at the end.
pub struct Scan<'o, T> {
    pub(super) maker: Maker<'o, T>,
    pub(super) stats: Stats,
    pub(super) items: Items,
    /// Given parameters that no template has had so far.
    unused: BTreeSet<&'o str>,
    /// The last template, and the names of its parameters.
    last_template: Option<(String, Vec<String>)>,
    /// Templates of files in directories.
    pub(super) waiting: Waiting,
    /// Whether the caller has ended the reading.
    is_stopped: bool,
}

impl<T> fmt::Debug for Scan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl<'o, T: Send> Scan<'o, T> {
    /// A reading with these settings. `make` is called for each record, in any order and on several threads at once.
    #[must_use]
    pub fn new(options: &'o Options, make: &'o Make<'o, T>) -> Self {
        Self {
            maker: Maker { options, make },
            stats: Stats::default(),
            items: Items::default(),
            unused: options.parameters.keys().map(String::as_str).collect(),
            last_template: None,
            waiting: Waiting::default(),
            is_stopped: false,
        }
    }

    /// Reads the security groups of `input` and hands them to `each`, except those in configuration items. Messages name
    /// the input `file`.
    ///
    /// A record that is not understood is handed to `each` as an error, and the reading goes on. If `each` breaks, the
    /// reading ends without an error.
    ///
    /// # Errors
    ///
    /// If the input has no place for security groups, or is damaged. The records that were handed out are not all of it.
    pub fn read(&mut self, input: impl Read, file: &str, each: &mut Each<'_, T>) -> Result<(), InputError> {
        let unreadable = |problem| InputError::Read { file: file.to_owned(), problem };
        let text = decode::text(input).map_err(unreadable)?;
        let read = walk::read(text, file, self, each);
        self.ended(read)
    }

    /// Hands out the groups in configuration items and in the templates of directories, and ends the reading.
    ///
    /// # Errors
    ///
    /// If no template has a parameter that was given, or if the items cannot be read back.
    pub fn finish(mut self, each: &mut Each<'_, T>) -> Result<Stats, InputError> {
        if self.is_stopped {
            return Ok(self.stats);
        }
        let items = std::mem::take(&mut self.items);
        let mut templates = std::mem::take(&mut self.waiting).into_records();
        let mut collector = Collector::new(&mut self, each);
        let read = templates
            .try_for_each(|record| collector.emit(record))
            .and_then(|()| items.into_newest().map_err(Halt::from))
            .and_then(|items| collector.newest(items));
        self.ended(read)?;
        let Some(name) = self.unused.first().map(|name| (*name).to_owned()) else { return Ok(self.stats) };
        if let Some((file, known)) = &self.last_template {
            let known = if known.is_empty() {
                "it has no parameters".to_owned()
            } else {
                format!("it has {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            };
            return Err(InputError::UnknownParameter { file: file.clone(), name, known });
        }
        Err(InputError::NoTemplate { name })
    }

    /// Ends the reading at the request of the caller.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Notes the parameters of a template.
    pub(super) fn template(&mut self, file: &str, parameters: Vec<String>) {
        self.unused.retain(|name| !parameters.iter().any(|known| known == name));
        self.last_template = Some((file.to_owned(), parameters));
    }

    fn ended(&mut self, read: Result<(), Halt>) -> Result<(), InputError> {
        match read {
            Ok(()) => Ok(()),
            Err(Halt::Stopped) => {
                self.is_stopped = true;
                Ok(())
            }
            Err(Halt::Error(error)) => Err(error),
        }
    }
}
