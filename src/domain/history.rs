//! What is told of an account's past, and to whom.

use super::{
    account::{EndCause, StartCause, Status},
    change::EventKind,
    circulation::{
        Scene, Subject,
        admit::{allow, own_pool},
        knows, reads,
    },
    ids::{AccountId, PoolId, ReasonId, UserId},
    pool::RelatedAccess,
};
use crate::domain::error::Error;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

/// An uninterrupted time in which one user owned an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The version of the account with which it began.
    pub start_version: i64,
    /// Whose.
    pub user: UserId,
    /// The pool that the account belonged to when it began.
    pub pool: Option<PoolId>,
    /// When it began.
    pub start_time: DateTime<Utc>,
    /// How.
    pub start_cause: StartCause,
    /// On whose word.
    pub start_actor: Option<UserId>,
    /// How it ended, if it did.
    pub end: Option<EndedTenure>,
}

/// How a tenure ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedTenure {
    /// When.
    pub time: DateTime<Utc>,
    /// How.
    pub cause: EndCause,
    /// On whose word.
    pub actor: Option<UserId>,
    /// The reason given.
    pub reason: Option<ReasonId>,
    /// What was written.
    pub note: String,
    /// The rule that ended it.
    pub rule_id: Option<Uuid>,
    /// When it was due.
    pub deadline: Option<DateTime<Utc>>,
}

/// A change of an account, as it was told then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// The version that it made.
    pub version: i64,
    /// When.
    pub event_time: DateTime<Utc>,
    /// What happened.
    pub kind: String,
    /// The service that called.
    pub caller: String,
    /// The user that it acted for.
    pub actor: Option<String>,
    /// What came of it.
    pub effects: ToldEffects,
    /// Why, in words.
    pub note: String,
}

/// [`Effects`](super::change::Effects) as they are read back: of any version of this program, so nothing is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ToldEffects {
    /// The status before and after, by their published names.
    pub status: Option<(String, String)>,
    /// The owner before and after.
    pub owner: Option<(Option<String>, Option<String>)>,
    /// The pool before and after.
    pub pool: Option<(Option<PoolId>, Option<PoolId>)>,
    /// The reclaim deadline after, in microseconds since the epoch, if it moved.
    #[serde(deserialize_with = "present")]
    pub reclaim_time: Option<Option<i64>>,
    /// How the tenure ended, by its published name.
    pub end_cause: Option<String>,
    /// The reason given.
    pub reason: Option<String>,
    /// The profile fields that changed.
    pub fields: Vec<String>,
    /// The team member that it is about.
    pub member: Option<String>,
    /// By how many days.
    pub days: Option<u32>,
    /// Until when, in microseconds since the epoch.
    pub until: Option<i64>,
    /// Who is to be reminded of what.
    pub reminder: Option<ToldReminder>,
    /// Objects that followed the account.
    pub related: Vec<ToldRelated>,
    /// The accounts that were merged into it.
    pub merged: Vec<AccountId>,
    /// The account that it was merged into.
    pub merged_into: Option<AccountId>,
    /// Contacts that stayed with the owner before, since they were too many.
    pub contacts_left_behind: u32,
    /// Whether the first follow-up of the tenure put the deadline off, only in the last hours before it.
    pub late_follow_up: bool,
}

/// [`RelatedEffect`](super::change::RelatedEffect) as it is read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ToldRelated {
    /// The service that tells of it.
    pub source: String,
    /// What it is.
    pub object_type: String,
    /// Its id within the source.
    pub object_id: String,
    /// Whose it was.
    pub old: String,
    /// Whose it is.
    pub new: String,
}

impl ToldEffects {
    /// About how many bytes its lists take in a message; the rest is a few.
    #[must_use]
    pub fn weight(&self) -> usize {
        let related = |related: &ToldRelated| {
            // Beside the texts there are lengths and tags.
            related.source.len()
                + related.object_type.len()
                + related.object_id.len()
                + related.old.len()
                + related.new.len()
                + 16
        };
        self.related.iter().map(related).sum::<usize>()
            + self.fields.iter().map(String::len).sum::<usize>()
            + self.merged.len() * 38
    }
}

/// [`ReminderEffect`](super::change::ReminderEffect) as it is read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ToldReminder {
    /// Of what, by its published name.
    pub kind: String,
    /// By which rule.
    pub rule_id: Option<Uuid>,
    /// How many full days before the deadline, at least.
    pub days_before: Option<u32>,
    /// The deadline, in microseconds since the epoch.
    pub deadline: Option<i64>,
    /// Who is reminded.
    pub recipients: Vec<String>,
}

#[expect(clippy::option_option, reason = "told and gone is not the same as not told")]
/// That a deadline went away is told as `null`, which is not the same as nothing.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// How much of the past somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insight {
    /// All of it.
    Full,
    /// What members of the pool see of an unclaimed account: nothing of the team, of those who were reminded, of objects,
    /// and of how late an owner followed up.
    Member {
        /// Nothing of these fields.
        hidden: Vec<String>,
        /// Whether they see that there were activities.
        activities: bool,
    },
}

/// What an account's activities alone make happen: it tells that there were some.
const OF_ACTIVITIES: &[EventKind] = &[
    EventKind::ActivityRecorded,
    EventKind::DealsRecomputed,
    EventKind::ReclaimDisputed,
];

