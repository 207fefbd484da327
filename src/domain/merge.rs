//! Duplicates become one account, by hand and for good: what is known of them, their activities and deals, and who works
//! with them go to the one that stays. It keeps its owner and its pool; whoever owned another one works with it from now on.
//!
//! Ids of the others lead to it: what services tell of them is told of it.

use super::{
    account::{Account, EndCause, Extras, Profile, Status, TeamAccess, TeamRole},
    activity::{self, pace::FollowUps, set_deals},
    change::{Change, Effects, Event, EventKind, LastReclaim, TeamChange},
    circulation::{
        Scene, Subject,
        admit::{Obstacles, allow, known},
        successor,
    },
    edit,
    ids::{AccountId, UserId},
    lifecycle::{LIVE, retire},
    object::Deals,
    profile::TAGS_MAX,
    refusal::{Reason, Refusal},
    retention_plan,
    sweep::notice,
    team::{MAX_MEMBERS, TeamMember},
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// Accounts that are merged into one at once, at most.
pub const LOSERS_MAX: usize = 20;
/// Activities and objects that go from the others to the one that stays, at most.
pub const ROWS_MAX: usize = 20_000;

/// What is to be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The account that stays.
    pub survivor: AccountId,
    /// Those that become it.
    pub losers: Vec<AccountId>,
    /// The state of the account that stays, as the caller saw it.
    pub etag: Option<i64>,
}

/// What hangs on the accounts.
#[derive(Clone, Debug, Default)]
pub struct Belongings {
    /// Tags and custom fields.
    pub extras: HashMap<AccountId, Extras>,
    /// Related teams.
    pub teams: HashMap<AccountId, Vec<TeamMember>>,
    /// Deals and contracts.
    pub deals: HashMap<AccountId, Deals>,
    /// When those follow-ups of all of them happened that are judged with the last one, where they are judged together.
    pub follow_ups: Vec<DateTime<Utc>>,
    /// How many activities and objects those have that are to become another one, counted a little above [`ROWS_MAX`].
    pub rows: usize,
}

#[expect(clippy::implicit_hasher, reason = "the map that was read")]
/// Decides it: what becomes of the account that stays, with its tags and fields, and of each of the others.
pub fn decide(
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    merge: &Merge,
    with: &Belongings,
) -> Result<(Change, Extras, Vec<Change>), Error> {
    let account = |id: &AccountId| known(scene, subjects.get(id), *id).map(|subject| &subject.account);
    let before = account(&merge.survivor)?;
    let losers = merge.losers.iter().map(account).collect::<Result<Vec<_>, _>>()?;
    allow(scene.principal.crm_admin, "CRM admins")?;
    let latest = losers.iter().map(|loser| loser.update_time).max();
    let scene = &Scene {
        now: scene.now.max(before.update_time).max(latest.unwrap_or(scene.now)),
        ..*scene
    };
    let mut obstacles = Obstacles::default();
    let mut own = Obstacles::new(before, merge.etag);
    own.status(before, LIVE);
    obstacles.extend(own.of(before.id));
    for loser in &losers {
        let mut own = Obstacles::default();
        own.unlocked(scene, loser);
        own.status(loser, LIVE);
        obstacles.extend(own.of(loser.id));
    }
    if with.rows > ROWS_MAX {
        let what = "activities and objects would go to the account that stays: let the one that has most of them stay";
        obstacles.add(too_much(ROWS_MAX, format!("more than {ROWS_MAX} {what}")));
    }
    let extras = extras(before, &losers, with);
    if extras.tags.len() > TAGS_MAX {
        let message = format!(
            "the accounts have {} tags together, and one has at most {TAGS_MAX}",
            extras.tags.len()
        );
        obstacles.add(too_much(TAGS_MAX, message));
    }
    let team = team(scene, before, &losers, with);
    if team.len() > MAX_MEMBERS {
        let message = format!(
            "{} users would work with the account, and at most {MAX_MEMBERS} may",
            team.len()
        );
        obstacles.add(too_much(MAX_MEMBERS, message));
    }
    obstacles.clear()?;
    let survivor = survive(scene, before, &losers, with, (&extras, team));
    let gone = losers.iter().map(|loser| go(scene, loser, merge.survivor)).collect();
    Ok((survivor, extras, gone))
}

fn too_much(limit: usize, message: String) -> Refusal {
    Refusal::new(Reason::MergeLimitReached, message).with("limit", limit)
}

