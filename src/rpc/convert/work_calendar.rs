//! The days on which a company works.

use super::choice;
use crate::{
    domain::{
        refusal::Violations,
        retention::calendar::{MAX_DATES, WorkCalendar},
        text::{check_len, check_unique},
    },
    rpc::proto,
};
use chrono::{NaiveDate, Weekday};
use std::collections::BTreeSet;

fn dates(dates: &BTreeSet<NaiveDate>) -> Vec<String> {
    dates.iter().map(NaiveDate::to_string).collect()
}

/// A calendar as a message.
#[must_use]
pub fn encode(calendar: &WorkCalendar) -> proto::WorkCalendar {
    let weekday = |weekday: &Weekday| match weekday {
        Weekday::Mon => proto::Weekday::Monday,
        Weekday::Tue => proto::Weekday::Tuesday,
        Weekday::Wed => proto::Weekday::Wednesday,
        Weekday::Thu => proto::Weekday::Thursday,
        Weekday::Fri => proto::Weekday::Friday,
        Weekday::Sat => proto::Weekday::Saturday,
        Weekday::Sun => proto::Weekday::Sunday,
    };
    proto::WorkCalendar {
        weekdays: calendar.weekdays.iter().map(|day| weekday(day).into()).collect(),
        holidays: dates(&calendar.holidays),
        extra_work_days: dates(&calendar.extra_work_days),
    }
}

/// Reads a calendar; what cannot be read is not in it, and noted.
pub fn read(v: &mut Violations, field: &str, message: &proto::WorkCalendar) -> WorkCalendar {
    let mut weekdays = Vec::new();
    check_len(v, &format!("{field}.weekdays"), message.weekdays.len(), 7);
    for (at, number) in message.weekdays.iter().enumerate().take(7) {
        let field = format!("{field}.weekdays[{at}]");
        let read = choice(v, &field, *number, |value| match value {
            proto::Weekday::Unspecified => None,
            proto::Weekday::Monday => Some(Weekday::Mon),
            proto::Weekday::Tuesday => Some(Weekday::Tue),
            proto::Weekday::Wednesday => Some(Weekday::Wed),
            proto::Weekday::Thursday => Some(Weekday::Thu),
            proto::Weekday::Friday => Some(Weekday::Fri),
            proto::Weekday::Saturday => Some(Weekday::Sat),
            proto::Weekday::Sunday => Some(Weekday::Sun),
        });
        if read == Some(None) {
            v.add(&field, "must be set");
        }
        weekdays.extend(read.flatten());
    }
    let holidays = read_dates(v, &format!("{field}.holidays"), &message.holidays);
    let extra_work_days = read_dates(v, &format!("{field}.extra_work_days"), &message.extra_work_days);
    WorkCalendar {
        weekdays,
        holidays,
        extra_work_days,
    }
}

fn read_dates(v: &mut Violations, field: &str, texts: &[String]) -> BTreeSet<NaiveDate> {
    check_len(v, field, texts.len(), MAX_DATES);
    check_unique(v, field, texts);
    let read = texts.iter().take(MAX_DATES).enumerate().filter_map(|(at, text)| {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        // As it is written back, so that there is one way to write a date.
        let date = date.filter(|date| date.to_string() == *text);
        v.check(format!("{field}[{at}]"), date.ok_or("must be a date, YYYY-MM-DD"))
    });
    read.collect()
}
