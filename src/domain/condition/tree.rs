//! What a condition is once it is understood: known fields, known operators, values of the right kind. It is evaluated
//! and translated from this, never from the text. Printed, it is a condition again.

use super::{
    duration,
    field::{Field, Kind},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use std::{cmp::Ordering, fmt};
use uuid::Uuid;

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Holds, or does not, whatever the account.
    Always(bool),
    /// All parts hold; there are at least two, and none is an `All` itself.
    All(Vec<Node>),
    /// Some part holds; likewise.
    Any(Vec<Node>),
    /// The part does not hold; it is no `Not` itself.
    Not(Box<Node>),
    /// A question to the account.
    Test(Test),
}

/// A question to an account. What is not set equals nothing and is not less or greater than anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The field is set.
    Has(Field),
    /// It is yes.
    Is(Field),
    /// It compares like this to the value.
    Compare(Field, Comparison, Value),
    /// It is one of the values.
    OneOf(Field, Vec<Value>),
    /// Its text does this with the other.
    Text(Field, TextTest, String),
    /// It has the value among others.
    Member(String, Field),
    /// The account was created within so many months.
    CreatedWithin(u32),
    /// It was not.
    OlderThan(u32),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`, also of what is not set.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The operator.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// The same with the sides exchanged.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Whether it asks for more than equality.
    pub(super) const fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// What a text does with another one, character by character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// It begins with it.
    StartsWith,
    /// It has it within.
    Contains,
    /// It ends with it.
    EndsWith,
}

impl TextTest {
    /// The function's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartsWith => "startsWith",
            Self::Contains => "contains",
            Self::EndsWith => "endsWith",
        }
    }
}

/// What a field is compared to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, a choice or the id of a user; never empty.
    Text(String),
    /// A pool.
    Pool(Uuid),
    /// A name of a published list, by its number.
    Code(i16),
    /// A whole number.
    Count(i64),
    /// A finite number; zero has no sign.
    Number(f64),
    /// An instant.
    Time(Moment),
}

/// An instant, fixed or so far from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Always the same, in whole microseconds.
    Fixed(DateTime<Utc>),
    /// So long after now, or before.
    FromNow(TimeDelta),
}

impl Moment {
    /// Which instant that is. It stays within the range of times.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Fixed(time) => time,
            Self::FromNow(length) => now.checked_add_signed(length).unwrap_or_else(|| {
                let end = if length < TimeDelta::zero() {
                    DateTime::<Utc>::MIN_UTC
                } else {
                    DateTime::<Utc>::MAX_UTC
                };
                // In whole microseconds, as everywhere.
                DateTime::from_timestamp_micros(end.timestamp_micros()).unwrap_or(end)
            }),
        }
    }
}

impl Node {
    /// Calls `f` with every question.
    pub fn each_test<'a>(&'a self, f: &mut impl FnMut(&'a Test)) {
        match self {
            Self::Always(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_test(f)),
            Self::Not(part) => part.each_test(f),
            Self::Test(test) => f(test),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, parts: &[Self], sign: &str| {
            for (at, part) in parts.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { sign })?;
                match part {
                    Self::All(_) | Self::Any(_) => write!(f, "({part})")?,
                    _ => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::Always(holds) => holds.fmt(f),
            Self::All(parts) => join(f, parts, " && "),
            Self::Any(parts) => join(f, parts, " || "),
            Self::Not(part) => write!(f, "!({part})"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // has() takes no brackets.
            Self::Has(field) if field.is_bracketed() => write!(f, "{field} != null"),
            Self::Has(field) => write!(f, "has({field})"),
            Self::Is(field) => field.fmt(f),
            Self::Compare(field, how, value) => {
                write!(f, "{field} {} {}", how.sign(), Printed(field, value))
            }
            Self::OneOf(field, values) => {
                let values: Vec<_> = values.iter().map(|value| Printed(field, value).to_string()).collect();
                write!(f, "{field} in [{}]", values.join(", "))
            }
            Self::Text(field, test, text) => write!(f, "{field}.{}({})", test.name(), Quoted(text)),
            Self::Member(text, field) => write!(f, "{} in {field}", Quoted(text)),
            Self::CreatedWithin(months) => write!(f, "created_within_months({months})"),
            Self::OlderThan(months) => write!(f, "older_than_months({months})"),
        }
    }
}

/// A value as it is written for the field.
struct Printed<'a>(&'a Field, &'a Value);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Value::Text(text) => Quoted(text).fmt(f),
            Value::Pool(id) => write!(f, "\"{}\"", id.hyphenated()),
            Value::Code(number) => {
                let name = match self.0.kind() {
                    Kind::Code(code) => code.name(*number),
                    _ => None,
                };
                Quoted(name.unwrap_or_default()).fmt(f)
            }
            Value::Count(number) => number.fmt(f),
            // With a point or an exponent, and every digit that tells it from its neighbours.
            Value::Number(number) => write!(f, "{number:?}"),
            Value::Time(Moment::Fixed(time)) => {
                write!(
                    f,
                    "timestamp(\"{}\")",
                    time.to_rfc3339_opts(SecondsFormat::Micros, true)
                )
            }
            Value::Time(Moment::FromNow(length)) => {
                let sign = match length.cmp(&TimeDelta::zero()) {
                    Ordering::Equal => return f.write_str("now"),
                    Ordering::Less => '-',
                    Ordering::Greater => '+',
                };
                write!(f, "now {sign} duration(\"{}\")", duration::print(length.abs()))
            }
        }
    }
}

/// A string literal.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                _ => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
