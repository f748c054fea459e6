//! Channels to the services, with the token on every call.

use std::time::Duration;

use slipway_wire::{
    builder::v1::build_service_client::BuildServiceClient,
    catalog::v1::image_service_client::ImageServiceClient,
    event::v1::event_service_client::EventServiceClient,
    permission::v1::{grant_service_client::GrantServiceClient, group_service_client::GroupServiceClient, user_service_client::UserServiceClient},
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{arguments::Arguments, failure::Failure, profile::Profile};

const CONNECT: Duration = Duration::from_secs(5);

pub(crate) type Connection = InterceptedService<Channel, Token>;

#[derive(Clone)]
pub(crate) struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

pub(crate) struct Session {
    token: Token,
    permission: Channel,
    catalog: Channel,
    builder: Channel,
}

impl Session {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let profile = Profile::read()?;
        let address = |given: &Option<String>, profile: Option<String>, port: u16| {
            channel(&given.clone().or(profile).unwrap_or_else(|| format!("http://127.0.0.1:{port}")))
        };
        let token = arguments.token.clone().or(profile.token).map(|token| format!("Bearer {}", token.trim()).parse()).transpose();
        let mut token: Option<MetadataValue<Ascii>> = token.map_err(|_| Failure::usage("the token has characters that no token has"))?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Ok(Self {
            token: Token(token),
            permission: address(&arguments.permission, profile.permission, 50_051)?,
            catalog: address(&arguments.catalog, profile.catalog, 50_052)?,
            builder: address(&arguments.builder, profile.builder, 50_053)?,
        })
    }

    pub(crate) fn images(&self) -> ImageServiceClient<Connection> {
        ImageServiceClient::with_interceptor(self.catalog.clone(), self.token.clone())
    }

    pub(crate) fn builds(&self) -> BuildServiceClient<Connection> {
        BuildServiceClient::with_interceptor(self.builder.clone(), self.token.clone())
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Connection> {
        GroupServiceClient::with_interceptor(self.permission.clone(), self.token.clone())
    }

    pub(crate) fn users(&self) -> UserServiceClient<Connection> {
        UserServiceClient::with_interceptor(self.permission.clone(), self.token.clone())
    }

    pub(crate) fn grants(&self) -> GrantServiceClient<Connection> {
        GrantServiceClient::with_interceptor(self.permission.clone(), self.token.clone())
    }

    /// Events of all three services.
    pub(crate) fn events(&self) -> [EventServiceClient<Connection>; 3] {
        [&self.permission, &self.catalog, &self.builder].map(|channel| EventServiceClient::with_interceptor(channel.clone(), self.token.clone()))
    }
}

fn channel(address: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|_| Failure::usage(format!("`{address}` is no address; give one such as http://127.0.0.1:50052")))?;
    Ok(endpoint.connect_timeout(CONNECT).connect_lazy())
}
