//! The departments whose rules could be for the accounts of an employee.

use super::{decode, etag, etag_opt, id};
use crate::{
    app::retention_department::Departments,
    domain::{
        error::Error,
        ids::{DepartmentId, UserId},
        retention::config::ChosenDepartment,
    },
    rpc::proto,
};

/// The departments of an employee as a message.
#[must_use]
pub fn encode(departments: &Departments) -> proto::RetentionDepartments {
    let choice = &departments.choice;
    let candidates = choice.candidates.iter().map(|(id, above)| proto::RetentionDepartment {
        department_id: id.to_string(),
        above: *above,
    });
    let (chosen_department_id, etag) = match &departments.chosen {
        Some((id, version)) => (id.to_string(), etag(*version)),
        None => (String::new(), String::new()),
    };
    proto::RetentionDepartments {
        user_id: departments.user.to_string(),
        candidates: candidates.collect(),
        department_id: choice.chosen.as_ref().map(|(id, _)| id.to_string()).unwrap_or_default(),
        chosen_department_id,
        etag,
    }
}

/// Reads a choice, and the state that the caller saw.
pub fn choose(message: &proto::ChooseRetentionDepartmentRequest) -> Result<(ChosenDepartment, Option<i64>), Error> {
    decode(|v| {
        let user_id = id(v, "user_id", &message.user_id, UserId::parse);
        let department_id = id(v, "department_id", &message.department_id, DepartmentId::parse);
        let etag = etag_opt(v, "etag", &message.etag);
        let chosen = ChosenDepartment {
            user_id: user_id?,
            department_id: department_id?,
        };
        Some((chosen, etag?))
    })
}

/// Reads whose choice is taken back, and the state that the caller saw.
pub fn unchoose(message: &proto::UnchooseRetentionDepartmentRequest) -> Result<(UserId, Option<i64>), Error> {
    decode(|v| {
        let user_id = id(v, "user_id", &message.user_id, UserId::parse);
        let etag = etag_opt(v, "etag", &message.etag);
        Some((user_id?, etag?))
    })
}
