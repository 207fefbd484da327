//! `ReminderRuleService`.

use super::{
    Api, all_wrong,
    convert::{decode, page_size, reminder_rule as convert, retention_rule::home},
    mutate, open,
    proto::{self, reminder_rule_service_server::ReminderRuleService},
};
use crate::domain::retention::matching::StoredReminder;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ReminderRuleService for Api {
    async fn create_reminder_rule(
        &self,
        request: Request<proto::CreateReminderRuleRequest>,
    ) -> Result<Response<proto::CreateReminderRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let config = all_wrong(&message.request_id, convert::create(message.reminder_rule.clone()))?;
        let encode = |rule: &StoredReminder| proto::CreateReminderRuleResponse {
            reminder_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "CreateReminderRule", message, encode, |once| self
            .app
            .create_reminder_rule(&call, &once, &config))
    }

    async fn get_reminder_rule(
        &self,
        request: Request<proto::GetReminderRuleRequest>,
    ) -> Result<Response<proto::GetReminderRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::target(&message.reminder_rule_id, "")?;
        let rule = self.app.get_reminder_rule(&call, id).await?;
        Ok(Response::new(proto::GetReminderRuleResponse {
            reminder_rule: Some(convert::encode(&rule)),
        }))
    }

    async fn list_reminder_rules(
        &self,
        request: Request<proto::ListReminderRulesRequest>,
    ) -> Result<Response<proto::ListReminderRulesResponse>, Status> {
        let (call, message) = open(request)?;
        let (home, size) = decode(|v| {
            let home = home(v, "", &message.pool_id, &message.department_id);
            let size = page_size(v, message.page_size);
            home.zip(size)
        })?;
        let list = self.app.list_reminder_rules(&call, &home, size, &message.page_token);
        let (rules, next_page_token) = list.await?;
        let reminder_rules = rules.iter().map(|rule| convert::encode(rule)).collect();
        Ok(Response::new(proto::ListReminderRulesResponse {
            reminder_rules,
            next_page_token,
        }))
    }

    async fn update_reminder_rule(
        &self,
        request: Request<proto::UpdateReminderRuleRequest>,
    ) -> Result<Response<proto::UpdateReminderRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::update(message.clone()))?;
        let encode = |rule: &StoredReminder| proto::UpdateReminderRuleResponse {
            reminder_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "UpdateReminderRule", message, encode, |once| self
            .app
            .update_reminder_rule(&call, &once, &input))
    }

    async fn enable_reminder_rule(
        &self,
        request: Request<proto::EnableReminderRuleRequest>,
    ) -> Result<Response<proto::EnableReminderRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.reminder_rule_id, &message.etag),
        )?;
        let encode = |rule: &StoredReminder| proto::EnableReminderRuleResponse {
            reminder_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "EnableReminderRule", message, encode, |once| self
            .app
            .switch_reminder_rule(&call, &once, id, etag, true))
    }

    async fn disable_reminder_rule(
        &self,
        request: Request<proto::DisableReminderRuleRequest>,
    ) -> Result<Response<proto::DisableReminderRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.reminder_rule_id, &message.etag),
        )?;
        let encode = |rule: &StoredReminder| proto::DisableReminderRuleResponse {
            reminder_rule: Some(convert::encode(rule)),
        };
        mutate!(call, "DisableReminderRule", message, encode, |once| self
            .app
            .switch_reminder_rule(&call, &once, id, etag, false))
    }

    async fn delete_reminder_rule(
        &self,
        request: Request<proto::DeleteReminderRuleRequest>,
    ) -> Result<Response<proto::DeleteReminderRuleResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target(&message.reminder_rule_id, &message.etag),
        )?;
        let encode = |(): &()| proto::DeleteReminderRuleResponse {};
        mutate!(call, "DeleteReminderRule", message, encode, |once| self
            .app
            .delete_reminder_rule(&call, &once, id, etag))
    }
}
