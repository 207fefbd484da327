//! An account goes back to the pool: returned by its owner or those above him, or taken back by an admin.

use super::{
    Decision, Scene, Subject,
    admit::{Obstacles, allow, belongs, is_owner, is_supervisor, own_pool},
    effect::{clear_team, lose_owner, successor},
};
use crate::domain::{
    account::{Account, EndCause, EntryCause, Status},
    change::{Change, Effects, Event, EventKind, TenureEnd},
    error::Error,
    ids::{PoolId, ReasonId},
    pool::{Pool, PoolState},
    refusal::{Reason, Refusal},
};

pub(super) fn give_back(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    reason: Option<&ReasonId>,
    note: &str,
    target: Option<PoolId>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let pool = own_pool(scene, account);
    // A CRM admin takes accounts of a pool back by reclaiming them; outside pools there is only returning.
    let may = is_owner(scene, account) || is_supervisor(scene, account) || pool.is_none() && scene.principal.crm_admin;
    allow(
        may || account.status != Status::Assigned,
        "the owner and those above him",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.unlocked(scene, account);
    obstacles.status(account, &[Status::Assigned]);
    if pool.is_some_and(|pool| !pool.config.members_may_return) {
        obstacles.refuse(
            Reason::ReturnNotAllowed,
            "accounts of this pool are not returned; its admins reclaim them",
        );
    }
    check_reason(scene, &mut obstacles, pool, reason, note);
    check_target(scene, &mut obstacles, account, pool, target);
    obstacles.clear()?;

    let mut after = successor(scene, account);
    let enters = if after.pool_id.is_none() { target } else { None };
    after.pool_id = after.pool_id.or(target);
    lose_owner(scene, &mut after, EntryCause::Returned, reason, note);
    let cause = (EndCause::Returned, EventKind::Returned);
    Ok(ended(scene, account, after, cause, reason, note, enters))
}

pub(super) fn reclaim(scene: &Scene<'_>, subject: &Subject, etag: Option<i64>, note: &str) -> Result<Decision, Error> {
    let account = &subject.account;
    let pool = own_pool(scene, account);
    let may = scene.principal.crm_admin || pool.is_some_and(|pool| scene.principal.administers(scene.org, pool));
    allow(may, "admins of the pool and CRM admins")?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.unlocked(scene, account);
    obstacles.status(account, &[Status::Assigned]);
    if pool.is_none() {
        obstacles.refuse(Reason::NotAPoolAccount, "the account belongs to no pool");
    }
    obstacles.clear()?;

    let mut after = successor(scene, account);
    lose_owner(scene, &mut after, EntryCause::Reclaimed, None, note);
    Ok(ended(
        scene,
        account,
        after,
        (EndCause::Reclaimed, EventKind::Reclaimed),
        None,
        note,
        None,
    ))
}

fn check_reason(
    scene: &Scene<'_>,
    obstacles: &mut Obstacles,
    pool: Option<&Pool>,
    reason: Option<&ReasonId>,
    note: &str,
) {
    let settings = &scene.org.tenant.settings;
    let Some(id) = reason else {
        if settings.return_reason_required {
            obstacles.refuse(Reason::ReturnReasonRequired, "returning an account needs a reason");
        }
        return;
    };
    let narrowed = |id: &ReasonId| {
        pool.is_none_or(|pool| pool.config.return_reasons.is_empty() || pool.config.return_reasons.contains(id))
    };
    match settings.return_reasons.iter().find(|known| known.id == *id) {
        Some(known) if known.enabled && narrowed(id) => {
            if known.note_required && note.trim().is_empty() {
                let message = format!("the reason {id} needs a note");
                obstacles.add(Refusal::new(Reason::ReturnNoteRequired, message).with("reason_id", id));
            }
        }
        _ => {
            let message = format!("{id} is not a reason that can be chosen here");
            obstacles.add(Refusal::new(Reason::InvalidReturnReason, message).with("reason_id", id));
        }
    }
}

fn check_target(
    scene: &Scene<'_>,
    obstacles: &mut Obstacles,
    account: &Account,
    pool: Option<&Pool>,
    target: Option<PoolId>,
) {
    match (pool, target) {
        (Some(pool), Some(target)) if pool.id != target => {
            let message = "an account of a pool goes back to that pool; transfer it to move it elsewhere";
            obstacles.add(Refusal::new(Reason::TargetPoolMismatch, message).with("pool_id", pool.id));
        }
        (Some(_), _) => {}
        (None, None) => obstacles.refuse(
            Reason::TargetPoolRequired,
            "the account belongs to no pool; say which one it goes to",
        ),
        (None, Some(id)) => {
            // Where the owner or the actor is at home; a CRM admin is at home everywhere.
            let users = [&scene.principal.actor, &account.owner];
            let permitted = |pool: &Pool| {
                scene.principal.crm_admin || users.iter().copied().flatten().any(|user| belongs(scene, pool, user))
            };
            match scene.org.pool(id).filter(|pool| permitted(pool)) {
                None => forbidden(
                    obstacles,
                    id,
                    "is none that the owner or the actor is a member or admin of",
                ),
                Some(pool) if pool.state == PoolState::Disabled => forbidden(obstacles, id, "is out of use"),
                Some(_) => {}
            }
        }
    }
}

/// Notes a target pool that cannot be one, and why.
pub(super) fn forbidden(obstacles: &mut Obstacles, target: PoolId, why: &str) {
    let message = format!("the target pool {why}");
    obstacles.add(Refusal::new(Reason::TargetPoolForbidden, message).with("pool_id", target));
}

fn ended(
    scene: &Scene<'_>,
    account: &Account,
    after: Account,
    (cause, kind): (EndCause, EventKind),
    reason: Option<&ReasonId>,
    note: &str,
    enters: Option<PoolId>,
) -> Decision {
    let end = account.owner.clone().map(|user| TenureEnd {
        user,
        cause,
        reason: reason.cloned(),
        note: note.to_owned(),
        rule_id: None,
        deadline: account.clock.reclaim_time,
        bans_claim: true,
    });
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = Some(cause.as_str());
    effects.reason = reason.cloned();
    Decision::Change(Box::new(Change {
        end,
        team: clear_team(scene, account),
        enters,
        ..Change::of(account, after, Event { kind, effects })
    }))
}
