//! Field-mask updates and old-to-new differences, for every kind of configuration alike.
//!
//! Both work on the serialised form, whose field names are those of the API and of the stored row: one word each.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The mask path that stands for every field.
pub const ALL: &str = "*";

fn object<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// `current` with the fields that `paths` name taken from `incoming`; the unknown paths otherwise.
pub fn merge<T: Serialize + DeserializeOwned>(current: &T, incoming: &T, paths: &[String]) -> Result<T, Vec<String>> {
    let mut merged = object(current);
    let mut incoming = object(incoming);
    let mut unknown = Vec::new();
    for path in paths {
        match incoming.remove(path) {
            _ if path == ALL => merged.append(&mut incoming),
            Some(value) => drop(merged.insert(path.clone(), value)),
            None if merged.contains_key(path) => {}
            None => unknown.push(path.clone()),
        }
    }
    if unknown.is_empty() {
        // Both sides came out of the same type.
        serde_json::from_value(Value::Object(merged)).map_err(|_| vec![])
    } else {
        Err(unknown)
    }
}

/// The change of one field; `None` where there was or is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct FieldDiff {
    /// Before.
    pub old: Option<Value>,
    /// After.
    pub new: Option<Value>,
}

/// What differs between two states of a thing, by field.
#[must_use]
pub fn diff<T: Serialize>(old: Option<&T>, new: Option<&T>) -> BTreeMap<String, FieldDiff> {
    let mut old = old.map(object).unwrap_or_default();
    let new = new.map(object).unwrap_or_default();
    let mut changes = BTreeMap::new();
    for (field, value) in new {
        let before = old.remove(&field);
        if before.as_ref() != Some(&value) {
            changes.insert(
                field,
                FieldDiff {
                    old: before,
                    new: Some(value),
                },
            );
        }
    }
    changes.extend(old.into_iter().map(|(field, value)| {
        (
            field,
            FieldDiff {
                old: Some(value),
                new: None,
            },
        )
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Thing {
        name: String,
        limit: Option<u32>,
    }

    fn thing(name: &str, limit: Option<u32>) -> Thing {
        Thing {
            name: name.into(),
            limit,
        }
    }

    #[test]
    fn a_mask_takes_only_what_it_names() {
        let (current, incoming) = (thing("a", Some(1)), thing("b", None));
        assert_eq!(merge(&current, &incoming, &["limit".into()]), Ok(thing("a", None)));
        assert_eq!(
            merge(&current, &incoming, &["limit".into(), "limit".into()]),
            Ok(thing("a", None))
        );
        assert_eq!(merge(&current, &incoming, &[ALL.into()]), Ok(incoming.clone()));
        assert_eq!(
            merge(&current, &incoming, &["title".into(), "limit".into()]),
            Err(vec!["title".to_owned()])
        );
    }

    #[test]
    fn a_difference_names_each_changed_field_once() {
        let (a, b) = (thing("a", Some(1)), thing("a", None));
        let changes = diff(Some(&a), Some(&b));
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["limit"]);
        assert_eq!(
            changes["limit"],
            FieldDiff {
                old: Some(1.into()),
                new: Some(Value::Null)
            }
        );
        assert_eq!(diff(None, Some(&a)).len(), 2);
        assert_eq!(diff(Some(&a), None)["name"].new, None);
        assert!(diff(Some(&a), Some(&a)).is_empty());
    }
}
