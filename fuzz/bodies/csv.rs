//! Whatever a file holds, and in whatever pieces it comes, its rows stay within their bounds, and what becomes an account
//! has the form of one. The first byte of the data is how long the pieces are, the rest is the file.

use std::io::{self, Read};
use tidepool::{
    import::{
        columns::Columns,
        rows::{MAX_BYTES, MAX_COLUMNS, Row, Rows},
    },
    rpc::proto::{Account, CustomField, CustomFieldType, custom_field_value::Value},
};

/// Reads in pieces of this many bytes.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.1.min(self.0.len()).min(buffer.len());
        let (piece, rest) = self.0.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.0 = rest;
        Ok(size)
    }
}

fn rows(file: &[u8], piece: usize) -> Vec<Row> {
    let mut rows = Rows::new(Pieces(file, piece));
    let mut all = Vec::new();
    while let Some(row) = rows.read().expect("memory can be read") {
        assert!(rows.consumed() <= file.len() as u64);
        all.push(row);
        assert_eq!(all.len() as u64, all[all.len() - 1].number);
        if let Ok(cells) = &all[all.len() - 1].cells {
            assert!((1..=MAX_COLUMNS).contains(&cells.len()));
            assert!(cells.iter().map(String::len).sum::<usize>() <= MAX_BYTES);
        }
    }
    assert_eq!(rows.consumed(), file.len() as u64);
    all
}

fn fields() -> Vec<CustomField> {
    [
        ("note", CustomFieldType::Text),
        ("size", CustomFieldType::Number),
        ("signed", CustomFieldType::Time),
        ("tier", CustomFieldType::Choice),
    ]
    .map(|(name, kind)| CustomField {
        name: name.to_owned(),
        r#type: kind.into(),
        enabled: Some(true),
        ..CustomField::default()
    })
    .to_vec()
}

fn well_formed(account: &Account) {
    let texts = [&account.name, &account.grade, &account.remark, &account.external_id];
    assert!(texts.into_iter().chain(&account.tags).all(|text| text.trim() == text));
    assert!(!account.name.is_empty() && account.tags.iter().all(|tag| !tag.is_empty()));
    if let Some(at) = &account.location {
        assert!(at.latitude.is_finite() && at.longitude.is_finite());
    }
    for own in &account.custom_fields {
        match own.value.as_ref().expect("an empty cell is no value") {
            Value::TextValue(text) => assert!(!text.is_empty()),
            Value::NumberValue(number) => assert!(number.is_finite()),
            Value::TimeValue(time) => assert!((0..1_000_000_000).contains(&time.nanos)),
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let [piece, file @ ..] = data else { return };
    let read = rows(file, file.len().max(1));
    assert_eq!(rows(file, usize::from(*piece) + 1), read);
    let mut read = read.into_iter();
    let Some(Ok(header)) = read.next().map(|row| row.cells) else {
        return;
    };
    let columns = match Columns::read(&header, &fields()) {
        Ok(columns) => columns,
        Err(wrong) => {
            assert!(wrong.len() > 1 && wrong.iter().all(|line| !line.is_empty()));
            return;
        }
    };
    for cells in read.filter_map(|row| row.cells.ok()) {
        match columns.account(&cells) {
            Ok(account) => well_formed(&account),
            Err(wrong) => assert!(!wrong.is_empty()),
        }
    }
}
