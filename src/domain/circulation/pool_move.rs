//! An account moves between pools: transferred, put into a pool, taken out of one; with its owner or without.

use super::{
    Decision, Move, Scene, Subject, acquisition,
    admit::{Obstacles, allow, belongs, is_owner, own_pool},
    effect::{clear_team, lose_owner, successor},
    give_back::forbidden,
};
use crate::domain::{
    account::{Account, EndCause, EntryCause, Status},
    change::{Change, Effects, Event, EventKind, TeamChange, TenureEnd},
    error::Error,
    ids::PoolId,
    limits::Room,
    pool::{Pool, PoolState},
    refusal::{Reason, Refusal},
    retention_plan,
    sweep::notice,
};

pub(super) const MOVABLE: &[Status] = &[Status::Unassigned, Status::Assigned];

pub(super) fn transfer(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    target: PoolId,
    clear_owner: bool,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let source = own_pool(scene, account);
    let admin = scene.principal.crm_admin || source.is_some_and(|pool| scene.principal.administers(scene.org, pool));
    let member = is_owner(scene, account) && source.is_some_and(|pool| pool.config.members_may_transfer_out);
    allow(
        admin || member,
        "admins of the pool, CRM admins, and its owner where the pool lets him",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.unlocked(scene, account);
    obstacles.status(account, MOVABLE);
    match source {
        None => obstacles.refuse(Reason::NotAPoolAccount, "the account belongs to no pool; add it to one"),
        Some(source) if source.id == target => {
            obstacles.refuse(Reason::SamePool, "the account is in this pool already");
        }
        Some(_) => {}
    }
    let pool = find_target(scene, &mut obstacles, target, admin);
    let wanted = Move::Transfer { target, clear_owner };
    let mover = Mover {
        admin,
        kind: EventKind::Transferred,
        entry: EntryCause::Transferred,
    };
    enter(scene, account, pool, clear_owner, &wanted, mover, obstacles, room)
}

pub(super) fn add(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    target: PoolId,
    clear_owner: bool,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let visible = scene
        .org
        .pool(target)
        .filter(|pool| scene.principal.sees_pool(scene.org, pool));
    let admin = scene.principal.crm_admin || visible.is_some_and(|pool| scene.principal.administers(scene.org, pool));
    let member = is_owner(scene, account) && visible.is_none_or(|pool| pool.config.members_may_add);
    allow(
        admin || member,
        "admins of the target pool, CRM admins, and the account's owner where the pool lets him",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.unlocked(scene, account);
    obstacles.status(account, MOVABLE);
    if account.pool_id.is_some() {
        obstacles.refuse(
            Reason::AlreadyInPool,
            "the account belongs to a pool already; transfer it to move it elsewhere",
        );
    }
    let pool = find_target(scene, &mut obstacles, target, admin);
    let wanted = Move::AddToPool { target, clear_owner };
    let mover = Mover {
        admin,
        kind: EventKind::AddedToPool,
        entry: EntryCause::Added,
    };
    enter(scene, account, pool, clear_owner, &wanted, mover, obstacles, room)
}

pub(super) fn remove(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    clear_owner: bool,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let source = own_pool(scene, account);
    let may = scene.principal.crm_admin || source.is_some_and(|pool| scene.principal.administers(scene.org, pool));
    allow(may, "admins of the pool and CRM admins")?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.unlocked(scene, account);
    obstacles.status(account, MOVABLE);
    if source.is_none() {
        obstacles.refuse(Reason::NotAPoolAccount, "the account belongs to no pool");
    }
    let gain = acquisition(scene, account, &Move::RemoveFromPool { clear_owner }).zip(room);
    if let Some((gain, room)) = &gain {
        obstacles.extend(gain.check(room));
    }
    obstacles.clear()?;
    let gains = gain.map(|(gain, room)| {
        gain.take(room);
        gain.user
    });

    let mut after = successor(scene, account);
    after.pool_id = None;
    let mover = Mover {
        admin: true,
        kind: EventKind::RemovedFromPool,
        entry: EntryCause::Transferred,
    };
    Ok(moved(scene, account, after, clear_owner, None, gains, mover))
}

/// Who moves it and what that is called.
#[derive(Clone, Copy)]
struct Mover {
    admin: bool,
    kind: EventKind,
    entry: EntryCause,
}

pub(super) fn find_target<'a>(
    scene: &Scene<'a>,
    obstacles: &mut Obstacles,
    target: PoolId,
    admin: bool,
) -> Option<&'a Pool> {
    // An admin of the source moves accounts into any pool; an owner only into one that he may know of.
    let visible = |pool: &&Pool| admin || scene.principal.sees_pool(scene.org, pool);
    match scene.org.pool(target).filter(visible) {
        None => {
            forbidden(obstacles, target, "does not exist");
            None
        }
        Some(pool) if pool.state == PoolState::Disabled => {
            forbidden(obstacles, target, "is out of use");
            None
        }
        pool => pool,
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the shared end of two moves, called from nowhere else"
)]
fn enter(
    scene: &Scene<'_>,
    account: &Account,
    pool: Option<&Pool>,
    clear_owner: bool,
    wanted: &Move,
    mover: Mover,
    mut obstacles: Obstacles,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let clears = clear_owner || pool.is_some_and(|pool| pool.config.clear_owner_on_transfer_in);
    if let (Some(pool), Some(owner), false) = (pool, &account.owner, clears)
        && !belongs(scene, pool, owner)
    {
        let message = format!("{owner} would keep the account but is not a member of the target pool");
        obstacles.add(Refusal::new(Reason::OwnerNotMemberOfTarget, message).with("owner", owner));
    }
    let gain = acquisition(scene, account, wanted).zip(room);
    if let Some((gain, room)) = &gain {
        obstacles.extend(gain.check(room));
    }
    obstacles.clear()?;
    let gains = gain.map(|(gain, room)| {
        gain.take(room);
        gain.user
    });

    let mut after = successor(scene, account);
    after.pool_id = pool.map(|pool| pool.id);
    Ok(moved(
        scene,
        account,
        after,
        clears,
        pool.map(|pool| pool.id),
        gains,
        mover,
    ))
}

fn moved(
    scene: &Scene<'_>,
    account: &Account,
    mut after: Account,
    clears: bool,
    enters: Option<PoolId>,
    gains: Option<crate::domain::ids::UserId>,
    mover: Mover,
) -> Decision {
    let loser = account.owner.clone().filter(|_| clears);
    let end = loser.map(|user| TenureEnd {
        // Giving it away by moving it would otherwise be a way around the cool-down.
        bans_claim: !mover.admin && scene.principal.actor.as_ref() == Some(&user),
        user,
        cause: EndCause::Transferred,
        reason: None,
        note: String::new(),
        rule_id: None,
        deadline: account.clock.reclaim_time,
    });
    let team = if end.is_some() {
        clear_team(scene, account)
    } else {
        TeamChange::Keep
    };
    let mut noticed = false;
    if end.is_some() {
        lose_owner(scene, &mut after, mover.entry, None, "");
    } else if after.status == Status::Assigned {
        noticed = retention_plan::replan(scene.org, &mut after, scene.now);
    } else {
        after.pool_entry_time = Some(after.update_time);
        after.pool_entry_cause = Some(mover.entry);
    }
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = end.as_ref().map(|end| end.cause.as_str());
    effects.reminder = noticed.then(|| notice(scene.org, &after));
    let kind = mover.kind;
    Decision::Change(Box::new(Change {
        end,
        team,
        enters,
        gains,
        ..Change::of(account, after, Event { kind, effects })
    }))
}
