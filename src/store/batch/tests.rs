//! Which value a row gets, of however many rows: the text is read as a database reads it.

use super::{LEAF, Row, Update};
use sea_orm::Value;
use uuid::Uuid;

fn id(number: u128) -> Value {
    Uuid::from_u128(number).into()
}

/// What the expression at the beginning of the text gives for the row `key`, and what is left of text and values.
fn value_of<'a>(sql: &'a str, values: &mut std::slice::Iter<'_, Value>, key: &Value) -> (Value, &'a str) {
    if let Some(rest) = sql.strip_prefix('?') {
        return (values.next().unwrap().clone(), rest);
    }
    if let Some(rest) = sql.strip_prefix("CASE WHEN id < ? THEN ") {
        let (Value::Uuid(limit), Value::Uuid(key_id)) = (values.next().unwrap(), key) else {
            panic!("only ids have an order");
        };
        let (below, rest) = value_of(rest, values, key);
        let (above, rest) = value_of(rest.strip_prefix(" ELSE ").unwrap(), values, key);
        let value = if key_id < limit { below } else { above };
        return (value, rest.strip_prefix(" END").unwrap());
    }
    let mut rest = sql.strip_prefix("CASE id").unwrap();
    let mut found = None;
    while let Some(after) = rest.strip_prefix(" WHEN ? THEN ") {
        let when = values.next().unwrap();
        let (value, after) = value_of(after, values, key);
        if when == key {
            found.get_or_insert(value);
        }
        rest = after;
    }
    // Of a branch that is not this row's there is none.
    (found.unwrap_or(Value::Bool(None)), rest.strip_prefix(" END").unwrap())
}

#[test]
fn every_row_gets_its_value() {
    for number in [1, 2, LEAF, LEAF + 1, 3 * LEAF, 100] {
        // In no order, and some in a row alike.
        let key = |at: usize| id(((at * 37) % 101) as u128);
        let rows = (0..number).map(|at| Row {
            key: key(at),
            values: vec![(((at * 37) % 101 / 5) as u64).into()],
        });
        let rows: Vec<_> = rows.collect();
        let update = Update::set("account", "id", &["version"], &rows);
        let text = update.sql.strip_prefix("UPDATE account SET version = ").unwrap();
        for row in &rows {
            let mut values = update.values.iter();
            let (value, rest) = value_of(text, &mut values, &row.key);
            assert_eq!((value, rest), (row.values[0].clone(), ""), "{number} rows");
            assert!(values.next().is_none());
        }
    }
}

#[test]
fn what_is_the_same_for_all_is_written_once() {
    let rows: Vec<_> = (0..100)
        .map(|at| Row {
            key: id(at),
            values: vec![7_i64.into()],
        })
        .collect();
    let update = Update::set("account", "id", &["version"], &rows);
    assert_eq!(
        (update.sql.as_str(), update.values),
        ("UPDATE account SET version = ?", vec![7_i64.into()])
    );
}

#[test]
fn names_are_compared_one_by_one() {
    let rows: Vec<_> = (0..100_i64)
        .map(|at| Row {
            key: format!("user{at}").into(),
            values: vec![at.into()],
        })
        .collect();
    let update = Update::set("holder", "user_id", &["version"], &rows);
    assert!(!update.sql.contains('<'), "{}", update.sql);
}
