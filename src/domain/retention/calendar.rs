//! Which days count, and from which time of day on reclaims take effect.

use crate::domain::{
    days::{add_counted_days, add_days, local_date, next_at, next_day_start},
    refusal::Violations,
    text::{check_len, check_unique},
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Exceptions of each kind at most: ten years of them.
pub const MAX_DATES: usize = 1000;

/// The days on which a company works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkCalendar {
    /// Days of the week.
    pub weekdays: Vec<Weekday>,
    /// Dates on which nobody works although the day of the week says so.
    pub holidays: BTreeSet<NaiveDate>,
    /// Dates on which people work although the day of the week says that they do not.
    pub extra_work_days: BTreeSet<NaiveDate>,
}

impl Default for WorkCalendar {
    /// Monday to Friday.
    fn default() -> Self {
        use Weekday::{Fri, Mon, Thu, Tue, Wed};
        Self {
            weekdays: vec![Mon, Tue, Wed, Thu, Fri],
            holidays: BTreeSet::new(),
            extra_work_days: BTreeSet::new(),
        }
    }
}

impl WorkCalendar {
    /// Whether people work on `date`.
    #[must_use]
    pub fn works(&self, date: NaiveDate) -> bool {
        self.extra_work_days.contains(&date)
            || self.weekdays.contains(&date.weekday()) && !self.holidays.contains(&date)
    }

    /// Everything that is wrong with it, under the name `field`.
    pub fn check(&self, v: &mut Violations, field: &str) {
        let weekdays = format!("{field}.weekdays");
        if self.weekdays.is_empty() {
            v.add(&weekdays, "must name at least one day of the week");
        }
        check_unique(v, &weekdays, self.weekdays.iter().map(Weekday::num_days_from_monday));
        check_len(v, &format!("{field}.holidays"), self.holidays.len(), MAX_DATES);
        check_len(
            v,
            &format!("{field}.extra_work_days"),
            self.extra_work_days.len(),
            MAX_DATES,
        );
        for both in self.holidays.intersection(&self.extra_work_days) {
            v.add(format!("{field}.extra_work_days"), format!("{both} is a holiday too"));
        }
    }
}

/// Which days a rule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayCounting {
    /// All.
    #[default]
    Calendar,
    /// Those on which the company works.
    Business,
}

/// The local time of day at which reclaims take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Cutoff {
    /// At once, whatever time it is.
    None,
    /// At this time, to the minute.
    At(NaiveTime),
}

impl Cutoff {
    /// 09:00: everybody is awake, and nothing happens at midnight.
    pub const USUAL: Self = Self::At(NINE);
}

/// 09:00.
pub const NINE: NaiveTime = match NaiveTime::from_hms_opt(9, 0, 0) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// Why a text is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of day from 00:00 to 23:59, for example 09:00")]
pub struct TimeOfDayError;

/// Reads `HH:MM`.
pub fn time_of_day(text: &str) -> Result<NaiveTime, TimeOfDayError> {
    let digits = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok());
    let (hours, minutes) = text.split_once(':').ok_or(TimeOfDayError)?;
    let read = digits(hours).flatten().zip(digits(minutes).flatten());
    read.and_then(|(hours, minutes)| NaiveTime::from_hms_opt(hours, minutes, 0))
        .ok_or(TimeOfDayError)
}

impl FromStr for Cutoff {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, TimeOfDayError> {
        match text {
            "NONE" => Ok(Self::None),
            text => time_of_day(text).map(Self::At),
        }
    }
}

impl TryFrom<String> for Cutoff {
    type Error = TimeOfDayError;

    fn try_from(text: String) -> Result<Self, TimeOfDayError> {
        text.parse()
    }
}

impl fmt::Display for Cutoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("NONE"),
            Self::At(time) => write!(f, "{}", time.format("%H:%M")),
        }
    }
}

impl From<Cutoff> for String {
    fn from(cutoff: Cutoff) -> Self {
        cutoff.to_string()
    }
}

/// How a rule counts time.
#[derive(Clone, Copy, Debug)]
pub struct Counting<'a> {
    /// The zone of days and times of day.
    pub tz: Tz,
    /// When reclaims take effect.
    pub cutoff: Cutoff,
    /// The days that count, unless all do.
    pub calendar: Option<&'a WorkCalendar>,
}

impl Counting<'_> {
    /// Calendar days without a cutoff.
    #[must_use]
    pub const fn continuous(tz: Tz) -> Self {
        Self {
            tz,
            cutoff: Cutoff::None,
            calendar: None,
        }
    }

    fn works(&self, date: NaiveDate) -> bool {
        self.calendar.is_none_or(|calendar| calendar.works(date))
    }

    /// The same wall clock `days` days after `t`.
    #[must_use]
    pub fn add(&self, t: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        match self.calendar {
            None => add_days(t, days, self.tz),
            Some(calendar) => add_counted_days(t, days, self.tz, |date| calendar.works(date)),
        }
    }

    /// When what is due at `t` takes effect: the first cutoff at or after it, on a day that counts.
    #[must_use]
    pub fn effective(&self, t: DateTime<Utc>) -> DateTime<Utc> {
        match self.cutoff {
            Cutoff::At(time) => next_at(t, time, self.tz, |date| self.works(date)),
            Cutoff::None => self.working(t),
        }
    }

    /// `t`, or the beginning of the next day that counts.
    #[must_use]
    pub fn working(&self, t: DateTime<Utc>) -> DateTime<Utc> {
        if self.works(local_date(t, self.tz)) {
            return t;
        }
        next_at(next_day_start(t, self.tz), NaiveTime::MIN, self.tz, |date| {
            self.works(date)
        })
    }
}

#[cfg(test)]
mod tests;
