//! Reads the accounts that a call is about, together with everything else that decisions on them need: the tenant's
//! revisions, the answer of a repeated request, the actor's last ban and his place in the team. One statement for up to
//! [`CHUNK`] accounts, and two more where rules of the tenant look at tags or custom fields.

use super::{
    account_row,
    dialect::Engine,
    entity::account::Model,
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
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};
use std::collections::HashMap;
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

/// Reads up to [`CHUNK`] accounts; `None` if there is no such tenant.
pub async fn load(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    key: Option<&RequestKey>,
    actor: Option<&UserId>,
    accounts: &[AccountId],
) -> Result<Option<Loaded>, DbErr> {
    let tenant = org.key;
    let rows = conn
        .query_all_raw(reading(Engine::of(conn), tenant, key, actor, accounts))
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let revisions = Revisions {
        config: first.try_get("", "config_revision")?,
        directory: first.try_get("", "directory_revision")?,
    };
    let found = found(first, key)?;
    let mut subjects = HashMap::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<Option<Uuid>>("", "id")?.is_none() {
            continue;
        }
        let account = account_row::read(Model::from_query_result(row, "")?)?;
        let banned_since: Option<i64> = row.try_get("", "banned_since")?;
        let access: Option<i16> = row.try_get("", "team_access")?;
        let has_contacts: i64 = row.try_get("", "has_contacts")?;
        let subject = Subject {
            banned_since: banned_since.map(instant),
            team: access.and_then(TeamAccess::from_number),
            has_contacts: has_contacts != 0,
            account,
        };
        subjects.insert(subject.account.id, subject);
    }
    if org.retention.uses_extras() {
        let found: Vec<_> = subjects.keys().copied().collect();
        for (id, has) in extras::read(conn, tenant, &found).await? {
            if let Some(subject) = subjects.get_mut(&id) {
                subject.account.extras = has;
            }
        }
    }
    Ok(Some(Loaded {
        revisions,
        found,
        subjects,
    }))
}

/// The statement by which they are read.
#[must_use]
pub fn reading(
    engine: Engine,
    tenant: TenantKey,
    key: Option<&RequestKey>,
    actor: Option<&UserId>,
    accounts: &[AccountId],
) -> Statement {
    // No caller or request has an empty id, so these match nothing.
    let (caller, request_id) = key.map_or(("", ""), |key| (key.caller.as_str(), key.request_id.as_str()));
    let ids = listed(accounts);
    let marks = vec!["?"; ids.len()].join(", ");
    // Servers trust what they counted when they opened the table. Where it was empty then, any index would do for them, and
    // each account would cost as much as its tenant has objects, or its actor tenures.
    let (account, tenures) = (engine.account_by("PRIMARY"), engine.by_key("tenure", "b"));
    let objects = engine.by_index("business_object", "o", "business_object_related");
    let mut values: Vec<Value> = Vec::with_capacity(ids.len() + 5);
    let mut of_actor = "NULL AS team_access, NULL AS banned_since".to_owned();
    let mut team = "";
    if let Some(actor) = actor {
        of_actor = format!(
            "m.access AS team_access, (SELECT MAX(b.end_time) FROM {tenures} WHERE b.tenant = a.tenant \
             AND b.account_id = a.id AND b.user_id = ? AND b.bans_claim = 1) AS banned_since"
        );
        team = " LEFT JOIN account_team m ON m.tenant = a.tenant AND m.account_id = a.id AND m.user_id = ?";
        values.push(actor.as_str().into());
    }
    let sql = format!(
        "SELECT t.config_revision, t.directory_revision, r.payload_hash, r.response, {of_actor}, \
         EXISTS (SELECT 1 FROM {objects} WHERE o.tenant = a.tenant \
         AND o.account_id = a.id AND o.object_type = 'contact') AS has_contacts, a.* FROM tenant t \
         LEFT JOIN request r ON r.tenant = t.id AND r.caller = ? AND r.request_id = ? \
         LEFT JOIN {account} ON a.tenant = t.id AND a.id IN ({marks}){team} WHERE t.id = ?"
    );
    values.extend([caller.into(), request_id.into()]);
    values.extend(ids.into_iter().map(Value::from));
    values.extend(actor.map(|actor| Value::from(actor.as_str())));
    values.push(tenant.0.into());
    Statement::from_sql_and_values(engine.backend(), sql, values)
}

#[expect(clippy::implicit_hasher, reason = "the map that `load` made")]
/// Tags and custom fields of the accounts. Where rules of the tenant look at them they came with the accounts.
pub async fn extras(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    subjects: &HashMap<AccountId, Subject>,
) -> Result<HashMap<AccountId, Extras>, DbErr> {
    if org.retention.uses_extras() {
        let here = |(id, subject): (&AccountId, &Subject)| (*id, subject.account.extras.clone());
        return Ok(subjects.iter().map(here).collect());
    }
    let found: Vec<_> = subjects.keys().copied().collect();
    extras::read(conn, org.key, &found).await
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
