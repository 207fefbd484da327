//! Accounts from CSV files. Reading is pure and bounded: [`rows`] cuts the file into rows whatever is in it, [`columns`]
//! makes accounts of them or says what is wrong. [`send`] brings them to a server as any client would.

pub mod columns;
pub mod rows;
pub mod send;
