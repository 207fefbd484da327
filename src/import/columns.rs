//! Which column says what: rows become accounts, or a list of what is wrong with them. Only what the form of the file
//! can tell is checked here; what an account must be is decided by the server.

use super::rows::MAX_COLUMNS;
use crate::rpc::proto::{
    Account, AccountKind, CustomField, CustomFieldType, CustomFieldValue, Location, custom_field_value::Value,
};
use chrono::DateTime;

/// What separates tags within their cell.
const TAG_SEPARATOR: char = ';';

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Kind,
    Grade,
    Industry,
    Source,
    Region,
    Phone,
    Email,
    Website,
    Address,
    Remark,
    ExternalId,
    Tags,
    Latitude,
    Longitude,
    /// A custom field, by its place among those that the columns know.
    Custom(usize),
}

const COLUMNS: [(&str, Column); 15] = [
    ("name", Column::Name),
    ("kind", Column::Kind),
    ("grade", Column::Grade),
    ("industry", Column::Industry),
    ("source", Column::Source),
    ("region", Column::Region),
    ("phone", Column::Phone),
    ("email", Column::Email),
    ("website", Column::Website),
    ("address", Column::Address),
    ("remark", Column::Remark),
    ("external_id", Column::ExternalId),
    ("tags", Column::Tags),
    ("latitude", Column::Latitude),
    ("longitude", Column::Longitude),
];

/// The columns of a file, as its header names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    columns: Vec<Column>,
    /// Name and type of each custom field that has a column.
    custom: Vec<(String, CustomFieldType)>,
}

