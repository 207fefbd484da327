//! What hangs on an account in tables of its own: tags, custom fields, the related team.

use super::{
    batch::{Update, insert},
    codec::Row,
    failure::Abort,
    instant::{instant, micros},
    script::Script,
};
use crate::domain::{
    account::{Account, Extras, TeamAccess, TeamRole},
    change::Change,
    custom_field::FieldValue,
    ids::{AccountId, TenantKey, UserId},
    team::TeamMember,
};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use std::collections::HashMap;
use uuid::Uuid;

fn about(sql: &str, tenant: TenantKey, accounts: impl IntoIterator<Item = AccountId>) -> Update {
    let mut update = Update {
        sql: format!("{sql} WHERE tenant = "),
        values: vec![],
    };
    update.value(tenant.0);
    update.text(" AND account_id IN ");
    update.list(accounts.into_iter().map(|id| id.0.into()));
    update
}

/// Writes tags and custom fields of the changes that have them: what was there goes, what is there afterwards comes.
pub(super) async fn write(script: &mut Script<'_>, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    const COLUMNS: &[&str] = &[
        "tenant",
        "account_id",
        "field_id",
        "text_value",
        "number_value",
        "time_value",
    ];
    let with: Vec<(&Change, &Extras)> = changes
        .iter()
        .filter_map(|change| Some((*change, change.extras.as_ref()?)))
        .collect();
    if with.is_empty() {
        return Ok(());
    }
    // A new account has nothing yet.
    let old: Vec<_> = with
        .iter()
        .map(|(change, _)| &change.after)
        .filter(|account| account.version > 1)
        .collect();
    if !old.is_empty() {
        script
            .any(about(
                "DELETE FROM account_tag",
                tenant,
                old.iter().map(|account| account.id),
            ))
            .await?;
        script
            .any(about(
                "DELETE FROM account_field",
                tenant,
                old.iter().map(|account| account.id),
            ))
            .await?;
    }
    let tags: Vec<Vec<Value>> = with
        .iter()
        .flat_map(|(change, extras)| {
            let id = change.after.id.0;
            extras
                .tags
                .iter()
                .map(move |tag| vec![tenant.0.into(), id.into(), tag.as_str().into()])
        })
        .collect();
    for chunk in tags.chunks(1000) {
        script
            .any(insert("account_tag", &["tenant", "account_id", "tag"], chunk.to_vec()))
            .await?;
    }
    let fields: Vec<Vec<Value>> = with
        .iter()
        .flat_map(|(change, extras)| {
            let id = change.after.id.0;
            extras.fields.iter().map(move |(field, value)| {
                let (text, number, time) = match value {
                    FieldValue::Text(text) => (Some(text.clone()), None, None),
                    FieldValue::Number(number) => (None, Some(*number), None),
                    FieldValue::Time(time) => (None, None, Some(micros(*time))),
                };
                vec![
                    tenant.0.into(),
                    id.into(),
                    (*field).into(),
                    text.into(),
                    number.into(),
                    time.into(),
                ]
            })
        })
        .collect();
    for chunk in fields.chunks(1000) {
        script.any(insert("account_field", COLUMNS, chunk.to_vec())).await?;
    }
    Ok(())
}

/// Reads tags and custom fields of the accounts: two statements for any number of them up to a page.
pub async fn read(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, Extras>, DbErr> {
    let mut all: HashMap<AccountId, Extras> = HashMap::new();
    if accounts.is_empty() {
        return Ok(all);
    }
    let select = about(
        "SELECT account_id, tag FROM account_tag",
        tenant,
        accounts.iter().copied(),
    );
    for row in query(conn, select, " ORDER BY account_id, tag").await? {
        let id: Uuid = row.try_get("", "account_id")?;
        all.entry(AccountId(id)).or_default().tags.push(row.try_get("", "tag")?);
    }
    let select = "SELECT account_id, field_id, text_value, number_value, time_value FROM account_field";
    for row in query(conn, about(select, tenant, accounts.iter().copied()), "").await? {
        let id: Uuid = row.try_get("", "account_id")?;
        let text: Option<String> = row.try_get("", "text_value")?;
        let number: Option<f64> = row.try_get("", "number_value")?;
        let time: Option<i64> = row.try_get("", "time_value")?;
        let value = text
            .map(FieldValue::Text)
            .or(number.map(FieldValue::Number))
            .or(time.map(|time| FieldValue::Time(instant(time))));
        if let Some(value) = value {
            all.entry(AccountId(id))
                .or_default()
                .fields
                .insert(row.try_get("", "field_id")?, value);
        }
    }
    Ok(all)
}

async fn query(conn: &impl ConnectionTrait, mut select: Update, end: &str) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    select.text(end);
    conn.query_all_raw(Statement::from_sql_and_values(
        conn.get_database_backend(),
        select.sql,
        select.values,
    ))
    .await
}

