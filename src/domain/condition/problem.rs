//! Why a text is not a condition, and where.

use std::fmt;

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character of the line.
    pub column: usize,
}

impl Position {
    /// The place of the byte `at`, or of the end.
    pub(super) fn of_byte(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
        }
    }
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}{message}")]
pub struct Problem {
    /// Where, if it is about a place.
    pub position: At,
    /// What is wrong there, and what was expected.
    pub message: String,
}

/// A place, or the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The text as a whole.
    Whole,
    /// A place in it.
    Place(Position),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Place(Position { line, column }) => write!(f, "line {line}, column {column}: "),
        }
    }
}

impl Problem {
    /// With the text as a whole.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self {
            position: At::Whole,
            message: message.into(),
        }
    }

    /// At a place.
    pub(super) fn at(position: Position, message: impl Into<String>) -> Self {
        Self {
            position: At::Place(position),
            message: message.into(),
        }
    }
}
