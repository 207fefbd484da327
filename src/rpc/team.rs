//! `TeamService`.

use super::{
    Api, all_wrong,
    convert::{account_change, decode, etag, id, team},
    mutate, open,
    proto::{self, team_service_server::TeamService},
};
use crate::domain::{account::Account, ids::AccountId};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TeamService for Api {
    async fn list_team_members(
        &self,
        request: Request<proto::ListTeamMembersRequest>,
    ) -> Result<Response<proto::ListTeamMembersResponse>, Status> {
        let (call, message) = open(request)?;
        let account = decode(|v| id(v, "account_id", &message.account_id, AccountId::parse))?;
        let (account, members) = self.app.list_team(&call, account).await?;
        Ok(Response::new(team::encode(&account, &members)))
    }

    async fn put_team_member(
        &self,
        request: Request<proto::PutTeamMemberRequest>,
    ) -> Result<Response<proto::PutTeamMemberResponse>, Status> {
        let (call, message) = open(request)?;
        let put = |v: &mut _| team::put(v, message.team_member.as_ref());
        let input = all_wrong(
            &message.request_id,
            account_change::read(&message.account_id, &message.etag, put),
        )?;
        let encode = |account: &Account| proto::PutTeamMemberResponse {
            etag: etag(account.version),
        };
        mutate!(call, "PutTeamMember", message, encode, |once| self.app.change_account(
            &call,
            "PutTeamMember",
            &once,
            &input
        ))
    }

    async fn remove_team_member(
        &self,
        request: Request<proto::RemoveTeamMemberRequest>,
    ) -> Result<Response<proto::RemoveTeamMemberResponse>, Status> {
        let (call, message) = open(request)?;
        let remove = |v: &mut _| team::remove(v, &message.user_id);
        let input = all_wrong(
            &message.request_id,
            account_change::read(&message.account_id, &message.etag, remove),
        )?;
        let encode = |account: &Account| proto::RemoveTeamMemberResponse {
            etag: etag(account.version),
        };
        mutate!(call, "RemoveTeamMember", message, encode, |once| self
            .app
            .change_account(&call, "RemoveTeamMember", &once, &input))
    }
}
