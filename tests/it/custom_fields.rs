//! Definitions of custom fields: created, read, changed, disabled, deleted.

use crate::harness::{Refused, Server};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, CustomField, CustomFieldType, User},
};
use tonic::Code;

fn field(name: &str, of: CustomFieldType) -> CustomField {
    CustomField {
        name: name.into(),
        display_name: name.to_uppercase(),
        r#type: of.into(),
        ..CustomField::default()
    }
}

fn creating(field: CustomField) -> proto::CreateCustomFieldRequest {
    proto::CreateCustomFieldRequest {
        custom_field: Some(field),
        ..Default::default()
    }
}

async fn create(server: &Server, field: CustomField) -> CustomField {
    let made = server
        .admin()
        .custom_fields()
        .create_custom_field(creating(field))
        .await;
    made.unwrap().into_inner().custom_field.unwrap()
}

fn updating(field: CustomField, paths: &[&str]) -> proto::UpdateCustomFieldRequest {
    proto::UpdateCustomFieldRequest {
        custom_field: Some(field),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(ToString::to_string).collect(),
        }),
        ..Default::default()
    }
}

fn getting(id: &str) -> proto::GetCustomFieldRequest {
    proto::GetCustomFieldRequest {
        custom_field_id: id.into(),
    }
}

fn deleting(id: &str, etag: &str) -> proto::DeleteCustomFieldRequest {
    proto::DeleteCustomFieldRequest {
        custom_field_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    }
}

async fn directory(server: &Server) {
    let request = proto::BatchUpsertUsersRequest {
        users: vec![User {
            id: "ann".into(),
            display_name: "Ann".into(),
            active: true,
            ..User::default()
        }],
        ..Default::default()
    };
    server.admin().directory().batch_upsert_users(request).await.unwrap();
}

