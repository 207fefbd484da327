//! Lists of accounts: which ones, for whom, by what. What a list cannot be had by is refused, never ignored: a filter
//! that is left out shows more than was asked for, and one on a hidden field tells what is hidden.

mod sieve;

pub use sieve::{DEPARTMENT_USERS_MAX, Sieve};

use super::{
    account::Status,
    circulation::Scene,
    condition::{
        Condition,
        field::{Field, Standard},
    },
    ids::{PoolId, UserId},
    pool::Pool,
    refusal::{Reason, Refusal, Violations},
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// From which accounts a list is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Scope {
    /// The actor's own.
    Mine,
    /// Those of everybody below him.
    Team,
    /// Those in whose related team he is.
    Participated,
    /// Those that wait in a pool.
    PoolUnclaimed(PoolId),
    /// Those that belong to a pool.
    PoolAll(PoolId),
    /// All.
    All,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Order {
    /// By id, which is by creation.
    Created,
    /// By name key.
    Name,
    /// By the last follow-up, never first.
    LastFollowUp,
    /// By the reclaim deadline, none last.
    Deadline,
}

/// A span of time; either end may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Then or later.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub before: Option<DateTime<Utc>>,
}

impl Span {
    fn is_open(self) -> bool {
        self == Self::default()
    }
}

/// What accounts have to fit. An empty list fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// One of these statuses.
    pub statuses: Vec<Status>,
    /// One of these owners.
    pub owners: Vec<UserId>,
    /// One of these pools.
    pub pools: Vec<PoolId>,
    /// One of these grades.
    pub grades: Vec<String>,
    /// One of these regions.
    pub regions: Vec<String>,
    /// One of these industries.
    pub industries: Vec<String>,
    /// One of these sources.
    pub sources: Vec<String>,
    /// One of these tags.
    pub tags: Vec<String>,
    /// What the name key begins with.
    pub name_prefix: String,
    /// When it is due.
    pub reclaim_time: Span,
    /// When it was created.
    pub create_time: Span,
    /// A condition that it meets, as text; empty means none.
    #[serde(default)]
    pub condition: String,
}

/// A list that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// From which accounts.
    pub scope: Scope,
    /// Which of them.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Whether it is reversed.
    pub descending: bool,
}

/// Where the accounts of a list are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Among {
    /// With their owners, in one of these statuses.
    Owners(Vec<UserId>, Vec<Status>),
    /// Where the user is in the related team, in one of these statuses.
    TeamOf(UserId, Vec<Status>),
    /// In these pools, or in none, in one of these statuses: one place each.
    Places(Vec<(Option<PoolId>, Status)>),
    /// Everywhere in the tenant, in one of these statuses.
    Tenant(Vec<Status>),
}

const OWNED: &[Status] = &[Status::Unactivated, Status::Reporting, Status::Assigned];
const LIVE: &[Status] = &[
    Status::Unactivated,
    Status::Reporting,
    Status::Unassigned,
    Status::Assigned,
];
const BEYOND: &[Status] = &[Status::Canceled, Status::Merged];

/// Where to find the accounts of the list and what to ask of them, if the principal may have it.
pub fn decide(scene: &Scene<'_>, listing: &Listing) -> Result<(Among, Option<Sieve>), Error> {
    check(listing)?;
    let among = place(scene, listing)?;
    let sieve = Sieve::of(scene.org, listing, scene.now, false)?;
    if let Scope::PoolUnclaimed(id) = listing.scope {
        let pool = find_pool(scene, id)?;
        if !scene.principal.administers(scene.org, pool) {
            show(&listing.filter, sieve.as_ref().map(|sieve| &sieve.condition), pool)?;
        }
    }
    Ok((among, sieve))
}

fn place(scene: &Scene<'_>, listing: &Listing) -> Result<Among, Error> {
    let Scene { org, principal, .. } = scene;
    let filter = &listing.filter;
    match listing.scope {
        Scope::Mine => Ok(Among::Owners(vec![actor(scene)?.clone()], statuses(filter, OWNED))),
        Scope::Team => {
            let mut below = org.directory.subordinates(actor(scene)?);
            if !filter.owners.is_empty() {
                below.retain(|user| filter.owners.contains(user));
            }
            Ok(Among::Owners(below, statuses(filter, OWNED)))
        }
        Scope::Participated => Ok(Among::TeamOf(actor(scene)?.clone(), statuses(filter, LIVE))),
        Scope::PoolUnclaimed(id) => {
            let pool = find_pool(scene, id)?;
            if !principal.administers(org, pool) {
                // Whoever sees the pool and does not administer it is a member.
                allow(pool.shows_unclaimed(), "admins of the pool")?;
            }
            Ok(Among::Places(vec![(Some(id), Status::Unassigned)]))
        }
        Scope::PoolAll(id) => {
            let pool = find_pool(scene, id)?;
            allow(principal.administers(org, pool), "admins of the pool")?;
            let beyond = filter.statuses.iter().any(|status| BEYOND.contains(status));
            allow(!beyond || principal.crm_admin, "CRM admins")?;
            let statuses = statuses(filter, LIVE);
            Ok(Among::Places(
                statuses.into_iter().map(|status| (Some(id), status)).collect(),
            ))
        }
        Scope::All => {
            allow(principal.crm_admin, "CRM admins")?;
            Ok(everywhere(scene, listing))
        }
    }
}

