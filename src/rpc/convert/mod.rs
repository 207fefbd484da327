//! Between messages and domain types, one file per noun. Decoding collects everything that is wrong.

pub mod account;
pub mod account_change;
pub mod account_list;
pub mod activity;
pub mod activity_rule;
pub mod activity_source;
pub mod circulation;
pub mod config_event;
pub mod custom_field;
pub mod directory;
pub mod event;
pub mod history;
pub mod job;
pub mod pool;
pub mod related;
pub mod reminder_rule;
pub mod retention;
pub mod retention_department;
pub mod retention_exception;
pub mod retention_limit;
pub mod retention_preview;
pub mod retention_rule;
pub mod sweep;
pub mod team;
pub mod tenant;
pub mod timeline;
pub mod webhook;
pub mod webhook_json;
pub mod work_calendar;

use crate::{
    app::page,
    domain::{
        error::Error,
        ids::{IdError, parse_own},
        refusal::Violations,
        text::check_len,
    },
};
use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

/// An instant as messages have it.
#[must_use]
pub fn timestamp(instant: DateTime<Utc>) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: instant.timestamp(),
        // Below a second, so it fits.
        nanos: instant.timestamp_subsec_nanos().cast_signed(),
    })
}

/// A message's instant, cut to microseconds as they are stored.
pub fn read_time(v: &mut Violations, field: &str, time: prost_types::Timestamp) -> Option<DateTime<Utc>> {
    // A whole second and more would be read as a leap second.
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let read = nanos.and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos / 1000 * 1000));
    // What the calendar of messages has: a stored instant can always be sent.
    let read = read.filter(|time| (1..=9999).contains(&time.year()));
    v.check(field, read.ok_or("must be a time between the years 1 and 9999"))
}

/// A version as messages have it.
#[must_use]
pub fn etag(version: i64) -> String {
    version.to_string()
}

/// Decodes a message, or names everything that is wrong with it.
pub fn decode<T>(read: impl FnOnce(&mut Violations) -> Option<T>) -> Result<T, Error> {
    let mut violations = Violations::default();
    match read(&mut violations) {
        Some(read) if violations.is_empty() => Ok(read),
        _ => Err(violations.into()),
    }
}

/// A required part of a message.
pub fn required<T>(v: &mut Violations, field: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        v.add(field, "must be set");
    }
    value
}

/// A required id.
pub fn id<T>(v: &mut Violations, field: &str, text: &str, parse: impl Fn(&str) -> Result<T, IdError>) -> Option<T> {
    v.check(field, parse(text))
}

/// An id of one of our own things that has no type of its own.
pub fn own_id(v: &mut Violations, field: &str, text: &str) -> Option<Uuid> {
    id(v, field, text, parse_own)
}

/// Ids as messages have them.
#[must_use]
pub fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// An id that may be empty. `None` only if it is wrong.
pub fn id_opt<T>(
    v: &mut Violations,
    field: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        id(v, field, text, parse).map(Some)
    }
}

/// A list of ids. Everything wrong is named by place.
pub fn ids<T>(
    v: &mut Violations,
    field: &str,
    texts: &[String],
    max: usize,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Vec<T> {
    check_len(v, field, texts.len(), max);
    let read = texts.iter().take(max).enumerate();
    read.filter_map(|(at, text)| v.check(format!("{field}[{at}]"), parse(text)))
        .collect()
}

/// An etag that may be empty. `None` only if it is wrong.
pub fn etag_opt(v: &mut Violations, field: &str, text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    v.check(field, text.parse().map_err(|_| "must be an etag that was read before"))
        .map(Some)
}

/// A number that may be absent. `None` only if it is wrong; upper bounds are the domain's.
pub fn count_opt(v: &mut Violations, field: &str, value: Option<i32>) -> Option<Option<u32>> {
    let Some(value) = value else { return Some(None) };
    v.check(field, u32::try_from(value).map_err(|_| "must not be negative"))
        .map(Some)
}

/// A field mask: which fields to change.
pub fn mask(v: &mut Violations, mask: Option<&prost_types::FieldMask>) -> Vec<String> {
    let paths = mask.map(|mask| mask.paths.clone()).unwrap_or_default();
    if paths.is_empty() {
        v.add("update_mask", "must name the fields to change, or be *");
    }
    check_len(v, "update_mask", paths.len(), 100);
    paths
}

/// A time zone by its IANA name.
pub fn zone(v: &mut Violations, field: &str, name: &str) -> Option<chrono_tz::Tz> {
    v.check(
        field,
        name.parse()
            .map_err(|_| "must be an IANA time zone such as Asia/Shanghai"),
    )
}

/// A value of a closed list, where 0 stands for the default.
pub fn choice<P: TryFrom<i32>, T>(v: &mut Violations, field: &str, value: i32, read: impl Fn(P) -> T) -> Option<T> {
    v.check(field, P::try_from(value).map_err(|_| "is not a known value"))
        .map(read)
}

/// How many rows a page has.
pub fn page_size(v: &mut Violations, size: i32) -> Option<usize> {
    page_size_within(v, size, page::MAX_SIZE)
}

/// As [`page_size`], for lists whose pages are shorter.
pub fn page_size_within(v: &mut Violations, size: i32, max: usize) -> Option<usize> {
    if size == 0 {
        return Some(page::DEFAULT_SIZE);
    }
    let fits = usize::try_from(size).ok().filter(|size| (1..=max).contains(size));
    v.check(
        "page_size",
        fits.ok_or_else(|| format!("must be 1 to {max}, or 0 for {}", page::DEFAULT_SIZE)),
    )
}
