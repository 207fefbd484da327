//! Definitions of custom fields: create, read, update, delete. Deleting takes two steps, so that a field in use does not
//! vanish by one wrong call.

use super::{
    App,
    call::Call,
    configured::{self, UpdateConfigured},
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    tenant::check_etag,
};
use crate::domain::{
    configured::{ConfigTable, Configured},
    custom_field::{CustomField, FIELDS_MAX},
    error::Error,
    organisation::Organisation,
    refusal::{Reason, Refusal, Violations},
};
use std::sync::Arc;
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::CustomField;

type Field = Configured<CustomField>;

fn find(fields: &[Arc<Field>], id: Uuid) -> Result<&Arc<Field>, Error> {
    let field = fields.iter().find(|field| field.id == id);
    field.ok_or_else(|| Error::not_found("custom_field", id))
}

/// The definition, for a change of it by a CRM admin who saw the state `etag`.
fn find_to_change<'a>(facts: &Facts<'a>, id: Uuid, etag: Option<i64>) -> Result<&'a Arc<Field>, Error> {
    let field = find(&facts.org.custom_fields, id)?;
    facts.principal.require_crm_admin()?;
    check_etag(etag, field.version)?;
    Ok(field)
}

fn check(violations: Violations) -> Result<(), Error> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.within("custom_field").into())
    }
}

/// Refuses to take away a field that conditions of rules read, in use or not: they would mean nothing any more.
fn refuse_if_read(org: &Organisation, id: Uuid) -> Result<(), Refusal> {
    let rules = org.retention.rules_reading(id);
    if rules.is_empty() {
        return Ok(());
    }
    // As many as fit into the details.
    let named: Vec<_> = rules.iter().take(10).map(Uuid::to_string).collect();
    let message = format!(
        "conditions of {} rule(s) read the field; change them first: {}",
        rules.len(),
        named.join(", ")
    );
    Err(Refusal::new(Reason::CustomFieldReferenced, message)
        .with("references", named.join(","))
        .with("reference_count", rules.len()))
}

impl App {
    /// Defines a field.
    pub async fn create_custom_field(
        &self,
        call: &Call,
        once: &Once<'_, Field>,
        config: &CustomField,
    ) -> Result<Reply<Field>, Error> {
        self.configure(call, "CreateCustomField", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            check(config.validate())?;
            let fields = &facts.org.custom_fields;
            if let Some(field) = fields.iter().find(|field| field.config.name == config.name) {
                let message = format!("a custom field named {:?} is there already", config.name);
                let refusal = Refusal::new(Reason::AlreadyExists, message);
                return Err(refusal.with("custom_field_id", field.id).into());
            }
            configured::check_number("custom fields", fields.len(), FIELDS_MAX)?;
            Ok(configured::create(facts, TABLE, config))
        })
        .await
    }

    /// Reads a definition.
    pub async fn get_custom_field(&self, call: &Call, id: Uuid) -> Result<Arc<Field>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        find(&org.custom_fields, id).cloned()
    }

    /// The definitions by id, and the token of the next page.
    pub async fn list_custom_fields(
        &self,
        call: &Call,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<Field>>, String), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?;
        let list = List::new(call, "ListCustomFields", &());
        let after: Option<Uuid> = self.pages.open(&list, token)?;
        let rest = org
            .custom_fields
            .iter()
            .filter(|field| after.is_none_or(|after| field.id > after));
        let rows = rest.take(size + 1).cloned().collect();
        Ok(page::cut(&self.pages, &list, rows, size, |field| field.id))
    }

    /// Changes a definition.
    pub async fn update_custom_field(
        &self,
        call: &Call,
        once: &Once<'_, Field>,
        input: &UpdateConfigured<CustomField>,
    ) -> Result<Reply<Field>, Error> {
        self.configure(call, "UpdateCustomField", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, input.id, input.etag)?;
            let config = input.merge(&old.config)?;
            check(old.config.validate_change(&config))?;
            Ok(configured::update(facts, TABLE, old, config))
        })
        .await
    }

    /// Deletes a definition that is not in use. The values stay where they are, and nothing reads them.
    pub async fn delete_custom_field(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteCustomField", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            if old.config.enabled {
                let message = "the field is in use, and deleting it puts its values out of reach; disable it first";
                return Err(Error::refused(Reason::CustomFieldEnabled, message));
            }
            refuse_if_read(facts.org, id)?;
            Ok((configured::delete(TABLE, old), ()))
        })
        .await
    }
}