/// Without anything to look for, by creation, the accounts themselves are in order. Otherwise every pool is a place.
fn everywhere(scene: &Scene<'_>, listing: &Listing) -> Among {
    let filter = &listing.filter;
    let statuses = statuses(filter, LIVE);
    if listing.order == Order::Created && filter.statuses.is_empty() && filter.pools.is_empty() {
        return Among::Tenant(statuses);
    }
    let pools: Vec<_> = if filter.pools.is_empty() {
        scene
            .org
            .pools
            .keys()
            .map(|id| Some(*id))
            .chain(std::iter::once(None))
            .collect()
    } else {
        filter.pools.iter().map(|id| Some(*id)).collect()
    };
    let places = pools
        .into_iter()
        .flat_map(|pool| statuses.iter().map(move |status| (pool, *status)));
    Among::Places(places.collect())
}

fn statuses(filter: &Filter, unless_named: &[Status]) -> Vec<Status> {
    if filter.statuses.is_empty() {
        unless_named.to_vec()
    } else {
        filter.statuses.clone()
    }
}

fn actor<'a>(scene: &Scene<'a>) -> Result<&'a UserId, Error> {
    let message = "this scope is a user's; say for whom the call is made";
    let actor = scene.principal.actor.as_ref();
    actor.ok_or_else(|| Error::refused(Reason::ActorRequired, message))
}

fn find_pool<'a>(scene: &Scene<'a>, id: PoolId) -> Result<&'a Pool, Error> {
    let pool = scene
        .org
        .pool(id)
        .filter(|pool| scene.principal.sees_pool(scene.org, pool));
    pool.ok_or_else(|| Error::not_found("pool", id))
}

fn allow(allowed: bool, who: &str) -> Result<(), Error> {
    if allowed {
        return Ok(());
    }
    Err(Error::refused(
        Reason::NotAuthorized,
        format!("only {who} may list these accounts"),
    ))
}

/// Refuses filters and conditions on what the pool hides. Orders are by what no pool can hide.
fn show(filter: &Filter, condition: Option<&Condition>, pool: &Pool) -> Result<(), Error> {
    let hides = |name: &str| pool.config.hidden_fields.iter().any(|hidden| hidden == name);
    let by = [
        ("grade", filter.grades.is_empty()),
        ("region", filter.regions.is_empty()),
        ("industry", filter.industries.is_empty()),
        ("source", filter.sources.is_empty()),
        ("tags", filter.tags.is_empty()),
    ];
    let filtered = by.iter().filter(|(field, unused)| !unused && hides(field));
    let mut hidden: Vec<String> = filtered.map(|(field, _)| (*field).to_owned()).collect();
    for field in condition.map(Condition::fields).unwrap_or_default() {
        let past = field == Field::Standard(Standard::LastOwner) && !pool.config.unclaimed_history_visible;
        let name = field.name();
        if (past || hides(field.hidden_as())) && !hidden.contains(&name) {
            hidden.push(name);
        }
    }
    let refusals: Vec<_> = hidden
        .iter()
        .map(|field| {
            let message = format!("{field} of unclaimed accounts is hidden in this pool; leave the filter out");
            Refusal::new(Reason::FieldHidden, message).with("field", field)
        })
        .collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(refusals))
    }
}

/// What the scope does not offer, whoever asks.
fn check(listing: &Listing) -> Result<(), Error> {
    let Listing {
        scope, filter, order, ..
    } = listing;
    let mut violations = Violations::default();
    let mut unless = |fits: bool, field: &str, message: &str| {
        if !fits {
            violations.add(field, message);
        }
    };
    let in_pool = matches!(scope, Scope::PoolUnclaimed(_) | Scope::PoolAll(_));
    let unclaimed = matches!(scope, Scope::PoolUnclaimed(_));
    unless(
        matches!(order, Order::Created | Order::Name) || !in_pool && *scope != Scope::All,
        "order",
        "this scope offers ACCOUNT_ORDER_CREATED and ACCOUNT_ORDER_NAME",
    );
    unless(
        filter.owners.is_empty() || !unclaimed && *scope != Scope::Mine,
        "filter.owners",
        "this scope says who the owner is",
    );
    unless(
        filter.pools.is_empty() || !in_pool,
        "filter.pool_ids",
        "this scope says which the pool is",
    );
    unless(
        filter.reclaim_time.is_open() || !unclaimed,
        "filter.reclaim_time_from",
        "accounts of this scope have no reclaim deadline; leave the filters on it out",
    );
    let (offered, names) = match scope {
        Scope::Mine | Scope::Team => (
            OWNED,
            "this scope has accounts that are UNACTIVATED, REPORTING or ASSIGNED",
        ),
        Scope::Participated => (LIVE, "this scope has no accounts that are canceled or merged"),
        Scope::PoolUnclaimed(_) => (
            &[][..],
            "all accounts of this scope are UNASSIGNED; leave the filter out",
        ),
        Scope::PoolAll(_) | Scope::All => (&[][..], "deleted accounts are not listed"),
    };
    let everything = matches!(scope, Scope::PoolAll(_) | Scope::All);
    for (at, status) in filter.statuses.iter().enumerate() {
        let fits = if everything {
            *status != Status::Deleted
        } else {
            offered.contains(status)
        };
        unless(fits, &format!("filter.statuses[{at}]"), names);
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.into())
    }
}
