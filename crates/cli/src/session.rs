//! gRPC clients of the services, configured by flags, environment variables and the profile file.

use clap::Args;
use http::HeaderValue;
use slipway_names::port::{self, Ports};
use slipway_wire::{
    builder::v1::build_service_client::BuildServiceClient,
    catalog::v1::{GetImageRequest, image_service_client::ImageServiceClient},
    event::v1::event_service_client::EventServiceClient,
    permission::v1::{
        grant_service_client::GrantServiceClient, group_service_client::GroupServiceClient,
        user_service_client::UserServiceClient,
    },
};

use crate::{failure::Failure, profile::Profile, transport::Transport};

#[derive(Args)]
pub(crate) struct ServiceFlags {
    /// Your access token (JWT) from an issuer that the services trust.
    #[arg(long, global = true, env = "SLIPWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_PERMISSION",
        value_name = "URL",
        help = address_help("permission", port::PERMISSION)
    )]
    permission: Option<String>,
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_CATALOG",
        value_name = "URL",
        help = address_help("catalog", port::CATALOG)
    )]
    catalog: Option<String>,
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_BUILDER",
        value_name = "URL",
        help = address_help("builder", port::BUILDER)
    )]
    builder: Option<String>,
    /// Time limit of each call, 1 to 300 seconds. Watching and following have no limit.
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=300)
    )]
    timeout: u64,
}

pub(crate) struct Session {
    permission: Transport,
    catalog: Transport,
    builder: Transport,
}

impl Session {
    /// Reads the profile file and prepares the clients. They connect on their first call.
    pub(crate) fn open(services: &ServiceFlags) -> Result<Self, Failure> {
        let profile = Profile::read()?;

        let permission = address(&services.permission, profile.permission, port::PERMISSION);
        let catalog = address(&services.catalog, profile.catalog, port::CATALOG);
        let builder = address(&services.builder, profile.builder, port::BUILDER);

        let token = services.token.clone().or(profile.token);
        let token = token.map(|token| bearer(&token)).transpose()?;

        let timeout = services.timeout;
        Ok(Self {
            permission: Transport::new("permission", permission, token.clone(), timeout)?,
            catalog: Transport::new("catalog", catalog, token.clone(), timeout)?,
            builder: Transport::new("builder", builder, token, timeout)?,
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

    /// The event clients with the names of their services.
    pub(crate) fn events(&self) -> [(&'static str, EventServiceClient<Transport>); 3] {
        [("permission", &self.permission), ("catalog", &self.catalog), ("builder", &self.builder)]
            .map(|(service, transport)| (service, EventServiceClient::new(transport.clone())))
    }

    /// Waits until reads of the catalog include the write that returned this token, so that the
    /// next command sees it.
    ///
    /// A failure is ignored: the write itself succeeded, and the next command reports the failure
    /// if it lasts.
    pub(crate) async fn wait_until_readable(&self, image: &str, consistency_token: &str) {
        let request = GetImageRequest {
            image: image.to_owned(),
            consistency_token: consistency_token.to_owned(),
        };
        let _ = self.images().get_image(request).await;
    }
}

fn address_help(service: &str, default: Ports) -> String {
    format!("Address of the {service} service; {} if not configured", default.local_url())
}

fn address(flag: &Option<String>, profile: Option<String>, default: Ports) -> String {
    flag.clone().or(profile).unwrap_or_else(|| default.local_url())
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(|_| {
        Failure::usage(
            "The token contains characters that a token cannot have. \
             Check --token, SLIPWAY_TOKEN or the profile file.",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
