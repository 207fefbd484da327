//! The reps claim, all at once: some are faster, some come to their limits, some gave up what they want again.

use super::{
    Act, say,
    stage::{NORTH, Stage, list, reps},
};
use std::{collections::BTreeSet, sync::Arc};
use tidepool::{
    client::{Client, Refused},
    rpc::proto::{Account, AccountFilter, AccountScope, ClaimAccountRequest, ReturnAccountRequest},
};
use tokio::{sync::Barrier, task::JoinSet};

/// The cards that everybody wants.
const WANTED: usize = 8;
/// How many more each rep goes for.
const OWN: usize = 20;

/// What came of the claims of a rep.
struct Claims {
    rep: &'static str,
    claimed: Vec<Account>,
    refused: Vec<(String, Refused)>,
}

pub(super) async fn claim(stage: &mut Stage) -> Act {
    say::act("The reps claim, all at the same time");
    let mut shown = BTreeSet::new();
    let (exhibition, north) = (stage.pools.exhibition.clone(), stage.pools.north.clone());
    let all: Vec<_> = reps().collect();
    let first = round(stage, &all, &exhibition).await?;
    tell(stage, &first, &mut shown, "in Exhibition");
    let second = round(stage, &NORTH, &north).await?;
    tell(stage, &second, &mut shown, "in North");
    for claims in first.iter().take(2) {
        if let Some(account) = claims.claimed.last() {
            change_of_mind(stage, claims.rep, account, &mut shown).await?;
        }
    }
    Ok(())
}

/// All at once: everybody looks, and then everybody reaches out.
async fn round(stage: &Stage, who: &[&'static str], pool: &str) -> Act<Vec<Claims>> {
    let looked = Arc::new(Barrier::new(who.len()));
    let mut tasks = JoinSet::new();
    for (at, rep) in who.iter().copied().enumerate() {
        let (client, pool, looked) = (stage.user(rep)?, pool.to_owned(), looked.clone());
        tasks.spawn(async move {
            let found = list(&client, AccountScope::PoolUnclaimed, &pool, AccountFilter::default()).await;
            looked.wait().await;
            let found = found?;
            let own = found.iter().skip(WANTED + at * OWN).take(OWN);
            let goals: Vec<_> = found.iter().take(WANTED).chain(own).cloned().collect();
            reach(rep, &client, goals).await
        });
    }
    let mut all = Vec::new();
    while let Some(claims) = tasks.join_next().await {
        all.push(claims??);
    }
    all.sort_by_key(|claims| claims.rep);
    Ok(all)
}

async fn reach(rep: &'static str, client: &Client, goals: Vec<Account>) -> Result<Claims, Refused> {
    let mut circulation = client.circulation();
    let mut claims = Claims {
        rep,
        claimed: Vec::new(),
        refused: Vec::new(),
    };
    for account in goals {
        let request = ClaimAccountRequest {
            account_id: account.id.clone(),
            ..ClaimAccountRequest::default()
        };
        match circulation.claim_account(request).await {
            Ok(_) => claims.claimed.push(account),
            Err(status) => {
                let refused = Refused::from(&status);
                let go_on = match refused.reason.as_str() {
                    "ALREADY_CLAIMED" | "CONTENTION" => true,
                    "DAILY_CLAIM_LIMIT_REACHED" | "POOL_CLAIM_LIMIT_REACHED" | "HOLDING_LIMIT_REACHED" => false,
                    _ => return Err(refused),
                };
                claims.refused.push((account.name, refused));
                if !go_on {
                    break;
                }
            }
        }
    }
    Ok(claims)
}

/// Counts, and shows the first refusal for each reason.
fn tell(stage: &mut Stage, all: &[Claims], shown: &mut BTreeSet<String>, place: &str) {
    let (mut claimed, mut refused) = (0, 0);
    for claims in all {
        claimed += claims.claimed.len();
        refused += claims.refused.len();
        if let Some(deeds) = stage.deeds.get_mut(claims.rep) {
            deeds.claimed += claims.claimed.len();
        }
        for (name, why) in &claims.refused {
            stage.note(Some(claims.rep), why);
            if shown.insert(why.reason.clone()) {
                say::refused(claims.rep, &format!("claims {name}"), why);
            }
        }
    }
    say::line(format!("{place}: {claimed} claimed, {refused} refused"));
}

/// Who returns an account does not get it back at once.
async fn change_of_mind(stage: &mut Stage, rep: &'static str, account: &Account, shown: &mut BTreeSet<String>) -> Act {
    let mut circulation = stage.user(rep)?.circulation();
    let request = ReturnAccountRequest {
        account_id: account.id.clone(),
        note: "wrong contact".into(),
        ..ReturnAccountRequest::default()
    };
    circulation
        .return_account(request)
        .await
        .map_err(|status| Refused::from(&status))?;
    let request = ClaimAccountRequest {
        account_id: account.id.clone(),
        ..ClaimAccountRequest::default()
    };
    if let Err(status) = circulation.claim_account(request).await {
        let refused = Refused::from(&status);
        stage.note(Some(rep), &refused);
        if shown.insert(refused.reason.clone()) {
            say::refused(rep, &format!("returns {} and wants it back", account.name), &refused);
        }
    }
    Ok(())
}
