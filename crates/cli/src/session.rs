//! Clients of the services, as flags, environment and profile say.

use http::HeaderValue;
use slipway_wire::{
    builder::v1::build_service_client::BuildServiceClient,
    catalog::v1::image_service_client::ImageServiceClient,
    event::v1::event_service_client::EventServiceClient,
    permission::v1::{
        grant_service_client::GrantServiceClient, group_service_client::GroupServiceClient,
        user_service_client::UserServiceClient,
    },
};

use crate::{arguments::Services, failure::Failure, profile::Profile, transport::Transport};

pub(crate) struct Session {
    permission: Transport,
    catalog: Transport,
    builder: Transport,
}

impl Session {
    /// Connects to nothing yet.
    pub(crate) fn open(services: &Services) -> Result<Self, Failure> {
        let profile = Profile::read()?;
        let token =
            services.token.clone().or(profile.token).map(|token| bearer(&token)).transpose()?;
        let transport = |service, given: &Option<String>, profile: Option<String>, port: u16| {
            let address =
                given.clone().or(profile).unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
            Transport::new(service, address, token.clone(), services.timeout)
        };
        Ok(Self {
            permission: transport("permission", &services.permission, profile.permission, 50_051)?,
            catalog: transport("catalog", &services.catalog, profile.catalog, 50_052)?,
            builder: transport("builder", &services.builder, profile.builder, 50_053)?,
        })
    }

    pub(crate) fn images(&self) -> ImageServiceClient<Transport> {
        ImageServiceClient::new(self.catalog.clone())
    }

    pub(crate) fn builds(&self) -> BuildServiceClient<Transport> {
        BuildServiceClient::new(self.builder.clone())
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Transport> {
        GroupServiceClient::new(self.permission.clone())
    }

    pub(crate) fn users(&self) -> UserServiceClient<Transport> {
        UserServiceClient::new(self.permission.clone())
    }

    pub(crate) fn grants(&self) -> GrantServiceClient<Transport> {
        GrantServiceClient::new(self.permission.clone())
    }

    /// Events of each service, by its name.
    pub(crate) fn events(&self) -> [(&'static str, EventServiceClient<Transport>); 3] {
        [("permission", &self.permission), ("catalog", &self.catalog), ("builder", &self.builder)]
            .map(|(service, transport)| (service, EventServiceClient::new(transport.clone())))
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
        .map_err(|_| Failure::usage("the token has characters that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}
