//! `RetentionRuleService`.

use super::{
    Api, all_wrong,
    convert::{decode, page_size, retention_department, retention_rule as convert},
    mutate, open,
    proto::{self, retention_rule_service_server::RetentionRuleService},
};
use crate::{app::retention_department::Departments, domain::retention::matching::StoredRule};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RetentionRuleService for Api {
    async fn create_reclaim_rule(
        &self,
        request: Request<proto::CreateReclaimRuleRequest>,
    ) -> Result<Response<proto::CreateReclaimRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::create(message.clone()))?;
        let encode = |rule: &StoredRule| proto::CreateReclaimRuleResponse {
            reclaim_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "CreateReclaimRule", message, encode, |once| self
            .app
            .create_reclaim_rule(&call, &once, &input))
    }

    async fn get_reclaim_rule(
        &self,
        request: Request<proto::GetReclaimRuleRequest>,
    ) -> Result<Response<proto::GetReclaimRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::target(&message.reclaim_rule_id, "")?;
        let rule = self.app.get_reclaim_rule(&call, id).await?;
        Ok(Response::new(proto::GetReclaimRuleResponse {
            reclaim_rule: Some(convert::encode(&rule)),
        }))
    }

    async fn list_reclaim_rules(
        &self,
        request: Request<proto::ListReclaimRulesRequest>,
    ) -> Result<Response<proto::ListReclaimRulesResponse>, Status> {
        let (call, message) = open(request)?;
        let (home, size) = decode(|v| {
            let home = convert::home(v, "", &message.pool_id, &message.department_id);
            let size = page_size(v, message.page_size);
            home.zip(size)
        })?;
        let list = self.app.list_reclaim_rules(&call, &home, size, &message.page_token);
        let (rules, next_page_token) = list.await?;
        let reclaim_rules = rules.iter().map(|rule| convert::encode(rule)).collect();
        Ok(Response::new(proto::ListReclaimRulesResponse {
            reclaim_rules,
            next_page_token,
        }))
    }

    async fn update_reclaim_rule(
        &self,
        request: Request<proto::UpdateReclaimRuleRequest>,
    ) -> Result<Response<proto::UpdateReclaimRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::update(message.clone()))?;
        let encode = |rule: &StoredRule| proto::UpdateReclaimRuleResponse {
            reclaim_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "UpdateReclaimRule", message, encode, |once| self
            .app
            .update_reclaim_rule(&call, &once, &input))
    }

    async fn reorder_reclaim_rules(
        &self,
        request: Request<proto::ReorderReclaimRulesRequest>,
    ) -> Result<Response<proto::ReorderReclaimRulesResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::reorder(message.clone()))?;
        let encode = |rules: &Vec<StoredRule>| proto::ReorderReclaimRulesResponse {
            reclaim_rules: rules.iter().map(convert::encode).collect(),
        };
        mutate!(call, "ReorderReclaimRules", message, encode, |once| self
            .app
            .reorder_reclaim_rules(&call, &once, &input))
    }

    async fn enable_reclaim_rule(
        &self,
        request: Request<proto::EnableReclaimRuleRequest>,
    ) -> Result<Response<proto::EnableReclaimRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.reclaim_rule_id, &message.etag),
        )?;
        let encode = |rule: &StoredRule| proto::EnableReclaimRuleResponse {
            reclaim_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "EnableReclaimRule", message, encode, |once| self
            .app
            .enable_reclaim_rule(&call, &once, id, etag, message.include_past_days))
    }

    async fn disable_reclaim_rule(
        &self,
        request: Request<proto::DisableReclaimRuleRequest>,
    ) -> Result<Response<proto::DisableReclaimRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.reclaim_rule_id, &message.etag),
        )?;
        let encode = |rule: &StoredRule| proto::DisableReclaimRuleResponse {
            reclaim_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "DisableReclaimRule", message, encode, |once| self
            .app
            .disable_reclaim_rule(&call, &once, id, etag))
    }

    async fn delete_reclaim_rule(
        &self,
        request: Request<proto::DeleteReclaimRuleRequest>,
    ) -> Result<Response<proto::DeleteReclaimRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.reclaim_rule_id, &message.etag),
        )?;
        let encode = |(): &()| proto::DeleteReclaimRuleResponse {};
        mutate!(call, "DeleteReclaimRule", message, encode, |once| self
            .app
            .delete_reclaim_rule(&call, &once, id, etag))
    }

    async fn choose_retention_department(
        &self,
        request: Request<proto::ChooseRetentionDepartmentRequest>,
    ) -> Result<Response<proto::ChooseRetentionDepartmentResponse>, Status> {
        let (call, message) = open(request)?;
        let (chosen, etag) = all_wrong(&message.request_id, retention_department::choose(&message))?;
        let encode = |departments: &Departments| proto::ChooseRetentionDepartmentResponse {
            departments: Some(retention_department::encode(departments)),
        };
        mutate!(call, "ChooseRetentionDepartment", message, encode, |once| self
            .app
            .choose_retention_department(&call, &once, &chosen, etag))
    }

    async fn unchoose_retention_department(
        &self,
        request: Request<proto::UnchooseRetentionDepartmentRequest>,
    ) -> Result<Response<proto::UnchooseRetentionDepartmentResponse>, Status> {
        let (call, message) = open(request)?;
        let (user, etag) = all_wrong(&message.request_id, retention_department::unchoose(&message))?;
        let encode = |departments: &Departments| proto::UnchooseRetentionDepartmentResponse {
            departments: Some(retention_department::encode(departments)),
        };
        mutate!(call, "UnchooseRetentionDepartment", message, encode, |once| self
            .app
            .unchoose_retention_department(&call, &once, &user, etag))
    }

    async fn list_ambiguous_employees(
        &self,
        request: Request<proto::ListAmbiguousEmployeesRequest>,
    ) -> Result<Response<proto::ListAmbiguousEmployeesResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let list = self
            .app
            .list_ambiguous_employees(&call, message.include_chosen, size, &message.page_token);
        let (employees, next_page_token) = list.await?;
        let employees = employees.iter().map(retention_department::encode).collect();
        Ok(Response::new(proto::ListAmbiguousEmployeesResponse {
            employees,
            next_page_token,
        }))
    }
}
