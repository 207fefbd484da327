//! The values that one account has in the tenant's custom fields: by name in requests and answers, by id where they are
//! kept, so that a name that comes back later brings no old values with it.

use super::{
    configured::Configured,
    custom_field::{CustomField, FieldValue, validate_value},
    organisation::Organisation,
    refusal::Violations,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Values by the id of their definition.
pub type Values = BTreeMap<Uuid, FieldValue>;

/// Values by the name of their field, as a request has them.
pub type Given = Vec<(String, FieldValue)>;

/// The definitions in use.
pub fn enabled(org: &Organisation) -> impl Iterator<Item = &Configured<CustomField>> {
    org.custom_fields
        .iter()
        .map(AsRef::as_ref)
        .filter(|field| field.config.enabled)
}

/// The definition in use that has this name.
#[must_use]
pub fn find<'a>(org: &'a Organisation, name: &str) -> Option<&'a Configured<CustomField>> {
    enabled(org).find(|field| field.config.name == name)
}

/// The values by id; what cannot be taken is noted. A value that the account has already stays good, also where a choice
/// was taken off the list since. Each comes with its place in the request.
pub fn resolve<'a>(
    v: &mut Violations,
    org: &Organisation,
    given: impl IntoIterator<Item = (usize, &'a (String, FieldValue))>,
    has: &Values,
) -> Values {
    let mut names = BTreeSet::new();
    let mut values = Values::new();
    for (at, (name, value)) in given {
        if !names.insert(name) {
            v.add(format!("custom_fields[{at}].field"), "is there twice");
        }
        let Some(field) = find(org, name) else {
            let message = format!("{name:?} is not the name of a custom field in use");
            v.add(format!("custom_fields[{at}].field"), message);
            continue;
        };
        if has.get(&field.id) == Some(value) {
            values.insert(field.id, value.clone());
            continue;
        }
        let checked = validate_value(&field.config, value.clone());
        if let Some(value) = v.check(format!("custom_fields[{at}].value"), checked) {
            values.insert(field.id, value);
        }
    }
    values
}

/// Notes fields in use that need a value and have none.
pub fn require(v: &mut Violations, org: &Organisation, values: &Values) {
    for field in enabled(org).filter(|field| field.config.required && !values.contains_key(&field.id)) {
        v.add("custom_fields", format!("{:?} needs a value", field.config.name));
    }
}

/// Those of the values that belong to fields in use.
#[must_use]
pub fn in_use(org: &Organisation, values: &Values) -> Values {
    let value = |field: &Configured<CustomField>| Some((field.id, values.get(&field.id)?.clone()));
    enabled(org).filter_map(value).collect()
}

/// What is shown of the values: those of fields in use, by name.
#[must_use]
pub fn shown(org: &Organisation, values: &Values) -> BTreeMap<String, FieldValue> {
    let value = |field: &Configured<CustomField>| Some((field.config.name.clone(), values.get(&field.id)?.clone()));
    enabled(org).filter_map(value).collect()
}

/// How many fields are in use, and how many of them have a value.
#[must_use]
pub fn count(org: &Organisation, values: &Values) -> (usize, usize) {
    let filled = enabled(org).filter(|field| values.contains_key(&field.id)).count();
    (enabled(org).count(), filled)
}