/// The account that stays, with what it did not have and the others had, the first of them first.
fn survive(
    scene: &Scene<'_>,
    before: &Account,
    losers: &[&Account],
    with: &Belongings,
    (extras, team): (&Extras, Vec<TeamMember>),
) -> Change {
    let mut after = successor(scene, before);
    after.extras = extras.clone();
    for loser in losers {
        fill(&mut after.profile, &loser.profile);
        for (kind, time) in &loser.memory.kind_times {
            let last = after.memory.kind_times.entry(kind.clone()).or_insert(*time);
            *last = (*last).max(*time);
        }
    }
    let all = std::iter::once(before).chain(losers.iter().copied());
    let follow_ups = FollowUps::new(scene.org, with.follow_ups.iter().copied());
    after.last_follow_up_time = follow_ups.last(last_follow_up(all.clone()), |_| true);
    set_deals(
        &mut after,
        together(all.filter_map(|account| with.deals.get(&account.id))),
    );
    let now = after.update_time;
    // It may have come under another rule, which takes nobody's notice away.
    let noticed = retention_plan::replan(scene.org, &mut after, now);
    let none = Extras::default();
    let had = with.extras.get(&before.id).unwrap_or(&none);
    let mut fields = activity::changed(before, &after);
    fields.extend(edit::changed(
        scene.org,
        (&before.profile, had),
        (&after.profile, extras),
    ));
    let effects = Effects {
        fields,
        merged: losers.iter().map(|loser| loser.id).collect(),
        reminder: noticed.then(|| notice(scene.org, &after)),
        ..Effects::between(Some(before), &after)
    };
    let kind = EventKind::Merged;
    let same = with.teams.get(&before.id).map_or(&[][..], Vec::as_slice) == team;
    Change {
        team: if same {
            TeamChange::Keep
        } else {
            TeamChange::Replace(team)
        },
        extras: (extras != had).then(|| extras.clone()),
        ..Change::of(before, after, Event { kind, effects })
    }
}

/// When somebody followed up one of the accounts last.
pub fn last_follow_up<'a>(accounts: impl Iterator<Item = &'a Account>) -> Option<DateTime<Utc>> {
    accounts.filter_map(|account| account.last_follow_up_time).max()
}

/// No object is of two accounts.
fn together<'a>(deals: impl Iterator<Item = &'a Deals>) -> Deals {
    deals.fold(Deals::default(), |all, some| Deals {
        won_count: all.won_count + some.won_count,
        last_won_time: all.last_won_time.max(some.last_won_time),
        contract_end: all.contract_end.max(some.contract_end),
    })
}

/// An account that becomes another one: nothing counts it any more. What people wrote of it stays for CRM admins to look up.
fn go(scene: &Scene<'_>, account: &Account, survivor: AccountId) -> Change {
    let (mut after, end) = retire(scene, account, Status::Merged, EndCause::Merged);
    after.merged_into = Some(survivor);
    after.disputed_time = None;
    after.embargo_time = None;
    set_deals(&mut after, Deals::default());
    let effects = Effects {
        end_cause: end.as_ref().map(|end| end.cause.as_str()),
        merged_into: Some(survivor),
        ..Effects::between(Some(account), &after)
    };
    let kind = EventKind::MergedAway;
    Change {
        end,
        team: TeamChange::Clear,
        last_reclaim: LastReclaim::settled(account),
        ..Change::of(account, after, Event { kind, effects })
    }
}

/// Takes over what is not known yet. The name is always known, and the external id stays with the account that has it: it
/// still leads here.
fn fill(profile: &mut Profile, other: &Profile) {
    for (own, others) in [
        (&mut profile.grade, &other.grade),
        (&mut profile.industry, &other.industry),
        (&mut profile.source, &other.source),
        (&mut profile.region, &other.region),
        (&mut profile.phone, &other.phone),
        (&mut profile.email, &other.email),
        (&mut profile.website, &other.website),
        (&mut profile.address, &other.address),
        (&mut profile.remark, &other.remark),
    ] {
        if own.is_empty() {
            own.clone_from(others);
        }
    }
    profile.location = profile.location.or(other.location);
}

/// All tags, and of each custom field the first value that there is.
fn extras(before: &Account, losers: &[&Account], with: &Belongings) -> Extras {
    let mut all = with.extras.get(&before.id).cloned().unwrap_or_default();
    for other in losers.iter().filter_map(|loser| with.extras.get(&loser.id)) {
        all.tags.extend(other.tags.iter().cloned());
        for (field, value) in &other.fields {
            all.fields.entry(*field).or_insert_with(|| value.clone());
        }
    }
    all.tags.sort();
    all.tags.dedup();
    all
}

/// All members, each with the strongest right that he has anywhere, and those who owned an account that goes: they read. The
/// owner of the one that stays stands above them.
fn team(scene: &Scene<'_>, before: &Account, losers: &[&Account], with: &Belongings) -> Vec<TeamMember> {
    let mut members: BTreeMap<UserId, TeamMember> = BTreeMap::new();
    let mut join = |member: TeamMember| {
        let known = members.entry(member.user.clone()).or_insert_with(|| member.clone());
        if member.access > known.access {
            (known.access, known.role) = (member.access, member.role);
        }
    };
    for account in std::iter::once(&before).chain(losers) {
        with.teams
            .get(&account.id)
            .into_iter()
            .flatten()
            .cloned()
            .for_each(&mut join);
    }
    let owners = losers.iter().filter_map(|loser| loser.owner.clone());
    for user in owners.filter(|owner| scene.org.directory.is_active(owner)) {
        join(TeamMember {
            user,
            role: TeamRole::Participant,
            access: TeamAccess::Read,
            since: scene.now,
        });
    }
    let others = members.into_values();
    others
        .filter(|member| before.owner.as_ref() != Some(&member.user))
        .collect()
}

#[cfg(test)]
mod tests;
