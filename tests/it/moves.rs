//! Moves as data, so that tests can be tables: who wants what, and what comes of it in one line.

use crate::{
    harness::Client,
    world::{World, user},
};
use tidepool::rpc::proto::{
    self, AccountStatus, Admission, Ownership, Pool, PoolEntryCause, PoolMembers, Tenure, User,
};
use tonic::Status;
use tonic_types::StatusExt;

/// What is wanted of an account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    Claim,
    Assign(String),
    Owner(String),
    Return {
        reason: String,
        note: String,
        target: String,
    },
    Reclaim(String),
    Transfer(String, bool),
    Add(String, bool),
    Remove(bool),
    Cancel,
    Restore(bool),
    Delete,
}

impl Wish {
    pub(crate) fn assign(to: &str) -> Self {
        Self::Assign(to.into())
    }

    pub(crate) fn owner(to: &str) -> Self {
        Self::Owner(to.into())
    }

    pub(crate) fn give_back() -> Self {
        Self::because("", "", "")
    }

    pub(crate) fn because(reason: &str, note: &str, target: &str) -> Self {
        Self::Return {
            reason: reason.into(),
            note: note.into(),
            target: target.into(),
        }
    }

    pub(crate) fn transfer(target: &str) -> Self {
        Self::Transfer(target.into(), false)
    }

    pub(crate) fn transfer_alone(target: &str) -> Self {
        Self::Transfer(target.into(), true)
    }
}

/// One call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    pub(crate) account: String,
    pub(crate) etag: String,
    pub(crate) request_id: String,
    pub(crate) dry: bool,
}

type Answer = Result<(Option<Ownership>, Option<Admission>), Status>;

impl Order {
    /// A plain one.
    pub(crate) fn of(account: &str) -> Self {
        Self {
            account: account.into(),
            ..Self::default()
        }
    }

    /// Sends it.
    pub(crate) async fn send(&self, client: &Client, wish: &Wish) -> Answer {
        macro_rules! call {
            ($service:ident.$method:ident, $request:ident { $($field:ident: $value:expr),* }) => {{
                let request = proto::$request {
                    account_id: self.account.clone(),
                    etag: self.etag.clone(),
                    request_id: self.request_id.clone(),
                    $($field: $value),*
                };
                client.$service().$method(request).await?.into_inner()
            }};
        }
        let validate_only = self.dry;
        macro_rules! moved {
            ($method:ident, $request:ident { $($field:ident: $value:expr),* }) => {{
                let answer = call!(circulation.$method, $request { validate_only: validate_only $(, $field: $value)* });
                Ok((answer.ownership, answer.admission))
            }};
        }
        match wish.clone() {
            Wish::Claim => moved!(claim_account, ClaimAccountRequest {}),
            Wish::Assign(assignee) => moved!(
                assign_account,
                AssignAccountRequest {
                    assignee: assignee,
                    related_types: vec![]
                }
            ),
            Wish::Owner(to) => moved!(
                change_account_owner,
                ChangeAccountOwnerRequest {
                    new_owner: to,
                    related_types: vec![]
                }
            ),
            Wish::Return { reason, note, target } => moved!(
                return_account,
                ReturnAccountRequest {
                    reason_id: reason,
                    note: note,
                    target_pool_id: target
                }
            ),
            Wish::Reclaim(note) => moved!(reclaim_account, ReclaimAccountRequest { note: note }),
            Wish::Transfer(target, clear) => moved!(
                transfer_account,
                TransferAccountRequest {
                    target_pool_id: target,
                    clear_owner: clear
                }
            ),
            Wish::Add(target, clear) => moved!(
                add_account_to_pool,
                AddAccountToPoolRequest {
                    target_pool_id: target,
                    clear_owner: clear
                }
            ),
            Wish::Remove(clear) => moved!(
                remove_account_from_pool,
                RemoveAccountFromPoolRequest { clear_owner: clear }
            ),
            Wish::Cancel => Ok((call!(accounts.cancel_account, CancelAccountRequest {}).ownership, None)),
            Wish::Restore(clear) => Ok((
                call!(accounts.restore_account, RestoreAccountRequest { clear_owner: clear }).ownership,
                None,
            )),
            Wish::Delete => {
                let proto::DeleteAccountResponse {} = call!(accounts.delete_account, DeleteAccountRequest {});
                Ok((None, None))
            }
        }
    }
}

/// The reason of a refused call.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// `OK`, or the deciding reason, also of a dry run.
pub(crate) fn verdict(answer: &Answer) -> String {
    match answer {
        Err(status) => reason(status),
        Ok((_, Some(admission))) => all(admission).first().cloned().unwrap_or_else(|| "OK".into()),
        Ok(_) => "OK".into(),
    }
}

/// All reasons of a dry run.
pub(crate) fn all(admission: &Admission) -> Vec<String> {
    let name = |refusal: &proto::Refusal| refusal.reason().as_str_name()["ERROR_REASON_".len()..].to_owned();
    assert_eq!(admission.admitted, admission.refusals.is_empty());
    admission.refusals.iter().map(name).collect()
}

/// Status, owner, owner before, transfers, and how it came to wait, in one line.
pub(crate) fn short(ownership: &Ownership) -> String {
    let status = &ownership.status().as_str_name()["ACCOUNT_STATUS_".len()..];
    let entry = match ownership.pool_entry_cause() {
        PoolEntryCause::Unspecified => "-",
        cause => &cause.as_str_name()["POOL_ENTRY_CAUSE_".len()..],
    };
    let or = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    assert_eq!(entry == "-", ownership.pool_entry_time.is_none());
    assert_eq!(
        ownership.owner.is_empty(),
        ownership.status() == AccountStatus::Unassigned || ownership.status() == AccountStatus::Canceled
    );
    assert_eq!(ownership.owner.is_empty(), ownership.owner_since.is_none());
    format!(
        "{status} {} was {} moved {} {entry}",
        or(&ownership.owner),
        or(&ownership.last_owner),
        ownership.transfer_count
    )
}

