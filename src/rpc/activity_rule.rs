//! `ActivityRuleService`.

use super::{
    Api, all_wrong,
    convert::{activity_rule as rules, decode, job::encode_started, page_size},
    mutate, open,
    proto::{self, activity_rule_service_server::ActivityRuleService},
};
use crate::{
    app::job::{Started, Wish},
    domain::{
        activity::rules::{KindNow, RuleConfig},
        configured::Configured,
        job::Work,
    },
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ActivityRuleService for Api {
    async fn get_activity_rules(
        &self,
        request: Request<proto::GetActivityRulesRequest>,
    ) -> Result<Response<proto::GetActivityRulesResponse>, Status> {
        let (call, _) = open(request)?;
        let found = self.app.get_activity_rules(&call).await?;
        Ok(Response::new(proto::GetActivityRulesResponse {
            activity_rules: Some(rules::encode(&found)),
        }))
    }

    async fn update_activity_rules(
        &self,
        request: Request<proto::UpdateActivityRulesRequest>,
    ) -> Result<Response<proto::UpdateActivityRulesResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, rules::update(message.clone()))?;
        let encode = |updated: &Configured<RuleConfig>| proto::UpdateActivityRulesResponse {
            activity_rules: Some(rules::encode(updated)),
        };
        mutate!(call, "UpdateActivityRules", message, encode, |once| self
            .app
            .update_activity_rules(&call, &once, &input))
    }

    async fn list_activity_kinds(
        &self,
        request: Request<proto::ListActivityKindsRequest>,
    ) -> Result<Response<proto::ListActivityKindsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let listed = self.app.list_activity_kinds(&call, size, &message.page_token).await?;
        let (kinds, next_page_token) = listed;
        Ok(Response::new(proto::ListActivityKindsResponse {
            activity_kinds: kinds.iter().map(rules::encode_kind).collect(),
            next_page_token,
        }))
    }

    async fn create_activity_kind(
        &self,
        request: Request<proto::CreateActivityKindRequest>,
    ) -> Result<Response<proto::CreateActivityKindResponse>, Status> {
        let (call, message) = open(request)?;
        let config = all_wrong(&message.request_id, rules::create_kind(message.activity_kind.clone()))?;
        let encode = |kind: &KindNow| proto::CreateActivityKindResponse {
            activity_kind: Some(rules::encode_kind(kind)),
        };
        mutate!(call, "CreateActivityKind", message, encode, |once| self
            .app
            .create_activity_kind(&call, &once, &config))
    }

    async fn update_activity_kind(
        &self,
        request: Request<proto::UpdateActivityKindRequest>,
    ) -> Result<Response<proto::UpdateActivityKindResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, rules::update_kind(message.clone()))?;
        let encode = |kind: &KindNow| proto::UpdateActivityKindResponse {
            activity_kind: Some(rules::encode_kind(kind)),
        };
        mutate!(call, "UpdateActivityKind", message, encode, |once| self
            .app
            .update_activity_kind(&call, &once, &input))
    }

    async fn delete_activity_kind(
        &self,
        request: Request<proto::DeleteActivityKindRequest>,
    ) -> Result<Response<proto::DeleteActivityKindResponse>, Status> {
        let (call, message) = open(request)?;
        let target = rules::target(&message.activity_kind_id, &message.etag);
        let (id, etag) = all_wrong(&message.request_id, target)?;
        let encode = |(): &()| proto::DeleteActivityKindResponse {};
        mutate!(call, "DeleteActivityKind", message, encode, |once| self
            .app
            .delete_activity_kind(&call, &once, id, etag))
    }

    async fn recompute_deal_status(
        &self,
        request: Request<proto::RecomputeDealStatusRequest>,
    ) -> Result<Response<proto::RecomputeDealStatusResponse>, Status> {
        let (call, message) = open(request)?;
        let wish = Wish {
            work: Work::RecomputeDeals,
            deactivate: false,
            validate_only: message.validate_only,
        };
        let encode = |started: &Started| {
            let (job, preview) = encode_started(started);
            proto::RecomputeDealStatusResponse { job, preview }
        };
        mutate!(call, "RecomputeDealStatus", message, encode, |once| self.app.start_job(
            &call,
            "RecomputeDealStatus",
            &once,
            &wish
        ))
    }
}
