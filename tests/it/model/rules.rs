//! The rules of circulation once more, in the shortest words there are: what the real service is compared with.
//!
//! Written from what users are promised, not from the service: it shares no code with it, has one list of accounts and
//! one of claims, and counts by going through them.

/// Somebody, by name.
pub(crate) type User = &'static str;
/// A pool, by its place in [`POOLS`].
pub(crate) type PoolAt = usize;

/// Why not.
pub(crate) type Refusal = &'static str;

/// Everybody. `root` is CRM admin, `ann` is above `bob` and `cid`, `eve` is inactive.
pub(crate) const USERS: [User; 6] = ["root", "ann", "bob", "cid", "dan", "eve"];

/// How a pool is set up.
#[expect(clippy::struct_excessive_bools, reason = "as pools are")]
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) admin: User,
    pub(crate) members: &'static [User],
    pub(crate) hidden: bool,
    pub(crate) may_return: bool,
    pub(crate) may_transfer: bool,
    pub(crate) may_add: bool,
    pub(crate) clears_owner: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) daily: Option<usize>,
    pub(crate) cooldown_days: Option<i64>,
}

/// Three pools that differ in everything.
pub(crate) const POOLS: [Pool; 3] = [
    Pool {
        admin: "ann",
        members: &["root", "ann", "bob", "cid", "dan"],
        hidden: false,
        may_return: true,
        may_transfer: true,
        may_add: false,
        clears_owner: false,
        limit: Some(2),
        daily: Some(3),
        cooldown_days: Some(2),
    },
    Pool {
        admin: "dan",
        members: &["bob", "dan"],
        hidden: true,
        may_return: true,
        may_transfer: false,
        may_add: true,
        clears_owner: true,
        limit: Some(1),
        daily: None,
        cooldown_days: None,
    },
    Pool {
        admin: "ann",
        members: &["bob", "cid"],
        hidden: false,
        may_return: false,
        may_transfer: true,
        may_add: true,
        clears_owner: false,
        limit: None,
        daily: None,
        cooldown_days: Some(1),
    },
];

/// Who may hold how many, and whether accounts of pools count.
pub(crate) const HOLDING: [(User, usize, bool); 2] = [("bob", 3, true), ("cid", 1, false)];

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create(Option<PoolAt>, Option<User>),
    Claim,
    Assign(User),
    Owner(User),
    Return(Option<PoolAt>),
    Reclaim,
    Transfer(PoolAt, bool),
    Add(PoolAt, bool),
    Remove(bool),
    Cancel,
    Restore(bool),
    Delete,
    Wait(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Status {
    Waiting,
    Owned,
    Canceled,
    Deleted,
}

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) status: Status,
    pub(crate) was_owned: bool,
    pub(crate) owner: Option<User>,
    pub(crate) last: Option<User>,
    pub(crate) pool: Option<PoolAt>,
    pub(crate) transfers: usize,
    pub(crate) entry: &'static str,
    pub(crate) version: usize,
    pub(crate) tenures: Vec<String>,
    bans: Vec<(User, i64)>,
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Hours since the epoch.
    now: i64,
    pub(crate) accounts: Vec<Account>,
    claims: Vec<(User, PoolAt, i64)>,
}

fn admin(who: User, pool: Option<PoolAt>) -> bool {
    who == "root" || pool.is_some_and(|at| POOLS[at].admin == who)
}

/// Admins of a pool are as good as members.
fn belongs(who: User, pool: PoolAt) -> bool {
    who != "eve" && (POOLS[pool].admin == who || POOLS[pool].members.contains(&who))
}

fn sees(who: User, pool: PoolAt) -> bool {
    who == "root" || belongs(who, pool)
}

fn above(who: User, other: Option<User>) -> bool {
    who == "ann" && matches!(other, Some("bob" | "cid"))
}

/// The day in Shanghai.
fn day(hours: i64) -> i64 {
    (hours + 8) / 24
}

