//! A whole pool moves to another one. What can be transferred by itself is; what waits for approval or is canceled only
//! changes its pool, since otherwise a pool in which it lies could never be deleted.

use super::{
    Decision, Scene, Subject,
    admit::{Obstacles, allow},
    effect::successor,
    pool_move::{MOVABLE, find_target, transfer},
};
use crate::domain::{
    change::{Change, Effects, Event, EventKind},
    error::Error,
    ids::PoolId,
    limits::Room,
};

pub(super) fn relocate(
    scene: &Scene<'_>,
    subject: &Subject,
    source: PoolId,
    target: PoolId,
    clear_owner: bool,
    room: Option<&mut Room>,
) -> Result<Decision, Error> {
    let account = &subject.account;
    let administers = |id: PoolId| {
        scene
            .org
            .pool(id)
            .is_some_and(|pool| scene.principal.administers(scene.org, pool))
    };
    let may = scene.principal.crm_admin || administers(source) && administers(target);
    allow(may, "CRM admins and admins of both pools")?;
    if account.pool_id != Some(source) {
        return Ok(Decision::Same(Box::new(account.clone())));
    }
    if MOVABLE.contains(&account.status) {
        return transfer(scene, subject, None, target, clear_owner, room);
    }
    let mut obstacles = Obstacles::new(account, None);
    find_target(scene, &mut obstacles, target, true);
    obstacles.clear()?;
    let mut after = successor(scene, account);
    after.pool_id = Some(target);
    let kind = EventKind::Transferred;
    let effects = Effects::between(Some(account), &after);
    Ok(Decision::Change(Box::new(Change {
        enters: Some(target),
        ..Change::of(account, after, Event { kind, effects })
    })))
}
