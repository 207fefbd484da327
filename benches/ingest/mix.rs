//! What is told: of each account the same story again and again, of visits, an opportunity that is won and sometimes taken
//! back, an order and its payment. The same every time, without anything random.

use crate::common::{
    Outcome, USERS,
    load::{Deadlines, Loader},
    site::{RULE_DAYS, Site},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use tidepool::rpc::proto;
use uuid::Uuid;

/// Activities of a batch.
pub(crate) const BATCH: usize = 500;

/// An account, and the user who tells of it: its owner, if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) user: String,
}

/// Accounts of which a tenth is nobody's, as it is where accounts circulate.
pub(crate) async fn accounts(site: &Site, number: u64) -> Outcome<Arc<[Account]>> {
    let mut loader = Loader::start(site).await?;
    let due = Deadlines {
        last: site.clock.now() + TimeDelta::days(RULE_DAYS.into()),
        number: 100_000,
    };
    let free = loader.free(number / 10).await?;
    let owned = loader.owned("owned", number - number / 10, due).await?;
    let numbers = free.start..owned.end;
    let ids = loader.ids(numbers.clone()).await?;
    let mut accounts = Vec::with_capacity(ids.len());
    for (id, number) in ids.iter().zip(numbers) {
        accounts.push(Account {
            id: Uuid::try_parse(id)?,
            user: format!("user{}", number % USERS),
        });
    }
    // Whoever takes every nth of them meets owned ones and others alike, at the same places whatever the number of all.
    let (free, owned) = accounts.split_at(usize::try_from(number / 10)?);
    let (mut free, mut owned) = (free.iter(), owned.iter());
    let mixed = (0..accounts.len()).map(|at| {
        if (at + at / 64).is_multiple_of(10) {
            free.next().or_else(|| owned.next())
        } else {
            owned.next().or_else(|| free.next())
        }
    });
    Ok(mixed.flatten().cloned().collect())
}

/// A chapter: the kind, and whether it is about an object, which then has an amount.
type Chapter = (&'static str, Option<&'static str>);

const STORY: &[Chapter] = &[
    ("sales_record.created", None),
    ("opportunity.created", Some("opp")),
    ("call.made", None),
    ("opportunity.stage_changed", Some("opp")),
    ("sales_record.created", None),
    ("sales_order.created", Some("order")),
    ("opportunity.won", Some("opp")),
    ("email.sent", None),
    ("sales_order.confirmed", Some("order")),
    ("payment.received", Some("pay")),
];
/// How every fourth story ends instead.
const TAKEN_BACK: Chapter = ("opportunity.reopened", Some("opp"));
const STORIES: usize = 4;

/// How many activities follow each other on an account, such as an order and its confirmation: one of these many.
const AGAIN: u64 = 8;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    /// Its account, by its place among all.
    pub(crate) account: usize,
    pub(crate) event_id: String,
    pub(crate) kind: &'static str,
    pub(crate) object_id: Option<String>,
    pub(crate) micros: i64,
    /// Of the object, if there is one.
    pub(crate) cents: u64,
}

impl Happening {
    /// A visit, which changes the account and nothing else.
    pub(crate) fn visit(account: usize, event_id: String, at: DateTime<Utc>) -> Self {
        Self {
            account,
            event_id,
            kind: STORY[0].0,
            object_id: None,
            micros: at.timestamp_micros(),
            cents: 0,
        }
    }

    /// Whether the account changes by it.
    pub(crate) fn changes(&self) -> bool {
        self.object_id.is_some() || self.kind == STORY[0].0
    }

    pub(crate) fn object_type(&self) -> &'static str {
        self.kind.split('.').next().unwrap_or_default()
    }

    pub(crate) fn summary(&self) -> &'static str {
        match self.object_id {
            Some(_) => "",
            None => "Spoke about the offer; wants to hear from us again next week",
        }
    }

    /// As it is sent.
    pub(crate) fn message(&self, accounts: &[Account]) -> proto::Activity {
        let account = &accounts[self.account];
        let object = self.object_id.as_ref();
        proto::Activity {
            event_id: self.event_id.clone(),
            account_id: account.id.to_string(),
            kind: self.kind.to_owned(),
            object_id: object.cloned().unwrap_or_default(),
            occur_time: Some(prost_types::Timestamp {
                seconds: self.micros.div_euclid(1_000_000),
                nanos: i32::try_from(self.micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
            }),
            actor: account.user.clone(),
            summary: self.summary().to_owned(),
            amount: object.map(|_| proto::Money {
                amount: format!("{}.{:02}", self.cents / 100, self.cents % 100),
                currency: "EUR".into(),
            }),
            object_owner: object.map(|_| account.user.clone()).unwrap_or_default(),
            ..proto::Activity::default()
        }
    }
}

/// Somebody who tells of his part of the accounts, so that no two tell of the same account at a time: as where a bus keeps
/// the events of an account together.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    name: String,
    /// The places of his accounts: the first, and how far the next one is.
    first: usize,
    apart: usize,
    /// How far each story has come. They begin at different chapters, so that all are as frequent from the beginning.
    told: Vec<usize>,
    /// The account of now, among his.
    place: usize,
    stride: usize,
    number: u64,
    micros: i64,
}

/// A step by which one comes through so many places, far apart each time.
fn coprime(number: usize) -> usize {
    let divides = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a > 1
    };
    let mut step = (number * 5 / 8).max(1);
    while number > 1 && divides(step, number) {
        step += 1;
    }
    step
}

impl Teller {
    /// So many tellers of these many accounts. What they tell is theirs by `name`.
    pub(crate) fn some(name: &str, accounts: usize, tellers: usize) -> Vec<Self> {
        let number = accounts / tellers;
        let teller = |first| Self {
            name: format!("{name}{first}"),
            first,
            apart: tellers,
            told: (0..number).map(|at| at * 7 % (STORY.len() * STORIES)).collect(),
            place: 0,
            stride: coprime(number),
            number: 0,
            micros: 0,
        };
        (0..tellers).map(teller).collect()
    }

    /// What is told from now on happened after that.
    pub(crate) fn begin(&mut self, at: DateTime<Utc>) {
        self.micros = at.timestamp_micros();
    }

    pub(crate) fn next(&mut self) -> Happening {
        if !self.number.is_multiple_of(AGAIN) {
            self.place = (self.place + self.stride) % self.told.len();
        }
        self.number += 1;
        self.micros += 1000;
        let told = &mut self.told[self.place];
        let (chapter, story) = (*told % STORY.len(), *told / STORY.len());
        *told += 1;
        let last = chapter == STORY.len() - 1;
        let taken_back = last && story % STORIES == STORIES - 1;
        let (kind, object) = if taken_back { TAKEN_BACK } else { STORY[chapter] };
        let account = self.first + self.place * self.apart;
        Happening {
            account,
            event_id: format!("{}/{}", self.name, self.number),
            kind,
            object_id: object.map(|object| format!("{}-{object}-{account}-{story}", self.name)),
            micros: self.micros,
            cents: 10_000 + self.number * 37 % 900_000,
        }
    }

    pub(crate) fn batch(&mut self, size: usize) -> Vec<Happening> {
        (0..size).map(|_| self.next()).collect()
    }
}