fn need(fine: bool, refusal: Refusal) -> Result<(), Refusal> {
    if fine { Ok(()) } else { Err(refusal) }
}

impl Model {
    /// Nothing yet, at this hour since the epoch.
    pub(crate) fn at(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    fn count(&self, fits: impl Fn(&Account) -> bool) -> usize {
        self.accounts.iter().filter(|account| fits(account)).count()
    }

    fn pool_has_room(&self, user: User, pool: Option<PoolAt>) -> Result<(), Refusal> {
        let held = self.count(|account| account.owner == Some(user) && account.pool == pool);
        let limit = pool.and_then(|at| POOLS[at].limit);
        need(limit.is_none_or(|limit| held < limit), "POOL_CLAIM_LIMIT_REACHED")
    }

    fn user_has_room(&self, user: User, pool: Option<PoolAt>) -> Result<(), Refusal> {
        let Some((_, limit, pools_count)) = HOLDING.into_iter().find(|(who, ..)| *who == user) else {
            return Ok(());
        };
        let held = self.count(|account| account.owner == Some(user) && (pools_count || account.pool.is_none()));
        need(pool.is_some() && !pools_count || held < limit, "HOLDING_LIMIT_REACHED")
    }

    fn has_room(&self, user: User, pool: Option<PoolAt>) -> Result<(), Refusal> {
        self.pool_has_room(user, pool)?;
        self.user_has_room(user, pool)
    }

    fn may_hold(user: User, pool: Option<PoolAt>) -> Result<(), Refusal> {
        need(user != "eve", "ASSIGNEE_INACTIVE")?;
        need(pool.is_none_or(|at| belongs(user, at)), "ASSIGNEE_NOT_MEMBER")
    }

    /// `who` does it to the account at `at`.
    pub(crate) fn play(&mut self, who: User, at: usize, op: &Op) -> Result<(), Refusal> {
        if let Op::Wait(hours) = op {
            self.now += hours;
            return Ok(());
        }
        need(who != "eve", "ACTOR_UNKNOWN")?;
        if let Op::Create(pool, owner) = op {
            return self.create(who, *pool, *owner);
        }
        let account = &self.accounts[at];
        let (status, owner, pool) = (account.status, account.owner, account.pool);
        let live = matches!(status, Status::Waiting | Status::Owned);
        let reads = who == "root" || owner == Some(who) || above(who, owner) || admin(who, pool);
        let around = pool.is_some_and(|at| !POOLS[at].hidden && belongs(who, at));
        let knows = match status {
            Status::Deleted => false,
            Status::Canceled => who == "root",
            _ => reads || around,
        };
        need(knows, "NOT_FOUND")?;
        let mine = owner == Some(who);
        let master = who == "root" || mine || above(who, owner);
        let (denied, wrong) = ("NOT_AUTHORIZED", "INVALID_STATUS");
        match *op {
            Op::Claim => {
                let home = pool.ok_or("NOT_A_POOL_ACCOUNT")?;
                need(belongs(who, home), "NOT_POOL_MEMBER")?;
                need(status != Status::Owned, "ALREADY_CLAIMED")?;
                need(status == Status::Waiting, wrong)?;
                need(!POOLS[home].hidden, "POOL_NOT_CLAIMABLE")?;
                let free = |since: i64| self.now >= since + 24 * POOLS[home].cooldown_days.unwrap_or(0);
                let banned = account.bans.iter().any(|(user, since)| *user == who && !free(*since));
                need(!banned, "CLAIM_COOLDOWN_ACTIVE")?;
                let today =
                    |claim: &&(User, PoolAt, i64)| (claim.0, claim.1, day(claim.2)) == (who, home, day(self.now));
                let claimed = self.claims.iter().filter(today).count();
                let daily = POOLS[home].daily;
                need(daily.is_none_or(|limit| claimed < limit), "DAILY_CLAIM_LIMIT_REACHED")?;
                self.has_room(who, pool)?;
                self.claims.push((who, home, self.now));
                self.give(at, who, "CLAIMED", "", who);
            }
            Op::Assign(to) => {
                need(admin(who, pool), denied)?;
                need(live, wrong)?;
                need(pool.is_some(), "NOT_A_POOL_ACCOUNT")?;
                Self::may_hold(to, pool)?;
                if owner != Some(to) {
                    self.has_room(to, pool)?;
                    self.give(at, to, "ASSIGNED", "REASSIGNED", who);
                }
            }
            Op::Owner(to) => {
                need(status != Status::Waiting, wrong)?;
                need(master, denied)?;
                need(live, wrong)?;
                Self::may_hold(to, pool)?;
                if owner != Some(to) {
                    self.has_room(to, pool)?;
                    self.give(at, to, "OWNER_CHANGED", "OWNER_CHANGED", who);
                }
            }
            Op::Return(target) => {
                need(status == Status::Owned, wrong)?;
                need(mine || above(who, owner) || pool.is_none() && who == "root", denied)?;
                if let Some(home) = pool {
                    need(POOLS[home].may_return, "RETURN_NOT_ALLOWED")?;
                    need(target.is_none_or(|target| target == home), "TARGET_POOL_MISMATCH")?;
                } else {
                    let target = target.ok_or("TARGET_POOL_REQUIRED")?;
                    let home =
                        who == "root" || belongs(who, target) || owner.is_some_and(|owner| belongs(owner, target));
                    need(home, "TARGET_POOL_FORBIDDEN")?;
                }
                self.accounts[at].pool = pool.or(target);
                self.lose(at, "RETURNED", "RETURNED", who, true);
            }
            Op::Reclaim => {
                need(admin(who, pool), denied)?;
                need(status == Status::Owned, wrong)?;
                need(pool.is_some(), "NOT_A_POOL_ACCOUNT")?;
                self.lose(at, "RECLAIMED", "RECLAIMED", who, true);
            }
            Op::Transfer(target, clear) => {
                let lets = mine && pool.is_some_and(|at| POOLS[at].may_transfer);
                need(admin(who, pool) || lets, denied)?;
                need(live, wrong)?;
                let home = pool.ok_or("NOT_A_POOL_ACCOUNT")?;
                need(home != target, "SAME_POOL")?;
                need(admin(who, pool) || sees(who, target), "TARGET_POOL_FORBIDDEN")?;
                let clear = clear || POOLS[target].clears_owner;
                self.shift(at, Some(target), clear, "TRANSFERRED", who, !admin(who, pool) && mine)?;
            }
            Op::Add(target, clear) => {
                let lets = mine && (!sees(who, target) || POOLS[target].may_add);
                need(admin(who, Some(target)) || lets, denied)?;
                need(live, wrong)?;
                need(pool.is_none(), "ALREADY_IN_POOL")?;
                need(sees(who, target), "TARGET_POOL_FORBIDDEN")?;
                let clear = clear || POOLS[target].clears_owner;
                self.shift(at, Some(target), clear, "ADDED", who, !admin(who, Some(target)) && mine)?;
            }
            Op::Remove(clear) => {
                need(admin(who, pool), denied)?;
                need(live, wrong)?;
                need(pool.is_some(), "NOT_A_POOL_ACCOUNT")?;
                self.shift(at, None, clear, "TRANSFERRED", who, false)?;
            }
            Op::Cancel => {
                need(who == "root", denied)?;
                need(live, wrong)?;
                let entry = account.entry;
                self.lose(at, "CANCELED", entry, who, false);
                self.accounts[at].status = Status::Canceled;
                self.accounts[at].was_owned = owner.is_some();
            }
            Op::Restore(clear) => {
                need(who == "root", denied)?;
                need(status == Status::Canceled, wrong)?;
                let back = account.last.filter(|_| account.was_owned && !clear);
                if let Some(back) = back {
                    Self::may_hold(back, pool)?;
                    self.has_room(back, pool)?;
                    self.give(at, back, "RESTORED", "", who);
                } else {
                    self.accounts[at].entry = "RESTORED";
                    self.accounts[at].status = Status::Waiting;
                }
            }
            Op::Delete => {
                need(who == "root", denied)?;
                need(status == Status::Canceled, "NOT_CANCELED")?;
                self.accounts[at].status = Status::Deleted;
            }
            Op::Create(..) | Op::Wait(_) => {}
        }
        if !matches!(op, Op::Assign(to) | Op::Owner(to) if owner == Some(*to)) {
            self.accounts[at].version += 1;
        }
        Ok(())
    }

    fn create(&mut self, who: User, pool: Option<PoolAt>, owner: Option<User>) -> Result<(), Refusal> {
        need(pool.is_none_or(|at| sees(who, at)), "NOT_FOUND")?;
        let owner = owner.or(Some(who).filter(|_| pool.is_none()));
        let into = pool.is_none_or(|at| admin(who, pool) || POOLS[at].may_add);
        let for_owner = owner.is_none_or(|owner| owner == who || above(who, Some(owner)));
        need(who == "root" || into && for_owner, "NOT_AUTHORIZED")?;
        if let Some(owner) = owner {
            Self::may_hold(owner, pool)?;
            self.has_room(owner, pool)?;
        }
        self.accounts.push(Account {
            status: if owner.is_some() {
                Status::Owned
            } else {
                Status::Waiting
            },
            was_owned: false,
            owner,
            last: None,
            pool,
            transfers: 0,
            entry: if owner.is_some() { "-" } else { "CREATED" },
            version: 1,
            tenures: owner
                .map(|owner| format!("{owner} CREATED by {who}"))
                .into_iter()
                .collect(),
            bans: Vec::new(),
        });
        Ok(())
    }

    /// Moves it to another pool, or out of pools, with its owner or without.
    fn shift(
        &mut self,
        at: usize,
        target: Option<PoolAt>,
        clear: bool,
        entry: &'static str,
        who: User,
        bans: bool,
    ) -> Result<(), Refusal> {
        if let Some(owner) = self.accounts[at].owner.filter(|_| !clear) {
            need(target.is_none_or(|at| belongs(owner, at)), "OWNER_NOT_MEMBER_OF_TARGET")?;
            self.pool_has_room(owner, target)?;
            // His own limit is asked only where the account begins to count.
            if target.is_none() && HOLDING.iter().any(|(user, _, pools)| *user == owner && !pools) {
                self.user_has_room(owner, target)?;
            }
        }
        self.accounts[at].pool = target;
        if clear && self.accounts[at].owner.is_some() {
            self.lose(at, "TRANSFERRED", entry, who, bans);
        } else if self.accounts[at].owner.is_none() {
            self.accounts[at].entry = entry;
        }
        Ok(())
    }

    fn give(&mut self, at: usize, to: User, start: &str, end: &str, who: User) {
        let account = &mut self.accounts[at];
        if account.owner.is_some()
            && let Some(tenure) = account.tenures.last_mut()
        {
            tenure.extend([", ", end, " by ", who]);
        }
        let before = account.owner.or(account.last);
        account.transfers += usize::from(before.is_some_and(|before| before != to));
        account.last = before;
        account.owner = Some(to);
        account.status = Status::Owned;
        account.entry = "-";
        account.tenures.push(format!("{to} {start} by {who}"));
    }

    fn lose(&mut self, at: usize, end: &str, entry: &'static str, who: User, bans: bool) {
        let now = self.now;
        let account = &mut self.accounts[at];
        if let Some(owner) = account.owner.take() {
            account.last = Some(owner);
            if bans {
                account.bans.push((owner, now));
            }
            if let Some(tenure) = account.tenures.last_mut() {
                tenure.extend([", ", end, " by ", who]);
            }
        }
        account.status = Status::Waiting;
        account.entry = entry;
    }
}
