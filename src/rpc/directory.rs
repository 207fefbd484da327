//! `DirectoryService`.

use super::{
    Api, all_wrong,
    convert::{self, decode, etag_opt, id, page_size},
    mutate, open,
    proto::{self, directory_service_server::DirectoryService},
};
use crate::domain::ids::{DepartmentId, GroupId, UserId};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl DirectoryService for Api {
    async fn batch_upsert_departments(
        &self,
        request: Request<proto::BatchUpsertDepartmentsRequest>,
    ) -> Result<Response<proto::BatchUpsertDepartmentsResponse>, Status> {
        let (call, message) = open(request)?;
        let pushed = all_wrong(
            &message.request_id,
            convert::directory::departments(message.departments.clone()),
        )?;
        let encode = |counts: &_| proto::BatchUpsertDepartmentsResponse {
            counts: Some(convert::directory::encode_counts(counts)),
        };
        mutate!(call, "BatchUpsertDepartments", message, encode, |once| {
            self.app.upsert_departments(&call, &once, &pushed)
        })
    }

    async fn batch_upsert_groups(
        &self,
        request: Request<proto::BatchUpsertGroupsRequest>,
    ) -> Result<Response<proto::BatchUpsertGroupsResponse>, Status> {
        let (call, message) = open(request)?;
        let pushed = all_wrong(&message.request_id, convert::directory::groups(message.groups.clone()))?;
        let encode = |counts: &_| proto::BatchUpsertGroupsResponse {
            counts: Some(convert::directory::encode_counts(counts)),
        };
        mutate!(call, "BatchUpsertGroups", message, encode, |once| self
            .app
            .upsert_groups(&call, &once, &pushed))
    }

    async fn batch_upsert_users(
        &self,
        request: Request<proto::BatchUpsertUsersRequest>,
    ) -> Result<Response<proto::BatchUpsertUsersResponse>, Status> {
        let (call, message) = open(request)?;
        let pushed = all_wrong(&message.request_id, convert::directory::users(message.users.clone()))?;
        let encode = |counts: &_| proto::BatchUpsertUsersResponse {
            counts: Some(convert::directory::encode_counts(counts)),
        };
        mutate!(call, "BatchUpsertUsers", message, encode, |once| self
            .app
            .upsert_users(&call, &once, &pushed))
    }

    async fn deactivate_user(
        &self,
        request: Request<proto::DeactivateUserRequest>,
    ) -> Result<Response<proto::DeactivateUserResponse>, Status> {
        let (call, message) = open(request)?;
        let (user, etag) = all_wrong(
            &message.request_id,
            decode(|v| {
                let user = id(v, "user_id", &message.user_id, UserId::parse);
                let etag = etag_opt(v, "etag", &message.etag);
                Some((user?, etag?))
            }),
        )?;
        let encode = |user: &_| proto::DeactivateUserResponse {
            user: Some(convert::directory::encode_user(user)),
        };
        mutate!(call, "DeactivateUser", message, encode, |once| self
            .app
            .deactivate_user(&call, &once, &user, etag))
    }

    async fn get_user(
        &self,
        request: Request<proto::GetUserRequest>,
    ) -> Result<Response<proto::GetUserResponse>, Status> {
        let (call, message) = open(request)?;
        let user = decode(|v| id(v, "user_id", &message.user_id, UserId::parse))?;
        let user = self.app.get_user(&call, &user).await?;
        Ok(Response::new(proto::GetUserResponse {
            user: Some(convert::directory::encode_user(&user)),
        }))
    }

    async fn list_users(
        &self,
        request: Request<proto::ListUsersRequest>,
    ) -> Result<Response<proto::ListUsersResponse>, Status> {
        let (call, message) = open(request)?;
        let input = convert::directory::list_users(message)?;
        let (users, next_page_token) = self.app.list_users(&call, &input).await?;
        let users = users.iter().map(|user| convert::directory::encode_user(user)).collect();
        Ok(Response::new(proto::ListUsersResponse { users, next_page_token }))
    }

    async fn get_department(
        &self,
        request: Request<proto::GetDepartmentRequest>,
    ) -> Result<Response<proto::GetDepartmentResponse>, Status> {
        let (call, message) = open(request)?;
        let department = decode(|v| id(v, "department_id", &message.department_id, DepartmentId::parse))?;
        let department = self.app.get_department(&call, &department).await?;
        let department = Some(convert::directory::encode_department(&department));
        Ok(Response::new(proto::GetDepartmentResponse { department }))
    }

    async fn list_departments(
        &self,
        request: Request<proto::ListDepartmentsRequest>,
    ) -> Result<Response<proto::ListDepartmentsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let (departments, next_page_token) = self.app.list_departments(&call, size, &message.page_token).await?;
        let departments = departments
            .iter()
            .map(|department| convert::directory::encode_department(department))
            .collect();
        Ok(Response::new(proto::ListDepartmentsResponse {
            departments,
            next_page_token,
        }))
    }

    async fn get_group(
        &self,
        request: Request<proto::GetGroupRequest>,
    ) -> Result<Response<proto::GetGroupResponse>, Status> {
        let (call, message) = open(request)?;
        let group = decode(|v| id(v, "group_id", &message.group_id, GroupId::parse))?;
        let group = self.app.get_group(&call, &group).await?;
        Ok(Response::new(proto::GetGroupResponse {
            group: Some(convert::directory::encode_group(&group)),
        }))
    }

    async fn list_groups(
        &self,
        request: Request<proto::ListGroupsRequest>,
    ) -> Result<Response<proto::ListGroupsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let (groups, next_page_token) = self.app.list_groups(&call, size, &message.page_token).await?;
        let groups = groups
            .iter()
            .map(|group| convert::directory::encode_group(group))
            .collect();
        Ok(Response::new(proto::ListGroupsResponse {
            groups,
            next_page_token,
        }))
    }
}
