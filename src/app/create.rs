//! New accounts, one or many: every one is decided for itself, in the order given, on what the ones before it leave.
//!
//! Statement budget for n accounts: 1 read of revisions and request; per 128: 1 read of twins; 1 read of guard rows
//! where somebody gets an owner; then as `store::apply` says; one request row, and its answer once more where it is refused.

use super::{
    App,
    account::{View, seen},
    call::Call,
    flow::{self, Once, Reply},
};
use crate::{
    domain::{
        change::Change,
        circulation::Scene,
        creation::{self, NewAccount, Taken, Twins},
        error::Error,
        ids::{AccountId, UserId},
        limits::{How, Room, UserLimits},
        organisation::Organisation,
        text::name_key,
    },
    store::{
        Abort, Tx, apply,
        config::By,
        holdings,
        request::{self, RequestKey},
        twin,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

const CHUNK: usize = 128;

/// Whether the call itself is refused with its only account.
#[derive(Clone, Debug)]
pub struct CreateAccounts {
    /// The accounts.
    pub accounts: Vec<NewAccount>,
    /// Whether there is only one, whose refusal is the call's.
    pub single: bool,
}

/// What came of one: the account as whoever created it sees it, or why there is none.
pub type Created = Result<View, Error>;

impl App {
    /// Creates accounts.
    pub async fn create_accounts(
        &self,
        call: &Call,
        name: &'static str,
        once: &Once<'_, Vec<Created>>,
        input: &CreateAccounts,
    ) -> Result<Reply<Vec<Created>>, Error> {
        let unit = self.db.unit(name, call.deadline).replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.create_once(tx, &org, call, once, input).await))
                .await
        })
        .await
    }

    async fn create_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        once: &Once<'_, Vec<Created>>,
        input: &CreateAccounts,
    ) -> Result<Reply<Vec<Created>>, Abort> {
        if let Some(response) = flow::enter(tx, org, once.key.as_ref()).await? {
            return Ok(Reply::Replayed(response));
        }
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let created = self.create_for(tx, &scene, once.key.as_ref(), input).await?;
        if let Some(key) = &once.key {
            request::remember(tx, org.key, key, (once.encode)(&created), scene.now).await?;
        }
        Ok(Reply::Done(created))
    }

    /// Decides and applies, for this request. What is refused may be what the request itself did a moment ago, when it was sent
    /// twice at the same time: its answer is looked for once more, and found when the unit runs again.
    pub(super) async fn create_for(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        key: Option<&RequestKey>,
        input: &CreateAccounts,
    ) -> Result<Vec<Created>, Abort> {
        let created = self.create_all(tx, scene, input).await;
        let refused = match &created {
            Ok(created) => created.iter().any(Result::is_err),
            Err(abort) => matches!(abort, Abort::Refused(_)),
        };
        if let (true, Some(key)) = (refused, key) {
            flow::still_open(tx, scene.org, &[key]).await?;
        }
        created
    }

    /// Decides and applies, in a unit of work that has read the revisions.
    pub(super) async fn create_all(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        input: &CreateAccounts,
    ) -> Result<Vec<Created>, Abort> {
        let Scene { org, principal, .. } = *scene;
        let mut taken = find_twins(tx, org, &input.accounts).await?;
        let mut rooms = read_rooms(tx, scene, &input.accounts).await?;
        let (mut changes, mut created) = (Vec::new(), Vec::with_capacity(input.accounts.len()));
        for new in &input.accounts {
            let id = AccountId(self.ids.next());
            let key = name_key(&new.profile.name);
            let external_id = new.profile.external_id.as_ref();
            let twins = Twins {
                name: taken.names.get(&key).cloned(),
                external_id: external_id.and_then(|id| taken.external_ids.get(id)).cloned(),
            };
            let gain = new.acquisition(principal);
            let room = gain.and_then(|gain| rooms.get_mut(&gain.user)).map(|(_, room)| room);
            created.push(creation::decide(scene, new, id, &twins, room).map(|change| {
                let account = change.after.clone();
                let own = Taken {
                    account: id,
                    status: account.status,
                    pool: new.pool,
                    owner: account.owner.clone(),
                };
                taken.names.insert(key, own.clone());
                if let Some(id) = external_id {
                    taken.external_ids.insert(id.clone(), own);
                }
                let extras = change.extras.clone().unwrap_or_default();
                changes.push(change);
                seen(org, account, extras, scene.now)
            }));
        }
        if let (true, Some(Err(error))) = (input.single, created.first()) {
            return Err(error.clone().into());
        }
        apply_all(tx, scene, &changes, &rooms).await?;
        Ok(created)
    }
}

async fn apply_all(
    tx: &Tx,
    scene: &Scene<'_>,
    changes: &[Change],
    rooms: &HashMap<UserId, (i64, Room)>,
) -> Result<(), Abort> {
    let versions = rooms
        .iter()
        .map(|(user, (version, _))| (user.clone(), *version))
        .collect();
    let by = By {
        caller: &scene.principal.caller,
        actor: scene.principal.actor.as_ref(),
        now: scene.now,
    };
    apply::apply(tx, scene.org.key, changes, &versions, &by).await
}

async fn find_twins(tx: &Tx, org: &Organisation, accounts: &[NewAccount]) -> Result<twin::Found, Abort> {
    let mut all = twin::Found::default();
    for chunk in accounts.chunks(CHUNK) {
        let names: Vec<_> = chunk.iter().map(|new| name_key(&new.profile.name)).collect();
        let ids: Vec<_> = chunk.iter().filter_map(|new| new.profile.external_id.clone()).collect();
        let found = twin::find(tx, org.key, &names, &ids).await?;
        all.names.extend(found.names);
        all.external_ids.extend(found.external_ids);
    }
    Ok(all)
}

/// What everybody who gets an account may still take, with the version of his guard row.
async fn read_rooms(
    tx: &Tx,
    scene: &Scene<'_>,
    accounts: &[NewAccount],
) -> Result<HashMap<UserId, (i64, Room)>, Abort> {
    let mut pools: BTreeMap<UserId, Vec<_>> = BTreeMap::new();
    for gain in accounts.iter().filter_map(|new| new.acquisition(scene.principal)) {
        // Guard rows come with users of the directory; whoever is none of them is refused by the decision.
        if scene.org.directory.users.contains_key(&gain.user) {
            pools.entry(gain.user).or_default().push(gain.to.pool);
        }
    }
    if pools.is_empty() {
        return Ok(HashMap::new());
    }
    let limits: Vec<_> = pools
        .into_iter()
        .map(|(user, pools)| {
            let limits = UserLimits::of(scene.org, &user, pools, How::Given, scene.now);
            (user, limits)
        })
        .collect();
    let wanted: Vec<_> = limits
        .iter()
        .map(|(user, limits)| (user.clone(), limits.counts(0)))
        .collect();
    let mut facts = holdings::read(tx, scene.org.key, &wanted).await?;
    let mut rooms = HashMap::with_capacity(limits.len());
    for (user, limits) in limits {
        let facts = facts.remove(&user).ok_or(Abort::Stale)?;
        rooms.insert(user, (facts.version, Room::new(limits, facts.counts)));
    }
    Ok(rooms)
}
