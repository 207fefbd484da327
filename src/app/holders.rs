//! What users may still take, read before moves are decided and used up by them.

use crate::{
    domain::{
        circulation::{Acquisition, Item, Scene, Subject, acquisition},
        ids::{AccountId, UserId},
        limits::{How, Room, UserLimits},
        organisation::Organisation,
    },
    store::{Abort, Tx, holdings},
};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// What a user may still take, and the version of the guard row that this was read with.
pub(super) struct Holder {
    /// Of his guard row.
    pub(super) version: i64,
    pub(super) room: Room,
}

/// What everybody would gain.
pub(super) type Gains = HashMap<UserId, Vec<Acquisition>>;

/// What everybody would gain by these moves, each with whoever wants it.
pub(super) fn gains<'a>(
    subjects: &HashMap<AccountId, Subject>,
    wanted: impl IntoIterator<Item = (&'a Scene<'a>, &'a Item)>,
) -> Gains {
    let mut gains = Gains::new();
    for (scene, item) in wanted {
        let subject = subjects.get(&item.account);
        if let Some(gain) = subject.and_then(|subject| acquisition(scene, &subject.account, &item.wanted)) {
            // Guard rows come with users of the directory; whoever is none of them is refused by the decision.
            if scene.org.directory.users.contains_key(&gain.user) {
                gains.entry(gain.user.clone()).or_default().push(gain);
            }
        }
    }
    gains
}

/// Reads what everybody who gains may still take, in the same statement as his guard row's version.
pub(super) async fn read_holders(
    tx: &Tx,
    org: &Organisation,
    now: DateTime<Utc>,
    subjects: &HashMap<AccountId, Subject>,
    gains: &Gains,
) -> Result<HashMap<UserId, Holder>, Abort> {
    if gains.is_empty() {
        return Ok(HashMap::new());
    }
    let limits: HashMap<UserId, UserLimits> = gains
        .iter()
        .map(|(user, gains)| {
            let claims = gains.iter().any(|gain| gain.how == How::Claimed);
            let how = if claims { How::Claimed } else { How::Given };
            let pools = gains.iter().map(|gain| gain.to.pool);
            (user.clone(), UserLimits::of(org, user, pools, how, now))
        })
        .collect();
    // Accounts that leave somebody's hands in the same call may uncover room.
    let leaving = |user: &UserId| {
        let owned = subjects.values().filter(|s| s.account.owner.as_ref() == Some(user));
        u32::try_from(owned.count()).unwrap_or(u32::MAX)
    };
    let wanted: Vec<_> = limits
        .iter()
        .map(|(user, limits)| (user.clone(), limits.counts(leaving(user))))
        .collect();
    let mut facts = holdings::read(tx, org.key, &wanted).await?;
    let mut holders = HashMap::with_capacity(limits.len());
    for (user, limits) in limits {
        let facts = facts.remove(&user).ok_or(Abort::Stale)?;
        holders.insert(
            user,
            Holder {
                version: facts.version,
                room: Room::new(limits, facts.counts),
            },
        );
    }
    Ok(holders)
}

/// The versions that the guard rows had.
pub(super) fn versions(holders: &HashMap<UserId, Holder>) -> HashMap<UserId, i64> {
    let version = |(user, holder): (&UserId, &Holder)| (user.clone(), holder.version);
    holders.iter().map(version).collect()
}
