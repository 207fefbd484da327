//! An account is given to somebody: assigned by an admin of its pool, or handed over by its owner or those above him.

use super::{
    Decision, Move, Scene, Subject, acquisition,
    admit::{Obstacles, allow, belongs, is_owner, is_supervisor, own_pool},
    effect::{give_owner, successor, team_for},
};
use crate::domain::{
    account::{Account, EndCause, StartCause, Status},
    change::{Change, Effects, Event, EventKind, LastReclaim, TenureEnd, TenureStart},
    error::Error,
    ids::UserId,
    limits::Room,
    pool::PoolState,
    refusal::{Reason, Refusal},
};

pub(super) fn assign(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    to: &UserId,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let pool = own_pool(scene, account);
    let may = scene.principal.crm_admin || pool.is_some_and(|pool| scene.principal.administers(scene.org, pool));
    allow(may, "admins of the pool and CRM admins")?;
    let mut obstacles = Obstacles::new(account, etag);
    if account.owner.as_ref() != Some(to) {
        obstacles.unlocked(scene, account);
    }
    obstacles.status(account, &[Status::Unassigned, Status::Assigned]);
    match pool {
        None => obstacles.refuse(
            Reason::NotAPoolAccount,
            "the account belongs to no pool; change its owner instead",
        ),
        Some(pool) if pool.state == PoolState::Disabled => {
            obstacles.refuse(Reason::PoolDisabled, "the pool is out of use");
        }
        Some(_) => {}
    }
    // From the pool it is an assignment; out of somebody's hands it is a change of owner like any other.
    let event = if account.owner.is_some() {
        EventKind::OwnerChanged
    } else {
        EventKind::Assigned
    };
    let cause = (StartCause::Assigned, EndCause::Reassigned, event);
    give(scene, account, to, room, obstacles, &Move::Assign(to.clone()), cause)
}

pub(super) fn change_owner(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    to: &UserId,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let may = scene.principal.crm_admin || is_owner(scene, account) || is_supervisor(scene, account);
    let mut obstacles = Obstacles::new(account, etag);
    if account.status == Status::Unassigned {
        // Nobody can hand over what nobody owns, so who may is not the question.
        let refusal = Refusal::new(
            Reason::InvalidStatus,
            "nobody owns the account; claim or assign it first",
        )
        .with("current", account.status.as_str())
        .with("allowed", Status::Assigned.as_str());
        obstacles.add(refusal);
        return Err(obstacles.clear().err().unwrap_or_else(Error::internal));
    }
    allow(may, "the owner, those above him and CRM admins")?;
    if account.owner.as_ref() != Some(to) {
        obstacles.unlocked(scene, account);
    }
    obstacles.status(account, &[Status::Assigned]);
    let cause = (
        StartCause::OwnerChanged,
        EndCause::OwnerChanged,
        EventKind::OwnerChanged,
    );
    give(
        scene,
        account,
        to,
        room,
        obstacles,
        &Move::ChangeOwner(to.clone()),
        cause,
    )
}

fn give(
    scene: &Scene<'_>,
    account: &Account,
    to: &UserId,
    room: Option<&mut Room>,
    mut obstacles: Obstacles,
    wanted: &Move,
    (start, end, event): (StartCause, EndCause, EventKind),
) -> Result<Decision, Error> {
    if !scene.org.directory.is_active(to) {
        let message = format!("{to} is not an active user");
        obstacles.add(Refusal::new(Reason::AssigneeInactive, message).with("assignee", to));
    } else if own_pool(scene, account).is_some_and(|pool| !belongs(scene, pool, to)) {
        let message = format!("{to} is not a member of the pool");
        obstacles.add(Refusal::new(Reason::AssigneeNotMember, message).with("assignee", to));
    }
    if account.owner.as_ref() == Some(to) {
        return obstacles.clear().map(|()| Decision::Same(Box::new(account.clone())));
    }
    let gain = acquisition(scene, account, wanted).zip(room);
    if let Some((gain, room)) = &gain {
        obstacles.extend(gain.check(room));
    }
    obstacles.clear()?;
    if let Some((gain, room)) = gain {
        gain.take(room);
    }

    let ended = account.owner.as_ref().map(|owner| TenureEnd {
        user: owner.clone(),
        cause: end,
        reason: None,
        note: String::new(),
        rule_id: None,
        deadline: account.clock.reclaim_time,
        bans_claim: false,
    });
    let mut after = successor(scene, account);
    give_owner(scene, &mut after, to);
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = ended.as_ref().map(|ended| ended.cause.as_str());
    Ok(Decision::Change(Box::new(Change {
        end: ended,
        start: Some(TenureStart {
            user: to.clone(),
            cause: start,
        }),
        team: team_for(scene, account, to, None),
        gains: Some(to.clone()),
        last_reclaim: LastReclaim::settled(account),
        ..Change::of(account, after, Event { kind: event, effects })
    })))
}
