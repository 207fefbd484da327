//! What the sweep does with an account that looks due: decided again, on the account as it is and the rules as they are.

use super::{
    account::{Account, EndCause, EntryCause, RetentionClock, Status},
    change::{Change, Columns, Effects, Event, EventKind, TeamChange, TenureEnd},
    circulation::{Scene, clear_team, lose_owner, successor},
    pool::PoolState,
    retention_plan,
};
use chrono::TimeDelta;

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its time is over: the owner loses it.
    Reclaim(Box<Change>),
    /// Its deadline is another one by now.
    Replan(Box<Change>),
    /// It is not due, or not any more.
    Leave,
}

/// Decides. `grace` is what events may need to arrive.
#[must_use]
pub fn decide(scene: &Scene<'_>, account: &Account, grace: TimeDelta) -> Verdict {
    if account.status != Status::Assigned {
        return Verdict::Leave;
    }
    let now = scene.now.max(account.update_time);
    let mut planned = successor(scene, account);
    // Where rules changed since the deadline was computed, the owner gets notice; otherwise this computes the same.
    retention_plan::replan(scene.org, &mut planned, now);
    match planned.clock.reclaim_time {
        Some(deadline) if deadline + grace <= now => Verdict::Reclaim(Box::new(reclaim(scene, account, &planned))),
        _ if same_clock(account, &planned) => Verdict::Leave,
        _ => Verdict::Replan(Box::new(replanned(account, planned))),
    }
}

/// Recomputes the clock after a change of rules; nothing if it is as it should be.
#[must_use]
pub fn replan(scene: &Scene<'_>, account: &Account) -> Option<Change> {
    if account.status != Status::Assigned {
        return None;
    }
    let mut planned = successor(scene, account);
    retention_plan::replan(scene.org, &mut planned, scene.now.max(account.update_time));
    (!same_clock(account, &planned)).then(|| replanned(account, planned))
}

/// Whether the clock is as it was, but for the revision that says when it was looked at.
fn same_clock(account: &Account, planned: &Account) -> bool {
    RetentionClock {
        planned_revision: planned.clock.planned_revision,
        ..account.clock
    } == planned.clock
}

fn replanned(account: &Account, after: Account) -> Change {
    Change {
        columns: Columns::Circulation,
        end: None,
        start: None,
        team: TeamChange::Keep,
        extras: None,
        enters: None,
        gains: None,
        event: Event {
            kind: EventKind::Replanned,
            effects: Effects::between(Some(account), &after),
        },
        after,
    }
}

fn reclaim(scene: &Scene<'_>, account: &Account, planned: &Account) -> Change {
    let rule = planned.clock.rule_id;
    let end = account.owner.clone().map(|user| TenureEnd {
        user,
        cause: EndCause::AutoReclaimed,
        reason: None,
        note: String::new(),
        rule_id: rule,
        deadline: planned.clock.reclaim_time,
        bans_claim: true,
    });
    let mut after = successor(scene, account);
    lose_owner(scene, &mut after, EntryCause::AutoReclaimed, None, "");
    // Saving a rule makes sure of its target; should it be gone all the same, the account stays in its own pool.
    let rules = account
        .pool_id
        .map(|pool| scene.org.reclaim_rules(pool))
        .unwrap_or_default();
    let target = rules
        .iter()
        .find(|candidate| Some(candidate.id) == rule)
        .map(|rule| rule.config.target());
    let target = target.filter(|id| scene.org.pool(*id).is_some_and(|pool| pool.state == PoolState::Active));
    let enters = target.filter(|target| Some(*target) != account.pool_id);
    after.pool_id = enters.or(account.pool_id);
    let mut effects = Effects::between(Some(account), &after);
    effects.end_cause = Some(EndCause::AutoReclaimed.as_str());
    Change {
        columns: Columns::Circulation,
        end,
        start: None,
        team: clear_team(scene, account),
        extras: None,
        enters,
        gains: None,
        event: Event {
            kind: EventKind::Reclaimed,
            effects,
        },
        after,
    }
}
