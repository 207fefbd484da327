//! Cuts a CSV file into rows as it is read: memory stays bounded whatever the file holds, and a row that cannot be read
//! does not take the next one with it.

use csv_core::{ReadRecordResult, Reader};
use std::io::{self, Read};

/// Bytes of a row at most, quotes and separators aside.
pub const MAX_BYTES: usize = 64 * 1024;
/// Columns at most.
pub const MAX_COLUMNS: usize = 200;
const CHUNK: usize = 64 * 1024;

/// A row of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which one: the header is row 1, as spreadsheets count. Blank lines are none.
    pub number: u64,
    /// Its cells, or why they cannot be read.
    pub cells: Result<Vec<String>, String>,
}

/// The rows of a file, the header too.
#[derive(Debug)]
pub struct Rows<R> {
    input: R,
    chunk: Vec<u8>,
    unread: std::ops::Range<usize>,
    parser: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    number: u64,
    consumed: u64,
}

impl<R: Read> Rows<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK],
            unread: 0..0,
            parser: Reader::new(),
            bytes: vec![0; MAX_BYTES],
            ends: vec![0; MAX_COLUMNS + 1],
            number: 0,
            consumed: 0,
        }
    }

    /// How many bytes of the file are behind the rows so far.
    pub const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The next row; none at the end of the file.
    pub fn read(&mut self) -> io::Result<Option<Row>> {
        let (mut written, mut columns) = (0, 0);
        // What does not fit is read over up to the end of its row.
        let (mut long, mut wide) = (false, false);
        loop {
            if self.unread.is_empty() {
                self.unread = 0..self.fill()?;
            }
            let input = &self.chunk[self.unread.clone()];
            let (result, read, wrote, ended) =
                self.parser
                    .read_record(input, &mut self.bytes[written..], &mut self.ends[columns..]);
            self.unread.start += read;
            self.consumed += u64::try_from(read).unwrap_or(u64::MAX);
            written += wrote;
            columns += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => (long, written) = (true, 0),
                ReadRecordResult::OutputEndsFull => (wide, columns) = (true, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        self.number += 1;
        let cells = if long {
            Err(format!(
                "is longer than {} KiB; is a quotation mark not closed?",
                MAX_BYTES / 1024
            ))
        } else if wide || columns > MAX_COLUMNS {
            Err(format!("has more than {MAX_COLUMNS} columns"))
        } else {
            self.cells(columns)
        };
        Ok(Some(Row {
            number: self.number,
            cells,
        }))
    }

    /// Reads on; 0 bytes are the end. Of the first bytes there are four, if the file has so many: the parser knows a byte
    /// order mark only as a whole, and takes nothing behind it for the end of the file, and a pipe gives what it has.
    fn fill(&mut self) -> io::Result<usize> {
        let wanted = if self.consumed == 0 { 4 } else { 1 };
        let mut read = 0;
        while read < wanted {
            match self.input.read(&mut self.chunk[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn cells(&self, columns: usize) -> Result<Vec<String>, String> {
        let mut start = 0;
        let cells = self.ends[..columns].iter().map(|end| {
            let cell = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            std::str::from_utf8(cell).map(str::to_owned)
        });
        let cells: Result<_, _> = cells.collect();
        cells.map_err(|_| "is not UTF-8; save the file in that encoding".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn all(text: &[u8], piece: usize) -> Vec<Row> {
        let mut rows = Rows::new(Pieces(text, piece));
        let mut all = Vec::new();
        while let Some(row) = rows.read().unwrap() {
            all.push(row);
        }
        assert_eq!(rows.consumed(), u64::try_from(text.len()).unwrap());
        all
    }

    #[test]
    fn rows_are_the_same_in_whatever_pieces_they_come() {
        let text = "\u{feff}name,tags\r\n\"Moss, \"\"M\"\"\",a;b\n\n\"two\nlines\",\nlast,x".as_bytes();
        let whole = all(text, text.len());
        let cells: Vec<_> = whole.iter().map(|row| row.cells.clone().unwrap()).collect();
        assert_eq!(cells[0], ["name", "tags"]);
        assert_eq!(cells[1], ["Moss, \"M\"", "a;b"]);
        assert_eq!(cells[2], ["two\nlines", ""]);
        assert_eq!(cells[3], ["last", "x"]);
        assert_eq!(whole.last().unwrap().number, 4);
        for piece in [1, 2, 3, 7] {
            assert_eq!(all(text, piece), whole, "{piece}");
            assert_eq!(all(&text[3..], piece), whole, "{piece}");
        }
    }

    #[test]
    fn what_is_too_long_or_too_wide_or_no_text_is_read_over() {
        let mut text = b"name\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', MAX_BYTES + 1));
        text.extend(b"\nafter\n");
        text.extend(std::iter::repeat_n(b',', MAX_COLUMNS));
        text.extend(b"\n");
        text.extend(std::iter::repeat_n(b',', MAX_COLUMNS * 3));
        text.extend(b"\n\xff\xfe\nlast\n");
        for piece in [5, text.len()] {
            let read = all(&text, piece);
            let wrong: Vec<_> = read
                .iter()
                .filter(|row| row.cells.is_err())
                .map(|row| row.number)
                .collect();
            assert_eq!(wrong, [2, 4, 5, 6]);
            assert_eq!(read[2].cells, Ok(vec!["after".to_owned()]));
            assert_eq!(read[6].cells, Ok(vec!["last".to_owned()]));
        }
    }

    #[test]
    fn the_bounds_themselves_are_allowed() {
        let mut text = vec![b'x'; MAX_BYTES - 1];
        text.push(b'\n');
        text.extend(std::iter::repeat_n(b',', MAX_COLUMNS - 1));
        let read = all(&text, 1000);
        assert_eq!(read[0].cells.as_ref().unwrap()[0].len(), MAX_BYTES - 1);
        assert_eq!(read[1].cells.as_ref().unwrap().len(), MAX_COLUMNS);
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_ends_with_the_file() {
        let mut text = b"name\n\"open\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 * MAX_BYTES));
        let read = all(&text, 4096);
        assert_eq!((read.len(), read[1].cells.is_err()), (2, true));
        assert_eq!(all(b"", 1), []);
    }
}
