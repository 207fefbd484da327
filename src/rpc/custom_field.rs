//! `CustomFieldService`.

use super::{
    Api, all_wrong,
    convert::{self, decode, page_size},
    mutate, open,
    proto::{self, custom_field_service_server::CustomFieldService},
};
use crate::domain::{configured::Configured, custom_field::CustomField};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl CustomFieldService for Api {
    async fn create_custom_field(
        &self,
        request: Request<proto::CreateCustomFieldRequest>,
    ) -> Result<Response<proto::CreateCustomFieldResponse>, Status> {
        let (call, message) = open(request)?;
        let config = all_wrong(
            &message.request_id,
            convert::custom_field::create(message.custom_field.clone()),
        )?;
        let encode = |field: &Configured<CustomField>| proto::CreateCustomFieldResponse {
            custom_field: Some(convert::custom_field::encode(field)),
        };
        mutate!(call, "CreateCustomField", message, encode, |once| self
            .app
            .create_custom_field(&call, &once, &config))
    }

    async fn get_custom_field(
        &self,
        request: Request<proto::GetCustomFieldRequest>,
    ) -> Result<Response<proto::GetCustomFieldResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, _) = convert::custom_field::target(&message.custom_field_id, "")?;
        let field = self.app.get_custom_field(&call, id).await?;
        Ok(Response::new(proto::GetCustomFieldResponse {
            custom_field: Some(convert::custom_field::encode(&field)),
        }))
    }

    async fn list_custom_fields(
        &self,
        request: Request<proto::ListCustomFieldsRequest>,
    ) -> Result<Response<proto::ListCustomFieldsResponse>, Status> {
        let (call, message) = open(request)?;
        let size = decode(|v| page_size(v, message.page_size))?;
        let listed = self.app.list_custom_fields(&call, size, &message.page_token).await?;
        let (fields, next_page_token) = listed;
        let fields = fields.iter().map(|field| convert::custom_field::encode(field));
        Ok(Response::new(proto::ListCustomFieldsResponse {
            custom_fields: fields.collect(),
            next_page_token,
        }))
    }

    async fn update_custom_field(
        &self,
        request: Request<proto::UpdateCustomFieldRequest>,
    ) -> Result<Response<proto::UpdateCustomFieldResponse>, Status> {
        let (call, message) = open(request)?;
        let input = all_wrong(&message.request_id, convert::custom_field::update(message.clone()))?;
        let encode = |field: &Configured<CustomField>| proto::UpdateCustomFieldResponse {
            custom_field: Some(convert::custom_field::encode(field)),
        };
        mutate!(call, "UpdateCustomField", message, encode, |once| self
            .app
            .update_custom_field(&call, &once, &input))
    }

    async fn delete_custom_field(
        &self,
        request: Request<proto::DeleteCustomFieldRequest>,
    ) -> Result<Response<proto::DeleteCustomFieldResponse>, Status> {
        let (call, message) = open(request)?;
        let (id, etag) = all_wrong(
            &message.request_id,
            convert::custom_field::target(&message.custom_field_id, &message.etag),
        )?;
        let encode = |(): &()| proto::DeleteCustomFieldResponse {};
        mutate!(call, "DeleteCustomField", message, encode, |once| self
            .app
            .delete_custom_field(&call, &once, id, etag))
    }
}
