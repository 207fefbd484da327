//! What activities mean in a tenant: which kinds are follow-ups, which one closes deals, and whose count.
//!
//! A change of these rules is not retroactive: what was counted stays counted, until somebody asks for deals to be counted
//! again.

use super::{
    Kind,
    kinds::{ACCOUNT_UPDATED, ActivityKind, Close, FollowUp, Traits, built_in},
    pace::Pace,
};
use crate::domain::{
    account::Account,
    configured::Configured,
    ids::UserId,
    refusal::{Reason, Violations},
    text::{check_len, check_range, check_unique},
};
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::Arc,
};
use uuid::Uuid;

/// Follow-ups that can be chosen at most.
pub const FOLLOW_UPS_MAX: usize = 50;
/// Characters of a summary that can be asked for.
pub const SUMMARY_LENGTHS: RangeInclusive<u32> = 0..=1_000;
/// How far apart follow-ups can have to lie, in seconds.
pub const SPACINGS: RangeInclusive<u32> = 0..=86_400;
/// How many follow-ups of a day can count at most.
pub const PER_DAY: RangeInclusive<u32> = 0..=1_000;
/// How near to the deadline can be late, in hours.
pub const LATE_HOURS: RangeInclusive<u32> = 0..=168;

/// Whose activities count. What a system did without a user counts in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actors {
    /// The owner's.
    Owner,
    /// The owner's and those of members of the related team.
    Team,
    /// Everybody's.
    Anyone,
}

/// What the actor of an activity was to its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There was none: a system did it.
    Nobody,
    /// Its owner.
    Owner,
    /// A member of its related team.
    Member,
    /// Somebody else.
    Other,
}

impl Standing {
    /// The number that is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Nobody => 1,
            Self::Owner => 2,
            Self::Member => 3,
            Self::Other => 4,
        }
    }

    /// The standing with this number.
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Nobody),
            2 => Some(Self::Owner),
            3 => Some(Self::Member),
            4 => Some(Self::Other),
            _ => None,
        }
    }

    /// Of a user, or of nobody, as the account is now.
    #[must_use]
    pub fn of(account: &Account, actor: Option<&UserId>, is_member: impl FnOnce(&UserId) -> bool) -> Self {
        match actor {
            None => Self::Nobody,
            Some(actor) if account.owner.as_ref() == Some(actor) => Self::Owner,
            Some(actor) if is_member(actor) => Self::Member,
            Some(_) => Self::Other,
        }
    }
}

impl Actors {
    /// Whether what somebody of this standing did counts.
    #[must_use]
    pub const fn admit(self, standing: Standing) -> bool {
        match standing {
            Standing::Nobody | Standing::Owner => true,
            Standing::Member => !matches!(self, Self::Owner),
            Standing::Other => matches!(self, Self::Anyone),
        }
    }
}

/// The rules of a tenant. Field names are those of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleConfig {
    /// The kinds that are follow-ups.
    pub follow_up_kinds: Vec<String>,
    /// The one kind that closes deals: a list, so that none and several can be told apart and refused.
    pub close_kinds: Vec<String>,
    /// Whose follow-ups count.
    pub follow_ups_by: Actors,
    /// Whose deals count.
    pub closes_by: Actors,
    /// Characters that the summary of a follow-up has at least.
    #[serde(default)]
    pub min_summary_length: u32,
    /// How far apart follow-ups of a day lie at least, in seconds.
    #[serde(default)]
    pub min_follow_up_spacing: u32,
    /// Follow-ups of a day that count at most; any number if 0.
    #[serde(default)]
    pub max_follow_ups_per_day: u32,
    /// How near to the deadline the first follow-up of a tenure is told as late; never if 0.
    #[serde(default)]
    pub late_follow_up_hours: u32,
}

impl Default for RuleConfig {
    fn default() -> Self {
        let named = |fits: fn(&Traits) -> bool| built_in().filter(fits).map(|kind| kind.name).collect();
        Self {
            follow_up_kinds: named(|kind| kind.follow_up == FollowUp::Default),
            close_kinds: named(|kind| kind.close == Close::Default),
            follow_ups_by: Actors::Anyone,
            closes_by: Actors::Team,
            min_summary_length: 0,
            min_follow_up_spacing: 0,
            max_follow_ups_per_day: 0,
            late_follow_up_hours: 0,
        }
    }
}

/// What is said of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deal {
    /// It was closed.
    Closed,
    /// It was taken back.
    Reversed,
}

/// What is said of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// It runs, up to its end.
    Runs,
    /// It ended then.
    Ended,
}

/// What an activity means for the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Somebody followed up.
    pub follow_up: bool,
    /// What it says of a deal.
    pub deal: Option<Deal>,
    /// What it says of a contract.
    pub contract: Option<Contract>,
}

impl Meaning {
    /// Whether it closes a deal.
    #[must_use]
    pub fn closes(self) -> bool {
        self.deal == Some(Deal::Closed)
    }
}

