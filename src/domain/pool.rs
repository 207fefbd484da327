//! A pool and the rules for those who take from it.

use super::{
    ids::{DepartmentId, GroupId, PoolId, ReasonId, Role, UserId},
    organisation::Organisation,
    refusal::Violations,
    text::{DAYS, LIMITS, NAME_MAX, check_len, check_range, check_required_text, check_unique},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Whether a pool is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolState {
    /// In use.
    Active,
    /// Out of use: nothing is claimed or assigned from it or brought into it.
    Disabled,
}

/// How accounts of a pool find an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimMode {
    /// Members see unclaimed accounts and claim them; admins assign them as well.
    #[default]
    MembersClaim,
    /// Only admins assign.
    AdminsAssign,
}

/// What members may do with activities and related objects of an unclaimed account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelatedAccess {
    /// Nothing.
    #[default]
    None,
    /// See them.
    View,
    /// See them and add activities.
    ViewAndInteract,
}

/// A department whose users are members.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PoolDepartment {
    /// The department.
    pub department_id: DepartmentId,
    /// Whether users of the departments below it are members too.
    pub include_sub_departments: bool,
}

/// Who the members of a pool are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolMembers {
    /// Every active user.
    pub everyone: bool,
    /// These users.
    pub users: Vec<UserId>,
    /// Users of these departments.
    pub departments: Vec<PoolDepartment>,
    /// Users with one of these roles.
    pub roles: Vec<Role>,
    /// Users in one of these groups.
    pub groups: Vec<GroupId>,
}

/// What can be configured of a pool. Field names are those of the API.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as the API has them")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolConfig {
    /// Name for people, unique within the tenant.
    pub display_name: String,
    /// Who administers it.
    pub administrators: Vec<UserId>,
    /// Who may see, claim or be given its accounts.
    pub members: PoolMembers,
    /// How its accounts find an owner.
    pub claim_mode: ClaimMode,
    /// Whether members may see unclaimed accounts although they cannot claim them.
    pub members_may_browse: bool,
    /// Whether members may return what they own.
    pub members_may_return: bool,
    /// Whether members may move an account that they own to another pool.
    pub members_may_transfer_out: bool,
    /// Whether members may create accounts in the pool.
    pub members_may_add: bool,
    /// How many of its accounts a member may hold at once.
    pub claim_limit: Option<u32>,
    /// Whether won accounts count toward `claim_limit`.
    pub claim_limit_counts_won: bool,
    /// How many of its accounts a user may claim per day.
    pub daily_claim_limit: Option<u32>,
    /// For how many days a former owner cannot claim the account again.
    pub cooldown_days: Option<u32>,
    /// Clear rule 1: whether a change of owner removes the related team.
    pub clear_team_on_owner_change: bool,
    /// Clear rule 2: whether an account that is moved into this pool loses its owner.
    pub clear_owner_on_transfer_in: bool,
    /// The tenant's return reasons that can be chosen here; empty means all.
    pub return_reasons: Vec<ReasonId>,
    /// Account fields that members do not see on unclaimed accounts.
    pub hidden_fields: Vec<String>,
    /// What members may do with what hangs on an unclaimed account.
    pub unclaimed_related_access: RelatedAccess,
    /// Whether members see who owned an unclaimed account before, and why he lost it.
    pub unclaimed_history_visible: bool,
    /// Zone of day boundaries and calendar days; none means the tenant's.
    pub time_zone: Option<Tz>,
}

/// A pool as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Raised by every update.
    pub version: i64,
    /// Whether it is in use.
    pub state: PoolState,
    /// Its configuration.
    pub config: PoolConfig,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When it was last updated.
    pub update_time: DateTime<Utc>,
}

/// Account fields that a pool can hide. The name is never among them.
pub const HIDEABLE_FIELDS: &[&str] = &[
    "kind",
    "grade",
    "industry",
    "source",
    "region",
    "phone",
    "email",
    "website",
    "address",
    "location",
    "tags",
    "remark",
    "external_id",
    "custom_fields",
];

impl PoolConfig {
    /// Everything that is wrong with the configuration, in the organisation that it is for.
    #[must_use]
    pub fn validate(&self, org: &Organisation) -> Violations {
        let mut violations = Violations::default();
        let v = &mut violations;
        check_required_text(v, "display_name", &self.display_name, NAME_MAX);
        check_range(v, "claim_limit", self.claim_limit, &LIMITS);
        check_range(v, "daily_claim_limit", self.daily_claim_limit, &LIMITS);
        check_range(v, "cooldown_days", self.cooldown_days, &DAYS);
        if self.administrators.is_empty() {
            v.add("administrators", "must name at least one user");
        }
        check_len(v, "administrators", self.administrators.len(), 100);
        check_unique(v, "administrators", &self.administrators);
        for (at, id) in self.administrators.iter().enumerate() {
            if !org.directory.users.contains_key(id) {
                v.add(format!("administrators[{at}]"), format!("user {id} does not exist"));
            }
        }
        self.members.validate(v, org);
        check_unique(v, "return_reasons", &self.return_reasons);
        for (at, id) in self.return_reasons.iter().enumerate() {
            if !org.tenant.settings.return_reasons.iter().any(|reason| reason.id == *id) {
                v.add(
                    format!("return_reasons[{at}]"),
                    format!("the tenant has no return reason {id}"),
                );
            }
        }
        check_unique(v, "hidden_fields", &self.hidden_fields);
        for (at, field) in self.hidden_fields.iter().enumerate() {
            if !HIDEABLE_FIELDS.contains(&field.as_str()) {
                let known = HIDEABLE_FIELDS.join(", ");
                v.add(
                    format!("hidden_fields[{at}]"),
                    format!("{field:?} cannot be hidden; what can is {known}"),
                );
            }
        }
        violations
    }
}

impl PoolMembers {
    fn validate(&self, v: &mut Violations, org: &Organisation) {
        check_len(v, "members.users", self.users.len(), 5000);
        check_unique(v, "members.users", &self.users);
        for (at, id) in self.users.iter().enumerate() {
            if !org.directory.users.contains_key(id) {
                v.add(format!("members.users[{at}]"), format!("user {id} does not exist"));
            }
        }
        check_len(v, "members.departments", self.departments.len(), 500);
        check_unique(
            v,
            "members.departments",
            self.departments.iter().map(|department| &department.department_id),
        );
        for (at, PoolDepartment { department_id: id, .. }) in self.departments.iter().enumerate() {
            if !org.directory.departments.contains_key(id) {
                v.add(
                    format!("members.departments[{at}].department_id"),
                    format!("department {id} does not exist"),
                );
            }
        }
        check_len(v, "members.roles", self.roles.len(), 100);
        check_unique(v, "members.roles", &self.roles);
        check_len(v, "members.groups", self.groups.len(), 500);
        check_unique(v, "members.groups", &self.groups);
        for (at, id) in self.groups.iter().enumerate() {
            if !org.directory.groups.contains_key(id) {
                v.add(format!("members.groups[{at}]"), format!("group {id} does not exist"));
            }
        }
    }
}
