//! A drawing that grows downwards: cards, texts, fields, buttons.

use std::fmt::Write as _;

use super::style::{BLUE, BOLD, CODE, LABEL, LINE, MONO, NAVY, NOTE, PALE, SANS, Style, TEXT, WHITE, width};
use super::text::{Run, escaped, extent, lines, run};

/// Width of a picture, in pixels: it fits beside the table of contents of the book.
pub(super) const WIDTH: usize = 720;
/// Space between the border and what is in it.
pub(super) const MARGIN: usize = 20;

/// A column in which something is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) x: usize,
    pub(super) width: usize,
}

impl Column {
    /// The column without as much on its left.
    pub(super) fn right_of(self, left: usize) -> Self {
        Self { x: self.x + left, width: self.width.saturating_sub(left) }
    }

    /// The column without as much on both sides.
    pub(super) fn within(self, space: usize) -> Self {
        Self { x: self.x + space, width: self.width.saturating_sub(2 * space) }
    }
}

/// A place in the drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    shape: usize,
    pub(super) y: usize,
}

/// How a frame looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) fill: &'static str,
    pub(super) border: &'static str,
    pub(super) radius: usize,
}

const CARD: Frame = Frame { fill: WHITE, border: LINE, radius: 8 };
/// A gate with an arch, three bars and two beams, in a square of 24 pixels.
const GATE: &str = "M6 19V11a6 6 0 0 1 12 0v8M6 12h12M6 16h12M9 6V19M12 5v14M15 6V19";
const BOX: Frame = Frame { fill: PALE, border: LINE, radius: 4 };

/// A drawing. All that a picture contains passes through it, so only it writes XML.
#[derive(Debug)]
pub(super) struct Paper {
    title: &'static str,
    shapes: Vec<String>,
    pub(super) y: usize,
}