/// What contracts say is the same for all tenants.
fn contract(kind: &str) -> Option<Contract> {
    match kind {
        "contract.created" | "contract.activated" | "contract.renewed" => Some(Contract::Runs),
        "contract.terminated" => Some(Contract::Ended),
        _ => None,
    }
}

/// What activities of a kind mean, whoever acts.
fn meaning(config: &RuleConfig, kind: &Traits) -> Meaning {
    let closes = |name: &String| config.close_kinds.contains(name);
    Meaning {
        follow_up: kind.follow_up == FollowUp::Always
            || closes(&kind.name)
            || config.follow_up_kinds.contains(&kind.name),
        deal: if closes(&kind.name) {
            Some(Deal::Closed)
        } else if kind.reverses.iter().any(closes) {
            Some(Deal::Reversed)
        } else {
            None
        },
        contract: contract(&kind.name),
    }
}

/// A kind with what it means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindNow {
    /// The kind as the tenant defined it, if it did.
    pub defined: Option<Configured<ActivityKind>>,
    /// What can be made of it.
    pub traits: Traits,
    /// What it means.
    pub meaning: Meaning,
}

/// The rules of a tenant and its own kinds, ready to be asked.
#[derive(Clone, Debug)]
pub struct ActivityRules {
    /// The rules as stored, or as every tenant begins.
    pub rules: Configured<RuleConfig>,
    /// Whether they were ever changed.
    pub stored: bool,
    /// Kinds that the tenant defined, by id.
    pub kinds: Vec<Arc<Configured<ActivityKind>>>,
    traits: BTreeMap<String, Traits>,
    meanings: HashMap<String, Meaning>,
}

impl Default for ActivityRules {
    fn default() -> Self {
        Self::compile(None, Vec::new())
    }
}

impl ActivityRules {
    /// The id of the row of rules, of which a tenant has one.
    pub const ROW: Uuid = Uuid::nil();

    /// Compiles.
    #[must_use]
    pub fn compile(rules: Option<Configured<RuleConfig>>, kinds: Vec<Configured<ActivityKind>>) -> Self {
        let stored = rules.is_some();
        let rules = rules.unwrap_or_else(|| Configured::new(Self::ROW, RuleConfig::default(), DateTime::UNIX_EPOCH));
        let own = kinds.iter().map(|kind| kind.config.traits());
        // What every tenant has comes last, so that nothing takes its place.
        let traits = own.chain(built_in()).map(|kind| (kind.name.clone(), kind));
        let traits: BTreeMap<_, _> = traits.collect();
        Self {
            meanings: traits
                .iter()
                .map(|(name, kind)| (name.clone(), meaning(&rules.config, kind)))
                .collect(),
            traits,
            stored,
            rules,
            kinds: kinds.into_iter().map(Arc::new).collect(),
        }
    }

    /// The rules themselves.
    #[must_use]
    pub const fn config(&self) -> &RuleConfig {
        &self.rules.config
    }

    /// All kinds that mean something or could, by name.
    pub fn all(&self) -> impl Iterator<Item = &Traits> {
        self.traits.values()
    }

    /// A kind of the tenant's own with what it means.
    #[must_use]
    pub fn own(&self, kind: &Configured<ActivityKind>) -> KindNow {
        let traits = kind.config.traits();
        KindNow {
            meaning: meaning(self.config(), &traits),
            defined: Some(kind.clone()),
            traits,
        }
    }

    /// All kinds with what they mean, by name.
    pub fn all_now(&self) -> impl Iterator<Item = KindNow> {
        self.all().map(|traits| KindNow {
            defined: self.defined_as(&traits.name).map(|kind| kind.as_ref().clone()),
            traits: traits.clone(),
            meaning: meaning(self.config(), traits),
        })
    }

