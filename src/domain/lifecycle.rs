//! An account is taken out of use, brought back, deleted. Deleting takes two steps: only what was canceled is deleted.

use super::{
    account::{Account, AccountKind, EndCause, EntryCause, Extras, Profile, StartCause, Status},
    change::{Change, Effects, Event, EventKind, LastReclaim, TeamChange, TenureEnd, TenureStart},
    circulation::{
        Acquisition, Scene, Subject,
        admit::{Obstacles, allow, belongs, is_owner, known, own_pool},
        give_owner, held, successor, team_for,
    },
    ids::{AccountId, UserId},
    limits::{How, Room},
    refusal::{Reason, Refusal},
    retention_plan,
};
use crate::domain::error::Error;

/// In use.
pub(super) const LIVE: &[Status] = &[
    Status::Unactivated,
    Status::Reporting,
    Status::Unassigned,
    Status::Assigned,
];

/// The account as the lifecycle sees it, and the scene no earlier than its last change.
fn enter<'a>(
    scene: &Scene<'a>,
    subject: Option<&'a Subject>,
    id: AccountId,
) -> Result<(Scene<'a>, &'a Account), Error> {
    let account = &known(scene, subject, id)?.account;
    let now = scene.now.max(account.update_time);
    Ok((Scene { now, ..*scene }, account))
}

/// Takes an account out of use.
pub fn cancel(scene: &Scene<'_>, subject: Option<&Subject>, id: AccountId, etag: Option<i64>) -> Result<Change, Error> {
    let (scene, account) = enter(scene, subject, id)?;
    let draft = matches!(account.status, Status::Unactivated | Status::Reporting);
    allow(
        scene.principal.crm_admin || draft && is_owner(&scene, account),
        "CRM admins, and the owner as long as its creation is not approved,",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.unlocked(&scene, account);
    obstacles.status(account, LIVE);
    obstacles.clear()?;

    let (after, end) = retire(&scene, account, Status::Canceled, EndCause::Canceled);
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = end.as_ref().map(|end| end.cause.as_str());
    let kind = EventKind::Canceled;
    Ok(Change {
        end,
        ..Change::of(account, after, Event { kind, effects })
    })
}

/// The account out of use, and how its tenure ended.
pub(super) fn retire(
    scene: &Scene<'_>,
    account: &Account,
    status: Status,
    cause: EndCause,
) -> (Account, Option<TenureEnd>) {
    let mut after = successor(scene, account);
    after.status = status;
    after.status_before_cancel = Some(account.status);
    let now = after.update_time;
    retention_plan::end(&mut after, now);
    after.owner = None;
    after.owner_since = None;
    after.lock = None;
    after.clock = retention_plan::stopped(scene.org);
    let end = account.owner.clone().map(|user| {
        after.last_owner = Some(user.clone());
        // Whoever owned it until now gave no reason; what an owner before him gave is not his.
        after.last_end_reason = None;
        after.last_end_note.clear();
        TenureEnd {
            user,
            cause,
            reason: None,
            note: String::new(),
            rule_id: None,
            deadline: account.clock.reclaim_time,
            bans_claim: false,
        }
    });
    (after, end)
}

/// Who owns the account if it is restored with the owner that it had.
#[must_use]
pub fn restored_owner(account: &Account, clear_owner: bool) -> Option<&UserId> {
    let owned = account
        .status_before_cancel
        .is_some_and(|before| before != Status::Unassigned);
    account.last_owner.as_ref().filter(|_| owned && !clear_owner)
}

/// Who holds more if the account is restored.
#[must_use]
pub fn restoration(account: &Account, clear_owner: bool) -> Option<Acquisition> {
    Some(Acquisition {
        user: restored_owner(account, clear_owner)?.clone(),
        from: None,
        to: held(account, account.pool_id),
        how: How::Given,
    })
}

/// Brings a canceled account back to where it was. It never left its pool, so that may be out of use.
pub fn restore(
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    id: AccountId,
    etag: Option<i64>,
    clear_owner: bool,
    room: Option<&mut Room>,
) -> Result<Change, Error> {
    let (scene, account) = enter(scene, subject, id)?;
    allow(scene.principal.crm_admin, "CRM admins")?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(account, &[Status::Canceled]);
    let owner = restored_owner(account, clear_owner);
    if let Some(owner) = owner {
        if !scene.org.directory.is_active(owner) {
            let message = format!("{owner}, who owned the account, is not an active user; restore it without an owner");
            obstacles.add(Refusal::new(Reason::AssigneeInactive, message).with("assignee", owner));
        } else if own_pool(&scene, account).is_some_and(|pool| !belongs(&scene, pool, owner)) {
            let message =
                format!("{owner}, who owned the account, is no member of its pool; restore it without an owner");
            obstacles.add(Refusal::new(Reason::AssigneeNotMember, message).with("assignee", owner));
        }
    }
    let gain = restoration(account, clear_owner).zip(room);
    if let Some((gain, room)) = &gain {
        obstacles.extend(gain.check(room));
    }
    obstacles.clear()?;

    let mut after = successor(&scene, account);
    after.status_before_cancel = None;
    let (mut start, mut team) = (None, TeamChange::Keep);
    if let Some(owner) = owner {
        give_owner(&scene, &mut after, owner);
        if let Some(draft @ (Status::Unactivated | Status::Reporting)) = account.status_before_cancel {
            after.status = draft;
            after.clock = retention_plan::stopped(scene.org);
        }
        team = team_for(&scene, account, owner, None);
        start = Some(TenureStart {
            user: owner.clone(),
            cause: StartCause::Restored,
        });
    } else {
        after.status = Status::Unassigned;
        after.pool_entry_time = Some(after.update_time);
        after.pool_entry_cause = Some(EntryCause::Restored);
    }
    let kind = EventKind::Restored;
    let effects = Effects::between(Some(account), &after);
    Ok(Change {
        gains: start.as_ref().map(|start| start.user.clone()),
        start,
        team,
        ..Change::of(account, after, Event { kind, effects })
    })
}

/// Deletes a canceled account: what people know of it goes, who owned it when stays.
pub fn delete(scene: &Scene<'_>, subject: Option<&Subject>, id: AccountId, etag: Option<i64>) -> Result<Change, Error> {
    let (scene, account) = enter(scene, subject, id)?;
    allow(scene.principal.crm_admin, "CRM admins")?;
    let mut obstacles = Obstacles::new(account, etag);
    if account.status != Status::Canceled {
        let current = account.status.as_str();
        let message = format!("the account is {current}; cancel it first");
        obstacles.add(Refusal::new(Reason::NotCanceled, message).with("current", current));
    }
    obstacles.clear()?;

    let mut after = successor(&scene, account);
    after.status = Status::Deleted;
    after.pool_id = None;
    after.pool_entry_time = None;
    after.pool_entry_cause = None;
    after.last_end_note.clear();
    after.disputed_time = None;
    after.profile = blank(account.profile.kind);
    let kind = EventKind::Deleted;
    let effects = Effects::between(Some(account), &after);
    Ok(Change {
        team: TeamChange::Clear,
        last_reclaim: LastReclaim::settled(account),
        extras: Some(Extras::default()),
        ..Change::of(account, after, Event { kind, effects })
    })
}

fn blank(kind: AccountKind) -> Profile {
    Profile {
        kind,
        name: String::new(),
        grade: String::new(),
        industry: String::new(),
        source: String::new(),
        region: String::new(),
        phone: String::new(),
        email: String::new(),
        website: String::new(),
        address: String::new(),
        location: None,
        remark: String::new(),
        external_id: None,
    }
}
