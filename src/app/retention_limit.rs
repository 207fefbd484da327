//! Retention limits: create, read, update, delete, and explain what limits a user.

use super::{
    App,
    call::Call,
    configured::{self, UpdateConfigured},
    flow::{Ask, Facts, Once, Reply},
    page::{self, List},
    tenant::check_etag,
};
use crate::{
    domain::{
        config_change::ConfigChange,
        configured::{ConfigTable, Configured},
        error::Error,
        ids::UserId,
        limits::{
            LimitRule, LimitRules, Tie,
            explanation::{Explanation, Question},
            rule::RULES_MAX,
        },
        principal::Principal,
        refusal::Reason,
    },
    store::holdings,
};
use std::{slice, sync::Arc};
use uuid::Uuid;

const TABLE: ConfigTable = ConfigTable::LimitRule;

/// A limit that was saved, and which others it ties with.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The limit.
    pub rule: Configured<LimitRule>,
    /// Its ties.
    pub ties: Vec<Tie>,
}

/// The limit, for a change of it by a CRM admin who saw the state `etag`. Who is no admin learns nothing.
fn find_to_change<'a>(facts: &Facts<'a>, id: Uuid, etag: Option<i64>) -> Result<&'a Arc<Configured<LimitRule>>, Error> {
    facts.principal.require_crm_admin()?;
    let rule = facts.org.limit_rules.get(id);
    let rule = rule.ok_or_else(|| Error::not_found("retention_limit", id))?;
    check_etag(etag, rule.version)?;
    Ok(rule)
}

fn check(facts: &Facts<'_>, config: &LimitRule) -> Result<(), Error> {
    let violations = config.validate(facts.org).within("retention_limit");
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.into())
    }
}

/// Answers with the ties that the limit has among all the others.
fn saved(facts: &Facts<'_>, (change, rule): (ConfigChange, Configured<LimitRule>)) -> (ConfigChange, Saved) {
    let mut rules = facts.org.limit_rules.all().to_vec();
    let new = Arc::new(rule.clone());
    match rules.iter_mut().find(|other| other.id == rule.id) {
        Some(old) => *old = new,
        None => rules.push(new),
    }
    let ties = LimitRules::compile(rules).ties(&facts.org.directory, rule.id);
    (change, Saved { rule, ties })
}

impl App {
    /// Creates a limit.
    pub async fn create_retention_limit(
        &self,
        call: &Call,
        once: &Once<'_, Saved>,
        config: &LimitRule,
    ) -> Result<Reply<Saved>, Error> {
        self.configure(call, "CreateRetentionLimit", once, Ask::Nothing, |facts| {
            facts.principal.require_crm_admin()?;
            check(facts, config)?;
            configured::check_number("retention limits", facts.org.limit_rules.all().len(), RULES_MAX)?;
            Ok(saved(facts, configured::create(facts, TABLE, config)))
        })
        .await
    }

    /// Reads a limit.
    pub async fn get_retention_limit(&self, call: &Call, id: Uuid) -> Result<Arc<Configured<LimitRule>>, Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let rule = org.limit_rules.get(id).cloned();
        rule.ok_or_else(|| Error::not_found("retention_limit", id))
    }

    /// The limits by id, and the token of the next page.
    pub async fn list_retention_limits(
        &self,
        call: &Call,
        size: usize,
        token: &str,
    ) -> Result<(Vec<Arc<Configured<LimitRule>>>, String), Error> {
        let org = self.organisation(call).await?;
        Self::principal(&org, call)?.require_crm_admin()?;
        let list = List::new(call, "ListRetentionLimits", &());
        let after: Option<Uuid> = self.pages.open(&list, token)?;
        let rest = org
            .limit_rules
            .all()
            .iter()
            .filter(|rule| after.is_none_or(|after| rule.id > after));
        let rows = rest.take(size + 1).cloned().collect();
        Ok(page::cut(&self.pages, &list, rows, size, |rule| rule.id))
    }

    /// Changes a limit.
    pub async fn update_retention_limit(
        &self,
        call: &Call,
        once: &Once<'_, Saved>,
        input: &UpdateConfigured<LimitRule>,
    ) -> Result<Reply<Saved>, Error> {
        self.configure(call, "UpdateRetentionLimit", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, input.id, input.etag)?;
            let config = input.merge(&old.config)?;
            check(facts, &config)?;
            Ok(saved(facts, configured::update(facts, TABLE, old, config)))
        })
        .await
    }

    /// Deletes a limit.
    pub async fn delete_retention_limit(
        &self,
        call: &Call,
        once: &Once<'_, ()>,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<Reply<()>, Error> {
        self.configure(call, "DeleteRetentionLimit", once, Ask::Nothing, |facts| {
            let old = find_to_change(facts, id, etag)?;
            Ok((configured::delete(TABLE, old), ()))
        })
        .await
    }

    /// Explains what limits a user: for himself, those above him, and CRM admins. Reads the snapshot's revisions and
    /// the counts, nothing else.
    pub async fn explain_retention_limit(&self, call: &Call, user: &UserId) -> Result<Explanation, Error> {
        let org = self.organisation(call).await?;
        let Principal { crm_admin, actor, .. } = Self::principal(&org, call)?;
        if !org.directory.users.contains_key(user) {
            return Err(Error::not_found("user", user));
        }
        let concerned = |actor: &UserId| actor == user || org.directory.supervises(actor, user);
        if !(crm_admin || actor.as_ref().is_some_and(concerned)) {
            let message = "only the user himself, his supervisors and CRM admins may know what limits him";
            return Err(Error::refused(Reason::NotAuthorized, message));
        }
        let question = Question::new(&org, user, self.clock.now());
        let wanted = (user.clone(), question.counts());
        let unit = self.db.unit("ExplainRetentionLimit", call.deadline);
        let facts = unit.retry(|| async {
            let reader = unit.reader().await?;
            Ok(holdings::read(&reader, org.key, slice::from_ref(&wanted)).await?)
        });
        let mut facts = facts.await.map_err(|abort| unit.error(abort))?;
        let counts = facts.remove(user).unwrap_or_default().counts;
        Ok(question.answer(counts))
    }
}
