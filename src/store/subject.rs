//! Reads the accounts that a call is about, together with everything else that decisions on them need: the tenant's
//! revisions, the answer of a repeated request, the actor's last ban and his place in the team. One statement for up to
//! [`CHUNK`] accounts, and two more where rules of the tenant look at tags or custom fields. To show accounts less is read.

use super::{
    account_row,
    codec::Row,
    dialect::Engine,
    entity::account::{COLUMNS, Model},
    extras,
    instant::instant,
    request::{Found, RequestKey, found},
    sql::padded,
};
use crate::domain::{
    account::{Extras, TeamAccess},
    circulation::Subject,
    ids::{AccountId, TenantKey, UserId},
    organisation::{Organisation, Revisions},
};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use std::{
    collections::{BTreeSet, HashMap},
    iter,
};
use uuid::Uuid;

/// Accounts per statement.
pub const CHUNK: usize = 128;

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// The tenant's revisions at that moment.
    pub revisions: Revisions,
    /// The answer of the request, if it was given before.
    pub found: Found,
    /// The accounts that there are.
    pub subjects: HashMap<AccountId, Subject>,
}

/// What accounts are read for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// To decide on them.
    Deciding {
        /// In the course of this request.
        request: Option<&'a RequestKey>,
        /// Whether the tenant has pools that keep those who gave an account up from claiming it.
        bans: bool,
        /// Whether contacts follow accounts to their new owners.
        contacts: bool,
    },
    /// To show them.
    Showing {
        /// Whether the tenant has custom fields.
        fields: bool,
        /// Whether to say which have a related team.
        teams: bool,
    },
}

/// For whom accounts are read.
#[derive(Clone, Copy, Debug)]
pub enum Viewers<'a> {
    /// One actor, whose place in the related teams comes with them; nobody, for services.
    One(Option<&'a UserId>),
    /// Several, whose places are read of the accounts that have a team.
    Several,
}