/// A tenure in one line.
pub(crate) fn line(tenure: &Tenure) -> String {
    let start = &tenure.start_cause().as_str_name()["TENURE_START_CAUSE_".len()..];
    let begun = format!("{} {start} by {}", tenure.user_id, tenure.start_actor);
    if tenure.end_time.is_none() {
        return begun;
    }
    let end = &tenure.end_cause().as_str_name()["TENURE_END_CAUSE_".len()..];
    let part = |before: &str, text: &str, after: &str| match text {
        "" => String::new(),
        text => format!("{before}{text}{after}"),
    };
    format!(
        "{begun}, {end} by {}{}{}",
        tenure.end_actor,
        part(" for ", &tenure.reason_id, ""),
        part(" '", &tenure.note, "'")
    )
}

impl World {
    /// `who` makes the move.
    pub(crate) async fn make(&self, who: &str, account: &str, wish: &Wish) -> Answer {
        Order::of(account).send(&self.user(who), wish).await
    }

    /// `who` makes the move, and what comes of it is in one line: the state, or the reason.
    pub(crate) async fn play(&self, who: &str, account: &str, wish: Wish) -> String {
        match self.make(who, account, &wish).await {
            Ok((Some(ownership), None)) => {
                // What the answer says is what is stored.
                assert_eq!(ownership, self.ownership(account).await);
                short(&ownership)
            }
            Ok((None, None)) => "OK".into(),
            Ok(other) => panic!("{other:?}"),
            Err(status) => reason(&status),
        }
    }

    /// The account's tenures in lines, oldest first, as a CRM admin sees them.
    pub(crate) async fn tenures(&self, account: &str) -> Vec<String> {
        let request = proto::ListTenuresRequest {
            account_id: account.into(),
            ..Default::default()
        };
        let answer = self.server.admin().history().list_tenures(request).await.unwrap();
        answer.into_inner().tenures.iter().rev().map(line).collect()
    }

    /// The account's events, oldest first, as a CRM admin sees them.
    pub(crate) async fn events(&self, account: &str) -> Vec<proto::AccountEvent> {
        let request = proto::ListAccountEventsRequest {
            account_id: account.into(),
            ..Default::default()
        };
        let answer = self
            .server
            .admin()
            .history()
            .list_account_events(request)
            .await
            .unwrap();
        answer.into_inner().account_events.into_iter().rev().collect()
    }

    /// Puts a user into the account's team.
    pub(crate) async fn put_member(&self, who: &str, account: &str, member: &str, access: proto::TeamAccess) -> String {
        let request = proto::PutTeamMemberRequest {
            account_id: account.into(),
            team_member: Some(proto::TeamMember {
                user_id: member.into(),
                role: proto::TeamRole::Participant.into(),
                access: access.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let answer = self.user(who).teams().put_team_member(request).await;
        answer.map_or_else(|status| reason(&status), |_| "OK".into())
    }

    /// The account's team, as a CRM admin sees it.
    pub(crate) async fn team(&self, account: &str) -> Vec<String> {
        let request = proto::ListTeamMembersRequest {
            account_id: account.into(),
        };
        let answer = self.server.admin().teams().list_team_members(request).await.unwrap();
        let members = answer.into_inner().team_members;
        members.into_iter().map(|member| member.user_id).collect()
    }

    /// More people: `adm` administers pools of [`named_pool`], `mem` is a member like `bob` and `cid`; `tim` and `kim`
    /// are neither.
    pub(crate) async fn more_people(&self) {
        let users: Vec<User> = ["adm", "mem", "tim", "kim"].map(user).into();
        let request = proto::BatchUpsertUsersRequest {
            users,
            ..Default::default()
        };
        self.server
            .admin()
            .directory()
            .batch_upsert_users(request)
            .await
            .unwrap();
    }

    /// Changes a pool with a field mask.
    pub(crate) async fn update_pool(&self, pool: Pool, paths: &[&str]) {
        let request = proto::UpdatePoolRequest {
            pool: Some(pool),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
            ..Default::default()
        };
        self.server.admin().pools().update_pool(request).await.unwrap();
    }

    /// Changes the tenant's settings with a field mask.
    pub(crate) async fn update_settings(&self, settings: proto::TenantSettings, paths: &[&str]) {
        let request = proto::UpdateTenantRequest {
            tenant: Some(proto::Tenant {
                settings: Some(settings),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| format!("settings.{path}")).collect(),
            }),
            ..Default::default()
        };
        self.server.admin().tenants().update_tenant(request).await.unwrap();
    }

    /// Takes a pool out of use.
    pub(crate) async fn disable(&self, pool: &str) {
        let request = proto::DisablePoolRequest {
            pool_id: pool.into(),
            ..Default::default()
        };
        self.server.admin().pools().disable_pool(request).await.unwrap();
    }
}

/// A pool that `adm` administers, with `bob`, `cid` and `mem` as members.
pub(crate) fn named_pool(name: &str) -> Pool {
    Pool {
        display_name: name.into(),
        administrators: vec!["adm".into()],
        members: Some(PoolMembers {
            users: ["bob", "cid", "mem"].map(Into::into).into(),
            ..PoolMembers::default()
        }),
        ..Pool::default()
    }
}
