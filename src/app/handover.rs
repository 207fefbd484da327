//! Objects that follow accounts to their new owners: counted before moves are decided, read after it, and told with them.
//!
//! Statement budget per 128 accounts that may take objects along: 1 read of how many there are, 1 of which they are, and
//! 1 write in `store::apply`. None where no objects were asked for and none of the accounts has contacts.

use crate::{
    domain::{
        change::{Change, RelatedEffect},
        circulation::{Item, Move, Subject},
        ids::{AccountId, TenantKey, UserId},
        organisation::Organisation,
        related::handover::{Followers, old_owner, wish},
    },
    store::{Abort, Tx, handover as rows},
};
use std::collections::{BTreeMap, HashMap};

/// What may follow the accounts of these moves, each with whoever makes it.
pub(super) async fn count(
    tx: &Tx,
    org: &Organisation,
    subjects: &HashMap<AccountId, Subject>,
    wanted: impl IntoIterator<Item = (Option<&UserId>, &Item)>,
) -> Result<Followers, Abort> {
    let settings = &org.tenant.settings;
    let wished = wanted.into_iter().filter_map(|(actor, item)| {
        let subject = subjects.get(&item.account)?;
        let to = match &item.wanted {
            Move::Claim => actor?,
            Move::Assign(to) | Move::ChangeOwner(to) => to,
            _ => return None,
        };
        let of = (item.account, old_owner(&subject.account));
        let wish = wish(settings, of, subject.has_contacts, to, &item.follow)?;
        Some((item.account, wish))
    });
    // Of several to whom an account may go one gets it, and what follows is the same.
    let wishes: BTreeMap<_, _> = wished.collect();
    let wishes: Vec<_> = wishes.into_values().collect();
    let counts = rows::count(tx, org.key, &wishes).await?;
    Ok(Followers::new(wishes, &counts))
}

/// Notes with the changes what follows their accounts.
pub(super) async fn fill(
    tx: &Tx,
    tenant: TenantKey,
    changes: &mut [Change],
    followers: Followers,
) -> Result<(), Abort> {
    let chosen = followers.chosen();
    if changes.is_empty() || chosen.is_empty() {
        return Ok(());
    }
    let mut found = rows::read(tx, tenant, &chosen).await?;
    let from: HashMap<_, _> = chosen.iter().map(|wish| (wish.account, &wish.from)).collect();
    for change in changes {
        let (Some(old), Some(new)) = (from.get(&change.after.id), &change.after.owner) else {
            continue;
        };
        if *old == new {
            continue;
        }
        let objects = found.remove(&change.after.id).unwrap_or_default();
        let effect = |(source, object_type, object_id)| RelatedEffect {
            source,
            object_type,
            object_id,
            old: (*old).clone(),
            new: new.clone(),
        };
        change.event.effects.related = objects.into_iter().map(effect).collect();
    }
    Ok(())
}