/// Which accounts are read.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Up to [`CHUNK`] that are named.
    Named(&'a [AccountId]),
    /// Those that a statement finds: their `id`, and a `sort_key`.
    Found(&'a Statement),
}

/// Accounts that are to be shown. Bans and contacts are not looked for.
#[derive(Debug)]
pub struct Shown {
    /// The tenant's revisions at that moment.
    pub revisions: Revisions,
    /// The accounts that there are.
    pub subjects: HashMap<AccountId, Subject>,
    /// Those of them that have tags or custom fields.
    pub with_extras: Vec<AccountId>,
    /// Those of them that have a related team, if several view them.
    pub with_team: Vec<AccountId>,
}

/// Reads up to [`CHUNK`] accounts to decide on them; `None` if there is no such tenant.
pub async fn load(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    key: Option<&RequestKey>,
    actor: Option<&UserId>,
    accounts: &[AccountId],
) -> Result<Option<Loaded>, DbErr> {
    let purpose = Purpose::Deciding {
        request: key,
        bans: org.cooldowns,
        contacts: org.tenant.settings.contacts_follow_owner,
    };
    let rows = conn
        .query_all_raw(reading(
            Engine::of(conn),
            org.key,
            purpose,
            actor,
            Which::Named(accounts),
        ))
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let found = key.map_or(Ok(Found::Nothing), |key| found(first, Some(key)))?;
    let revisions = revisions(first)?;
    let mut subjects = HashMap::with_capacity(rows.len());
    for row in &rows {
        if let Some(mut subject) = read(row)? {
            let banned_since: Option<i64> = row.try_get("", "banned_since")?;
            let has_contacts: i64 = row.try_get("", "has_contacts")?;
            subject.banned_since = banned_since.map(instant);
            subject.has_contacts = has_contacts != 0;
            subjects.insert(subject.account.id, subject);
        }
    }
    let found_ids: Vec<_> = subjects.keys().copied().collect();
    for_rules(conn, org, &mut subjects, &found_ids).await?;
    Ok(Some(Loaded {
        revisions,
        found,
        subjects,
    }))
}

/// Reads up to [`CHUNK`] accounts to show them; `None` if there is no such tenant.
pub async fn show(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    viewers: Viewers<'_>,
    accounts: &[AccountId],
) -> Result<Option<Shown>, DbErr> {
    let statement = showing(Engine::of(conn), org, viewers, Which::Named(accounts));
    let Some(mut shown) = Shown::of(&conn.query_all_raw(statement).await?, viewers)? else {
        return Ok(None);
    };
    for_rules(conn, org, &mut shown.subjects, &shown.with_extras).await?;
    Ok(Some(shown))
}

/// The statement by which accounts are read to show them.
pub(super) fn showing(engine: Engine, org: &Organisation, viewers: Viewers<'_>, which: Which<'_>) -> Statement {
    let (actor, teams) = match viewers {
        Viewers::One(actor) => (actor, false),
        Viewers::Several => (None, true),
    };
    let purpose = Purpose::Showing {
        fields: !org.custom_fields.is_empty(),
        teams,
    };
    reading(engine, org.key, purpose, actor, which)
}

impl Shown {
    /// What the rows say; nothing if there are none, not even one that has only the revisions.
    pub(super) fn of(rows: &[QueryResult], viewers: Viewers<'_>) -> Result<Option<Self>, DbErr> {
        let Some(first) = rows.first() else { return Ok(None) };
        let teams = matches!(viewers, Viewers::Several);
        let mut shown = Self {
            revisions: revisions(first)?,
            subjects: HashMap::with_capacity(rows.len()),
            with_extras: Vec::new(),
            with_team: Vec::new(),
        };
        for row in rows {
            if let Some(subject) = read(row)? {
                let id = subject.account.id;
                if row.try_get::<i64>("", "has_extras")? != 0 {
                    shown.with_extras.push(id);
                }
                if teams && row.try_get::<i64>("", "has_team")? != 0 {
                    shown.with_team.push(id);
                }
                shown.subjects.insert(id, subject);
            }
        }
        Ok(Some(shown))
    }

    /// What was read a moment later belongs to it.
    pub(super) fn add(&mut self, later: Self) {
        self.revisions = self.revisions.max(later.revisions);
        self.subjects.extend(later.subjects);
        self.with_extras.extend(later.with_extras);
        self.with_team.extend(later.with_team);
    }

    /// Only these.
    pub(super) fn keep(&mut self, accounts: &[AccountId]) {
        if accounts.len() < self.subjects.len() {
            let accounts: BTreeSet<_> = accounts.iter().collect();
            self.subjects.retain(|id, _| accounts.contains(id));
            self.with_extras.retain(|id| accounts.contains(id));
            self.with_team.retain(|id| accounts.contains(id));
        }
    }
}

fn revisions(row: &QueryResult) -> Result<Revisions, DbErr> {
    Ok(Revisions {
        config: row.try_get("", "config_revision")?,
        directory: row.try_get("", "directory_revision")?,
    })
}

/// The account of the row, if there is one, with the actor's place in its team.
fn read(row: &QueryResult) -> Result<Option<Subject>, DbErr> {
    if row.try_get::<Option<Uuid>>("", "id")?.is_none() {
        return Ok(None);
    }
    let access: Option<i16> = row.try_get("", "team_access")?;
    Ok(Some(Subject {
        account: account_row::read(Model::read(row)?)?,
        banned_since: None,
        team: access.and_then(TeamAccess::from_number),
        has_contacts: false,
    }))
}

/// Tags and custom fields of those that have some, where rules of the tenant look at them.
pub(super) async fn for_rules(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    subjects: &mut HashMap<AccountId, Subject>,
    with_extras: &[AccountId],
) -> Result<(), DbErr> {
    if org.retention.uses_extras() && !with_extras.is_empty() {
        for (id, has) in extras::read(conn, org.key, with_extras).await? {
            if let Some(subject) = subjects.get_mut(&id) {
                subject.account.extras = has;
            }
        }
    }
    Ok(())
}

/// The statement by which they are read.
#[must_use]
pub fn reading(
    engine: Engine,
    tenant: TenantKey,
    purpose: Purpose<'_>,
    actor: Option<&UserId>,
    which: Which<'_>,
) -> Statement {
    // Servers trust what they counted when they opened the table. Where it was empty then, any index would do for them, and
    // each account would cost as much as its tenant has objects, or its actor tenures.
    let (account, tenures) = (engine.account_by("PRIMARY"), engine.by_key("tenure", "b"));
    let objects = engine.by_index("business_object", "o", "business_object_related");
    let mut values: Vec<Value> = Vec::new();
    let (mut columns, mut team) = ("NULL AS team_access".to_owned(), "");
    if actor.is_some() {
        "m.access AS team_access".clone_into(&mut columns);
        team = " LEFT JOIN account_team m ON m.tenant = a.tenant AND m.account_id = a.id AND m.user_id = ?";
    }
    let mut request = "";
    match purpose {
        Purpose::Showing { fields, teams } => {
            columns
                .push_str(", EXISTS (SELECT 1 FROM account_tag g WHERE g.tenant = a.tenant AND g.account_id = a.id)");
            if fields {
                columns.push_str(
                    " OR EXISTS (SELECT 1 FROM account_field f WHERE f.tenant = a.tenant AND f.account_id = a.id)",
                );
            }
            columns.push_str(" AS has_extras");
            if teams {
                columns.push_str(
                    ", EXISTS (SELECT 1 FROM account_team m WHERE m.tenant = a.tenant AND m.account_id = a.id) AS has_team",
                );
            }
        }
        Purpose::Deciding {
            request: key,
            bans,
            contacts,
        } => {
            let banned = actor.filter(|_| bans).map_or_else(
                || "NULL".to_owned(),
                |actor| {
                    values.push(actor.as_str().into());
                    format!(
                        "(SELECT MAX(b.end_time) FROM {tenures} WHERE b.tenant = a.tenant AND b.account_id = a.id \
                         AND b.user_id = ? AND b.bans_claim = 1)"
                    )
                },
            );
            let has_contacts = if contacts {
                format!(
                    "EXISTS (SELECT 1 FROM {objects} WHERE o.tenant = a.tenant AND o.account_id = a.id \
                     AND o.object_type = 'contact')"
                )
            } else {
                "0".to_owned()
            };
            columns = format!("{columns}, {banned} AS banned_since, {has_contacts} AS has_contacts");
            if let Some(key) = key {
                columns.push_str(", r.payload_hash, r.response");
                request = " LEFT JOIN request r ON r.tenant = t.id AND r.caller = ? AND r.request_id = ?";
                values.extend([key.caller.as_str().into(), key.request_id.as_str().into()]);
            }
        }
    }
    let (found, among) = match which {
        Which::Named(accounts) => {
            let ids = listed(accounts);
            let marks = vec!["?"; ids.len()].join(", ");
            values.extend(ids.into_iter().map(Value::from));
            (String::new(), format!("IN ({marks})"))
        }
        Which::Found(statement) => {
            columns.push_str(", f.sort_key");
            values.extend(statement.values.iter().flat_map(|values| values.0.clone()));
            (
                format!(" LEFT JOIN ({}) f ON 1 = 1", statement.sql),
                "= f.id".to_owned(),
            )
        }
    };
    let sql = format!(
        "SELECT {}, t.config_revision, t.directory_revision, {columns} FROM tenant t{request}{found} \
         LEFT JOIN {account} ON a.tenant = t.id AND a.id {among}{team} WHERE t.id = ?",
        *COLUMNS
    );
    values.extend(actor.map(|actor| Value::from(actor.as_str())));
    values.push(tenant.0.into());
    Statement::from_sql_and_values(engine.backend(), sql, values)
}

#[expect(clippy::implicit_hasher, reason = "the map that `load` made")]
/// Tags and custom fields of the accounts, of which `with` may have some. Where rules of the tenant look at them they came with
/// the accounts.
pub async fn extras(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    subjects: &HashMap<AccountId, Subject>,
    with: &[AccountId],
) -> Result<HashMap<AccountId, Extras>, DbErr> {
    if org.retention.uses_extras() {
        let here = |(id, subject): (&AccountId, &Subject)| (*id, subject.account.extras.clone());
        return Ok(subjects.iter().map(here).collect());
    }
    if with.is_empty() {
        return Ok(HashMap::new());
    }
    extras::read(conn, org.key, with).await
}

/// What a user is to an account that he wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// When he last lost it in a way that keeps him from claiming it again.
    pub banned_since: Option<DateTime<Utc>>,
    /// What he may do as a member of its related team.
    pub team: Option<TeamAccess>,
}

