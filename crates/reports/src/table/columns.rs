//! Choice of the columns, and their widths.

use std::collections::BTreeSet;

use findings::ScanTarget;

use super::row::Row;
use super::style::{GAP, width_of};

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Severity,
    Group,
    Name,
    Account,
    Region,
    Place,
    OpenTo,
    Traffic,
    Ports,
    Source,
    Rule,
    Description,
}

impl Column {
    /// All columns, from left to right.
    const ALL: [Self; 12] = [
        Self::Severity,
        Self::Group,
        Self::Name,
        Self::Account,
        Self::Region,
        Self::Place,
        Self::OpenTo,
        Self::Traffic,
        Self::Ports,
        Self::Source,
        Self::Rule,
        Self::Description,
    ];

    /// Columns that a table has only where there is room, the most important one first.
    const OPTIONAL: [Self; 8] = [
        Self::Place,
        Self::Account,
        Self::Region,
        Self::Rule,
        Self::Name,
        Self::OpenTo,
        Self::Traffic,
        Self::Description,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Severity => "SEVERITY",
            Self::Group => "GROUP",
            Self::Name => "NAME",
            Self::Account => "ACCOUNT",
            Self::Region => "REGION",
            Self::Place => "FILE",
            Self::OpenTo => "OPEN TO",
            Self::Traffic => "RULE ADMITS",
            Self::Ports => "BLOCKED PORTS",
            Self::Source => "SOURCE",
            Self::Rule => "RULE",
            Self::Description => "DESCRIPTION",
        }
    }

    /// Text of the column itself; the group may have more below its id.
    pub(super) fn text(self, row: &Row) -> &str {
        match self {
            Self::Severity => row.level.as_str(),
            Self::Group => &row.group,
            Self::Name => &row.name,
            Self::Account => &row.account,
            Self::Region => &row.region,
            Self::Place => &row.place,
            Self::OpenTo => &row.open_to,
            Self::Traffic => &row.traffic,
            Self::Ports => &row.ports,
            Self::Source => &row.source,
            Self::Rule => &row.rule,
            Self::Description => &row.description,
        }
    }

    /// Width that is enough to break no id, port or address of IPv4.
    fn least(self) -> u16 {
        match self {
            Self::Ports => 15,
            Self::Group => 36,
            _ => 21,
        }
    }

    /// Width above which the column gets no more.
    fn most(self) -> u16 {
        match self {
            Self::Source => 43,
            _ => 40,
        }
    }
}

/// Columns that a terminal without room for them narrows, in this order, and to which width. Ports are broken between each
/// other, names anywhere, and the id of a group never.
const NARROW: [(Column, u16); 4] = [(Column::Ports, 13), (Column::Group, 20), (Column::Ports, 8), (Column::Source, 17)];

/// Widest text of each column, and whether a column has more than one text.
#[derive(Debug, Default)]
pub(super) struct Widths {
    texts: [u16; Column::ALL.len()],
    below_group: u16,
    ports_alone: u16,
    accounts: Distinct,
    regions: Distinct,
}

/// Whether all texts are the same.
#[derive(Debug, Default)]
struct Distinct {
    first: Option<String>,
    are_several: bool,
}

impl Distinct {
    fn add(&mut self, text: &str) {
        match &self.first {
            Some(first) => self.are_several |= first != text,
            None => self.first = Some(text.to_owned()),
        }
    }

    /// The only text there is.
    fn only(&self) -> Option<&str> {
        self.first.as_deref().filter(|text| !self.are_several && !text.is_empty())
    }
}

impl Widths {
    pub(super) fn add(&mut self, row: &Row) {
        for (width, column) in self.texts.iter_mut().zip(Column::ALL) {
            *width = (*width).max(width_of(column.text(row)));
        }
        self.below_group = self.below_group.max(width_of(&row.note));
        self.ports_alone = self.ports_alone.max(width_of(row.ports_alone()));
        self.accounts.add(&row.account);
        self.regions.add(&row.region);
    }

    /// Account and region, if they are the same in all rows.
    pub(super) fn only_place(&self) -> (Option<&str>, Option<&str>) {
        (self.accounts.only(), self.regions.only())
    }

