//! Conditions as SQL: what `domain::condition` evaluates, asked of rows of accounts that are read as `a`.
//!
//! Fields become columns by a static map, and everything that came with the condition is a bound value. Texts are
//! compared byte by byte, and searched without patterns, so that no character means anything but itself. No part is ever
//! NULL: what is not set is false, as in memory, so that NOT is what it says.

use super::{account_row::LAST_FOLLOW_UP, batch::Update, dialect::Engine, instant::micros, sql::padded};
use crate::domain::{
    account_list::Sieve,
    condition::{
        field::{Custom, Field, Kind, Standard},
        tree::{Comparison, Node, Test, TextTest, Value},
    },
    days::months_before,
};
use sea_orm::Value as Bound;

/// The condition as one term.
pub(super) fn term(engine: Engine, sieve: &Sieve) -> Update {
    let mut writer = Writer {
        engine,
        sieve,
        sql: Update {
            sql: String::new(),
            values: Vec::new(),
        },
    };
    writer.node(sieve.condition.tree());
    writer.sql.sql = engine.beside(&writer.sql.sql);
    writer.sql
}

struct Writer<'a> {
    engine: Engine,
    sieve: &'a Sieve,
    sql: Update,
}

/// How a column says that there is nothing in it.
#[derive(Clone, Copy)]
enum Unset {
    /// It always has a value.
    Never,
    Null,
    Zero,
    Empty,
}

const fn column(field: Standard) -> (&'static str, Unset) {
    match field {
        Standard::Name => ("a.name", Unset::Empty),
        Standard::AccountKind => ("a.kind", Unset::Never),
        Standard::Grade => ("a.grade", Unset::Empty),
        Standard::Industry => ("a.industry", Unset::Empty),
        Standard::Source => ("a.source", Unset::Empty),
        Standard::Region => ("a.region", Unset::Empty),
        Standard::Phone => ("a.phone", Unset::Empty),
        Standard::Email => ("a.email", Unset::Empty),
        Standard::Website => ("a.website", Unset::Empty),
        Standard::Address => ("a.address", Unset::Empty),
        Standard::Remark => ("a.remark", Unset::Empty),
        Standard::ExternalId => ("a.external_id", Unset::Null),
        Standard::Status => ("a.status", Unset::Never),
        // Departments are asked of the owner, tags of a table of their own.
        Standard::Owner | Standard::Departments | Standard::Tags => ("a.owner", Unset::Null),
        Standard::LastOwner => ("a.last_owner", Unset::Null),
        Standard::OwnerSince => ("a.owner_since", Unset::Null),
        Standard::Pool => ("a.pool_id", Unset::Null),
        Standard::Creator => ("a.creator", Unset::Null),
        Standard::CreateTime => ("a.create_time", Unset::Never),
        Standard::UpdateTime => ("a.update_time", Unset::Never),
        Standard::LastFollowUpTime => (LAST_FOLLOW_UP, Unset::Zero),
        Standard::LastWonTime => ("a.last_won_time", Unset::Zero),
        Standard::WonCount => ("a.won_count", Unset::Never),
        Standard::DealStatus | Standard::IsWon => ("a.deal_status", Unset::Never),
        Standard::TransferCount => ("a.transfer_count", Unset::Never),
    }
}

fn custom_column(field: &Field) -> &'static str {
    match field.kind() {
        Kind::Number => "f.number_value",
        Kind::Time => "f.time_value",
        _ => "f.text_value",
    }
}