impl Insight {
    /// Kinds of events that must not be seen at all.
    #[must_use]
    pub const fn unseen(&self) -> &'static [EventKind] {
        match self {
            Self::Member { activities: false, .. } => OF_ACTIVITIES,
            Self::Full | Self::Member { .. } => &[],
        }
    }

    /// Takes away what must not be seen.
    pub fn mask(&self, event: &mut AccountEvent) {
        if let Self::Member { hidden, .. } = self {
            event.effects.member = None;
            event.note.clear();
            event.effects.reminder = None;
            event.effects.related.clear();
            event.effects.contacts_left_behind = 0;
            event.effects.late_follow_up = false;
            let of = |field: &str, hidden: &str| {
                field
                    .strip_prefix(hidden)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let fields = &mut event.effects.fields;
            fields.retain(|field| !hidden.iter().any(|hidden| of(field, hidden)));
        }
    }
}

/// How much of the account's past the principal sees.
pub fn insight(scene: &Scene<'_>, subject: Option<&Subject>, id: AccountId) -> Result<Insight, Error> {
    let unknown = || Error::not_found("account", id);
    let subject = subject.ok_or_else(unknown)?;
    // What is left of a deleted account is for those who could delete it.
    let gone = subject.account.status == Status::Deleted && scene.principal.crm_admin;
    if gone || reads(scene, subject) {
        return Ok(Insight::Full);
    }
    if !knows(scene, subject) || subject.account.status != Status::Unassigned {
        return Err(unknown());
    }
    let pool = own_pool(scene, &subject.account).ok_or_else(unknown)?;
    allow(
        pool.config.unclaimed_history_visible,
        "those who read all of the account",
    )?;
    Ok(Insight::Member {
        hidden: pool.config.hidden_fields.clone(),
        activities: pool.config.unclaimed_related_access >= RelatedAccess::View,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{Effects, ReminderEffect};

    #[test]
    fn effects_are_read_back_as_they_were_told() {
        let told = |effects: &Effects| -> ToldEffects {
            serde_json::from_str(&serde_json::to_string(effects).unwrap()).unwrap()
        };
        assert_eq!(told(&Effects::default()), ToldEffects::default());
        let effects = Effects {
            status: Some(("ASSIGNED", "UNASSIGNED")),
            owner: Some((UserId::parse("bob").ok(), None)),
            reclaim_time: Some(None),
            fields: vec!["phone".into()],
            days: Some(7),
            until: Some(1),
            late_follow_up: true,
            note: "kept beside it".into(),
            reminder: Some(ReminderEffect {
                kind: "DEADLINE",
                rule_id: None,
                days_before: Some(3),
                deadline: Some(5),
                recipients: vec![UserId::parse("bob").unwrap()],
            }),
            ..Effects::default()
        };
        let read = told(&effects);
        assert_eq!(read.status, Some(("ASSIGNED".into(), "UNASSIGNED".into())));
        assert_eq!(read.owner, Some((Some("bob".into()), None)));
        assert_eq!(read.reclaim_time, Some(None));
        assert_eq!((read.days, read.until, read.late_follow_up), (Some(7), Some(1), true));
        let reminder = ToldReminder {
            kind: "DEADLINE".into(),
            rule_id: None,
            days_before: Some(3),
            deadline: Some(5),
            recipients: vec!["bob".into()],
        };
        assert_eq!(read.reminder, Some(reminder));
    }

    /// R187: that there were activities is not told to those who may not see them, in any kind of event.
    #[test]
    fn what_activities_make_happen_goes_with_them() {
        let member = |activities: bool| Insight::Member {
            hidden: Vec::new(),
            activities,
        };
        assert_eq!((Insight::Full.unseen().len(), member(true).unseen().len()), (0, 0));
        let unseen = member(false);
        for kind in EventKind::ALL {
            let told = matches!(
                kind,
                EventKind::ActivityRecorded | EventKind::DealsRecomputed | EventKind::ReclaimDisputed
            );
            assert_eq!(unseen.unseen().contains(&kind), told, "{kind:?}");
        }
    }

    /// D24: names of hidden fields are hidden too, those of custom fields with them.
    #[test]
    fn hidden_fields_leave_no_name() {
        let mut event = AccountEvent {
            version: 2,
            event_time: DateTime::UNIX_EPOCH,
            kind: "account.updated".into(),
            caller: "crm".into(),
            actor: None,
            effects: ToldEffects {
                fields: ["phone", "custom_fields.size", "location.latitude", "name"]
                    .map(Into::into)
                    .into(),
                member: Some("bob".into()),
                reminder: Some(ToldReminder::default()),
                late_follow_up: true,
                ..ToldEffects::default()
            },
            note: "he asked not to be called".into(),
        };
        Insight::Full.mask(&mut event);
        assert_eq!((event.effects.fields.len(), event.note.is_empty()), (4, false));
        let member = Insight::Member {
            hidden: ["phone", "custom_fields", "location"].map(Into::into).into(),
            activities: true,
        };
        member.mask(&mut event);
        assert_eq!(
            (
                event.effects.fields,
                event.effects.member,
                event.effects.reminder,
                event.effects.late_follow_up,
                event.note
            ),
            (vec!["name".to_owned()], None, None, false, String::new())
        );
    }
}
