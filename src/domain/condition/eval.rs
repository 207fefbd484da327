//! Whether an account meets a condition, and when time alone will change that.
//!
//! There are two answers and no third: of a field that is not set every comparison is false but `!=`, which is what `==`
//! is not. The translation into SQL in `store::condition` says the same; a test holds the two against each other.

use super::{
    field::{Custom, Field, Standard},
    tree::{Comparison, Moment, Node, Test, TextTest, Value},
};
use crate::domain::{
    account::{Account, Extras},
    custom_field::FieldValue,
    days::{months_before, months_pass},
    directory::{Directory, User},
    ids::{ExternalId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::cmp::Ordering;
use uuid::Uuid;

/// What conditions are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The account.
    pub account: &'a Account,
    /// Its tags and custom fields; empty will do where the condition does not use them.
    pub extras: &'a Extras,
    /// Its owner as the directory knows him; nobody will do where the condition does not use departments.
    pub owner: Option<&'a User>,
}

impl<'a> Record<'a> {
    /// The account with what the directory says of its owner.
    #[must_use]
    pub fn new(account: &'a Account, extras: &'a Extras, directory: &'a Directory) -> Self {
        Self {
            account,
            extras,
            owner: account.owner.as_ref().and_then(|owner| directory.user(owner)),
        }
    }
}

/// What a field says.
#[derive(Clone, Copy, PartialEq)]
enum Said<'a> {
    NotSet,
    Text(&'a str),
    Pool(Uuid),
    Code(i16),
    Count(i64),
    Number(f64),
    Time(DateTime<Utc>),
    /// Of a flag, or of a list whether there is anything in it.
    Flag(bool),
}

fn text(text: &str) -> Said<'_> {
    if text.is_empty() {
        Said::NotSet
    } else {
        Said::Text(text)
    }
}

fn user(id: Option<&UserId>) -> Said<'_> {
    id.map_or(Said::NotSet, |id| Said::Text(id.as_str()))
}

fn time<'a>(time: Option<DateTime<Utc>>) -> Said<'a> {
    time.map_or(Said::NotSet, Said::Time)
}

impl<'a> Record<'a> {
    fn ask(&self, field: &Field) -> Said<'a> {
        match field {
            Field::Standard(field) => self.standard(*field),
            Field::Custom(field) => self.custom(field),
        }
    }

    fn standard(&self, field: Standard) -> Said<'a> {
        let Account { profile, .. } = self.account;
        match field {
            Standard::Name => text(&profile.name),
            Standard::AccountKind => Said::Code(profile.kind.number()),
            Standard::Grade => text(&profile.grade),
            Standard::Industry => text(&profile.industry),
            Standard::Source => text(&profile.source),
            Standard::Region => text(&profile.region),
            Standard::Phone => text(&profile.phone),
            Standard::Email => text(&profile.email),
            Standard::Website => text(&profile.website),
            Standard::Address => text(&profile.address),
            Standard::Remark => text(&profile.remark),
            Standard::ExternalId => text(profile.external_id.as_ref().map_or("", ExternalId::as_str)),
            Standard::Tags => Said::Flag(!self.extras.tags.is_empty()),
            Standard::Status => Said::Code(self.account.status.number()),
            Standard::Owner => user(self.account.owner.as_ref()),
            Standard::LastOwner => user(self.account.last_owner.as_ref()),
            Standard::OwnerSince => time(self.account.owner_since),
            Standard::Departments => Said::Flag(self.owner.is_some_and(|user| user.departments().next().is_some())),
            Standard::Pool => self.account.pool_id.map_or(Said::NotSet, |id| Said::Pool(id.0)),
            Standard::Creator => user(self.account.creator.as_ref()),
            Standard::CreateTime => Said::Time(self.account.create_time),
            Standard::UpdateTime => Said::Time(self.account.update_time),
            Standard::LastFollowUpTime => time(self.account.last_follow_up()),
            Standard::LastWonTime => time(self.account.last_won_time),
            Standard::WonCount => Said::Count(self.account.won_count),
            Standard::DealStatus => Said::Code(self.account.deal_status.number()),
            Standard::IsWon => Said::Flag(self.account.is_won()),
            Standard::TransferCount => Said::Count(self.account.transfer_count),
        }
    }

    fn custom(&self, field: &Custom) -> Said<'a> {
        match self.extras.fields.get(&field.id).filter(|_| field.enabled) {
            None => Said::NotSet,
            Some(FieldValue::Text(value)) => text(value),
            Some(FieldValue::Number(number)) => Said::Number(*number),
            Some(FieldValue::Time(instant)) => Said::Time(*instant),
        }
    }

    fn has_member(&self, text: &str, field: &Field) -> bool {
        match field {
            Field::Standard(Standard::Departments) => self
                .owner
                .is_some_and(|user| user.departments().any(|id| id.as_str() == text)),
            _ => self.extras.tags.iter().any(|tag| tag == text),
        }
    }
}

