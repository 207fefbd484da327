//! Sources of activities as a tenant knows them: which kinds each may tell of, and whether it may tell at all.
//!
//! A source is the calling service under its own name, so nobody tells in another's name. A source that is not registered
//! may tell of everything, unless the tenant wants its sources registered.

use super::{
    activity::Kind,
    configured::Configured,
    error::Error,
    ids::CallerId,
    refusal::{Reason, Refusal, Violations},
    text::{NAME_MAX, check_len, check_required_text, check_unique},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Sources of a tenant at most.
pub const SOURCES_MAX: usize = 200;
/// Kinds of a source at most.
pub const KINDS_MAX: usize = 200;

/// A registered source. Field names are those of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivitySource {
    /// The name under which it calls; never changes.
    pub name: CallerId,
    /// Name for people.
    pub display_name: String,
    /// What it may tell of: kinds, or `object.*` for all of an object.
    pub kinds: Vec<String>,
    /// Whether it may tell at all.
    pub enabled: bool,
}

/// A source as stored.
pub type StoredSource = Configured<ActivitySource>;

/// Whether `kinds` name one thing that covers the kind, or all kinds of an object, `object.*`.
fn covers(kinds: &[String], kind: &str) -> bool {
    let of_object = |covering: &str| {
        let object = covering.strip_suffix('*')?;
        kind.strip_prefix(object)
    };
    kinds
        .iter()
        .any(|covering| covering == kind || of_object(covering).is_some())
}

/// Whether the text is a kind or `object.*`.
fn is_pattern(text: &str) -> bool {
    let kind = text.strip_suffix(".*").map(|object| format!("{object}.x"));
    // The star is as long as the letter in its place.
    Kind::parse(kind.as_deref().unwrap_or(text)).is_ok()
}

impl ActivitySource {
    /// Everything that is wrong with it.
    #[must_use]
    pub fn validate(&self) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        check_required_text(v, "display_name", &self.display_name, NAME_MAX);
        if self.kinds.is_empty() {
            v.add("kinds", "must name at least one kind");
        }
        check_len(v, "kinds", self.kinds.len(), KINDS_MAX);
        check_unique(v, "kinds", &self.kinds);
        for (at, kind) in self.kinds.iter().enumerate().take(KINDS_MAX) {
            if !is_pattern(kind) {
                v.add(
                    format!("kinds[{at}]"),
                    "must be a kind, object.action in lower case letters, digits and underscores, at most 64 characters, \
                     or object.* for all of an object",
                );
            }
        }
        violations
    }

    /// Whether it may tell of this kind.
    #[must_use]
    pub fn may_tell_of(&self, kind: &Kind) -> bool {
        covers(&self.kinds, kind.as_str())
    }

    /// What of this it may not tell of so far.
    #[must_use]
    pub fn beyond<'a>(&self, kinds: &'a [String]) -> Vec<&'a str> {
        let new = kinds.iter().filter(|kind| !covers(&self.kinds, kind));
        new.map(String::as_str).collect()
    }
}

/// What a calling service may tell of, as far as its tenant says.
#[derive(Clone, Copy, Debug)]
pub struct Voice<'a> {
    source: Option<&'a ActivitySource>,
}

impl<'a> Voice<'a> {
    /// That of `caller`; an error if it may tell of nothing at all.
    pub fn of(sources: &'a [Arc<StoredSource>], must_register: bool, caller: &CallerId) -> Result<Self, Error> {
        let source = sources.iter().find(|source| source.config.name == *caller);
        match source {
            None if must_register => {
                let message = format!("the tenant takes activities of registered sources only, and {caller} is none");
                let refusal = Refusal::new(Reason::SourceNotRegistered, message);
                Err(refusal.with("source", caller).into())
            }
            Some(source) if !source.config.enabled => {
                let message = format!("the source {caller} is disabled");
                Err(Refusal::new(Reason::SourceDisabled, message)
                    .with("source", caller)
                    .into())
            }
            source => Ok(Self {
                source: source.map(|source| &source.config),
            }),
        }
    }

    /// Refuses kinds that the source is not registered for.
    pub fn check(&self, kind: &Kind) -> Result<(), Refusal> {
        match self.source {
            Some(source) if !source.may_tell_of(kind) => {
                let message = format!("the source {} may not tell of {kind}", source.name);
                Err(Refusal::new(Reason::KindNotAllowed, message).with("kind", kind))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
