//! What random people do, and administrators of rules: the same to both sides.

use super::{
    Month,
    days::{self, Instant},
    naive::{Done, POOLS, Place, Rule, USERS, User, ZONE},
    start::GRADES,
};
use crate::moves::Wish;
use chrono::{NaiveTime, TimeDelta};
use rand::{Rng, seq::IndexedRandom};

/// An activity as it was told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    account: usize,
    kind: &'static str,
    object: String,
    when: Instant,
}

impl Month {
    fn somebody(&mut self) -> User {
        USERS.choose(&mut self.random).unwrap().0
    }

    /// One with which a worker would have something to do now, or any.
    fn some_account(&mut self) -> usize {
        let (now, all) = (self.now(), 0..self.accounts.len());
        let due = |account: &usize| !self.accounts[*account].clone().pass(&self.rules, now).is_empty();
        let due: Vec<_> = all.clone().filter(due).collect();
        match due.choose(&mut self.random) {
            Some(due) if self.random.random_bool(0.4) => *due,
            _ => self.random.random_range(all),
        }
    }

    /// Something happens to some account.
    pub(super) async fn play(&mut self) {
        self.counts.plays += 1;
        let account = self.some_account();
        let (owner, place) = (self.accounts[account].owner, self.accounts[account].place);
        let dice = self.random.random_range(0..100);
        match (owner, dice) {
            (_, 0..25) => self.activity(account, false).await,
            (_, 25..40) => self.activity(account, true).await,
            (_, 40..48) => self.deal(account).await,
            (_, 48..52) => self.again().await,
            (_, 52..60) => self.regrade(account).await,
            (_, 60..67) => self.elsewhere(account).await,
            (None, 67..70) | (Some(_), 82..88) if place.is_some() => self.assign(account).await,
            (None, _) => self.claim(account).await,
            (Some((owner, _)), 67..75) => self.give_back(account, owner).await,
            (Some((owner, _)), 75..82) => self.hand_over(account, owner).await,
            (Some(_), 88..91) if place.is_some() => self.take_back(account).await,
            (Some(_), _) => self.activity(account, false).await,
        }
    }

    async fn moved(&mut self, account: usize, who: &str, wish: Wish) {
        let at = self.replica();
        self.note(Some(account), format!("{who} at {at}: {wish:?}"));
        if let Err(refused) = self.company.play(at, who, account, &wish).await {
            self.fail(account, &format!("refused: {refused:?}"));
        }
    }

    fn gets(&mut self, account: usize, user: User) {
        let now = self.now();
        self.accounts[account].get(user, &self.rules, now);
    }

    fn loses(&mut self, account: usize) {
        let now = self.now();
        self.accounts[account].lose(now, None);
    }

    async fn claim(&mut self, account: usize) {
        if self.accounts[account].place.is_none() {
            return;
        }
        let user = self.somebody();
        self.moved(account, user, Wish::Claim).await;
        self.gets(account, user);
    }

    async fn assign(&mut self, account: usize) {
        let user = self.somebody();
        self.moved(account, "", Wish::assign(user)).await;
        // Whoever has it already goes on as before.
        if self.accounts[account].owner.is_none_or(|(owner, _)| owner != user) {
            self.gets(account, user);
        }
    }

    async fn hand_over(&mut self, account: usize, owner: User) {
        let user = self.somebody();
        if user != owner {
            self.moved(account, owner, Wish::owner(user)).await;
            self.gets(account, user);
        }
    }

    async fn give_back(&mut self, account: usize, owner: User) {
        let target = if self.accounts[account].place.is_none() {
            Some(0)
        } else {
            None
        };
        let wish = Wish::because("", "", &self.company.to(target));
        self.moved(account, owner, wish).await;
        self.loses(account);
        let held = &mut self.accounts[account];
        held.place = held.place.or(target);
    }

    async fn take_back(&mut self, account: usize) {
        self.moved(account, "", Wish::Reclaim(String::new())).await;
        self.loses(account);
    }

    /// It moves to another pool, out of all, or into one; with its owner or without.
    async fn elsewhere(&mut self, account: usize) {
        let (owner, place) = (self.accounts[account].owner, self.accounts[account].place);
        let clear = owner.is_some() && self.random.random_bool(0.2);
        let (wish, to): (Wish, Place) = match place {
            None => {
                let to = Some(self.random.random_range(0..POOLS.len()));
                (Wish::Add(self.company.to(to), clear), to)
            }
            Some(_) if owner.is_some() && !clear && self.random.random_bool(0.4) => (Wish::Remove(false), None),
            Some(from) => {
                let to = Some((from + 1) % POOLS.len());
                (Wish::Transfer(self.company.to(to), clear), to)
            }
        };
        self.moved(account, "", wish).await;
        if clear {
            self.loses(account);
        }
        let now = self.now();
        let done = self.accounts[account].go(to, &self.rules, now);
        self.expect(account, done);
    }

    async fn regrade(&mut self, account: usize) {
        let grade = *GRADES.choose(&mut self.random).unwrap();
        if grade == self.accounts[account].grade {
            return;
        }
        let at = self.replica();
        self.note(Some(account), format!("grade {grade:?} at {at}"));
        self.company.grade(at, account, grade).await;
        let now = self.now();
        let done = self.accounts[account].grade(grade, &self.rules, now);
        self.expect(account, done);
    }

