//! Looks of the output: colours and width.

/// Whether the environment allows colours: see <https://no-color.org>.
pub(crate) fn allows_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Width of the output in columns: `COLUMNS`, or else that of the terminal, or else a default for files and pipes.
pub(crate) fn width(is_terminal: bool) -> u16 {
    const OF_A_FILE: u16 = 160;
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()) {
        return columns;
    }
    if is_terminal { of_terminal() } else { OF_A_FILE }
}

fn of_terminal() -> u16 {
    terminal_size::terminal_size().map_or(100, |(terminal_size::Width(columns), _)| columns)
}
