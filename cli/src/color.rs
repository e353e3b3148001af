//! Coloured output.

/// Whether the environment allows colours: see <https://no-color.org>.
pub(crate) fn is_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
