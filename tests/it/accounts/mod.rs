//! `AccountService`: what people know of accounts. What its tests share.

mod copy;
mod create;
mod list;
mod list_filters;
mod list_pages;
mod mask;
mod merge;
mod plans;
mod read;
mod update;
mod update_custom;

use crate::{harness::Client, world::World};
use prost_types::FieldMask;
use sea_orm::{ConnectionTrait, Statement, Value};
use std::time::Duration;
use tidepool::{
    domain::ids::AccountId,
    rpc::proto::{
        self, Account, CustomField, CustomFieldType, CustomFieldValue, NewAccount, TeamAccess, TenantSettings,
    },
};
use tokio::time::Instant;

/// A company with only a name.
fn named(name: &str) -> Account {
    Account {
        name: name.into(),
        ..Account::default()
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn new(account: Account, pool: &str, owner: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest {
        new_account: Some(NewAccount {
            account: Some(account),
            pool_id: pool.into(),
            owner: owner.into(),
        }),
        ..Default::default()
    }
}

/// An update of the account `id` by `account`, of what `paths` name.
fn update(id: &str, account: Account, paths: &[&str]) -> proto::UpdateAccountRequest {
    proto::UpdateAccountRequest {
        account: Some(Account {
            id: id.into(),
            ..account
        }),
        update_mask: Some(FieldMask { paths: texts(paths) }),
        ..Default::default()
    }
}

fn text_value(field: &str, text: &str) -> CustomFieldValue {
    CustomFieldValue {
        field: field.into(),
        value: Some(proto::custom_field_value::Value::TextValue(text.into())),
    }
}

fn number_value(field: &str, number: f64) -> CustomFieldValue {
    CustomFieldValue {
        field: field.into(),
        value: Some(proto::custom_field_value::Value::NumberValue(number)),
    }
}

impl Client {
    /// Creates an account that has to be created.
    async fn creates(&self, account: Account, pool: &str, owner: &str) -> Account {
        let made = self.accounts().create_account(new(account, pool, owner)).await.unwrap();
        made.into_inner().account.unwrap()
    }

    /// Updates an account that has to be updated.
    async fn updates(&self, id: &str, account: Account, paths: &[&str]) -> Account {
        let updated = self.accounts().update_account(update(id, account, paths)).await;
        updated.unwrap().into_inner().account.unwrap()
    }

    /// Reads an account, or fails to.
    async fn gets(&self, id: &str) -> Result<Account, tonic::Status> {
        let request = proto::GetAccountRequest { account_id: id.into() };
        let read = self.accounts().get_account(request).await?;
        Ok(read.into_inner().account.unwrap())
    }
}

impl World {
    /// Lets users edit names.
    async fn names_are_open(&self) {
        let settings = TenantSettings {
            users_may_edit_names: true,
            ..TenantSettings::default()
        };
        self.update_settings(settings, &["users_may_edit_names"]).await;
    }

    /// Defines a custom field.
    pub(crate) async fn field(&self, name: &str, field_type: CustomFieldType, choices: &[&str]) -> CustomField {
        let field = CustomField {
            name: name.into(),
            display_name: name.to_uppercase(),
            r#type: field_type.into(),
            choices: texts(choices),
            ..CustomField::default()
        };
        let request = proto::CreateCustomFieldRequest {
            custom_field: Some(field),
            ..Default::default()
        };
        let made = self.server.admin().custom_fields().create_custom_field(request).await;
        made.unwrap().into_inner().custom_field.unwrap()
    }

    /// Changes a custom field.
    pub(crate) async fn change_field(&self, field: CustomField, paths: &[&str]) {
        let request = proto::UpdateCustomFieldRequest {
            custom_field: Some(field),
            update_mask: Some(FieldMask { paths: texts(paths) }),
            ..Default::default()
        };
        let changed = self.server.admin().custom_fields().update_custom_field(request).await;
        changed.unwrap();
    }

    /// Runs a statement below the service.
    pub(crate) async fn sql(&self, sql: &str, values: Vec<Value>) {
        let db = self.server.db();
        let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
        let statement = Statement::from_sql_and_values(db.engine().backend(), sql, values);
        unit.tx(async |tx| Ok(tx.execute_raw(statement).await.map(drop)?))
            .await
            .unwrap();
    }

    /// Puts the user into the related team of the account.
    pub(crate) async fn join_team(&self, account: &str, user: &str, access: TeamAccess) {
        assert_eq!(self.put_member("root", account, user, access).await, "OK");
    }

    /// Takes the account out of use.
    async fn cancel(&self, account: &str) {
        let request = proto::CancelAccountRequest {
            account_id: account.into(),
            ..Default::default()
        };
        self.user("root").accounts().cancel_account(request).await.unwrap();
    }

    /// How many events the history of the account has, and the effects of the last one.
    async fn history(&self, account: &str) -> (usize, String) {
        let account = AccountId::parse(account).unwrap();
        let db = self.server.db();
        let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
        let reader = unit.reader().await.unwrap();
        let sql = "SELECT effects FROM account_event WHERE tenant = 1 AND account_id = ? ORDER BY version";
        let statement = Statement::from_sql_and_values(db.engine().backend(), sql, [account.0.into()]);
        let rows = reader.query_all_raw(statement).await.unwrap();
        let last = rows.last().map(|row| row.try_get::<String>("", "effects").unwrap());
        (rows.len(), last.unwrap_or_default())
    }
}
