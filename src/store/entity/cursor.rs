//! Reads the columns of a row one after the other.

use sea_orm::{DbErr, QueryResult, TryGetable};

/// The next column of a row.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn next<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let column = self.row.try_get_by_index(self.next);
        self.next += 1;
        column
    }
}
