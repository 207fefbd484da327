//! Reads the accounts that activities are about, however these name them.

use super::{call::Call, flow};
use crate::{
    domain::{
        activity::Activity,
        circulation::Subject,
        ids::{AccountId, ExternalId},
        organisation::Organisation,
    },
    store::{Abort, Tx, merge, parked, request::RequestKey, subject},
};
use std::collections::{BTreeSet, HashMap};

/// The accounts that are named by external ids, as far as there are such.
pub(super) async fn accounts(
    tx: &Tx,
    org: &Organisation,
    named: impl Iterator<Item = &(Activity, Option<ExternalId>)>,
) -> Result<HashMap<ExternalId, AccountId>, Abort> {
    let ids: BTreeSet<&ExternalId> = named.filter_map(|(_, external)| external.as_ref()).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    Ok(parked::accounts(tx, org.key, &ids).await?)
}

/// Reads the accounts, with the certainty that `org` is what is committed; or the answer that was given before.
pub(super) async fn load(
    tx: &Tx,
    org: &Organisation,
    call: &Call,
    key: Option<&RequestKey>,
    ids: BTreeSet<AccountId>,
) -> Result<Result<HashMap<AccountId, Subject>, Vec<u8>>, Abort> {
    let ids: Vec<_> = ids.into_iter().collect();
    let mut subjects = HashMap::with_capacity(ids.len());
    // A call without a known account still has a request to look for, and a tenant.
    let chunks = if ids.is_empty() {
        vec![&ids[..]]
    } else {
        ids.chunks(subject::CHUNK).collect()
    };
    for chunk in chunks {
        let loaded = subject::load(tx, org, key, call.actor.as_ref(), chunk).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if let Some(response) = flow::current(org, loaded.revisions, loaded.found)? {
            return Ok(Err(response));
        }
        subjects.extend(loaded.subjects);
    }
    // Whoever stands above a member of a team reads its accounts, and may tell of them.
    subject::join_teams(tx, org, call.actor.as_ref(), subjects.values_mut()).await?;
    Ok(Ok(subjects))
}

/// Where the ids of merged accounts lead to, these accounts being read too.
pub(super) async fn follow(
    tx: &Tx,
    org: &Organisation,
    call: &Call,
    subjects: &mut HashMap<AccountId, Subject>,
) -> Result<HashMap<AccountId, AccountId>, Abort> {
    let merged = subjects.values().map(|subject| &subject.account);
    let merged = merged.filter_map(|account| Some((account.id, account.merged_into?)));
    let ways = merge::survivors(tx, org.key, merged).await?;
    let ends: BTreeSet<_> = ways.values().copied().filter(|id| !subjects.contains_key(id)).collect();
    if !ends.is_empty() {
        subjects.extend(load(tx, org, call, None, ends).await?.unwrap_or_default());
    }
    Ok(ways)
}