    fn of(&self, column: Column) -> u16 {
        let found = self.texts.iter().zip(Column::ALL).find(|(_, known)| *known == column);
        found.map_or(0, |(width, _)| *width)
    }

    /// Whether the column says something that the head of the table does not. The head names an account and a region only
    /// if no others were read.
    fn is_needed(&self, column: Column, targets: &[ScanTarget]) -> bool {
        let several = |name: fn(&ScanTarget) -> &String| {
            targets.iter().map(name).collect::<BTreeSet<_>>().len() > 1 && self.of(column) > 0
        };
        match column {
            Column::Account => self.accounts.are_several || several(|target| &target.account),
            Column::Region => self.regions.are_several || several(|target| &target.region),
            _ => self.of(column) > 0,
        }
    }
}

/// The columns of a table.
#[derive(Debug)]
pub(super) struct Layout {
    /// Columns from left to right, and their widths.
    pub(super) columns: Vec<(Column, u16)>,
    /// Columns without room, whose texts are below the id of the group.
    pub(super) below_group: Vec<Column>,
    /// Whether there is a column for the traffic of a rule.
    pub(super) has_traffic: bool,
}

impl Layout {
    pub(super) fn new(widths: &Widths, targets: &[ScanTarget], total: u16) -> Self {
        let natural = |column: Column| widths.of(column).max(width_of(column.title()));
        let most = |column: Column| natural(column).min(column.most());
        let mut chosen: Vec<(Column, u16)> = [Column::Severity, Column::Group, Column::Ports, Column::Source]
            .map(|column| (column, natural(column).min(column.least())))
            .to_vec();
        let taken = |chosen: &[(Column, u16)]| chosen.iter().map(|(_, width)| width + GAP).sum::<u16>();
        for (column, narrow) in NARROW {
            let excess = taken(&chosen).saturating_sub(total + GAP);
            if let Some((_, width)) = chosen.iter_mut().find(|(known, _)| *known == column) {
                *width = (*width).min((*width).saturating_sub(excess).max(narrow));
            }
        }
        let mut room = (total + GAP).saturating_sub(taken(&chosen));
        let grow = |chosen: &mut Vec<(Column, u16)>, column: Column, to: u16, room: &mut u16| {
            if let Some((_, width)) = chosen.iter_mut().find(|(known, _)| *known == column) {
                let more = to.saturating_sub(*width).min(*room);
                *width += more;
                *room -= more;
            }
        };
        for column in [Column::Source, Column::Ports] {
            grow(&mut chosen, column, most(column), &mut room);
        }
        let mut below_group = Vec::new();
        for column in Column::OPTIONAL.into_iter().filter(|column| widths.is_needed(*column, targets)) {
            let width = most(column);
            if width + GAP <= room {
                room -= width + GAP;
                chosen.push((column, width));
            } else if matches!(column, Column::Place | Column::Account | Column::Region | Column::Name) {
                below_group.push(column);
                // A less important column does not take the room of this one.
                grow(&mut chosen, Column::Group, width, &mut room);
            }
        }
        let has_traffic = chosen.iter().any(|(column, _)| *column == Column::Traffic);
        if has_traffic && let Some((_, width)) = chosen.iter_mut().find(|(column, _)| *column == Column::Ports) {
            let alone = widths.ports_alone.max(width_of(Column::Ports.title())).min(*width);
            room += *width - alone;
            *width = alone;
        }
        let below = below_group.iter().map(|column| most(*column)).chain([widths.below_group]).max();
        grow(&mut chosen, Column::Group, most(Column::Group).max(below.unwrap_or_default()), &mut room);
        for column in [Column::Source, Column::Ports, Column::Name, Column::Description] {
            let is_short = column == Column::Ports && has_traffic;
            grow(&mut chosen, column, if is_short { widths.ports_alone } else { natural(column) }, &mut room);
        }
        let place = |column: &Column| Column::ALL.iter().position(|known| known == column);
        chosen.sort_by_key(|(column, _)| place(column));
        below_group.sort_by_key(place);
        Self { columns: chosen, below_group, has_traffic }
    }
}