impl Writer<'_> {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Always(true) => self.sql.text("1 = 1"),
            Node::Always(false) => self.sql.text("1 = 0"),
            Node::All(parts) => self.join(parts, " AND "),
            Node::Any(parts) => self.join(parts, " OR "),
            Node::Not(part) => {
                self.sql.text("NOT (");
                self.node(part);
                self.sql.text(")");
            }
            Node::Test(test) => self.test(test),
        }
    }

    fn join(&mut self, parts: &[Node], word: &str) {
        for (at, part) in parts.iter().enumerate() {
            self.sql.text(if at == 0 { "(" } else { word });
            self.node(part);
        }
        self.sql.text(")");
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::Has(Field::Standard(Standard::Tags)) => self.tags(|_| {}),
            Test::Has(field) => self.asked(field, |_, _| {}),
            Test::Is(_) => self.sql.text("a.deal_status <> 0"),
            Test::Compare(field, Comparison::NotEqual, value) => {
                self.sql.text("NOT (");
                self.compare(field, Comparison::Equal, value);
                self.sql.text(")");
            }
            Test::Compare(field, how, value) => self.compare(field, *how, value),
            Test::OneOf(field, values) => self.asked(field, |writer, column| {
                let values: Vec<_> = values.iter().map(|value| writer.bound(field, value)).collect();
                writer.sql.text(&format!(" AND {} IN ", writer.column(field, column)));
                writer.sql.list(padded(values));
            }),
            Test::Text(field, test, text) => self.asked(field, |writer, column| writer.text(column, *test, text)),
            Test::Member(text, Field::Standard(Standard::Departments)) => {
                let users: Vec<Bound> = self.sieve.users(text).iter().map(|user| user.as_str().into()).collect();
                if users.is_empty() {
                    return self.sql.text("1 = 0");
                }
                self.sql.text("(a.owner IS NOT NULL AND a.owner IN ");
                self.sql.list(padded(users));
                self.sql.text(")");
            }
            Test::Member(text, _) => self.tags(|writer| {
                writer.sql.text(&format!(" AND {} = ", writer.engine.exact("g.tag")));
                writer.sql.value(writer.engine.exact_value(text));
            }),
            Test::CreatedWithin(months) => self.created(">=", *months),
            Test::OlderThan(months) => self.created("<", *months),
        }
    }

    fn created(&mut self, sign: &str, months: u32) {
        self.sql.text(&format!("a.create_time {sign} "));
        self.sql
            .value(micros(months_before(self.sieve.now, months, self.sieve.tz)));
    }

    /// A question to the tags. They are counted, since what only has to exist may be read first, and then lists lose
    /// their order.
    fn tags(&mut self, rest: impl FnOnce(&mut Self)) {
        self.sql
            .text("(SELECT COUNT(*) FROM account_tag g WHERE g.tenant = a.tenant AND g.account_id = a.id");
        rest(self);
        self.sql.text(") > 0");
    }

    /// A question to the field: that it is set, and then the rest, which begins with AND.
    fn asked(&mut self, field: &Field, rest: impl FnOnce(&mut Self, &str)) {
        match field {
            Field::Custom(Custom { enabled: false, .. }) => self.sql.text("1 = 0"),
            Field::Custom(custom) => {
                let column = custom_column(field);
                self.sql.text(
                    "(SELECT COUNT(*) FROM account_field f WHERE f.tenant = a.tenant AND f.account_id = a.id AND f.field_id = ",
                );
                self.sql.value(custom.id);
                self.sql.text(&format!(" AND {column} IS NOT NULL"));
                if column == "f.text_value" {
                    self.sql.text(" AND LENGTH(f.text_value) > 0");
                }
                rest(self, column);
                self.sql.text(") > 0");
            }
            Field::Standard(standard) => {
                let (column, unset) = column(*standard);
                self.sql.text(&match unset {
                    Unset::Never => "(1 = 1".to_owned(),
                    Unset::Null => format!("({column} IS NOT NULL"),
                    Unset::Zero => format!("({column} <> 0"),
                    Unset::Empty => format!("(LENGTH({column}) > 0"),
                });
                rest(self, column);
                self.sql.text(")");
            }
        }
    }

    fn compare(&mut self, field: &Field, how: Comparison, value: &Value) {
        let sign = match how {
            Comparison::Equal | Comparison::NotEqual => "=",
            other => other.sign(),
        };
        self.asked(field, |writer, column| {
            writer
                .sql
                .text(&format!(" AND {} {sign} ", writer.column(field, column)));
            let bound = writer.bound(field, value);
            writer.sql.value(bound);
        });
    }

    fn text(&mut self, column: &str, test: TextTest, text: &str) {
        let exact = self.engine.exact(column);
        let len = i64::try_from(self.engine.exact_len(text)).unwrap_or(i64::MAX);
        match test {
            TextTest::Contains => {
                self.sql.text(&format!(" AND INSTR({exact}, "));
                self.sql.value(self.engine.exact_value(text));
                self.sql.text(") > 0");
            }
            TextTest::StartsWith => {
                self.sql.text(&format!(" AND SUBSTR({exact}, 1, "));
                self.sql.value(len);
                self.sql.text(") = ");
                self.sql.value(self.engine.exact_value(text));
            }
            TextTest::EndsWith => {
                self.sql.text(&format!(" AND SUBSTR({exact}, "));
                self.sql.value(-len);
                self.sql.text(") = ");
                self.sql.value(self.engine.exact_value(text));
            }
        }
    }

    /// What is compared: texts of people byte by byte; ids have no characters of which that would be too much.
    fn column(&self, field: &Field, column: &str) -> String {
        match field.kind() {
            Kind::Text | Kind::Choice => self.engine.exact(column),
            _ => column.to_owned(),
        }
    }

    fn bound(&self, field: &Field, value: &Value) -> Bound {
        match value {
            Value::Text(text) if field.kind() == Kind::User => text.as_str().into(),
            Value::Text(text) => self.engine.exact_value(text),
            Value::Pool(id) => (*id).into(),
            Value::Code(number) => (*number).into(),
            Value::Count(number) => (*number).into(),
            Value::Number(number) => (*number).into(),
            Value::Time(moment) => micros(moment.at(self.sieve.now)).into(),
        }
    }
}
