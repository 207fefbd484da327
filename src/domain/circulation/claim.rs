//! A member takes an account out of the pool for himself.

use super::{
    Decision, Move, Scene, Subject, acquisition,
    admit::{Obstacles, is_member, own_pool},
    effect::{give_owner, successor, team_for},
};
use crate::domain::{
    account::{StartCause, Status},
    change::{Change, Effects, Event, EventKind, LastReclaim, TenureStart},
    days::add_days,
    error::Error,
    limits::Room,
    pool::{ClaimMode, PoolState},
    refusal::{Reason, Refusal},
};

pub(super) fn decide(
    scene: &Scene<'_>,
    subject: &Subject,
    etag: Option<i64>,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let Some(actor) = &scene.principal.actor else {
        return Err(Error::refused(
            Reason::ActorRequired,
            "a claim is for the actor; say for whom the call is made",
        ));
    };
    let Some(pool) = own_pool(scene, account) else {
        return Err(Error::refused(
            Reason::NotAPoolAccount,
            "the account belongs to no pool",
        ));
    };
    if !is_member(scene, pool) {
        let message = format!("{actor} is neither a member nor an admin of the pool");
        return Err(Refusal::new(Reason::NotPoolMember, message)
            .with("pool_id", pool.id)
            .into());
    }
    let mut obstacles = Obstacles::new(account, etag);
    if account.status == Status::Assigned {
        obstacles.refuse(Reason::AlreadyClaimed, "the account has an owner already");
    } else {
        obstacles.status(account, &[Status::Unassigned]);
    }
    if pool.state == PoolState::Disabled {
        obstacles.refuse(Reason::PoolDisabled, "the pool is out of use");
    }
    if pool.config.claim_mode == ClaimMode::AdminsAssign {
        obstacles.refuse(
            Reason::PoolNotClaimable,
            "accounts of this pool are assigned by its admins, not claimed",
        );
    }
    if let Some(until) = account.embargo_time.filter(|until| scene.now < *until) {
        let message = "nobody may claim the account for the time being";
        obstacles.add(Refusal::new(Reason::AccountEmbargoed, message).with("embargoed_until", until.to_rfc3339()));
    }
    if let (Some(days), Some(since)) = (pool.config.cooldown_days, subject.banned_since) {
        let until = add_days(since, days, scene.org.zone(pool));
        if scene.now < until {
            let message = format!("{actor} gave the account up or lost it less than {days} days ago");
            obstacles.add(Refusal::new(Reason::ClaimCooldownActive, message).with("blocked_until", until.to_rfc3339()));
        }
    }
    let gain = acquisition(scene, account, &Move::Claim).zip(room);
    if let Some((gain, room)) = &gain {
        obstacles.extend(gain.check(room));
    }
    obstacles.clear()?;
    if let Some((gain, room)) = gain {
        gain.take(room);
    }

    let mut after = successor(scene, account);
    give_owner(scene, &mut after, actor);
    let kind = EventKind::Claimed;
    let effects = Effects::between(Some(account), &after);
    Ok(Decision::Change(Box::new(Change {
        start: Some(TenureStart {
            user: actor.clone(),
            cause: StartCause::Claimed,
        }),
        team: team_for(scene, account, actor, Some(subject.team.is_some())),
        gains: Some(actor.clone()),
        last_reclaim: LastReclaim::settled(account),
        ..Change::of(account, after, Event { kind, effects })
    })))
}
