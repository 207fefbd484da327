//! Who calls: one layer around all services, deny by default.
//!
//! In development the identity comes from metadata, which whoever can reach the port can make up; so this is for
//! loopback, or for an address that was opened with `--insecure-listen`.

use super::methods::{self, Needs};
use crate::{
    app::call::{Call, Scope},
    domain::{
        error::Error,
        ids::{CallerId, IdError, TenantName, UserId},
        refusal::{Reason, Refusal, Violations},
    },
    store::Deadline,
};
use http::{HeaderMap, Request, Response};
use std::task::{Context, Poll};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

/// Metadata key of the tenant's name.
pub const TENANT: &str = "x-tidepool-tenant";
/// Metadata key of the calling service's name.
pub const CALLER: &str = "x-tidepool-caller";
/// Metadata key of the caller's scopes, separated by commas or blanks.
pub const SCOPES: &str = "x-tidepool-scopes";
/// Metadata key of the user that the service acts for.
pub const ACTOR: &str = "x-tidepool-actor";

/// Reads the identity of every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdentityLayer;

impl<S> Layer<S> for IdentityLayer {
    type Service = Identity<S>;

    fn layer(&self, inner: S) -> Identity<S> {
        Identity { inner }
    }
}

/// See [`IdentityLayer`].
#[derive(Clone, Debug)]
pub struct Identity<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Identity<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = futures::future::Either<std::future::Ready<Result<Self::Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match admit(&request) {
            Ok(Some(call)) => {
                request.extensions_mut().insert(call);
                futures::future::Either::Right(self.inner.call(request))
            }
            Ok(None) => futures::future::Either::Right(self.inner.call(request)),
            Err(error) => futures::future::Either::Left(std::future::ready(Ok(Status::from(error).into_http()))),
        }
    }
}

fn admit(request: &Request<Body>) -> Result<Option<Call>, Error> {
    let path = request.uri().path();
    let Some(needs) = methods::needs(path) else {
        // Not ours: the router answers UNIMPLEMENTED. A method of ours without a row is denied.
        if !path.starts_with("/tidepool.") {
            return Ok(None);
        }
        return Err(Error::refused(
            Reason::NotAuthorized,
            "this method is not open to anybody",
        ));
    };
    if needs == Needs::Nothing {
        return Ok(None);
    }
    let deadline = request.extensions().get::<Deadline>().copied();
    let deadline = deadline.ok_or_else(Error::internal)?;
    let call = read(request.headers(), deadline).map_err(|violations| {
        let missing: Vec<_> = violations
            .into_vec()
            .into_iter()
            .map(|v| format!("{} {}", v.field, v.description))
            .collect();
        Error::refused(Reason::Unauthenticated, missing.join("; "))
    })?;
    match methods::missing(needs, &call) {
        None => Ok(Some(call)),
        Some(scopes) => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            let required = scopes.join(" or ");
            let message = format!("the caller {} needs the scope {required} for this", call.caller);
            Err(Refusal::new(Reason::ScopeMissing, message)
                .with("required", required)
                .into())
        }
    }
}

/// The one value of a key, if there is any. A key that is there counts, whatever is in it: an actor that cannot be read
/// must not turn into a call for nobody, which may do more.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| "must be printable ASCII without blanks"),
        (Some(_), Some(_)) => Err("must be there once"),
    }
}

/// The id under a key.
fn id<T>(v: &mut Violations, headers: &HeaderMap, name: &str, parse: impl Fn(&str) -> Result<T, IdError>) -> Option<T> {
    let text = v.check(name, single(headers, name))?;
    v.check(name, parse(text.unwrap_or_default()))
}

fn read(headers: &HeaderMap, deadline: Deadline) -> Result<Call, Violations> {
    let mut violations = Violations::default();
    let tenant = id(&mut violations, headers, TENANT, TenantName::parse);
    let caller = id(&mut violations, headers, CALLER, CallerId::parse);
    let actor = if headers.contains_key(ACTOR) {
        id(&mut violations, headers, ACTOR, UserId::parse)
    } else {
        None
    };
    let mut scopes = Vec::new();
    let names = violations.check(SCOPES, single(headers, SCOPES)).flatten();
    for name in names
        .unwrap_or_default()
        .split([',', ' '])
        .filter(|name| !name.is_empty())
    {
        if let Some(scope) = Scope::ALL.iter().find(|scope| scope.as_str() == name) {
            scopes.push(*scope);
        } else {
            let known = Scope::ALL.map(Scope::as_str).join(", ");
            violations.add(SCOPES, format!("names an unknown scope; known are {known}"));
        }
    }
    match (tenant, caller) {
        (Some(tenant), Some(caller)) if violations.is_empty() => Ok(Call {
            tenant,
            caller,
            scopes,
            actor,
            deadline,
        }),
        _ => Err(violations),
    }
}
