//! Updates of many rows in one statement, with nothing that only one engine has: a column whose new value is the same in
//! all rows is written plainly, any other as `CASE key WHEN ? THEN ? ... END`, which halves what it has to look through.

use sea_orm::Value;

/// Keys that are looked through one after the other; among more, halves are told apart.
pub(super) const LEAF: usize = 8;

/// A row to update: its key, and the values in one order for all rows.
pub(super) struct Row {
    pub(super) key: Value,
    pub(super) values: Vec<Value>,
}

/// An update of rows of one table.
pub(super) struct Update {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Update {
    /// `UPDATE table SET columns... ` for `rows`, whose key is in `key`.
    pub(super) fn set(table: &str, key: &str, columns: &[&str], rows: &[Row]) -> Self {
        let mut update = Self {
            sql: format!("UPDATE {table} SET "),
            values: Vec::new(),
        };
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                update.sql.push_str(", ");
            }
            update.sql.push_str(column);
            update.sql.push_str(" = ");
            update.by_key(key, rows.iter().map(|row| (&row.key, &row.values[at])));
        }
        update
    }

    /// Adds plain text.
    pub(super) fn text(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    /// Adds a value.
    pub(super) fn value(&mut self, value: impl Into<Value>) {
        self.sql.push('?');
        self.values.push(value.into());
    }

    /// Adds `(?, ?, ...)`.
    pub(super) fn list(&mut self, values: impl IntoIterator<Item = Value>) {
        self.sql.push('(');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.sql.push_str(", ");
            }
            self.value(value);
        }
        self.sql.push(')');
    }

    /// Adds the value of each key: one value if it is the same for all.
    pub(super) fn by_key<'a>(&mut self, key: &str, values: impl Iterator<Item = (&'a Value, &'a Value)>) {
        let mut values: Vec<_> = values.collect();
        let id = |(key, _): &(&Value, &Value)| match key {
            Value::Uuid(Some(id)) => Some(*id),
            _ => None,
        };
        // Others are compared as their collation has it.
        let ids = values.iter().all(|pair| id(pair).is_some());
        if ids {
            values.sort_by_key(id);
        }
        let write = |update: &mut Self, value: &&Value| update.value((*value).clone());
        self.choose(key, &values, if ids { LEAF } else { usize::MAX }, &write);
    }

    /// Adds what `write` says for each key, once for all of a part where it is the same. Of more than `leaf` keys, which must
    /// be ids in their order, the halves are told apart first: else every row would be compared with half of all keys.
    pub(super) fn choose<T: PartialEq>(
        &mut self,
        key: &str,
        cases: &[(&Value, T)],
        leaf: usize,
        write: &impl Fn(&mut Self, &T),
    ) {
        let Some(((_, first), others)) = cases.split_first() else {
            return;
        };
        if others.iter().all(|(_, other)| other == first) {
            write(self, first);
            return;
        }
        self.text("CASE ");
        if cases.len() > leaf {
            let (below, above) = cases.split_at(cases.len() / 2);
            self.text("WHEN ");
            self.text(key);
            self.text(" < ");
            self.value(above[0].0.clone());
            self.text(" THEN ");
            self.choose(key, below, leaf, write);
            self.text(" ELSE ");
            self.choose(key, above, leaf, write);
        } else {
            self.text(key);
            for (row, case) in cases {
                self.text(" WHEN ");
                self.value((*row).clone());
                self.text(" THEN ");
                write(self, case);
            }
        }
        self.text(" END");
    }
}

/// `INSERT INTO table (columns) VALUES (...), (...)`.
pub(super) fn insert(table: &str, columns: &[&str], rows: impl IntoIterator<Item = Vec<Value>>) -> Update {
    let mut insert = Update {
        sql: format!("INSERT INTO {table} ({}) VALUES ", columns.join(", ")),
        values: Vec::new(),
    };
    for (at, row) in rows.into_iter().enumerate() {
        if at > 0 {
            insert.text(", ");
        }
        insert.list(row);
    }
    insert
}

#[cfg(test)]
mod tests;
