//! Fields that a tenant adds to its accounts: their definitions, and what their values can be.
//!
//! Values are stored by the id of the definition. So the values of a deleted field are out of reach, for a new field of
//! the same name too; rows that name no definition, or a disabled one, are ignored wherever they are read.

use super::{
    refusal::{Reason, Violations},
    text::{NAME_MAX, check_len, check_required_text, check_unique},
};
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};

/// Definitions of a tenant at most.
pub const FIELDS_MAX: usize = 100;
/// Choices of a field at most.
pub const CHOICES_MAX: usize = 200;
/// Longest name of a field.
pub const FIELD_NAME_MAX: usize = 40;

/// Names that accounts have fields of their own for: filters name both kinds alike.
pub const STANDARD_FIELDS: &[&str] = &[
    "address",
    "completeness",
    "create_time",
    "creator",
    "custom_fields",
    "deal_status",
    "email",
    "etag",
    "external_id",
    "grade",
    "id",
    "industry",
    "kind",
    "last_follow_up_time",
    "last_owner",
    "last_won_time",
    "latitude",
    "location",
    "longitude",
    "name",
    "owner",
    "owner_since",
    "phone",
    "pool",
    "pool_id",
    "reclaim_time",
    "region",
    "remaining_retention",
    "remark",
    "source",
    "status",
    "tags",
    "team",
    "transfer_count",
    "update_time",
    "website",
    "won_count",
];

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text of at most [`NAME_MAX`] characters.
    Text,
    /// A finite number.
    Number,
    /// An instant.
    Time,
    /// One of the choices.
    Choice,
}

/// A definition. Field names are those of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomField {
    /// Name within the API; never changes.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What its values are; never changes.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// The values of a choice.
    pub choices: Vec<String>,
    /// Whether accounts need a value.
    pub required: bool,
    /// Whether it is in use.
    pub enabled: bool,
}

impl CustomField {
    /// Everything that is wrong with the definition.
    #[must_use]
    pub fn validate(&self) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        let well_formed = self.name.starts_with(|c: char| c.is_ascii_lowercase())
            && self.name.len() <= FIELD_NAME_MAX
            && self.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !well_formed {
            let rule = format!(
                "must be a lower-case letter, then lower-case letters, digits and underscores, at most {FIELD_NAME_MAX} in all"
            );
            v.add("name", rule);
        } else if STANDARD_FIELDS.contains(&self.name.as_str()) {
            v.add("name", format!("{:?} is a field that every account has", self.name));
        }
        check_required_text(v, "display_name", &self.display_name, NAME_MAX);
        match self.field_type {
            FieldType::Choice if self.choices.is_empty() => v.add("choices", "must name at least one value"),
            FieldType::Choice => {}
            _ if !self.choices.is_empty() => v.add("choices", "are for fields of type choice"),
            _ => {}
        }
        check_len(v, "choices", self.choices.len(), CHOICES_MAX);
        check_unique(v, "choices", &self.choices);
        for (at, choice) in self.choices.iter().enumerate().take(CHOICES_MAX) {
            check_required_text(v, &format!("choices[{at}]"), choice, NAME_MAX);
        }
        violations
    }

    /// What is wrong with going from this definition to `new`: the name and the type stay.
    #[must_use]
    pub fn validate_change(&self, new: &Self) -> Violations {
        let mut violations = new.validate();
        if new.name != self.name {
            violations.add_as(Reason::FieldNotUpdatable, "name", "never changes; define another field");
        }
        if new.field_type != self.field_type {
            violations.add_as(Reason::FieldNotUpdatable, "type", "never changes; define another field");
        }
        violations
    }
}

/// The value that an account has in a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum FieldValue {
    /// Of a text or a choice.
    Text(String),
    /// Of a number; finite.
    Number(f64),
    /// Of an instant.
    Time(DateTime<Utc>),
}

/// Why something is not a value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing.
    #[error("must not be empty; leave the field out to have no value")]
    Empty,
    /// Too long.
    #[error("must be at most {NAME_MAX} characters long")]
    TooLong,
    /// Not one line of text.
    #[error("must not contain control characters, nor begin or end with white space")]
    NotALine,
    /// Text or an instant for a number, infinite, or not a number.
    #[error("must be a finite number")]
    NotANumber,
    /// Text or a number for an instant, or far outside of the calendar.
    #[error("must be a time between the years 1 and 9999, as text in RFC 3339 form such as 2026-03-01T10:00:00+08:00")]
    NotATime,
    /// A number or an instant for a text.
    #[error("must be text")]
    NotText,
    /// Not among the choices.
    #[error("must be one of the field's choices")]
    NotAChoice,
}

/// The value, if the field can have it. A disabled field is the caller's to refuse.
pub fn validate_value(field: &CustomField, value: FieldValue) -> Result<FieldValue, ValueError> {
    match (field.field_type, value) {
        (FieldType::Number, FieldValue::Number(number)) if number.is_finite() => {
            // One zero: the other would compare equal and read differently.
            Ok(FieldValue::Number(number + 0.0))
        }
        (FieldType::Number, _) => Err(ValueError::NotANumber),
        (FieldType::Time, FieldValue::Time(time)) if (1..=9999).contains(&time.year()) => Ok(FieldValue::Time(time)),
        (FieldType::Time, _) => Err(ValueError::NotATime),
        (FieldType::Text | FieldType::Choice, FieldValue::Text(text)) => {
            if text.is_empty() {
                Err(ValueError::Empty)
            } else if field.field_type == FieldType::Choice && !field.choices.contains(&text) {
                Err(ValueError::NotAChoice)
            } else if text.chars().count() > NAME_MAX {
                Err(ValueError::TooLong)
            } else if text.chars().any(char::is_control) || text.trim() != text {
                Err(ValueError::NotALine)
            } else {
                Ok(FieldValue::Text(text))
            }
        }
        (FieldType::Text | FieldType::Choice, _) => Err(ValueError::NotText),
    }
}

