//! Which column says what: rows become accounts, or a list of what is wrong with them. Only what the form of the file
//! can tell is checked here; what an account must be is decided by the server.

use super::rows::MAX_COLUMNS;
use crate::rpc::proto::{Account, AccountKind, Location};

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
}

impl Columns {
    /// Reads the header, or says everything that is wrong with it.
    pub fn read(header: &[String]) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut columns = Vec::with_capacity(header.len().min(MAX_COLUMNS));
        for title in header {
            let name = title.trim().to_lowercase();
            match COLUMNS.iter().find(|(known, _)| *known == name) {
                None => wrong.push(format!("unknown column {title:?}")),
                Some((_, column)) if columns.contains(column) => {
                    wrong.push(format!("the column {name} is there twice"));
                }
                Some((_, column)) => columns.push(*column),
            }
        }
        if !columns.contains(&Column::Name) {
            wrong.push("there is no column name".into());
        }
        if columns.contains(&Column::Latitude) != columns.contains(&Column::Longitude) {
            wrong.push("latitude and longitude go together".into());
        }
        if wrong.is_empty() {
            return Ok(Self { columns });
        }
        let known: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
        wrong.push(format!("known columns are {}", known.join(", ")));
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
    let read = cell.parse().ok().filter(|degrees: &f64| degrees.is_finite());
    if read.is_none() {
        wrong.push(format!("{column} {cell:?} is no number"));
    }
    read
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
            let mut wrong = Columns::read(&cells(header)).err().unwrap_or_default();
            // The last line says what there is.
            wrong.pop();
            assert_eq!(wrong, wanted, "{header}");
        }
    }

    #[test]
    fn a_row_becomes_an_account() {
        let header = "name,kind,grade,industry,source,region,phone,email,website,address,remark,external_id,tags,\
                      latitude,longitude";
        let columns = Columns::read(&cells(header)).unwrap();
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
        let columns = Columns::read(&cells("name,kind,latitude,longitude")).unwrap();
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
}
