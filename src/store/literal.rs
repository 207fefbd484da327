//! Values written into the text of a statement, for MySQL and MariaDB.
//!
//! A statement of many rows has another shape nearly every time. Prepared, it costs a round trip and a description of every
//! placeholder before it runs, and memory of the server afterwards, and it is hardly ever used again: so it is sent as text,
//! once. What goes between quotes has neither a quote nor a backslash nor a control character in it: any other text, and all
//! bytes, are written as hexadecimal digits. So no setting of the server, `NO_BACKSLASH_ESCAPES` for one, can make a value
//! anything else than a value.

use sea_orm::Value;
use std::fmt::Write;

/// The statement with its values in the place of their marks; nothing if one of them is of a kind that is not written so, or
/// they are not as many as the marks. The statement's own text must have no question mark.
pub(super) fn filled(sql: &str, values: &[Value]) -> Option<String> {
    let mut parts = sql.split('?');
    let mut text = String::with_capacity(sql.len() + values.len() * 16);
    text.push_str(parts.next()?);
    for value in values {
        push(&mut text, value)?;
        text.push_str(parts.next()?);
    }
    parts.next().is_none().then_some(text)
}

fn push(text: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Bool(value) => number(text, value.map(u8::from)),
        Value::TinyInt(value) => number(text, *value),
        Value::SmallInt(value) => number(text, *value),
        Value::Int(value) => number(text, *value),
        Value::BigInt(value) => number(text, *value),
        Value::TinyUnsigned(value) => number(text, *value),
        Value::SmallUnsigned(value) => number(text, *value),
        Value::Unsigned(value) => number(text, *value),
        Value::BigUnsigned(value) => number(text, *value),
        // With an exponent it is a double; without one the server would take it for a decimal number.
        Value::Double(value) if value.is_none_or(f64::is_finite) => {
            number(text, value.map(|value| format!("{value:e}")))
        }
        Value::String(value) => {
            string(text, value.as_deref());
            Some(())
        }
        Value::Bytes(value) => {
            bytes(text, value.as_deref());
            Some(())
        }
        Value::Uuid(value) => {
            bytes(text, value.as_ref().map(|id| id.as_bytes().as_slice()));
            Some(())
        }
        _ => None,
    }
}

fn number(text: &mut String, value: Option<impl std::fmt::Display>) -> Option<()> {
    match value {
        Some(value) => write!(text, "{value}").ok(),
        None => write!(text, "NULL").ok(),
    }
}

fn string(text: &mut String, value: Option<&str>) {
    match value {
        Some(value)
            if value
                .chars()
                .any(|char| matches!(char, '\'' | '\\') || char.is_control()) =>
        {
            text.push_str("_utf8mb4 x'");
            digits(text, value.as_bytes());
            text.push('\'');
        }
        Some(value) => {
            text.push('\'');
            text.push_str(value);
            text.push('\'');
        }
        None => text.push_str("NULL"),
    }
}

fn bytes(text: &mut String, value: Option<&[u8]>) {
    match value {
        Some(value) => {
            text.push_str("x'");
            digits(text, value);
            text.push('\'');
        }
        None => text.push_str("NULL"),
    }
}

fn digits(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests;
