//! Deals of an account were counted again, because somebody asked for it: what that changes.

use super::{changed, set_deals, takes};
use crate::domain::{
    account::{Account, Status},
    change::{Change, Effects, Event, EventKind},
    circulation::{Scene, successor},
    object::Deals,
    retention_plan,
};

/// The change, if there is any. The owner did nothing, so where his deadline comes nearer he has notice.
#[must_use]
pub fn recount(scene: &Scene<'_>, account: &Account, deals: Deals, objects_changed: bool) -> Option<Change> {
    let mut after = successor(scene, account);
    set_deals(&mut after, deals);
    let fields = changed(account, &after);
    let same = fields.is_empty() && account.deal_status == after.deal_status;
    if !takes(account) || same && !objects_changed {
        return None;
    }
    if after.status == Status::Assigned {
        let now = after.update_time;
        retention_plan::replan(scene.org, &mut after, now);
    }
    let kind = EventKind::DealsRecomputed;
    let effects = Effects {
        fields,
        ..Effects::between(Some(account), &after)
    };
    // Nobody gains: an account that counts again for its owner is let stand, as where a win is taken back.
    Some(Change::of(account, after, Event { kind, effects }))
}
