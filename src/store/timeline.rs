//! Which kinds of activities and of events a timeline is read of.

use crate::domain::timeline::Wanted;
use sea_orm::Value;

/// Narrows a statement to these kinds; to nothing narrower where there are none.
pub(super) fn only(sql: &mut String, values: &mut Vec<Value>, kinds: &[Wanted]) {
    for (at, wanted) in kinds.iter().enumerate() {
        sql.push_str(if at == 0 { " AND (" } else { " OR " });
        match wanted {
            Wanted::Kind(kind) => {
                sql.push_str("kind = ?");
                values.push(kind.as_str().into());
            }
            Wanted::Of(thing) => {
                // Kinds are ASCII, compared byte by byte, and after the dot comes the slash.
                sql.push_str("(kind > ? AND kind < ?)");
                let beyond = format!("{}/", thing.trim_end_matches('.'));
                values.extend([thing.as_str().into(), beyond.into()]);
            }
        }
    }
    if !kinds.is_empty() {
        sql.push(')');
    }
}