/// The value that `text` means, as import files have it.
pub fn parse_value(field: &CustomField, text: &str) -> Result<FieldValue, ValueError> {
    let value = match field.field_type {
        _ if text.is_empty() => return Err(ValueError::Empty),
        FieldType::Text | FieldType::Choice => FieldValue::Text(text.to_owned()),
        FieldType::Number => FieldValue::Number(text.parse().map_err(|_| ValueError::NotANumber)?),
        FieldType::Time => {
            let time = DateTime::parse_from_rfc3339(text).map_err(|_| ValueError::NotATime)?;
            FieldValue::Time(time.with_timezone(&Utc))
        }
    };
    validate_value(field, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, field_type: FieldType, choices: &[&str]) -> CustomField {
        CustomField {
            name: name.into(),
            display_name: "Employees".into(),
            field_type,
            choices: choices.iter().map(ToString::to_string).collect(),
            required: false,
            enabled: true,
        }
    }

    fn wrong(field: &CustomField) -> Vec<String> {
        field.validate().into_vec().into_iter().map(|v| v.field).collect()
    }

    #[test]
    fn names_are_short_plain_and_not_taken() {
        let longest = format!("a{}", "0".repeat(39));
        for name in ["a", "employees_2", longest.as_str()] {
            assert!(wrong(&field(name, FieldType::Text, &[])).is_empty(), "{name}");
        }
        let too_long = format!("a{}", "0".repeat(40));
        for name in [
            "",
            "2nd",
            "_a",
            "Employees",
            "a-b",
            "a\u{e9}",
            "owner",
            "tags",
            too_long.as_str(),
        ] {
            assert_eq!(wrong(&field(name, FieldType::Text, &[])), ["name"], "{name}");
        }
    }

    #[test]
    fn choices_belong_to_choices() {
        assert_eq!(wrong(&field("a", FieldType::Choice, &[])), ["choices"]);
        assert_eq!(wrong(&field("a", FieldType::Number, &["x"])), ["choices"]);
        assert_eq!(
            wrong(&field("a", FieldType::Choice, &["x", "", "x"])),
            ["choices[2]", "choices[1]"]
        );
        let many: Vec<_> = (0..201).map(|n| n.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(wrong(&field("a", FieldType::Choice, &many)), ["choices"]);
        assert!(wrong(&field("a", FieldType::Choice, &many[..200])).is_empty());
    }

    #[test]
    fn names_and_types_stay() {
        let old = field("a", FieldType::Text, &[]);
        assert!(
            old.validate_change(&CustomField {
                required: true,
                ..old.clone()
            })
            .is_empty()
        );
        let changed = field("b", FieldType::Number, &[]);
        let reasons = old
            .validate_change(&changed)
            .into_vec()
            .into_iter()
            .map(|v| (v.field, v.reason));
        let expected = ["name", "type"].map(|field| (field.to_owned(), Reason::FieldNotUpdatable));
        assert_eq!(reasons.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn values_fit_their_field() {
        use ValueError::{Empty, NotAChoice, NotALine, NotANumber, NotATime, TooLong};
        let text = field("a", FieldType::Text, &[]);
        let number = field("a", FieldType::Number, &[]);
        let time = field("a", FieldType::Time, &[]);
        let choice = field("a", FieldType::Choice, &["north", "south"]);
        assert_eq!(parse_value(&text, "12"), Ok(FieldValue::Text("12".into())));
        assert_eq!(parse_value(&text, &"\u{5b57}".repeat(256)), Err(TooLong));
        assert_eq!(parse_value(&text, "a\nb"), Err(NotALine));
        assert_eq!(parse_value(&text, " a"), Err(NotALine));
        assert_eq!(parse_value(&number, "-1.5e3"), Ok(FieldValue::Number(-1500.0)));
        for wrong in ["x", "1,5", "inf", "NaN", "1e999"] {
            assert_eq!(parse_value(&number, wrong), Err(NotANumber), "{wrong}");
        }
        assert!(matches!(parse_value(&number, "-0"), Ok(FieldValue::Number(zero)) if zero.is_sign_positive()));
        let instant = "2026-03-01T02:00:00Z".parse().unwrap();
        assert_eq!(
            parse_value(&time, "2026-03-01T10:00:00+08:00"),
            Ok(FieldValue::Time(instant))
        );
        assert_eq!(parse_value(&time, "2026-03-01"), Err(NotATime));
        assert_eq!(
            validate_value(&time, FieldValue::Time(DateTime::<Utc>::MAX_UTC)),
            Err(NotATime)
        );
        assert_eq!(parse_value(&choice, "south"), Ok(FieldValue::Text("south".into())));
        assert_eq!(parse_value(&choice, "East"), Err(NotAChoice));
        for field in [&text, &number, &time, &choice] {
            assert_eq!(parse_value(field, ""), Err(Empty));
        }
        assert_eq!(validate_value(&text, FieldValue::Number(1.0)), Err(ValueError::NotText));
        assert_eq!(validate_value(&number, FieldValue::Text("1".into())), Err(NotANumber));
    }
}
