//! The related team of an account: who besides its owner works with it, and who may change that.

use super::{
    account::{Account, Status, TeamAccess, TeamRole},
    change::{Change, Effects, Event, EventKind, TeamChange},
    circulation::{
        Decision, Scene, Subject,
        admit::{Obstacles, allow, is_owner, is_supervisor, known},
        knows, reads, successor,
    },
    ids::{AccountId, UserId},
    refusal::{Reason, Refusal},
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};

/// Members of a team at most.
pub const MAX_MEMBERS: usize = 100;

/// A member of an account's team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamMember {
    /// Who.
    pub user: UserId,
    /// What he is there for.
    pub role: TeamRole,
    /// What he may do.
    pub access: TeamAccess,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What is wanted of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamWish {
    /// A member is added or gets another role or right.
    Put(UserId, TeamRole, TeamAccess),
    /// A member goes.
    Remove(UserId),
}

/// Lets those through who read all of the account.
pub fn may_list<'a>(scene: &Scene<'_>, subject: Option<&'a Subject>, id: AccountId) -> Result<&'a Subject, Error> {
    let subject = subject.filter(|subject| knows(scene, subject));
    match subject {
        Some(subject) if reads(scene, subject) => Ok(subject),
        // He reads it as an unclaimed account of his pool, so that it is there is no news to him.
        Some(subject) if subject.account.status == Status::Unassigned => {
            allow(false, "those who read all of the account").map(|()| subject)
        }
        _ => Err(Error::not_found("account", id)),
    }
}

/// Decides a change of the team, which is `members` now.
pub fn decide(
    scene: &Scene<'_>,
    subject: Option<&Subject>,
    id: AccountId,
    etag: Option<i64>,
    members: &[TeamMember],
    wish: &TeamWish,
) -> Result<Decision, Error> {
    let subject = known(scene, subject, id)?;
    let account = &subject.account;
    let scene = &Scene {
        now: scene.now.max(account.update_time),
        ..*scene
    };
    let may = scene.principal.crm_admin
        || is_owner(scene, account)
        || is_supervisor(scene, account)
        || subject.team == Some(TeamAccess::ReadWrite);
    allow(
        may,
        "the owner, those above him, team members who may change the account, and CRM admins",
    )?;
    let mut obstacles = Obstacles::new(account, etag);
    obstacles.status(
        account,
        &[
            Status::Unactivated,
            Status::Reporting,
            Status::Unassigned,
            Status::Assigned,
        ],
    );
    let member = |user: &UserId| members.iter().find(|member| member.user == *user);
    let (team, about) = match wish {
        TeamWish::Put(user, role, access) => {
            check_new(scene, &mut obstacles, account, user);
            match member(user) {
                Some(now) if (now.role, now.access) == (*role, *access) => return same(obstacles, account),
                None if members.len() >= MAX_MEMBERS => {
                    let message = format!("a team has at most {MAX_MEMBERS} members");
                    obstacles.add(Refusal::new(Reason::TeamLimitReached, message).with("limit", MAX_MEMBERS));
                }
                _ => {}
            }
            (TeamChange::Put(user.clone(), *role, *access), user)
        }
        TeamWish::Remove(user) => {
            if member(user).is_none() {
                return same(obstacles, account);
            }
            (TeamChange::Remove(user.clone()), user)
        }
    };
    obstacles.clear()?;
    let after = successor(scene, account);
    let effects = Effects {
        member: Some(about.clone()),
        ..Effects::between(Some(account), &after)
    };
    let kind = EventKind::TeamChanged;
    Ok(Decision::Change(Box::new(Change {
        team,
        ..Change::of(account, after, Event { kind, effects })
    })))
}

fn check_new(scene: &Scene<'_>, obstacles: &mut Obstacles, account: &Account, user: &UserId) {
    if !scene.org.directory.is_active(user) {
        let message = format!("{user} is not an active user");
        obstacles.add(Refusal::new(Reason::TeamMemberInactive, message).with("user_id", user));
    }
    if account.owner.as_ref() == Some(user) {
        let message = format!("{user} owns the account and stands above its team");
        obstacles.add(Refusal::new(Reason::TeamMemberIsOwner, message).with("user_id", user));
    }
}

fn same(obstacles: Obstacles, account: &Account) -> Result<Decision, Error> {
    obstacles.clear().map(|()| Decision::Same(Box::new(account.clone())))
}
