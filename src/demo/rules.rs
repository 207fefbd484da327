//! Rules at work: a grade moves a deadline, an account says why it goes back when it does, and a change of a rule is looked
//! at before it is made.

use super::{
    Act, say,
    stage::{ADMIN, SOUTH, Stage, list},
};
use chrono::DateTime;
use prost_types::{FieldMask, Timestamp};
use tidepool::{
    client::Refused,
    rpc::proto::{
        Account, AccountFilter, AccountScope, ExplainRetentionRequest, ListReclaimRulesRequest,
        PreviewReclaimRuleChangeRequest, ReclaimRule, ReclaimRuleEffect, ReclaimRuleStanding, RetentionExplanation,
        UpdateAccountRequest, UpdateReclaimRuleRequest, preview_reclaim_rule_change_request::Change,
    },
};

/// Days without a win after which North reclaims from now on.
const FEWER_DAYS: i32 = 29;

/// A rep grades an account that nobody looked after, and asks why it goes back when it does. Says which account.
pub(super) async fn grade(stage: &Stage) -> Act<String> {
    say::act("A rep grades an account, and asks why it goes back when it does");
    let rep = SOUTH[0];
    let client = stage.user(rep)?;
    let mine = list(&client, AccountScope::Mine, "", AccountFilter::default()).await?;
    let idle = mine.into_iter().find(|account| {
        let pool = account.ownership.as_ref().map(|ownership| ownership.pool_id.as_str());
        account.last_follow_up_time.is_none() && pool == Some(stage.pools.exhibition.as_str())
    });
    let account = idle.ok_or("nobody left an account alone")?;
    say::line(format!("{rep}: {} goes back on {}", account.name, deadline(&account)));
    let request = UpdateAccountRequest {
        account: Some(Account {
            id: account.id.clone(),
            grade: "A".into(),
            ..Account::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["grade".into()],
        }),
        ..UpdateAccountRequest::default()
    };
    let graded = client.accounts().update_account(request).await;
    let graded = graded.map_err(|status| Refused::from(&status))?.into_inner().account;
    say::line(format!(
        "   with the grade A on {}, because:",
        deadline(&graded.unwrap_or_default())
    ));
    for line in reasons(&explain(stage, rep, &account.id).await?) {
        say::line(format!("   {line}"));
    }
    Ok(account.id)
}

/// Why an account goes back when it does, as the rep may ask.
pub(super) async fn explain(stage: &Stage, rep: &str, account: &str) -> Act<RetentionExplanation> {
    let request = ExplainRetentionRequest {
        account_id: account.into(),
    };
    let answer = stage.user(rep)?.retention().explain_retention(request).await;
    let answer = answer.map_err(|status| Refused::from(&status))?.into_inner();
    Ok(answer.explanation.unwrap_or_default())
}

fn reasons(found: &RetentionExplanation) -> Vec<String> {
    let decides = found
        .rules
        .iter()
        .find(|rule| rule.standing() == ReclaimRuleStanding::Decides);
    let rule = decides.map_or("no rule", |rule| rule.display_name.as_str());
    let clock = found.follow_up_clock.unwrap_or_default();
    let mut lines = vec![
        format!("the rule {rule:?} gives {} days without a first contact,", clock.days),
        format!(
            "   counted from {} on, to the next {} in {}",
            minute(found.anchor_time),
            found.cutoff,
            found.time_zone
        ),
    ];
    for coming in &found.reminders {
        let who = coming.user_ids.join(" and ");
        lines.push(format!(
            "{} day(s) before, on {}: {who} will be reminded",
            coming.days_before,
            minute(coming.time)
        ));
    }
    lines
}

/// The admin looks at a change of North's rule, and makes it.
pub(super) async fn change(stage: &Stage) -> Act {
    say::act("A rule is changed: first a look at what that would do, then the change");
    let admin = stage.user(ADMIN)?;
    let request = ListReclaimRulesRequest {
        pool_id: stage.pools.north.clone(),
        ..ListReclaimRulesRequest::default()
    };
    let rules = admin.rules().list_reclaim_rules(request).await;
    let rules = rules
        .map_err(|status| Refused::from(&status))?
        .into_inner()
        .reclaim_rules;
    let rule = rules.into_iter().next().ok_or("North has no rule")?;
    let before = rule.close_days.unwrap_or_default();
    let request = UpdateReclaimRuleRequest {
        reclaim_rule: Some(ReclaimRule {
            close_days: Some(FEWER_DAYS),
            ..rule
        }),
        update_mask: Some(FieldMask {
            paths: vec!["close_days".into()],
        }),
        ..UpdateReclaimRuleRequest::default()
    };
    let asked = PreviewReclaimRuleChangeRequest {
        change: Some(Change::Update(request.clone())),
    };
    let answer = admin.retention().preview_reclaim_rule_change(asked).await;
    let preview = answer
        .map_err(|status| Refused::from(&status))?
        .into_inner()
        .preview
        .unwrap_or_default();
    say::line(format!(
        "{ADMIN}: what if North reclaimed after {FEWER_DAYS} days instead of {before}? Of {} accounts",
        preview.account_count
    ));
    let counts = |effect: Option<ReclaimRuleEffect>| {
        let effect = effect.unwrap_or_default();
        format!(
            "{} would go back earlier, {} later, {} within a day",
            effect.earlier_count, effect.later_count, effect.notice_count
        )
    };
    say::line(format!("   with past days {}", counts(preview.including_past_days)));
    say::line(format!("   without them {}", counts(preview.excluding_past_days)));
    let request = UpdateReclaimRuleRequest {
        include_past_days: Some(true),
        ..request
    };
    let changed = admin.rules().update_reclaim_rule(request).await;
    changed.map_err(|status| Refused::from(&status))?;
    super::time::sweep(stage).await?;
    say::line(format!(
        "{ADMIN} makes it, with past days, and the worker moves the deadlines"
    ));
    Ok(())
}

/// To the minute, in UTC.
fn minute(time: Option<Timestamp>) -> String {
    let at = time.and_then(|at| DateTime::from_timestamp(at.seconds, 0));
    at.map_or_else(|| "never".into(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}

fn deadline(account: &Account) -> String {
    minute(account.ownership.as_ref().and_then(|ownership| ownership.reclaim_time))
}
