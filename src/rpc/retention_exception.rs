//! `RetentionExceptionService`.

use super::{
    Api, all_wrong,
    convert::retention_exception as convert,
    mutate, open,
    proto::{self, retention_exception_service_server::RetentionExceptionService},
};
use crate::{
    app::{exception::Excepted, exception_absence::StoredAbsence, exception_pause::StoredPause},
    domain::exception::Wish,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RetentionExceptionService for Api {
    async fn undo_reclaim(
        &self,
        request: Request<proto::UndoReclaimRequest>,
    ) -> Result<Response<proto::UndoReclaimResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let input = all_wrong(
            &message.request_id,
            convert::read(target, |v| {
                Some(Wish::Undo {
                    note: convert::note(v, &message.note),
                })
            }),
        )?;
        let encode = |excepted: &Excepted| {
            let (exceptions, admission) = convert::encode(excepted);
            proto::UndoReclaimResponse { exceptions, admission }
        };
        mutate!(call, "UndoReclaim", message, encode, |once| self.app.except(
            &call,
            "UndoReclaim",
            &once,
            &input
        ))
    }

    async fn extend_retention(
        &self,
        request: Request<proto::ExtendRetentionRequest>,
    ) -> Result<Response<proto::ExtendRetentionResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let input = all_wrong(
            &message.request_id,
            convert::read(target, |v| convert::extend(v, message.days, &message.reason)),
        )?;
        let encode = |excepted: &Excepted| {
            let (exceptions, admission) = convert::encode(excepted);
            proto::ExtendRetentionResponse { exceptions, admission }
        };
        mutate!(call, "ExtendRetention", message, encode, |once| self.app.except(
            &call,
            "ExtendRetention",
            &once,
            &input
        ))
    }

    async fn lock_account(
        &self,
        request: Request<proto::LockAccountRequest>,
    ) -> Result<Response<proto::LockAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let input = all_wrong(
            &message.request_id,
            convert::read(target, |v| convert::lock(v, message.expire_time, &message.note)),
        )?;
        let encode = |excepted: &Excepted| {
            let (exceptions, admission) = convert::encode(excepted);
            proto::LockAccountResponse { exceptions, admission }
        };
        mutate!(call, "LockAccount", message, encode, |once| self.app.except(
            &call,
            "LockAccount",
            &once,
            &input
        ))
    }

    async fn unlock_account(
        &self,
        request: Request<proto::UnlockAccountRequest>,
    ) -> Result<Response<proto::UnlockAccountResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let input = all_wrong(
            &message.request_id,
            convert::read(target, |v| {
                Some(Wish::Unlock {
                    note: convert::note(v, &message.note),
                })
            }),
        )?;
        let encode = |excepted: &Excepted| {
            let (exceptions, admission) = convert::encode(excepted);
            proto::UnlockAccountResponse { exceptions, admission }
        };
        mutate!(call, "UnlockAccount", message, encode, |once| self.app.except(
            &call,
            "UnlockAccount",
            &once,
            &input
        ))
    }

    async fn set_embargo(
        &self,
        request: Request<proto::SetEmbargoRequest>,
    ) -> Result<Response<proto::SetEmbargoResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let input = all_wrong(
            &message.request_id,
            convert::read(target, |v| convert::embargo(v, message.until, &message.reason)),
        )?;
        let encode = |excepted: &Excepted| {
            let (exceptions, admission) = convert::encode(excepted);
            proto::SetEmbargoResponse { exceptions, admission }
        };
        mutate!(call, "SetEmbargo", message, encode, |once| self.app.except(
            &call,
            "SetEmbargo",
            &once,
            &input
        ))
    }

    async fn clear_embargo(
        &self,
        request: Request<proto::ClearEmbargoRequest>,
    ) -> Result<Response<proto::ClearEmbargoResponse>, Status> {
        let (call, message) = open(request)?;
        let target = (&*message.account_id, &*message.etag, message.validate_only);
        let input = all_wrong(
            &message.request_id,
            convert::read(target, |v| {
                Some(Wish::ClearEmbargo {
                    note: convert::note(v, &message.note),
                })
            }),
        )?;
        let encode = |excepted: &Excepted| {
            let (exceptions, admission) = convert::encode(excepted);
            proto::ClearEmbargoResponse { exceptions, admission }
        };
        mutate!(call, "ClearEmbargo", message, encode, |once| self.app.except(
            &call,
            "ClearEmbargo",
            &once,
            &input
        ))
    }

    async fn list_disputed_reclaims(
        &self,
        request: Request<proto::ListDisputedReclaimsRequest>,
    ) -> Result<Response<proto::ListDisputedReclaimsResponse>, Status> {
        let (call, message) = open(request)?;
        let (narrowed, size) = convert::list_disputed(&message)?;
        let list = self
            .app
            .list_disputed_reclaims(&call, narrowed, size, &message.page_token);
        let (rows, next_page_token) = list.await?;
        let disputed_reclaims = rows.iter().map(convert::encode_disputed).collect();
        Ok(Response::new(proto::ListDisputedReclaimsResponse {
            disputed_reclaims,
            next_page_token,
        }))
    }

    async fn create_user_absence(
        &self,
        request: Request<proto::CreateUserAbsenceRequest>,
    ) -> Result<Response<proto::CreateUserAbsenceResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(
            &message.request_id,
            convert::create_absence(message.user_absence.clone()),
        )?;
        let encode = |made: &StoredAbsence| proto::CreateUserAbsenceResponse {
            user_absence: Some(convert::encode_absence(made)),
        };
        mutate!(call, "CreateUserAbsence", message, encode, |once| self
            .app
            .create_user_absence(&call, &once, &input))
    }

    async fn list_user_absences(
        &self,
        request: Request<proto::ListUserAbsencesRequest>,
    ) -> Result<Response<proto::ListUserAbsencesResponse>, Status> {
        let (call, message) = open(request)?;
        let (narrowed, size) = convert::list_absences(&message)?;
        let list = self
            .app
            .list_user_absences(&call, narrowed.as_ref(), size, &message.page_token);
        let (rows, next_page_token) = list.await?;
        let user_absences = rows.iter().map(|row| convert::encode_absence(row)).collect();
        Ok(Response::new(proto::ListUserAbsencesResponse {
            user_absences,
            next_page_token,
        }))
    }

    async fn end_user_absence(
        &self,
        request: Request<proto::EndUserAbsenceRequest>,
    ) -> Result<Response<proto::EndUserAbsenceResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target("user_absence_id", &message.user_absence_id, &message.etag),
        )?;
        let encode = |leave: &StoredAbsence| proto::EndUserAbsenceResponse {
            user_absence: Some(convert::encode_absence(leave)),
        };
        mutate!(call, "EndUserAbsence", message, encode, |once| self
            .app
            .end_user_absence(&call, &once, id, etag))
    }

    async fn delete_user_absence(
        &self,
        request: Request<proto::DeleteUserAbsenceRequest>,
    ) -> Result<Response<proto::DeleteUserAbsenceResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target("user_absence_id", &message.user_absence_id, &message.etag),
        )?;
        let encode = |(): &()| proto::DeleteUserAbsenceResponse {};
        mutate!(call, "DeleteUserAbsence", message, encode, |once| self
            .app
            .delete_user_absence(&call, &once, id, etag))
    }

    async fn create_retention_pause(
        &self,
        request: Request<proto::CreateRetentionPauseRequest>,
    ) -> Result<Response<proto::CreateRetentionPauseResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(
            &message.request_id,
            convert::create_pause(message.retention_pause.clone()),
        )?;
        let encode = |made: &StoredPause| proto::CreateRetentionPauseResponse {
            retention_pause: Some(convert::encode_pause(made)),
        };
        mutate!(call, "CreateRetentionPause", message, encode, |once| self
            .app
            .create_retention_pause(&call, &once, &input))
    }

    async fn list_retention_pauses(
        &self,
        request: Request<proto::ListRetentionPausesRequest>,
    ) -> Result<Response<proto::ListRetentionPausesResponse>, Status> {
        let (call, message) = open(request)?;
        let (narrowed, size) = convert::list_pauses(&message)?;
        let list = self
            .app
            .list_retention_pauses(&call, narrowed, size, &message.page_token);
        let (rows, next_page_token) = list.await?;
        let retention_pauses = rows.iter().map(|row| convert::encode_pause(row)).collect();
        Ok(Response::new(proto::ListRetentionPausesResponse {
            retention_pauses,
            next_page_token,
        }))
    }

    async fn end_retention_pause(
        &self,
        request: Request<proto::EndRetentionPauseRequest>,
    ) -> Result<Response<proto::EndRetentionPauseResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::target("retention_pause_id", &message.retention_pause_id, &message.etag),
        )?;
        let encode = |pause: &StoredPause| proto::EndRetentionPauseResponse {
            retention_pause: Some(convert::encode_pause(pause)),
        };
        mutate!(call, "EndRetentionPause", message, encode, |once| self
            .app
            .end_retention_pause(&call, &once, id, etag))
    }
}
