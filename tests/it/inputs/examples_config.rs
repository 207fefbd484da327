//! Examples of the rpcs of configuration and of the directory.

use super::{
    examples::{Made, by_service},
    examples_retention,
    side::{Side, Thing},
};
use crate::build::mask;
use tidepool::rpc::proto::{self, CustomField, CustomFieldType, Department, Group, ReturnReason, User};

fn tenant(side: &Side) -> proto::Tenant {
    let reason = |id: String| ReturnReason {
        display_name: id.clone(),
        id,
        enabled: true,
        note_required: true,
    };
    proto::Tenant {
        display_name: side.fresh("Tenant"),
        time_zone: "Asia/Shanghai".into(),
        settings: Some(proto::TenantSettings {
            daily_claim_limit: Some(9999),
            return_reasons: vec![reason(side.name("why")), reason(side.name("else"))],
            default_cutoff: "08:00".into(),
            reminder_time: "08:30".into(),
            work_calendar: Some(proto::WorkCalendar {
                weekdays: vec![proto::Weekday::Monday.into()],
                holidays: vec!["2026-10-05".into()],
                extra_work_days: vec!["2026-10-10".into()],
            }),
            max_extension_days: Some(5),
            max_locks_per_user: Some(5),
            required_sources: vec!["orders".into()],
            breaker_percent: Some(50),
            breaker_accounts: Some(500),
            // Others tell of activities in this tenant too.
            sources_must_register: false,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn user(side: &Side) -> User {
    User {
        display_name: "New".into(),
        active: true,
        primary_department: side.name("d"),
        other_departments: vec![side.name("sub")],
        supervisor: side.name("ann"),
        groups: vec![side.name("g")],
        roles: vec![side.name("role")],
        region: "north".into(),
        skills: vec!["golf".into()],
        ..crate::build::user(&side.fresh("user"))
    }
}

fn choice(side: &Side) -> CustomField {
    CustomField {
        name: side.fresh("f").replace('-', "_"),
        display_name: "Choice".into(),
        r#type: CustomFieldType::Choice.into(),
        choices: vec!["one".into()],
        ..Default::default()
    }
}

/// The example of the rpc.
pub(crate) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let etag = String::new;
    let request_id = String::new;
    let page = || (1, String::new());
    Some(match rpc {
        "GetTenant" => by_service(&[], proto::GetTenantRequest {}),
        "UpdateTenant" => by_service(
            &[
                "tenant",
                "tenant.display_name",
                "tenant.time_zone",
                "tenant.settings.work_calendar.weekdays",
                "update_mask",
                "tenant.settings.return_reasons[0].id",
                "tenant.settings.return_reasons[0].display_name",
                "tenant.settings.return_reasons[1].id",
                "tenant.settings.return_reasons[1].display_name",
            ],
            proto::UpdateTenantRequest {
                tenant: Some(tenant(side)),
                update_mask: mask(&["*"]),
                request_id: request_id(),
            },
        ),
        "ListConfigEvents" => {
            let (page_size, page_token) = page();
            let resource = side.id(Thing::Event);
            by_service(
                &["resource_type"],
                proto::ListConfigEventsRequest {
                    page_size,
                    page_token,
                    resource_type: "pool".into(),
                    resource,
                },
            )
        }
        "BatchUpsertDepartments" => {
            let department = Department {
                id: side.fresh("d"),
                display_name: "Department".into(),
                parent: side.name("d"),
                head: side.name("ann"),
                ..Default::default()
            };
            by_service(
                &["departments", "departments[0].id"],
                proto::BatchUpsertDepartmentsRequest {
                    departments: vec![department],
                    request_id: request_id(),
                },
            )
        }
        "BatchUpsertGroups" => {
            let group = Group {
                id: side.fresh("g"),
                display_name: "Group".into(),
                ..Default::default()
            };
            by_service(
                &["groups", "groups[0].id"],
                proto::BatchUpsertGroupsRequest {
                    groups: vec![group],
                    request_id: request_id(),
                },
            )
        }
        "BatchUpsertUsers" => by_service(
            &["users", "users[0].id"],
            proto::BatchUpsertUsersRequest {
                users: vec![user(side)],
                request_id: request_id(),
            },
        ),
        "DeactivateUser" => {
            let users = vec![user(side)];
            let user_id = users[0].id.clone();
            let request = proto::BatchUpsertUsersRequest {
                users,
                ..Default::default()
            };
            side.admin.directory().batch_upsert_users(request).await.unwrap();
            by_service(
                &["user_id"],
                proto::DeactivateUserRequest {
                    user_id,
                    etag: etag(),
                    request_id: request_id(),
                },
            )
        }
        "GetUser" => by_service(
            &["user_id"],
            proto::GetUserRequest {
                user_id: side.name("cid"),
            },
        ),
        "ListUsers" => {
            let (page_size, page_token) = page();
            let (department_id, supervisor_id) = (side.name("d"), side.name("ann"));
            by_service(
                &[],
                proto::ListUsersRequest {
                    page_size,
                    page_token,
                    department_id,
                    supervisor_id,
                },
            )
        }
        "GetDepartment" => by_service(
            &["department_id"],
            proto::GetDepartmentRequest {
                department_id: side.name("d"),
            },
        ),
        "ListDepartments" => {
            let (page_size, page_token) = page();
            by_service(&[], proto::ListDepartmentsRequest { page_size, page_token })
        }
        "GetGroup" => by_service(
            &["group_id"],
            proto::GetGroupRequest {
                group_id: side.name("g"),
            },
        ),
        "ListGroups" => {
            let (page_size, page_token) = page();
            by_service(&[], proto::ListGroupsRequest { page_size, page_token })
        }
        "CreatePool" => by_service(
            &[
                "pool",
                "pool.display_name",
                "pool.administrators",
                "pool.members.departments[0].department_id",
            ],
            proto::CreatePoolRequest {
                pool: Some(side.pool()),
                request_id: request_id(),
            },
        ),
        "GetPool" => by_service(
            &["pool_id"],
            proto::GetPoolRequest {
                pool_id: side.id(Thing::Pool),
            },
        ),
        "ListPools" => {
            let (page_size, page_token) = page();
            by_service(&[], proto::ListPoolsRequest { page_size, page_token })
        }
        "UpdatePool" => {
            let pool = proto::Pool {
                id: side.new_pool().await,
                ..side.pool()
            };
            by_service(
                &[
                    "pool",
                    "pool.id",
                    "pool.display_name",
                    "pool.administrators",
                    "update_mask",
                    "pool.members.departments[0].department_id",
                ],
                proto::UpdatePoolRequest {
                    pool: Some(pool),
                    update_mask: mask(&["*"]),
                    request_id: request_id(),
                },
            )
        }
        "EnablePool" => {
            let pool_id = side.new_pool().await;
            by_service(
                &["pool_id"],
                proto::EnablePoolRequest {
                    pool_id,
                    etag: etag(),
                    request_id: request_id(),
                },
            )
        }
        "DisablePool" => {
            let pool_id = side.new_pool().await;
            by_service(
                &["pool_id"],
                proto::DisablePoolRequest {
                    pool_id,
                    etag: etag(),
                    request_id: request_id(),
                },
            )
        }
        "DeletePool" => {
            let pool_id = side.new_pool().await;
            by_service(
                &["pool_id"],
                proto::DeletePoolRequest {
                    pool_id,
                    etag: etag(),
                    request_id: request_id(),
                },
            )
        }
        "GetPoolCounters" => by_service(
            &["pool_id"],
            proto::GetPoolCountersRequest {
                pool_id: side.id(Thing::Pool),
            },
        ),
        _ => return make_rules(side, rpc).await,
    })
}

async fn make_rules(side: &Side, rpc: &str) -> Option<Made> {
    let etag = String::new;
    let request_id = String::new;
    let page = || (1, String::new());
    Some(match rpc {
        "CreateRetentionLimit" => by_service(
            &[
                "retention_limit",
                "retention_limit.display_name",
                "retention_limit.subjects",
                "retention_limit.limit",
                "retention_limit.subjects.departments[0].department_id",
            ],
            proto::CreateRetentionLimitRequest {
                retention_limit: Some(side.limit()),
                request_id: request_id(),
            },
        ),
        "GetRetentionLimit" => by_service(
            &["retention_limit_id"],
            proto::GetRetentionLimitRequest {
                retention_limit_id: side.id(Thing::RetentionLimit),
            },
        ),
        "ListRetentionLimits" => {
            let (page_size, page_token) = page();
            by_service(&[], proto::ListRetentionLimitsRequest { page_size, page_token })
        }
        "UpdateRetentionLimit" => {
            let limit = proto::RetentionLimit {
                id: side.new_limit().await,
                ..side.limit()
            };
            let update_mask = mask(&["*"]);
            by_service(
                &[
                    "retention_limit",
                    "retention_limit.id",
                    "retention_limit.display_name",
                    "retention_limit.subjects",
                    "retention_limit.limit",
                    "update_mask",
                    "retention_limit.subjects.departments[0].department_id",
                ],
                proto::UpdateRetentionLimitRequest {
                    retention_limit: Some(limit),
                    update_mask,
                    request_id: request_id(),
                },
            )
        }
        "DeleteRetentionLimit" => {
            let retention_limit_id = side.new_limit().await;
            let request = proto::DeleteRetentionLimitRequest {
                retention_limit_id,
                etag: etag(),
                request_id: request_id(),
            };
            by_service(&["retention_limit_id"], request)
        }
        "ExplainRetentionLimit" => by_service(
            &["user_id"],
            proto::ExplainRetentionLimitRequest {
                user_id: side.name("bob"),
            },
        ),
        "CreateCustomField" => by_service(
            &[
                "custom_field",
                "custom_field.name",
                "custom_field.display_name",
                "custom_field.type",
                "custom_field.choices",
            ],
            proto::CreateCustomFieldRequest {
                custom_field: Some(choice(side)),
                request_id: request_id(),
            },
        ),
        "GetCustomField" => by_service(
            &["custom_field_id"],
            proto::GetCustomFieldRequest {
                custom_field_id: side.id(Thing::CustomField),
            },
        ),
        "ListCustomFields" => {
            let (page_size, page_token) = page();
            by_service(&[], proto::ListCustomFieldsRequest { page_size, page_token })
        }
        "UpdateCustomField" => {
            let request = proto::CreateCustomFieldRequest {
                custom_field: Some(choice(side)),
                ..Default::default()
            };
            let made = side
                .admin
                .custom_fields()
                .create_custom_field(request)
                .await
                .unwrap()
                .into_inner();
            let field = CustomField {
                display_name: "Other".into(),
                etag: String::new(),
                ..made.custom_field.unwrap()
            };
            let update_mask = mask(&["*"]);
            by_service(
                &[
                    "custom_field",
                    "custom_field.id",
                    "custom_field.name",
                    "custom_field.display_name",
                    "custom_field.type",
                    "custom_field.choices",
                    "update_mask",
                ],
                proto::UpdateCustomFieldRequest {
                    custom_field: Some(field),
                    update_mask,
                    request_id: request_id(),
                },
            )
        }
        "DeleteCustomField" => {
            let (id, name) = side.new_field(CustomFieldType::Text).await;
            let field = CustomField {
                id: id.clone(),
                name,
                enabled: Some(false),
                ..Default::default()
            };
            let update_mask = mask(&["enabled"]);
            let request = proto::UpdateCustomFieldRequest {
                custom_field: Some(field),
                update_mask,
                request_id: request_id(),
            };
            side.admin.custom_fields().update_custom_field(request).await.unwrap();
            by_service(
                &["custom_field_id"],
                proto::DeleteCustomFieldRequest {
                    custom_field_id: id,
                    etag: etag(),
                    request_id: request_id(),
                },
            )
        }
        _ => return examples_retention::make(side, rpc).await,
    })
}
