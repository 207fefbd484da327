//! Related teams.

use super::{etag, id, required, timestamp};
use crate::{
    app::account_change::Wish,
    domain::{
        account::{Account, TeamAccess, TeamRole},
        ids::UserId,
        refusal::Violations,
        team::{TeamMember, TeamWish},
    },
    rpc::proto,
};

/// A team as a message.
#[must_use]
pub fn encode(account: &Account, members: &[TeamMember]) -> proto::ListTeamMembersResponse {
    proto::ListTeamMembersResponse {
        owner: account.owner.as_ref().map(ToString::to_string).unwrap_or_default(),
        team_members: members.iter().map(encode_member).collect(),
        etag: etag(account.version),
    }
}

fn encode_member(member: &TeamMember) -> proto::TeamMember {
    proto::TeamMember {
        user_id: member.user.to_string(),
        role: match member.role {
            TeamRole::JointFollowUp => proto::TeamRole::JointFollowUp,
            TeamRole::AfterSales => proto::TeamRole::AfterSales,
            TeamRole::Participant => proto::TeamRole::Participant,
        }
        .into(),
        access: match member.access {
            TeamAccess::Read => proto::TeamAccess::Read,
            TeamAccess::ReadWrite => proto::TeamAccess::ReadWrite,
        }
        .into(),
        update_time: timestamp(member.since),
    }
}

/// Reads who is to be a member.
pub fn put(v: &mut Violations, message: Option<&proto::TeamMember>) -> Option<Wish> {
    let message = required(v, "team_member", message)?;
    let user = id(v, "team_member.user_id", &message.user_id, UserId::parse);
    let role = match proto::TeamRole::try_from(message.role) {
        Ok(proto::TeamRole::JointFollowUp) => Ok(TeamRole::JointFollowUp),
        Ok(proto::TeamRole::AfterSales) => Ok(TeamRole::AfterSales),
        Ok(proto::TeamRole::Participant) => Ok(TeamRole::Participant),
        Ok(proto::TeamRole::Unspecified) => Err("must be set"),
        Err(_) => Err("is not a known value"),
    };
    let role = v.check("team_member.role", role);
    let access = super::choice(v, "team_member.access", message.access, |access| match access {
        proto::TeamAccess::Unspecified | proto::TeamAccess::Read => TeamAccess::Read,
        proto::TeamAccess::ReadWrite => TeamAccess::ReadWrite,
    });
    Some(Wish::Team(TeamWish::Put(user?, role?, access?)))
}

/// Reads who is to be a member no more.
pub fn remove(v: &mut Violations, user: &str) -> Option<Wish> {
    id(v, "user_id", user, UserId::parse).map(|user| Wish::Team(TeamWish::Remove(user)))
}
