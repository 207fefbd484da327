//! Conditions: which accounts a rule is for, or a list is wanted of. One language everywhere, in CEL syntax; for users
//! it is described in `docs/conditions.md`.
//!
//! A text is checked before it is parsed (`guard`), parsed by the `cel` crate, and at once lowered into a small typed
//! tree of known fields, known operators and values that the fields can have. Only that tree is evaluated, here, and
//! translated, in `store::condition`. Nothing of a text reaches a database but bound values, and no text makes anything
//! slow: all bounds are constants.

mod duration;
mod eval;
pub mod field;
mod guard;
mod lower;
mod operand;
mod problem;
pub mod tree;

pub use eval::Record;
pub use field::{Field, Schema, Standard};
pub use guard::TEXT_MAX;
pub use lower::{DEPTH_MAX, LIST_MAX, NODES_MAX};
pub use problem::{At, Position, Problem};

use cel::{
    common::ast::{IdedExpr, SourceInfo},
    parser::Parser,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use lower::{Lowering, Reading};
use std::{cell::Cell, collections::BTreeSet};
use tree::{Node, Test};
use uuid::Uuid;

/// Bytes of stack for the parser. It takes up to 4 MiB for what `guard` lets through, more than threads may have left.
const STACK: usize = 16 << 20;

/// A condition that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    root: Node,
}

impl Condition {
    /// Reads a condition that somebody writes now.
    pub fn compile(text: &str, schema: &Schema<'_>) -> Result<Self, Problem> {
        Self::read(text, schema, Reading::Written)
    }

    /// Reads a condition that was stored. Custom fields that are disabled since have no values, and choices that are no
    /// longer offered are still compared to. What it reads must still be there.
    pub fn restore(text: &str, schema: &Schema<'_>) -> Result<Self, Problem> {
        Self::read(text, schema, Reading::Kept)
    }

    fn read(text: &str, schema: &Schema<'_>, reading: Reading) -> Result<Self, Problem> {
        guard::check(text)?;
        let (expr, source) = parse(text)?;
        let lowering = Lowering {
            text,
            source: &source,
            schema: *schema,
            reading,
            nodes: Cell::new(0),
        };
        Ok(Self {
            root: lowering.node(&expr, 1)?,
            text: text.to_owned(),
        })
    }

    /// The text that it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it says, as a tree.
    #[must_use]
    pub const fn tree(&self) -> &Node {
        &self.root
    }

    /// Whether the account meets it. Months are those of the calendar in `tz`.
    #[must_use]
    pub fn holds(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> bool {
        self.root.holds(record, now, tz)
    }

    /// The first instant after `now` at which [`Self::holds`] gives another answer, if only time passes.
    #[must_use]
    pub fn next_change(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        self.root.next_change(record, now, tz)
    }

    /// The fields that it reads.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<Field> {
        let mut fields = BTreeSet::new();
        self.root.each_test(&mut |test| {
            fields.insert(test.field());
        });
        fields
    }

    /// Whether it reads this custom field.
    #[must_use]
    pub fn reads_custom(&self, id: Uuid) -> bool {
        self.fields()
            .iter()
            .any(|field| matches!(field, Field::Custom(custom) if custom.id == id))
    }

    /// Whether it reads tags or custom fields.
    #[must_use]
    pub fn uses_extras(&self) -> bool {
        self.fields()
            .iter()
            .any(|field| matches!(field, Field::Custom(_) | Field::Standard(Standard::Tags)))
    }

    /// Whether it reads departments of the owner.
    #[must_use]
    pub fn uses_departments(&self) -> bool {
        self.fields().contains(&Field::Standard(Standard::Departments))
    }

    /// Whether its answer can change by the passing of time alone.
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        let mut depends = false;
        self.root.each_test(&mut |test| depends |= test.depends_on_time());
        depends
    }
}

impl Test {
    fn field(&self) -> Field {
        match self {
            Self::Has(field)
            | Self::Is(field)
            | Self::Compare(field, ..)
            | Self::OneOf(field, _)
            | Self::Text(field, ..)
            | Self::Member(_, field) => field.clone(),
            Self::CreatedWithin(_) | Self::OlderThan(_) => Field::Standard(Standard::CreateTime),
        }
    }
}

/// Parses what the guard let through, on a stack of its own. What the parser may do wrong ends with that thread.
fn parse(text: &str) -> Result<(IdedExpr, SourceInfo), Problem> {
    // What is wrong first is all that is told; repairing the text to find more of it takes time.
    let parse = || Parser::new().error_recovery_limit(1).parse_with_source_info(text);
    let parsed = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, parse)
            .ok()?;
        thread.join().ok()
    });
    let failed = || Problem::whole("cannot be read");
    parsed.ok_or_else(failed)?.map_err(|errors| {
        let error = errors.errors.into_iter().min_by_key(|error| error.pos);
        error.map_or_else(failed, |error| refused(text, &error))
    })
}

/// What the parser refused, in words that do not speak of its tokens.
fn refused(text: &str, error: &cel::ParseError) -> Problem {
    let (line, column) = (error.pos.0, error.pos.1);
    let place = usize::try_from(line).ok().zip(usize::try_from(column).ok());
    let message = match error.msg.as_str() {
        message if message.starts_with("invalid int") || message.starts_with("invalid uint") => {
            "this number is out of range: whole numbers are -9223372036854775808 to 9223372036854775807"
        }
        message if message.starts_with("invalid double") => "this number is out of range",
        message if message.starts_with("invalid string") || message.contains("token recognition") => {
            "this string cannot be read; after \\ comes one of \\ \" ' n r t, or a character's number as in \\u00e9"
        }
        message if message.contains("has()") => "has() asks for one field, such as has(account.grade)",
        message if message.starts_with("reserved") => "this word is reserved; texts stand in quotes",
        _ => {
            let rest = place.and_then(|(line, column)| {
                let line = text.lines().nth(line.checked_sub(1)?)?;
                let rest: String = line.chars().skip(column.checked_sub(1)?).take(20).collect();
                (!rest.is_empty()).then_some(rest)
            });
            let message = match rest {
                Some(rest) => format!("cannot be read from here on: {rest}"),
                None => "ends too early".to_owned(),
            };
            return match place {
                Some((line, column)) => Problem::at(Position { line, column }, message),
                None => Problem::whole(message),
            };
        }
    };
    match place {
        Some((line, column)) => Problem::at(Position { line, column }, message),
        None => Problem::whole(message),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(super) mod tests;