impl Paper {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, shapes: Vec::new(), y: MARGIN }
    }

    /// All between the margins.
    pub(super) fn column() -> Column {
        Column { x: 0, width: WIDTH }.within(MARGIN)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { shape: self.shapes.len(), y: self.y }
    }

    pub(super) fn space(&mut self, height: usize) {
        self.y += height;
    }

    /// Goes on below the lower of two columns that were drawn side by side.
    pub(super) fn below(&mut self, y: usize) {
        self.y = self.y.max(y);
    }

    /// A text, broken into lines.
    pub(super) fn text(&mut self, column: Column, runs: &[Run]) {
        self.set(column, runs, line_height(runs));
    }

    /// A text whose lines are as high.
    fn set(&mut self, column: Column, runs: &[Run], height: usize) {
        for line in lines(runs, column.width) {
            self.line(column.x, self.y + height * 18 / 25, &line);
            self.y += height;
        }
    }

    /// A text in one style.
    pub(super) fn plain(&mut self, column: Column, text: &str, style: Style) {
        self.text(column, &[run(text, style)]);
    }

    /// A line whose letters stand on `base`.
    fn line(&mut self, x: usize, base: usize, line: &[Run]) {
        let (width, is_fitted) = extent(line);
        if width == 0 {
            return;
        }
        let fit =
            if is_fitted { format!(r#" textLength="{width}" lengthAdjust="spacingAndGlyphs""#) } else { String::new() };
        let mut text = format!(r#"<text x="{x}" y="{base}"{fit}>"#);
        for Run { text: part, style } in line {
            // Writing to a string does not fail.
            let _ = write!(text, "<tspan{}>{}</tspan>", attributes(*style), escaped(part));
        }
        text.push_str("</text>");
        self.shapes.push(text);
    }

    /// Labels, and their values beside them.
    pub(super) fn fields(&mut self, column: Column, label: usize, fields: &[(String, Vec<Run>)], style: Style) {
        for (name, value) in fields {
            let start = self.y;
            let name = [run(name.as_str(), style)];
            let height = line_height(&name).max(line_height(value));
            self.set(Column { width: label.saturating_sub(10), ..column }, &name, height);
            let end = std::mem::replace(&mut self.y, start);
            self.set(column.right_of(label), value, height);
            self.below(end);
            self.space(3);
        }
    }

    /// Lines of a program, in a box.
    pub(super) fn code(&mut self, column: Column, text: &str) {
        let mark = self.mark();
        self.space(7);
        self.plain(column.within(10), text, CODE);
        self.space(7);
        self.frame(column, mark, BOX);
        self.space(8);
    }

    /// Buttons beside each other.
    pub(super) fn buttons<'l>(&mut self, column: Column, labels: impl IntoIterator<Item = &'l str>) {
        let style = Style { is_bold: true, ..LABEL.coloured(BLUE) };
        let mut x = column.x;
        for label in labels {
            let label = plain_text::one_line(label, 40);
            let wide = width(&label, style) + 24;
            self.rect(Column { x, width: wide }, self.y, 30, Frame { radius: 4, ..CARD });
            self.line(x + 12, self.y + 20, &[run(label, style)]);
            x += wide + 8;
        }
        self.space(30);
    }

    /// Short words in capsules. Returns where the next thing may stand.
    pub(super) fn pill(&mut self, x: usize, y: usize, text: &str, colour: &'static str) -> usize {
        let style = Style { size: 11, ..BOLD.coloured(WHITE) };
        let text = plain_text::one_line(text, 40);
        let wide = width(&text, style);
        self.rect(Column { x, width: wide + 14 }, y, 20, Frame { fill: colour, border: colour, radius: 4 });
        self.line(x + 7, y + 14, &[run(text, style)]);
        x + wide + 22
    }

    /// The sign of this program: a gate in a square.
    pub(super) fn avatar(&mut self, x: usize, y: usize, size: usize) {
        self.rect(Column { x, width: size }, y, size, Frame { fill: NAVY, border: NAVY, radius: size / 6 });
        // The path has 24 pixels, of which 2 are left free on each side, and the square is scaled to them.
        let (whole, rest) = (size / 24, size % 24 * 100 / 24);
        self.shapes.push(format!(
            r#"<path transform="translate({x} {y}) scale({whole}.{rest:02})" d="{GATE}" fill="none" stroke="{WHITE}" stroke-width="1.4"/>"#
        ));
    }

    /// Who is no program of ours.
    pub(super) fn stranger(&mut self, x: usize, y: usize, size: usize) {
        self.rect(Column { x, width: size }, y, size, Frame { fill: LINE, border: LINE, radius: size / 2 });
    }

    /// A line across.
    pub(super) fn rule(&mut self, column: Column) {
        self.rect(column, self.y, 1, Frame { fill: LINE, border: "none", radius: 0 });
        self.space(1);
    }

    /// What comes later, under a word that says when.
    pub(super) fn later(&mut self, when: &str) {
        self.space(14);
        self.rule(Column { x: 1, width: WIDTH - 2 });
        self.space(10);
        self.plain(Self::column(), when, Style { is_bold: true, ..NOTE });
        self.space(8);
    }

    /// A bar on the left of all since the mark.
    pub(super) fn bar(&mut self, x: usize, mark: Mark, colour: &'static str) {
        let height = self.y.saturating_sub(mark.y);
        self.rect(Column { x, width: 4 }, mark.y, height, Frame { fill: colour, border: colour, radius: 2 });
    }

    /// A frame behind all since the mark.
    pub(super) fn frame(&mut self, column: Column, mark: Mark, frame: Frame) {
        let shape = rect(column, mark.y, self.y.saturating_sub(mark.y), frame);
        self.shapes.insert(mark.shape.min(self.shapes.len()), shape);
    }

    fn rect(&mut self, column: Column, y: usize, height: usize, frame: Frame) {
        self.shapes.push(rect(column, y, height, frame));
    }

    /// The picture.
    pub(super) fn into_svg(self) -> String {
        let height = self.y + MARGIN;
        let title = escaped(self.title);
        let card = Column { x: 0, width: WIDTH };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             role=\"img\" font-family=\"{SANS}\" font-size=\"{}\" fill=\"{}\">\n<title>{title}</title>\n<style>.code {{ font-family: {MONO}; }}</style>\n{}\n",
            TEXT.size,
            TEXT.colour,
            rect(card, 0, height, CARD),
        );
        for shape in self.shapes {
            svg.push_str(&shape);
            svg.push('\n');
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn line_height(runs: &[Run]) -> usize {
    runs.iter().map(|run| run.style.line()).max().unwrap_or_default()
}

/// What of a style is not that of the whole picture.
fn attributes(style: Style) -> String {
    let mut attributes = String::new();
    if style.size != TEXT.size {
        let _ = write!(attributes, r#" font-size="{}""#, style.size);
    }
    if style.colour != TEXT.colour {
        let _ = write!(attributes, r#" fill="{}""#, style.colour);
    }
    if style.is_bold {
        attributes.push_str(r#" font-weight="bold""#);
    }
    if style.is_mono {
        attributes.push_str(r#" class="code""#);
    }
    attributes
}

/// A rectangle. Its border is inside of it, so that none is cut off at the edge of the picture.
fn rect(Column { x, width }: Column, y: usize, height: usize, Frame { fill, border, radius }: Frame) -> String {
    if border == "none" || border == fill {
        let round = if radius > 0 { format!(r#" rx="{radius}""#) } else { String::new() };
        return format!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}"{round} fill="{fill}"/>"#);
    }
    let (width, height) = (width.saturating_sub(1), height.saturating_sub(1));
    format!(
        r#"<rect x="{x}.5" y="{y}.5" width="{width}" height="{height}" rx="{radius}" fill="{fill}" stroke="{border}"/>"#
    )
}