impl Columns {
    /// Reads the header, or says everything that is wrong with it. `fields` are the custom fields of the tenant; those
    /// that are in use can have a column.
    pub fn read(header: &[String], fields: &[CustomField]) -> Result<Self, Vec<String>> {
        let fields: Vec<_> = fields.iter().filter(|field| field.enabled()).collect();
        let mut wrong = Vec::new();
        let mut read = Self {
            columns: Vec::with_capacity(header.len().min(MAX_COLUMNS)),
            custom: Vec::new(),
        };
        for title in header {
            let name = title.trim().to_lowercase();
            let standard = COLUMNS.iter().find(|(known, _)| *known == name);
            let field = fields.iter().find(|field| field.name == name);
            let twice = match (standard, field) {
                (Some((_, column)), _) => {
                    let twice = read.columns.contains(column);
                    read.columns.push(*column);
                    twice
                }
                (None, Some(field)) => {
                    let twice = read.custom.iter().any(|(known, _)| *known == name);
                    read.columns.push(Column::Custom(read.custom.len()));
                    read.custom.push((name.clone(), field.r#type()));
                    twice
                }
                (None, None) => {
                    wrong.push(format!("unknown column {title:?}"));
                    false
                }
            };
            if twice {
                wrong.push(format!("the column {name} is there twice"));
            }
        }
        if !read.columns.contains(&Column::Name) {
            wrong.push("there is no column name".into());
        }
        if read.columns.contains(&Column::Latitude) != read.columns.contains(&Column::Longitude) {
            wrong.push("latitude and longitude go together".into());
        }
        if wrong.is_empty() {
            return Ok(read);
        }
        let known: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let custom: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let custom = if custom.is_empty() {
            "there are no custom fields in use".to_owned()
        } else {
            format!("custom fields in use are {}", custom.join(", "))
        };
        wrong.push(format!("known columns are {}; {custom}", known.join(", ")));
        Err(wrong)
    }

    /// The account that a row holds, or everything that is wrong with its form.
    pub fn account(&self, cells: &[String]) -> Result<Account, Vec<String>> {
        if cells.len() != self.columns.len() {
            return Err(vec![format!(
                "has {} cells, and the header has {}; is a comma not in quotation marks?",
                cells.len(),
                self.columns.len()
            )]);
        }
        let mut account = Account::default();
        let mut wrong = Vec::new();
        let (mut latitude, mut longitude) = (None, None);
        for (column, cell) in self.columns.iter().zip(cells) {
            let cell = cell.trim();
            match column {
                Column::Name => cell.clone_into(&mut account.name),
                Column::Kind => match kind(cell) {
                    Some(kind) => account.kind = kind.into(),
                    None => wrong.push(format!("kind {cell:?} is none of company, group, person")),
                },
                Column::Grade => cell.clone_into(&mut account.grade),
                Column::Industry => cell.clone_into(&mut account.industry),
                Column::Source => cell.clone_into(&mut account.source),
                Column::Region => cell.clone_into(&mut account.region),
                Column::Phone => cell.clone_into(&mut account.phone),
                Column::Email => cell.clone_into(&mut account.email),
                Column::Website => cell.clone_into(&mut account.website),
                Column::Address => cell.clone_into(&mut account.address),
                Column::Remark => cell.clone_into(&mut account.remark),
                Column::ExternalId => cell.clone_into(&mut account.external_id),
                Column::Tags => account.tags = tags(cell),
                Column::Latitude => latitude = degrees("latitude", cell, &mut wrong),
                Column::Longitude => longitude = degrees("longitude", cell, &mut wrong),
                Column::Custom(at) => account.custom_fields.extend(self.value(*at, cell, &mut wrong)),
            }
        }
        if account.name.is_empty() {
            wrong.push("name is empty".into());
        }
        match (latitude, longitude) {
            (Some(latitude), Some(longitude)) => account.location = Some(Location { latitude, longitude }),
            (None, None) => {}
            _ => wrong.push("latitude and longitude go together".into()),
        }
        if wrong.is_empty() { Ok(account) } else { Err(wrong) }
    }

    /// The value of a custom field; an empty cell is none.
    fn value(&self, at: usize, cell: &str, wrong: &mut Vec<String>) -> Option<CustomFieldValue> {
        let (field, kind) = self.custom.get(at).filter(|_| !cell.is_empty())?;
        let value = match kind {
            CustomFieldType::Number => number(field, cell, wrong).map(Value::NumberValue),
            CustomFieldType::Time => time(field, cell, wrong).map(Value::TimeValue),
            _ => Some(Value::TextValue(cell.to_owned())),
        };
        Some(CustomFieldValue {
            field: field.clone(),
            value: Some(value?),
        })
    }
}

fn kind(cell: &str) -> Option<AccountKind> {
    match cell.to_lowercase().as_str() {
        "" => Some(AccountKind::Unspecified),
        "company" => Some(AccountKind::Company),
        "group" => Some(AccountKind::Group),
        "person" => Some(AccountKind::Person),
        _ => None,
    }
}

fn tags(cell: &str) -> Vec<String> {
    let tags = cell.split(TAG_SEPARATOR).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

fn degrees(column: &str, cell: &str, wrong: &mut Vec<String>) -> Option<f64> {
    if cell.is_empty() {
        return None;
    }
    number(column, cell, wrong)
}

fn number(column: &str, cell: &str, wrong: &mut Vec<String>) -> Option<f64> {
    let read = cell.parse().ok().filter(|number: &f64| number.is_finite());
    if read.is_none() {
        wrong.push(format!("{column} {cell:?} is no number"));
    }
    read
}

/// An instant needs its zone: a day would be another one elsewhere.
fn time(column: &str, cell: &str, wrong: &mut Vec<String>) -> Option<prost_types::Timestamp> {
    // What goes beyond a second is a leap second, for which messages have no place.
    let read = DateTime::parse_from_rfc3339(cell).ok();
    let Some(time) = read.filter(|time| time.timestamp_subsec_nanos() < 1_000_000_000) else {
        wrong.push(format!(
            "{column} {cell:?} is no time such as 2026-05-31T09:30:00+08:00"
        ));
        return None;
    };
    Some(prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn everything_wrong_with_a_header_is_named() {
        for (header, wanted) in [
            ("name,kind,phone", &[][..]),
            (" Name ,TAGS", &[]),
            ("kind", &["there is no column name"]),
            (
                "name,fax,Telex",
                &["unknown column \"fax\"", "unknown column \"Telex\""],
            ),
            ("name,phone,Phone", &["the column phone is there twice"]),
            ("name,latitude", &["latitude and longitude go together"]),
        ] {
            let mut wrong = Columns::read(&cells(header), &[]).err().unwrap_or_default();
            // The last line says what there is.
            wrong.pop();
            assert_eq!(wrong, wanted, "{header}");
        }
    }

    #[test]
    fn a_row_becomes_an_account() {
        let header = "name,kind,grade,industry,source,region,phone,email,website,address,remark,external_id,tags,\
                      latitude,longitude";
        let columns = Columns::read(&cells(header), &[]).unwrap();
        let row = " Moss ,Person,A,food,talk,north,1,m@x.example,x.example,Way 1,hm,e1, a ;; b;,1.5,-2";
        let account = columns.account(&cells(row)).unwrap();
        let wanted = Account {
            name: "Moss".into(),
            kind: AccountKind::Person.into(),
            grade: "A".into(),
            industry: "food".into(),
            source: "talk".into(),
            region: "north".into(),
            phone: "1".into(),
            email: "m@x.example".into(),
            website: "x.example".into(),
            address: "Way 1".into(),
            remark: "hm".into(),
            external_id: "e1".into(),
            tags: vec!["a".into(), "b".into()],
            location: Some(Location {
                latitude: 1.5,
                longitude: -2.0,
            }),
            ..Account::default()
        };
        assert_eq!(account, wanted);
    }

    #[test]
    fn everything_wrong_with_a_row_is_named() {
        let columns = Columns::read(&cells("name,kind,latitude,longitude"), &[]).unwrap();
        for (row, wanted) in [
            ("Moss,,,", &[][..]),
            ("Moss,,1,", &["latitude and longitude go together"]),
            (
                "Moss,,",
                &["has 3 cells, and the header has 4; is a comma not in quotation marks?"],
            ),
            (
                " ,firm,x,NaN",
                &[
                    "kind \"firm\" is none of company, group, person",
                    "latitude \"x\" is no number",
                    "longitude \"NaN\" is no number",
                    "name is empty",
                ],
            ),
        ] {
            let wrong = columns.account(&cells(row)).err().unwrap_or_default();
            assert_eq!(wrong, wanted, "{row}");
        }
    }

    fn field(name: &str, kind: CustomFieldType, enabled: bool) -> CustomField {
        CustomField {
            name: name.into(),
            r#type: kind.into(),
            enabled: Some(enabled),
            ..CustomField::default()
        }
    }

    #[test]
    fn custom_fields_that_are_in_use_have_columns() {
        let fields = [
            field("employees", CustomFieldType::Number, true),
            field("founded", CustomFieldType::Time, true),
            field("tier", CustomFieldType::Choice, true),
            field("old", CustomFieldType::Text, false),
        ];
        let header = cells("name,Tier,employees,founded");
        let columns = Columns::read(&header, &fields).unwrap();
        let given = |row: &str| columns.account(&cells(row)).map(|account| account.custom_fields);
        let value = |field: &str, value| CustomFieldValue {
            field: field.into(),
            value: Some(value),
        };
        let wanted = vec![
            value("tier", Value::TextValue("gold".into())),
            value("employees", Value::NumberValue(-2.5)),
            value(
                "founded",
                Value::TimeValue(prost_types::Timestamp { seconds: -1, nanos: 0 }),
            ),
        ];
        assert_eq!(given("Moss,gold,-2.5,1970-01-01T07:59:59+08:00"), Ok(wanted));
        assert_eq!(given("Moss,,,"), Ok(vec![]));
        assert!(given("Moss,gold,,2016-12-31T23:59:60Z").is_err(), "a leap second");
        let wrong = given("Moss,gold,many,2026-05-31").unwrap_err();
        assert_eq!(
            wrong,
            [
                "employees \"many\" is no number",
                "founded \"2026-05-31\" is no time such as 2026-05-31T09:30:00+08:00"
            ]
        );

        let wrong = Columns::read(&cells("name,old,tier,fax,tier"), &fields).unwrap_err();
        assert_eq!(
            wrong[..3],
            [
                "unknown column \"old\"",
                "unknown column \"fax\"",
                "the column tier is there twice"
            ]
        );
        assert!(
            wrong[3].ends_with("custom fields in use are employees, founded, tier"),
            "{wrong:?}"
        );
    }
}
