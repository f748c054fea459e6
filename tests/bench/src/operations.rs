//! The calls that are measured, and the image that they are about.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use slipway_wire::{
    catalog::v1::{
        Accelerator, CreateImageRequest, ExistingSource, GetImageRequest, ImageAccess, ImageType,
        ResolveImageRequest, create_image_request::Source,
        image_service_client::ImageServiceClient,
    },
    permission::v1::{
        CheckRequest, ObjectKind, ObjectReference, Role,
        permission_service_client::PermissionServiceClient,
    },
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use uuid::Uuid;

use crate::calls::Calls;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    GetImage,
    ResolveImage,
    Check,
    /// An existing image, added without verification, so that no registry takes part.
    CreateImage,
}

impl Operation {
    pub(crate) const ALL: [Self; 4] =
        [Self::GetImage, Self::ResolveImage, Self::Check, Self::CreateImage];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetImage => "GetImage",
            Self::ResolveImage => "ResolveImage",
            Self::Check => "Check",
            Self::CreateImage => "CreateImage",
        }
    }
}

/// Running services and one image in them.
pub(crate) struct Target {
    permission: String,
    catalog: String,
    authorization: MetadataValue<Ascii>,
    reference: String,
    image: String,
}

/// The connections of one caller.
pub(crate) struct Connection {
    images: ImageServiceClient<Channel>,
    permissions: PermissionServiceClient<Channel>,
    authorization: MetadataValue<Ascii>,
    reference: String,
    image: String,
}

impl Target {
    /// Adds a verified image for everyone, and waits until it can be read.
    pub(crate) async fn prepare(
        permission: &str,
        catalog: &str,
        token: &str,
        reference: &str,
    ) -> Result<Self> {
        let mut target = Self {
            permission: permission.to_owned(),
            catalog: catalog.to_owned(),
            authorization: format!("Bearer {token}").parse()?,
            reference: reference.to_owned(),
            image: String::new(),
        };

        let mut connection = target.connect().await?;
        let created = connection.create_image(false).await.context("CreateImage")?;
        target.image = created.image;

        let read = GetImageRequest {
            image: target.image.clone(),
            consistency_token: created.consistency_token,
        };
        let read = connection.request(read);
        connection.images.get_image(read).await.context("GetImage")?;
        Ok(target)
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let catalog = Channel::from_shared(self.catalog.clone())?.connect().await?;
        let permission = Channel::from_shared(self.permission.clone())?.connect().await?;

        Ok(Connection {
            images: ImageServiceClient::new(catalog),
            permissions: PermissionServiceClient::new(permission),
            authorization: self.authorization.clone(),
            reference: self.reference.clone(),
            image: self.image.clone(),
        })
    }
}

struct CreatedImage {
    image: String,
    consistency_token: String,
}

impl Connection {
    /// The closed loop: sends the next call when the last one is answered, for `warm_up` and then
    /// for `duration`.
    pub(crate) async fn repeat(
        mut self,
        operation: Operation,
        warm_up: Duration,
        duration: Duration,
    ) -> Calls {
        let began = Instant::now();
        let mut calls = Calls::default();

        while began.elapsed() < warm_up + duration {
            let sent = Instant::now();
            let outcome = self.call(operation).await;
            calls.record(sent, began.elapsed() > warm_up, outcome.is_ok());
        }
        calls
    }

    async fn call(&mut self, operation: Operation) -> Result<(), Status> {
        match operation {
            Operation::GetImage => self.get_image().await,
            Operation::ResolveImage => self.resolve_image().await,
            Operation::Check => self.check().await,
            Operation::CreateImage => self.create_image(true).await.map(|_| ()),
        }
    }

    async fn get_image(&mut self) -> Result<(), Status> {
        let message = GetImageRequest { image: self.image.clone(), ..Default::default() };
        let request = self.request(message);

        self.images.get_image(request).await.map(|_| ())
    }

    async fn resolve_image(&mut self) -> Result<(), Status> {
        let message = ResolveImageRequest {
            image: self.image.clone(),
            accelerator: Accelerator::Cpu.into(),
            ..Default::default()
        };
        let request = self.request(message);

        self.images.resolve_image(request).await.map(|_| ())
    }

    async fn check(&mut self) -> Result<(), Status> {
        let object = ObjectReference { kind: ObjectKind::Image.into(), id: self.image.clone() };
        let message =
            CheckRequest { object: Some(object), role: Role::Reader.into(), ..Default::default() };
        let request = self.request(message);

        self.permissions.check(request).await.map(|_| ())
    }

    async fn create_image(&mut self, skip_verification: bool) -> Result<CreatedImage, Status> {
        let source = ExistingSource {
            reference: self.reference.clone(),
            skip_verification,
            ..Default::default()
        };
        let message = CreateImageRequest {
            owner: "system".to_owned(),
            name: format!("bench-{}", Uuid::now_v7().simple()),
            display_name: "Benchmark".to_owned(),
            r#type: ImageType::Cpu.into(),
            access: Some(ImageAccess { global: true, ..Default::default() }),
            source: Some(Source::Existing(source)),
            ..Default::default()
        };
        let request = self.request(message);

        let response = self.images.create_image(request).await?.into_inner();
        Ok(CreatedImage {
            image: response.image.unwrap_or_default().id,
            consistency_token: response.consistency_token,
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}
