//! Updates of many rows in one statement, with nothing that only one engine has: a column whose new value is the same in
//! all rows is written plainly, any other as `CASE key WHEN ? THEN ? ... END`.

use sea_orm::Value;

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
        let values: Vec<_> = values.collect();
        let same = values.windows(2).all(|pair| pair[0].1 == pair[1].1);
        if let (true, Some((_, value))) = (same, values.first()) {
            self.value((*value).clone());
            return;
        }
        self.sql.push_str("CASE ");
        self.sql.push_str(key);
        for (row, value) in values {
            self.sql.push_str(" WHEN ");
            self.value(row.clone());
            self.sql.push_str(" THEN ");
            self.value(value.clone());
        }
        self.sql.push_str(" END");
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