    /// The kind of this name, if there is one.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Traits> {
        self.traits.get(name)
    }

    /// The kind of this id that the tenant defined.
    #[must_use]
    pub fn defined(&self, id: Uuid) -> Option<&Arc<Configured<ActivityKind>>> {
        self.kinds.iter().find(|kind| kind.id == id)
    }

    /// The kind of this name that the tenant defined.
    #[must_use]
    pub fn defined_as(&self, name: &str) -> Option<&Arc<Configured<ActivityKind>>> {
        self.kinds.iter().find(|kind| kind.config.name == name)
    }

    /// What activities of this kind mean, whoever acts.
    #[must_use]
    pub fn meaning(&self, kind: &Kind) -> Meaning {
        self.meanings.get(kind.as_str()).copied().unwrap_or_default()
    }

    /// What an activity of this kind means that somebody of this standing did.
    #[must_use]
    pub fn counted(&self, kind: &Kind, standing: Standing) -> Meaning {
        let meaning = self.meaning(kind);
        let deal = meaning.deal.filter(|_| self.config().closes_by.admit(standing));
        Meaning {
            // A deal that counts feeds the clocks as a follow-up for as long as it is closed: through the set of deals, so
            // that whoever takes it back takes that back too.
            follow_up: meaning.follow_up && self.follows_up(kind, standing) && deal != Some(Deal::Closed),
            deal,
            // A contract runs whoever tells of it.
            contract: meaning.contract,
        }
    }

    /// Whether what somebody of this standing did counts as a follow-up, if its kind does.
    #[must_use]
    pub fn follows_up(&self, kind: &Kind, standing: Standing) -> bool {
        let by_system = kind.as_str() == ACCOUNT_UPDATED && standing == Standing::Nobody;
        !by_system && self.config().follow_ups_by.admit(standing)
    }

    /// Whether the text of a follow-up is as long as it has to be.
    #[must_use]
    pub fn says_enough(&self, summary: &str) -> bool {
        let least = self.config().min_summary_length as usize;
        // Bytes are never fewer than characters.
        summary.len() >= least && summary.chars().count() >= least
    }

    /// What is asked of the follow-ups of a day together, if anything is.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        let config = self.config();
        let pace = Pace {
            spacing: TimeDelta::seconds(config.min_follow_up_spacing.into()),
            per_day: (config.max_follow_ups_per_day > 0).then_some(config.max_follow_ups_per_day as usize),
        };
        (pace.per_day.is_some() || !pace.spacing.is_zero()).then_some(pace)
    }

    /// How near to the deadline a follow-up is late, if that is told.
    #[must_use]
    pub fn late(&self) -> Option<TimeDelta> {
        let hours = self.config().late_follow_up_hours;
        (hours > 0).then(|| TimeDelta::hours(hours.into()))
    }

    /// Whether it matters, now or after a change of the rules, if somebody is in the related team who did this.
    #[must_use]
    pub fn looks_at_team(&self, kind: &Kind) -> bool {
        let Some(traits) = self.named(kind.as_str()) else {
            return false;
        };
        let deal = traits.can_close() || !traits.reverses.is_empty();
        // What is judged again with others of its day is judged by what its actor was.
        let by_actor = match self.config().follow_ups_by {
            Actors::Team => true,
            Actors::Owner => self.pace().is_some(),
            Actors::Anyone => false,
        };
        deal || by_actor && self.meaning(kind).follow_up
    }

    /// Who names the kind: the rules, or kinds of the tenant's own that take it back.
    #[must_use]
    pub fn naming(&self, kind: &str) -> Vec<String> {
        let named = |kinds: &[String]| kinds.iter().any(|named| named == kind);
        let config = self.config();
        let fields = [
            ("follow_up_kinds", &config.follow_up_kinds),
            ("close_kinds", &config.close_kinds),
        ];
        let rules = fields.into_iter().filter(|(_, kinds)| named(kinds));
        let kinds = self.kinds.iter().filter(|own| named(&own.config.reverses));
        rules
            .map(|(field, _)| format!("activity_rules.{field}"))
            .chain(kinds.map(|own| format!("activity_kind {}", own.config.name)))
            .collect()
    }

    /// Everything that is wrong with rules, which name kinds that there are.
    #[must_use]
    pub fn validate(&self, config: &RuleConfig) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        let follow_ups = &config.follow_up_kinds;
        check_len(v, "follow_up_kinds", follow_ups.len(), FOLLOW_UPS_MAX);
        check_unique(v, "follow_up_kinds", follow_ups);
        for (at, kind) in follow_ups.iter().enumerate().take(FOLLOW_UPS_MAX) {
            if !self.named(kind).is_some_and(Traits::can_follow_up) {
                let message = format!("{kind:?} is no kind that can be chosen as a follow-up");
                v.add_as(
                    Reason::ActivityKindNotSelectable,
                    format!("follow_up_kinds[{at}]"),
                    message,
                );
            }
        }
        match config.close_kinds.as_slice() {
            [kind] if self.named(kind).is_some_and(Traits::can_close) => {}
            [kind] => {
                let message = format!("{kind:?} is no kind that can be chosen as the one that closes deals");
                v.add_as(Reason::ActivityKindNotSelectable, "close_kinds[0]", message);
            }
            kinds => {
                let message = format!("must name exactly one kind, and names {}", kinds.len());
                v.add_as(Reason::ExactlyOneCloseAction, "close_kinds", message);
            }
        }
        for (field, value, range) in [
            ("min_summary_length", config.min_summary_length, SUMMARY_LENGTHS),
            ("max_follow_ups_per_day", config.max_follow_ups_per_day, PER_DAY),
            ("late_follow_up_hours", config.late_follow_up_hours, LATE_HOURS),
        ] {
            check_range(v, field, Some(value), &range);
        }
        if !SPACINGS.contains(&config.min_follow_up_spacing) {
            v.add(
                "min_follow_up_spacing",
                "must be between 0 and 24 hours, in whole seconds",
            );
        }
        violations
    }
}

#[cfg(test)]
mod tests;
