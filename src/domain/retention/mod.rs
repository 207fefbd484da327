//! Retention: how long an owner keeps an account without following up or winning.
//!
//! [`terms`] is what a rule says, [`rule`] what can be wrong with it, [`matching`] which rule decides, [`clock`] when it
//! reclaims, [`calendar`] how days count, [`hold`] what keeps it from reclaiming, [`notice`] what a change of rules
//! leaves to owners, [`reminders`] who is told before, [`display`] when the countdown is shown,
//! [`check`] whether what is stored is that. [`look`] puts them
//! together; countdown, reminder, sweep, [`preview`] and explanation ([`explain`]) all read what it computed, never a
//! formula of their own.

pub mod calendar;
pub mod check;
pub mod clock;
pub mod config;
pub mod display;
pub mod explain;
pub mod hold;
pub mod look;
pub mod matching;
pub mod notice;
pub mod preview;
pub mod reminder_rule;
pub mod reminders;
pub mod rule;
pub mod terms;

#[cfg(test)]
pub(in crate::domain) mod tests;