/// Reads who is in the related teams of the accounts, and what he may do: one statement.
pub async fn teams(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, Vec<(UserId, TeamAccess)>>, DbErr> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    if accounts.is_empty() {
        return Ok(all);
    }
    let select = "SELECT account_id, user_id, access FROM account_team";
    for row in query(conn, about(select, tenant, accounts.iter().copied()), "").await? {
        let id: Uuid = row.try_get("", "account_id")?;
        let at = Row {
            table: "account_team",
            tenant,
            key: &id,
        };
        let user: String = row.try_get("", "user_id")?;
        let access: i16 = row.try_get("", "access")?;
        let access = at.choice("access", TeamAccess::from_number(access))?;
        let member = (at.id("user_id", &user, UserId::parse)?, access);
        all.entry(AccountId(id)).or_default().push(member);
    }
    Ok(all)
}

pub(super) async fn put_member(
    script: &mut Script<'_>,
    tenant: TenantKey,
    account: &Account,
    user: &UserId,
    role: TeamRole,
    access: TeamAccess,
) -> Result<(), Abort> {
    remove_members(script, tenant, [(account.id, user)]).await?;
    let member = TeamMember {
        user: user.clone(),
        role,
        access,
        since: account.update_time,
    };
    put_members(script, tenant, account.id, &[member]).await
}

/// Adds members, who are none yet.
pub(super) async fn put_members(
    script: &mut Script<'_>,
    tenant: TenantKey,
    account: AccountId,
    members: &[TeamMember],
) -> Result<(), Abort> {
    const COLUMNS: &[&str] = &["tenant", "account_id", "user_id", "role", "access", "create_time"];
    if members.is_empty() {
        return Ok(());
    }
    let row = |member: &TeamMember| {
        vec![
            tenant.0.into(),
            account.0.into(),
            member.user.as_str().into(),
            member.role.number().into(),
            member.access.number().into(),
            micros(member.since).into(),
        ]
    };
    let rows = members.iter().map(row);
    script.any(insert("account_team", COLUMNS, rows)).await
}

/// Removes one member each of these accounts, where he is one.
pub(super) async fn remove_members<'a>(
    script: &mut Script<'_>,
    tenant: TenantKey,
    members: impl IntoIterator<Item = (AccountId, &'a UserId)>,
) -> Result<(), Abort> {
    let members: Vec<_> = members.into_iter().collect();
    if members.is_empty() {
        return Ok(());
    }
    let mut delete = about(
        "DELETE FROM account_team",
        tenant,
        members.iter().map(|(account, _)| *account),
    );
    let (ids, users): (Vec<Value>, Vec<Value>) = members
        .into_iter()
        .map(|(account, user)| (Value::from(account.0), Value::from(user.as_str())))
        .unzip();
    delete.text(" AND user_id = ");
    delete.by_key("account_id", ids.iter().zip(&users));
    script.any(delete).await
}

/// Removes all members of these accounts.
pub(super) async fn clear_team(
    script: &mut Script<'_>,
    tenant: TenantKey,
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<(), Abort> {
    let accounts: Vec<_> = accounts.into_iter().collect();
    if accounts.is_empty() {
        return Ok(());
    }
    script.any(about("DELETE FROM account_team", tenant, accounts)).await
}