/// A tenant's own fields, each with a type; the name and the type stay.
#[tokio::test]
async fn a_field_is_defined_read_and_changed() {
    let server = Server::start().await;
    directory(&server).await;
    let choices = CustomField {
        choices: vec!["gold".into(), "silver".into()],
        ..field("tier", CustomFieldType::Choice)
    };
    let made = create(&server, choices).await;
    assert_eq!(
        (made.enabled, made.required, made.r#type()),
        (Some(true), false, CustomFieldType::Choice)
    );
    // Everybody may read what accounts look like; only admins change it.
    let mut ann = server.user("ann").custom_fields();
    let read = ann.get_custom_field(getting(&made.id)).await.unwrap().into_inner();
    assert_eq!(read.custom_field.as_ref(), Some(&made));
    let by_user = ann
        .create_custom_field(creating(field("mine", CustomFieldType::Text)))
        .await;
    by_user.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let by_user = ann.update_custom_field(updating(made.clone(), &["choices"])).await;
    by_user.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let by_user = ann.delete_custom_field(deleting(&made.id, "")).await;
    by_user.refused(Code::PermissionDenied, Reason::NotAuthorized);

    let mut admin = server.admin().custom_fields();
    let fewer = CustomField {
        id: made.id.clone(),
        etag: made.etag.clone(),
        choices: vec!["gold".into()],
        required: true,
        ..CustomField::default()
    };
    let changed = admin
        .update_custom_field(updating(fewer.clone(), &["choices", "required"]))
        .await;
    let changed = changed.unwrap().into_inner().custom_field.unwrap();
    let expected = CustomField {
        choices: vec!["gold".into()],
        required: true,
        etag: changed.etag.clone(),
        update_time: changed.update_time,
        ..made.clone()
    };
    assert_eq!(changed, expected);
    let stale = admin.update_custom_field(updating(fewer, &["required"])).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let other = CustomField {
        name: "rank".into(),
        r#type: CustomFieldType::Text.into(),
        ..changed.clone()
    };
    let moved = admin.update_custom_field(updating(other.clone(), &["name"])).await;
    moved.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    let moved = admin.update_custom_field(updating(other, &["type", "choices"])).await;
    moved.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    let same = admin
        .update_custom_field(updating(changed.clone(), &["*"]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(same.custom_field, Some(changed));
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_field_is_refused_with_everything_that_is_wrong() {
    let server = Server::start().await;
    let mut admin = server.admin().custom_fields();
    let wrong = CustomField {
        name: "Owner".into(),
        display_name: String::new(),
        choices: vec!["a".into(), "a".into()],
        ..field("", CustomFieldType::Number)
    };
    let said = admin.create_custom_field(creating(wrong)).await.violations();
    for field in ["name", "display_name", "choices", "choices[1]"] {
        let named = said
            .iter()
            .filter(|line| line.starts_with(&format!("custom_field.{field}: ")))
            .count();
        assert_eq!(named, 1, "{field}: {said:?}");
    }
    let untyped = creating(field("tier", CustomFieldType::Unspecified));
    let said = admin.create_custom_field(untyped).await.violations();
    assert_eq!(said, ["custom_field.type: must be set"]);
    let mut unknown = field("tier", CustomFieldType::Text);
    unknown.r#type = 77;
    let said = admin.create_custom_field(creating(unknown)).await.violations();
    assert_eq!(said, ["custom_field.type: is not a known value"]);

    let made = create(&server, field("tier", CustomFieldType::Text)).await;
    let twice = admin
        .create_custom_field(creating(field("tier", CustomFieldType::Number)))
        .await;
    let details = twice.refused(Code::AlreadyExists, Reason::AlreadyExists);
    assert_eq!(details.error_info().unwrap().metadata["custom_field_id"], made.id);
    server.stop().await;
}

/// A field in use is not deleted; once disabled it is, and its name is free again.
#[tokio::test]
async fn a_field_is_disabled_before_it_is_deleted() {
    let server = Server::start().await;
    let mut admin = server.admin().custom_fields();
    let made = create(&server, field("tier", CustomFieldType::Text)).await;
    let in_use = admin.delete_custom_field(deleting(&made.id, "")).await;
    in_use.refused(Code::FailedPrecondition, Reason::CustomFieldEnabled);
    let off = CustomField {
        enabled: Some(false),
        ..made.clone()
    };
    let off = admin
        .update_custom_field(updating(off, &["enabled"]))
        .await
        .unwrap()
        .into_inner()
        .custom_field
        .unwrap();
    assert_eq!(off.enabled, Some(false));
    let stale = admin.delete_custom_field(deleting(&made.id, &made.etag)).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    admin.delete_custom_field(deleting(&made.id, &off.etag)).await.unwrap();
    let gone = admin.get_custom_field(getting(&made.id)).await;
    gone.refused(Code::NotFound, Reason::NotFound);
    let again = create(&server, field("tier", CustomFieldType::Number)).await;
    assert_ne!(again.id, made.id);
    server.stop().await;
}

/// A tenant has at most 100, lists them in pages, and knows nothing of another's.
#[tokio::test]
async fn a_tenant_has_a_hundred_fields_of_its_own() {
    let server = Server::start().await;
    let mut first = None;
    for n in 0..100 {
        let made = create(&server, field(&format!("field_{n}"), CustomFieldType::Text)).await;
        first.get_or_insert(made);
    }
    let mut admin = server.admin().custom_fields();
    let more = admin
        .create_custom_field(creating(field("one_more", CustomFieldType::Text)))
        .await;
    let details = more.refused(Code::ResourceExhausted, Reason::ConfigLimitReached);
    assert_eq!(details.error_info().unwrap().metadata["limit"], "100");
    assert!(details.retry_info().is_none(), "waiting does not help");

    let listing = |page_size: i32, page_token: &str| proto::ListCustomFieldsRequest {
        page_size,
        page_token: page_token.into(),
    };
    let one = admin.list_custom_fields(listing(60, "")).await.unwrap().into_inner();
    let two = admin
        .list_custom_fields(listing(60, &one.next_page_token))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(two.next_page_token, "");
    let names: Vec<_> = one
        .custom_fields
        .iter()
        .chain(&two.custom_fields)
        .map(|field| field.name.clone())
        .collect();
    assert_eq!(names, (0..100).map(|n| format!("field_{n}")).collect::<Vec<_>>());

    server.create_tenant("other").await;
    let mut other = server.caller("other", "console", &[Scope::Admin]).custom_fields();
    let crossing = other.get_custom_field(getting(&first.unwrap().id)).await;
    crossing.refused(Code::NotFound, Reason::NotFound);
    let none = other.list_custom_fields(listing(0, "")).await.unwrap().into_inner();
    assert_eq!(none.custom_fields, []);
    server.stop().await;
}
