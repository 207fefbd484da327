//! Definitions of custom fields.

use super::{choice, decode, etag, etag_opt, mask, own_id, required, timestamp};
use crate::{
    app::configured::UpdateConfigured,
    domain::{
        configured::Configured,
        custom_field::{CustomField, FieldType},
        error::Error,
        patch,
        refusal::Violations,
    },
    rpc::proto,
};
use uuid::Uuid;

/// A definition as a message.
#[must_use]
pub fn encode(field: &Configured<CustomField>) -> proto::CustomField {
    let config = &field.config;
    let field_type = match config.field_type {
        FieldType::Text => proto::CustomFieldType::Text,
        FieldType::Number => proto::CustomFieldType::Number,
        FieldType::Time => proto::CustomFieldType::Time,
        FieldType::Choice => proto::CustomFieldType::Choice,
    };
    proto::CustomField {
        id: field.id.to_string(),
        name: config.name.clone(),
        display_name: config.display_name.clone(),
        r#type: field_type.into(),
        choices: config.choices.clone(),
        required: config.required,
        enabled: Some(config.enabled),
        etag: etag(field.version),
        create_time: timestamp(field.create_time),
        update_time: timestamp(field.update_time),
    }
}

/// Reads the definition of a create request.
pub fn create(message: Option<proto::CustomField>) -> Result<CustomField, Error> {
    decode(|v| {
        let message = required(v, "custom_field", message)?;
        read(v, message, true)
    })
}

/// Reads an update.
pub fn update(message: proto::UpdateCustomFieldRequest) -> Result<UpdateConfigured<CustomField>, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let field = required(v, "custom_field", message.custom_field)?;
        let id = own_id(v, "custom_field.id", &field.id);
        let etag = etag_opt(v, "custom_field.etag", &field.etag);
        let takes_type = paths.iter().any(|path| path == patch::ALL || path == "type");
        let config = read(v, field, takes_type);
        Some(UpdateConfigured {
            id: id?,
            config: config?,
            paths,
            etag: etag?,
        })
    })
}

/// Reads an id and an etag.
pub fn target(custom_field_id: &str, etag: &str) -> Result<(Uuid, Option<i64>), Error> {
    decode(|v| {
        let id = own_id(v, "custom_field_id", custom_field_id);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}

fn read(v: &mut Violations, message: proto::CustomField, needs_type: bool) -> Option<CustomField> {
    let field_type = choice(v, "custom_field.type", message.r#type, |value| match value {
        proto::CustomFieldType::Unspecified => None,
        proto::CustomFieldType::Text => Some(FieldType::Text),
        proto::CustomFieldType::Number => Some(FieldType::Number),
        proto::CustomFieldType::Time => Some(FieldType::Time),
        proto::CustomFieldType::Choice => Some(FieldType::Choice),
    })?;
    if needs_type {
        required(v, "custom_field.type", field_type)?;
    }
    Some(CustomField {
        name: message.name,
        display_name: message.display_name,
        // Where it is not needed it is not taken either.
        field_type: field_type.unwrap_or(FieldType::Text),
        choices: message.choices,
        required: message.required,
        enabled: message.enabled.unwrap_or(true),
    })
}