fn compare(said: Said<'_>, value: &Value, now: DateTime<Utc>) -> Option<Ordering> {
    match (said, value) {
        (Said::Text(one), Value::Text(other)) => Some(one.cmp(other)),
        (Said::Pool(one), Value::Pool(other)) => Some(one.cmp(other)),
        (Said::Code(one), Value::Code(other)) => Some(one.cmp(other)),
        (Said::Count(one), Value::Count(other)) => Some(one.cmp(other)),
        (Said::Number(one), Value::Number(other)) => one.partial_cmp(other),
        (Said::Time(one), Value::Time(other)) => Some(one.cmp(&other.at(now))),
        _ => None,
    }
}

impl Test {
    fn holds(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> bool {
        match self {
            Self::Has(field) => !matches!(
                (record.ask(field), field),
                (Said::NotSet, _)
                    | (
                        Said::Flag(false),
                        Field::Standard(Standard::Tags | Standard::Departments)
                    )
            ),
            Self::Is(field) => record.ask(field) == Said::Flag(true),
            Self::Compare(field, how, value) => {
                let order = compare(record.ask(field), value, now);
                match how {
                    Comparison::Equal => order == Some(Ordering::Equal),
                    Comparison::NotEqual => order != Some(Ordering::Equal),
                    Comparison::Less => order.is_some_and(Ordering::is_lt),
                    Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
                    Comparison::Greater => order.is_some_and(Ordering::is_gt),
                    Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
                }
            }
            Self::OneOf(field, values) => {
                let said = record.ask(field);
                values
                    .iter()
                    .any(|value| compare(said, value, now) == Some(Ordering::Equal))
            }
            Self::Text(field, test, other) => match record.ask(field) {
                Said::Text(text) => match test {
                    TextTest::StartsWith => text.starts_with(other),
                    TextTest::Contains => text.contains(other),
                    TextTest::EndsWith => text.ends_with(other),
                },
                _ => false,
            },
            Self::Member(text, field) => record.has_member(text, field),
            Self::CreatedWithin(months) => record.account.create_time >= months_before(now, *months, tz),
            Self::OlderThan(months) => record.account.create_time < months_before(now, *months, tz),
        }
    }

    /// Instants at which the answer changes by time alone, those of the past too.
    fn changes(&self, record: &Record<'_>, tz: Tz, mut note: impl FnMut(DateTime<Utc>)) {
        match self {
            Self::CreatedWithin(months) | Self::OlderThan(months) => {
                months_pass(record.account.create_time, *months, tz).map(note);
            }
            Self::Compare(field, how, Value::Time(Moment::FromNow(length))) => {
                let Said::Time(time) = record.ask(field) else { return };
                // The value passes the field's time: it is there at this instant, and beyond it one microsecond later.
                let Some(there) = time.checked_sub_signed(*length) else {
                    return;
                };
                let beyond = there.checked_add_signed(TimeDelta::microseconds(1));
                match how {
                    Comparison::Greater | Comparison::LessOrEqual => note(there),
                    Comparison::Less | Comparison::GreaterOrEqual => beyond.into_iter().for_each(note),
                    Comparison::Equal | Comparison::NotEqual => {
                        note(there);
                        beyond.into_iter().for_each(note);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether the passing of time can change the answer.
    pub(super) const fn depends_on_time(&self) -> bool {
        matches!(
            self,
            Self::CreatedWithin(_) | Self::OlderThan(_) | Self::Compare(_, _, Value::Time(Moment::FromNow(_)))
        )
    }
}

impl Node {
    pub(super) fn holds(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> bool {
        match self {
            Self::Always(holds) => *holds,
            Self::All(parts) => parts.iter().all(|part| part.holds(record, now, tz)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(record, now, tz)),
            Self::Not(part) => !part.holds(record, now, tz),
            Self::Test(test) => test.holds(record, now, tz),
        }
    }

    pub(super) fn next_change(&self, record: &Record<'_>, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let mut times = Vec::new();
        self.each_test(&mut |test| test.changes(record, tz, |time| times.extend((time > now).then_some(time))));
        times.sort_unstable();
        times.dedup();
        let today = self.holds(record, now, tz);
        // Between these instants no part changes its answer.
        times.into_iter().find(|time| self.holds(record, *time, tz) != today)
    }
}
