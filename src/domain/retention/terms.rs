//! What a reclaim rule says: which accounts, how many days, from when on, and whom it reminds.

use super::calendar::{Cutoff, DayCounting};
use crate::domain::ids::PoolId;
use serde::{Deserialize, Serialize};

/// What a rule does to the accounts that it decides over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReclaimAction {
    /// Reclaims them when its time is over.
    #[default]
    Reclaim,
    /// Nothing, and no rule after it does either.
    NoReclaim,
}

/// Which of two clocks reclaims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Whichever is over first.
    Either,
    /// Only when both are over.
    Both,
}

/// What a win in the owner's tenure does to a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterWin {
    /// Stops it for the rest of the tenure.
    Exempt,
    /// Starts it anew.
    Restart,
}

/// How many days there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleDays {
    /// Days without a follow-up.
    #[serde(rename = "follow_up_days")]
    pub follow_up: Option<u32>,
    /// Days to the first follow-up of a tenure, where it is sooner expected than later ones.
    #[serde(rename = "first_contact_days")]
    pub first_contact: Option<u32>,
    /// Days without a win.
    #[serde(rename = "close_days")]
    pub close: Option<u32>,
}

impl RuleDays {
    /// Those of a grade where it has some, the general ones elsewhere.
    fn overridden(self, by: Self) -> Self {
        Self {
            follow_up: self.follow_up.map(|days| by.follow_up.unwrap_or(days)),
            first_contact: by.first_contact.or(self.first_contact),
            close: self.close.map(|days| by.close.unwrap_or(days)),
        }
    }

    /// The fewest days after which it reclaims.
    #[must_use]
    pub fn fewest(self) -> Option<u32> {
        [self.follow_up, self.close].into_iter().flatten().min()
    }
}

/// The days of accounts of one grade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradeDays {
    /// The grade, exactly as accounts have it.
    pub grade: String,
    /// Its days; what is not set is as for all others.
    #[serde(flatten)]
    pub days: RuleDays,
}

/// Who is reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The owner.
    Owner,
    /// His supervisor.
    Supervisor,
    /// The members of the related team.
    Team,
    /// The administrators of the pool that the account belongs to.
    PoolAdmins,
}

/// A reminder before the deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvanceReminder {
    /// At least so many full days before.
    pub days_before: u32,
    /// Who gets it.
    pub recipients: Vec<Recipient>,
}

/// The part of a rule that updates change. Field names are those of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReclaimTerms {
    /// Name for people, or empty.
    pub display_name: String,
    /// 1 is the highest; unique within the pool or department.
    pub priority: u32,
    /// Which accounts it is for, in the language of conditions; empty means all.
    pub condition: String,
    /// Only for accounts that were created within so many months.
    pub created_within_months: Option<u32>,
    /// What the rule does.
    pub action: ReclaimAction,
    /// Its days.
    #[serde(flatten)]
    pub days: RuleDays,
    /// Days of accounts of some grades.
    pub grade_days: Vec<GradeDays>,
    /// How the two clocks work together. There is no default: both readings are in use.
    pub combine: Option<Combine>,
    /// What a win does to the clock of `close_days`, or to the only clock there is; see [`Self::after_win`].
    pub after_win: Option<AfterWin>,
    /// When reclaims take effect; none means the tenant's.
    pub cutoff: Option<Cutoff>,
    /// Which days count.
    pub day_counting: DayCounting,
    /// Days after which it reclaims whatever the owner does.
    pub max_hold_days: Option<u32>,
    /// Days after the end of a contract before which it does not reclaim.
    pub contract_end_days: Option<u32>,
    /// The kinds of activities that count as follow-up; empty means those of the tenant.
    pub follow_up_kinds: Vec<String>,
    /// Kinds of activities upon which it reclaims at once.
    pub reclaim_kinds: Vec<String>,
    /// Days within which an account that comes back to an owner goes on with his old clock.
    pub no_restart_days: Option<u32>,
    /// Into which pool accounts are reclaimed; none means the one they are in.
    pub target_pool_id: Option<PoolId>,
    /// Reminders before the deadline.
    pub reminders: Vec<AdvanceReminder>,
    /// Whether the first of them is repeated every day until the deadline.
    pub repeat_daily: bool,
}

impl ReclaimTerms {
    /// What a win does. A win is what the clock of `close_days` waits for, so it stops that one unless it is told to
    /// start anew; for the clock of `follow_up_days` it is one more follow-up, unless it is told otherwise of a rule
    /// that has no other clock.
    #[must_use]
    pub fn after_win(&self) -> AfterWin {
        self.after_win.unwrap_or(match self.days.close {
            Some(_) => AfterWin::Exempt,
            None => AfterWin::Restart,
        })
    }

    /// The days of an account of this grade.
    #[must_use]
    pub fn days_of(&self, grade: &str) -> RuleDays {
        let own = self.grade_days.iter().find(|days| days.grade == grade);
        own.map_or(self.days, |own| self.days.overridden(own.days))
    }

    /// Whether owners' clocks run differently under `new`, so that somebody has to say what becomes of past days.
    #[must_use]
    pub fn changes_clock(&self, new: &Self) -> bool {
        let clock = |terms: &Self| {
            (
                (terms.action, terms.days, terms.grade_days.clone(), terms.combine),
                (terms.after_win, terms.cutoff, terms.day_counting),
                (terms.max_hold_days, terms.contract_end_days, terms.no_restart_days),
                (terms.follow_up_kinds.clone(), terms.reclaim_kinds.clone()),
            )
        };
        clock(self) != clock(new)
    }
}