/// What each of the users is to each of the accounts, where he is anything: what [`load`] reads of one actor. One statement.
pub async fn places(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    accounts: impl Iterator<Item = AccountId>,
    users: &BTreeSet<&UserId>,
) -> Result<HashMap<(AccountId, UserId), Place>, DbErr> {
    let accounts = padded(accounts.map(|id| Value::from(id.0)));
    let users = padded(users.iter().map(|user| Value::from(user.as_str())));
    if accounts.is_empty() || users.is_empty() {
        return Ok(HashMap::new());
    }
    let tenures = Engine::of(conn).by_key("tenure", "b");
    let within = format!(
        "tenant = ? AND account_id IN ({}) AND user_id IN ({})",
        vec!["?"; accounts.len()].join(", "),
        vec!["?"; users.len()].join(", ")
    );
    let mut sql = format!("SELECT account_id, user_id, access, NULL AS banned_since FROM account_team WHERE {within}");
    let once = || {
        iter::once(org.key.0.into())
            .chain(accounts.clone())
            .chain(users.clone())
    };
    let mut values: Vec<Value> = once().collect();
    if org.cooldowns {
        sql = format!(
            "{sql} UNION ALL SELECT account_id, user_id, NULL, MAX(end_time) FROM {tenures} WHERE {within} \
             AND bans_claim = 1 GROUP BY account_id, user_id"
        );
        values.extend(once());
    }
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let mut places: HashMap<_, Place> = HashMap::new();
    for row in conn.query_all_raw(statement).await? {
        let id: Uuid = row.try_get("", "account_id")?;
        let user: String = row.try_get("", "user_id")?;
        let (table, tenant, key) = ("tenure", org.key, &id);
        let user = Row { table, tenant, key }.id("user_id", &user, UserId::parse)?;
        let access: Option<i16> = row.try_get("", "access")?;
        let banned_since: Option<i64> = row.try_get("", "banned_since")?;
        let place = places.entry((AccountId(id), user)).or_default();
        place.team = place.team.or(access.and_then(TeamAccess::from_number));
        place.banned_since = place.banned_since.or(banned_since.map(instant));
    }
    Ok(places)
}

/// Lets the actor stand in for the members of related teams whom he supervises. One statement, for who supervises
/// anybody; moves need none, since they are never a matter of the team.
pub async fn join_teams<'a>(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    actor: Option<&UserId>,
    subjects: impl Iterator<Item = &'a mut Subject>,
) -> Result<(), DbErr> {
    let Some(actor) = actor.filter(|actor| org.directory.has_reports(actor)) else {
        return Ok(());
    };
    let mut subjects: HashMap<_, _> = subjects.map(|subject| (subject.account.id, subject)).collect();
    let accounts: Vec<_> = subjects.keys().copied().collect();
    for (account, members) in extras::teams(conn, org.key, &accounts).await? {
        if let Some(subject) = subjects.get_mut(&account) {
            let below = members
                .iter()
                .filter(|(member, _)| org.directory.supervises(actor, member));
            subject.team = subject.team.max(below.map(|(_, access)| *access).max());
        }
    }
    Ok(())
}

/// The ids for a list, which must not be empty; nobody has the one that stands for none.
pub(super) fn listed(accounts: &[AccountId]) -> Vec<Uuid> {
    let ids = padded(accounts.iter().map(|id| id.0));
    if ids.is_empty() { vec![Uuid::nil()] } else { ids }
}
