//! No text whatever makes reading, evaluating or printing a condition panic, and a printed one is read as the same again.

use chrono::DateTime;
use std::sync::Arc;
use tidepool::domain::{
    account::{Account, AccountKind, Extras, Profile},
    condition::{Condition, Record, Schema, TEXT_MAX},
    configured::Configured,
    custom_field::{CustomField, FieldType},
    ids::AccountId,
};
use uuid::Uuid;

fn field(at: u128, name: &str, field_type: FieldType, choices: &[&str]) -> Arc<Configured<CustomField>> {
    let config = CustomField {
        name: name.to_owned(),
        display_name: name.to_owned(),
        field_type,
        choices: choices.iter().map(ToString::to_string).collect(),
        required: false,
        enabled: true,
    };
    Arc::new(Configured::new(Uuid::from_u128(at), config, DateTime::UNIX_EPOCH))
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let fields = [
        field(1, "note", FieldType::Text, &[]),
        field(2, "size", FieldType::Number, &[]),
        field(3, "signed", FieldType::Time, &[]),
        field(4, "tier", FieldType::Choice, &["gold", "silver"]),
    ];
    let schema = Schema::new(&fields);
    let condition = match Condition::compile(text, &schema) {
        Ok(condition) => condition,
        Err(problem) => {
            assert!(problem.to_string().len() < 3000);
            return;
        }
    };
    assert!(text.len() <= TEXT_MAX);
    let profile = Profile {
        kind: AccountKind::Company,
        name: "Acme".to_owned(),
        grade: "A".to_owned(),
        industry: String::new(),
        source: String::new(),
        region: String::new(),
        phone: String::new(),
        email: String::new(),
        website: String::new(),
        address: String::new(),
        location: None,
        remark: String::new(),
        external_id: None,
    };
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
    let account = Account::new(AccountId(Uuid::nil()), profile, None, now);
    let extras = Extras::default();
    let record = Record {
        account: &account,
        extras: &extras,
        owner: None,
    };
    let zone = chrono_tz::Asia::Shanghai;
    let today = condition.holds(&record, now, zone);
    if let Some(next) = condition.next_change(&record, now, zone) {
        assert!(next > now && condition.holds(&record, next, zone) != today);
    }
    let printed = condition.tree().to_string();
    if printed.len() <= TEXT_MAX {
        let again = Condition::compile(&printed, &schema);
        assert_eq!(again.as_ref().map(Condition::tree), Ok(condition.tree()));
    }
}
