//! How many accounts a user may hold, and how many he may claim in a day.
//!
//! * [`rule`]: a retention limit as configured.
//! * [`select`]: which of them holds for a user, which lose, and why.
//! * [`day`]: the calendar day that daily limits count in.
//! * [`facts`]: all limits of one user, and the counts that must be read before they can be decided on.
//! * [`explanation`]: all of that for one user, for people to read.
//! * [`room`]: the decision itself, kept up to date while a batch is decided item by item.
//!
//! Limits bound what a user holds *now*; a limit of 0 means none at all, no limit means any number.

pub mod day;
pub mod explanation;
pub mod facts;
pub mod room;
pub mod rule;
pub mod select;

#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod select_tests;
#[cfg(test)]
mod tests;

pub use facts::{Count, Counted, CountsRead, How, UserLimits};
pub use room::{Held, LimitKind, Room, RoomLeft};
pub use rule::{LimitDepartment, LimitRule, LimitSubjects};
pub use select::{Explained, Level, LimitRules, Loser, Tie, Why};