    /// When something happened that becomes known now.
    fn when(&mut self, late: bool) -> Instant {
        let now = self.now();
        if self.random.random_bool(0.3) {
            // At night, when clocks are set.
            let zone = *[ZONE, POOLS[1].0].choose(&mut self.random).unwrap();
            let day = now - TimeDelta::days(if late { self.random.random_range(1..=4) } else { 0 });
            let second = self.random.random_range(3600..3 * 3600 + 60);
            let time = NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap();
            return days::last(day, time, zone);
        }
        let seconds = match self.random.random_range(0..10) {
            _ if late => -self.random.random_range(0..7 * 86_400),
            0 => self.random.random_range(0..=300),
            1..4 => 0,
            _ => -self.random.random_range(0..3600),
        };
        now + TimeDelta::seconds(seconds)
    }

    async fn activity(&mut self, account: usize, late: bool) {
        let kinds = [
            "sales_record.created",
            "sales_order.created",
            "opportunity.created",
            "call.made",
        ];
        let kind = *kinds.choose(&mut self.random).unwrap();
        let when = self.when(late);
        self.tell(account, kind, String::new(), when).await;
        if kind != "call.made" {
            let now = self.now();
            let done = self.accounts[account].follow_up(kind, when, &self.rules, now);
            self.expect(account, done);
        }
    }

    /// A deal is closed, or taken back.
    async fn deal(&mut self, account: usize) {
        let kinds = [
            "opportunity.won",
            "opportunity.won",
            "opportunity.reopened",
            "opportunity.deleted",
        ];
        let kind = *kinds.choose(&mut self.random).unwrap();
        let deal = self.random.random_range(0..3);
        let late = self.random.random_bool(0.3);
        let when = self.when(late);
        let event = u32::try_from(self.told.len()).unwrap();
        self.tell(account, kind, format!("{account}-{deal}"), when).await;
        let news = (when, event, kind == "opportunity.won");
        let now = self.now();
        let done = self.accounts[account].deal(deal, news, &self.rules, now);
        self.expect(account, done);
    }

    async fn tell(&mut self, account: usize, kind: &'static str, object: String, when: Instant) {
        let at = self.replica();
        self.note(Some(account), format!("{kind} of {object} at {when:?}, told at {at}"));
        let event = u32::try_from(self.told.len()).unwrap();
        assert!(
            self.company.tell(at, account, event, kind, &object, when).await,
            "it is new"
        );
        self.told.push(Told {
            account,
            kind,
            object,
            when,
        });
    }

    /// Something is told a second time.
    async fn again(&mut self) {
        if self.told.is_empty() {
            return;
        }
        let (at, event) = (self.replica(), self.random.random_range(0..self.told.len()));
        let Told {
            account,
            kind,
            object,
            when,
        } = self.told[event].clone();
        let event = u32::try_from(event).unwrap();
        assert!(
            !self.company.tell(at, account, event, kind, &object, when).await,
            "it is not new"
        );
    }

    /// A rule changes.
    pub(super) async fn change(&mut self) {
        self.counts.changes += 1;
        let (at, past) = (self.replica(), self.random.random_bool(0.6));
        let now = self.now();
        if self.random.random_bool(0.2) {
            return self.department(at).await;
        }
        if self.random.random_bool(0.2) {
            let id = self.random.random_range(0..self.rules.idle.len());
            let idle = &mut self.rules.idle[id];
            (idle.days, idle.until_won) = (self.random.random_range(1..=4), self.random.random_bool(0.5));
            idle.daily = self.random.random_bool(0.5);
            let idle = idle.clone();
            self.note(None, format!("{idle:?} at {at}"));
            return self.company.update_idle(at, id, &idle).await;
        }
        // Most often those that decide over most accounts, so that changes meet those of before.
        let id = *[0, 1, 1, 1, 2, 3, 3, 3, 4, 4].choose(&mut self.random).unwrap();
        let old: Rule = self.rules.reclaim[id].clone();
        let mut new = old.clone();
        if old.never || !old.enabled || self.random.random_bool(0.15) {
            new.enabled = !old.enabled;
            self.company.use_rule(at, id, new.enabled, past).await;
            if new.enabled && !past {
                new.floor = Some(now);
            }
        } else {
            new = old.changed(&mut self.random);
            self.company.update_rule(at, id, &new, past).await;
            if !past && !new.same_clock(&old) {
                new.floor = Some(now);
            }
        }
        self.note(None, format!("rule {id} at {at}, past days {past}: {new:?}"));
        self.rules.reclaim[id] = new;
    }

    /// Somebody comes to the department that has a rule for accounts outside pools, or leaves it.
    async fn department(&mut self, at: usize) {
        let user = self.somebody();
        let comes = !self.rules.sales.contains(&user);
        self.note(None, format!("{user} in sales: {comes}, at {at}"));
        self.company.department(at, user, comes).await;
        self.rules.sales.retain(|there| *there != user);
        if comes {
            self.rules.sales.push(user);
        }
    }

    /// What a worker does, in the model.
    pub(super) fn pass(&mut self) {
        let now = self.now();
        for account in 0..self.accounts.len() {
            let done: Vec<Done> = self.accounts[account].pass(&self.rules, now);
            self.expect(account, done);
        }
    }
}
