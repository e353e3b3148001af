//! Fonts, sizes, colours, and how wide a text is.
//!
//! Which font a reader has is not known. The widths are those of `DejaVu` Sans, which is wider than Arial, Helvetica, Roboto,
//! Segoe UI and San Francisco, and of a fixed font somewhat wider than all usual ones. So a text takes at most the width that
//! is measured here.

use unicode_width::UnicodeWidthChar;

/// Families of the two fonts, the preferred one first.
pub(super) const SANS: &str = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif";
pub(super) const MONO: &str = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

pub(super) const INK: &str = "#1d2127";
pub(super) const GREY: &str = "#5b6470";
pub(super) const BLUE: &str = "#0b5cad";
pub(super) const RED: &str = "#b3261e";
pub(super) const ORANGE: &str = "#b45309";
pub(super) const GREEN: &str = "#1a7340";
pub(super) const WHITE: &str = "#ffffff";
pub(super) const PALE: &str = "#f4f5f7";
pub(super) const LINE: &str = "#d3d8de";
pub(super) const NAVY: &str = "#27364b";

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) size: usize,
    pub(super) colour: &'static str,
    pub(super) is_bold: bool,
    pub(super) is_mono: bool,
}

pub(super) const TEXT: Style = Style { size: 14, colour: INK, is_bold: false, is_mono: false };
pub(super) const BOLD: Style = Style { is_bold: true, ..TEXT };
pub(super) const TITLE: Style = Style { size: 17, ..BOLD };
pub(super) const NOTE: Style = Style { size: 12, colour: GREY, ..TEXT };
pub(super) const LABEL: Style = Style { size: 13, colour: GREY, ..TEXT };
pub(super) const LINK: Style = Style { colour: BLUE, ..TEXT };
pub(super) const CODE: Style = Style { size: 12, is_mono: true, ..TEXT };

impl Style {
    pub(super) const fn coloured(self, colour: &'static str) -> Self {
        Self { colour, ..self }
    }

    /// Height of a line, in pixels.
    pub(super) const fn line(self) -> usize {
        self.size * 3 / 2
    }
}

/// Colour of a severity, as any service writes it.
pub(super) fn severity_colour(severity: &str) -> &'static str {
    match severity.to_ascii_lowercase().as_str() {
        "critical" | "high" | "error" | "highest" => RED,
        "medium" | "warning" => ORANGE,
        "informational" => GREEN,
        _ => GREY,
    }
}

/// Widths of the characters from the space to the tilde in `DejaVu` Sans and in its bold face, in thousandths of the size.
const REGULAR: [usize; 95] = [
    318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337, 637, 637, 637, 637, 637, 637, 637,
    637, 637, 637, 337, 337, 838, 838, 838, 531, 1000, 685, 687, 699, 771, 632, 576, 775, 752, 295, 295, 656, 558, 863,
    749, 788, 604, 788, 695, 635, 611, 732, 685, 989, 686, 611, 686, 391, 337, 391, 838, 500, 500, 613, 635, 550, 635,
    616, 353, 635, 634, 278, 278, 580, 278, 975, 634, 612, 635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637,
    337, 637, 838,
];
const HEAVY: [usize; 95] = [
    349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 581, 1000, 774, 763, 734, 831, 684, 684, 821, 837, 373, 373, 775, 638, 996,
    837, 851, 733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 366, 458, 838, 500, 500, 675, 716, 593, 716,
    679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688, 716, 716, 494, 596, 479, 712, 652, 924, 646, 652, 583, 712,
    366, 712, 838,
];
/// Width of a character of a fixed font: of San Francisco Mono, which is wider than others.
const FIXED: usize = 620;
/// Width of Latin letters and punctuation beyond ASCII, none of which is wider.
const LATIN: usize = 1_100;

/// Whether the width of a character is known. A text with another one is fitted into its measured width.
pub(super) fn is_measured(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{2027}')
}

fn character_width(character: char, style: Style) -> usize {
    let known = if style.is_bold { &HEAVY } else { &REGULAR };
    let place = u32::from(character).checked_sub(32).and_then(|place| usize::try_from(place).ok());
    match place.and_then(|place| known.get(place)) {
        Some(_) if style.is_mono => FIXED,
        Some(width) => *width,
        None if is_measured(character) => LATIN,
        None => character.width().unwrap_or(1).max(1) * 1_000,
    }
}

/// Greatest width of a text, in thousandths of a pixel.
pub(super) fn milli_width(text: &str, style: Style) -> usize {
    text.chars().map(|character| character_width(character, style)).sum::<usize>() * style.size
}

/// Greatest width of a text, in pixels.
pub(super) fn width(text: &str, style: Style) -> usize {
    milli_width(text, style).div_ceil(1_000)
}
